//! What an event tells of messages: the fields of bodies of some exchanges of each operation, and of those that stood out
//! header fields and a masked excerpt. Looked at when the exchange is over, so that it costs the caller no time.

use std::cell::{Cell, RefCell};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::{Bytes, BytesMut};
use stockade_engine::{Body, Record};
use stockade_inspect::{BodyLimits, ParsedBody, excerpt, shape};
use stockade_model::event::FieldRecord;
use stockade_model::{Now, Request, ResponseHead, VerdictKind};

use super::Ended;
use crate::normalise::Edge;

/// Longest body that is looked at.
const BODY_BYTES: usize = 128 * 1024;
/// Bounds of parsing here; what is over them is not told.
const LIMITS: BodyLimits =
    BodyLimits { json_depth: 64, json_values: 20_000, decompress_ratio: 100, decompressed_bytes: 1 << 20 };

/// Exchanges of one operation in an hour of which fields are told, before only each [`EVERY`]th is.
const FIRST: u16 = 32;
const EVERY: u16 = 64;
/// Counts kept of operations; two that share one are both told of less often.
const SLOTS: usize = 4096;
const HOUR_US: u64 = 3_600_000_000;

/// Chooses the exchanges of which fields are told. Bounded, whatever is called.
#[derive(Debug)]
pub(crate) struct Samples {
    hour: Cell<u64>,
    counts: RefCell<Box<[u16]>>,
}

impl Default for Samples {
    fn default() -> Self {
        Self { hour: Cell::new(0), counts: RefCell::new(vec![0; SLOTS].into_boxed_slice()) }
    }
}

impl Samples {
    /// Whether to tell of this exchange.
    fn take(&self, record: &Record, request: &Request, status: u16, now: Now) -> bool {
        let hour = now.monotonic_us / HOUR_US;
        let mut counts = self.counts.borrow_mut();
        if self.hour.replace(hour) != hour {
            counts.fill(0);
        }
        let mut hasher = DefaultHasher::new();
        (record.api, record.operation, status / 100).hash(&mut hasher);
        if record.operation.is_none() {
            // Not declared: known by its words, since values are what paths differ in.
            request.method.hash(&mut hasher);
            for segment in request.path.as_str().split('/') {
                segment.bytes().all(|byte| !byte.is_ascii_digit()).then_some(segment).hash(&mut hasher);
            }
        }
        let slot = usize::try_from(hasher.finish() % SLOTS as u64).unwrap_or_default();
        let Some(count) = counts.get_mut(slot) else { return false };
        let before = *count;
        *count = count.wrapping_add(1);
        before < FIRST || before.is_multiple_of(EVERY)
    }
}

/// Bodies of one exchange until its event is written.
#[derive(Debug, Default)]
pub(crate) struct Bodies {
    /// The request's, when it is here whole.
    request: Bytes,
    response: Option<Box<Tap>>,
    sampled: bool,
    told: Option<Box<Told>>,
}

/// A response's body as it goes by.
#[derive(Debug)]
struct Tap {
    content_type: Option<String>,
    content_encoding: Option<String>,
    bytes: BytesMut,
    over: bool,
}

/// What the event tells.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) request_headers: Vec<String>,
    pub(crate) request_fields: Vec<FieldRecord>,
    pub(crate) request_excerpt: Option<String>,
    pub(crate) response_fields: Vec<FieldRecord>,
    pub(crate) response_excerpt: Option<String>,
}

impl Bodies {
    /// Notes the request's body as it was judged.
    pub(crate) fn received(&mut self, body: &Body) {
        if body.complete && body.bytes.len() <= BODY_BYTES {
            self.request = body.bytes.clone();
        }
    }

    /// Decides whether the response's body is looked at, before any of it is sent.
    pub(crate) fn answers(
        &mut self,
        samples: &Samples,
        (record, request): (&Record, &Request),
        head: &ResponseHead,
        now: Now,
    ) {
        let readable = head.content_length.is_none_or(|length| (1..=BODY_BYTES as u64).contains(&length))
            && stockade_model::request::media_type(&head.headers).is_some_and(|media_type| is_json(&media_type));
        if self.request.is_empty() && !readable {
            return;
        }
        self.sampled = samples.take(record, request, head.status, now);
        if readable && (self.sampled || stands_out(record)) {
            let field = |name| head.headers.get_str(name).map(str::to_owned);
            self.response = Some(Box::new(Tap {
                content_type: field("content-type"),
                content_encoding: field("content-encoding"),
                bytes: BytesMut::new(),
                over: false,
            }));
        }
    }

