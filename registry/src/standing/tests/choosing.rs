//! Who comes into question for a call.

use super::*;
use crate::standing::choice::CIRCLE;

/// Somebody who was good when it was called.
fn good(place: u64) -> Judged {
    Judged { score: 0.8, quality: 0.9, confidence: 0.8, hearsay: 1.0, place }
}

fn bad() -> Judged {
    Judged { score: 0.17, quality: 0.17, confidence: 0.33, hearsay: 1.0, place: 0 }
}

fn vouched() -> Judged {
    Judged { score: 0.3, hearsay: 0.3, ..stranger() }
}

fn stranger() -> Judged {
    Judged::new(&Standing::STRANGER, 0)
}

fn trials(good: u32, bad: u32) -> Evidence {
    evidence_of(&[(Ending::Good, good), (Ending::Fault, bad)])
}

/// In how many of 1 000 draws each candidate is on the list.
fn listed(candidates: &[Judged], trials: &Trials) -> Vec<usize> {
    let mut counts = vec![0; candidates.len()];
    (0..1000).for_each(|turn| shortlist(candidates, trials, turn).iter().for_each(|it| counts[it.index] += 1));
    counts
}

#[test]
fn the_good_share_the_calls_in_a_circle() {
    let many: Vec<Judged> = (0..100).map(|place| good(1000 - place)).collect();
    let counts = listed(&many, &Trials::default());
    assert!(
        counts[..100 - CIRCLE].iter().all(|count| *count == 0)
            && counts[100 - CIRCLE..].iter().all(|count| *count == 1000)
    );
    let factors: Vec<f64> =
        shortlist(&[good(1), vouched()], &Trials::default(), 2).iter().map(|it| it.factor).collect();
    assert!(factors == [0.9] || factors == [0.3], "{factors:?}");
}

#[test]
fn who_is_well_spoken_of_is_good_without_having_been_called() {
    let praised = Judged { score: 0.7, hearsay: 1.0, ..stranger() };
    assert_eq!(listed(&[praised, good(1)], &Trials::default())[0], 1000);
}

#[test]
fn strangers_get_as_much_as_one_more_would() {
    let known: Vec<Judged> = (0..9).map(good).collect();
    for strangers in [1, 1000] {
        let counts = listed(&[known.clone(), vec![stranger(); strangers]].concat(), &Trials::default());
        assert!((70..130).contains(&counts[9]), "{} of 1000, with {strangers} strangers", counts[9]);
        assert_eq!(counts[0] + counts[9], 1000);
    }
    let welcome = Trials { strangers: trials(50, 0), ..Trials::default() };
    let counts = listed(&[known.clone(), vec![stranger()]].concat(), &welcome);
    assert!((190..290).contains(&counts[9]), "{}: more where they do well", counts[9]);
}

#[test]
fn who_is_vouched_for_is_tried_as_long_as_trials_go_well() {
    let tried = |vouched| Trials { vouched, ..Trials::default() };
    let known: Vec<Judged> = (0..99).map(good).chain([vouched()]).collect();
    let often = |evidence| listed(&known, &tried(evidence))[99];
    let [at_first, well, badly] = [trials(0, 0), trials(50, 0), trials(8, 2)].map(often);
    assert!((100..200).contains(&at_first), "{at_first}: with some caution");
    assert!((190..290).contains(&well), "{well}");
    assert!((5..30).contains(&badly), "{badly}");
}

#[test]
fn many_that_share_one_witness_get_what_its_word_is_worth() {
    let crowd = vec![Judged { hearsay: 0.003, ..vouched() }; 100];
    let counts = listed(&[vec![vouched(); 3], crowd].concat(), &Trials::default());
    let (honest, crowd) = (counts[..3].iter().sum::<usize>(), counts[3..].iter().sum::<usize>());
    // Nobody is good, so all calls are trials: three of 0.3 beside a hundred of 0.003.
    assert!(honest + crowd == 1000 && (700..800).contains(&honest), "{honest} and {crowd}");
}

#[test]
fn who_was_bad_is_left_out_while_there_are_others() {
    assert_eq!(listed(&[bad(), stranger()], &Trials::default()), [0, 1000]);
    assert_eq!(listed(&[bad(), bad()], &Trials::default()), [1000, 1000], "but better a bad one than none");
    assert!(shortlist(&[], &Trials::default(), 0).is_empty());
    let convict = Judged { score: 0.0, ..good(0) };
    assert_eq!(listed(&[convict, stranger()], &Trials::default()), [0, 1000]);
}

#[test]
fn who_lost_the_only_call_is_given_another_one() {
    let evidence = evidence_of(&[(Ending::Lost, 1)]);
    let unlucky = Judged { score: 0.33, quality: evidence.quality(), confidence: evidence.confidence(), ..vouched() };
    assert_eq!(listed(&[unlucky], &Trials::default()), [1000]);
    assert!(listed(&[unlucky, good(1)], &Trials::default())[0] > 50);
}

#[test]
fn everybody_has_another_order() {
    let places = |salt| (1..200).map(|peer| place(salt, &node(peer))).collect::<Vec<_>>();
    let first = |salt| places(salt).iter().zip(0..).min().map(|(_, at)| at);
    let firsts: std::collections::BTreeSet<_> = (0..50).map(first).collect();
    assert!(firsts.len() > 30 && places(1) == places(1), "{} of 50", firsts.len());
}

#[test]
fn the_book_knows_how_trials_went() {
    let mut book = book();
    book.set_seeds([node(1)]);
    book.hear(node(1), &row(1, [vouch(10, 1000), vouch(11, 1000)]));
    book.record(node(10), Ending::Good, NOW);
    book.record(node(11), Ending::Fault, NOW);
    book.record(node(20), Ending::Fault, NOW);
    // Who is known is not tried any more.
    book.record(node(10), Ending::Good, NOW);
    let trials = book.trials(NOW);
    assert_eq!((trials.vouched.calls(), trials.strangers.calls()), (2, 1));
    assert!(close(trials.vouched.success(), 1.0) && close(trials.vouched.fault(), 1.0));
    assert!(close(book.trials(days(7)).strangers.fault(), 0.5));
}

#[test]
fn whom_a_liar_vouches_for_is_tried_as_a_stranger() {
    let mut book = book();
    book.set_seeds([node(1)]);
    book.hear(node(1), &row(1, [10, 11, 12].map(|peer| vouch(peer, 1000))));
    (10..13).for_each(|peer| book.record(node(peer), Ending::Fault, NOW));
    let trials = book.trials(NOW);
    assert_eq!((trials.vouched.calls(), trials.strangers.calls()), (1, 2), "it is believed until the first one");
}
