//! What was known before a restart: listed, doubted, and confirmed or ended.

use atoll_protocol::directory::{Heads, Summary};

use super::*;

const LEFT: Duration = Duration::from_secs(40);

fn restore(directory: &mut Directory, batch: Batch, now: Time) -> bool {
    directory.restore(batch, LEFT, now, WALL).unwrap()
}

/// A directory that begins with what `authors` said before.
fn restarted(authors: &mut [Author]) -> Directory {
    let mut directory = directory();
    for author in authors {
        assert!(restore(&mut directory, author.whole(), at(0)));
    }
    directory
}

/// Somebody with one service.
fn provider(seed: u8) -> Author {
    let mut author = Author::new(seed);
    author.offer(seed.into(), "math.calc", "1.0.0");
    author
}

fn providers(seeds: std::ops::Range<u8>) -> Vec<Author> {
    seeds.map(provider).collect()
}

/// A neighbour that lists these, as they have said it last.
fn neighbour(authors: &mut [Author]) -> Directory {
    let mut directory = Directory::new(Author::new(200).id(), DirectoryLimits::default());
    for author in authors {
        let lease = author.lease();
        apply(&mut directory, author.whole_under(lease), at(0));
    }
    directory
}

/// It compares its view with a neighbour's.
fn compare(directory: &mut Directory, neighbour: &Directory) -> Heads {
    let asked = directory.summary();
    let answer = neighbour.heads(&asked);
    directory.confirm(&asked, &answer, at(1));
    answer
}

fn suspects(directory: &Directory) -> Vec<NodeId> {
    directory.nodes().filter(|node| node.suspect).map(|node| node.node).collect()
}

#[test]
fn what_was_known_is_listed_as_suspect_and_chosen_last() {
    let (mut a, mut b) = (provider(1), provider(2));
    let mut directory = directory();
    assert!(restore(&mut directory, a.whole(), at(100)));
    assert_eq!((listed(&directory), found(&directory, "math.calc")), (vec![1], vec![1]), "there is nothing else");
    let node = directory.node(&a.id()).unwrap();
    assert_eq!((node.suspect, node.expires, directory.restored()), (true, at(140), 1));
    assert_eq!(told(&mut directory), ["added 1", "suspect 1"]);
    apply(&mut directory, b.whole(), at(101));
    assert_eq!(found(&directory, "math.calc"), [2, 1]);
    directory.expire(at(140));
    assert_eq!(listed(&directory), [2]);
}

#[test]
fn a_stored_lease_is_not_made_longer() {
    let mut a = provider(1);
    let mut directory = directory();
    assert!(directory.restore(a.whole(), Duration::from_secs(100_000), at(0), WALL).unwrap());
    assert_eq!(directory.next_expiry(), Some(at(TTL.into())));
    assert!(!directory.restore(provider(2).whole(), Duration::ZERO, at(0), WALL).unwrap(), "it has ended");
    assert_eq!(listed(&directory), [1]);
}

#[test]
fn it_is_no_answer_to_others() {
    let mut a = provider(1);
    let directory = restarted(std::slice::from_mut(&mut a));
    assert_eq!(directory.known().len(), 1, "a question says that it need not be told again");
    assert!(directory.newer_than(&[]).is_empty());
    assert!(directory.holding(&a.id(), at(1)).is_none());
    let nothing = Summary { depth: 0, buckets: vec![0; 16] };
    assert_eq!(directory.heads(&nothing), Heads::default());
    let known = restarted(std::slice::from_mut(&mut a));
    let everything = Heads { depth: 0, differing: (0..16).collect(), heads: Vec::new() };
    assert!(known.absent(&known.summary(), &everything, at(1000)).is_empty(), "nor evidence");
}

#[test]
fn a_later_lease_confirms_whoever_tells() {
    for left in [None, Some(LEFT)] {
        let mut a = provider(1);
        let mut directory = restarted(std::slice::from_mut(&mut a));
        told(&mut directory);
        apply(&mut directory, Batch { remaining: left, ..a.whole() }, at(1));
        assert_eq!(told(&mut directory), ["recovered 1"]);
        assert_eq!((directory.restored(), suspects(&directory)), (0, vec![]));
    }
}

#[test]
fn the_same_lease_confirms_if_a_neighbour_lists_it_and_not_if_it_is_replayed() {
    let mut a = provider(1);
    let mut directory = directory();
    let set = a.whole();
    assert!(restore(&mut directory, set.clone(), at(0)));
    apply(&mut directory, set.clone(), at(1));
    assert_eq!(suspects(&directory), [a.id()], "gossiped once more");
    apply(&mut directory, relayed(set, LEFT), at(1));
    assert_eq!(suspects(&directory), []);
    assert_eq!(directory.next_expiry(), Some(at(40)), "and lasts no longer for it");
}

#[test]
fn an_older_lease_confirms_nothing() {
    let mut a = provider(1);
    let older = relayed(a.whole(), LEFT);
    let mut directory = restarted(std::slice::from_mut(&mut a));
    apply(&mut directory, older, at(1));
    assert_eq!(suspects(&directory), [a.id()]);
}

#[test]
fn contact_confirms_and_a_failed_one_is_a_suspicion_like_any() {
    let mut a = provider(1);
    let mut directory = restarted(std::slice::from_mut(&mut a));
    directory.contact_made(a.id(), at(1));
    assert_eq!((directory.restored(), suspects(&directory)), (0, vec![]));
    let mut directory = restarted(std::slice::from_mut(&mut a));
    told(&mut directory);
    directory.contact_failed(a.id(), at(1));
    assert_eq!((directory.restored(), told(&mut directory)), (0, vec![]));
    apply(&mut directory, relayed(a.whole(), LEFT), at(1));
    assert_eq!(suspects(&directory), [a.id()], "hearsay does not end it");
}

