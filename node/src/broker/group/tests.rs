//! Groups on real nodes on loopback.

use std::{collections::BTreeSet, path::Path};

use futures::FutureExt;

use super::*;
use crate::{
    Delivery, Multiaddr, Node, Subscription,
    testing::{builder, eventually, listening, node, pair, within},
};

mod failing;
mod sharing;

const TOPIC: &str = "jobs";
const WORKERS: &str = "workers";

fn group(node: &Node) -> Group {
    node.topic(TOPIC).unwrap().group(WORKERS).unwrap().from(From::Earliest).backoff(Duration::from_millis(50))
}

async fn join(group: Group) -> Member {
    within("joining", group.join()).await.unwrap()
}

/// The next job, and the number that it holds.
async fn job(member: &mut Member) -> (u32, Job) {
    let job = within("a job", member.next()).await.unwrap();
    (job.json().unwrap(), job)
}

/// The next job for any of these.
async fn next(members: &mut [Member]) -> Job {
    let next = members.iter_mut().map(|member| member.next().boxed());
    futures::future::select_all(next).await.0.unwrap()
}

/// Nothing comes for a while.
async fn nothing(member: &mut Member) {
    let waited = tokio::time::timeout(Duration::from_millis(300), member.next()).await;
    assert!(waited.is_err(), "{waited:?}");
}

/// Publishes these numbers.
async fn publish(node: &Node, numbers: impl IntoIterator<Item = u32>) {
    let topic = node.topic(TOPIC).unwrap();
    for number in numbers {
        topic.publish(&number).await.unwrap();
    }
}

/// Waits until all these members work for the same coordinator, which says how many members it has.
async fn agreed(members: &[&Member], nodes: &[&Node]) {
    within("they agree", async {
        loop {
            let seen: BTreeSet<_> = members.iter().map(|member| member.coordinator()).collect();
            let mut seated = Vec::new();
            for node in nodes {
                let reports = node.0.broker.groups(None).await;
                let told = reports.iter().flat_map(|report| &report.nodes).filter_map(|node| node.members);
                seated.push(told.sum::<usize>());
            }
            if seen.len() == 1 && !seen.contains(&None) && seated.iter().all(|seated| *seated == members.len()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Takes and acknowledges what comes to any of these, until there have been so many.
async fn work(members: &mut [Member], count: usize) -> Vec<(usize, u32)> {
    let mut done = Vec::new();
    within("all of it is done", async {
        while done.len() < count {
            let next = members.iter_mut().map(|member| member.next().boxed());
            let (job, nth, _) = futures::future::select_all(next).await;
            let job = job.unwrap();
            let number = job.json().unwrap();
            if job.ack().await.is_ok() {
                done.push((nth, number));
            }
        }
    })
    .await;
    done
}

async fn dead_letters(node: &Node) -> Subscription {
    node.topic("jobs/dead/workers").unwrap().subscribe().from(From::Earliest).begin().unwrap()
}

async fn lasting(dir: &Path, bootstrap: &[Multiaddr]) -> Node {
    listening(builder().data_dir(dir).bootstrap(bootstrap.iter().cloned())).await
}
