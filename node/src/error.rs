//! Why something could not be done: one type for each operation, each naming the thing, the value and the way out.

use std::{path::PathBuf, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    names::{NameError, TopicName},
    topic::Seq,
};
use atoll_registry::topics::outbox::AckLevel;

/// Why a node could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// A name given to the builder is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The data directory cannot be used.
    #[error("cannot use the data directory {path}: {reason}", path = .path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Another node uses the data directory.
    #[error(
        "the data directory {path} is in use by {holder}; stop that node, or give this one another --data-dir",
        path = .path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Who holds it, such as `the node with process id 4711`.
        holder: String,
    },
    /// The identity file cannot be used.
    #[error(transparent)]
    Identity(#[from] crate::identity_file::IdentityError),
    /// The state cannot be used.
    #[error(transparent)]
    Store(#[from] atoll_registry::store::StoreError),
    /// No address could be listened on.
    #[error("cannot listen on any address: {reason}; pass --listen with an address of this machine")]
    Listen {
        /// What went wrong with each.
        reason: String,
    },
    /// The overlay could not be set up.
    #[error("cannot set up the network: {reason}")]
    Network {
        /// Why not.
        reason: String,
    },
    /// The control socket could not be opened.
    #[error("cannot open the control socket {path}: {reason}", path = .path.display())]
    Control {
        /// The socket.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The gateway could not be opened.
    #[error("cannot open the gateway at {address}: {reason}")]
    Gateway {
        /// Where.
        address: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A service of the node itself could not be registered.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// What is to be exposed or forwarded cannot be.
    #[error("{reason}")]
    Tunnel {
        /// What, and why not.
        reason: String,
    },
    /// A setting is none.
    #[error("the setting {setting} is {value}; {rule}")]
    Setting {
        /// Which, as it is written in the configuration.
        setting: &'static str,
        /// What it is.
        value: String,
        /// What it takes.
        rule: String,
    },
}

/// Why a peer could not be connected to.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is none.
    #[error(
        "{address:?} is not an address: {reason}; an address looks like /ip4/192.0.2.7/udp/4077/quic-v1/p2p/12D3Koo…"
    )]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answered, or not as expected.
    #[error("cannot connect to {target}: {reason}")]
    Failed {
        /// The peer or the address.
        target: String,
        /// Why, for each address tried.
        reason: String,
    },
    /// Whoever answered is on another network.
    #[error("{peer} is on the network {theirs:?}, this node on {ours:?}; pass --network {theirs} to join that one")]
    WrongNetwork {
        /// Who answered.
        peer: NodeId,
        /// Its network.
        theirs: String,
        /// This node's network.
        ours: String,
    },
    /// Whoever answered has an identity that cost too little.
    #[error(
        "the identity of {peer} solves {bits} of the {wanted} bits that this network asks for; let that node make a new one, or name it \
         in standing.trusted"
    )]
    TooEasy {
        /// Who answered.
        peer: NodeId,
        /// Bits that its identity has.
        bits: u32,
        /// Bits that it should have.
        wanted: u32,
    },
    /// Whoever answered speaks libp2p, but is no Atoll node.
    #[error("{peer} is not an Atoll node (it says it is {agent:?})")]
    NotAtoll {
        /// Its libp2p identity.
        peer: String,
        /// What it calls itself.
        agent: String,
    },
    /// It takes too long.
    #[error("no answer within {} s", after.as_secs())]
    Timeout {
        /// How long it was waited for.
        after: Duration,
    },
    /// The connection was made and is gone again.
    #[error("the connection to {peer} was closed again at once")]
    Closed {
        /// The peer.
        peer: NodeId,
    },
    /// This is the node itself.
    #[error("that is the address of this node itself")]
    Itself,
    /// The node is stopping.
    #[error("this node is stopping")]
    Stopped,
}

/// Why a service could not be registered.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// A name, version or method is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The service breaks a rule.
    #[error("service {service}: {rule}")]
    Rule {
        /// The service.
        service: String,
        /// The rule, in words.
        rule: String,
    },
    /// The node is stopping.
    #[error("this node is stopping")]
    Stopped,
}

