//! Peers that lie, send what was not asked for, or nothing.

use super::*;

/// A node that lacks a batch of three entries on each of two topics, and one that has them.
fn behind() -> (Node, Node) {
    let mut author = Author::default();
    let mut other = Node::new(2, [topic(0), topic(1)]);
    let one = Node::new(1, [topic(0), topic(1)]);
    for _ in 0..2 {
        other.keep(&author.batch(1, &topic(0), drafts(3, 10)));
        other.keep(&author.batch(1, &topic(1), drafts(3, 10)));
    }
    (one, other)
}

/// Asks a peer whose answers are bent.
fn bent(bend: impl Fn(Reply) -> Vec<Reply>) -> (Node, Result<Tally, Fault>) {
    let (mut one, other) = behind();
    let (pull, next) = Pull::all(other.id, 17, &one.shelf);
    let (tally, _) = one.go_on(pull, next, |request| other.answer(request).0.into_iter().flat_map(&bend).collect());
    assert!(one.held().iter().all(|(chain, seq)| other.store.contains_key(&(chain.clone(), *seq))));
    (one, tally)
}

fn fault(bend: impl Fn(Reply) -> Vec<Reply>) -> Fault {
    let (one, tally) = bent(bend);
    let fault = tally.expect_err("it went on as if nothing had happened");
    assert!(!one.held().iter().any(|(chain, _)| one.claims.is_claimed(chain)), "others can be asked");
    fault
}

fn pieces(change: impl Fn(&mut Vec<Piece>)) -> impl Fn(Reply) -> Vec<Reply> {
    move |reply| match reply {
        Reply::Part { mut pieces } => {
            change(&mut pieces);
            vec![Reply::Part { pieces }]
        }
        other => vec![other],
    }
}

#[test]
fn what_is_said_to_be_there_must_come() {
    assert_eq!(fault(pieces(Vec::clear)), Fault::NoProgress);
    assert!(matches!(fault(pieces(|pieces| drop(pieces.pop()))), Fault::Withheld { .. }));
    let never = |reply| match reply {
        Reply::Part { .. } => Vec::new(),
        Reply::End { .. } => vec![Reply::End { more: true }],
        other => vec![other],
    };
    assert_eq!(fault(never), Fault::NoProgress);
}

#[test]
fn what_was_not_asked_for_is_refused() {
    let (_, other) = behind();
    let strange = Author::default().batch(9, &topic(0), drafts(1, 1)).signed();
    let more = pieces(move |pieces| pieces.push(Piece::Batch(strange.clone())));
    assert!(matches!(fault(more), Fault::Unwanted { .. }));
    assert!(matches!(fault(pieces(|pieces| pieces.reverse())), Fault::Unwanted { .. }), "another order");
    let again = pieces(|pieces| pieces.insert(1, pieces[0].clone()));
    assert!(matches!(fault(again), Fault::Unwanted { .. }), "the same again");
    let gap = pieces(|pieces| pieces.insert(0, Piece::Gap { want: 7, entries: stretch(1, 1) }));
    assert_eq!(fault(gap), Fault::NotAsked { what: "a gap" });
    let gap = pieces(|pieces| pieces.insert(0, Piece::Gap { want: 0, entries: stretch(1, 99) }));
    assert_eq!(fault(gap), Fault::NotAsked { what: "a gap" });
    let batch = other.store.values().next().unwrap().signed();
    let flood = move |reply| match reply {
        Reply::Part { .. } => vec![Reply::Part { pieces: vec![Piece::Batch(batch.clone()); 100] }; 9_999],
        other => vec![other],
    };
    assert!(matches!(fault(flood), Fault::Unwanted { .. }));
}

#[test]
fn batches_are_their_authors() {
    let forged = pieces(|pieces| {
        if let Some(Piece::Batch(batch)) = pieces.first_mut() {
            batch.entries = vec![1, 9, 0, 0, 0, 0].into();
        }
    });
    let fault = fault(forged);
    assert!(matches!(&fault, Fault::Unchecked(why) if why.contains("are not those that")), "{fault}");
}

