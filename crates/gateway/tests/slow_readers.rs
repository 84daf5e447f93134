//! Clients that ask for much and read nothing: cut off at the deadline, without leaving their answer in the kernel.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by a panic, and uses a part of the support"
)]

mod http2_support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use http2_support::{Gateway, Origin};

#[test]
fn a_client_that_stops_reading_is_reset_and_holds_no_buffer() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |plan| {
        plan.apis[0].inspect.enabled = false;
        plan.gateway.timeouts.write_stall_ms = 1_000;
    });
    let mut client = TcpStream::connect(gateway.plain).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    client.write_all(b"GET /bytes/30000000 HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(2_500));
    let start = Instant::now();
    let mut buffer = vec![0; 65_536];
    let mut read = 0;
    let end = loop {
        match client.read(&mut buffer) {
            Ok(0) => break None,
            Ok(bytes) => read += bytes,
            Err(error) => break Some(error.kind()),
        }
    };
    assert_eq!(end, Some(ErrorKind::ConnectionReset), "{read} bytes were read");
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(gateway.events().iter().any(|event| event.contains("exchange.client_gone")));
}
