//! What some lack and others have.

use super::*;

/// Who has what, and the log's positions that a node waits for.
fn missing(node: &Node, author: NodeId) -> Vec<Stretch> {
    let logs = inner(node).logs.lock();
    let log = logs.log(&TOPIC.parse().unwrap(), &author);
    log.into_iter().flat_map(|log| log.chains()).flat_map(|(_, chain)| chain.missing(chain.last())).collect()
}

/// An author that is away, whose log a neighbour has without its beginning, and somebody late who has asked that neighbour.
struct Away {
    author: NodeId,
    chain: ChainId,
    late: Node,
    all: Subscription,
    _neighbour: Node,
}

/// The author can be started again on this directory.
async fn away(dir: &Path) -> Away {
    let neighbour = node(&[]).await;
    let author = lasting(dir, &neighbour.addresses()).await;
    let id = author.id();
    let mut heard = neighbour.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    within("joining", author.joined()).await;
    say(&author, TOPIC, &["a", "b", "c", "d"]).await;
    texts(&mut heard, 4).await;
    within("the author stops", author.shutdown()).await;
    drop(author);
    let chain = lose(&neighbour, id, 2).await;
    let late = node(&neighbour.addresses()).await;
    let all = late.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    eventually("the neighbour has been asked", || !missing(&late, id).is_empty()).await;
    Away { author: id, chain, late, all, _neighbour: neighbour }
}

#[tokio::test]
async fn what_is_missing_since_before_a_restart_is_asked_for_though_the_ends_are_the_same() {
    let (author, other) = pair().await;
    let mut all = other.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    say(&author, TOPIC, &["a", "b", "c", "d"]).await;
    texts(&mut all, 4).await;
    let chain = lose(&other, author.id(), 2).await;
    // As after a restart: nobody remembers that others are being asked.
    inner(&other).logs.lock().shelf.log_mut(&chain.topic, chain.author).unwrap().want(chain.epoch, Seq::FIRST);
    assert_eq!(missing(&other, author.id()), [Stretch { from: Seq(1), to: Seq(2) }]);
    let mut again = other.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    inner(&other).find_holes();
    assert_eq!(texts(&mut again, 4).await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn what_a_neighbour_lacks_is_waited_for_while_its_author_is_away() {
    let dir = tempfile::TempDir::new().unwrap();
    let Away { late, mut all, .. } = away(dir.path()).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), all.next()).await.is_err(), "nothing is given up yet");
    let _author = lasting(dir.path(), &late.addresses()).await;
    assert_eq!(texts(&mut all, 4).await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn what_was_given_up_is_asked_for_again_once_its_author_is_back() {
    let dir = tempfile::TempDir::new().unwrap();
    let Away { late, author: id, chain, mut all, .. } = away(dir.path()).await;
    inner(&late).logs.lock().give_up(&chain, Stretch { from: Seq(1), to: Seq(2) });
    let told = within("something", all.next()).await;
    assert!(matches!(&told, Some(Delivery::Gap(gap)) if gap.to == Seq(2)), "{told:?}");
    assert_eq!(texts(&mut all, 2).await, ["c", "d"]);
    let _author = lasting(dir.path(), &late.addresses()).await;
    let whole = || {
        let logs = inner(&late).logs.lock();
        let held = logs.log(&chain.topic, &id).and_then(|log| log.chain(chain.epoch)).unwrap();
        held.first() == Seq(1) && held.holes() == 0
    };
    eventually("it has come after all", whole).await;
    let mut again = late.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    assert_eq!(texts(&mut again, 4).await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn what_lies_before_news_is_asked_of_others_if_whoever_brought_it_is_gone() {
    let (author, reader) = pair().await;
    let mut all = reader.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    say(&author, TOPIC, &["a", "b", "c", "d"]).await;
    texts(&mut all, 4).await;
    let chain = lose(&reader, author.id(), 2).await;
    {
        let mut logs = inner(&reader).logs.lock();
        logs.shelf.log_mut(&chain.topic, chain.author).unwrap().want(chain.epoch, Seq::FIRST);
        logs.backfill.insert(chain);
    }
    inner(&reader).fill_back(SecretKey::from_seed(&[5; 32]).node_id());
    eventually("its author has been asked", || missing(&reader, author.id()).is_empty()).await;
}
