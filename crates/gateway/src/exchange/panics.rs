//! Where panics end: one costs its own exchange and nothing else.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use stockade_model::{Now, Refusal, Stage};

use super::reasons;
use crate::emit::Trace;
use crate::shared::{Worker, count};

/// Asks the engine, and notes how long it took. `None` when it panicked.
///
/// The engine shares nothing with us but state behind locks that survive a panic, so nothing is seen half-done.
pub(super) fn ask<T>(worker: &Worker, trace: &mut Trace, question: impl FnOnce(Now) -> T) -> Option<T> {
    let now = trace.now;
    let answer = catch_unwind(AssertUnwindSafe(|| question(now))).ok();
    trace.timing.engine_us += trace.waited(&worker.shared.clock);
    if answer.is_none() {
        count(&worker.shared.counters.panics);
    }
    answer
}

/// Runs `work` to its end. `None` when it panicked.
///
/// What it had borrowed may be half-done then: it is good only for giving the exchange up. It stays where the caller
/// has pinned it, as a move would be a large copy.
pub(super) async fn contain<T>(worker: &Worker, mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let ended = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    });
    let ended = ended.await;
    if ended.is_none() {
        count(&worker.shared.counters.panics);
    }
    ended
}

/// The failure of an exchange that ended in a panic of `what`.
pub(super) fn panicked(what: &str) -> Refusal {
    Refusal::new(Stage::Gateway, &reasons::PANIC, "", format!("{what} panicked"))
}
