//! The gateway process: loads the last good bundle, serves, reloads, drains on SIGTERM.
//!
//! The calling thread runs the control socket, signals and the watch over the spool; workers have threads of their own.

use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use stockade_engine::State;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::task::LocalSet;

use crate::bundle::BundleError;
use crate::clock::Clock;
use crate::control::{self, Control};
use crate::folder::Folder;
use crate::look_ups::LookUps;
use crate::policy::Policy;
use crate::server::Server;
use crate::shared::{Counters, Shared};
use crate::spool::{Spool, SpoolStatus};
use crate::upstream::Health;

/// How often the spool is looked at.
const WATCH: Duration = Duration::from_secs(1);
/// How long workers may take beyond their own drain time.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the process is told when it starts.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Data folder: holds `bundles/`, `keys/bundle.pub`, `decisions.json`, `spool/` and `gateway.sock`.
    pub data: PathBuf,
}

/// Runs until told to stop. Returns the exit code: 0 after a drain, 1 after being cut short, 2 when nothing could be
/// started.
#[must_use]
pub fn run(options: &Options) -> i32 {
    let outcome = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))
        .and_then(|runtime| LocalSet::new().block_on(&runtime, start_and_serve(options)));
    match outcome {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(problem) => {
            tell(&format!("error: {problem}"));
            2
        }
    }
}

/// One line for the operator. The only place that writes to standard error.
pub(crate) fn tell(line: &str) {
    // Standard error may be closed; there is nobody left to tell that.
    let _ = writeln!(std::io::stderr().lock(), "stockade gateway: {line}");
}

/// Answers whether the gateway drained in order.
async fn start_and_serve(options: &Options) -> Result<bool, String> {
    let folder = Folder::new(&options.data);
    let (policy, drain) = load(&folder)?;
    // From here on the spool's lock says that these files are ours alone.
    let outcome = serve(&policy, &drain).await;
    policy.shared.spool.close();
    folder.remove_running();
    outcome
}

async fn serve(policy: &Policy, drain: &watch::Sender<bool>) -> Result<bool, String> {
    let Policy { shared, folder, .. } = policy;
    let mut stop = Stop::listen().map_err(|error| format!("cannot listen for signals: {error}"))?;
    let socket = folder.socket();
    let listener =
        control::bind(&socket).map_err(|error| format!("cannot open the socket `{}`: {error}", socket.display()))?;
    let server = Server::start(shared)?;
    folder.write_running(server.addresses()).map_err(|error| format!("cannot write `gateway.json`: {error}"))?;
    let addresses: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
    let bundle = shared.engine.load().plan().version;
    policy.notice("gateway.started", format!("listening on {} (bundle {bundle})", addresses.join(", ")));

    tokio::task::spawn_local(Control::new(policy.clone(), drain.clone()).serve(listener));
    tokio::task::spawn_local(watch_spool(policy.clone()));
    tokio::task::spawn_local(policy.clone().watch_trials());
    let ended = watch_server(server);
    Ok(supervise(policy, drain, &mut stop, ended).await)
}

/// Everything up to the first socket.
fn load(folder: &Folder) -> Result<(Policy, watch::Sender<bool>), String> {
    // Only fails when one is installed already, which is the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (compiled, problems) = folder.last_good();
    let told: Vec<String> = problems.iter().map(BundleError::to_string).collect();
    let compiled = compiled.ok_or_else(|| format!("no good bundle to start with: {}", told.join("; ")))?;
    let spool_folder = folder.spool();
    let spool = Spool::open(&spool_folder, &compiled.engine.plan().gateway.spool).map_err(|error| {
        let other = error.kind() == std::io::ErrorKind::WouldBlock;
        let problem = if other { "another gateway uses it".to_owned() } else { error.to_string() };
        format!("cannot open the spool `{}`: {problem}", spool_folder.display())
    })?;
    let (drain, draining) = watch::channel(false);
    let shared = Arc::new(Shared {
        engine: ArcSwap::new(compiled.engine),
        state: State::timed(crate::clock::ticks),
        spool,
        certificates: compiled.certificates,
        challenges: folder.challenges(),
        health: Health::default(),
        look_ups: LookUps::default(),
        clock: Clock::start(),
        counters: Counters::default(),
        drain: draining,
    });
    let policy = Policy { shared, folder: folder.clone(), trial: Rc::default() };
    if !told.is_empty() {
        policy.notice("bundle.fallback", told.join("; "));
    }
    // Refused decisions are told by a notice; the gateway starts without them rather than not at all.
    let _ = policy.decisions();
    Ok((policy, drain))
}

