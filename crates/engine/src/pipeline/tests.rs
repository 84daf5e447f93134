//! Panics, fail modes and media types.

use super::*;
use crate::stage::Ran;
use crate::stages::contract::is_grpc;
use crate::stages::seclang::SecLang;
use serde_json::json;
use stockade_model::{CanonicalPath, Client, Framing, Headers, HttpVersion, RequestId, Scheme, Timestamp};

/// A stage that always panics.
struct Broken(Stage);

impl RequestStage for Broken {
    fn stage(&self) -> Stage {
        self.0
    }

    fn head(&self, _exchange: &mut Exchange<'_>, _state: &State) -> Outcome {
        panic!("injected")
    }

    fn body(&self, _exchange: &mut Exchange<'_>, _received: &Received<'_>) -> Outcome {
        Ok(Ran::Pass)
    }
}

fn request() -> Request {
    let address = std::net::IpAddr::from([192, 0, 2, 1]);
    Request {
        id: RequestId::new(Timestamp(0), 0),
        method: "GET".to_owned(),
        scheme: Scheme::Https,
        authority: "api.example".to_owned(),
        path: CanonicalPath::parse(b"/").unwrap(),
        query: None,
        version: HttpVersion::Http11,
        headers: Headers::default(),
        framing: Framing::None,
        upgrade: None,
        client: Arc::new(Client { address, peer: address, port: 1, tls: None, certificate: None }),
        received: None,
    }
}

fn run_broken(order: &[Pick], mode: &str) -> (Result<(), Box<Refusal>>, Record) {
    let selected = json!({"operations": [], "tags": [], "methods": [], "paths": []});
    let api = json!({
        "name": "shop", "hosts": ["*"], "base_path": "/", "mode": mode,
        "upstream": {
            "targets": [], "protocol": "auto", "tls": {"ca_file": null, "server_name": null},
            "preserve_host": true, "set_headers": {}, "connect_ms": 1, "idle_ms": 1, "total_ms": 0, "keep_idle": 1,
            "retries": 0, "health": null,
            "outlier": {"consecutive_failures": 0, "eject_ms": 1, "max_ejected_percent": 50}
        },
        "operations": [],
        "contract": {
            "unknown_operations": "pass", "unknown_parameters": "pass", "json_depth": 8, "json_values": 100
        },
        "identity": {"methods": [], "required": false, "anonymous": [selected], "strip_credential": false},
        "access": {"rules": []},
        "inspect": {
            "enabled": false, "threshold": 0.8, "disabled": [], "exceptions": [], "body_bytes": 1024,
            "large_bodies": "stream", "decompress_ratio": 100, "decompressed_bytes": 1024, "values": 100
        },
        "limits": [],
        "response": {"leaks": false, "refuse": false, "body_bytes": 1024, "remove_headers": []},
        "fail": {"contract": "closed", "inspect": "closed", "limit": "open", "response": "open"}
    });
    let api = Api::new(&serde_json::from_value(api).unwrap(), SecLang::default()).unwrap();
    let (mut record, mut facts, state, request) = (Record::default(), Facts::default(), State::new(), request());
    let mut exchange = Exchange {
        api: Some(&api),
        now: Now::default(),
        request: &request,
        record: &mut record,
        facts: &mut facts,
        pending: Default::default(),
    };
    let outcome = run(order, &mut exchange, &Question::Head(&state), &state);
    (outcome, record)
}

#[test]
fn a_stage_that_panics_is_answered_by_its_fail_mode() {
    let (closed, record) = run_broken(&[|_| Some(&Broken(Stage::Inspect))], "enforce");
    let refusal = closed.unwrap_err();
    assert_eq!((refusal.status, refusal.reason.code), (500, "engine.stage_failed"));
    assert!(record.failed_open.is_empty());

    let (open, record) = run_broken(&[|_| Some(&Broken(Stage::Limit))], "enforce");
    assert!(open.is_ok());
    assert_eq!(record.failed_open, [Stage::Limit]);
    assert!(record.notes.iter().any(|note| note.stage == Stage::Limit && !note.detail.is_empty()));
}

#[test]
fn a_stage_without_a_fail_mode_stays_closed() {
    for broken in [
        (|_| Some(&Broken(Stage::Identity) as _)) as Pick,
        |_| Some(&Broken(Stage::Access)),
        |_| Some(&Broken(Stage::Decisions)),
    ] {
        assert!(run_broken(&[broken], "enforce").0.is_err());
    }
}

#[test]
fn a_panic_in_monitor_mode_is_recorded_and_the_other_stages_run() {
    let order: [Pick; 2] = [|_| Some(&Broken(Stage::Inspect)), |_| Some(&Route)];
    let (outcome, record) = run_broken(&order, "monitor");
    assert!(outcome.is_ok());
    assert_eq!(record.refusals.len(), 1);
    assert!(record.notes.iter().any(|note| note.stage == Stage::Route && note.outcome == "pass"));
}

#[test]
fn grpc_is_known_by_its_media_type_alone() {
    let with = |kind: &str| {
        let mut request = request();
        request.headers.push(b"content-type", kind.as_bytes());
        is_grpc(&request)
    };
    assert!(with("application/grpc") && with("application/grpc+proto") && with("Application/gRPC-web"));
    assert!(!with("application/grpcx") && !with("application/json"));
}
