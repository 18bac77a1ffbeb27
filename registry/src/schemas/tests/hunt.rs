//! Whom to ask, what to believe, when to give up.

use std::collections::BTreeSet;

use atoll_protocol::{directory::SchemaReply, limits, schema::SchemaError};

use super::{super::hunt::why_missing, *};
use crate::peers::conduct::Fault;

fn hash(number: usize) -> Hash {
    schema(number).hash()
}

/// Some schemas that all of these have.
fn hunt(numbers: std::ops::Range<usize>, providers: &[u8]) -> Hunt {
    let providers: Vec<NodeId> = providers.iter().copied().map(id).collect();
    Hunt::new(numbers.map(|i| (hash(i), providers.clone())), &[])
}

fn reply(documents: impl IntoIterator<Item = Document>) -> SchemaReply {
    SchemaReply { schemas: documents.into_iter().map(|it| it.text().to_string()).collect() }
}

fn found(hunt: Hunt) -> (BTreeSet<Hash>, BTreeMap<Hash, BTreeSet<NodeId>>) {
    let (found, missing) = hunt.end();
    (found.iter().map(Document::hash).collect(), missing)
}

#[test]
fn the_best_provider_is_asked_for_all_it_has() {
    let wanted = [(hash(1), vec![id(1), id(2)]), (hash(2), vec![id(2)]), (hash(3), vec![id(1)])];
    let mut hunt = Hunt::new(wanted, &[]);
    let first = hunt.question().unwrap();
    let all = if first.node == id(1) { [1, 3] } else { [1, 2] };
    assert_eq!(BTreeSet::from_iter(first.hashes.clone()), BTreeSet::from_iter(all.map(hash)));
    hunt.answered(&first, reply(all.map(schema))).unwrap();
    assert!(!hunt.is_done());
    let second = hunt.question().unwrap();
    assert_ne!(first.node, second.node);
    assert_eq!(second.hashes.len(), 1);
    hunt.answered(&second, reply([2, 3].map(schema).into_iter().filter(|it| second.hashes == [it.hash()]))).unwrap();
    assert!(hunt.is_done() && hunt.question().is_none());
    assert_eq!(found(hunt), (BTreeSet::from_iter([1, 2, 3].map(hash)), BTreeMap::new()));
}

#[test]
fn who_gives_some_is_asked_for_the_rest() {
    let mut hunt = hunt(0..limits::SCHEMAS_ASKED + 10, &[1, 2]);
    let mut asked = Vec::new();
    while let Some(question) = hunt.question() {
        assert_eq!(question.node, id(1));
        asked.push(question.hashes.len());
        // As if no more had fitted.
        let some = (0..limits::SCHEMAS_ASKED + 10).map(schema).filter(|it| question.hashes.contains(&it.hash()));
        hunt.answered(&question, reply(some.take(100))).unwrap();
    }
    assert_eq!((asked, hunt.is_done()), (vec![256, 166, 66], true));
}

#[test]
fn who_has_nothing_or_does_not_answer_is_passed_over() {
    let mut hunt = hunt(0..2, &[1, 2, 3, 4]);
    let question = hunt.question().unwrap();
    hunt.failed(&question);
    let question = hunt.question().unwrap();
    hunt.answered(&question, reply([])).unwrap();
    let question = hunt.question().unwrap();
    assert_eq!(question.node, id(3));
    hunt.answered(&question, reply([schema(0)])).unwrap();
    let again = hunt.question().unwrap();
    assert_eq!(again, Question { node: id(3), hashes: vec![hash(1)] });
    hunt.answered(&again, reply([])).unwrap();
    let last = hunt.question().unwrap();
    hunt.failed(&last);
    assert!(hunt.question().is_none() && !hunt.is_done());
    let (found, missing) = found(hunt);
    assert_eq!((found, missing.len()), (BTreeSet::from([hash(0)]), 1));
    assert_eq!(missing[&hash(1)], BTreeSet::from_iter([1, 2, 3, 4].map(id)));
}

#[test]
fn a_provider_without_some_is_asked_for_others() {
    let mut hunt = hunt(0..limits::SCHEMAS_ASKED + 1, &[1]);
    let question = hunt.question().unwrap();
    hunt.answered(&question, reply([])).unwrap();
    let question = hunt.question().unwrap();
    assert_eq!((question.node, question.hashes.len()), (id(1), 1));
    hunt.failed(&question);
    assert!(hunt.question().is_none());
}

