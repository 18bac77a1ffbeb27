//! Every bound on what crosses the wire, by name.
//!
//! A limit is part of the protocol: a peer that exceeds one is refused with an error that names it.

use std::time::Duration;

/// Longest service name, in bytes.
pub const SERVICE_NAME: usize = 128;
/// Longest network name, in bytes.
pub const NETWORK_NAME: usize = 32;
/// Longest method name, in bytes.
pub const METHOD_NAME: usize = 64;
/// Longest version or version requirement, in bytes.
pub const VERSION: usize = 64;

/// Largest service record, in bytes.
pub const SERVICE_RECORD: usize = 64 * 1024;
/// Largest node record, in bytes.
pub const NODE_RECORD: usize = 4 * 1024;
/// Largest body of a signed lease, in bytes.
pub const LEASE: usize = 512;
/// Announcements of one lease that may bring records: a quarter of a megabyte in all. What needs more is asked for. A lease
/// that names the digests of so many leaves 200 bytes of [`LEASE`] to later fields.
pub const NEWS: usize = 8;
/// Largest body of a signed withdrawal, in bytes.
pub const WITHDRAWAL: usize = 16 * 1024;
/// Instances that one withdrawal may name.
pub const WITHDRAWN_INSTANCES: usize = 1024;
/// Records that one node may hold in the network's directory.
pub const RECORDS_PER_NODE: usize = 4096;
/// Addresses in a node record.
pub const ADDRESSES_PER_NODE: usize = 8;
/// Longest address in a node record, in bytes of text.
pub const ADDRESS: usize = 256;
/// Longest program name and version in a node record, in bytes.
pub const AGENT: usize = 64;
/// Endpoints of one service.
pub const ENDPOINTS: usize = 128;
/// Topics that one service may list.
pub const TOPICS: usize = 128;
/// Longest topic name or pattern, in bytes.
pub const TOPIC_NAME: usize = 128;
/// Longest name of a group, in bytes.
pub const GROUP_NAME: usize = 32;
/// Ways to reach one service.
pub const PROTOCOLS: usize = 8;
/// Entries of a metadata map, in records and in calls.
pub const METADATA_ENTRIES: usize = 32;
/// Longest documentation text of a service or an endpoint, in bytes.
pub const DOC: usize = 8 * 1024;

/// Longest JSON Schema document, in bytes: as much as all schemas of a record together could have if they stood in it.
pub const SCHEMA: usize = 64 * 1024;
/// How deep the objects and lists of a schema may be nested: half of what parsers of JSON commonly follow.
pub const SCHEMA_DEPTH: usize = 64;
/// Schemas that one request may ask for, and that one answer may have: all that one service may have.
pub const SCHEMAS_ASKED: usize = 2 * ENDPOINTS;

/// Shortest lease a node may claim; below it renewals would flood the network.
pub const LEASE_TTL_MIN: Duration = Duration::from_secs(10);
/// Longest lease a node may claim: in a large network renewals are rare, and dead nodes are noticed by their neighbours.
pub const LEASE_TTL_MAX: Duration = Duration::from_secs(3 * 3600);
/// How far the issue time of a record may lie from the receiver's clock. Peers' clocks may be wrong by hours, so this
/// only refuses what is absurd; freshness comes from the sequence number and the receiver's own clock.
pub const CLOCK_SKEW: Duration = Duration::from_secs(24 * 3600);

/// Largest gossip message, in bytes: an announcement above it carries only the lease, and is followed by `describe`.
pub const ANNOUNCEMENT: usize = 32 * 1024;
/// Largest message of a directory synchronisation, in bytes.
pub const SYNC_MESSAGE: usize = 1024 * 1024;
/// Nodes that a synchronisation request may list, as known or as asked for.
pub const SYNC_KNOWN: usize = 16 * 1024;
/// Buckets that the summary of a view may have.
pub const SUMMARY_BUCKETS: usize = 1024;
/// Nodes that an answer to a comparison may list; further comparisons bring the rest.
pub const HEADS: usize = 8 * 1024;
/// Largest body of a signed suspicion, in bytes.
pub const SUSPICION: usize = 128;

