//! A whole gateway on loopback, in front of a small origin.

#![allow(dead_code, unreachable_pub, reason = "each test file is a crate that uses a part of it")]

pub mod origin;
pub mod raw;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use stockade_engine::{Engine, State};
use stockade_gateway::clock::Clock;
use stockade_gateway::shared::{Counters, Shared};
use stockade_gateway::spool::{Spool, reader};
use stockade_gateway::{Certificates, Challenges, Health, LookUps, Server};
use stockade_model::plan::{
    AccessPlan, ApiPlan, CertificatePlan, ContractPlan, FailMode, FailModesPlan, GatewayPlan, HttpLimitsPlan,
    IdentityPlan, InspectPlan, LargeBody, ListenerPlan, OutlierPlan, PLAN_FORMAT, ResponseCheck, ResponsePlan,
    SpoolFull, SpoolPlan, TargetPlan, TimeoutsPlan, TlsPlan, TlsVersion, Unknown, UpstreamPlan, UpstreamProtocol,
    UpstreamTlsPlan,
};
use stockade_model::{Mode, Plan};
use tokio::sync::watch;

pub use origin::Origin;

/// A running gateway. Dropped, it drains and is waited for.
pub struct Gateway {
    pub shared: Arc<Shared>,
    pub plain: SocketAddr,
    pub secure: SocketAddr,
    pub folder: tempfile::TempDir,
    drain: watch::Sender<bool>,
    server: Option<Server>,
}

impl Gateway {
    /// Starts one with the default limits, as `change` has changed them, in front of `origin`.
    pub fn start(origin: SocketAddr, change: impl FnOnce(&mut Plan)) -> Self {
        Self::listen(origin, "127.0.0.1:0", "127.0.0.1:0", change)
    }

    /// The same, on addresses of choice.
    pub fn listen(origin: SocketAddr, plain: &str, secure: &str, change: impl FnOnce(&mut Plan)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = plan(origin, plain, secure, folder.path());
        change(&mut plan);
        let (drain, draining) = watch::channel(false);
        let shared = Arc::new(Shared {
            certificates: Certificates::load(&plan).unwrap(),
            challenges: Challenges::new(folder.path()),
            spool: Spool::open(&folder.path().join("spool"), &plan.gateway.spool).unwrap(),
            engine: ArcSwap::from_pointee(Engine::new(plan).unwrap()),
            state: State::new(),
            health: Health::default(),
            look_ups: LookUps::default(),
            clock: Clock::start(),
            counters: Counters::default(),
            drain: draining,
        });
        let server = Server::start(&shared).unwrap();
        let (plain, secure) = (server.addresses()[0], server.addresses()[1]);
        Self { shared, plain, secure, folder, drain, server: Some(server) }
    }

    /// All records of the spool, as JSON.
    pub fn events(&self) -> Vec<String> {
        // Longer than the spool waits before it writes; then until a busy disk has taken all that was counted.
        std::thread::sleep(Duration::from_millis(300));
        let counted = self.shared.counters.exchanges.load(std::sync::atomic::Ordering::SeqCst) as usize;
        let read = || reader::read_after(&self.folder.path().join("spool"), 0, 10_000).unwrap();
        let mut page = read();
        for _ in 0..50 {
            if page.entries.len() >= counted {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
            page = read();
        }
        page.entries.iter().map(|entry| String::from_utf8(entry.payload.clone()).unwrap()).collect()
    }

    /// Begins to drain.
    pub fn drain(&self) {
        let _ = self.drain.send(true);
    }

    /// Waits until all workers have ended.
    pub fn join(&mut self) {
        if let Some(server) = self.server.take() {
            server.join();
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.drain();
        self.join();
        self.shared.spool.close();
    }
}

/// A plan of one API in front of `origin`, with one clear listener and one with TLS.
pub fn plan(origin: SocketAddr, plain: &str, secure: &str, folder: &Path) -> Plan {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate_file = folder.join("tls.crt");
    let key_file = folder.join("tls.key");
    std::fs::write(&certificate_file, made.cert.pem()).unwrap();
    std::fs::write(&key_file, made.signing_key.serialize_pem()).unwrap();
    let certificate = CertificatePlan {
        certificate_file: certificate_file.to_str().unwrap().to_owned(),
        key_file: key_file.to_str().unwrap().to_owned(),
    };
    let tls = TlsPlan { certificates: vec![certificate], min_version: TlsVersion::Tls12, client_certificates: None };
    Plan {
        format: PLAN_FORMAT,
        version: 1,
        created_at: 0,
        gateway: GatewayPlan {
            seclang_log: None,
            name: "test".to_owned(),
            listeners: vec![
                ListenerPlan { address: plain.to_owned(), tls: None },
                ListenerPlan { address: secure.to_owned(), tls: Some(tls) },
            ],
            workers: 1,
            trusted_proxies: Vec::new(),
            refuse_underscore_headers: true,
            answer_acme_challenges: false,
            limits: limits(),
            timeouts: timeouts(),
            spool: SpoolPlan {
                max_bytes: 1 << 24,
                segment_bytes: 1 << 22,
                sync_ms: 100,
                full: SpoolFull::DropOldest,
                encrypt: false,
            },
            excerpt_bytes: 0,
            trial_ms: 0,
            shared_limits: None,
        },
        apis: vec![api(origin)],
    }
}

fn limits() -> HttpLimitsPlan {
    HttpLimitsPlan {
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
    }
}

fn timeouts() -> TimeoutsPlan {
    TimeoutsPlan {
        handshake_ms: 5_000,
        head_ms: 10_000,
        idle_ms: 60_000,
        body_ms: 10_000,
        body_bytes_per_second: 1024,
        write_stall_ms: 20_000,
        drain_ms: 1_000,
    }
}

fn api(origin: SocketAddr) -> ApiPlan {
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
            targets: vec![TargetPlan { url: format!("http://{origin}") }],
            protocol: UpstreamProtocol::Http1,
            tls: UpstreamTlsPlan::default(),
            preserve_host: true,
            forward_client_certificate: false,
            set_headers: BTreeMap::new(),
            connect_ms: 3_000,
            idle_ms: 30_000,
            total_ms: 0,
            keep_idle: 64,
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
            enabled: true,
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