#[test]
fn an_answer_with_anything_wrong_in_it_is_worthless() {
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let long = format!(r#"{{"title":"{}"}}"#, "x".repeat(limits::SCHEMA));
    let good = || vec![schema(0).text().to_string()];
    let with = |text: String| [good(), vec![text]].concat();
    let not_json = SchemaError::NotJson("expected ident at line 1 column 2".to_owned());
    for (schemas, wanted, fault) in [
        (with(schema(7).text().to_string()), Refusal::NotAsked(hash(7)), Fault::Inconsistent),
        (with(schema(0).text().to_string()), Refusal::NotAsked(hash(0)), Fault::Inconsistent),
        (with("nonsense".to_owned()), not_json.into(), Fault::Malformed),
        (with("[]".to_owned()), SchemaError::NotSchema.into(), Fault::Malformed),
        (with(deep), SchemaError::TooDeep.into(), Fault::Malformed),
        (with(long.clone()), SchemaError::TooLong { len: long.len() }.into(), Fault::Oversize),
    ] {
        let mut hunt = hunt(0..2, &[1, 2]);
        let question = hunt.question().unwrap();
        let refusal = hunt.answered(&question, SchemaReply { schemas }).unwrap_err();
        assert_eq!((Fault::from(&refusal), refusal), (fault, wanted));
        let next = hunt.question().unwrap();
        assert_eq!((next.node, next.hashes.len()), (id(2), 2), "nothing of it is kept, and nobody asks there again");
        hunt.answered(&next, reply([schema(0)])).unwrap();
        let (_, missing) = hunt.end();
        assert_eq!(missing, BTreeMap::from([(hash(1), BTreeSet::from([id(1)]))]), "it is said to have been asked");
    }
}

#[test]
fn what_comes_late_is_taken_in_once() {
    let mut hunt = hunt(0..2, &[1, 2]);
    let (slow, quick) = (hunt.question().unwrap(), hunt.question().unwrap());
    hunt.answered(&quick, reply([schema(0)])).unwrap();
    hunt.answered(&slow, reply([schema(0), schema(1)])).unwrap();
    let (found, missing) = hunt.end();
    assert_eq!((found.len(), missing.len()), (2, 0));
}

#[test]
fn others_are_asked_when_the_providers_have_been() {
    let mut hunt = Hunt::new([(hash(0), vec![id(1)])], &[id(9), id(1), id(8)]);
    let mut asked = Vec::new();
    while let Some(question) = hunt.question() {
        asked.push(question.node);
        hunt.failed(&question);
    }
    assert_eq!(asked, [id(1), id(9), id(8)]);
    // Each once, also if several are asked at a time.
    let mut hunt = Hunt::new([(hash(0), vec![id(1)])], &[id(9), id(1), id(8)]);
    let asked: Vec<NodeId> = std::iter::from_fn(|| hunt.question()).map(|question| question.node).collect();
    assert_eq!(asked, [id(1), id(9), id(8)]);
}

#[test]
fn a_hunt_is_bounded() {
    let providers: Vec<NodeId> = (1..100).map(id).collect();
    let mut some = Hunt::new([(hash(0), providers)], &[]);
    let mut asked = 0;
    while let Some(question) = some.question() {
        asked += 1;
        some.failed(&question);
    }
    assert_eq!(asked, 8);

    let large: Vec<Document> = (0..100).map(|i| titled(&i.to_string(), limits::SCHEMA)).collect();
    let mut hunt = Hunt::new(large.iter().map(|it| (it.hash(), vec![id(1)])), &[]);
    let mut rounds = 0;
    while let Some(question) = hunt.question() {
        let asked = large.iter().filter(|it| question.hashes.contains(&it.hash()));
        hunt.answered(&question, SchemaReply::filled(asked.map(|it| &**it.text()))).unwrap();
        rounds += 1;
    }
    let (found, missing) = hunt.end();
    assert_eq!((rounds, found.len(), missing.len()), (5, 75, 25), "4 MiB and what one answer goes beyond");

    let hunt = Hunt::new((0..1100).map(|i| (hash(i), vec![id(1)])), &[]);
    assert_eq!(hunt.end().1.len(), 1024);
}

#[test]
fn why_a_schema_is_missing_is_said_in_words() {
    let why = |providers: u8, tried: u8| {
        let some = |count| (1..=count).map(id).collect();
        why_missing(&Hash([0xab; 32]), &some(providers), &some(tried))
    };
    let schema = "schema abababababababab…";
    assert_eq!(why(3, 3), format!("{schema} could not be fetched from any of its 3 providers"));
    assert_eq!(why(3, 4), why(3, 3));
    assert_eq!(why(1, 1), format!("{schema} could not be fetched from its only provider"));
    assert_eq!(why(20, 8), format!("{schema} could not be fetched from 8 of its 20 providers"));
    assert_eq!(
        why(2, 0),
        format!("{schema} was not asked for, since one description takes only so much time and memory")
    );
}
