//! Connections that are made for one question.

use super::{Delivery, Event, Parcel, World, later, links::DIAL_LEGS};
use crate::engine::peer::PeerIndex;

/// What a handshake and an exchange of who one is cost the one who dials: QUIC's initial packets are padded to 1 200 bytes
/// (RFC 9000, 14.1), and identify takes about 700.
const GREETING: u32 = 2_600;
/// The same for the one who answers, with its certificate.
const WELCOME: u32 = 3_100;
/// Visits belong to no link.
const NO_LINK: u32 = u32::MAX;

impl<M> World<M> {
    pub(super) fn visit(
        &mut self,
        from: PeerIndex,
        to: PeerIndex,
        delivery: Delivery,
        class: &'static str,
        bytes: u32,
        message: M,
    ) {
        let one_way = self.one_way(from, to);
        let Some(node) = self.nodes.get_mut(from.slot()) else { return };
        let (greeting, legs) = match delivery {
            _ if node.end(to).is_some() => (0, 0),
            Delivery::Visit => (GREETING, DIAL_LEGS),
            _ => (WELCOME, 0),
        };
        let bytes = bytes.saturating_add(greeting);
        let class = self.traffic.class(class);
        self.traffic.sent(from, class, bytes);
        let departs = node.departs(self.now, bytes, self.network.uplink);
        let delay: u64 = (0..=legs).map(|_| self.network.reliable(one_way, bytes, &mut node.weather)).sum();
        let parcel = Parcel { from, to, link: NO_LINK, bytes, class, delivery, message };
        self.queue.push(later(departs, delay), Event::Arrives(parcel));
    }

    /// What has arrived, if there is somebody to take it.
    pub(super) fn visited(&mut self, parcel: Parcel<M>) -> Option<Parcel<M>> {
        if !self.is_alive(parcel.to) || self.is_cut(parcel.from, parcel.to) {
            self.counts.undeliverable += 1;
            return None;
        }
        self.counts.delivered += 1;
        self.traffic.received(parcel.to, parcel.class, parcel.bytes);
        Some(parcel)
    }
}
