//! The two times that the registry is told: monotonic, for what ends when, and wall clock, for what is absurd.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use atoll_protocol::service::UnixMillis;
use atoll_registry::time::Time;

/// Reads the clocks, so that nothing in the registry has to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Time since the node was started.
    pub(crate) fn now(self) -> Time {
        Time(millis(self.start.elapsed()))
    }

    /// The time at that moment.
    pub(crate) fn time_of(self, moment: Instant) -> Time {
        Time(millis(moment.saturating_duration_since(self.start)))
    }

    /// When `time` will be, on tokio's clock; an hour from now at the latest, since some ends never come.
    pub(crate) fn instant(self, time: Time) -> tokio::time::Instant {
        let left = time.since(self.now()).min(Duration::from_secs(3600));
        tokio::time::Instant::now() + left
    }

    /// The wall clock; the epoch itself on a machine whose clock is before 1970.
    pub(crate) fn wall(self) -> UnixMillis {
        UnixMillis(SystemTime::now().duration_since(UNIX_EPOCH).map(millis).unwrap_or_default())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