#[test]
fn a_neighbour_that_lists_the_same_confirms() {
    let mut authors = providers(1..41);
    let mut directory = restarted(&mut authors);
    let answer = compare(&mut directory, &neighbour(&mut authors));
    assert!(answer.is_equal(), "without naming a single one");
    assert_eq!((directory.restored(), suspects(&directory), directory.len()), (0, vec![], 40));
}

#[test]
fn what_has_been_withdrawn_meanwhile_ends_with_the_first_comparison() {
    let mut authors = providers(1..41);
    let mut directory = restarted(&mut authors);
    directory.take_changes();
    // Ten nodes have left, which is many, but the neighbour lists thirty others.
    let mut there = authors.split_off(10);
    compare(&mut directory, &neighbour(&mut there));
    assert_eq!(listed(&directory), (11..=40).collect::<Vec<_>>());
    assert_eq!((directory.restored(), suspects(&directory)), (0, vec![]));
    assert!(told(&mut directory).iter().any(|change| change == "removed 1 unconfirmed"));
    // Another neighbour, that still lists one, brings it back.
    let set = authors[0].whole();
    assert_eq!(apply(&mut directory, relayed(set, LEFT), at(2)), Applied::Complete);
}

#[test]
fn a_neighbour_that_knows_little_itself_ends_nothing() {
    let mut authors = providers(1..41);
    let mut directory = restarted(&mut authors);
    compare(&mut directory, &neighbour(&mut authors[..3]));
    assert_eq!((directory.len(), suspects(&directory).len()), (40, 37));
    // Nor one that was restarted, too, and only knows the same from then.
    let mut directory = restarted(&mut authors);
    let other = restarted(&mut authors);
    compare(&mut directory, &other);
    assert_eq!((directory.len(), suspects(&directory).len()), (40, 40));
}

#[test]
fn a_few_may_be_missing_in_the_smallest_network() {
    let mut authors = providers(1..4);
    let mut directory = restarted(&mut authors);
    compare(&mut directory, &neighbour(&mut []));
    assert!(directory.is_empty());
}

#[test]
fn a_neighbour_that_lists_something_else_does_not_confirm_what_is_stored() {
    let mut a = provider(1);
    let mut directory = restarted(std::slice::from_mut(&mut a));
    a.offer(7, "photos", "1.0.0");
    let answer = compare(&mut directory, &neighbour(std::slice::from_mut(&mut a)));
    assert_eq!((listed(&directory), suspects(&directory)), (vec![1], vec![a.id()]));
    assert_eq!(directory.wanted(&answer.heads), [a.id()], "it is asked for");
}

#[test]
fn what_was_restored_after_the_question_is_not_in_the_answer() {
    let mut a = provider(1);
    let mut directory = restarted(std::slice::from_mut(&mut a));
    let asked = directory.summary();
    let answer = neighbour(std::slice::from_mut(&mut a)).heads(&asked);
    assert!(answer.is_equal());
    // So many that some of them are in every bucket.
    for seed in 2..100 {
        assert!(restore(&mut directory, provider(seed).whole(), at(0)));
    }
    directory.confirm(&asked, &answer, at(1));
    assert!((2..100).all(|seed| suspects(&directory).contains(&provider(seed).id())));
}

#[test]
fn this_nodes_own_former_records_are_not_restored() {
    let mut directory = directory();
    let mut me = provider(0);
    assert!(!restore(&mut directory, me.whole(), at(0)));
    assert!(directory.is_empty() && directory.node(&me.id()).is_none());
}

#[test]
fn what_is_known_already_stays_as_it_is() {
    let mut a = provider(1);
    let stored = a.whole();
    a.offer(2, "photos", "1.0.0");
    let mut directory = directory();
    apply(&mut directory, a.whole(), at(0));
    assert!(!restore(&mut directory, stored.clone(), at(1)));
    assert_eq!((listed(&directory), suspects(&directory)), (vec![1, 2], vec![]));
    // And what was withdrawn in this run already does not return.
    directory.withdraw(&a.leave(), at(2));
    assert!(!restore(&mut directory, stored, at(3)));
    assert!(directory.is_empty());
}

#[test]
fn nobody_is_evicted_for_it() {
    let limits = DirectoryLimits { records: 2, records_per_node: 2, nodes: 3, floors: 10 };
    let mut directory = Directory::new(Author::new(0).id(), limits);
    apply(&mut directory, provider(1).whole(), at(0));
    assert!(restore(&mut directory, provider(2).whole(), at(0)));
    assert!(!restore(&mut directory, provider(3).whole(), at(0)));
    assert_eq!(listed(&directory), [1, 2]);
    assert!(restore(&mut directory, Author::new(4).whole(), at(0)), "a node without services has room");
    assert!(!restore(&mut directory, Author::new(5).whole(), at(0)));
}

#[test]
fn a_stored_set_that_is_none_is_refused() {
    let mut directory = directory();
    let mut a = provider(1);
    let mut short = a.whole();
    short.services.clear();
    assert!(matches!(directory.restore(short, LEFT, at(0), WALL), Err(Refused::Inconsistent { .. })));
    let mut foreign = a.whole();
    foreign.services = provider(2).whole().services;
    assert!(matches!(directory.restore(foreign, LEFT, at(0), WALL), Err(Refused::Foreign { .. })));
    assert!(directory.is_empty());
}
