//! Three gateways that count limits together through a real Redis, and what they do when it goes away.
//!
//! Needs `redis-server` (Debian package of that name) or `valkey-server`; without either the tests say so and pass.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    clippy::print_stdout,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by a panic, and uses a part of the support"
)]

mod support;
#[path = "../src/testing.rs"]
mod testing;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Gateway, origin};

/// The figures are those of one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// A store of its own on a socket in a folder of its own; dropping it ends it.
struct Store {
    child: Child,
    folder: tempfile::TempDir,
}

fn program() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    let found = ["redis-server", "valkey-server"]
        .iter()
        .find_map(|name| std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| path.is_file()));
    if found.is_none() {
        eprintln!("skipped: neither `redis-server` nor `valkey-server` is installed");
    }
    found
}

impl Store {
    fn start(program: &Path, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = Self::run(program, folder.path(), more);
        Self { child, folder }
    }

    fn run(program: &Path, folder: &Path, more: &[&str]) -> Child {
        let socket = folder.join("store.sock");
        let child = Command::new(program)
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(folder)
            .args(more)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < end, "the store does not start");
            thread::sleep(Duration::from_millis(20));
        }
        child
    }

    fn url(&self) -> String {
        format!("unix:{}", self.folder.path().join("store.sock").display())
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(self.folder.path().join("store.sock"));
    }

    fn again(&mut self, program: &Path) {
        self.child = Self::run(program, self.folder.path(), &[]);
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.kill();
    }
}

fn limit(share: &str, amount: u64, burst: u64) -> Value {
    json!({
        "name": "l", "by": ["api"], "select": null, "count": {"unit": "requests"}, "shared": share,
        "tiers": [{"amount": amount, "period_ms": 1000, "burst": burst, "action": "refuse", "delay_ms": 0}]
    })
}

fn gateways(count: usize, origin: SocketAddr, limit: &Value, store: &Value) -> Vec<Gateway> {
    let start = |_| {
        let mut plan = testing::plan(&origin.to_string());
        plan.apis[0].limits = vec![serde_json::from_value(limit.clone()).unwrap()];
        plan.gateway.shared_limits = Some(serde_json::from_value(store.clone()).unwrap());
        Gateway::start(plan)
    };
    let gateways: Vec<Gateway> = (0..count).map(start).collect();
    // Each has met the store and heard of the others.
    thread::sleep(Duration::from_millis(1_500));
    gateways
}

fn store_plan(store: &Store) -> Value {
    json!({
        "url": store.url(), "user": null, "password": null, "ca_file": null, "prefix": "test",
        "timeout_ms": 1000, "sync_ms": 50, "gateways": 0
    })
}

fn answer(_: &str) -> String {
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned()
}

/// Asks over one connection, `rate` times a second until `end`; how often it was let through.
fn ask(address: SocketAddr, rate: u32, end: Instant) -> u64 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let (mut admitted, mut room) = (0, [0; 4096]);
    let pause = Duration::from_secs(1) / rate;
    let mut next = Instant::now();
    while Instant::now() < end {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        let mut held = Vec::new();
        // Head and body come in one piece or in two.
        while !(held.ends_with(b"ok") || held.ends_with(b"}")) {
            let read = stream.read(&mut room).unwrap();
            assert!(read > 0, "the gateway closed the connection");
            held.extend_from_slice(&room[..read]);
        }
        let status = &held[9..12];
        assert!(status == b"200" || status == b"429", "{}", String::from_utf8_lossy(&held));
        admitted += u64::from(status == b"200");
        next += pause;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    admitted
}

/// What all gateways together admit in `length`, and what they should have.
fn measure(gateways: &[Gateway], amount: f64, burst: f64, length: Duration) -> (f64, f64) {
    let start = Instant::now();
    let end = start + length;
    let clients: Vec<_> = gateways
        .iter()
        .map(|gateway| {
            let address = gateway.address;
            thread::spawn(move || ask(address, 400, end))
        })
        .collect();
    let admitted: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();
    (admitted as f64, burst + amount * start.elapsed().as_secs_f64())
}

fn over(share: &str, most: f64) {
    let Some(program) = program() else { return };
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let store = Store::start(&program, &[]);
    let gateways = gateways(3, origin(answer), &limit(share, 200, 50), &store_plan(&store));
    let (admitted, ideal) = measure(&gateways, 200.0, 50.0, Duration::from_secs(5));
    let over = (admitted / ideal - 1.0) * 100.0;
    println!("{share}: {admitted} of {ideal:.1}, {over:+.2} %");
    assert!(over <= most, "{share}: {admitted} of {ideal:.1}, {over:+.2} %");
    assert!(over >= -20.0, "{share}: only {admitted} of {ideal:.1}");
    let unshared: u64 = gateways.iter().map(|one| one.shared.counters.unshared.load(Ordering::Relaxed)).sum();
    assert_eq!(unshared, 0, "every decision was the store's");
}

#[test]
fn exact_limits_are_exceeded_by_less_than_one_percent() {
    over("exact", 1.0);
}

#[test]
fn approximate_limits_are_exceeded_by_less_than_five_percent() {
    over("approximate", 5.0);
}

#[test]
fn without_the_store_traffic_goes_on_and_each_gateway_admits_its_share() {
    let Some(program) = program() else { return };
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for share in ["exact", "approximate"] {
        let mut store = Store::start(&program, &[]);
        let gateways = gateways(3, origin(answer), &limit(share, 60, 6), &store_plan(&store));
        let (with, _) = measure(&gateways, 60.0, 6.0, Duration::from_secs(1));
        assert!(with > 30.0, "{share}: {with}");
        store.kill();
        thread::sleep(Duration::from_millis(500));
        let (without, ideal) = measure(&gateways, 60.0, 6.0, Duration::from_secs(2));
        println!("{share} without the store: {without} of {ideal:.1}");
        assert!(without <= ideal * 1.1 && without >= ideal * 0.7, "{share}: {without} of {ideal:.1}");
        store.again(&program);
        thread::sleep(Duration::from_secs(3));
        let (back, ideal) = measure(&gateways, 60.0, 6.0, Duration::from_secs(2));
        println!("{share} with the store again: {back} of {ideal:.1}");
        assert!(back <= ideal * 1.1 && back >= ideal * 0.5, "{share}: {back} of {ideal:.1}");
        let failures = gateways[0].shared.counters.store_failures.load(Ordering::Relaxed);
        assert!(failures >= 1, "{share}: nobody counted that the store was away");
    }
}

#[test]
fn a_store_that_asks_for_a_password_gets_it() {
    let Some(program) = program() else { return };
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let store = Store::start(&program, &["--requirepass", "open sesame"]);
    let mut plan = store_plan(&store);
    plan["password"] = json!("open sesame");
    let good = gateways(1, origin(answer), &limit("exact", 10, 10), &plan);
    let _ = measure(&good, 10.0, 10.0, Duration::from_millis(300));
    assert_eq!(good[0].shared.counters.unshared.load(Ordering::Relaxed), 0);
    assert_eq!(good[0].shared.counters.store_failures.load(Ordering::Relaxed), 0);
    plan["password"] = json!("wrong");
    let bad = gateways(1, origin(answer), &limit("exact", 10, 10), &plan);
    assert!(bad[0].shared.counters.store_failures.load(Ordering::Relaxed) >= 1);
    let (admitted, _) = measure(&bad, 10.0, 10.0, Duration::from_millis(300));
    assert!(admitted >= 5.0, "traffic goes on");
}