/// Ends when all workers have.
fn watch_server(server: Server) -> oneshot::Receiver<()> {
    let (done, ended) = oneshot::channel();
    std::thread::spawn(move || {
        server.join();
        let _ = done.send(());
    });
    ended
}

/// Waits for the order to stop, then for the workers. Answers whether they ended by themselves after it.
async fn supervise(
    policy: &Policy,
    drain: &watch::Sender<bool>,
    stop: &mut Stop,
    mut ended: oneshot::Receiver<()>,
) -> bool {
    let mut draining = drain.subscribe();
    tokio::select! {
        // Idle workers end as soon as they are told to: the order must be seen before its effect.
        biased;
        () = stop.asked() => {}
        _ = draining.wait_for(|draining| *draining) => {}
        _ = &mut ended => {
            tell("error: all workers have ended");
            return false;
        }
    }
    let drain_ms = policy.shared.engine.load().plan().gateway.timeouts.drain_ms;
    policy.notice("gateway.stopping", format!("running exchanges have {drain_ms} ms to end"));
    drain.send_replace(true);
    let patience = Duration::from_millis(u64::from(drain_ms)) + PATIENCE;
    tokio::select! {
        _ = &mut ended => true,
        () = stop.asked() => {
            tell("stopping at once");
            false
        }
        () = tokio::time::sleep(patience) => {
            tell("error: the workers did not end in time");
            false
        }
    }
}

/// Tells when records begin to be dropped and when that is over.
async fn watch_spool(policy: Policy) {
    let mut watch = SpoolWatch::default();
    loop {
        tokio::time::sleep(WATCH).await;
        if let Some((code, detail)) = watch.look(policy.shared.spool.status()) {
            policy.notice(code, detail);
        }
    }
}

/// Compares what the spool says with what it said before.
#[derive(Debug, Default)]
struct SpoolWatch {
    dropped: u64,
    alarmed: bool,
}

impl SpoolWatch {
    fn look(&mut self, status: SpoolStatus) -> Option<(&'static str, String)> {
        let more = status.dropped.saturating_sub(self.dropped);
        self.dropped = status.dropped;
        let bad = status.failing || more > 0;
        if bad == self.alarmed {
            return None;
        }
        self.alarmed = bad;
        let total = status.dropped;
        Some(if bad {
            let cause = if status.failing { "the disk does not take records" } else { "the spool is full" };
            ("spool.dropping", format!("{cause}; {total} records dropped so far, {} on disk", status.written))
        } else {
            ("spool.recovered", format!("{total} records dropped since the start"))
        })
    }
}

/// SIGTERM and SIGINT.
#[derive(Debug)]
struct Stop {
    terminate: Signal,
    interrupt: Signal,
    /// Listened for and never looked at: writing to a closed socket must be an error, not the end.
    _pipe: Signal,
}

impl Stop {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _pipe: signal(SignalKind::pipe())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_and_recovery_are_told_once_each() {
        let mut watch = SpoolWatch::default();
        let status = |dropped, failing| SpoolStatus { dropped, failing, ..SpoolStatus::default() };
        assert_eq!(watch.look(status(0, false)), None);
        assert_eq!(watch.look(status(0, true)).unwrap().0, "spool.dropping");
        assert_eq!(watch.look(status(5, true)), None);
        assert_eq!(watch.look(status(9, false)), None, "some were dropped since the last look");
        let (code, detail) = watch.look(status(9, false)).unwrap();
        assert_eq!((code, detail.as_str()), ("spool.recovered", "9 records dropped since the start"));
        assert_eq!(watch.look(status(9, false)), None);
    }

    #[test]
    fn without_a_bundle_nothing_starts() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(run(&Options { data: data.path().to_owned() }), 2);
    }
}
