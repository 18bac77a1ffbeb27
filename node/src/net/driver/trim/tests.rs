use atoll_protocol::identity::SecretKey;
use libp2p::swarm::ConnectionId;
use tokio::sync::mpsc;

use super::*;
use crate::{standing::Setup, testing::standing_setup};

fn trust(friend: NodeId) -> Trust {
    let key = SecretKey::from_seed(&[1; 32]);
    Trust::new(Setup { friends: [friend].into(), limits: true, ..standing_setup(&key) })
}

fn peer(number: u8) -> NodeId {
    NodeId::from_public_key([number; 32])
}

/// A connection to a peer by number, in a subnet by number.
fn connection(number: u8, subnet: u8) -> Arc<Connection> {
    let address = format!("/ip4/100.1.{subnet}.{number}/tcp/4077").parse().unwrap();
    let (opens, _) = mpsc::channel(1);
    Arc::new(Connection::new(ConnectionId::new_unchecked(number.into()), peer(number), address, true, 8, opens))
}

#[tokio::test]
async fn as_long_as_there_is_room_nobody_is_hung_up_on() {
    let all: Vec<_> = (0..7).map(|number| connection(number, 1)).collect();
    assert_eq!(superfluous(&all, &trust(peer(99)), 8), []);
}

#[tokio::test]
async fn the_crowd_goes_first_and_friends_stay() {
    // Five of one subnet, one of them a friend; three elsewhere.
    let all: Vec<_> = (0..8).map(|number| connection(number, if number < 5 { 1 } else { number })).collect();
    let gone = superfluous(&all, &trust(peer(0)), 8);
    assert_eq!(gone.len(), 2);
    assert!(gone.iter().all(|gone| (1..5).map(peer).any(|peer| peer == *gone)), "{gone:?}");
}
