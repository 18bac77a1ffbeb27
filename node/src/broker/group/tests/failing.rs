//! Members, coordinators and nodes come and go.

use atoll_protocol::topic::{Seq, work::Standing};

use super::*;
use crate::error::AnswerError;

/// The first node is only there for the others to meet.
async fn meeting(count: usize) -> (Node, Vec<Node>) {
    let first = node(&[]).await;
    let mut others = Vec::new();
    for _ in 0..count {
        others.push(node(&first.addresses()).await);
    }
    within("joining", futures::future::join_all(others.iter().map(Node::joined))).await;
    (first, others)
}

/// Waits until a node knows that everything up to here was taken up, and of that only the first one is not done.
async fn noted_but_for_the_first(node: &Node, to: u64) {
    let noted = Standing { to: Seq(to), open: BTreeMap::from([(Seq(1), 1)]) };
    let part = node.0.broker.0.groups.parts().pop().unwrap();
    eventually("that is noted", || part.host.notes.lock().standings().any(|(_, standing)| *standing == noted)).await;
}

#[tokio::test]
async fn what_a_member_leaves_goes_to_others() {
    let (one, other) = pair().await;
    let here = join(group(&one)).await;
    let mut there = join(group(&other)).await;
    agreed(&[&here, &there], &[&one, &other]).await;
    publish(&one, [1]).await;
    let mut here = here;
    // To either of them.
    let given = tokio::select! {
        job = here.next() => job.unwrap(),
        job = there.next() => job.unwrap(),
    };
    drop((given, here));
    let (number, job) = job(&mut there).await;
    assert_eq!(number, 1);
    job.ack().await.unwrap();
}

#[tokio::test]
async fn whoever_takes_too_long_answers_in_vain() {
    let node = node(&[]).await;
    let group = || group(&node).ack_wait(Duration::from_millis(500)).deliveries(1_000);
    let mut members = [join(group()).await, join(group()).await];
    agreed(&[&members[0], &members[1]], &[&node]).await;
    publish(&node, [1]).await;
    // On a busy machine it may be too late for that already: then it comes again.
    let slow = within("a job that is extended", async {
        loop {
            let job = next(&mut members).await;
            let before = job.time_left();
            if job.extend().await.is_ok() {
                assert!(job.time_left() >= before);
                return job;
            }
        }
    })
    .await;
    let again = within("it comes again", next(&mut members)).await;
    assert!(again.attempt() > slow.attempt());
    eventually("it is over", || slow.is_over()).await;
    let error = slow.ack().await.unwrap_err();
    assert!(matches!(error, AnswerError::Stale { .. }), "{error}");
    assert!(error.to_string().contains("came too late"), "{error}");
    let mut answer = again.ack().await;
    while answer.is_err() {
        answer = within("it comes again", next(&mut members)).await.ack().await;
    }
    nothing(&mut members[0]).await;
    nothing(&mut members[1]).await;
}

#[tokio::test]
async fn a_coordinator_that_is_only_suspect_goes_on() {
    let (one, other) = pair().await;
    let members = [join(group(&one)).await, join(group(&other)).await];
    agreed(&[&members[0], &members[1]], &[&one, &other]).await;
    let coordinator = members[0].coordinator().unwrap();
    let [first, second] = members;
    let (away, _here, mut there) =
        if coordinator == one.id() { (&other, first, second) } else { (&one, second, first) };
    // One for each.
    publish(&one, [1, 2]).await;
    let (_, given) = job(&mut there).await;
    // As when a call to it has failed.
    away.0.rpc.directory.contact_failed(coordinator);
    eventually("it is suspect", || {
        let report = away.services();
        report.iter().any(|instance| instance.node == coordinator && instance.suspect)
    })
    .await;
    given.ack().await.unwrap();
    nothing(&mut there).await;
    assert_eq!(there.coordinator(), Some(coordinator));
}

