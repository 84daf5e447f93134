//! Scripted upstreams: each connection is answered by what a closure writes.

use std::cell::Cell;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use stockade_engine::{Body, Cleared, Engine, State};
use stockade_model::plan::{TargetPlan, UpstreamPlan};
use stockade_model::{
    CanonicalPath, Client, Framing, Headers, HttpVersion, Now, Plan, Request, RequestId, Scheme, Timestamp,
};
use tokio::task::LocalSet;

use crate::upstream::{Health, Reply, UpstreamFailure, Upstreams};

/// A request of a client at 192.0.2.7 for `shop.example`.
pub(crate) fn request(method: &str, path: &str) -> Request {
    Request {
        id: RequestId::new(Timestamp(0), 1),
        method: method.to_owned(),
        scheme: Scheme::Https,
        authority: "shop.example".to_owned(),
        path: CanonicalPath::parse(path.as_bytes()).unwrap(),
        query: None,
        version: HttpVersion::Http11,
        headers: Headers::default(),
        framing: Framing::None,
        upgrade: None,
        client: Arc::new(Client {
            address: "192.0.2.7".parse().unwrap(),
            peer: "192.0.2.7".parse().unwrap(),
            port: 4711,
            tls: None,
            certificate: None,
        }),
        received: None,
    }
}

/// A gateway's upstream side under test.
pub(crate) struct Bench {
    pub(crate) engine: Arc<Engine>,
    pub(crate) upstreams: Upstreams,
    pub(crate) health: Health,
    next: Cell<u64>,
}

/// A plan whose API goes to `targets`, with short times.
pub(crate) fn plan(targets: &[SocketAddr], change: impl FnOnce(&mut UpstreamPlan)) -> Plan {
    let mut plan = crate::testing::plan("127.0.0.1:1");
    let upstream = &mut plan.apis[0].upstream;
    upstream.targets = targets.iter().map(|target| TargetPlan { url: format!("http://{target}") }).collect();
    upstream.connect_ms = 500;
    upstream.idle_ms = 1_000;
    upstream.retries = 0;
    change(upstream);
    plan
}

impl Bench {
    pub(crate) fn new(targets: &[SocketAddr], change: impl FnOnce(&mut UpstreamPlan)) -> Self {
        let engine = Arc::new(Engine::new(plan(targets, change)).unwrap());
        let health = Health::default();
        let upstreams = Upstreams::new(&health);
        upstreams.update(&engine);
        Self { engine, upstreams, health, next: Cell::new(0) }
    }

    /// Puts another plan in force.
    pub(crate) fn reload(&mut self, plan: Plan) {
        self.engine = Arc::new(Engine::new(plan).unwrap());
        self.upstreams.update(&self.engine);
    }

    /// Has the engine clear `request` with `body`.
    pub(crate) fn clear(&self, request: Request, body: &[u8], complete: bool) -> Cleared {
        let state = State::new();
        self.next.set(self.next.get() + 1);
        let now = Now { wall: Timestamp(self.next.get()), monotonic_us: self.next.get() };
        let admitted = self.engine.judge_head(&state, request, false, now).unwrap();
        let body = Body { bytes: Bytes::copy_from_slice(body), complete };
        self.engine.judge_body(&state, admitted, body, now).unwrap()
    }

    /// Sends a whole request.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &[u8]) -> Result<Reply, UpstreamFailure> {
        self.upstreams.send(&self.clear(request(method, path), body, true)).await
    }

    /// GETs `/` and reads the answer to its end.
    pub(crate) async fn get(&self) -> Result<(u16, Vec<u8>), UpstreamFailure> {
        let mut reply = self.send("GET", "/", b"").await?;
        Ok((reply.head.status, read(&mut reply).await?))
    }

    /// The code of the failure that a GET ends with, head or body.
    pub(crate) async fn failure(&self) -> &'static str {
        self.get().await.expect_err("expected a failure").reason.code
    }
}

/// Reads a reply to its end.
pub(crate) async fn read(reply: &mut Reply) -> Result<Vec<u8>, UpstreamFailure> {
    let mut body = Vec::new();
    while let Some(data) = reply.next().await? {
        body.extend_from_slice(&data);
    }
    Ok(body)
}

/// Runs a test on a runtime like a worker's.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let limited = async { tokio::time::timeout(Duration::from_secs(20), test).await.expect("test took too long") };
    LocalSet::new().block_on(&runtime, limited)
}

/// An upstream that runs a script.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    seen: Receiver<String>,
}

/// One connection as a script sees it.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    /// Which connection it is, from 0.
    pub(crate) number: usize,
    seen: std::sync::mpsc::Sender<String>,
}

impl Origin {
    /// Runs `script` on a thread of its own for each connection.
    pub(crate) fn new(script: impl Fn(Peer) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let script = Arc::new(script);
        let (sender, seen) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
                let number = counter.fetch_add(1, Ordering::SeqCst);
                let script = Arc::clone(&script);
                let seen = sender.clone();
                thread::spawn(move || script(Peer { stream, number, seen }));
            }
        });
        Self { address, connections, seen }
    }

    /// Answers every request on every connection with the same bytes.
    pub(crate) fn answering(answer: &'static [u8]) -> Self {
        Self::new(move |mut peer| {
            while peer.request().is_some() {
                peer.write(answer);
            }
        })
    }

    /// Answers one request on each connection with `answer`, and closes.
    pub(crate) fn closing(answer: &'static [u8]) -> Self {
        Self::new(move |mut peer| {
            if peer.request().is_some() {
                peer.write(answer);
            }
        })
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The next request or note.
    pub(crate) fn seen(&self) -> String {
        self.seen.recv_timeout(Duration::from_secs(5)).expect("nothing came")
    }

    /// How many requests or notes came so far beyond those taken.
    pub(crate) fn count(&self) -> usize {
        self.seen.try_iter().count()
    }
}

impl Peer {
    /// Reads a request with the body its `content-length` promises; `None` when the connection is closed.
    pub(crate) fn request(&mut self) -> Option<String> {
        let mut text = Vec::new();
        let mut byte = [0; 1];
        while !text.ends_with(b"\r\n\r\n") {
            if self.stream.read(&mut byte).ok()? == 0 {
                return None;
            }
            text.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&text).into_owned();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        let whole = head + &String::from_utf8_lossy(&body);
        self.note(whole.clone());
        Some(whole)
    }

    /// Hands something to the test.
    pub(crate) fn note(&self, text: impl Into<String>) {
        let _ = self.seen.send(text.into());
    }

    /// Writes bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Waits until the other side closes; `true` when it did.
    pub(crate) fn closed(&mut self) -> bool {
        let mut rest = [0; 4096];
        loop {
            match self.stream.read(&mut rest) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => {
                    return !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
                }
            }
        }
    }
}
