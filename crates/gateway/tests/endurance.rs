//! Long pipelines, upgrades to nothing, and handshakes in crumbs.

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
use std::sync::Arc;
use std::time::Duration;

use http2_support::{Gateway, Origin};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

const LONG: Duration = Duration::from_secs(60);
const ATTACK: &str = "GET /x?q=%3Cscript%3Ealert(1)%3C/script%3E HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

fn talk(gateway: &Gateway, raw: String) -> String {
    let mut stream = TcpStream::connect(gateway.plain).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut writer = stream.try_clone().unwrap();
    // On its own thread: the gateway reads no further while its answers are not read.
    let writing = std::thread::spawn(move || writer.write_all(raw.as_bytes()));
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    writing.join().unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

#[test]
fn ten_thousand_pipelined_requests_are_answered_in_order_and_are_the_last() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |plan| plan.apis[0].inspect.enabled = false);
    let raw = (0..10_000).map(|n| format!("GET /bytes/{} HTTP/1.1\r\nhost: a\r\n\r\n", n % 97)).collect();
    let answer = talk(&gateway, raw);
    let lengths: Vec<usize> = answer
        .split("\r\n")
        .filter_map(|line| line.strip_prefix("content-length: "))
        .map(|length| length.parse().unwrap())
        .collect();
    assert_eq!(lengths.len(), 10_000);
    assert!(lengths.iter().enumerate().all(|(n, length)| *length == n % 97));
    assert_eq!(answer.matches("connection: close").count(), 1);
    assert_eq!(origin.requests(), 10_000);
}

#[test]
fn an_upgrade_that_is_not_answered_with_101_opens_no_tunnel() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |_| {});
    let websocket = "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13";
    for (asked, upgrade) in [(1, "Upgrade: foo"), (2, "Upgrade: h2c"), (3, websocket)] {
        let head = format!("GET /hello HTTP/1.1\r\nhost: a\r\nConnection: Upgrade\r\n{upgrade}\r\n\r\n");
        let answer = talk(&gateway, head + ATTACK);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{upgrade}: {answer}");
        assert!(answer.contains("HTTP/1.1 403 "), "what followed is judged as a request. {upgrade}: {answer}");
        assert_eq!(origin.requests(), asked, "{upgrade}");
    }
}

/// A client's connection that trusts the gateway's certificate.
fn client(gateway: &Gateway, sni: bool) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(gateway.folder.path().join("tls.crt")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.enable_sni = sni;
    ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap()
}

/// Each byte of the handshake message in a record of its own.
fn crumbled(record: &[u8]) -> Vec<u8> {
    record[5..].iter().flat_map(|byte| [record[0], record[1], record[2], 0, 1, *byte]).collect()
}

#[test]
fn handshakes_in_crumbs_and_without_a_name_are_served_and_nonsense_ends_with_an_alert() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |_| {});
    let connect = || {
        let stream = TcpStream::connect(gateway.secure).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    };
    let old_version = [&[0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 1][..], &[7; 32], &[0, 0, 2, 0, 0x2f, 1, 0]].concat();
    for nonsense in
        [&b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..], &[0x80, 0x2e, 1, 0, 2], &[0x16, 3, 1, 0xff, 0xff, 1], &old_version]
    {
        let mut stream = connect();
        stream.write_all(nonsense).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer[0] == 0x15, "{nonsense:?}: {answer:?}");
    }
    for (sni, crumbs) in [(true, true), (false, true), (false, false)] {
        let (mut stream, mut client) = (connect(), client(&gateway, sni));
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        stream.write_all(&if crumbs { crumbled(&hello) } else { hello }).unwrap();
        let mut tls = rustls::Stream::new(&mut client, &mut stream);
        tls.write_all(b"GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        tls.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{sni} {crumbs}: {answer}");
    }
}
