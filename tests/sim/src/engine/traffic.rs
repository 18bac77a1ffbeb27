//! Who has sent and received how much, by class of message.

use std::time::Duration;

use super::{
    peer::PeerIndex,
    time::{Time, micros},
};

/// So many messages with so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Volume {
    /// Bytes on the wire.
    pub bytes: u64,
    /// Messages.
    pub messages: u64,
}

impl Volume {
    fn add(&mut self, bytes: u32) {
        self.bytes += u64::from(bytes);
        self.messages += 1;
    }

    fn plus(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, messages: self.messages + other.messages }
    }

    fn less(self, other: Self) -> Self {
        Self { bytes: self.bytes.saturating_sub(other.bytes), messages: self.messages.saturating_sub(other.messages) }
    }
}

/// Which way messages went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Counted when sent, whether it arrives or not.
    Sent,
    /// Counted when it arrives.
    Received,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    sent: Volume,
    received: Volume,
}

impl Cell {
    fn volume(&self, direction: Direction) -> Volume {
        match direction {
            Direction::Sent => self.sent,
            Direction::Received => self.received,
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Account {
    /// By the index of the class.
    cells: Vec<Cell>,
    /// How long the node has run in lives that are over, in microseconds.
    lived: u64,
    alive_since: Option<Time>,
}

/// Traffic since the start of the simulation, or between two points in time: see [`Traffic::since`].
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    classes: Vec<&'static str>,
    accounts: Vec<Account>,
}

impl Traffic {
    /// The class's index, which is what messages under way carry.
    pub(crate) fn class(&mut self, name: &'static str) -> u16 {
        // Nearly always the same literal: comparing addresses first saves comparing the text.
        let known = self.classes.iter().position(|class| std::ptr::eq(*class, name) || *class == name);
        let index = known.unwrap_or_else(|| {
            self.classes.push(name);
            self.classes.len() - 1
        });
        u16::try_from(index).unwrap_or(u16::MAX)
    }

    pub(crate) fn sent(&mut self, peer: PeerIndex, class: u16, bytes: u32) {
        if let Some(cell) = self.cell(peer, class) {
            cell.sent.add(bytes);
        }
    }

    pub(crate) fn received(&mut self, peer: PeerIndex, class: u16, bytes: u32) {
        if let Some(cell) = self.cell(peer, class) {
            cell.received.add(bytes);
        }
    }

    pub(crate) fn started(&mut self, peer: PeerIndex, now: Time) {
        if let Some(account) = self.account(peer) {
            account.alive_since = Some(now);
        }
    }

    pub(crate) fn ended(&mut self, peer: PeerIndex, now: Time) {
        if let Some(account) = self.account(peer)
            && let Some(since) = account.alive_since.take()
        {
            account.lived += micros(now.since(since));
        }
    }

    fn account(&mut self, peer: PeerIndex) -> Option<&mut Account> {
        if self.accounts.len() <= peer.slot() {
            self.accounts.resize_with(peer.slot() + 1, Account::default);
        }
        self.accounts.get_mut(peer.slot())
    }

    fn cell(&mut self, peer: PeerIndex, class: u16) -> Option<&mut Cell> {
        let cells = &mut self.accounts.get_mut(peer.slot())?.cells;
        let class = usize::from(class);
        if cells.len() <= class {
            cells.resize_with(class + 1, Cell::default);
        }
        cells.get_mut(class)
    }

    /// The books as they stand at `now`.
    pub(crate) fn snapshot(&self, now: Time) -> Self {
        let mut copy = self.clone();
        for account in &mut copy.accounts {
            if let Some(since) = account.alive_since {
                account.lived += micros(now.since(since));
                account.alive_since = None;
            }
        }
        copy
    }

    /// What was added since the earlier snapshot.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut rest = self.clone();
        for (account, before) in rest.accounts.iter_mut().zip(&earlier.accounts) {
            account.lived = account.lived.saturating_sub(before.lived);
            for (cell, before) in account.cells.iter_mut().zip(&before.cells) {
                cell.sent = cell.sent.less(before.sent);
                cell.received = cell.received.less(before.received);
            }
        }
        rest
    }

    /// The classes of messages, in the order in which they first appeared.
    pub fn classes(&self) -> impl Iterator<Item = &'static str> {
        self.classes.iter().copied()
    }

    /// What all nodes together have of one class.
    #[must_use]
    pub fn of_class(&self, direction: Direction, class: &str) -> Volume {
        let Some(index) = self.classes.iter().position(|known| *known == class) else { return Volume::default() };
        let cells = self.accounts.iter().filter_map(|account| account.cells.get(index));
        cells.fold(Volume::default(), |sum, cell| sum.plus(cell.volume(direction)))
    }

    /// What one node has of all classes together.
    #[must_use]
    pub fn of_peer(&self, direction: Direction, peer: PeerIndex) -> Volume {
        self.accounts.get(peer.slot()).map_or(Volume::default(), |account| account.volume(direction))
    }

    /// What one node has of one class.
    #[must_use]
    pub fn of(&self, direction: Direction, peer: PeerIndex, class: &str) -> Volume {
        let index = self.classes.iter().position(|known| *known == class);
        let cell = index.and_then(|index| self.accounts.get(peer.slot())?.cells.get(index));
        cell.map_or(Volume::default(), |cell| cell.volume(direction))
    }

    /// How long one node ran.
    #[must_use]
    pub fn lived(&self, peer: PeerIndex) -> Duration {
        Duration::from_micros(self.accounts.get(peer.slot()).map_or(0, |account| account.lived))
    }

    /// Bytes a second of every node that ran at least this long, each over the time that it ran; ascending.
    #[must_use]
    pub fn rates(&self, direction: Direction, at_least: Duration) -> Vec<f64> {
        let counted = |account: &&Account| account.lived > 0 && account.lived >= micros(at_least);
        let rate = |account: &Account| account.volume(direction).bytes as f64 * 1e6 / account.lived as f64;
        let mut rates: Vec<f64> = self.accounts.iter().filter(counted).map(rate).collect();
        rates.sort_unstable_by(f64::total_cmp);
        rates
    }

    /// Bytes a second of an average node: everything, over the time that all nodes ran.
    #[must_use]
    pub fn mean_rate(&self, direction: Direction) -> f64 {
        let bytes: u64 = self.accounts.iter().map(|account| account.volume(direction).bytes).sum();
        let lived: u64 = self.accounts.iter().map(|account| account.lived).sum();
        if lived == 0 { 0.0 } else { bytes as f64 * 1e6 / lived as f64 }
    }
}

impl Account {
    fn volume(&self, direction: Direction) -> Volume {
        self.cells.iter().fold(Volume::default(), |sum, cell| sum.plus(cell.volume(direction)))
    }
}
