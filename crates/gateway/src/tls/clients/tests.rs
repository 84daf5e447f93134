//! Real handshakes with client certificates, against an authority made for the test.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ClientConfig, Error};
use stockade_model::Plan;
use stockade_model::plan::{CertificatePlan, TlsVersion};

use super::super::Certificates;
use super::super::tests::{ADDRESS, Made, make, plan, shake};
use super::*;

/// An authority for client certificates, its file, and its revocation list.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    fn new(folder: &Path, stem: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, stem);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.join(stem), issuer.pem()).unwrap();
        Self { issuer, folder: folder.to_owned() }
    }

    fn issue(&self, serial: u64, change: impl FnOnce(&mut CertificateParams)) -> Holder {
        let mut params = CertificateParams::new(vec!["Robot.Example".to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Shop, Inc.");
        params.distinguished_name.push(DnType::CommonName, "robot,OU=admin");
        params.subject_alt_names.push(SanType::URI("spiffe://example/ns/robot".try_into().unwrap()));
        params.not_after = date_time_ymd(2040, 1, 1);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        Holder { chain: vec![leaf.der().clone()], key: key.serialize_der() }
    }

    fn revoke(&self, serials: &[u64]) -> String {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2040, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let file = self.folder.join("list.pem");
        std::fs::write(&file, list.signed_by(&self.issuer).unwrap().pem().unwrap()).unwrap();
        file.to_str().unwrap().to_owned()
    }
}

/// What a client shows.
struct Holder {
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

struct Bench {
    server: Made,
    authority: Authority,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = make(folder.path(), "server", &["a.example"]);
        Self { server, authority: Authority::new(folder.path(), "ca.pem"), _folder: folder }
    }

    fn plan(&self, required: bool, crl_files: Vec<String>) -> Plan {
        let files = CertificatePlan { ..self.server.files.clone() };
        let mut plan = plan(vec![files], TlsVersion::Tls12);
        let ca_file = self.authority.folder.join("ca.pem").to_str().unwrap().to_owned();
        let clients = ClientCertificatesPlan { required, ca_file, crl_files };
        plan.gateway.listeners[0].tls.as_mut().unwrap().client_certificates = Some(clients);
        plan
    }

    fn client(&self, holder: Option<&Holder>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.server.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match holder {
            None => builder.with_no_client_auth(),
            Some(Holder { chain, key }) => {
                builder.with_client_auth_cert(chain.clone(), PrivateKeyDer::try_from(key.clone()).unwrap()).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(config)
    }

    /// What the server learns of a client, or why it turned it away.
    fn meet(&self, plan: &Plan, holder: Option<&Holder>) -> Result<Option<ClientCertificate>, Error> {
        let server = Certificates::load(plan).unwrap().config(ADDRESS).unwrap();
        shake(server, &self.client(holder), "a.example", 4096).map(|(_, server)| client_certificate(&server))
    }
}

#[test]
fn a_verified_certificate_is_told_with_its_names() {
    let bench = Bench::new();
    let holder = bench.authority.issue(0x1a2b, |_| {});
    let told = bench.meet(&bench.plan(true, Vec::new()), Some(&holder)).unwrap().unwrap();
    assert_eq!(told.subject, r"CN=robot\,OU\=admin,O=Shop\, Inc.");
    assert_eq!(told.uris, ["spiffe://example/ns/robot"]);
    assert_eq!(told.dns_names, ["robot.example"]);
    assert_eq!(told.serial, "1a2b");
    assert_eq!(told.not_after, Timestamp(2_208_988_800_000_000));
    assert_eq!(&*told.der, holder.chain[0].as_ref());
    assert_eq!(told.sha256.as_slice(), digest(&SHA256, &holder.chain[0]).as_ref());
}

#[test]
fn a_client_without_a_certificate_passes_only_where_it_is_optional() {
    let bench = Bench::new();
    assert_eq!(bench.meet(&bench.plan(false, Vec::new()), None).unwrap(), None);
    assert!(bench.meet(&bench.plan(true, Vec::new()), None).is_err());
}

#[test]
fn a_certificate_that_does_not_verify_is_refused_also_where_none_is_asked() {
    let bench = Bench::new();
    let stranger = Authority::new(&bench.authority.folder, "other.pem");
    let cases = [
        stranger.issue(1, |_| {}),
        bench.authority.issue(2, |params| params.not_after = date_time_ymd(2020, 1, 1)),
        bench.authority.issue(3, |params| params.not_before = date_time_ymd(2039, 1, 1)),
        bench.authority.issue(4, |params| {
            params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        }),
    ];
    for (index, holder) in cases.iter().enumerate() {
        assert!(bench.meet(&bench.plan(false, Vec::new()), Some(holder)).is_err(), "case {index}");
    }
}

#[test]
fn a_revoked_certificate_is_refused_and_others_pass() {
    let bench = Bench::new();
    let (good, bad) = (bench.authority.issue(7, |_| {}), bench.authority.issue(8, |_| {}));
    let list = bench.authority.revoke(&[8]);
    let plan = bench.plan(true, vec![list]);
    assert!(bench.meet(&plan, Some(&good)).unwrap().is_some());
    assert!(bench.meet(&plan, Some(&bad)).is_err());
}

#[test]
fn with_lists_a_certificate_whose_issuer_has_none_is_refused() {
    let bench = Bench::new();
    let other = Authority::new(&bench.authority.folder, "other.pem");
    let holder = bench.authority.issue(7, |_| {});
    let list = other.revoke(&[]);
    assert!(bench.meet(&bench.plan(true, vec![list]), Some(&holder)).is_err());
}

#[test]
fn after_a_reload_a_revoked_certificate_cannot_come_back_by_resumption() {
    let bench = Bench::new();
    let holder = bench.authority.issue(9, |_| {});
    let client = bench.client(Some(&holder));
    let list = bench.authority.revoke(&[]);
    let certificates = Certificates::load(&bench.plan(true, vec![list.clone()])).unwrap();
    for _ in 0..2 {
        let (_, server) = shake(certificates.config(ADDRESS).unwrap(), &client, "a.example", 4096).unwrap();
        assert_eq!(server.handshake_kind(), Some(rustls::HandshakeKind::Full));
    }
    bench.authority.revoke(&[9]);
    certificates.replace(Certificates::load(&bench.plan(true, vec![list])).unwrap());
    assert!(shake(certificates.config(ADDRESS).unwrap(), &client, "a.example", 4096).is_err());
}

#[test]
fn files_that_are_none_are_named_with_their_setting() {
    let bench = Bench::new();
    let at = "gateway.listen[0].tls.client_certificates";
    let mut wrong = bench.plan(true, vec!["/nowhere/list.pem".to_owned()]);
    let problem = Certificates::load(&wrong).unwrap_err();
    assert!(problem.starts_with(&format!("{at}.crl_files[0]: cannot read")), "{problem}");
    wrong = bench.plan(true, vec![bench.server.files.certificate_file.clone()]);
    assert!(Certificates::load(&wrong).unwrap_err().contains("expected a PEM revocation list"));
    wrong = bench.plan(true, Vec::new());
    let clients = wrong.gateway.listeners[0].tls.as_mut().unwrap().client_certificates.as_mut().unwrap();
    clients.ca_file = bench.server.files.key_file.clone();
    assert!(Certificates::load(&wrong).unwrap_err().starts_with(&format!("{at}.ca_file: expected a PEM certificate")));
}

#[test]
fn control_characters_and_edges_of_a_subject_are_escaped() {
    let mut text = String::new();
    escaped(" #a\n\u{e9} ", &mut text);
    assert_eq!(text, "\\ #a\\0a\u{e9}\\ ");
}

proptest! {
    #[test]
    fn any_bytes_are_a_certificate_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&CertificateDer::from(bytes));
    }

    #[test]
    fn any_change_of_a_certificate_is_read_or_not(place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let folder = tempfile::tempdir().unwrap();
        let mut der = make(folder.path(), "one", &["a.example"]).der.to_vec();
        let index = place.index(der.len());
        der[index] ^= 1 << bit;
        let _ = read(&CertificateDer::from(der));
    }
}
