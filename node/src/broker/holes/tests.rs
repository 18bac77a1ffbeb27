use atoll_protocol::topic::Seq;

use super::{
    hole::{AGAIN, HOLE, NEWS_HOLE},
    *,
};

fn peer(nth: u8) -> NodeId {
    NodeId::from_public_key([nth; 32])
}

fn stretch(from: u64, to: u64) -> Stretch {
    Stretch { from: Seq(from), to: Seq(to) }
}

#[tokio::test(start_paused = true)]
async fn a_hole_is_given_up_once_others_were_waited_for() {
    let (author, missing) = (peer(1), [stretch(3, 9)]);
    for (scope, patience) in [(Scope::News, NEWS_HOLE), (Scope::Everything, HOLE)] {
        let mut hole = Hole::new();
        hole.asked_in_vain(author);
        hole.lacking.insert(peer(2), missing.to_vec());
        assert_eq!(hole.given_up(&missing, &author, scope), [], "{scope:?}: its author may only have been busy");
        tokio::time::advance(patience).await;
        assert_eq!(hole.given_up(&missing, &author, scope), missing, "{scope:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_its_author_lacks_is_given_up_at_once_and_nothing_else() {
    let author = peer(1);
    let mut hole = Hole::new();
    hole.lacking.insert(author, vec![stretch(1, 4), stretch(9, 9)]);
    let missing = [stretch(3, 6), stretch(8, 20)];
    assert_eq!(hole.given_up(&missing, &author, Scope::Everything), [stretch(3, 4), stretch(9, 9)]);
}

#[tokio::test(start_paused = true)]
async fn what_many_lack_is_given_up() {
    let mut hole = Hole::new();
    (1..=4).for_each(|nth| drop(hole.lacking.insert(peer(nth), vec![stretch(1, 1)])));
    assert_eq!(hole.given_up(&[stretch(1, 1)], &peer(9), Scope::Everything), [stretch(1, 1)]);
}

#[tokio::test(start_paused = true)]
async fn who_was_asked_in_vain_is_asked_again_and_who_lacks_it_is_not() {
    let (mut hole, missing) = (Hole::new(), [stretch(5, 6)]);
    hole.asked_in_vain(peer(1));
    hole.lacking.insert(peer(2), vec![stretch(1, 2), stretch(4, 9)]);
    hole.lacking.insert(peer(3), vec![stretch(1, 5)]);
    let asked = |hole: &Hole| [1, 2, 3, 4].map(|nth| hole.was_asked(&peer(nth), &missing));
    assert_eq!(asked(&hole), [true, true, false, false], "who lacks something else may have it");
    tokio::time::advance(AGAIN).await;
    assert_eq!(asked(&hole), [false, true, false, false]);
}
