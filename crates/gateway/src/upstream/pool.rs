//! One worker's connections to one target: the last one used serves next, and none serves after its time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::http1::Shared;
use super::http2;
use super::target::Target;

/// Longest time a connection is kept idle; most servers close after 60 s or more, some after 65 or 75 s.
const IDLE: Duration = Duration::from_secs(55);

/// After so long the kernel is asked whether the connection is still open, not only the runtime.
const DOUBT: Duration = Duration::from_secs(1);

/// Time between two looks at idle connections.
const SWEEP: Duration = Duration::from_secs(5);

/// Connections of one worker to one target.
#[derive(Debug)]
pub(super) struct Pool {
    idle: RefCell<VecDeque<Shared>>,
    keep: usize,
    sweeping: Cell<bool>,
    /// HTTP/2 connections, idle or not.
    pub(super) http2: http2::Connections,
}

impl Pool {
    /// An empty pool that keeps at most so many idle HTTP/1.1 connections.
    pub(super) fn new(keep_idle: u16) -> Self {
        Self {
            idle: RefCell::default(),
            keep: usize::from(keep_idle),
            sweeping: Cell::new(false),
            http2: http2::Connections::default(),
        }
    }

    /// The idle connection used last that is still good.
    pub(super) fn take(&self) -> Option<Shared> {
        let mut idle = self.idle.borrow_mut();
        let now = Instant::now();
        while let Some(connection) = idle.pop_back() {
            let age = now.saturating_duration_since(connection.borrow().idle_since());
            if age >= IDLE {
                // All others are older.
                idle.clear();
                return None;
            }
            if connection.borrow().is_quiet(age >= DOUBT) {
                return Some(connection);
            }
        }
        None
    }

    /// Closes what is too old or was closed by the other side. Whether any is left.
    fn sweep(&self) -> bool {
        let now = Instant::now();
        let young = |since: Instant| now.saturating_duration_since(since) < IDLE;
        self.idle.borrow_mut().retain(|connection| {
            let connection = connection.borrow();
            young(connection.idle_since()) && connection.is_quiet(true)
        });
        let http2 = self.http2.sweep(young);
        http2 || !self.idle.borrow().is_empty()
    }
}

impl Target {
    /// Keeps a connection that has served for the next exchange.
    pub(super) fn put(self: &Rc<Self>, connection: Shared) {
        let surplus = {
            let mut idle = self.pool.idle.borrow_mut();
            idle.push_back(connection);
            if idle.len() > self.pool.keep { idle.pop_front() } else { None }
        };
        drop(surplus);
        self.keep_swept();
    }

    /// Sees to it that idle connections are closed in time, even when no further request comes.
    pub(super) fn keep_swept(self: &Rc<Self>) {
        if !self.pool.sweeping.replace(true) {
            tokio::task::spawn_local(sweep(Rc::downgrade(self)));
        }
    }
}

async fn sweep(target: Weak<Target>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(target) = target.upgrade() else { return };
        if !target.pool.sweep() {
            target.pool.sweeping.set(false);
            return;
        }
    }
}