/// Neighbours that a node names; of more it names the best.
pub const NEIGHBOURS: usize = 64;
/// Largest body of a signed adjacency, in bytes.
pub const ADJACENCY: usize = 3 * 1024;
/// Shortest time that an adjacency may last; below it nobody could pass it on.
pub const ADJACENCY_TTL_MIN: Duration = Duration::from_secs(10);
/// Longest time that an adjacency may last: what has ended must not be shown for long.
pub const ADJACENCY_TTL_MAX: Duration = Duration::from_secs(600);
/// Longest round trip that is believed.
pub const ROUND_TRIP: Duration = Duration::from_secs(60);
/// How many hops from the node asked adjacencies may be asked for.
pub const ADJACENCY_HOPS: u8 = 7;
/// Adjacencies in one answer.
pub const ADJACENCIES: usize = 256;
/// Adjacencies that a question may list as known.
pub const ADJACENCIES_KNOWN: usize = 1024;

/// Largest head of an RPC frame, in bytes (its length field is 16 bits wide).
pub const RPC_HEAD: usize = 16 * 1024;
/// Largest body that rides inline on a lane, in bytes; a larger one gets a substream of its own.
pub const RPC_INLINE_BODY: usize = 64 * 1024;
/// Largest body of a unary call, in bytes.
pub const RPC_BODY: usize = 16 * 1024 * 1024;
/// Calls that one lane may have under way.
pub const LANE_CALLS: usize = 1024;
/// Lanes that one node opens to another.
pub const LANES_PER_PEER: usize = 4;
/// What a message takes of a stream's window beside its bytes: whoever receives it keeps an entry in a queue, so empty
/// messages are not free.
pub const STREAM_OVERHEAD: usize = 64;
/// What a sender may have under way on a stream before the receiver has said anything, in bytes, overhead included.
pub const STREAM_WINDOW: u64 = 256 * 1024;
/// What a receiver that keeps up lets a sender have under way on a stream, in bytes.
pub const STREAM_WINDOW_MAX: u64 = 768 * 1024;
/// Largest message of a stream, in bytes. With its overhead it takes at most half of the smallest window, so a sender that
/// waits for credit always gets it once the receiver has taken what it holds.
pub const STREAM_MESSAGE: usize = STREAM_WINDOW as usize / 2 - STREAM_OVERHEAD;
/// Longest status message, in bytes; a longer one is cut.
pub const STATUS_MESSAGE: usize = 2 * 1024;

/// Largest payload of a topic's entry, in bytes.
pub const ENTRY_PAYLOAD: usize = 256 * 1024;
/// Longest key of an entry, in bytes.
pub const ENTRY_KEY: usize = 256;
/// Longest idempotency id of an entry, in bytes.
pub const ENTRY_ID: usize = 64;
/// Headers of an entry.
pub const ENTRY_HEADERS: usize = 32;
/// What the names and values of an entry's headers may have together, in bytes.
pub const ENTRY_HEADER_BYTES: usize = 8 * 1024;
/// Entries of one batch.
pub const BATCH_ENTRIES: usize = 4 * 1024;
/// Largest batch, in bytes of encoded entries: at least one entry of the largest kind always fits.
pub const BATCH: usize = 512 * 1024;
/// Largest body of a signed batch head, in bytes.
pub const BATCH_HEAD: usize = 512;
/// Largest batch that is gossiped whole, in bytes of encoded entries; of a larger one only the head is.
pub const BATCH_INLINE: usize = 16 * 1024;
/// Largest gossip message about a topic, in bytes.
pub const TOPIC_ANNOUNCEMENT: usize = BATCH_INLINE + 1024;
/// Largest body of a signed keeper's receipt, in bytes.
pub const TOPIC_RECEIPT: usize = 512;
/// Largest body of a signed topic policy, in bytes.
pub const TOPIC_POLICY: usize = 16 * 1024;
/// Keys that a topic's policy may list.
pub const TOPIC_KEYS: usize = 256;
/// Keepers that a topic's policy may pin.
pub const TOPIC_KEEPERS: usize = 16;
/// Entries that one member of a group may have in hand.
pub const GROUP_ROOM: u32 = 1024;
/// Entries that a note of how far a group has come in a log may except.
pub const GROUP_OPEN: usize = 256;
/// Largest note of a group, in bytes.
pub const GROUP_NOTE: usize = 8 * 1024;
/// Largest message of a member to its coordinator, in bytes.
pub const GROUP_ANSWER: usize = 4 * 1024;
/// Largest message of a coordinator to a member, in bytes: an entry of the largest kind, and what goes with it.
pub const GROUP_JOB: usize = ENTRY_PAYLOAD + ENTRY_HEADER_BYTES + 1024;
/// How far ahead of the reader's clock an entry may be dated. Clocks may be wrong by hours; what is further ahead is refused
/// until its time comes nearer.
pub const ENTRY_FUTURE: Duration = Duration::from_secs(24 * 3600);
/// How far others' entries may push a node's hybrid clock ahead of its own time of day: one clock that is hours ahead must
/// not take the whole network's with it.
pub const CLOCK_DRAG: Duration = Duration::from_secs(60);
/// Epochs of one author's log that are known of at a time, the latest ones; a new one ends the oldest.
pub const LOG_EPOCHS: usize = 64;
/// Stretches of one epoch of a log that may lie apart, with gaps between them; one more ends the oldest.
pub const LOG_STRETCHES: usize = 256;
/// Logs that are not asked for, because there is no room for them or they are not wanted; one more takes the place of another.
pub const LOGS_PAUSED: usize = 16 * 1024;

