//! The only place that reads a clock.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use stockade_model::{Now, Timestamp};

/// A clock that never goes back, nanoseconds from the first time it is read.
#[must_use]
pub fn ticks() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Both clocks, from one start.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose monotonic side starts at zero.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { wall: Timestamp(u64::try_from(wall.as_micros()).unwrap_or(u64::MAX)), monotonic_us: self.monotonic_us() }
    }

    /// The present moment, from one a short while ago: the wall clock is moved on instead of being read again.
    #[must_use]
    pub fn later(&self, earlier: Now) -> Now {
        let monotonic_us = self.monotonic_us();
        let passed = monotonic_us.saturating_sub(earlier.monotonic_us);
        Now { wall: Timestamp(earlier.wall.0.saturating_add(passed)), monotonic_us }
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
