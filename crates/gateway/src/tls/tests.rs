//! Real handshakes over memory, against certificates made for the test.

use std::path::Path;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use stockade_model::plan::{
    CertificatePlan, GatewayPlan, HttpLimitsPlan, ListenerPlan, PLAN_FORMAT, SpoolFull, SpoolPlan, TimeoutsPlan,
};

use super::*;

pub(super) const ADDRESS: &str = "127.0.0.1:8443";

pub(super) struct Made {
    pub(super) files: CertificatePlan,
    pub(super) der: CertificateDer<'static>,
}

pub(super) fn make(folder: &Path, stem: &str, names: &[&str]) -> Made {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let certificate_file = folder.join(format!("{stem}.crt"));
    let key_file = folder.join(format!("{stem}.key"));
    std::fs::write(&certificate_file, made.cert.pem()).unwrap();
    std::fs::write(&key_file, made.signing_key.serialize_pem()).unwrap();
    let files = CertificatePlan {
        certificate_file: certificate_file.to_str().unwrap().to_owned(),
        key_file: key_file.to_str().unwrap().to_owned(),
    };
    Made { files, der: made.cert.der().clone() }
}

pub(super) fn plan(certificates: Vec<CertificatePlan>, min_version: TlsVersion) -> Plan {
    Plan {
        format: PLAN_FORMAT,
        version: 1,
        created_at: 0,
        gateway: GatewayPlan {
            seclang_log: None,
            name: "test".to_owned(),
            listeners: vec![ListenerPlan {
                address: ADDRESS.to_owned(),
                tls: Some(TlsPlan { certificates, min_version, client_certificates: None }),
            }],
            workers: 1,
            trusted_proxies: Vec::new(),
            refuse_underscore_headers: true,
            answer_acme_challenges: false,
            limits: HttpLimitsPlan {
                head_bytes: 0,
                target_bytes: 0,
                header_bytes: 0,
                header_count: 0,
                trailer_bytes: 0,
                chunk_extension_bytes: 0,
                body_bytes: 0,
                requests_per_connection: 0,
                connections: 0,
                connections_per_address: 0,
                streams_per_connection: 0,
                control_frames_per_second: 0,
                websocket_message_bytes: 0,
                waiting_exchanges: 1000,
            },
            timeouts: TimeoutsPlan {
                handshake_ms: 0,
                head_ms: 0,
                idle_ms: 0,
                body_ms: 0,
                body_bytes_per_second: 0,
                write_stall_ms: 0,
                drain_ms: 0,
            },
            spool: SpoolPlan {
                max_bytes: 0,
                segment_bytes: 0,
                sync_ms: 0,
                full: SpoolFull::DropOldest,
                encrypt: false,
            },
            excerpt_bytes: 0,
            trial_ms: 0,
            shared_limits: None,
        },
        apis: Vec::new(),
    }
}

fn client(trusted: &[&CertificateDer<'static>], alpn: &[&str]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add((*certificate).clone()).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

/// Shakes hands with client records of at most `piece` bytes; answers both ends.
pub(super) fn shake(
    server: Arc<ServerConfig>,
    config: &Arc<ClientConfig>,
    name: &str,
    piece: usize,
) -> Result<(ClientConnection, ServerConnection), rustls::Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::clone(config), name)?;
    let mut server = ServerConnection::new(server)?;
    for _ in 0..20 {
        let mut flight = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut flight).unwrap();
        }
        for piece in flight.chunks(piece) {
            server.read_tls(&mut &*piece).unwrap();
            server.process_new_packets()?;
        }
        let mut flight = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut flight).unwrap();
        }
        let mut rest = flight.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets()?;
        }
        if !client.is_handshaking() && !server.is_handshaking() && !client.wants_write() {
            return Ok((client, server));
        }
    }
    Err(rustls::Error::HandshakeNotComplete)
}

fn served(connection: &ClientConnection) -> &CertificateDer<'static> {
    connection.peer_certificates().unwrap().first().unwrap()
}

#[test]
fn the_certificate_is_chosen_by_server_name_exactly_then_by_wildcard_then_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let first = make(folder.path(), "first", &["first.example", "other.invalid"]);
    let wild = make(folder.path(), "wild", &["*.api.example"]);
    let exact = make(folder.path(), "exact", &["shop.api.example"]);
    let files = vec![first.files, wild.files, exact.files];
    let certificates = Certificates::load(&plan(files, TlsVersion::Tls12)).unwrap();
    let server = certificates.config(ADDRESS).unwrap();
    let config = Arc::new(client(&[&first.der, &wild.der, &exact.der], &["h2"]));
    for (name, expected) in [
        ("first.example", &first.der),
        ("pay.api.example", &wild.der),
        ("SHOP.api.example", &exact.der),
        ("other.invalid", &first.der),
    ] {
        let (client, server) = shake(Arc::clone(&server), &config, name, 4096).unwrap();
        assert_eq!(served(&client), expected, "{name}");
        assert_eq!(facts(&server).server_name.as_deref(), Some(name.to_ascii_lowercase().as_str()));
    }
    // Nothing fits a deeper name: the first certificate answers, and the client finds that it does not fit.
    assert!(shake(server, &config, "a.pay.api.example", 4096).is_err());
    assert!(certificates.config("127.0.0.1:1").is_none());
}

