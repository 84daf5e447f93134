//! Clients that leave in the middle of something. Alone in its process, because it counts the process's descriptors.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by a panic"
)]

mod http2_support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http2_support::{Gateway, Origin};

/// What clients have sent when they leave.
const LEAVING: [&str; 5] = [
    "",
    "GET /hello HTTP/1.1\r\nhos",
    "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nonly some",
    "GET /wait HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /bytes/4000000 HTTP/1.1\r\nhost: a\r\n\r\n",
];
const EACH: usize = 60;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn hello(gateway: &Gateway) -> String {
    let mut client = TcpStream::connect(gateway.plain).unwrap();
    client.write_all(b"GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn clients_that_leave_leave_nothing_behind() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |plan| {
        plan.apis[0].inspect.enabled = false;
        // No upstream connection is kept, so that any that is left is a leak.
        plan.apis[0].upstream.keep_idle = 0;
    });
    let counters = &gateway.shared.counters;
    // What is opened once, such as the first segment of the spool, is open from here on.
    assert!(hello(&gateway).starts_with("HTTP/1.1 200"));
    gateway.events();
    let before = descriptors();
    for round in 1..=3 {
        for said in LEAVING {
            let clients: Vec<TcpStream> = (0..EACH)
                .map(|_| {
                    let mut client = TcpStream::connect(gateway.plain).unwrap();
                    client.write_all(said.as_bytes()).unwrap();
                    client
                })
                .collect();
            let held = EACH as u64;
            until("all were accepted", || counters.open_connections.load(Ordering::Relaxed) >= held);
            if said.contains("/bytes") {
                for mut client in &clients {
                    client.read_exact(&mut [0; 100]).unwrap();
                }
            }
            if said.contains("/wait") {
                until("all reached the origin", || origin.waiting() == EACH);
            }
            drop(clients);
            until("every connection was given back", || counters.open_connections.load(Ordering::Relaxed) == 0);
        }
        until("every upstream exchange was called off", || origin.cancelled() == round * EACH);
        until("every descriptor was given back", || descriptors() <= before);
    }
    assert!(hello(&gateway).starts_with("HTTP/1.1 200"));
}
