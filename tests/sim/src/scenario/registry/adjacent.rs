//! One node's survey of who is connected to whom, driven as the node program drives it.
//!
//! Round trips are measured by questions that are answered at once, in place of pings.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use atoll_protocol::{
    adjacency::{Adjacencies, Adjacency, Passed, Question},
    identity::NodeId,
    sealed::Verified,
};
use atoll_registry::{
    routes::{Effect, Link, LinkState, Links, Survey},
    services::{Change, Directory},
};

use super::{
    node::{Ctx, Node, moment, registry_time},
    wire::{self, Message},
};
use crate::engine::{PeerIndex, Time};

/// What questions and answers are booked under.
pub(super) const QUESTION: &str = "adjacent.question";
pub(super) const ANSWER: &str = "adjacent.answer";

/// Adjacencies on their way, each with what was left of it.
pub(super) type Held = Vec<(Verified<Adjacency>, Duration)>;

pub(super) struct Surveyor {
    survey: Survey,
    map: LinkState,
    next_ticket: u64,
    /// Who waits for the answer with this ticket, and by which number it knows the question.
    askers: BTreeMap<u64, (PeerIndex, u64)>,
    /// Questions under way: whom, when, and whether it answers at once.
    asked: BTreeMap<u64, (PeerIndex, Time, bool)>,
    rtts: BTreeMap<PeerIndex, Duration>,
}

impl Surveyor {
    pub(super) fn new(me: NodeId) -> Self {
        Self {
            survey: Survey::new(),
            map: LinkState::new(me),
            next_ticket: 0,
            askers: BTreeMap::new(),
            asked: BTreeMap::new(),
            rtts: BTreeMap::new(),
        }
    }

    /// Whoever has gone from the view has no links any more.
    pub(super) fn follow(&mut self, changes: &[Change], view: &Directory) {
        changes.iter().for_each(|change| self.map.follow(change, view));
    }

    fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    fn measured(&mut self, id: u64, now: Time) {
        if let Some((peer, when, true)) = self.asked.remove(&id) {
            let sample = now.since(when);
            let smoothed = self.rtts.entry(peer).or_insert(sample);
            *smoothed = *smoothed * 7 / 8 + sample / 8;
        }
    }
}

impl Node {
    /// Somebody looks as far as so many hops from the neighbours, and waits as long as one who looks does.
    pub(super) fn look(&mut self, hops: u8, ctx: &mut Ctx<'_>) {
        let ticket = self.routes.ticket();
        self.routes.survey.look(&self.routes.map, ticket, hops, moment(ctx));
        self.carry_out_survey(ctx);
    }

    /// What is known of links.
    pub(super) fn with_links<T>(&self, now: Time, read: impl FnOnce(&Links<'_>) -> T) -> T {
        read(&self.routes.map.links(&self.own_links(), registry_time(now)))
    }

    pub(super) fn met(&mut self, node: NodeId, ctx: &mut Ctx<'_>) {
        self.routes.survey.ready(&self.routes.map, node, moment(ctx));
        self.carry_out_survey(ctx);
    }

    pub(super) fn parted(&mut self, node: &NodeId, peer: PeerIndex, ctx: &mut Ctx<'_>) {
        self.routes.survey.lost(node);
        self.routes.rtts.remove(&peer);
        self.routes.askers.retain(|_, (asker, _)| *asker != peer);
        let unanswered: Vec<u64> =
            self.routes.asked.iter().filter(|(_, (asked, ..))| *asked == peer).map(|(id, _)| *id).collect();
        for id in unanswered {
            self.routes.asked.remove(&id);
            self.routes.survey.ended(id);
        }
        self.carry_out_survey(ctx);
    }

    pub(super) fn asked_adjacent(&mut self, from: PeerIndex, id: u64, question: &Question, ctx: &mut Ctx<'_>) {
        let Some(asker) = self.node_at(from) else { return };
        let ticket = self.routes.ticket();
        self.routes.askers.insert(ticket, (from, id));
        self.routes.survey.asked(&self.routes.map, ticket, asker, question.clone(), moment(ctx));
        self.carry_out_survey(ctx);
    }

    pub(super) fn answered_adjacent(&mut self, from: PeerIndex, id: u64, held: &Held, ctx: &mut Ctx<'_>) {
        self.routes.measured(id, ctx.now());
        if let Some(source) = self.node_at(from) {
            self.routes.survey.learned(&mut self.routes.map, source, held.clone(), moment(ctx));
        }
        self.routes.survey.ended(id);
        self.carry_out_survey(ctx);
    }

    pub(super) fn survey_wakes(&mut self, ctx: &mut Ctx<'_>) {
        self.routes.survey.wake(&mut self.routes.map, moment(ctx));
        self.carry_out_survey(ctx);
    }

    fn own_links(&self) -> Vec<Link> {
        let link = |(node, at): (&NodeId, &PeerIndex)| Link {
            peer: *node,
            relayed_by: None,
            rtt: self.routes.rtts.get(at).copied(),
        };
        self.peers().iter().map(link).collect()
    }

    fn carry_out_survey(&mut self, ctx: &mut Ctx<'_>) {
        for effect in self.routes.survey.take_effects() {
            match effect {
                Effect::Ask { id, peer, question } => self.ask_adjacent(id, peer, question, ctx),
                Effect::Answer { ticket, asker, question } => {
                    let Some((to, id)) = self.routes.askers.remove(&ticket) else { continue };
                    let held = self.adjacencies(asker, &question, ctx);
                    ctx.send(to, ANSWER, cost(&held), Message::Adjacent(id, Arc::new(held)));
                }
                Effect::Looked { .. } => {}
            }
        }
        let due = self.routes.survey.due().since(registry_time(ctx.now()));
        let wait = due.clamp(Duration::from_millis(1), Duration::from_secs(3600));
        ctx.wake_at(ctx.now() + wait);
    }

    fn ask_adjacent(&mut self, id: u64, peer: NodeId, question: Question, ctx: &mut Ctx<'_>) {
        let Some(to) = self.peers().get(&peer).copied() else { return self.routes.survey.ended(id) };
        self.routes.asked.insert(id, (to, ctx.now(), question.hops < 2));
        // Beside the question, the number of its kind.
        ctx.send(to, QUESTION, wire::cost(&question) + 1, Message::AskAdjacent(id, Arc::new(question)));
    }

    fn adjacencies(&mut self, asker: NodeId, question: &Question, ctx: &mut Ctx<'_>) -> Held {
        let (at, own) = (moment(ctx), self.own_links());
        let Some(said) = self.own_adjacency(&own, at) else { return Vec::new() };
        let links = self.routes.map.links(&own, at.now);
        self.routes.map.answer(asker, question, &said, &links, at.now)
    }
}

impl Surveyor {
    pub(super) fn own(
        &mut self,
        exchange: &mut atoll_registry::exchange::Exchange,
        links: &[Link],
        at: atoll_registry::exchange::Moment,
    ) -> Option<Verified<Adjacency>> {
        self.survey.own(exchange, links, at)
    }
}

fn cost(held: &Held) -> u32 {
    let passed = held.iter().map(|(adjacency, remaining)| Passed {
        adjacency: adjacency.signed().clone(),
        remaining_ms: u32::try_from(remaining.as_millis()).unwrap_or(u32::MAX),
    });
    wire::cost(&Adjacencies { held: passed.collect() })
}
