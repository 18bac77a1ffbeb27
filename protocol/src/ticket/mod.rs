//! Tickets: "whoever shows this may use that service of mine, until then".
//!
//! A [`Ticket`] is signed by the node that offers the service. It is shown to that node when a tunnel is opened
//! ([`Hello`](crate::tunnel::Hello)), and to nobody else: whoever has it has what it gives, so it is a secret among those
//! it was given to. The issuer alone decides whether it is good, by its own clock and its own list of what it has issued.
//!
//! To people a ticket is one word, [`TicketWord`]:
//!
//! ```text
//! atoll:<base58 of>
//! ┌────────┬──────────────────────────────────┬─────────────────────────────┐
//! │ 1: u8  │ network, Signed<Ticket> (codec)  │ SHA-256 of all before, 4 B  │
//! └────────┴──────────────────────────────────┴─────────────────────────────┘
//! ```
//!
//! The checksum tells a word that was not copied whole from one that was tampered with; the signature tells the latter.
//! The network is named so that a ticket of another one is known for that; what counts is that the signature covers it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::{
    codec::{self, DecodeError, EncodeError},
    identity::NodeId,
    limits,
    names::{NetworkName, ServiceName},
    sealed::{SealError, Sealable, Signed, Statement, Verified},
    service::{Extensions, UnixMillis},
};

#[cfg(test)]
mod tests;

/// What every ticket's word begins with.
const SCHEME: &str = "atoll:";
/// The form of the word.
const FORM: u8 = 1;
/// Bytes of the checksum: one in four thousand million slips of the pen is not noticed.
const CHECKSUM: usize = 4;

/// One ticket: 64 random bits, shown as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TicketId(pub u64);

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:016x}", self.0))
    }
}

impl fmt::Debug for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketId({self})")
    }
}

/// A text that is no ticket's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a ticket's id: use its 16 hexadecimal digits, as `node share --list` shows them")]
pub struct TicketIdError(String);

impl FromStr for TicketId {
    type Err = TicketIdError;

    fn from_str(text: &str) -> Result<Self, TicketIdError> {
        let fail = || TicketIdError(text.chars().take(40).collect());
        // The standard library's parser would take a sign as well.
        if text.len() != 16 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(fail());
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| fail())
    }
}

impl Serialize for TicketId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for TicketId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
        } else {
            u64::deserialize(deserializer).map(Self)
        }
    }
}

/// What there is behind a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Opens {
    /// A web application.
    Http,
    /// A byte stream.
    Tcp,
    /// A file or a folder, offered as a web application that tells hashes.
    Files,
}

/// "Whoever shows this may use that service of mine, until then."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// What tells it from the issuer's other tickets.
    pub id: TicketId,
    /// The service.
    pub service: ServiceName,
    /// What that is.
    pub opens: Opens,
    /// When it was issued, by the issuer's clock.
    pub issued: UnixMillis,
    /// Until when it is good, by the issuer's clock.
    pub expires: UnixMillis,
    /// Where the issuer could be dialled when it issued this: multiaddrs in binary form, without its `/p2p`, best first.
    pub addresses: Vec<Vec<u8>>,
    /// Room for later fields.
    pub extensions: Extensions,
}

impl Sealable for Ticket {
    const DOMAIN: &'static str = "atoll ticket 1";
}

impl Statement for Ticket {
    const NAME: &'static str = "ticket";
    const LIMIT: usize = limits::TICKET;

    fn check(&self, _author: &NodeId) -> Result<(), String> {
        let (count, limit) = (self.addresses.len(), limits::TICKET_ADDRESSES);
        if count > limit {
            return Err(format!("{count} addresses, at most {limit} are allowed"));
        }
        if let Some(long) = self.addresses.iter().map(Vec::len).find(|len| *len > limits::TICKET_ADDRESS) {
            return Err(format!("an address of {long} bytes, at most {} are allowed", limits::TICKET_ADDRESS));
        }
        let (life, longest) = (self.expires.0.checked_sub(self.issued.0), limits::TICKET_LIFE.as_millis());
        match life {
            Some(life) if life > 0 && u128::from(life) <= longest => Ok(()),
            _ => Err(format!("it is good from {} ms until {} ms, which is no time", self.issued.0, self.expires.0)),
        }
    }
}

/// Why whoever offers a service does not let in who shows a ticket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketRefusal {
    /// Its signature is none, or it breaks a rule.
    #[error(transparent)]
    Unsound(#[from] SealError),
    /// Somebody else has issued it.
    #[error("the ticket was issued by {issuer}, and only that node takes it; this one is {me}")]
    Foreign {
        /// Who issued it.
        issuer: NodeId,
        /// To whom it was shown.
        me: NodeId,
    },
    /// It is for something else.
    #[error("the ticket is for {service}, not for {wanted}")]
    OtherService {
        /// What it is for.
        service: ServiceName,
        /// What was asked for.
        wanted: ServiceName,
    },
    /// Its time is over.
    #[error("the ticket {id} was good until {} s ago; ask for a new one", .late_ms / 1000)]
    Expired {
        /// Which.
        id: TicketId,
        /// For how long its time has been over, in milliseconds.
        late_ms: u64,
    },
}

