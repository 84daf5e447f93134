//! The trial of a new bundle: one under which hardly anything passes any more is taken back.
//!
//! What passes is compared, not what is refused: a flood of attacks raises refusals and is no reason to change the
//! policy, while a policy that stops the callers of before shows within seconds.

use std::collections::VecDeque;

/// How far back the comparison looks.
const WINDOW_US: u64 = 60_000_000;
/// Less than this says nothing about the time before.
const SHORTEST_US: u64 = 2_000_000;
/// Fewer exchanges than this say nothing about the time since.
const FEWEST: u64 = 20;
/// A bundle fails when no more than one in so many of the expected exchanges pass.
const ONE_IN: u64 = 20;

/// Counts since the start of the gateway, at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    /// When, by the monotonic clock.
    pub(crate) at_us: u64,
    /// Exchanges that were answered by the upstream.
    pub(crate) passed: u64,
    /// Exchanges that were refused or failed.
    pub(crate) stopped: u64,
}

/// Why a bundle is taken back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// Version of the bundle before it.
    pub(crate) before: u64,
    /// Exchanges that would have passed at the rate of before.
    pub(crate) expected: u64,
    /// Exchanges that did.
    pub(crate) passed: u64,
    /// Exchanges that were refused or failed.
    pub(crate) stopped: u64,
}

/// A bundle that has just come into force.
#[derive(Debug)]
struct Running {
    before: u64,
    from: Sample,
    until_us: u64,
    /// Exchanges that passed before, and in what time.
    passed: u64,
    elapsed_us: u64,
}

/// What is remembered: a minute of counts, and the bundle on trial.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    history: VecDeque<Sample>,
    running: Option<Running>,
}

impl Trial {
    /// A bundle came into force at `now`, after the version `before`, and is on trial for so long.
    pub(crate) fn begin(&mut self, before: u64, now: Sample, trial_us: u64) {
        let first = self.history.front().copied().unwrap_or(now);
        let elapsed_us = now.at_us.saturating_sub(first.at_us);
        let passed = now.passed.saturating_sub(first.passed);
        // What came before belongs to another bundle from now on.
        self.history.clear();
        self.running = (trial_us > 0 && elapsed_us >= SHORTEST_US && passed > 0).then_some(Running {
            before,
            from: now,
            until_us: now.at_us.saturating_add(trial_us),
            passed,
            elapsed_us,
        });
    }

    /// Takes a sample; answers when the bundle on trial has failed. To be asked about once a second.
    pub(crate) fn look(&mut self, now: Sample) -> Option<Failed> {
        while self.history.front().is_some_and(|first| now.at_us.saturating_sub(first.at_us) > WINDOW_US) {
            self.history.pop_front();
        }
        self.history.push_back(now);
        let running = self.running.as_ref()?;
        let elapsed = u128::from(now.at_us.saturating_sub(running.from.at_us));
        let expected = u128::from(running.passed) * elapsed / u128::from(running.elapsed_us.max(1));
        let expected = u64::try_from(expected).unwrap_or(u64::MAX);
        let passed = now.passed.saturating_sub(running.from.passed);
        let stopped = now.stopped.saturating_sub(running.from.stopped);
        let before = running.before;
        let failed = expected >= FEWEST && passed.saturating_mul(ONE_IN) <= expected && stopped >= expected / 2;
        if failed || now.at_us >= running.until_us {
            self.running = None;
        }
        failed.then_some(Failed { before, expected, passed, stopped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;
    const MINUTE: u64 = 60 * SECOND;

    fn sample(second: u64, passed: u64, stopped: u64) -> Sample {
        Sample { at_us: second * SECOND, passed, stopped }
    }

    /// Ten seconds of a hundred exchanges each that passed, and one that did not.
    fn busy() -> Trial {
        let mut trial = Trial::default();
        for second in 0..=10 {
            assert_eq!(trial.look(sample(second, second * 100, second)), None);
        }
        trial
    }

    #[test]
    fn a_bundle_that_stops_everybody_is_taken_back_within_seconds() {
        let mut trial = busy();
        trial.begin(7, sample(10, 1000, 10), MINUTE);
        // Some were on their way when it came into force.
        let failed = trial.look(sample(11, 1005, 90)).unwrap();
        assert_eq!(failed, Failed { before: 7, expected: 100, passed: 5, stopped: 80 });
        assert_eq!(trial.look(sample(12, 1005, 190)), None, "it is told once");
    }

    #[test]
    fn a_bundle_under_which_callers_pass_as_before_stays_whatever_else_is_refused() {
        let mut trial = busy();
        trial.begin(7, sample(10, 1000, 10), MINUTE);
        for second in 11..80 {
            assert_eq!(trial.look(sample(second, second * 100, 10 + (second - 10) * 100_000)), None);
        }
    }

    #[test]
    fn callers_that_went_home_are_no_failure() {
        let mut trial = busy();
        trial.begin(7, sample(10, 1000, 10), MINUTE);
        for second in 11..80 {
            assert_eq!(trial.look(sample(second, 1000, 12)), None);
        }
    }

    #[test]
    fn nothing_is_judged_without_traffic_before_or_after_the_trial() {
        let mut trial = Trial::default();
        trial.begin(7, sample(10, 1000, 10), MINUTE);
        assert_eq!(trial.look(sample(20, 1000, 5000)), None);
        let mut trial = busy();
        trial.begin(7, sample(10, 1000, 10), 0);
        assert_eq!(trial.look(sample(20, 1000, 5000)), None);
        let mut trial = busy();
        trial.begin(7, sample(10, 1000, 10), MINUTE);
        assert_eq!(trial.look(sample(70, 7000, 10)), None);
        assert_eq!(trial.look(sample(100, 7000, 50_000)), None, "the trial is over");
    }

    #[test]
    fn the_past_is_bounded() {
        let mut trial = Trial::default();
        for second in 0..10_000 {
            trial.look(sample(second, second, 0));
        }
        assert!(trial.history.len() <= 61);
    }
}
