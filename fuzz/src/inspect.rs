//! Inspects any bytes as query, header, cookie and body, decoders included.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use stockade_inspect::{BodyLimits, Inspector, ParsedBody, Scope, leak};
use stockade_model::plan::{InspectPlan, LargeBody};
use stockade_model::{CanonicalPath, Client, Framing, Headers, HttpVersion, Request, RequestId, Scheme, Timestamp};

const LIMITS: BodyLimits =
    BodyLimits { json_depth: 64, json_values: 1000, decompress_ratio: 100, decompressed_bytes: 1 << 20 };

static INSPECTOR: LazyLock<Inspector> = LazyLock::new(|| {
    let plan = InspectPlan {
        enabled: true,
        threshold: 0.8,
        disabled: Vec::new(),
        learn: false,
        exceptions: Vec::new(),
        body_bytes: 1 << 20,
        large_bodies: LargeBody::Stream,
        decompress_ratio: 100,
        decompressed_bytes: 10 << 20,
        values: 10_000,
    };
    Inspector::new(&plan).expect("a plan with known detectors compiles")
});

/// Inspects any bytes as query, header, cookie and body, decoders included.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut headers = Headers::default();
    for name in [b"user-agent".as_slice(), b"cookie", b"authorization", b"x-any", b"accept"] {
        headers.push(name, data);
    }
    let address = IpAddr::from([192, 0, 2, 1]);
    let request = Request {
        id: RequestId::new(Timestamp(0), 0),
        method: "GET".to_owned(),
        scheme: Scheme::Http,
        authority: "a".to_owned(),
        path: CanonicalPath::parse(data).or_else(|_| CanonicalPath::parse(b"/a")).expect("`/a` is canonical"),
        query: Some(text.clone().into_owned()),
        version: HttpVersion::Http11,
        headers,
        framing: Framing::None,
        upgrade: None,
        received: Default::default(),
        client: Arc::new(Client { address, peer: address, port: 1, tls: None, certificate: None }),
    };
    let found = INSPECTOR.head(&request, &Scope::unknown(Timestamp(0)));
    assert!(found.findings.len() <= 32);
    assert!(found.findings.iter().all(|finding| (0.0..=1.0).contains(&finding.confidence)));
    assert!(found.findings.iter().all(|finding| finding.evidence.len() <= 200));
    for media_type in ["application/json", "application/x-www-form-urlencoded", "text/plain", "application/xml"] {
        if let Ok(body) = ParsedBody::parse(Some(media_type), None, None, data, true, &LIMITS) {
            let _ = INSPECTOR.body(&body, &Scope::unknown(Timestamp(0)));
        }
    }
    let _ = leak::search(None, data);
}
