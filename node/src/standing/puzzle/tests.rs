use super::*;

#[test]
fn a_key_is_found_and_no_two_searches_find_the_same() {
    let search = || solve(8, &AtomicBool::new(false), |_| ()).unwrap();
    let [one, other] = [search(), search()];
    assert!(puzzle::is_solved(&one.node_id(), 8) && puzzle::is_solved(&other.node_id(), 8));
    assert_ne!(one.seed(), other.seed());
}

#[test]
fn no_bits_need_no_search() {
    let mut told = 0;
    assert!(solve(0, &AtomicBool::new(false), |_| told += 1).is_some());
    assert_eq!(told, 0);
}

#[test]
fn a_search_that_nobody_wants_ends() {
    let search = Search::default();
    let is_over = search.is_over();
    let searching = thread::spawn(move || {
        let mut tried = 0;
        let key = solve(40, &is_over, |so_far| tried = so_far);
        (key.is_none(), tried)
    });
    drop(search);
    assert!(searching.join().unwrap().0);
}