#[test]
fn the_post_quantum_hybrid_is_preferred_and_the_facts_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let made = make(folder.path(), "one", &["a.example"]);
    let certificates = Certificates::load(&plan(vec![made.files], TlsVersion::Tls12)).unwrap();
    let server = certificates.config(ADDRESS).unwrap();
    let config = Arc::new(client(&[&made.der], &["http/1.1", "h2"]));
    let (_, connection) = shake(Arc::clone(&server), &config, "a.example", 4096).unwrap();
    let facts = facts(&connection);
    assert_eq!(facts.version, "TLSv1.3");
    assert_eq!(facts.alpn, Some("h2"));
    assert_eq!(facts.key_exchange.as_deref(), Some("X25519MLKEM768"));
    // A ClientHello in records of one byte each (RUSTSEC-2024-0399 was a panic here).
    shake(server, &config, "a.example", 1).unwrap();
}

#[test]
fn an_unknown_protocol_and_an_old_version_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let made = make(folder.path(), "one", &["a.example"]);
    let certificates = Certificates::load(&plan(vec![made.files], TlsVersion::Tls13)).unwrap();
    let server = certificates.config(ADDRESS).unwrap();
    let unknown = Arc::new(client(&[&made.der], &["spdy/3"]));
    assert!(shake(Arc::clone(&server), &unknown, "a.example", 4096).is_err());
    let roots = {
        let mut roots = RootCertStore::empty();
        roots.add(made.der.clone()).unwrap();
        roots
    };
    let old = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    assert!(shake(server, &Arc::new(old), "a.example", 4096).is_err());
}

#[test]
fn a_reload_serves_the_new_certificate_and_resumes_old_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let old = make(folder.path(), "one", &["a.example"]);
    let files = old.files.clone();
    let certificates = Certificates::load(&plan(vec![old.files], TlsVersion::Tls12)).unwrap();
    let new = make(folder.path(), "one", &["a.example"]);
    let trusting = Arc::new(client(&[&old.der, &new.der], &["h2"]));
    let (first, _) = shake(certificates.config(ADDRESS).unwrap(), &trusting, "a.example", 4096).unwrap();
    assert_eq!(served(&first), &old.der);

    certificates.replace(Certificates::load(&plan(vec![files], TlsVersion::Tls12)).unwrap());
    let server = certificates.config(ADDRESS).unwrap();
    let (_, resumed) = shake(Arc::clone(&server), &trusting, "a.example", 4096).unwrap();
    assert_eq!(resumed.handshake_kind(), Some(rustls::HandshakeKind::Resumed));
    let fresh = Arc::new(client(&[&old.der, &new.der], &["h2"]));
    let (second, _) = shake(server, &fresh, "a.example", 4096).unwrap();
    assert_eq!(served(&second), &new.der);
}

#[test]
fn wrong_files_are_named_with_their_setting_and_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let one = make(folder.path(), "one", &["a.example"]);
    let two = make(folder.path(), "two", &["a.example"]);
    let refuse = |certificate_file: &str, key_file: &str| {
        let files = CertificatePlan { certificate_file: certificate_file.to_owned(), key_file: key_file.to_owned() };
        Certificates::load(&plan(vec![files], TlsVersion::Tls12)).unwrap_err()
    };
    let at = "gateway.listen[0].tls.certificates[0]";
    let missing = refuse("/nonexistent/x.crt", &one.files.key_file);
    assert!(missing.starts_with(&format!("{at}.certificate_file: cannot read `/nonexistent/x.crt`")), "{missing}");
    let swapped = refuse(&one.files.key_file, &one.files.key_file);
    assert!(swapped.contains("expected a PEM certificate"), "{swapped}");
    let keyless = refuse(&one.files.certificate_file, &one.files.certificate_file);
    assert!(keyless.starts_with(&format!("{at}.key_file: expected an unencrypted PEM private key")), "{keyless}");
    let foreign = refuse(&one.files.certificate_file, &two.files.key_file);
    assert!(foreign.contains("does not match"), "{foreign}");
    let broken = folder.path().join("broken.crt");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let broken = refuse(broken.to_str().unwrap(), &one.files.key_file);
    assert!(broken.contains("not a usable X.509 version 3 certificate"), "{broken}");
    let none = Certificates::load(&plan(Vec::new(), TlsVersion::Tls12)).unwrap_err();
    assert!(none.contains("at least one certificate"), "{none}");
}
