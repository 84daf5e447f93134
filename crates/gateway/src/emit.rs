//! Builds the event of a finished exchange, masked, and hands it to the spool.

pub(crate) mod bodies;
pub(crate) mod partial;

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use stockade_engine::{Record, Spent};
use stockade_inspect::mask;
use stockade_model::event::{
    ClientRecord, EVENT_FORMAT, Record as SpoolRecord, RequestRecord, ResponseRecord, Timing, TraceRecord,
};
use stockade_model::{Client, Event, Now, Refusal, Request, RequestId, TraceContext, VerdictKind};

use self::bodies::Bodies;
use crate::clock::Clock;
use crate::normalise::Edge;
use crate::shared::{WorkerRef, count};

/// Longest path kept in an event; a longer one is cut.
const PATH_BYTES: usize = 2_048;
/// Longest `User-Agent` kept in an event.
const USER_AGENT_BYTES: usize = 256;

/// What was measured of an exchange while it ran.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) id: RequestId,
    pub(crate) started: Now,
    /// The last moment that was read: the next step begins there, unless it had to wait.
    pub(crate) now: Now,
    pub(crate) client: Arc<Client>,
    pub(crate) timing: Timing,
    /// Bytes of the request's body that were read.
    pub(crate) request_bytes: u64,
    /// The response, once its head was sent.
    pub(crate) response: Option<Answer>,
    /// Bodies that the event may tell of.
    pub(crate) bodies: Bodies,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    body_bytes: u64,
    /// Masked.
    content_type: Option<String>,
    upstream: Option<Rc<str>>,
    complete: bool,
}

impl Trace {
    /// The trace of an exchange that began at `started`.
    pub(crate) fn new(id: RequestId, client: &Arc<Client>, started: Now) -> Self {
        let client = Arc::clone(client);
        let (timing, bodies) = (Timing::default(), Bodies::default());
        Self { id, started, now: started, client, timing, request_bytes: 0, response: None, bodies }
    }

    /// Reads the clock after a wait; how long it was, in microseconds.
    pub(crate) fn waited(&mut self, clock: &Clock) -> u64 {
        let before = self.now.monotonic_us;
        self.now = clock.later(self.now);
        self.now.monotonic_us.saturating_sub(before)
    }

    /// Notes that a response's head is being sent.
    pub(crate) fn answered(&mut self, status: u16, content_type: Option<&str>, upstream: Option<Rc<str>>) {
        let content_type = content_type.map(|value| mask::text(value, 100).into_owned());
        self.response = Some(Answer { status, body_bytes: 0, content_type, upstream, complete: false });
    }

    /// Notes bytes of the response's body.
    pub(crate) fn sent(&mut self, bytes: usize) {
        if let Some(response) = &mut self.response {
            response.body_bytes = response.body_bytes.saturating_add(bytes as u64);
        }
    }

    /// What limits are charged with.
    fn spent(&self) -> Spent {
        let answer = self.response.as_ref();
        Spent {
            status: answer.map(|answer| answer.status),
            bytes_in: self.request_bytes,
            bytes_out: answer.map_or(0, |answer| answer.body_bytes),
        }
    }

    /// Notes that the response was sent whole.
    pub(crate) fn completed(&mut self) {
        if let Some(response) = &mut self.response {
            response.complete = true;
        }
    }
}

/// How an exchange ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The request; `None` when it was lost to a panic.
    pub(crate) request: Option<Box<Request>>,
    /// What the stages learned; the refusal that was carried out, if there was one, is its last.
    pub(crate) record: Box<Record>,
    /// How.
    pub(crate) verdict: VerdictKind,
}

/// Writes the event of an exchange.
pub(crate) fn exchange(worker: &WorkerRef, edge: &Edge, mut ended: Ended, trace: Trace) {
    if !ended.record.findings.is_empty() {
        edge.engine.protect_findings(&mut ended.record);
    }
    append(worker, edge, &mut ended, trace, None);
}

/// `partial` stands for a request that there never was.
fn append(worker: &WorkerRef, edge: &Edge, ended: &mut Ended, mut trace: Trace, partial: Option<RequestRecord<'_>>) {
    tally(worker, ended.verdict, &ended.record);
    trace.waited(&worker.shared.clock);
    worker.shared.state.settle(&mut ended.record, &trace.spent(), trace.now);
    trace.timing.total_us = trace.now.monotonic_us.saturating_sub(trace.started.monotonic_us);
    let complete = trace.response.as_ref().is_some_and(|answer| answer.complete);
    trace.bodies.tell(edge, ended, complete);
    let mut event = event(edge, ended, &trace);
    event.request = event.request.or(partial);
    worker.shared.spool.append(&SpoolRecord::Exchange(event));
}

