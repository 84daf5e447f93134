//! What all workers share, and what each has of its own.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arc_swap::ArcSwap;
use stockade_engine::{Engine, State};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::spool::Spool;
use crate::tls::Certificates;
use crate::upstream::{Health, Upstreams};

/// One for the process.
#[derive(Debug)]
pub struct Shared {
    /// The compiled bundle in force; swapped whole on reload.
    pub engine: ArcSwap<Engine>,
    /// What the engine remembers.
    pub state: State,
    /// Where events go.
    pub spool: Spool,
    /// Certificates of all TLS listeners, swapped on reload.
    pub certificates: Certificates,
    /// Which upstream targets are usable, as all workers see it.
    pub health: Health,
    /// The clock.
    pub clock: Clock,
    /// What was counted since the start.
    pub counters: Counters,
    /// Turns to `true` when the gateway is to stop: no new connection, no further request on an old one.
    pub drain: watch::Receiver<bool>,
}

/// One for each worker thread.
#[derive(Debug)]
pub struct Worker {
    /// What all share.
    pub shared: Arc<Shared>,
    /// This worker's upstream connections.
    pub upstreams: Upstreams,
}

/// A worker as its tasks hold it.
pub type WorkerRef = Rc<Worker>;

/// Counts since the start, read by the control socket's `status`.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections accepted.
    pub connections: AtomicU64,
    /// Connections open now.
    pub open_connections: AtomicU64,
    /// Connections turned away: caps, handshakes that failed.
    pub refused_connections: AtomicU64,
    /// Exchanges finished, however they ended.
    pub exchanges: AtomicU64,
    /// Exchanges refused by a stage.
    pub refused: AtomicU64,
    /// Exchanges that failed behind the engine.
    pub failed: AtomicU64,
    /// Requests during which a stage panicked.
    pub panics: AtomicU64,
    /// Stages passed because of fail mode `open`.
    pub failed_open: AtomicU64,
    /// Bundles put in force.
    pub reloads: AtomicU64,
    /// Bundles refused.
    pub refused_bundles: AtomicU64,
}