impl Ticket {
    /// Whether `me`, whose clock says `now`, lets in who shows `ticket` for `service`.
    ///
    /// # Errors
    /// [`TicketRefusal`], a different one for each way in which it is not good. That it was revoked is known to its issuer
    /// alone.
    pub fn admit(
        ticket: Signed<Self>,
        network: &NetworkName,
        me: &NodeId,
        service: &ServiceName,
        now: UnixMillis,
    ) -> Result<Verified<Self>, TicketRefusal> {
        let issuer = ticket.author();
        if issuer != *me {
            return Err(TicketRefusal::Foreign { issuer, me: *me });
        }
        let ticket = ticket.open(network)?;
        let said = ticket.value();
        if said.service != *service {
            return Err(TicketRefusal::OtherService { service: said.service.clone(), wanted: service.clone() });
        }
        match now.0.checked_sub(said.expires.0) {
            Some(late_ms) => Err(TicketRefusal::Expired { id: said.id, late_ms }),
            None => Ok(ticket),
        }
    }
}

/// A ticket as people pass it on. See the [module docs](self).
#[derive(Clone, PartialEq)]
pub struct TicketWord {
    network: NetworkName,
    ticket: Signed<Ticket>,
}

/// Why a word is no ticket, or none that can be used here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// It does not begin like one.
    #[error("{0:?} is not a ticket; a ticket is one word that begins with {SCHEME}, as `node share` prints it")]
    NoTicket(String),
    /// It is longer than any ticket.
    #[error("this has {0} characters, and no ticket has more than {limit}", limit = limits::TICKET_TEXT)]
    TooLong(usize),
    /// Characters are missing or were changed.
    #[error("the ticket was not copied whole: its checksum does not fit; copy it from {SCHEME} to its last character")]
    Garbled,
    /// It is of a kind that is not known here.
    #[error("the ticket is of form {0}, of which this version knows nothing; a newer one does")]
    Form(u8),
    /// The checksum fits, but what it covers is no ticket.
    #[error("this is no ticket that could have been issued: {0}")]
    Unreadable(#[from] DecodeError),
    /// It is of another network.
    #[error(
        "the ticket is for the network {theirs}, and this node is on {ours}; use a node that runs with --network {theirs}"
    )]
    Network {
        /// The ticket's network.
        theirs: NetworkName,
        /// This node's.
        ours: NetworkName,
    },
    /// Its signature is not its issuer's, or it breaks a rule.
    #[error(transparent)]
    Unsound(#[from] SealError),
}

impl TicketWord {
    /// The word for a ticket of this network.
    #[must_use]
    pub fn new(network: NetworkName, ticket: Signed<Ticket>) -> Self {
        Self { network, ticket }
    }

    /// The ticket, once its signature has been checked. Whether its time is over is for its issuer to say.
    ///
    /// # Errors
    /// [`TicketError::Network`] and [`TicketError::Unsound`].
    pub fn open(&self, ours: &NetworkName) -> Result<Verified<Ticket>, TicketError> {
        if self.network != *ours {
            return Err(TicketError::Network { theirs: self.network.clone(), ours: ours.clone() });
        }
        Ok(self.ticket.clone().open(ours)?)
    }

    fn bytes(&self) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = vec![FORM];
        bytes.extend(codec::encode(&(&self.network, &self.ticket))?);
        let sum = checksum(&bytes);
        bytes.extend(sum);
        Ok(bytes)
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

impl fmt::Display for TicketWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes().map_err(|_| fmt::Error)?;
        write!(f, "{SCHEME}{}", bs58::encode(bytes).into_string())
    }
}

impl fmt::Debug for TicketWord {
    // A secret does not belong into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketWord(of {})", self.ticket.author())
    }
}

impl FromStr for TicketWord {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        let text = text.trim();
        // Base58 decoding takes quadratic time: look at the length first.
        if text.len() > limits::TICKET_TEXT {
            return Err(TicketError::TooLong(text.len()));
        }
        let none = || TicketError::NoTicket(text.chars().take(40).collect());
        let digits = text.strip_prefix(SCHEME).ok_or_else(none)?;
        let bytes = bs58::decode(digits).into_vec().map_err(|_| TicketError::Garbled)?;
        let (said, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(TicketError::Garbled)?;
        if checksum(said) != *sum {
            return Err(TicketError::Garbled);
        }
        match said.split_first() {
            Some((&FORM, inside)) => {
                let (network, ticket) = codec::decode(inside, limits::TICKET_TEXT)?;
                Ok(Self { network, ticket })
            }
            Some((form, _)) => Err(TicketError::Form(*form)),
            None => Err(TicketError::Garbled),
        }
    }
}

impl Serialize for TicketWord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TicketWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
