use atoll_protocol::identity::NodeId;

use super::*;

fn row(name: &str, methods: &[&str], doc: &str, suspect: bool) -> FoundRow {
    FoundRow {
        name: name.parse().unwrap(),
        version: "1.0.0".to_owned(),
        doc: doc.to_owned(),
        methods: methods.iter().map(|method| method.parse().unwrap()).collect(),
        instances: 2,
        nodes: vec![NodeId::from_public_key([7; 32])],
        suspect,
        rtt_ms: Some(1.5),
    }
}

#[test]
fn the_page_reads_well() {
    let reply = SearchReply {
        found: vec![
            row("math.calc", &["add"], "\n  Simple arithmetic.\nAnd more.", false),
            row("abacus", &["a", "b", "c", "d"], "", true),
        ],
        more: 3,
    };
    let expected = "\
NAME       VERSION  INSTANCES  STATE    METHODS   ABOUT
math.calc  1.0.0    2          ok       add       Simple arithmetic.
abacus     1.0.0    2          suspect  a,b,c,+1  -
3 more; narrow the search with another word, --prefix, --meta or --version";
    assert_eq!(page(&reply, None), expected);
    let narrow = page(&reply, Some(60));
    assert!(narrow.lines().take(3).all(|line| line.chars().count() <= 60), "{narrow}");
    assert!(!page(&SearchReply { more: 0, ..reply }, None).contains("more;"));
    assert!(page(&SearchReply { found: vec![], more: 0 }, None).contains("service list"));
}

#[test]
fn what_is_given_is_asked_for() {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let args = SearchArgs {
        words: vec!["add".to_owned(), "whole numbers".to_owned()],
        prefix: Some("math.".to_owned()),
        labels: vec![pair("zone", "eu")],
        version: Some("^1.2".parse().unwrap()),
        limit: Some(7),
    };
    let asked = request(&args).unwrap();
    assert_eq!((asked.words.as_str(), asked.prefix.as_str()), ("add whole numbers", "math."));
    assert_eq!((asked.labels["zone"].as_str(), asked.version.as_deref(), asked.limit), ("eu", Some("^1.2"), Some(7)));
    let twice = SearchArgs { labels: vec![pair("zone", "eu"), pair("zone", "us")], ..args };
    let said = request(&twice).unwrap_err().to_string();
    assert!(said.contains("--meta") && said.contains("zone") && said.contains("us"), "{said}");
}

#[test]
fn a_search_for_nothing_is_refused() {
    let nothing = |limit| SearchArgs { words: vec![], prefix: None, labels: vec![], version: None, limit };
    for args in [nothing(None), nothing(Some(3)), SearchArgs { words: vec![String::new()], ..nothing(None) }] {
        let failure = request(&args).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("service list"), "{failure}");
    }
}

#[test]
fn too_much_to_look_for_is_refused() {
    let of = |words| SearchArgs { words, prefix: None, labels: vec![], version: None, limit: None };
    for (words, said) in [(vec!["x".to_owned(); 17], "at most 16"), (vec!["x".repeat(200)], "beginning")] {
        let failure = request(&of(words)).unwrap_err();
        assert!(failure.exit_code() == 2 && failure.to_string().contains(said), "{failure}");
    }
}

#[test]
fn a_prefix_is_the_beginning_of_a_name() {
    for good in ["m", "math.", "math.calc", "a-"] {
        assert_eq!(prefix(good).as_deref(), Ok(good));
    }
    for bad in ["", "Math", "math calc", "ü", "math@1", "*"] {
        assert!(prefix(bad).unwrap_err().contains("such as math."), "{bad}");
    }
}
