//! Connections before they speak HTTP: caps, deadlines, shortages, drain.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by a panic"
)]

#[path = "http2_support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use support::raw::{END_HEADERS, END_STREAM, HEADERS, Raw, frame, get};
use support::{Gateway, Origin};

/// Waits for the server to close, without a byte from it.
fn closed_after(mut stream: TcpStream, patience: Duration) -> Option<Duration> {
    let start = Instant::now();
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => Some(start.elapsed()),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Some(start.elapsed()),
        Err(_) => None,
    }
}

fn ask(address: SocketAddr, request: &[u8], step: usize) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in request.chunks(step) {
        stream.write_all(piece).unwrap();
        if step < request.len() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn both_protocols_are_told_apart_whatever_the_pace() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |_| {});
    for method in ["POST", "PUT", "PATCH", "PROPFIND"] {
        let request = format!("{method} /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
        for step in [1, 1000] {
            let answer = ask(gateway.plain, request.as_bytes(), step);
            assert!(answer.starts_with("HTTP/1.1 200"), "{method} in steps of {step}: {answer}");
            assert!(answer.ends_with("ok"), "{method} in steps of {step}: {answer}");
        }
    }
    let preface = ask(gateway.plain, b"PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n", 1000);
    assert!(preface.starts_with("HTTP/1.1 505") || preface.starts_with("HTTP/1.1 400"), "{preface}");
    let mut raw = Raw::connect(gateway.plain, &[]);
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &get("/hello")));
    assert_eq!(raw.answer(1), Some(Ok(200)));
}

#[test]
fn connections_are_capped_by_address_and_the_cap_is_given_back() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |plan| {
        plan.gateway.limits.connections_per_address = 3;
        plan.gateway.workers = 2;
    });
    let held: Vec<Raw> = (0..3).map(|_| Raw::connect(gateway.plain, &[])).collect();
    let refused = TcpStream::connect(gateway.plain).unwrap();
    assert!(closed_after(refused, Duration::from_secs(2)).is_some(), "a fourth connection");
    assert_eq!(gateway.shared.counters.refused_connections.load(Ordering::Relaxed), 1);
    drop(held);
    let start = Instant::now();
    while gateway.shared.counters.open_connections.load(Ordering::Relaxed) > 0 {
        assert!(start.elapsed() < Duration::from_secs(2), "connections are still counted");
        std::thread::sleep(Duration::from_millis(10));
    }
    Raw::connect(gateway.plain, &[]);
}

#[test]
fn slow_handshakes_and_silent_clients_are_cut_off_at_the_deadline() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |plan| {
        plan.gateway.timeouts.handshake_ms = 300;
        plan.gateway.timeouts.head_ms = 600;
    });
    let silent = TcpStream::connect(gateway.secure).unwrap();
    let mut slow = TcpStream::connect(gateway.secure).unwrap();
    let dripping = std::thread::spawn(move || {
        let start = Instant::now();
        // The beginning of a ClientHello, a byte at a time.
        for byte in [0x16_u8, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3].into_iter().chain(std::iter::repeat_n(0, 60)) {
            if slow.write_all(&[byte]).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        start.elapsed()
    });
    let waited = closed_after(silent, Duration::from_secs(3)).expect("a silent client is held");
    assert!(waited < Duration::from_secs(1), "{waited:?}");
    assert!(dripping.join().unwrap() < Duration::from_secs(2), "a dripping client is held");

    let mut preface = TcpStream::connect(gateway.plain).unwrap();
    preface.write_all(b"PRI * HTTP").unwrap();
    let waited = closed_after(preface, Duration::from_secs(5)).expect("half a preface is held");
    assert!(waited < Duration::from_secs(3), "{waited:?}");
    // HTTP/2 that never asks for anything.
    let mut raw = Raw::connect(gateway.plain, &[]);
    assert!(raw.is_closed(Duration::from_secs(5)), "a connection without a request is held");
}

#[test]
fn connections_queued_at_a_drain_are_served() {
    let origin = Origin::start();
    let mut gateway = Gateway::start(origin.address, |_| {});
    for _ in 0..5 {
        let mut queued: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(gateway.plain).unwrap()).collect();
        gateway.drain();
        for stream in &mut queued {
            stream.write_all(b"GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
        }
        for mut stream in queued {
            let mut answer = String::new();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        gateway = Gateway::start(origin.address, |_| {});
    }
}

#[test]
fn a_shortage_of_descriptors_is_survived() {
    let this = std::env::current_exe().unwrap();
    let status = Command::new("sh")
        .args(["-c", "ulimit -n 60; exec \"$0\" --ignored --exact runs_out_of_descriptors"])
        .arg(this)
        .status()
        .unwrap();
    assert!(status.success());
}

/// Run by the test above, with few descriptors.
#[test]
#[ignore = "needs a low limit of descriptors, which its sibling sets"]
fn runs_out_of_descriptors() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |_| {});
    // Both ends live in this process, so a few dozen use up all there are.
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect(gateway.plain) {
        held.push(stream);
    }
    assert!(held.len() > 10, "{}", held.len());
    std::thread::sleep(Duration::from_millis(500));
    held.clear();
    let start = Instant::now();
    loop {
        std::thread::sleep(Duration::from_millis(20));
        assert!(start.elapsed() < Duration::from_secs(1), "not served within a second of the shortage's end");
        let Ok(mut stream) = TcpStream::connect(gateway.plain) else { continue };
        let _ = stream.write_all(b"GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let mut answer = String::new();
        let _ = stream.set_read_timeout(Some(Duration::from_millis(300)));
        let _ = stream.read_to_string(&mut answer);
        if answer.starts_with("HTTP/1.1 200") {
            return;
        }
    }
}
