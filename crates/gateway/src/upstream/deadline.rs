//! Deadlines that cost next to nothing while things go well.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// One timer for all waits on a connection.
///
/// A timer that is already set to go off earlier is left alone and looked at again when it does; so thousands of
/// exchanges on one connection touch the runtime's timer wheel once every idle time, not once each.
#[derive(Debug, Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Ready once `at` has passed.
    pub(super) fn poll(&mut self, at: Instant, context: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        loop {
            ready!(sleep.as_mut().poll(context));
            if sleep.deadline() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }
}

/// What one exchange may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Longest silence; `None` for streams.
    idle: Option<Duration>,
    /// When all must be over.
    end: Option<Instant>,
    /// When the present silence has lasted too long.
    silence: Option<Instant>,
    /// What `saw` was told last.
    seen: u64,
}

impl Limits {
    /// Limits that begin to run at once. `idle_ms` and `total_ms` of 0 mean none.
    pub(super) fn start(idle_ms: u32, total_ms: u32) -> Self {
        let span = |milliseconds| (milliseconds > 0).then(|| Duration::from_millis(u64::from(milliseconds)));
        Self { idle: span(idle_ms), end: span(total_ms).map(|total| Instant::now() + total), silence: None, seen: 0 }
    }

    /// No limits, for streams.
    pub(super) const fn none() -> Self {
        Self { idle: None, end: None, silence: None, seen: 0 }
    }

    /// Something moved: the silence is over.
    pub(super) const fn moved(&mut self) {
        self.silence = None;
    }

    /// Whatever is counted stands at `count`: the silence is over when that is news.
    pub(super) const fn saw(&mut self, count: u64) {
        if self.seen != count {
            self.seen = count;
            self.silence = None;
        }
    }

    /// Called when nothing moves: ready when that has lasted too long.
    pub(super) fn poll(&mut self, timer: &mut Timer, context: &mut Context<'_>) -> Poll<()> {
        if self.silence.is_none() {
            self.silence = self.idle.map(|idle| Instant::now() + idle);
        }
        let at = match (self.silence, self.end) {
            (Some(silence), Some(end)) => silence.min(end),
            (Some(at), None) | (None, Some(at)) => at,
            (None, None) => return Poll::Pending,
        };
        timer.poll(at, context)
    }
}
