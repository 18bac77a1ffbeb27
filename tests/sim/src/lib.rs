//! Protocol machines in a seeded network without sockets, in virtual time: `make sim`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`engine`] | the event loop, the network between nodes, their clocks, and the books on traffic |
//! | [`overlay`] | what protocols run on: a random overlay and a gossip carrier |
//! | [`scenario`] | what is simulated, what must come out, and how a failure is replayed |
//!
//! # Time
//!
//! Nothing waits. While a core works, time stands still; then it jumps to the next event:
//!
//! ```text
//!              0 ms            50 ms                        1 000 ms
//!  true time ──┼────────────────┼─────────────────────────────┼──────►   Engine::now, Context::true_time
//!              │ A sends to B   │ B.handle(A, …)              │ B.wake
//!              ▼                ▼                             ▼
//!  node B    ──┼────────────────┼─────────────────────────────┼──────►   Context::now: monotonic, starts anywhere,
//!            7 h 3′          + 50.01 ms                    + 1 000.1 ms     drifts; another one in the next life
//!  B's wall  ──┼────────────────┼─────────────────────────────┼──────►   Context::wall: the time of day, hours off
//!            02:00:00.000     02:00:00.050                 02:00:01.000
//! ```
//!
//! The events of a run depend on the scenario, its seed and its size, and on nothing else: not on the machine, the time
//! of day, the number of threads or the version of a library. [`engine::Engine::digest`] is a hash of them all. Cores
//! must play their part: a `HashMap` with the standard library's random keys must not be iterated over.
//!
//! # A simulation in ten lines
//!
//! Write a [`Core`](engine::Core), spawn some, let time pass, look at them:
//!
//! ```
//! use atoll_sim::engine::{Clock, Context, Core, Engine, Network, PeerIndex, Time};
//!
//! /// Knows the highest number that anybody has, by telling its neighbours.
//! struct Highest(u64);
//!
//! impl Core for Highest {
//!     type Message = u64;
//!     type State = u64;
//!
//!     fn start(&mut self, ctx: &mut Context<'_, u64>) {
//!         let me = ctx.me();
//!         (0..me.0).rev().take(3).for_each(|peer| ctx.connect(PeerIndex(peer)));
//!     }
//!     fn handle(&mut self, _: PeerIndex, number: u64, ctx: &mut Context<'_, u64>) {
//!         if number > self.0 {
//!             self.0 = number;
//!             ctx.links().collect::<Vec<_>>().into_iter().for_each(|peer| ctx.send(peer, "highest", 68, number));
//!         }
//!     }
//!     fn link_up(&mut self, peer: PeerIndex, ctx: &mut Context<'_, u64>) {
//!         ctx.send(peer, "highest", 68, self.0);
//!     }
//!     fn link_down(&mut self, _: PeerIndex, _failed: bool, _: &mut Context<'_, u64>) {}
//!     fn wake(&mut self, _: &mut Context<'_, u64>) {}
//!     fn persist(&self) -> u64 {
//!         self.0
//!     }
//! }
//!
//! let mut engine = Engine::new(17, Network { loss: 0.05, ..Network::default() });
//! for number in 0..50 {
//!     engine.spawn(Clock::default(), |_| Highest(number));
//! }
//! engine.crash(PeerIndex(7));
//! engine.run_until(Time::from_secs(30));
//! assert!(engine.cores().all(|(_, core)| core.0 == 49));
//! ```
//!
//! To make it a scenario, write a function from [`Setting`](scenario::Setting) to [`Report`](scenario::Report), put a
//! [`Scenario`](scenario::Scenario) with it into [`scenario::ALL`], and [`check`](scenario::check) a small one in the
//! ordinary tests. [`scenario::rumour`] is an example with the overlay, the carrier and churn.
//!
//! # What it never does
//!
//! It opens no socket and no file and reads no clock, except to say how long a run took. It says how a protocol behaves
//! if the network is as modelled, not how fast the code is.

pub mod engine;
pub mod overlay;
pub mod scenario;
