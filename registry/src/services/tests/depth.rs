//! Views too small for their network.

use super::*;
use crate::services::depth::covers;

/// A view with room for so many records, and as many nodes.
fn small(records: usize) -> Directory {
    Directory::new(Author::new(0).id(), DirectoryLimits { records, nodes: records, ..DirectoryLimits::default() })
}

/// So many nodes, each with one service.
fn crowd(count: u16) -> Vec<Author> {
    let author = |number: u16| {
        let mut seed = [9; 32];
        seed[..2].copy_from_slice(&number.to_le_bytes());
        let key = SecretKey::from_seed(&seed);
        let mut author = Author { key, seq: 0, node: None, services: BTreeMap::new() };
        author.offer(number.into(), "a.b", "1.0.0");
        author
    };
    (0..count).map(author).collect()
}

/// Takes in what there is a place for, as gossip does.
fn hear(directory: &mut Directory, crowd: &mut [Author]) {
    for author in crowd {
        if directory.has_place_for(&author.id()) {
            directory.apply(author.whole(), at(1), WALL).unwrap();
            directory.fit();
        }
    }
}

#[test]
fn a_view_goes_as_deep_as_its_network_is_large_and_comes_up_again() {
    let mut crowd = crowd(800);
    let mut directory = small(100);
    hear(&mut directory, &mut crowd);
    // 800 nodes in parts of a sixteenth: 50 to a part; of an eighth: 100, more than three quarters of the room.
    assert_eq!(directory.depth(), 4);
    let estimate = directory.network_size();
    assert!((400..1600).contains(&estimate), "{estimate} of 800");
    for author in &crowd {
        let listed = directory.node(&author.id()).is_some();
        assert!(listed || !covers(4, &author.id()), "what is listed is listed as a whole");
    }
    for author in crowd.iter_mut().skip(20) {
        let withdrawal = author.leave();
        directory.withdraw(&withdrawal, at(2));
        directory.fit();
    }
    assert_eq!(directory.depth(), 0);
}

#[test]
fn what_is_used_is_listed_wherever_it_stands() {
    let mut crowd = crowd(800);
    let mut directory = small(100);
    hear(&mut directory, &mut crowd);
    let outside = crowd.iter().position(|author| !directory.has_place_for(&author.id())).unwrap();
    let batch = crowd[outside].whole();
    directory.apply(batch, at(1), WALL).unwrap();
    let (node, instance) = (crowd[outside].id(), outside as u64);
    assert!(directory.has_place_for(&node), "it is listed now, and its renewals count");
    assert!(listed(&directory).contains(&instance));
    assert!(!directory.newer_than(&[]).contains(&node), "but passed on to nobody");
    assert_eq!(directory.depth(), 4);
}

#[test]
fn of_two_depths_what_both_list_is_compared() {
    let mut all = crowd(800);
    let (mut shallow, mut deep) = (small(400), small(100));
    hear(&mut shallow, &mut all);
    hear(&mut deep, &mut all);
    assert_eq!((shallow.depth(), deep.depth()), (2, 4));
    let equal = |one: &Directory, other: &Directory| one.heads(&other.summary()).is_equal();
    assert!(equal(&shallow, &deep) && equal(&deep, &shallow));
    let common = all.iter().position(|author| covers(4, &author.id())).unwrap();
    all[common].offer(5_000, "a.c", "1.0.0");
    let changed = all[common].whole();
    shallow.apply(changed, at(3), WALL).unwrap();
    for (one, other) in [(&shallow, &deep), (&deep, &shallow)] {
        let heads = one.heads(&other.summary());
        assert_eq!(heads.depth, one.depth());
        assert!(heads.heads.iter().any(|head| head.node == all[common].id()), "it is where they differ");
        assert!(heads.heads.iter().all(|head| covers(4, &head.node)), "of what only one lists nothing is said");
        assert!(heads.heads.len() < 40, "{} of 50", heads.heads.len());
    }
    // Of what only the shallow one lists they do not speak.
    let only = all.iter().position(|author| covers(2, &author.id()) && !covers(4, &author.id())).unwrap();
    all[common].services.remove(&InstanceId(5_000));
    let (changed, gone) = (all[common].whole(), all[only].leave());
    shallow.apply(changed.clone(), at(5), WALL).unwrap();
    deep.apply(changed, at(5), WALL).unwrap();
    shallow.withdraw(&gone, at(5));
    assert!(equal(&shallow, &deep) && equal(&deep, &shallow));
}

#[test]
fn a_newcomer_takes_over_a_depth_that_leaves_it_enough() {
    let mut all = crowd(800);
    let (mut deep, mut newcomer) = (small(100), small(100));
    hear(&mut deep, &mut all);
    for author in all.iter_mut().filter(|author| covers(4, &author.id())) {
        newcomer.apply(author.whole(), at(1), WALL).unwrap();
    }
    newcomer.adopt(4);
    assert_eq!((newcomer.depth(), newcomer.network_size()), (4, deep.network_size()));
    newcomer.adopt(60);
    assert_eq!(newcomer.depth(), 4, "a liar cannot empty a view");
}
