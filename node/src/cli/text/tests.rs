use super::*;

#[test]
fn ordinary_text_passes() {
    for text in ["", "plain", "Ünïcödé 漢字 🙂", "a/b\\c \"d\""] {
        assert_eq!(printable(text), text);
    }
}

#[test]
fn what_commands_a_terminal_is_replaced() {
    assert_eq!(printable("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
    assert_eq!(printable("a\r\nb\tc\u{7f}\u{9b}"), "a\u{fffd}\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}");
    assert_eq!(printable("abc\u{202e}fed"), "abc\u{fffd}fed");
}

#[test]
fn json_stays_the_same_value() {
    let value = serde_json::json!({ "a": "x\u{9b}2J\u{202e}y", "b": [1, 2] });
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    let safe = printable_json(&pretty);
    assert!(!safe.contains('\u{9b}') && !safe.contains('\u{202e}'));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    assert_eq!(safe.lines().count(), pretty.lines().count());
}

#[test]
fn shell_words_survive_a_shell() {
    for (text, expected) in [("/a/b-c_1.x", "/a/b-c_1.x"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'")] {
        assert_eq!(shell_word(text), expected);
    }
}
