//! What unit tests need: a plan, a client, a worker.

use std::sync::Arc;

use stockade_model::plan::{
    AccessPlan, ApiPlan, ContractPlan, FailMode, FailModesPlan, GatewayPlan, HttpLimitsPlan, IdentityPlan, InspectPlan,
    LargeBody, OutlierPlan, ResponseCheck, ResponsePlan, SpoolFull, SpoolPlan, TargetPlan, TimeoutsPlan, Unknown,
    UpstreamPlan, UpstreamProtocol, UpstreamTlsPlan,
};
use stockade_model::{Client, Mode, Plan};

/// A plan of one API that passes everything on to `target` (`host:port`).
pub(crate) fn plan(target: &str) -> Plan {
    Plan {
        format: stockade_model::plan::PLAN_FORMAT,
        version: 1,
        created_at: 0,
        gateway: gateway(),
        apis: vec![api(target)],
    }
}

fn gateway() -> GatewayPlan {
    GatewayPlan {
        seclang_log: None,
        name: "gateway-test".to_owned(),
        listeners: Vec::new(),
        workers: 1,
        trusted_proxies: Vec::new(),
        refuse_underscore_headers: true,
        answer_acme_challenges: false,
        limits: HttpLimitsPlan {
            head_bytes: 32 * 1024,
            target_bytes: 8 * 1024,
            header_bytes: 16 * 1024,
            header_count: 100,
            trailer_bytes: 8 * 1024,
            chunk_extension_bytes: 4 * 1024,
            body_bytes: 10 * 1024 * 1024,
            requests_per_connection: 10_000,
            connections: 10_000,
            connections_per_address: 1024,
            streams_per_connection: 100,
            control_frames_per_second: 200,
            websocket_message_bytes: 1024 * 1024,
            waiting_exchanges: 1000,
        },
        timeouts: TimeoutsPlan {
            handshake_ms: 5_000,
            head_ms: 10_000,
            idle_ms: 60_000,
            body_ms: 10_000,
            body_bytes_per_second: 1024,
            write_stall_ms: 20_000,
            drain_ms: 30_000,
        },
        spool: SpoolPlan {
            max_bytes: 1 << 24,
            segment_bytes: 1 << 22,
            sync_ms: 100,
            full: SpoolFull::DropOldest,
            encrypt: false,
        },
        excerpt_bytes: 2048,
        trial_ms: 0,
        shared_limits: None,
    }
}

fn api(target: &str) -> ApiPlan {
    ApiPlan {
        seclang: None,
        owner: None,
        seclang_exceptions: Vec::new(),
        name: "shop".to_owned(),
        hosts: vec!["*".to_owned()],
        path_forms: Vec::new(),
        base_path: "/".to_owned(),
        mode: Mode::Enforce,
        upstream: UpstreamPlan {
            targets: vec![TargetPlan { url: format!("http://{target}") }],
            protocol: UpstreamProtocol::Http1,
            tls: UpstreamTlsPlan::default(),
            preserve_host: true,
            forward_client_certificate: false,
            set_headers: std::collections::BTreeMap::new(),
            connect_ms: 3_000,
            idle_ms: 30_000,
            total_ms: 0,
            keep_idle: 16,
            retries: 1,
            health: None,
            outlier: OutlierPlan { consecutive_failures: 0, eject_ms: 10_000, max_ejected_percent: 50 },
        },
        operations: Vec::new(),
        schemas: serde_json::Map::new(),
        contract: ContractPlan {
            unknown_operations: Unknown::Pass,
            unknown_parameters: Unknown::Pass,
            unknown_fields: Unknown::Pass,
            responses: ResponseCheck::Ignore,
            response_classes: Vec::new(),
            formats: true,
            graphql: None,
            grpc: None,
            json_depth: 64,
            json_values: 20_000,
        },
        identity: IdentityPlan::default(),
        access: AccessPlan::default(),
        inspect: InspectPlan {
            enabled: false,
            threshold: 0.8,
            disabled: Vec::new(),
            learn: false,
            exceptions: Vec::new(),
            body_bytes: 1024 * 1024,
            large_bodies: LargeBody::Stream,
            decompress_ratio: 100,
            decompressed_bytes: 10 * 1024 * 1024,
            values: 10_000,
        },
        limits: Vec::new(),
        response: ResponsePlan {
            leaks: false,
            refuse: false,
            body_bytes: 0,
            stream_bytes: 0,
            remove_headers: Vec::new(),
        },
        protect: Default::default(),
        fail: FailModesPlan {
            identity: FailMode::Closed,
            contract: FailMode::Closed,
            inspect: FailMode::Closed,
            limit: FailMode::Open,
            response: FailMode::Open,
        },
    }
}

/// A client at `address`.
#[allow(dead_code, reason = "integration tests share this file and have real clients")]
pub(crate) fn client(address: &str) -> Arc<Client> {
    let address = address.parse().unwrap();
    Arc::new(Client { address, peer: address, port: 4711, tls: None, certificate: None })
}
