//! How fast it is. Not a benchmark, and not run by default (a busy machine would fail it): it prints what it measures.
//!
//! `cargo test -p atoll-registry --release -- --ignored --nocapture speed`

use std::time::Instant;

use super::*;
use crate::services::SearchQuery;

const NODES: u16 = 1_000;
const PER_NODE: u64 = 10;

/// 10 000 records: 2 500 names with four instances each, on a thousand nodes.
fn full() -> (Directory, Vec<Author>) {
    let mut directory = directory();
    let mut authors = Vec::new();
    for node in 0..NODES {
        let mut author = Author::new(1);
        let mut seed = [7; 32];
        seed[..2].copy_from_slice(&node.to_le_bytes());
        author.key = SecretKey::from_seed(&seed);
        for n in 0..PER_NODE {
            let instance = u64::from(node) * PER_NODE + n;
            author.offer(instance, &format!("some.service-{}", instance % 2_500), "1.0.0");
        }
        apply(&mut directory, author.whole(), at(0));
        authors.push(author);
    }
    (directory, authors)
}

#[test]
#[ignore = "measures; run it by hand"]
fn speed_of_find() {
    let (directory, _) = full();
    assert_eq!(directory.len(), 10_000);
    let queries: Vec<ServiceQuery> =
        (0..2_500).map(|n| format!("some.service-{}", n * 7919 % 2_500).parse().unwrap()).collect();
    let mut times: Vec<Duration> = queries
        .iter()
        .cycle()
        .take(100_000)
        .map(|query| {
            let start = Instant::now();
            let found = directory.find(query);
            let time = start.elapsed();
            assert_eq!(found.len(), 4);
            time
        })
        .collect();
    times.sort_unstable();
    println!("find, 4 of 10 000: median {:?}, 99th percentile {:?}", times[50_000], times[99_000]);
}

#[test]
#[ignore = "measures; run it by hand"]
fn speed_of_apply_at_the_limit() {
    let (mut directory, mut authors) = full();
    let mut one_more = Author::new(200);
    for instance in 0..PER_NODE {
        one_more.offer(1_000_000 + instance, "another", "1.0.0");
    }
    let renewals: Vec<Batch> = authors.iter_mut().map(Author::renewal).collect();
    let start = Instant::now();
    for batch in renewals {
        apply(&mut directory, batch, at(1));
    }
    println!("renewal: {:?}", start.elapsed() / u32::from(NODES));
    let sets: Vec<Batch> = (0..2).flat_map(|_| authors.iter_mut().map(Author::whole).collect::<Vec<_>>()).collect();
    let mut small =
        Directory::new(Author::new(0).id(), DirectoryLimits { records: 5_000, ..DirectoryLimits::default() });
    let start = Instant::now();
    for batch in sets {
        apply(&mut small, batch, at(1));
    }
    println!("a set of 10 records that evicts another: {:?}", start.elapsed() / u32::from(2 * NODES));
}

#[test]
#[ignore = "measures; run it by hand"]
fn speed_of_search() {
    let (mut directory, mut authors) = full();
    let doc = "Answers questions about what it is asked, as well as it can, and says so where it cannot. ".repeat(8);
    for author in &mut authors {
        let instances: Vec<InstanceId> = author.services.keys().copied().collect();
        for instance in instances {
            let seq = author.next();
            let name = format!("some.service-{}", instance.0 % 2_500);
            let record = author.record(ServiceRecord { doc: doc.clone(), ..service(instance.0, &name, "1.0.0", seq) });
            author.services.insert(instance, record);
        }
        apply(&mut directory, author.whole(), at(1));
    }
    for words in ["service-17", "service questions", "answers nothing", "cannot asked well where"] {
        let query = SearchQuery::new(words).unwrap();
        let start = Instant::now();
        let search = directory.search(&query);
        println!("search {words:?}: {:?}, {} found", start.elapsed(), search.found.len() + search.more);
    }
    let start = Instant::now();
    let _near = directory.names_near(&"some.servize-17".parse().unwrap());
    println!("names near one: {:?}", start.elapsed());
}
