//! What an agent is told, and what it answers.
//!
//! ```text
//! → {"id":1,"do":"udp_bind","ip":"0.0.0.0","port":0}
//! ← {"id":1,"reply":{"bound":{"socket":1,"port":40123}}}
//! ← {"id":2,"error":"there is no socket 7"}
//! ```

use std::net::{IpAddr, SocketAddr, SocketAddrV4};

use serde::{Deserialize, Serialize};

/// A request and the number that its answer carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Numbered<T> {
    /// The number.
    pub id: u64,
    /// The request, or the answer.
    #[serde(flatten)]
    pub body: T,
}

/// What an agent can do. Times are in milliseconds, and bound how long the answer takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// Opens a UDP socket on a port (0: any).
    UdpBind {
        /// The address: all of IPv4 or of IPv6.
        ip: IpAddr,
        /// The port.
        port: u16,
    },
    /// Answers everyone who asks this socket how they are seen, until the agent ends.
    UdpReflect {
        /// The socket.
        socket: u64,
    },
    /// Asks a reflector how this socket is seen.
    UdpObserve {
        /// The socket.
        socket: u64,
        /// The reflector.
        server: SocketAddrV4,
        /// For how long, with a repetition now and then.
        within: u64,
    },
    /// Sends a datagram.
    UdpSend {
        /// The socket.
        socket: u64,
        /// Where to.
        to: SocketAddr,
        /// The datagram.
        text: String,
    },
    /// Receives datagrams until one begins so.
    UdpInbox {
        /// The socket.
        socket: u64,
        /// How the one to stop at begins.
        until: String,
        /// For how long.
        within: u64,
    },
    /// Punches: sends to where the other side was seen, adopts where it really sends from, until both have heard.
    UdpPunch {
        /// The socket.
        socket: u64,
        /// Where the other side was seen.
        to: SocketAddrV4,
        /// What both sides say, and nobody else.
        token: String,
        /// For how long.
        within: u64,
    },
    /// Accepts TCP connections on a port (0: any), and tells each how it is seen.
    TcpReflect {
        /// The port.
        port: u16,
    },
    /// Connects to a reflector from a port (0: any), asks how it is seen, and keeps the connection.
    TcpObserve {
        /// The port to connect from.
        from: u16,
        /// The reflector.
        server: SocketAddrV4,
        /// For how long.
        within: u64,
    },
    /// Answers everyone who asks by STUN how they are seen, on a port.
    Stun {
        /// The port.
        port: u16,
    },
    /// Lets everyone who connects meet who says the same token, and passes on what they say.
    Relay,
    /// Meets the other side at a relay, says something and hears what it says.
    Meet {
        /// The relay.
        relay: SocketAddrV4,
        /// Known to the two that meet.
        token: String,
        /// What to say.
        say: String,
        /// For how long.
        within: u64,
    },
}

/// What an agent answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// A socket is open.
    Bound {
        /// Its number; 0 for what needs none.
        socket: u64,
        /// Its port.
        port: u16,
    },
    /// Done, nothing to say.
    Done,
    /// How a socket is seen, or nothing if nobody answered.
    Seen(Option<Seen>),
    /// The datagrams that came, in order.
    Inbox(Vec<Datagram>),
    /// Where the other side is, or nothing if the punch did not get through.
    Punched(Option<SocketAddr>),
    /// What the other side said, or nothing if it was not met.
    Heard(Option<String>),
}

/// How a socket is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its own port.
    pub port: u16,
    /// The address that the reflector saw.
    pub as_address: SocketAddrV4,
    /// From the question that was answered to the answer, in microseconds.
    pub rtt_us: u64,
}

/// A datagram.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Datagram {
    /// Who sent it, as seen here.
    pub from: SocketAddr,
    /// What it says.
    pub text: String,
}