/// Why a service cannot be described.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DescribeError {
    /// That is no service's name, or no version.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Nobody offers it.
    #[error("{reason}")]
    Unknown {
        /// What is not there, and what somebody may have meant who asked for it.
        reason: String,
    },
}

/// Why something was not published, or not as well as was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// It breaks a rule.
    #[error("this cannot be published: {reason}")]
    Invalid {
        /// The rule, in words.
        reason: String,
    },
    /// The topic's owner does not let this node publish.
    #[error("this node may not publish on {topic}; its owner decides who may (node topic describe {topic})")]
    NotAllowed {
        /// The topic.
        topic: TopicName,
    },
    /// Somebody else decides about the topic.
    #[error(
        "this node does not own {topic}{}; only an owner decides about a topic",
        owner.map(|owner| format!(", {owner} does")).unwrap_or_default()
    )]
    NotTheOwner {
        /// The topic.
        topic: TopicName,
        /// Who owns it.
        owner: Option<NodeId>,
    },
    /// This node has said two things at one position of its log; nobody takes anything more of it.
    #[error(
        "this node's log of {topic} is quarantined, since two different messages were published at one position: another node runs with \
         the same identity; give one of them another data directory"
    )]
    Quarantined {
        /// The topic.
        topic: TopicName,
    },
    /// It was published, but what was asked for was not reached in time.
    #[error("published on {topic}, but {wanted} was not reached in time, only {reached}")]
    NotReached {
        /// The topic.
        topic: TopicName,
        /// What was asked for.
        wanted: AckLevel,
        /// What was reached.
        reached: AckLevel,
    },
    /// The disk does not take it.
    #[error("nothing was published: {reason}; make room, or use another data directory")]
    Disk {
        /// What the disk says.
        reason: String,
    },
    /// There is too much of something.
    #[error("nothing was published: {reason}")]
    TooMany {
        /// Of what.
        reason: String,
    },
    /// The node is stopping.
    #[error("this node is stopping")]
    Stopped,
}

/// Why a subscription was not begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// There is too much of something.
    #[error("not subscribed: {reason}; end some of them")]
    TooMany {
        /// Of what.
        reason: String,
    },
    /// The session's name is none.
    #[error("{session:?} is no name of a session: it takes 1 to {most} bytes")]
    Session {
        /// The name.
        session: String,
        /// Bytes at most.
        most: usize,
    },
    /// Somebody else has the session.
    #[error("the session {session} is in use; one subscriber at a time goes on with it")]
    SessionInUse {
        /// The session.
        session: String,
    },
    /// The node is stopping.
    #[error("this node is stopping")]
    Stopped,
}

/// Why a group was not joined.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The service by which members find each other could not be offered.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// A setting is none.
    #[error("the setting {setting} is {value}; {rule}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What it is.
        value: String,
        /// What it takes.
        rule: String,
    },
    /// There is too much of something.
    #[error("not joined: {reason}; leave some of them")]
    TooMany {
        /// Of what.
        reason: String,
    },
}

/// Why what a member has said of a job does not count, or may not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It came too late: the member's time was over, or another coordinator has taken over.
    #[error(
        "the answer to job {seq} of {topic} came too late: it was given in epoch {epoch}, the group is in epoch {now}, and whoever has \
         it now answers for it; give members more time (ack_wait), or extend it while they work"
    )]
    Stale {
        /// The topic.
        topic: TopicName,
        /// The job's position in its author's log.
        seq: Seq,
        /// The epoch in which it was given.
        epoch: u64,
        /// The epoch that the group is in.
        now: u64,
    },
    /// The coordinator is gone, and has perhaps not heard it.
    #[error(
        "the group's coordinator was lost before it had answered for job {seq} of {topic}; the job may be given again"
    )]
    Lost {
        /// The topic.
        topic: TopicName,
        /// The job's position in its author's log.
        seq: Seq,
    },
}