/// Largest message of a topic synchronisation, in bytes.
pub const TOPIC_MESSAGE: usize = SYNC_MESSAGE;
/// Topics, patterns or logs that one message of a topic synchronisation may list.
pub const TOPIC_LISTED: usize = 4 * 1024;
/// Stretches of logs that one request may ask for.
pub const TOPIC_WANTED: usize = 1024;

/// Largest body of a signed pair receipt, in bytes: with two names and two signatures a receipt takes at most 512.
pub const PAIR_RECEIPT: usize = 280;
/// Bytes of a pair receipt as it crosses the wire.
pub const PAIR_RECEIPT_WIRE: usize = 512;
/// Most that each count of a pair receipt may say: far beyond what two nodes do for each other, and sums never overflow.
pub const PAIR_WORK: u64 = 1 << 48;
/// A pair makes at most one receipt in this time, whoever of the two proposes it.
pub const PAIR_PACE: Duration = Duration::from_secs(1);
/// Calls that a caller may count beyond those that its peer has answered so far: they were under way when it counted.
pub const PAIR_SLACK: u64 = 4 * LANE_CALLS as u64;
/// How far ahead of the receiver's clock a receipt or a row may be dated.
pub const STANDING_FUTURE: Duration = CLOCK_SKEW;
/// Peers that one row vouches for.
pub const ROW_PEERS: usize = 256;
/// Largest body of a signed row, in bytes.
pub const ROW: usize = 16 * 1024;
/// Largest question about standing, in bytes.
pub const STANDING_REQUEST: usize = 1024;
/// Largest answer to one, in bytes.
pub const STANDING_REPLY: usize = 20 * 1024;
/// Receipts that one question may ask for.
pub const RECEIPTS_ASKED: usize = 16;
/// Proofs of fraud that one answer tells of.
pub const PROOFS_TOLD: usize = 16;
/// Bits of the identity puzzle that may be asked for: beyond it nobody would ever find a key.
pub const PUZZLE_BITS: u32 = 40;

/// Largest body of a signed ticket, in bytes.
pub const TICKET: usize = 1024;
/// Addresses in a ticket.
pub const TICKET_ADDRESSES: usize = 6;
/// Longest address in a ticket, in bytes of its binary form: one over a relay names the relay.
pub const TICKET_ADDRESS: usize = 128;
/// Longest text of a ticket, in characters.
pub const TICKET_TEXT: usize = 2 * 1024;
/// How long a ticket may be good for.
pub const TICKET_LIFE: Duration = Duration::from_secs(366 * 86_400);
/// Largest greeting on a tunnel, in bytes: a ticket, and room for later fields.
pub const TUNNEL_GREETING: usize = 2 * 1024;