#[test]
fn answers_are_to_the_question() {
    for wrong in [Reply::End { more: false }, Reply::Part { pieces: Vec::new() }, Reply::Differing { buckets: vec![] }]
    {
        let lie = move |reply| match reply {
            Reply::Logs { .. } => vec![wrong.clone()],
            other => vec![other],
        };
        assert_eq!(fault(lie), Fault::Unrelated);
    }
    for buckets in [vec![9], vec![0, 0], vec![1, 0]] {
        let lie = move |reply| match reply {
            Reply::Differing { .. } => vec![Reply::Differing { buckets: buckets.clone() }],
            other => vec![other],
        };
        assert_eq!(fault(lie), Fault::NotAsked { what: "a bucket" });
    }
    for covered in [0, 3, u16::MAX] {
        let lie = move |reply| match reply {
            Reply::Logs { held, .. } => vec![Reply::Logs { covered, held }],
            other => vec![other],
        };
        assert_eq!(fault(lie), Fault::NoProgress);
    }
    let twice = |reply| match reply {
        Reply::Logs { covered, held } => vec![Reply::Logs { covered, held: [held.clone(), held].concat() }],
        other => vec![other],
    };
    assert_eq!(fault(twice), Fault::NotAsked { what: "a topic" });
}

#[test]
fn proofs_must_prove_something() {
    let with = |proof: Proof| {
        move |reply| match reply {
            Reply::Logs { covered, mut held } => {
                held[0].forked.push(proof.clone());
                vec![Reply::Logs { covered, held }]
            }
            other => vec![other],
        }
    };
    let (_, other) = behind();
    let head = other.store.values().next().unwrap().head().signed();
    let nothing = fault(with(Proof::Forked(head.clone(), head)));
    assert!(matches!(&nothing, Fault::Unchecked(why) if why.contains("do not contradict")), "{nothing}");
    let [(_, elsewhere), (_, keeper)] = crate::golden::topic::proofs();
    assert_eq!(fault(with(elsewhere)), Fault::NotAsked { what: "another topic" });
    assert_eq!(fault(with(keeper)), Fault::NotAsked { what: "a keeper" });
}

#[test]
fn a_lie_about_the_end_costs_one_question() {
    let longer = |reply| match reply {
        Reply::Logs { covered, mut held } => {
            for held in &mut held {
                let Logs::All(haves) = &mut held.logs else { panic!("there are few") };
                haves.iter_mut().for_each(|have| have.last = Seq(1_000_000));
            }
            vec![Reply::Logs { covered, held }]
        }
        other => vec![other],
    };
    // What follows shows that there is nothing.
    let (one, tally) = bent(longer);
    assert!(matches!(tally, Err(Fault::Withheld { want }) if want.entries == stretch(7, 1_000_000)));
    // And what was said to be gone keeps nothing out.
    assert_eq!(one.log(&topic(0), 1).head().unwrap().value().last(), Seq(6));
    let mut author = Author::default();
    for _ in 0..2 {
        author.batch(1, &topic(0), drafts(3, 10));
    }
    let mut one = one;
    one.skip();
    one.keep(&author.batch(1, &topic(0), drafts(1, 1)));
}

#[test]
fn logs_that_are_made_up_end_the_conversation() {
    let made_up = |reply| match reply {
        Reply::Logs { covered, mut held } => {
            let author = key(77).node_id();
            let have =
                Have { author, epoch: crate::topic::Epoch(1), first: Seq(1), last: Seq(9), check: [7; 16], holes: 0 };
            held[0].logs = Logs::All(vec![have]);
            vec![Reply::Logs { covered, held }]
        }
        other => vec![other],
    };
    assert!(matches!(fault(made_up), Fault::Withheld { .. }));
}

#[test]
fn pages_that_do_not_get_on_are_refused() {
    let mut author = Author::default();
    let mut other = Node::new(2, [topic(0)]);
    for number in 0..40 {
        other.keep(&author.batch(number, &topic(0), drafts(1, 1)));
    }
    for lie in [
        |_: Vec<Have>| Reply::Haves { haves: Vec::new(), more: true },
        |haves: Vec<Have>| Reply::Haves { haves: [haves.clone(), haves].concat(), more: false },
        |haves: Vec<Have>| Reply::Haves { haves: haves.into_iter().rev().collect(), more: false },
    ] {
        let mut one = Node::new(1, [topic(0)]);
        let (pull, next) = Pull::all(other.id, 17, &one.shelf);
        let bent = |request| {
            let bend = |reply| match reply {
                Reply::Haves { haves, .. } => lie(haves),
                other => other,
            };
            other.answer(request).0.into_iter().map(bend).collect()
        };
        assert_eq!(one.go_on(pull, next, bent).0, Err(Fault::NoProgress));
    }
}
