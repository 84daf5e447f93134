//! The generic cell rate algorithm (ITU-T I.371, annex A): one number for each count, no timers.

use crate::bounded::Bounded;

/// Most counts kept at once; about 150 bytes each.
const MOST_COUNTS: usize = 128 * 1024;

/// Longest time until a full burst is admitted again: a year.
const LONGEST_NS: u64 = 366 * 86_400 * 1_000_000_000;

/// A rate with a burst, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Time between two requests at the rate, rounded up so that the rate is never passed.
    interval_ns: u64,
    /// How far ahead of its time a request may come: `(burst - 1)` intervals.
    ahead_ns: u64,
}

impl Rate {
    /// `requests` in each `period_ms`, `burst` at once.
    ///
    /// # Errors
    /// A rate that cannot be told apart from never or always.
    pub(crate) fn new(requests: u32, period_ms: u64, burst: u32) -> Result<Self, String> {
        let too_slow = || format!("expected a burst of {burst} to be admitted again within a year");
        let period_ns = period_ms.checked_mul(1_000_000).ok_or_else(too_slow)?;
        let interval_ns = period_ns.div_ceil(u64::from(requests.max(1)));
        let ahead_ns = interval_ns.checked_mul(u64::from(burst.saturating_sub(1))).ok_or_else(too_slow)?;
        if ahead_ns > LONGEST_NS || interval_ns > LONGEST_NS {
            return Err(too_slow());
        }
        Ok(Self { interval_ns, ahead_ns })
    }
}

/// Whether a request is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Yes.
    Admitted {
        /// How many more would be admitted right now.
        left: u64,
        /// Time until a full burst is admitted again, microseconds.
        full_us: u64,
    },
    /// No.
    Refused {
        /// Time until the next one is admitted, microseconds.
        wait_us: u64,
    },
}

/// All counts: for each key, the time at which its next request is due at the rate.
#[derive(Debug)]
pub(crate) struct Rates {
    due_ns: Bounded<u64>,
}

impl Default for Rates {
    fn default() -> Self {
        Self { due_ns: Bounded::new(MOST_COUNTS) }
    }
}

impl Rates {
    /// Asks for one request at `now_us` and counts it when it is admitted.
    ///
    /// A count whose due time has passed says the same as no count, so those make room first.
    pub(crate) fn ask(&self, key: &[u8], rate: Rate, now_us: u64) -> Answer {
        let now_ns = now_us.saturating_mul(1000);
        let answer = self.due_ns.update(key, |due| *due, || now_ns, |due| count(due, rate, now_ns));
        answer.unwrap_or(Answer::Admitted { left: 0, full_us: 0 })
    }
}

fn count(due_ns: &mut u64, rate: Rate, now_ns: u64) -> Answer {
    let due = (*due_ns).max(now_ns);
    let ahead = due - now_ns;
    if ahead > rate.ahead_ns {
        return Answer::Refused { wait_us: (ahead - rate.ahead_ns).div_ceil(1000) };
    }
    let next = due.saturating_add(rate.interval_ns);
    *due_ns = next;
    let ahead = next - now_ns;
    let left = match (rate.ahead_ns + rate.interval_ns).checked_sub(ahead) {
        Some(room) => room / rate.interval_ns.max(1),
        None => 0,
    };
    Answer::Admitted { left, full_us: ahead.div_ceil(1000) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_is_admitted_at_once_and_then_the_rate() {
        let (rates, rate) = (Rates::default(), Rate::new(10, 1000, 5).unwrap());
        for left in (0..5).rev() {
            let Answer::Admitted { left: got, .. } = rates.ask(b"a", rate, 1_000) else { panic!("refused") };
            assert_eq!(got, left);
        }
        assert_eq!(rates.ask(b"a", rate, 1_000), Answer::Refused { wait_us: 100_000 });
        assert!(matches!(rates.ask(b"b", rate, 1_000), Answer::Admitted { .. }));
        assert!(matches!(rates.ask(b"a", rate, 101_000), Answer::Admitted { left: 0, .. }));
        assert!(matches!(rates.ask(b"a", rate, 101_001), Answer::Refused { .. }));
    }

    #[test]
    fn rates_of_nothing_or_of_aeons_are_refused() {
        assert!(Rate::new(1, u64::MAX, 1).is_err());
        assert!(Rate::new(1, 86_400_000, u32::MAX).is_err());
        assert!(Rate::new(u32::MAX, 1, 1).is_ok());
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_rate_times_time(
            requests in 1_u32..50,
            period_ms in 1_u64..5_000,
            burst in 1_u32..20,
            steps in proptest::collection::vec(0_u64..200_000, 1..300),
        ) {
            let (rates, rate) = (Rates::default(), Rate::new(requests, period_ms, burst).unwrap());
            let (mut now, mut admitted) = (7_000_u64, 0_u64);
            let start = now;
            for step in steps {
                now += step;
                if matches!(rates.ask(b"k", rate, now), Answer::Admitted { .. }) {
                    admitted += 1;
                }
                let elapsed_ms = (now - start) as f64 / 1000.0;
                let most = f64::from(burst) + elapsed_ms * f64::from(requests) / period_ms as f64;
                prop_assert!(admitted as f64 <= most + 1e-6, "{admitted} > {most}");
            }
        }

        #[test]
        fn a_refused_caller_is_admitted_after_the_time_it_was_told(
            requests in 1_u32..50, period_ms in 1_u64..5_000, burst in 1_u32..20,
        ) {
            let (rates, rate) = (Rates::default(), Rate::new(requests, period_ms, burst).unwrap());
            let wait = loop {
                if let Answer::Refused { wait_us } = rates.ask(b"k", rate, 5) { break wait_us; }
            };
            let answer = rates.ask(b"k", rate, 5 + wait);
            prop_assert!(matches!(answer, Answer::Admitted { .. }), "{answer:?}");
        }
    }
}
