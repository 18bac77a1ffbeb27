//! Topics between real nodes on loopback, and peers that lie.

use std::{path::Path, time::Duration};

use atoll_protocol::topic::{ChainId, Seq, log::Stretch};
use futures::FutureExt;

use super::*;
use crate::{
    AckLevel, Delivery, From, Message, Multiaddr, Node, Subscription,
    testing::{builder, eventually, listening, node, pair, within},
};

mod basics;
mod bounds;
mod damage;
mod holes;
mod hostile;
mod keeping;
mod restarts;
mod sessions;

const TOPIC: &str = "rooms/lobby";

/// The next message.
async fn message(subscription: &mut Subscription) -> Message {
    match within("a message", subscription.next()).await {
        Some(Delivery::Message(message)) => message,
        other => panic!("no message, but {other:?}"),
    }
}

/// The next messages, as text.
async fn texts(subscription: &mut Subscription, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        texts.push(message(subscription).await.json().unwrap());
    }
    texts
}

/// Publishes these, one after the other.
async fn say(node: &Node, topic: &str, all: &[&str]) {
    for text in all {
        node.topic(topic).unwrap().publish(text).await.unwrap();
    }
}

fn inner(node: &Node) -> &Arc<Inner> {
    &node.0.broker.0
}

/// A node that keeps topics.
async fn keeper(bootstrap: &[Multiaddr]) -> Node {
    let mut builder = builder().bootstrap(bootstrap.iter().cloned());
    builder.config.topics.keep = 1;
    listening(builder).await
}

/// A node that remembers.
async fn lasting(dir: &Path, bootstrap: &[Multiaddr]) -> Node {
    listening(builder().data_dir(dir).bootstrap(bootstrap.iter().cloned())).await
}

/// A node has lost an author's messages up to this one, each of which is a batch.
async fn lose(node: &Node, author: NodeId, to: u64) -> ChainId {
    let topic: TopicName = TOPIC.parse().unwrap();
    let mut changes = disk::Changes::default();
    let chain = {
        let mut logs = inner(node).logs.lock();
        let epoch = logs.log(&topic, &author).unwrap().chains().next().unwrap().0;
        let chain = ChainId { topic, author, epoch };
        for seq in (1..=to).map(Seq) {
            changes.delete(&chain, seq);
            logs.recent.remove(&chain, seq);
        }
        logs.drop_before(&chain, Seq(to + 1));
        chain
    };
    inner(node).bell.write(changes);
    within("it is written", inner(node).bell.sync()).await.unwrap();
    chain
}
