//! The running connections of one worker, so that a drain can wait for the last one.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use tokio::sync::Notify;

use crate::shared::WorkerRef;

/// How many connections a worker has.
#[derive(Debug, Default)]
pub(crate) struct Open {
    count: Cell<usize>,
    left: Notify,
}

/// One connection, counted until it is dropped.
pub(crate) struct Guest {
    open: Rc<Open>,
    worker: WorkerRef,
}

impl Open {
    /// Counts one more, here and in the gateway's counters.
    pub(crate) fn enter(self: &Rc<Self>, worker: WorkerRef) -> Guest {
        self.count.set(self.count.get() + 1);
        worker.shared.counters.open_connections.fetch_add(1, Ordering::Relaxed);
        Guest { open: Rc::clone(self), worker }
    }

    /// Waits until there is none.
    pub(crate) async fn emptied(&self) {
        while self.count.get() > 0 {
            self.left.notified().await;
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.open.count.set(self.open.count.get().saturating_sub(1));
        self.worker.shared.counters.open_connections.fetch_sub(1, Ordering::Relaxed);
        self.open.left.notify_one();
    }
}
