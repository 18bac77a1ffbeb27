//! What the relay service has done and refused, readable from outside at any time.

use std::collections::BTreeMap;

use atoll_registry::reach::capacity::Full;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::messages::Status;
use crate::net::{Counter, Gauge};

/// Why something that a peer wanted was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub(crate) enum Refusal {
    /// The service is off.
    Off,
    /// The request came over a relayed connection.
    Relayed,
    /// This node has no public address that could stand in a reservation.
    NoAddress,
    /// There are as many reservations as there may be.
    Reservations,
    /// Its subnet has as many reservations as it may have.
    ReservationsOfSubnet,
    /// There are as many circuits as there may be.
    Circuits,
    /// Its source has opened as many circuits as a peer may.
    CircuitsOfSource,
    /// As many circuits lead to its target as may to one peer.
    CircuitsToTarget,
    /// Its source's subnet has opened as many circuits as it may.
    CircuitsOfSubnet,
    /// The target has no reservation.
    NoReservation,
    /// The target could not be asked, or did not answer in time.
    Unanswered,
    /// The target did not want the circuit.
    Declined,
    /// The request was not a message of the protocol.
    Malformed,
    /// The request was a message that has no place there.
    Unexpected,
    /// No request came in time.
    Silent,
    /// Too many requests of one connection were under way.
    Pending,
}

impl Refusal {
    /// Every reason, in the order of their discriminants.
    pub(crate) const ALL: [Self; 16] = [
        Self::Off,
        Self::Relayed,
        Self::NoAddress,
        Self::Reservations,
        Self::ReservationsOfSubnet,
        Self::Circuits,
        Self::CircuitsOfSource,
        Self::CircuitsToTarget,
        Self::CircuitsOfSubnet,
        Self::NoReservation,
        Self::Unanswered,
        Self::Declined,
        Self::Malformed,
        Self::Unexpected,
        Self::Silent,
        Self::Pending,
    ];

    /// As it stands in figures.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Relayed => "relayed",
            Self::NoAddress => "no_address",
            Self::Reservations => "reservations",
            Self::ReservationsOfSubnet => "reservations_of_subnet",
            Self::Circuits => "circuits",
            Self::CircuitsOfSource => "circuits_of_source",
            Self::CircuitsToTarget => "circuits_to_target",
            Self::CircuitsOfSubnet => "circuits_of_subnet",
            Self::NoReservation => "no_reservation",
            Self::Unanswered => "unanswered",
            Self::Declined => "declined",
            Self::Malformed => "malformed",
            Self::Unexpected => "unexpected",
            Self::Silent => "silent",
            Self::Pending => "pending",
        }
    }

    /// What the peer is told; `None` if it is not worth an answer.
    pub(super) const fn status(self) -> Option<Status> {
        match self {
            Self::Relayed => Some(Status::PermissionDenied),
            Self::Off | Self::NoAddress | Self::Reservations | Self::ReservationsOfSubnet => {
                Some(Status::ReservationRefused)
            }
            Self::Circuits | Self::CircuitsOfSource | Self::CircuitsToTarget | Self::CircuitsOfSubnet => {
                Some(Status::ResourceLimitExceeded)
            }
            Self::NoReservation => Some(Status::NoReservation),
            Self::Unanswered | Self::Declined => Some(Status::ConnectionFailed),
            Self::Malformed => Some(Status::MalformedMessage),
            Self::Unexpected => Some(Status::UnexpectedMessage),
            Self::Silent | Self::Pending => None,
        }
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        match full {
            Full::Reservations => Self::Reservations,
            Full::ReservationsOfSubnet => Self::ReservationsOfSubnet,
            Full::NoReservation => Self::NoReservation,
            Full::CircuitsOfSource => Self::CircuitsOfSource,
            Full::CircuitsOfSubnet => Self::CircuitsOfSubnet,
            Full::CircuitsToDestination => Self::CircuitsToTarget,
            // A reason that is not known here yet is a want of room as well.
            _ => Self::Circuits,
        }
    }
}

/// The figures of the relay service since the node's start.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Reservations that hold now.
    pub(crate) reservations: Gauge,
    /// Circuits that are open or being opened now.
    pub(crate) circuits: Gauge,
    /// Reservations made, without renewals.
    pub(crate) reserved: Counter,
    /// Reservations renewed.
    pub(crate) renewed: Counter,
    /// Circuits that came to be.
    pub(crate) connected: Counter,
    /// Circuits ended because no byte passed for too long.
    pub(crate) idled: Counter,
    /// Bytes passed on, both ways together.
    pub(crate) bytes: Counter,
    /// Of them, bytes that had to wait for their turn.
    pub(crate) delayed: Counter,
    refused: [Counter; Refusal::ALL.len()],
}

impl Figures {
    pub(super) fn refuse(&self, reason: Refusal) {
        if let Some(counter) = self.refused.get(reason as usize) {
            counter.add(1);
        }
    }

    /// How often something was refused for this reason.
    pub(crate) fn refused(&self, reason: Refusal) -> u64 {
        self.refused.get(reason as usize).map_or(0, Counter::count)
    }

    /// What it comes to now.
    pub(crate) fn report(&self) -> RelayFigures {
        let refused = Refusal::ALL.into_iter().map(|why| (why.name().to_owned(), self.refused(why)));
        RelayFigures {
            reservations: self.reservations.value(),
            circuits: self.circuits.value(),
            circuits_total: self.connected.count(),
            bytes_total: self.bytes.count(),
            refused: refused.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

/// What a node has relayed for others since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RelayFigures {
    /// Reservations that hold now.
    pub reservations: usize,
    /// Circuits that are open now.
    pub circuits: usize,
    /// Circuits that came to be.
    pub circuits_total: u64,
    /// Bytes passed on, both ways together.
    pub bytes_total: u64,
    /// What was refused, by reason; reasons that there were none of are left out.
    pub refused: BTreeMap<String, u64>,
}
