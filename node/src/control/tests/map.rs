//! Graph and routes over more than the own connections: a chain, of which only the next node is connected. It and what lies
//! behind it say what a test makes them say.

use std::sync::Arc;

use atoll_protocol::{
    codec,
    directory::Announcement,
    identity::{NodeId, SecretKey},
    names::NetworkName,
    sealed::Signed,
    service::{Seq, UnixMillis},
};
use atoll_registry::exchange::Publisher;
use parking_lot::Mutex;

use super::*;
use crate::testing::{Bare, PATIENCE, adjacency, network, record, rpc};

/// A node, and the keys of those before it in a chain.
struct Chain {
    node: Node,
    keys: Vec<SecretKey>,
    /// What the next node tells of connections, nearest first.
    told: Arc<Mutex<Vec<Signed<atoll_protocol::adjacency::Adjacency>>>>,
}

impl Chain {
    /// With so many nodes, of which the last one offers `far.away`.
    async fn of(count: usize, dir: &Path) -> Self {
        let node = with_socket(dir, Vec::new()).await;
        let mut bare = Bare::beside(&node).await;
        let mut keys = vec![bare.key.clone()];
        keys.resize_with(count - 1, || SecretKey::from_seed(&rand::random()));
        bare.heard().await;
        let net = bare.net.clone();
        let chain = Self { node, keys, told: Arc::default() };
        chain.reaches(count, 1);
        tokio::spawn(bare.answer_adjacent(Arc::clone(&chain.told)));
        let last = chain.keys[count - 2].clone();
        within("the far service is listed", async {
            while !lists(&chain.node, "far.away") {
                net.publish(codec::encode(&offer(last.clone(), &network())).unwrap()).await;
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        })
        .await;
        chain
    }

    /// From now on the chain has so many nodes.
    fn reaches(&self, count: usize, seq: u64) {
        let ids = self.ids();
        let ids = &ids[..count];
        let says = |(at, key): (usize, &SecretKey)| {
            let after = ids.get(at + 2).copied();
            let peers: Vec<NodeId> = [ids[at]].into_iter().chain(after).collect();
            adjacency(key, &network(), seq, &peers)
        };
        *self.told.lock() = self.keys[..count - 1].iter().enumerate().map(says).collect();
    }

    fn ids(&self) -> Vec<NodeId> {
        [self.node.id()].into_iter().chain(self.keys.iter().map(SecretKey::node_id)).collect()
    }

    /// Looks until the graph is a line of these.
    async fn shows(&self, radius: u32, expected: &[NodeId]) -> GraphNode {
        let mut last = None;
        let shown = tokio::time::timeout(PATIENCE, async {
            loop {
                let seen: GraphNode = get(&self.node, &format!("/v1/graph?radius={radius}")).await;
                if line(&seen).as_deref() == Some(expected) {
                    return seen;
                }
                last = Some(seen);
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        });
        shown.await.unwrap_or_else(|_| panic!("radius {radius}: {last:#?}"))
    }

    async fn routes(&self) -> Vec<RouteRow> {
        get(&self.node, "/v1/routes").await
    }
}

/// A node with this key says what it offers.
fn offer(key: SecretKey, network: &NetworkName) -> Announcement {
    let wall = UnixMillis(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis().try_into().unwrap());
    let mut publisher = Publisher::new(key, network.clone(), Seq(0));
    publisher.add(record("far.away", "1.0.0", 1), wall).unwrap();
    let ttl = std::time::Duration::from_secs(90);
    publisher.renewal(ttl, usize::MAX, wall).unwrap().announcements.remove(0)
}

/// The nodes in a line from the root, if that is all there is.
fn line(graph: &GraphNode) -> Option<Vec<NodeId>> {
    let mut nodes = vec![graph.node];
    match graph.peers.as_slice() {
        [] => {}
        [below] if !below.claimed && graph.links.is_empty() && graph.claims.is_empty() => nodes.extend(line(below)?),
        _ => return None,
    }
    Some(nodes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_seen_from_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::of(5, dir.path()).await;
    let ids = chain.ids();
    let shown: GraphNode = get(&chain.node, "/v1/graph").await;
    assert_eq!(line(&shown).as_deref(), Some(&ids[..4]), "three hops, at the first look: {shown:#?}");
    assert_eq!(shown.peers[0].path.as_deref(), Some("direct"));
    assert_eq!(shown.peers[0].peers[0].rtt_ms, Some(1.0));
    chain.shows(1, &ids[..2]).await;
    let shown = chain.shows(4, &ids).await;
    let last = &shown.peers[0].peers[0].peers[0].peers[0];
    assert_eq!(last.services, ["far.away".parse().unwrap()]);
    assert_eq!(rpc(&chain.node).net.connections.len(), 1, "looking connects nobody");

    let routes = chain.routes().await;
    let far = routes.iter().find(|row| row.service == "far.away@1.0.0").unwrap();
    assert_eq!((far.address, far.gateway, far.router), (ids[4], ids[1], ids[3]));
    assert_eq!((far.hops, far.link.as_str(), far.estimated), (Some(4), "none", true));
    assert!(far.metric_us.is_some_and(|us| us > 3_000), "three measured links, and its own: {far:?}");
    assert!(far.expires_ms.is_some_and(|ms| ms > 0 && ms <= 60_000), "{far:?}");
    let own = routes.iter().find(|row| row.service.starts_with("system@")).unwrap();
    assert_eq!((own.metric_us, own.hops, own.expires_ms, own.router), (Some(0), Some(0), None, ids[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_a_node_that_has_stopped_disappear() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::of(5, dir.path()).await;
    let ids = chain.ids();
    chain.shows(8, &ids).await;
    assert!(chain.routes().await.iter().any(|row| row.address == ids[4] && row.hops == Some(4)));
    // The fourth stops: the third does not name it any more.
    chain.reaches(3, 2);
    chain.shows(8, &ids[..3]).await;
    let routes = chain.routes().await;
    let far = routes.iter().find(|row| row.address == ids[4]).unwrap();
    assert_eq!((far.hops, far.metric_us, far.estimated), (None, None, false), "nothing is known of a way to it");
    assert_eq!((far.gateway, far.router), (ids[4], ids[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_one_end_says_is_marked() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::of(4, dir.path()).await;
    let ids = chain.ids();
    chain.shows(3, &ids).await;
    // The last one denies what the third goes on to say.
    let denial = adjacency(&chain.keys[2], &network(), 2, &[]);
    *chain.told.lock().last_mut().unwrap() = denial;
    within("it is marked", async {
        loop {
            let seen: GraphNode = get(&chain.node, "/v1/graph").await;
            let third = &seen.peers[0].peers[0];
            if third.peers[0].claimed {
                assert_eq!(third.peers[0].node, ids[3]);
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    })
    .await;
    assert!(chain.routes().await.iter().all(|row| row.hops != Some(3)), "a claim is no route");
}
