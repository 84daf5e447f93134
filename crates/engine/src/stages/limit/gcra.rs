//! The generic cell rate algorithm (ITU-T I.371, annex A): one number for each count, no timers.
//!
//! The number is the moment at which the count would be level if nothing more came; how far it lies ahead of now is the
//! debt. A charge moves it on by the time its units take at the rate.

/// Longest time until a full burst is admitted again: a year.
pub(crate) const LONGEST_NS: u64 = 366 * 86_400 * 1_000_000_000;

/// Above this time a unit, rounding it up to whole nanoseconds is less than a thousandth.
const FINE_NS: u64 = 1000;

/// A rate with a burst, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    amount: u64,
    period_ns: u64,
    /// Time of one unit, rounded up so that the rate is never passed.
    interval_ns: u64,
    /// The debt up to which units are admitted: the time of a burst.
    room_ns: u64,
}

impl Rate {
    /// `amount` in each `period_ms`, `burst` at once.
    ///
    /// # Errors
    /// A rate that cannot be told apart from never or always.
    pub(crate) fn new(amount: u64, period_ms: u64, burst: u64) -> Result<Self, String> {
        let too_slow = || format!("expected a burst of {burst} to be admitted again within a year");
        let period_ns = period_ms.checked_mul(1_000_000).ok_or_else(too_slow)?;
        let amount = amount.max(1);
        let mut rate = Self { amount, period_ns, interval_ns: period_ns.div_ceil(amount), room_ns: 0 };
        rate.room_ns = rate.cost_ns(burst);
        if rate.room_ns > LONGEST_NS || rate.interval_ns > LONGEST_NS {
            return Err(too_slow());
        }
        Ok(rate)
    }

    /// The time that `units` take at the rate; at most somewhat more than a year.
    pub(crate) fn cost_ns(&self, units: u64) -> u64 {
        let most = LONGEST_NS.saturating_add(1);
        if self.interval_ns >= FINE_NS {
            return self.interval_ns.saturating_mul(units).min(most);
        }
        let exact = (u128::from(units) * u128::from(self.period_ns)).div_ceil(u128::from(self.amount));
        u64::try_from(exact).unwrap_or(u64::MAX).min(most)
    }

    /// The debt up to which units are admitted.
    pub(crate) const fn room_ns(&self) -> u64 {
        self.room_ns
    }

    /// How many units more would be admitted with a debt of `ahead_ns`.
    pub(crate) fn left(&self, ahead_ns: u64) -> u64 {
        let room = self.room_ns.saturating_sub(ahead_ns);
        if self.interval_ns >= FINE_NS {
            return room / self.interval_ns;
        }
        let exact = u128::from(room) * u128::from(self.amount) / u128::from(self.period_ns.max(1));
        u64::try_from(exact).unwrap_or(u64::MAX)
    }
}

/// Whether units are admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Whether they were charged.
    pub(crate) admitted: bool,
    /// The debt after that.
    pub(crate) ahead_ns: u64,
}

/// Charges `cost_ns` when the debt stays within `room_ns`.
///
/// `due_ns` is when the count is level; a moment that has passed is as good as now.
pub(crate) fn charge(due_ns: &mut u64, cost_ns: u64, room_ns: u64, now_ns: u64) -> Answer {
    let ahead = due_ns.saturating_sub(now_ns);
    let after = ahead.saturating_add(cost_ns);
    if after > room_ns {
        return Answer { admitted: false, ahead_ns: ahead };
    }
    // What costs nothing leaves no trace.
    if cost_ns > 0 {
        *due_ns = now_ns.saturating_add(after);
    }
    Answer { admitted: true, ahead_ns: after }
}

/// Charges what has been used already, whatever the debt; a debt beyond a year is one of a year.
pub(crate) fn owe(due_ns: &mut u64, cost_ns: u64, now_ns: u64) {
    let after = due_ns.saturating_sub(now_ns).saturating_add(cost_ns).min(LONGEST_NS);
    *due_ns = now_ns.saturating_add(after);
}