#[tokio::test]
async fn the_rest_goes_on_when_the_coordinator_dies() {
    let (first, mut nodes) = meeting(3).await;
    let mut members = Vec::new();
    for node in &nodes {
        members.push(join(group(node)).await);
    }
    agreed(&members.iter().collect::<Vec<_>>(), &nodes.iter().collect::<Vec<_>>()).await;
    publish(&first, 0..30).await;
    let before = work(&mut members, 12).await;
    let coordinator = members[0].coordinator().unwrap();
    let dies = nodes.iter().position(|node| node.id() == coordinator).unwrap();
    let mut survivor = members.swap_remove(if dies == 0 { 1 } else { 0 });
    let held = job(&mut survivor).await.1;
    members.clear();
    // Without a word to anybody.
    drop(nodes.remove(dies));
    // What was given by it can only be answered in vain.
    within("it is noticed", async {
        while !held.is_over() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let error = held.ack().await.unwrap_err();
    assert!(matches!(error, AnswerError::Lost { .. }), "{error}");
    let mut done: BTreeSet<u32> = before.iter().map(|(_, number)| *number).collect();
    let mut again = 0;
    within("all of it is done", async {
        while done.len() < 30 {
            let (number, job) = job(&mut survivor).await;
            again += usize::from(done.contains(&number));
            if job.ack().await.is_ok() {
                done.insert(number);
            }
        }
    })
    .await;
    assert!(again <= before.len(), "{again}");
    let next = survivor.coordinator().unwrap();
    assert!(next != coordinator && nodes.iter().any(|node| node.id() == next));
}

#[tokio::test]
async fn what_was_noted_is_not_done_again_when_the_coordinator_dies() {
    let (first, mut nodes) = meeting(2).await;
    let mut members = vec![join(group(&nodes[0])).await, join(group(&nodes[1])).await];
    agreed(&members.iter().collect::<Vec<_>>(), &nodes.iter().collect::<Vec<_>>()).await;
    publish(&first, 0..10).await;
    // The very first one is held up, and the others are done.
    let (mut held, mut done) = (None, BTreeSet::new());
    within("nine of them are done", async {
        while done.len() < 9 || held.is_none() {
            let next = members.iter_mut().map(|member| member.next().boxed());
            let (job, nth, _) = futures::future::select_all(next).await;
            let job = job.unwrap();
            if job.json::<u32>().unwrap() == 0 {
                held = Some((nth, job));
                continue;
            }
            done.insert(job.json::<u32>().unwrap());
            job.ack().await.unwrap();
        }
    })
    .await;
    let coordinator = members[0].coordinator().unwrap();
    let dies = nodes.iter().position(|node| node.id() == coordinator).unwrap();
    let stays = 1 - dies;
    noted_but_for_the_first(&nodes[stays], 10).await;
    let mut survivor = members.swap_remove(stays);
    members.clear();
    drop(nodes.remove(dies));
    drop(held);
    let (number, again) = job(&mut survivor).await;
    assert_eq!(number, 0);
    assert_eq!(again.attempt(), 2, "what is known of earlier attempts counts");
    again.ack().await.unwrap();
    nothing(&mut survivor).await;
}

#[tokio::test]
async fn a_coordinator_that_leaves_hands_over() {
    let (first, mut nodes) = meeting(2).await;
    let mut members = vec![join(group(&nodes[0])).await, join(group(&nodes[1])).await];
    agreed(&members.iter().collect::<Vec<_>>(), &nodes.iter().collect::<Vec<_>>()).await;
    publish(&first, 0..6).await;
    let before = work(&mut members, 4).await;
    let coordinator = members[0].coordinator().unwrap();
    let leaves = nodes.iter().position(|node| node.id() == coordinator).unwrap();
    let mut stays = members.swap_remove(1 - leaves);
    nodes[leaves].shutdown().await;
    assert!(within("it ends", members[0].next()).await.is_none(), "its node has stopped");
    nodes.remove(leaves);
    let mut done: BTreeSet<u32> = before.iter().map(|(_, number)| *number).collect();
    within("all of it is done", async {
        while done.len() < 6 {
            // What it had in hand from the one that has left can be answered no more.
            let (number, job) = job(&mut stays).await;
            if job.ack().await.is_ok() {
                done.insert(number);
            }
        }
    })
    .await;
    eventually("it coordinates", || stays.coordinator() == Some(nodes[0].id())).await;
}

#[tokio::test]
async fn a_group_goes_on_where_it_was_after_a_restart() {
    let dir = tempfile::TempDir::new().unwrap();
    let node = lasting(dir.path(), &[]).await;
    let mut member = join(group(&node)).await;
    publish(&node, 0..5).await;
    for expected in 0..3 {
        let (number, job) = job(&mut member).await;
        assert_eq!(number, expected);
        job.ack().await.unwrap();
    }
    let epoch = node.0.broker.groups(None).await[0].epoch;
    node.shutdown().await;
    assert!(member.next().await.is_none());
    drop((member, node));
    let node = lasting(dir.path(), &[]).await;
    let mut member = join(group(&node)).await;
    for expected in 3..5 {
        let (number, job) = job(&mut member).await;
        assert_eq!(number, expected);
        job.ack().await.unwrap();
    }
    nothing(&mut member).await;
    assert!(node.0.broker.groups(None).await[0].epoch > epoch);
}

#[tokio::test]
async fn the_later_of_two_coordinators_counts() {
    let (one, other) = pair().await;
    let mut here = join(group(&one)).await;
    let mut there = join(group(&other)).await;
    agreed(&[&here, &there], &[&one, &other]).await;
    let (old, new) = if here.coordinator() == Some(one.id()) { (&one, &other) } else { (&other, &one) };
    publish(&one, [1]).await;
    let given = tokio::select! {
        job = here.next() => job.unwrap(),
        job = there.next() => job.unwrap(),
    };
    noted_but_for_the_first(new, 1).await;
    // As if it had not reached the other one for a while.
    let part = new.0.broker.0.groups.parts().pop().unwrap();
    part.host.avoid(old.id());
    within("it takes over", async {
        while here.coordinator() != Some(new.id()) || there.coordinator() != Some(new.id()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let error = given.ack().await.unwrap_err();
    assert!(matches!(error, AnswerError::Lost { .. } | AnswerError::Stale { .. }), "{error}");
    let again = tokio::select! {
        job = here.next() => job.unwrap(),
        job = there.next() => job.unwrap(),
    };
    assert_eq!(again.attempt(), 2);
    again.ack().await.unwrap();
}