    /// Notes bytes of the response's body.
    pub(crate) fn sent(&mut self, piece: &[u8]) {
        let Some(tap) = &mut self.response else { return };
        if tap.over || tap.bytes.len() + piece.len() > BODY_BYTES {
            tap.over = true;
            tap.bytes = BytesMut::new();
        } else {
            tap.bytes.extend_from_slice(piece);
        }
    }

    /// Works out what is told. `complete` is whether the response was sent whole.
    pub(super) fn tell(&mut self, edge: &Edge, ended: &Ended, complete: bool) {
        let shown = stands_out(&ended.record) || ended.verdict != VerdictKind::Allowed;
        let most = if shown { edge.plan().excerpt_bytes as usize } else { 0 };
        let Some(request) = &ended.request else { return };
        let response = self.response.take().filter(|tap| complete && !tap.over && !tap.bytes.is_empty());
        if most == 0 && (!self.sampled || (self.request.is_empty() && response.is_none())) {
            return;
        }
        // Bodies are hostile; whatever happens while they are looked at, the event is written.
        let looked = catch_unwind(AssertUnwindSafe(|| {
            let hides = |names: &[&str], value: &str| edge.engine.hides(&ended.record, names, value);
            let mut told = Told::default();
            if most > 0 {
                told.request_headers = excerpt::headers(request.headers.iter());
            }
            let (kind, coding) = (request.headers.get_str("content-type"), request.headers.get_str("content-encoding"));
            if let Some(parsed) = parsed(kind, coding, &self.request) {
                told.request_fields = if self.sampled { shape::fields(&parsed) } else { Vec::new() };
                told.request_excerpt = excerpt::excerpt(&parsed, most, &hides);
            }
            if let Some(tap) = response
                && let Some(parsed) = parsed(tap.content_type.as_deref(), tap.content_encoding.as_deref(), &tap.bytes)
            {
                told.response_fields = if self.sampled { shape::fields(&parsed) } else { Vec::new() };
                told.response_excerpt = excerpt::excerpt(&parsed, most, &hides);
            }
            Box::new(told)
        }));
        self.told = looked.ok();
    }

    /// What the event tells; nothing for most exchanges.
    pub(super) fn told(&self) -> Option<&Told> {
        self.told.as_deref()
    }
}

/// Whether somebody will want to see this exchange.
fn stands_out(record: &Record) -> bool {
    !record.refusals.is_empty() || !record.findings.is_empty()
}

fn is_json(media_type: &str) -> bool {
    media_type.ends_with("/json") || media_type.ends_with("+json")
}

fn parsed(content_type: Option<&str>, content_encoding: Option<&str>, bytes: &[u8]) -> Option<ParsedBody> {
    if bytes.is_empty() {
        return None;
    }
    let media_type = content_type.map(|value| value.split(';').next().unwrap_or(value).trim().to_ascii_lowercase());
    ParsedBody::parse(media_type.as_deref(), content_type, content_encoding, bytes, true, &LIMITS).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use stockade_model::{CanonicalPath, Framing, Headers, HttpVersion, RequestId, Scheme, Timestamp};

    fn request(path: &str) -> Request {
        Request {
            id: RequestId::new(Timestamp(0), 7),
            method: "GET".to_owned(),
            scheme: Scheme::Http,
            authority: "api.example".to_owned(),
            path: CanonicalPath::parse(path.as_bytes()).unwrap(),
            query: None,
            version: HttpVersion::Http11,
            headers: Headers::default(),
            framing: Framing::None,
            upgrade: None,
            client: testing::client("192.0.2.1"),
            received: None,
        }
    }

    fn at(us: u64) -> Now {
        Now { wall: Timestamp(us), monotonic_us: us }
    }

    #[test]
    fn the_first_of_each_operation_are_told_and_then_few() {
        let (samples, asked) = (Samples::default(), request("/orders/17"));
        let record = |operation| {
            let mut record = Record::default();
            (record.api, record.operation) = (Some(0), operation);
            record
        };
        let taken = |record: &Record, now| samples.take(record, &asked, 200, now);
        let one = record(Some(1));
        let told = (0..=640).filter(|_| taken(&one, at(5))).count();
        assert_eq!(told, usize::from(FIRST) + 10);
        assert!(taken(&record(Some(2)), at(5)), "each operation has a count of its own");
        assert!(!taken(&one, at(5)) && taken(&one, at(HOUR_US)), "each hour begins anew");
        let (other, word) = (request("/orders/18"), request("/carts/17"));
        let shadow = record(None);
        assert_eq!((0..FIRST).filter(|_| samples.take(&shadow, &asked, 200, at(5))).count(), usize::from(FIRST));
        assert!(!samples.take(&shadow, &other, 200, at(5)), "values do not make an operation");
        assert!(samples.take(&shadow, &word, 200, at(5)), "words do");
    }
}
