//! One instance, as its callers on this node see it.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use atoll_protocol::{identity::NodeId, names::InstanceId};
use atoll_registry::{
    select::{Admission, Fault, Health},
    time::Time,
};
use parking_lot::{Mutex, RwLock};

/// Instances that are remembered; idle ones go when there are more.
const INSTANCES: usize = 4096;

/// See the [module docs](self).
#[derive(Debug, Default)]
pub(in crate::rpc) struct Load {
    in_flight: AtomicU32,
    /// Smoothed latency in microseconds; 0 until the first answer.
    latency: AtomicU32,
    calls: AtomicU64,
    failures: AtomicU64,
    /// When the last call was sent, in milliseconds of the node's clock.
    last_call: AtomicU64,
    health: Mutex<Health>,
}

impl Load {
    /// Counts a call as under way for as long as the guard lives.
    pub(in crate::rpc) fn begin(self: &Arc<Self>, now: Time) -> Attempt {
        let admission = self.health.lock().begin(now);
        Attempt {
            in_flight: InFlight::begin(self),
            sent: AtomicBool::new(false),
            admission: Some(admission),
            began: now,
        }
    }

    pub(in crate::rpc) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(in crate::rpc) fn latency(&self) -> Option<Duration> {
        match self.latency.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros.into())),
        }
    }

    /// Whether it is to be passed over where there is another one.
    pub(in crate::rpc) fn is_blocked(&self, now: Time) -> bool {
        self.health.lock().blocked(now)
    }

    /// Takes in how long an answer took (an eighth of the new sample, as TCP smooths round trips, RFC 6298).
    fn answered(&self, took: Duration) {
        let sample = u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1);
        let smoothed = match self.latency.load(Ordering::Relaxed) {
            0 => sample,
            old => (old - old / 8 + sample / 8).max(1),
        };
        self.latency.store(smoothed, Ordering::Relaxed);
    }
}

/// What an instance got to do so far.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    pub(crate) node: NodeId,
    pub(crate) instance: InstanceId,
    /// Calls sent to it.
    pub(crate) calls: u64,
    /// Those that failed through no fault of theirs.
    pub(crate) failures: u64,
    /// How long ago the last one was sent.
    pub(crate) since_last: Duration,
}

/// A call under way.
#[derive(Debug)]
pub(in crate::rpc) struct InFlight(Arc<Load>);

impl InFlight {
    fn begin(load: &Arc<Load>) -> Self {
        load.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(load))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One call to one instance, whose outcome is to be told. Dropping it means that the caller gave up.
#[derive(Debug)]
pub(in crate::rpc) struct Attempt {
    in_flight: InFlight,
    sent: AtomicBool,
    admission: Option<Admission>,
    began: Time,
}

impl Attempt {
    /// It is on its way.
    pub(in crate::rpc) fn sent(&self, now: Time) {
        let load = &self.in_flight.0;
        self.sent.store(true, Ordering::Relaxed);
        load.calls.fetch_add(1, Ordering::Relaxed);
        load.last_call.store(now.0, Ordering::Relaxed);
    }

    /// Whether it is or was on its way.
    pub(in crate::rpc) fn was_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    /// It was answered, `took` after it was sent.
    pub(in crate::rpc) fn succeeded(mut self, took: Duration, now: Time) {
        let load = &self.in_flight.0;
        load.answered(took);
        if let Some(admission) = self.admission.take() {
            load.health.lock().succeeded(admission, now);
        }
    }

    /// It failed in a way that says something of the instance.
    pub(in crate::rpc) fn failed(mut self, fault: Fault, now: Time) {
        let load = &self.in_flight.0;
        load.failures.fetch_add(1, Ordering::Relaxed);
        if let Some(admission) = self.admission.take() {
            load.health.lock().failed(admission, fault, now);
        }
    }

    /// It was given up.
    pub(in crate::rpc) fn abandoned(mut self, now: Time) {
        self.give_up(now);
    }

    /// The instance answers; what comes of the call is not known yet. The call goes on counting as under way.
    pub(in crate::rpc) fn begun_well(mut self, now: Time) -> InFlight {
        let load = Arc::clone(&self.in_flight.0);
        if let Some(admission) = self.admission.take() {
            load.health.lock().succeeded(admission, now);
        }
        InFlight::begin(&load)
    }

    fn give_up(&mut self, now: Time) {
        if let Some(admission) = self.admission.take() {
            self.in_flight.0.health.lock().abandoned(admission, now);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        // Without a clock at hand: as if it had been given up as soon as it was begun, which ends a probe all the same.
        self.give_up(self.began);
    }
}

/// Every instance that has been called.
#[derive(Debug, Default)]
pub(in crate::rpc) struct Instances(RwLock<HashMap<(NodeId, InstanceId), Arc<Load>>>);

impl Instances {
    pub(in crate::rpc) fn of(&self, node: NodeId, instance: InstanceId) -> Arc<Load> {
        if let Some(load) = self.0.read().get(&(node, instance)) {
            return Arc::clone(load);
        }
        let mut all = self.0.write();
        if all.len() >= INSTANCES {
            all.retain(|_, load| load.in_flight() > 0);
        }
        Arc::clone(all.entry((node, instance)).or_default())
    }

    pub(in crate::rpc) fn tally(&self, now: Time) -> Vec<Tally> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let of = |(&(node, instance), load): (&(NodeId, InstanceId), &Arc<Load>)| {
            let since_last = now.since(Time(count(&load.last_call)));
            Tally { node, instance, calls: count(&load.calls), failures: count(&load.failures), since_last }
        };
        self.0.read().iter().map(of).collect()
    }
}
