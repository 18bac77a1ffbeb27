//! Peers that speak Atoll's protocols as they like.
//!
//! A [`Stranger`] is a libp2p client of its own: it shares no code with the node but what is said on the wire (`atoll_protocol`), so it
//! can say what no node would, and as often as it wants to. A [`Lane`] carries calls that it makes up itself.

mod lane;
mod stranger;

pub use lane::{Answer, Lane};
pub use stranger::Stranger;
