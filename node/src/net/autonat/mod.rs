//! Whether this node can be dialled at an address: somebody else tries, by the second version of libp2p's AutoNAT.
//!
//! ```text
//!   client                                    server
//!      │── DialRequest: addresses, nonce ──────▶│
//!      │◀───────────── DialDataRequest: n bytes ┤  only if the address is not where the request came from
//!      │── DialDataResponse, n bytes in all ───▶│
//!      │                                        │  dials the address, over a new connection:
//!      │◀══════════════════════ DialBack: nonce ┤
//!      │══ DialBackResponse ═══════════════════▶│
//!      │◀─────────── DialResponse: which, how … ┤
//! ```
//!
//! A server tries one address of a request and no other. Its word that it got through counts only if the nonce has come
//! with it. The bytes make it dear to let a server dial somebody else: more goes in than comes out.
//!
//! This is the protocol alone. What is asked when, of whom, and what a number of verdicts means, is decided elsewhere; so is
//! how the server dials. Nothing here dials by itself, and nothing believes a server without proof.
//!
//! Source: the specification `autonat/autonat-v2.md` of libp2p, revision 2.

mod client;
mod limits;
mod messages;
mod nonces;
mod server;
mod targets;
#[cfg(test)]
mod tests;

use libp2p::StreamProtocol;

pub(super) use self::{
    client::{Answer, accept_dial_back, ask},
    limits::Limits,
    nonces::Nonces,
    server::{Asker, DialBackError, say_nonce, serve},
};

/// On which a client asks.
pub(crate) const DIAL_REQUEST: StreamProtocol = StreamProtocol::new("/libp2p/autonat/2/dial-request");
/// On which a server proves that it got through.
pub(crate) const DIAL_BACK: StreamProtocol = StreamProtocol::new("/libp2p/autonat/2/dial-back");
