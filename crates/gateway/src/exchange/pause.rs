//! An exchange that a limit slows down: it waits here, among a bounded number of others, and holds no more than it held.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stockade_model::{Refusal, Request, Stage, VerdictKind};

use super::race::{First, first};
use super::{Exchange, Judged, reasons};
use crate::emit::Ended;
use crate::message::{RequestBody, ResponseSink};

/// Why a pause did not end in order.
pub(super) enum Cut {
    /// The client is gone.
    Gone,
    /// Too many wait already.
    Full,
}

/// One that waits; gives its place back when it is dropped.
struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicU64, most: u32) -> Option<Self> {
        if waiting.fetch_add(1, Ordering::Relaxed) >= u64::from(most) {
            waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Self(waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<B: RequestBody, S: ResponseSink> Exchange<'_, B, S> {
    /// Waits `wait_ms`, unless the client goes away.
    pub(super) async fn pause(&mut self, wait_ms: u32) -> Result<(), Cut> {
        let shared = &self.worker.shared;
        let most = self.edge.plan().limits.waiting_exchanges;
        let _place = Waiting::begin(&shared.counters.waiting, most).ok_or(Cut::Full)?;
        let pause = pin!(tokio::time::sleep(Duration::from_millis(u64::from(wait_ms))));
        let ended = first(pause, pin!(self.body.gone())).await;
        self.trace.waited(&self.worker.shared.clock);
        match ended {
            First::Left(()) => Ok(()),
            First::Right(()) => Err(Cut::Gone),
        }
    }

    /// Ends an exchange whose pause did not end in order.
    pub(super) async fn cut(
        &mut self,
        cut: Cut,
        request: Box<Request>,
        mut record: Box<stockade_engine::Record>,
    ) -> Judged {
        let (refusal, verdict) = match cut {
            Cut::Gone => {
                self.sink.abort();
                let refusal =
                    Refusal::new(Stage::Gateway, &reasons::CLIENT_GONE, "", "it went while a limit let it wait");
                (refusal, VerdictKind::Failed)
            }
            Cut::Full => {
                let detail = format!("{} exchanges wait already", self.edge.plan().limits.waiting_exchanges);
                let mut refusal = Refusal::new(Stage::Limit, &reasons::TOO_MANY_WAIT, "gateway.limits.waiting", detail);
                refusal.retry_after_s = Some(1);
                (refusal, VerdictKind::Refused)
            }
        };
        let after = match verdict {
            VerdictKind::Failed => super::After::Broken,
            _ => self.answer(&refusal, &record).await,
        };
        record.refusals.push(refusal);
        Judged::Ended(Ended { request: Some(request), record, verdict }, after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_wait_than_may_and_places_are_given_back() {
        let waiting = AtomicU64::new(0);
        let one = Waiting::begin(&waiting, 2).unwrap();
        let two = Waiting::begin(&waiting, 2).unwrap();
        assert!(Waiting::begin(&waiting, 2).is_none());
        drop(one);
        assert!(Waiting::begin(&waiting, 2).is_some());
        drop(two);
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
    }
}
