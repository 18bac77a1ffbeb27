//! Search.

use atoll_protocol::{
    names::parse_requirement,
    service::{Endpoint, EndpointKind, Schema},
};

use super::*;
use crate::services::{SearchError, SearchQuery, search};

/// What a service says of itself.
struct Said {
    doc: &'static str,
    methods: &'static [(&'static str, &'static str)],
    topics: &'static [&'static str],
    labels: &'static [(&'static str, &'static str)],
}

const NOTHING: Said = Said { doc: "", methods: &[], topics: &[], labels: &[] };

fn offer(author: &mut Author, instance: u64, name: &str, version: &str, said: &Said) {
    let seq = author.next();
    let endpoint = |(name, doc): &(&str, &str)| Endpoint {
        name: name.parse().unwrap(),
        kind: EndpointKind::Unary,
        request: Schema::Raw,
        response: Schema::Raw,
        idempotent: false,
        deadline_hint_ms: None,
        doc: (*doc).to_owned(),
    };
    let record = ServiceRecord {
        doc: said.doc.to_owned(),
        endpoints: said.methods.iter().map(endpoint).collect(),
        topics: said.topics.iter().map(|topic| (*topic).to_owned()).collect(),
        metadata: said.labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        ..service(instance, name, version, seq)
    };
    let record = author.record(record);
    author.services.insert(InstanceId(instance), record);
}

fn query(words: &str) -> SearchQuery {
    SearchQuery::new(words).unwrap()
}

/// What is found, as `name@version`.
fn names(directory: &Directory, query: &SearchQuery) -> Vec<String> {
    directory.search(query).found.iter().map(|found| format!("{}@{}", found.name, found.version)).collect()
}

/// Some services of two nodes.
fn some() -> (Directory, [Author; 2]) {
    let (mut directory, mut a, mut b) = (directory(), Author::new(1), Author::new(2));
    let calc = Said {
        doc: "Simple arithmetic, such as ADDITION.",
        methods: &[("add", "Adds whole numbers."), ("subtract", "The other way round.")],
        topics: &["sums.done"],
        labels: &[("zone", "eu"), ("owner", "Ångström GmbH")],
    };
    offer(&mut a, 1, "math.calc", "1.2.0", &calc);
    offer(&mut a, 2, "math.calc", "2.0.0-beta.1", &NOTHING);
    offer(&mut a, 3, "calc", "1.0.0", &NOTHING);
    offer(&mut a, 4, "recalculator", "1.0.0", &NOTHING);
    offer(&mut a, 5, "books", "1.0.0", &Said { doc: "Knows the address of every calc in town.", ..NOTHING });
    offer(&mut b, 6, "math.calc", "1.2.0", &Said { labels: &[("zone", "us")], ..calc });
    offer(&mut b, 7, "abacus", "1.0.0", &Said { methods: &[("recalc", "")], ..NOTHING });
    apply(&mut directory, a.whole(), at(0));
    apply(&mut directory, b.whole(), at(0));
    (directory, [a, b])
}

#[test]
fn names_come_before_methods_and_methods_before_words() {
    let (directory, _) = some();
    let expected = [
        "calc@1.0.0",
        "math.calc@2.0.0-beta.1",
        "math.calc@1.2.0",
        "recalculator@1.0.0",
        "abacus@1.0.0",
        "books@1.0.0",
    ];
    assert_eq!(names(&directory, &query("calc")), expected);
    assert_eq!(names(&directory, &query("CALC")), expected, "whatever the case");
    assert_eq!(names(&directory, &query("math.calc")), ["math.calc@2.0.0-beta.1", "math.calc@1.2.0"]);
}

#[test]
fn every_word_must_be_somewhere() {
    let (directory, _) = some();
    for (words, expected) in [
        ("add", &["math.calc@1.2.0", "books@1.0.0"][..]),
        ("arithmetic", &["math.calc@1.2.0"]),
        ("addition calc", &["math.calc@1.2.0"]),
        ("calc town", &["books@1.0.0"]),
        ("eu", &["math.calc@1.2.0"]),
        ("ZONE", &["math.calc@1.2.0"]),
        ("ångström", &["math.calc@1.2.0"]),
        ("ÅNG", &["math.calc@1.2.0"]),
        ("sums", &["math.calc@1.2.0"]),
        ("rithmetic", &[]),
        ("calc nothing", &[]),
        ("whole\tnumbers", &["math.calc@1.2.0"]),
        ("wholenumbers", &[]),
    ] {
        assert_eq!(names(&directory, &query(words)), expected, "{words}");
    }
    assert_eq!(directory.search(&query("")).found.len(), 6, "no word excludes nothing");
}