/// Builds the event of an exchange, masked.
pub(crate) fn event<'a>(edge: &'a Edge, ended: &'a Ended, trace: &'a Trace) -> Event<'a> {
    let Ended { request, record, verdict } = ended;
    let told = trace.bodies.told();
    let plan = edge.engine.plan();
    let api = record.api.and_then(|place| plan.apis.get(place));
    let operation = api.zip(record.operation).and_then(|(api, place)| api.operations.get(place));
    let actor = match request {
        Some(request) => {
            let (kind, id) = stockade_engine::actor(record, request);
            [kind, ":", &id].concat()
        }
        None => format!("address:{}", trace.client.address),
    };
    Event {
        format: EVENT_FORMAT,
        id: trace.id,
        time: trace.started.wall,
        gateway: Cow::Borrowed(&plan.gateway.name),
        bundle: plan.version,
        verdict: *verdict,
        mode: api.map(|api| api.mode),
        api: api.map(|api| Cow::Borrowed(&*api.name)),
        operation: operation.map(|operation| Cow::Borrowed(&*operation.id)),
        actor: Cow::Owned(actor),
        trace: request.as_deref().and_then(trace_record),
        client: client_record(&trace.client),
        request: request.as_deref().map(|request| {
            let protected = request.query.as_deref().and_then(|query| edge.engine.protected_query(record, query));
            let mut record = request_record(request, protected, trace.request_bytes);
            if let Some(told) = told {
                record.headers = &told.request_headers;
                record.fields = &told.request_fields;
                record.excerpt = told.request_excerpt.as_deref().map(Cow::Borrowed);
            }
            record
        }),
        identity: record.identity.as_deref(),
        session: record.session.as_deref().map(Cow::Borrowed),
        refusals: &record.refusals,
        findings: &record.findings,
        stages: &record.notes,
        response: trace.response.as_ref().map(|answer| {
            let mut record = response_record(answer);
            if let Some(told) = told {
                record.fields = &told.response_fields;
                record.excerpt = told.response_excerpt.as_deref().map(Cow::Borrowed);
            }
            record
        }),
        timing: trace.timing,
    }
}

/// A head that never became a request, and how it was answered.
#[derive(Debug)]
pub(crate) struct Malformed<'a> {
    pub(crate) id: RequestId,
    pub(crate) client: &'a Arc<Client>,
    /// What could be read of it.
    pub(crate) request: Option<RequestRecord<'static>>,
    pub(crate) refusal: &'a Refusal,
    /// Bytes of the answer's body.
    pub(crate) bytes: u64,
    /// Whether all of the answer was sent.
    pub(crate) complete: bool,
    pub(crate) started: Now,
}

/// Writes the event of a head that never became a request.
pub(crate) fn malformed(worker: &WorkerRef, edge: &Edge, malformed: Malformed<'_>) {
    let Malformed { id, client, request, refusal, bytes, complete, started } = malformed;
    let mut trace = Trace::new(id, client, started);
    trace.answered(refusal.status, Some("application/problem+json"), None);
    if let Some(response) = &mut trace.response {
        response.body_bytes = bytes;
        response.complete = complete;
    }
    let mut record = Box::<Record>::default();
    record.refusals.push(refusal.clone());
    let mut ended = Ended { request: None, record, verdict: VerdictKind::Refused };
    append(worker, edge, &mut ended, trace, request);
}

fn tally(worker: &WorkerRef, verdict: VerdictKind, record: &Record) {
    let counters = &worker.shared.counters;
    count(&counters.exchanges);
    match verdict {
        VerdictKind::Refused => count(&counters.refused),
        VerdictKind::Failed => count(&counters.failed),
        VerdictKind::Allowed | VerdictKind::WouldRefuse => {}
    }
    if !record.failed_open.is_empty() {
        counters.failed_open.fetch_add(record.failed_open.len() as u64, Ordering::Relaxed);
    }
}

fn trace_record(request: &Request) -> Option<TraceRecord> {
    let TraceContext { trace, parent, .. } = TraceContext::of(request.id, &request.headers);
    parent.map(|parent| TraceRecord { id: format!("{trace:032x}"), parent: format!("{parent:016x}") })
}

fn client_record(client: &Client) -> ClientRecord<'_> {
    ClientRecord {
        address: client.address,
        peer: (client.peer != client.address).then_some(client.peer),
        port: client.port,
        tls: client.tls.as_deref(),
    }
}

/// `protected` is the query without what the API protects, when that differs.
fn request_record(request: &Request, protected: Option<String>, body_bytes: u64) -> RequestRecord<'_> {
    let user_agent = request.headers.get("user-agent").map(|value| match std::str::from_utf8(value) {
        Ok(text) => mask::text(text, USER_AGENT_BYTES),
        Err(_) => Cow::Owned(mask::text(&String::from_utf8_lossy(value), USER_AGENT_BYTES).into_owned()),
    });
    RequestRecord {
        scheme: request.scheme,
        path: mask::text(request.path.as_str(), PATH_BYTES),
        query: match protected {
            None => request.query.as_deref().map(mask::query),
            Some(query) => Some(Cow::Owned(mask::query(&query).into_owned())),
        },
        version: request.version,
        content_type: request.media_type().map(|media| Cow::Owned(mask::text(&media, 100).into_owned())),
        user_agent,
        body_bytes,
        method: Cow::Borrowed(&request.method),
        authority: Cow::Borrowed(&request.authority),
        headers: &[],
        fields: &[],
        excerpt: None,
    }
}

fn response_record(answer: &Answer) -> ResponseRecord<'_> {
    ResponseRecord {
        status: answer.status,
        body_bytes: answer.body_bytes,
        content_type: answer.content_type.as_deref().map(Cow::Borrowed),
        upstream: answer.upstream.as_deref().map(Cow::Borrowed),
        complete: answer.complete,
        fields: &[],
        excerpt: None,
    }
}
