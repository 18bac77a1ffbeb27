//! Finding what a node does not list: the DHT says who provides it, and the providers describe themselves.
//!
//! As the node program does it: those that are named first are asked at once. Where none of them answers, providers are looked
//! for once more, and thoroughly, and each is asked as soon as it is named.

use std::time::Duration;

use atoll_protocol::names::ServiceQuery;
use atoll_registry::services::Directory;

use super::{
    SECOND,
    node::{Ctx, name_of},
    wire::{self, Message},
};
use crate::{
    engine::{Delivery, PeerIndex, Time},
    overlay::kademlia::{self, Kademlia, Key, LookUp, Settings},
};

/// How long to look.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the providers that were named first have to answer.
const FIRST: Duration = Duration::from_millis(1_500);
/// How long a node takes to tell the DHT of all its services: four announcements are under way at a time.
const ANNOUNCING: Duration = Duration::from_secs(10);
/// Sets the keys of names with a major version apart from those without.
const MAJOR: u64 = 1 << 40;

/// What came of looking.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolved {
    pub(super) found: bool,
    pub(super) took: Duration,
}

#[derive(Debug)]
struct Search {
    name: u32,
    began: Time,
    /// They have been asked to describe themselves.
    providers: Vec<PeerIndex>,
    thorough: bool,
    /// When they are looked for thoroughly.
    again: Time,
}

#[derive(Debug)]
pub(super) struct Resolver {
    pub(super) dht: Kademlia,
    searches: Vec<Search>,
    resolved: Vec<Resolved>,
}

impl Resolver {
    pub(super) fn new(me: PeerIndex) -> Self {
        Self { dht: Kademlia::new(me, Settings::default()), searches: Vec::new(), resolved: Vec::new() }
    }

    /// Tells the DHT what this node offers, under the name and under the name with its major version.
    pub(super) fn start(&mut self, offers: &[u32], ctx: &mut Ctx<'_>) {
        self.dht.start(ctx);
        for name in offers {
            for key in [u64::from(*name), u64::from(*name) | MAJOR] {
                self.dht.provide(Key::named(key), ANNOUNCING, ctx);
            }
        }
    }

    pub(super) fn begin(&mut self, name: u32, ctx: &mut Ctx<'_>) {
        let began = ctx.now();
        self.searches.push(Search { name, began, providers: Vec::new(), thorough: false, again: Time::NEVER });
        self.dht.find_providers(Key::named(name.into()), LookUp::Quick, ctx);
        self.go_on(ctx);
    }

    pub(super) fn handle(&mut self, from: PeerIndex, message: kademlia::Message, ctx: &mut Ctx<'_>) {
        self.dht.handle(from, message, ctx);
        self.go_on(ctx);
    }

    pub(super) fn wake(&mut self, ctx: &mut Ctx<'_>) {
        self.dht.wake(ctx);
        self.go_on(ctx);
    }

    /// A provider has described itself: what it offers is listed.
    pub(super) fn described(&mut self, from: PeerIndex, view: &Directory, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        let (met, open): (Vec<Search>, Vec<Search>) = self.searches.drain(..).partition(|search| {
            let query = name_of(search.name).parse::<ServiceQuery>();
            search.providers.contains(&from) && query.is_ok_and(|query| !view.find(&query).is_empty())
        });
        self.searches = open;
        met.iter().for_each(|search| self.dht.forget(search.key()));
        self.resolved.extend(met.iter().map(|search| Resolved { found: true, took: now.since(search.began) }));
    }

    /// What came of the searches that have ended since the last call.
    pub(super) fn take_resolved(&mut self) -> Vec<Resolved> {
        std::mem::take(&mut self.resolved)
    }

    fn go_on(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        for outcome in self.dht.take_outcomes() {
            for search in self.searches.iter_mut().filter(|search| search.key() == outcome.key) {
                search.ask(&outcome.providers, ctx);
                if outcome.over && !search.thorough {
                    search.again = if search.providers.is_empty() { now } else { now + FIRST };
                }
            }
        }
        for search in self.searches.iter_mut().filter(|search| search.again <= now) {
            (search.thorough, search.again) = (true, Time::NEVER);
            self.dht.find_providers(search.key(), LookUp::Thorough, ctx);
        }
        self.give_up(now);
        let due = self.searches.iter().map(|search| search.again.min(search.began + PATIENCE)).min();
        ctx.wake_at(due.unwrap_or(now + SECOND * 3600));
    }

    fn give_up(&mut self, now: Time) {
        let ended = |search: &Search| now.since(search.began) >= PATIENCE;
        let failed = self.searches.iter().filter(|search| ended(search));
        self.resolved.extend(failed.map(|_| Resolved { found: false, took: PATIENCE }));
        self.searches.retain(|search| !ended(search));
    }
}

impl Search {
    fn key(&self) -> Key {
        Key::named(self.name.into())
    }

    /// Asks those of them who have not been asked yet.
    fn ask(&mut self, named: &[PeerIndex], ctx: &mut Ctx<'_>) {
        for provider in named {
            if !self.providers.contains(provider) {
                self.providers.push(*provider);
                ctx.send_as(Delivery::Visit, *provider, "describe.question", wire::ONE_DESCRIPTION, Message::Describe);
            }
        }
    }
}
