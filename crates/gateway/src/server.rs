//! Starts the workers and stops them in order.

mod bind;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use crate::accept::{Acceptor, Admission, Listener, Open};
use crate::shared::{Shared, Worker, WorkerRef};
use crate::upstream::Upstreams;

/// How often a worker looks whether a new bundle is in force.
const RELOAD_CHECK: Duration = Duration::from_millis(200);

/// Running workers.
#[derive(Debug)]
pub struct Server {
    threads: Vec<JoinHandle<()>>,
    addresses: Vec<SocketAddr>,
}

impl Server {
    /// Binds every listener of the plan and starts the workers.
    ///
    /// Each worker has its own socket for each address (`SO_REUSEPORT`), so the kernel spreads connections and no
    /// lock is shared. All are bound before the first worker starts.
    ///
    /// # Errors
    /// An address that cannot be bound, or a thread that cannot be started.
    pub fn start(shared: &Arc<Shared>) -> Result<Self, String> {
        let engine = shared.engine.load_full();
        let plan = &engine.plan().gateway;
        let workers = match plan.workers {
            0 => thread::available_parallelism().map_or(1, usize::from),
            workers => usize::from(workers),
        };
        let (listeners, addresses) = bind::all(&plan.listeners, workers)?;
        let admission = Arc::new(Admission::default());
        let mut threads = Vec::with_capacity(workers);
        for (index, listeners) in listeners.into_iter().enumerate() {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| format!("cannot start worker {index}: {error}"))?;
            let shared = Arc::clone(shared);
            let admission = Arc::clone(&admission);
            let thread = thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || work(&runtime, shared, admission, listeners, index == 0))
                .map_err(|error| format!("cannot start worker {index}: {error}"))?;
            threads.push(thread);
        }
        Ok(Self { threads, addresses })
    }

    /// The addresses that were bound, in the order of the plan; a port of 0 has become a real one.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Waits until all workers have drained (the drain signal is `Shared::drain`) and ended.
    pub fn join(self) {
        for thread in self.threads {
            // A worker that panicked has already told so on standard error; the others are waited for all the same.
            let _ = thread.join();
        }
    }
}

/// One worker, until it has drained.
///
/// The `first` one also does what the process has to do once.
fn work(runtime: &Runtime, shared: Arc<Shared>, admission: Arc<Admission>, listeners: Vec<Listener>, first: bool) {
    let local = LocalSet::new();
    local.block_on(runtime, async move {
        let limits = first.then(|| tokio::task::spawn_local(crate::limits::keep(Arc::clone(&shared))));
        let upstreams = Upstreams::new(&shared.health);
        let worker = Worker::new(shared, upstreams);
        let reloads = tokio::task::spawn_local(follow_reloads(Rc::clone(&worker)));
        let checking = Rc::clone(&worker);
        let checks = tokio::task::spawn_local(async move {
            let shared = &checking.shared;
            shared.health.run_checks(&shared.engine).await;
        });
        let open = Rc::new(Open::default());
        let acceptor = Acceptor { worker: Rc::clone(&worker), admission, open: Rc::clone(&open) };
        let accepting: Vec<_> =
            listeners.into_iter().map(|listener| tokio::task::spawn_local(acceptor.clone().run(listener))).collect();
        // They end when the gateway drains, and not before.
        for accepting in accepting {
            let _ = accepting.await;
        }
        let patience = worker.shared.engine.load().plan().gateway.timeouts.drain_ms;
        let _ = tokio::time::timeout(Duration::from_millis(u64::from(patience)), open.emptied()).await;
        reloads.abort();
        checks.abort();
        if let Some(limits) = limits {
            limits.abort();
        }
    });
}

/// Tells the worker's upstream pools of every bundle that comes into force, the first one included.
async fn follow_reloads(worker: WorkerRef) {
    let mut known = worker.shared.engine.load_full();
    worker.upstreams.update(&known);
    loop {
        tokio::time::sleep(RELOAD_CHECK).await;
        let current = worker.shared.engine.load();
        if !Arc::ptr_eq(&known, &current) {
            known = Arc::clone(&current);
            worker.upstreams.update(&known);
        }
    }
}
