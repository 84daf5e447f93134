//! TLS towards targets.

use std::fs;
use std::io::Write;
use std::sync::Arc;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use stockade_model::plan::UpstreamProtocol;

use super::support::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A CA of our own, as a file, and a server certificate for `localhost` by it.
struct Authority {
    folder: tempfile::TempDir,
    config: ServerConfig,
}

impl Authority {
    fn new(alpn: &[&[u8]]) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Self { folder, config }
    }

    fn file(&self) -> String {
        self.folder.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    /// Answers every request over TLS; `notify` tells whether the end is announced.
    fn origin(&self, answer: &'static [u8], once: bool, notify: bool) -> Origin {
        let config = Arc::new(self.config.clone());
        Origin::new(move |mut peer| {
            let mut session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut socket = peer.stream.try_clone().unwrap();
            let mut text = Vec::new();
            let mut byte = [0; 1];
            loop {
                let mut stream = rustls::Stream::new(&mut session, &mut socket);
                match std::io::Read::read(&mut stream, &mut byte) {
                    Ok(1) => text.push(byte[0]),
                    _ => return,
                }
                if text.ends_with(b"\r\n\r\n") {
                    let resumed = stream.conn.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
                    stream.write_all(answer).unwrap();
                    peer.note(format!("resumed {resumed}"));
                    text.clear();
                    if once {
                        break;
                    }
                }
            }
            if notify {
                session.send_close_notify();
                let _ = session.write_tls(&mut peer.stream);
            }
        })
    }
}

fn bench(
    origin: &Origin,
    authority: &Authority,
    change: impl FnOnce(&mut stockade_model::plan::UpstreamPlan),
) -> Bench {
    Bench::new(&[origin.address], |plan| {
        plan.targets[0].url = format!("https://127.0.0.1:{}", origin.address.port());
        plan.tls.ca_file = Some(authority.file());
        plan.tls.server_name = Some("localhost".to_owned());
        plan.protocol = UpstreamProtocol::Auto;
        change(plan);
    })
}

#[test]
fn a_verified_target_serves_over_tls_and_its_connection_is_kept() {
    run(async {
        let authority = Authority::new(&[b"http/1.1"]);
        let origin = authority.origin(OK, false, true);
        let bench = bench(&origin, &authority, |_| {});
        for _ in 0..3 {
            assert_eq!(bench.get().await.unwrap(), (200, b"ok".to_vec()));
        }
        assert_eq!(origin.connections(), 1);
    });
}

#[test]
fn sessions_are_resumed() {
    run(async {
        let authority = Authority::new(&[]);
        let origin =
            authority.origin(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", true, true);
        let bench = bench(&origin, &authority, |_| {});
        bench.get().await.unwrap();
        bench.get().await.unwrap();
        assert_eq!([origin.seen(), origin.seen()], ["resumed false", "resumed true"]);
    });
}

#[test]
fn a_certificate_that_does_not_fit_is_refused() {
    run(async {
        let authority = Authority::new(&[]);
        let origin = authority.origin(OK, false, true);
        let wrong_name = bench(&origin, &authority, |plan| plan.tls.server_name = Some("other.example".into()));
        assert_eq!(wrong_name.failure().await, "upstream.tls");
        let public_roots = bench(&origin, &authority, |plan| plan.tls.ca_file = None);
        assert_eq!(public_roots.failure().await, "upstream.tls");
        let other = Authority::new(&[]);
        let wrong_authority = bench(&origin, &other, |_| {});
        assert_eq!(wrong_authority.failure().await, "upstream.tls");
        let no_file = bench(&origin, &authority, |plan| plan.tls.ca_file = Some("/nowhere/ca.pem".into()));
        assert_eq!(no_file.failure().await, "upstream.tls");
    });
}

#[test]
fn a_body_cut_short_under_tls_is_told_from_one_that_ended() {
    run(async {
        let authority = Authority::new(&[]);
        let announced = authority.origin(b"HTTP/1.1 200 OK\r\n\r\nall", true, true);
        assert_eq!(bench(&announced, &authority, |_| {}).get().await.unwrap().1, b"all");
        let cut = authority.origin(b"HTTP/1.1 200 OK\r\n\r\nnot al", true, false);
        assert_eq!(bench(&cut, &authority, |_| {}).failure().await, "upstream.truncated");
    });
}

#[test]
fn http2_alone_insists_on_http2() {
    run(async {
        let authority = Authority::new(&[b"http/1.1"]);
        let origin = authority.origin(OK, false, true);
        let bench = bench(&origin, &authority, |plan| plan.protocol = UpstreamProtocol::Http2);
        assert_eq!(bench.failure().await, "upstream.tls");
    });
}
