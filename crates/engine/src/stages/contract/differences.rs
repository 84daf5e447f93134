//! Differences between responses and the contract that were reported lately, so that each is told once in a while.

use stockade_model::Now;

use crate::bounded::Bounded;

/// Differences that are remembered.
const MOST: usize = 4096;

/// When each was last reported, µs on the monotonic clock.
#[derive(Debug)]
pub(crate) struct Differences {
    reported: Bounded<u64>,
}

impl Default for Differences {
    fn default() -> Self {
        Self { reported: Bounded::new(MOST) }
    }
}

impl Differences {
    /// Whether it is time to report a difference (again); then it counts as reported.
    pub(crate) fn is_due(&self, key: &str, now: Now, quiet_us: u64) -> bool {
        // 0 stands for never.
        let now = now.monotonic_us.max(1);
        let due = |last: &mut u64| {
            let due = *last == 0 || now.saturating_sub(*last) >= quiet_us;
            if due {
                *last = now;
            }
            due
        };
        self.reported.update(key.as_bytes(), |last| *last, || 0, due).unwrap_or_default()
    }
}
