//! Driving the survey of who is connected to whom.

use std::collections::HashMap;

use atoll_protocol::{
    adjacency::{Adjacencies, Passed, Question},
    identity::NodeId,
};
use atoll_registry::{
    peers::conduct::Fault,
    routes::{Effect, Link, Survey},
    services::Change,
    time::Time,
};
use tokio::sync::oneshot;

use super::Actor;
use crate::directory::adjacency::Input;

/// The survey, and who waits for it. Both are bounded by what the survey lets wait.
#[derive(Debug, Default)]
pub(super) struct Surveyor {
    survey: Survey,
    next_ticket: u64,
    viewers: HashMap<u64, oneshot::Sender<()>>,
    askers: HashMap<u64, oneshot::Sender<Adjacencies>>,
}

impl Surveyor {
    pub(super) fn due(&self) -> Time {
        self.survey.due()
    }

    pub(super) fn lost(&mut self, peer: &NodeId) {
        self.survey.lost(peer);
    }

    fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }
}

impl Actor {
    pub(super) fn survey(&mut self, input: Input) {
        let at = self.directory.moment();
        match input {
            Input::Look { hops, seen } => {
                let ticket = self.survey.ticket();
                self.survey.viewers.insert(ticket, seen);
                self.survey.survey.look(&self.directory.map.read(), ticket, hops, at);
            }
            Input::Asked { asker, question, answer } => {
                let ticket = self.survey.ticket();
                self.survey.askers.insert(ticket, answer);
                self.survey.survey.asked(&self.directory.map.read(), ticket, asker, question, at);
            }
            Input::Over { id, peer, held } => {
                let survey = &mut self.survey.survey;
                let learned = survey.learned(&mut self.directory.map.write(), peer, held, at);
                survey.ended(id);
                for _ in 0..learned.refused {
                    let why = "whom a node is connected to is dated ahead of this node's clock";
                    self.directory.net.conduct.charge(Some(peer), Fault::FutureDated, why);
                }
                if let Some(seq) = learned.mine {
                    self.exchange.go_on_above(seq, at);
                }
            }
        }
    }

    pub(super) fn survey_met(&mut self, peer: NodeId) {
        let at = self.directory.moment();
        self.survey.survey.ready(&self.directory.map.read(), peer, at);
    }

    pub(super) fn survey_wakes(&mut self) {
        let at = self.directory.moment();
        self.survey.survey.wake(&mut self.directory.map.write(), at);
    }

    /// Whoever has gone from the view has no connections any more.
    pub(super) fn survey_follows(&self, changes: &[Change]) {
        if changes.iter().any(|change| matches!(change, Change::Removed(..))) {
            let (view, mut map) = (self.directory.view.read(), self.directory.map.write());
            changes.iter().for_each(|change| map.follow(change, &view));
        }
    }

    /// Does what the survey wants done.
    pub(super) fn carry_out_survey(&mut self) {
        for effect in self.survey.survey.take_effects() {
            match effect {
                Effect::Ask { id, peer, question } => {
                    let directory = self.directory.clone();
                    tokio::spawn(async move { directory.survey(id, peer, question).await });
                }
                Effect::Answer { ticket, asker, question } => {
                    let answer = self.adjacencies(asker, &question);
                    if let Some(waiting) = self.survey.askers.remove(&ticket) {
                        // One that has gone needs no answer.
                        let _ = waiting.send(answer);
                    }
                }
                Effect::Looked { ticket } => {
                    if let Some(waiting) = self.survey.viewers.remove(&ticket) {
                        let _ = waiting.send(());
                    }
                }
            }
        }
    }

    /// What is held and `asker` lacks.
    fn adjacencies(&mut self, asker: NodeId, question: &Question) -> Adjacencies {
        let at = self.directory.moment();
        let links = self.directory.own_links();
        let told: Vec<Link> =
            links.iter().filter(|link| self.survey.survey.is_neighbour(&link.peer)).copied().collect();
        let Some(own) = self.survey.survey.own(&mut self.exchange, &told, at) else { return Adjacencies::default() };
        let map = self.directory.map.read();
        let links = map.links(&links, at.now);
        let held = map.answer(asker, question, &own, &links, at.now);
        let passed = held.into_iter().map(|(adjacency, remaining)| Passed {
            adjacency: adjacency.signed().clone(),
            remaining_ms: u32::try_from(remaining.as_millis()).unwrap_or(u32::MAX),
        });
        Adjacencies { held: passed.collect() }
    }
}