/// Takes back a charge of `cost_ns` after which the count was level at `after_ns`.
///
/// Debts are worked off in the order in which they were made, so of this one there is left what lies ahead of now, and
/// no more: taking back a charge that time has worked off already would forgive another one.
pub(crate) fn give_back(due_ns: &mut u64, cost_ns: u64, after_ns: u64, now_ns: u64) -> u64 {
    let left = cost_ns.min(after_ns.saturating_sub(now_ns)).min(due_ns.saturating_sub(now_ns));
    *due_ns -= left;
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    const MS: u64 = 1_000_000;

    fn ask(due: &mut u64, rate: Rate, units: u64, now_ns: u64) -> bool {
        charge(due, rate.cost_ns(units), rate.room_ns(), now_ns).admitted
    }

    #[test]
    fn a_burst_is_admitted_at_once_and_then_the_rate() {
        let (mut due, rate) = (0, Rate::new(10, 1000, 5).unwrap());
        for left in (0..5).rev() {
            let answer = charge(&mut due, rate.cost_ns(1), rate.room_ns(), MS);
            assert!(answer.admitted);
            assert_eq!(rate.left(answer.ahead_ns), left);
        }
        let refused = charge(&mut due, rate.cost_ns(1), rate.room_ns(), MS);
        assert_eq!(refused, Answer { admitted: false, ahead_ns: 500 * MS });
        assert!(ask(&mut due, rate, 1, 101 * MS));
        assert!(!ask(&mut due, rate, 1, 101 * MS + 1));
    }

    #[test]
    fn rates_of_nothing_or_of_aeons_are_refused() {
        assert!(Rate::new(1, u64::MAX, 1).is_err());
        assert!(Rate::new(1, 86_400_000, u64::from(u32::MAX)).is_err());
        assert!(Rate::new(u64::from(u32::MAX), 1, 1).is_ok());
    }

    #[test]
    fn gigabytes_a_second_are_counted_to_the_byte() {
        let gigabyte = 1_u64 << 30;
        let rate = Rate::new(10 * gigabyte, 1000, gigabyte).unwrap();
        let mut due = 0;
        assert!(ask(&mut due, rate, gigabyte, 0));
        assert!(!ask(&mut due, rate, 1, 0));
        assert!(ask(&mut due, rate, gigabyte / 2, 50 * MS));
        assert!(!ask(&mut due, rate, gigabyte / 1000, 50 * MS));
    }

    #[test]
    fn what_costs_more_than_the_burst_is_never_admitted() {
        let (mut due, rate) = (0, Rate::new(10, 1000, 5).unwrap());
        assert!(!ask(&mut due, rate, 6, 0));
        assert!(ask(&mut due, rate, 5, 0));
    }

    #[test]
    fn a_charge_that_time_has_worked_off_is_not_given_back() {
        let (mut due, rate) = (0, Rate::new(1, 1000, 5).unwrap());
        let cost = rate.cost_ns(1);
        let after = charge(&mut due, cost, rate.room_ns(), 0).ahead_ns;
        assert!(ask(&mut due, rate, 1, 5_000 * MS));
        assert_eq!(give_back(&mut due, cost, after, 5_000 * MS), 0);
        assert_eq!(due, 6_000 * MS);
        let (mut due, after) = (0, cost);
        assert!(ask(&mut due, rate, 1, 0) && ask(&mut due, rate, 1, 0));
        assert_eq!(give_back(&mut due, cost, after, 500 * MS), 500 * MS);
        assert_eq!(due, 1_500 * MS);
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_opens_nothing() {
        let (mut due, rate) = (0, Rate::new(1, 1000, 2).unwrap());
        assert!(ask(&mut due, rate, 1, 10_000 * MS) && ask(&mut due, rate, 1, 10_000 * MS));
        assert!(!ask(&mut due, rate, 1, 10_000 * MS) && !ask(&mut due, rate, 1, 9_000 * MS));
    }

    /// A leaky bucket as text books draw it: units in a queue that drains one interval at a time.
    struct Bucket {
        queue: VecDeque<u64>,
        interval_ns: u64,
        burst: usize,
    }

    impl Bucket {
        fn ask(&mut self, units: usize, now_ns: u64) -> bool {
            while self.queue.front().is_some_and(|done| *done <= now_ns) {
                self.queue.pop_front();
            }
            // The first one in the queue is partly drained, and the room it leaves can be taken.
            let start = self.queue.back().copied().unwrap_or(now_ns);
            let end = start + units as u64 * self.interval_ns;
            if end - now_ns > self.burst as u64 * self.interval_ns {
                return false;
            }
            self.queue.extend((1..=units as u64).map(|place| start + place * self.interval_ns));
            true
        }
    }

    proptest! {
        #[test]
        fn it_decides_as_a_leaky_bucket(
            amount in 1_u64..50, period_ms in 1_u64..5_000, burst in 1_u64..20,
            steps in proptest::collection::vec((0_u64..200_000_000, 1_u64..4), 1..300),
        ) {
            let rate = Rate::new(amount, period_ms, burst).unwrap();
            let burst = usize::try_from(burst).unwrap();
            let mut bucket = Bucket { queue: VecDeque::new(), interval_ns: rate.interval_ns, burst };
            let (mut due, mut now) = (0, 7 * MS);
            for (step, units) in steps {
                now += step;
                prop_assert_eq!(ask(&mut due, rate, units, now), bucket.ask(units as usize, now));
            }
        }

        #[test]
        fn never_more_than_burst_and_rate_times_time(
            amount in 1_u64..5_000_000, period_ms in 1_u64..5_000, burst in 1_u64..2_000,
            steps in proptest::collection::vec((0_u64..20_000_000, 1_u64..500), 1..300),
        ) {
            let rate = Rate::new(amount, period_ms, burst);
            prop_assume!(rate.is_ok());
            let rate = rate.unwrap();
            let (mut due, mut now, mut admitted) = (0, 7 * MS, 0_u64);
            let start = now;
            for (step, units) in steps {
                now += step;
                if ask(&mut due, rate, units, now) {
                    admitted += units;
                }
                let elapsed_ns = (now - start) as f64;
                let most = burst as f64 + elapsed_ns * amount as f64 / (period_ms as f64 * MS as f64);
                prop_assert!(admitted as f64 <= most * (1.0 + 1e-9) + 1e-3, "{admitted} > {most}");
            }
        }

        #[test]
        fn a_refused_caller_is_admitted_after_the_time_it_was_told(
            amount in 1_u64..50, period_ms in 1_u64..5_000, burst in 1_u64..20,
        ) {
            let rate = Rate::new(amount, period_ms, burst).unwrap();
            let (mut due, now) = (0, 5);
            while ask(&mut due, rate, 1, now) {}
            let wait = (due - now) + rate.cost_ns(1) - rate.room_ns();
            prop_assert!(!ask(&mut due, rate, 1, now + wait - 1));
            prop_assert!(ask(&mut due, rate, 1, now + wait));
        }
    }
}