#[test]
fn filters_narrow_the_search() {
    let (directory, [a, b]) = some();
    assert_eq!(names(&directory, &query("").prefix("ma")), ["math.calc@2.0.0-beta.1", "math.calc@1.2.0"]);
    assert_eq!(names(&directory, &query("").prefix("alc")), [""; 0], "a prefix is at the beginning");
    let nodes = |query: SearchQuery| -> Vec<NodeId> {
        directory.search(&query).found.iter().flat_map(|found| &found.instances).map(|i| i.node).collect()
    };
    assert_eq!(nodes(query("").labelled("zone", "eu")), [a.id()]);
    assert_eq!(nodes(query("adds").labelled("zone", "us")), [b.id()]);
    assert!(nodes(query("").labelled("zone", "EU")).is_empty(), "labels are exact, as in calls");
    assert!(nodes(query("").labelled("zone", "eu").labelled("tier", "1")).is_empty());
    let version = |requirement| query("math").version(parse_requirement(requirement).unwrap());
    assert_eq!(names(&directory, &version("1")), ["math.calc@1.2.0"]);
    assert!(names(&directory, &version("2")).is_empty(), "a pre-release only if every version will do, as in calls");
}

#[test]
fn the_methods_that_fit_are_named() {
    let (directory, _) = some();
    let methods = |words: &str| -> Vec<String> {
        directory.search(&query(words)).found[0].methods.iter().map(ToString::to_string).collect()
    };
    assert_eq!(methods("arithmetic add"), ["add"]);
    assert_eq!(methods("arithmetic round"), ["subtract"]);
    assert_eq!(methods("arithmetic"), [""; 0]);
}

#[test]
fn suspects_are_last() {
    let (mut directory, [a, b]) = some();
    directory.contact_failed(a.id(), at(1));
    let search = directory.search(&query("calc"));
    let found: Vec<_> = search.found.iter().map(|f| (f.name.as_str(), f.is_suspect())).collect();
    let expected = [
        ("math.calc", false),
        ("abacus", false),
        ("calc", true),
        ("math.calc", true),
        ("recalculator", true),
        ("books", true),
    ];
    assert_eq!(found, expected);
    let nodes: Vec<NodeId> = search.found[0].instances.iter().map(|i| i.node).collect();
    assert_eq!(nodes, [b.id(), a.id()], "and so are those of one version");
}

#[test]
fn what_is_found_is_bounded_and_the_rest_counted() {
    let (directory, _) = some();
    let search = directory.search(&query("calc").limit(2));
    assert_eq!((search.found.len(), search.more), (2, 4));
    let search = directory.search(&query("calc"));
    assert_eq!((search.found.len(), search.more), (6, 0));
    let search = directory.search(&query("calc").limit(0));
    assert_eq!((search.found.len(), search.more), (0, 6));
}

#[test]
fn a_search_has_bounds_itself() {
    let many = "x ".repeat(search::WORDS);
    assert!(SearchQuery::new(&many).is_ok());
    let error = SearchQuery::new(&format!("{many} x")).unwrap_err();
    assert_eq!(error, SearchError::TooManyWords { count: search::WORDS + 1 });
    assert!(SearchQuery::new(&"x".repeat(search::WORD)).is_ok());
    let error = SearchQuery::new(&"ü".repeat(search::WORD)).unwrap_err();
    assert!(matches!(error, SearchError::LongWord { len, .. } if len == 2 * search::WORD), "{error}");
    assert!(error.to_string().contains("beginning"), "{error}");
}

