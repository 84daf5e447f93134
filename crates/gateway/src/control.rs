//! The control socket: reload, decisions, status, drain; one JSON object a line, one answer a line. After `look_ups` the
//! roles are turned round: the gateway asks, and control answers.
//!
//! Only the owner of the data folder can open it. Everything is bounded all the same: clients, lines, waiting.

use std::cell::Cell;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use stockade_model::Stage;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::bundle::BundleError;
use crate::policy::Policy;
use crate::shared::Counters;

const LINE_BYTES_MAX: u64 = 64 << 10;
const CLIENTS_MAX: u32 = 32;
const IDLE: Duration = Duration::from_secs(300);
const WRITE: Duration = Duration::from_secs(5);

/// Answers questions about the gateway and carries out what control asks.
#[derive(Debug)]
pub(crate) struct Control {
    policy: Policy,
    drain: watch::Sender<bool>,
    clients: Cell<u32>,
}

/// Binds the socket, over one that a dead gateway left. The spool's lock has made sure that no other one lives.
///
/// # Errors
/// A path that is too long for a socket (107 bytes), or a folder that cannot be written.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    // Bound under another name, so that it is never reachable with other permissions.
    let fresh = path.with_extension("new");
    if let Err(error) = fs::remove_file(&fresh)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let listener = UnixListener::bind(&fresh)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
    fs::rename(&fresh, path)?;
    Ok(listener)
}

impl Control {
    pub(crate) fn new(policy: Policy, drain: watch::Sender<bool>) -> Rc<Self> {
        Rc::new(Self { policy, drain, clients: Cell::new(0) })
    }

    /// Serves one client after the other has been given its own task; never ends. Must run on a `LocalSet`.
    pub(crate) async fn serve(self: Rc<Self>, listener: UnixListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of descriptors, most likely: traffic goes first.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            if self.clients.get() >= CLIENTS_MAX {
                let busy = nack("control.busy", format!("expected at most {CLIENTS_MAX} clients at once"));
                // It fits into the socket's buffer, or the client is gone.
                let _ = stream.try_write(format!("{busy}\n").as_bytes());
                continue;
            }
            self.clients.set(self.clients.get() + 1);
            let control = Rc::clone(&self);
            tokio::task::spawn_local(async move {
                // A client that breaks off has nobody to tell.
                let _ = control.converse(stream).await;
                control.clients.set(control.clients.get() - 1);
            });
        }
    }

    async fn converse(&self, stream: UnixStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut limited = (&mut stream).take(LINE_BYTES_MAX);
            timeout(IDLE, limited.read_until(b'\n', &mut line)).await??;
            if line.is_empty() {
                return Ok(());
            }
            if asks_for_look_ups(&line) {
                timeout(WRITE, stream.write_all(b"{\"ok\":true}\n")).await??;
                let (input, mut output) = tokio::io::split(stream);
                return self.policy.shared.look_ups.serve(&mut BufReader::new(input), &mut output).await;
            }
            let whole = line.ends_with(b"\n");
            let answer = if whole || (line.len() as u64) < LINE_BYTES_MAX {
                self.answer(&line)
            } else {
                nack("control.line", format!("expected a line of at most {LINE_BYTES_MAX} bytes"))
            };
            let mut answer = answer.to_string().into_bytes();
            answer.push(b'\n');
            timeout(WRITE, stream.write_all(&answer)).await??;
            if !whole {
                // Closing with bytes unread would reset the connection and take the answer with it.
                stream.shutdown().await?;
                let mut rest = stream.take(LINE_BYTES_MAX * 16);
                timeout(WRITE, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await??;
                return Ok(());
            }
        }
    }

    fn answer(&self, line: &[u8]) -> Value {
        let asked: Value = match serde_json::from_slice(line) {
            Ok(asked) => asked,
            Err(error) => return nack("control.json", format!("expected a JSON object: {error}")),
        };
        match asked.get("op").and_then(Value::as_str) {
            Some("reload") => self.reload(),
            Some("decisions") => self.decisions(),
            Some("status") => self.status(),
            Some("drain") => {
                self.drain.send_replace(true);
                json!({"ok": true})
            }
            _ => nack("control.op", "expected `op` to be one of reload, decisions, status, drain, look_ups".to_owned()),
        }
    }

    fn reload(&self) -> Value {
        match self.policy.reload() {
            Ok(reloaded) => {
                json!({"ok": true, "bundle": reloaded.bundle, "restart": reloaded.restart, "decisions": self.decisions()})
            }
            Err(BundleError { code, problem }) => nack(code, problem),
        }
    }

    fn decisions(&self) -> Value {
        match self.policy.decisions() {
            Ok(active) => json!({"ok": true, "active": active}),
            Err(problem) => nack("decisions.refused", problem),
        }
    }

    fn status(&self) -> Value {
        let shared = &self.policy.shared;
        json!({
            "ok": true,
            "pid": std::process::id(),
            "bundle": shared.engine.load().plan().version,
            "draining": *shared.drain.borrow(),
            "uptime_us": shared.clock.now().monotonic_us,
            "counters": counters(&shared.counters),
            "stages": stages(shared.state.stage_times()),
            "spool": shared.spool.status(),
            "upstreams": shared.health.status(),
        })
    }
}

/// How many exchanges were measured, and how long each stage took of them in all.
fn stages((measured, times): (u64, Vec<(Stage, u64)>)) -> Value {
    let times: serde_json::Map<String, Value> =
        times.into_iter().map(|(stage, ns)| (stage.name().to_owned(), Value::from(ns))).collect();
    json!({"measured": measured, "ns": times})
}

/// Whether a line turns its connection into the one over which look-ups are answered.
fn asks_for_look_ups(line: &[u8]) -> bool {
    serde_json::from_slice(line).is_ok_and(|asked: Value| asked.get("op").is_some_and(|op| op == "look_ups"))
}

fn nack(code: &str, problem: String) -> Value {
    json!({"ok": false, "code": code, "problem": problem})
}

fn counters(counters: &Counters) -> Value {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    json!({
        "connections": read(&counters.connections),
        "open_connections": read(&counters.open_connections),
        "refused_connections": read(&counters.refused_connections),
        "exchanges": read(&counters.exchanges),
        "refused": read(&counters.refused),
        "failed": read(&counters.failed),
        "panics": read(&counters.panics),
        "failed_open": read(&counters.failed_open),
        "waiting": read(&counters.waiting),
        "unshared": read(&counters.unshared),
        "store_failures": read(&counters.store_failures),
        "look_ups": read(&counters.look_ups),
        "unanswered_look_ups": read(&counters.unanswered_look_ups),
        "reloads": read(&counters.reloads),
        "refused_bundles": read(&counters.refused_bundles),
    })
}
