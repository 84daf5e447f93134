//! A tiny language for flow tests: requests in, verdicts out.
//!
//! ```text
//! > GET /orders/7?page=2 from 192.0.2.9 at 1.5
//!   authorization: Bearer $alice
//!   | {"a":1}
//! < pass getOrder subject:alice
//! ```
//!
//! `from` sets the address, `at` the seconds since the start (both stay for the next requests). `$name` is a token of the
//! play. A line with `|` is the body; `host` is a header like any other. Answers: `< pass OPERATION ACTOR` (`-` for no
//! operation), `< STATUS REASON`, or `< would REASON...` in monitor mode.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support"
)]

pub mod plan;
pub mod token;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use stockade_engine::{
    Admitted, Body, Cleared, Engine, LookUp, LookedUp, Record, Refused, State, Wanted, actor, is_password,
};
use stockade_model::{
    CanonicalPath, Client, ClientCertificate, Framing, Headers, HttpVersion, Now, Request, RequestId, Scheme, Timestamp,
};

/// Seconds since the epoch at which plays start.
pub const START: u64 = 1_800_000_000;

pub struct Play {
    pub engine: Arc<Engine>,
    pub state: State,
    pub tokens: BTreeMap<String, String>,
    /// Whether nobody answers what the engine asks for.
    pub silent: bool,
    /// Certificate of the client.
    pub certificate: Option<Arc<ClientCertificate>>,
    address: String,
    at: f64,
}

/// What one request came to.
pub struct Outcome {
    pub told: String,
    pub record: Record,
    pub cleared: Option<Cleared>,
    pub refused: Option<Box<Refused>>,
}

impl Play {
    pub fn new(plan: serde_json::Value) -> Self {
        let plan = serde_json::from_value(plan).unwrap();
        let engine = Arc::new(Engine::new(plan).unwrap());
        Self {
            engine,
            state: State::new(),
            tokens: BTreeMap::new(),
            silent: false,
            certificate: None,
            address: "192.0.2.1".to_owned(),
            at: 0.0,
        }
    }

    pub fn token(mut self, name: &str, token: impl Into<String>) -> Self {
        self.tokens.insert(name.to_owned(), token.into());
        self
    }

    pub fn now(&self) -> Now {
        let us = (self.at * 1e6) as u64;
        Now { wall: Timestamp(START * 1_000_000 + us), monotonic_us: 5_000_000 + us }
    }

    /// Plays a transcript; fails with the whole of it when an answer differs.
    pub fn runs(&mut self, transcript: &str) {
        let mut got = Vec::new();
        let mut want = Vec::new();
        let mut lines = transcript.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).peekable();
        while let Some(line) = lines.next() {
            let mut block = vec![line.trim_start().to_owned()];
            while let Some(next) = lines.next_if(|line| !line.trim_start().starts_with(['>', '<'])) {
                block.push(next.trim().to_owned());
            }
            want.extend(block.iter().cloned());
            got.extend(block.iter().cloned());
            if let Some(answer) = lines.next_if(|line| line.trim_start().starts_with('<')) {
                want.push(answer.trim().to_owned());
                got.push(format!("< {}", self.ask(&block.join("\n")).told));
            }
        }
        assert_eq!(got.join("\n"), want.join("\n"));
    }

    /// Asks one request, written as in a transcript.
    pub fn ask(&mut self, text: &str) -> Outcome {
        let (request, body) = self.request(text);
        let answer = |look_up: &LookUp| if self.silent { None } else { answer(look_up) };
        judge_with(&self.engine, &self.state, request, body, self.now(), answer)
    }

    pub fn request(&mut self, text: &str) -> (Request, Bytes) {
        let mut lines = text.lines().map(str::trim);
        let mut words = lines.next().unwrap().trim_start_matches("> ").split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        while let (Some(word), Some(value)) = (words.next(), words.next()) {
            match word {
                "from" => self.address = value.to_owned(),
                "at" => self.at = value.parse().unwrap(),
                _ => panic!("expected `from` or `at`, got `{word}`"),
            }
        }
        let mut headers = Headers::default();
        let (mut body, mut authority, mut framing) = (String::new(), "api.example".to_owned(), Framing::None);
        for line in lines {
            if let Some(text) = line.strip_prefix('|') {
                body.push_str(text.trim());
                framing = Framing::Length(body.len() as u64);
                continue;
            }
            let (name, value) = line.split_once(':').unwrap();
            let mut value = value.trim().to_owned();
            for (token, text) in &self.tokens {
                value = value.replace(&format!("${token}"), text);
            }
            match name {
                "host" => authority = value,
                "transfer" => framing = Framing::Chunked,
                _ => assert!(headers.push(name.as_bytes(), value.as_bytes())),
            }
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let address = self.address.parse().unwrap();
        let request = Request {
            id: RequestId::new(Timestamp(0), 0),
            method: method.to_owned(),
            scheme: Scheme::Https,
            authority,
            path: CanonicalPath::parse_with(path.as_bytes(), self.engine.path_forms()).unwrap(),
            query,
            version: HttpVersion::Http11,
            headers,
            framing,
            upgrade: None,
            client: Arc::new(Client {
                address,
                peer: address,
                port: 1,
                tls: None,
                certificate: self.certificate.clone(),
            }),
            received: None,
        };
        (request, Bytes::from(body))
    }
}

/// What a gateway would tell.
fn answer(look_up: &LookUp) -> Option<LookedUp> {
    match &look_up.wanted {
        Wanted::Password { hash, password } => Some(LookedUp::Password(is_password(hash, password.reveal()))),
        Wanted::Token { .. } | Wanted::Keys { .. } => None,
    }
}

pub fn judge(engine: &Arc<Engine>, state: &State, request: Request, body: Bytes, now: Now) -> Outcome {
    judge_with(engine, state, request, body, now, answer)
}

pub fn judge_with(
    engine: &Arc<Engine>,
    state: &State,
    request: Request,
    body: Bytes,
    now: Now,
    answer: impl Fn(&LookUp) -> Option<LookedUp>,
) -> Outcome {
    let admitted: Result<Admitted, _> = engine.judge_head(state, request, false, now);
    let judged = admitted
        .and_then(|admitted| {
            let told = admitted.look_up().and_then(&answer);
            engine.judge_answer(state, admitted, told, now)
        })
        .and_then(|admitted| engine.judge_body(state, admitted, Body { bytes: body, complete: true }, now));
    match judged {
        Ok(cleared) => {
            let record = cleared.record().clone();
            let would: Vec<&str> = record.refusals.iter().map(|refusal| refusal.reason.code).collect();
            let told = if would.is_empty() {
                let operation = cleared.api().and_then(|api| Some(api.operations.get(record.operation?)?.id.clone()));
                let (kind, id) = actor(&record, cleared.request());
                format!("pass {} {kind}:{id}", operation.as_deref().unwrap_or("-"))
            } else {
                format!("would {}", would.join(" "))
            };
            Outcome { told, record, cleared: Some(cleared), refused: None }
        }
        Err(refused) => {
            let told = format!("{} {}", refused.refusal.status, refused.refusal.reason.code);
            Outcome { told, record: (*refused.record).clone(), cleared: None, refused: Some(refused) }
        }
    }
}