#[test]
fn strangers_texts_do_no_harm() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    let odd = Said { doc: "İ\u{0}\n\u{301}é ﬁ ß", methods: &[("m", "\n\n")], topics: &[""], labels: &[("", "")] };
    offer(&mut a, 1, "odd", "1.0.0", &odd);
    apply(&mut directory, a.whole(), at(0));
    for words in ["i\u{307}", "é", "ß", "\u{0}", "ﬁ", "%", "\\", "\u{301}"] {
        let _harmless = directory.search(&query(words));
    }
    assert_eq!(names(&directory, &query("ß")), ["odd@1.0.0"]);
}

#[test]
fn equal_texts_are_kept_once_and_as_long_as_somebody_says_them() {
    let (mut directory, [mut a, mut b]) = (directory(), [Author::new(1), Author::new(2)]);
    let said = Said { doc: "The Same.", ..NOTHING };
    for author in [&mut a, &mut b] {
        offer(author, 1, "one", "1.0.0", &said);
        offer(author, 2, "two", "1.0.0", &said);
        offer(author, 3, "three", "1.0.0", &Said { doc: "Something else.", ..NOTHING });
        apply(&mut directory, author.whole(), at(0));
    }
    let different = |directory: &Directory| directory.table.index().different();
    assert_eq!(different(&directory), 2);
    // What is replaced is not searched any more.
    offer(&mut a, 3, "three", "1.0.0", &NOTHING);
    offer(&mut b, 3, "three", "1.0.0", &NOTHING);
    apply(&mut directory, a.whole(), at(1));
    assert_eq!(names(&directory, &query("else")), ["three@1.0.0"]);
    apply(&mut directory, b.whole(), at(1));
    assert_eq!((different(&directory), names(&directory, &query("else"))), (2, vec![]));
    directory.withdraw(&a.leave(), at(2));
    assert_eq!((different(&directory), names(&directory, &query("same")).len()), (2, 2));
    directory.expire(at(1000));
    assert_eq!((different(&directory), names(&directory, &query(""))), (0, vec![]));
}

#[test]
fn of_one_version_those_are_found_that_fit() {
    let (mut directory, [mut a, mut b]) = (directory(), [Author::new(1), Author::new(2)]);
    offer(&mut a, 1, "one", "1.0.0", &Said { doc: "Red.", ..NOTHING });
    offer(&mut a, 2, "one", "1.0.0", &Said { doc: "Blue.", ..NOTHING });
    offer(&mut b, 3, "one", "1.0.0", &Said { doc: "Red.", ..NOTHING });
    apply(&mut directory, a.whole(), at(0));
    apply(&mut directory, b.whole(), at(0));
    let found = |words| -> Vec<u64> {
        let found = directory.search(&query(words)).found;
        let mut found: Vec<u64> = found[0].instances.iter().map(|i| i.record.value().instance.0).collect();
        found.sort_unstable();
        found
    };
    assert_eq!((found("red"), found("blue"), found("one")), (vec![1, 3], vec![2], vec![1, 2, 3]));
}

#[test]
fn what_goes_while_it_is_ranked_is_left_out() {
    let (mut directory, [mut a, b]) = some();
    let query = query("math.calc");
    let ranking = directory.candidates(&query).rank(&query);
    directory.withdraw(&a.leave(), at(1));
    let search = directory.found(&query, ranking);
    let nodes: Vec<NodeId> = search.found.iter().flat_map(|found| &found.instances).map(|i| i.node).collect();
    assert_eq!((search.found.len(), nodes), (1, vec![b.id()]), "never a service without instances");
}

#[test]
fn near_names_are_those_that_someone_may_have_meant() {
    let (directory, _) = some();
    let near = |name: &str| -> Vec<String> {
        directory.names_near(&name.parse().unwrap()).iter().map(ToString::to_string).collect()
    };
    assert_eq!(near("math.cacl"), ["math.calc"], "two letters exchanged");
    assert_eq!(near("mat.calc"), ["math.calc"]);
    assert_eq!(near("bok"), [""; 0], "two slips are too many for three letters");
    assert_eq!(near("book"), ["books"]);
    assert_eq!(near("math"), ["math.calc"], "the beginning of a name");
    assert_eq!(near("cal"), ["calc"]);
    assert_eq!(near("weather"), [""; 0]);
}
