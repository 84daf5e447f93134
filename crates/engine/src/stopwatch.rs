//! How long stages take, measured on a few exchanges with a clock that the gateway passes in. No verdict rests on it.

use std::sync::atomic::{AtomicU64, Ordering};

use stockade_model::{RequestId, Stage};

/// One exchange in so many is measured.
pub const MEASURED_EACH: u64 = 64;

/// Reads a clock that never goes back, nanoseconds.
pub type ReadClock = fn() -> u64;

/// Time of each stage since the start; without a clock nothing is measured.
#[derive(Debug, Default)]
pub(crate) struct StageTimes {
    clock: Option<ReadClock>,
    measured: AtomicU64,
    ns: [AtomicU64; Stage::ALL.len()],
}

/// Measures the stages of one exchange, one after the other.
pub(crate) struct Stopwatch<'a> {
    times: &'a StageTimes,
    clock: ReadClock,
    last: u64,
}

impl StageTimes {
    pub(crate) fn new(clock: ReadClock) -> Self {
        Self { clock: Some(clock), ..Self::default() }
    }

    /// Starts when this exchange is one that is measured; `first` is whether none of its stages ran before.
    pub(crate) fn start(&self, id: RequestId, first: bool) -> Option<Stopwatch<'_>> {
        let clock = self.clock.filter(|_| id.span().is_multiple_of(MEASURED_EACH))?;
        self.measured.fetch_add(u64::from(first), Ordering::Relaxed);
        Some(Stopwatch { times: self, clock, last: clock() })
    }

    /// How many exchanges were measured, and how long each stage took of them in all, nanoseconds.
    pub(crate) fn read(&self) -> (u64, Vec<(Stage, u64)>) {
        let read = |(stage, ns): (Stage, &AtomicU64)| (stage, ns.load(Ordering::Relaxed));
        let stages = Stage::ALL.into_iter().zip(&self.ns).map(read).filter(|(_, ns)| *ns > 0).collect();
        (self.measured.load(Ordering::Relaxed), stages)
    }
}

impl Stopwatch<'_> {
    /// Ends a stage and begins the next.
    pub(crate) fn lap(&mut self, stage: Stage) {
        let now = (self.clock)();
        if let Some(ns) = Stage::ALL.iter().position(|one| *one == stage).and_then(|at| self.times.ns.get(at)) {
            ns.fetch_add(now.saturating_sub(self.last), Ordering::Relaxed);
        }
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stockade_model::Timestamp;

    fn clock() -> u64 {
        static NOW: AtomicU64 = AtomicU64::new(0);
        NOW.fetch_add(10, Ordering::Relaxed)
    }

    #[test]
    fn one_exchange_in_many_is_measured_stage_by_stage() {
        let times = StageTimes::new(clock);
        let id = |random| RequestId::new(Timestamp(0), random);
        assert!(times.start(id(1), true).is_none() && StageTimes::default().start(id(64), true).is_none());
        for first in [true, false] {
            let mut watch = times.start(id(64), first).unwrap();
            watch.lap(Stage::Route);
            watch.lap(Stage::Access);
        }
        assert_eq!(times.read(), (1, vec![(Stage::Route, 20), (Stage::Access, 20)]));
    }
}
