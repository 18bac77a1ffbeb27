//! What a schema is, and by which name it is known.

use proptest::prelude::*;

use super::*;

fn nested(depth: usize) -> String {
    format!("{}{}", r#"{"not":"#.repeat(depth - 1), "{}") + &"}".repeat(depth - 1)
}

fn long(len: usize) -> String {
    format!(r#"{{"title":"{}"}}"#, "x".repeat(len - r#"{"title":""}"#.len()))
}

#[test]
fn a_document_is_known_by_the_hash_of_its_bytes() {
    // SHA-256 of `{}`, as any other program computes it.
    let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let document = Document::read("{}").unwrap();
    let hex: String = document.hash().0.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((hex.as_str(), &**document.text(), document.len()), (hash, "{}", 2));
    for other in ["{ }", "{}\n"] {
        assert_ne!(Document::read(other).unwrap().hash(), document.hash(), "a blank makes it another one");
    }
}

#[test]
fn one_schema_has_one_form_and_one_name() {
    let forms = [
        r#"{"type":"object","properties":{"b":{"type":"string"},"a":true}}"#,
        "{\n  \"properties\": {\"a\": true, \"b\": {\"type\": \"string\"}},\n  \"type\": \"object\"\n}\n",
    ];
    let documents = forms.map(|form| Document::canonical(form).unwrap());
    assert_eq!(&**documents[0].text(), r#"{"properties":{"a":true,"b":{"type":"string"}},"type":"object"}"#);
    assert_eq!(documents[0], documents[1]);
    assert_eq!(Document::canonical(" true ").unwrap().text().as_ref(), "true");
}

#[test]
fn what_is_no_schema_is_refused_in_words() {
    for (text, wanted) in [
        ("", "not JSON: EOF"),
        ("{", "not JSON: EOF"),
        ("{} {}", "not JSON: trailing characters"),
        ("{\"a\":}", "not JSON: expected value"),
        ("nonsense", "not JSON: expected ident"),
        ("\u{0}", "not JSON"),
        (r#"{"a":"\ud800"}"#, "not JSON"),
        (r#"{"a":1e999}"#, "not JSON: number out of range"),
        ("[]", "an object or a boolean, and this one is neither"),
        ("\"{}\"", "an object or a boolean"),
        ("17", "an object or a boolean"),
        ("null", "an object or a boolean"),
    ] {
        for error in [Document::read(text), Document::canonical(text)] {
            let error = error.unwrap_err().to_string();
            assert!(error.contains(wanted), "{text:?}: {error}");
        }
    }
    for text in ["{}", "true", " false ", "{\"const\":null}"] {
        Document::read(text).unwrap();
        Document::canonical(text).unwrap();
    }
}

#[test]
fn length_and_depth_are_bounded() {
    for fits in [nested(limits::SCHEMA_DEPTH), long(limits::SCHEMA)] {
        assert_eq!(Document::canonical(&fits).unwrap(), Document::read(fits).unwrap());
    }
    let error = Document::read(nested(limits::SCHEMA_DEPTH + 1)).unwrap_err();
    assert_eq!(error, Document::canonical(&nested(limits::SCHEMA_DEPTH + 1)).unwrap_err());
    assert_eq!(error.to_string(), "the schema is nested more than 64 deep");
    let error = Document::read(long(limits::SCHEMA + 1)).unwrap_err();
    assert_eq!(error, Document::canonical(&long(limits::SCHEMA + 1)).unwrap_err());
    assert_eq!(error.to_string(), "the schema has 65537 bytes, at most 65536 are allowed");
    // Only blanks make it too long.
    assert!(Document::canonical(&format!("{}{}", long(limits::SCHEMA), "\n".repeat(9))).is_ok());
    // Refused before it is followed.
    assert_eq!(Document::read("[".repeat(60_000)), Err(SchemaError::TooDeep));
}

#[test]
fn brackets_in_strings_are_no_depth() {
    for text in [r#"{"pattern":"BRACKETS"}"#, r#"{"pattern":"\"BRACKETS\\"}"#] {
        Document::read(text.replace("BRACKETS", &"[{".repeat(200))).unwrap();
    }
    let quoted = format!(r#"{{"a":"\\","b":{}{}}}"#, "[".repeat(64), "]".repeat(64));
    assert_eq!(Document::read(quoted), Err(SchemaError::TooDeep), "the string ends behind two backslashes");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}", jsonish in r#"[\[\]{}",:0-9a-f\\ ]{0,80}"#) {
        for text in [text, jsonish] {
            if let Ok(document) = Document::read(text.as_str()) {
                let canonical = Document::canonical(&text).unwrap();
                prop_assert_eq!(Document::canonical(canonical.text()).unwrap(), canonical);
                prop_assert_eq!(&**document.text(), text.as_str());
            }
        }
    }
}
