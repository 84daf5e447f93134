//! Judges a recorded HTTP/1.1 message with the code that reads live ones: for `explain`, replay and tests.
//!
//! No sockets, no clock: the caller says who sent it and when.

use std::sync::Arc;

use bytes::BytesMut;
use stockade_engine::{Body, BodyPolicy, Cleared, Engine, LookUp, LookedUp, Record, Spent, State, Wanted, is_password};
use stockade_model::{
    Client, Event, Framing, Now, Refusal, Request, RequestId, ResponseHead, Scheme, Stage, VerdictKind,
};

use crate::chunked::Piece;
use crate::emit::{self, Ended, Trace};
use crate::exchange::judged_bytes;
use crate::http1::{self, Incoming, Scanner};
use crate::normalise::{Arrival, Edge, refusal};

/// Who sent a message, and when.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The other end of the connection.
    pub client: Arc<Client>,
    /// Whether the connection spoke TLS.
    pub scheme: Scheme,
    /// Id that the exchange gets.
    pub id: RequestId,
    /// When it came.
    pub now: Now,
}

/// What came of a message.
#[derive(Debug)]
pub struct Judged {
    /// The request in canonical form; absent when it could not be read.
    pub request: Option<Box<Request>>,
    /// What every stage said; the refusal that was carried out, if there was one, is its last.
    pub record: Box<Record>,
    /// How it ended.
    pub verdict: VerdictKind,
    /// Bytes of the body that were judged.
    pub body_bytes: u64,
    /// Bytes behind the message: a live connection would read them as the next one.
    pub left_over: u64,
}

/// A request that was cleared, and the two counts of [`Judged`].
type Passed = (Cleared, u64, u64);

/// A plan that messages are judged by.
#[derive(Debug)]
pub struct Offline {
    engine: Arc<Engine>,
    edge: Edge,
}

impl Offline {
    /// Judges by `engine`.
    #[must_use]
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { edge: Edge::new(Arc::clone(&engine)), engine }
    }

    /// Judges one message, and the response that an upstream gave to it when there is one.
    #[must_use]
    pub fn judge(
        &self,
        state: &State,
        origin: &Origin,
        raw: &[u8],
        response: Option<(ResponseHead, &[u8])>,
        explain: bool,
    ) -> Judged {
        let (mut cleared, body_bytes, left_over) = match self.clear(state, origin, raw, explain) {
            Ok(passed) => passed,
            Err(mut judged) => {
                let status = judged.record.refusals.last().map(|refusal| refusal.status);
                let spent = Spent { status, bytes_in: judged.body_bytes, bytes_out: 0 };
                state.settle(&mut judged.record, &spent, origin.now);
                return *judged;
            }
        };
        let mut spent = Spent { status: None, bytes_in: body_bytes, bytes_out: 0 };
        if let Some((head, body)) = &response {
            spent = Spent { status: Some(head.status), bytes_out: body.len() as u64, ..spent };
        }
        let refused = response.is_some_and(|(mut head, body)| {
            let most = self.engine.response_buffer(&cleared, &head);
            let seen = (body.len() as u64 <= most).then_some(body);
            self.engine.judge_response(state, &mut cleared, &mut head, seen, origin.now).is_err()
        });
        let (request, mut record) = cleared.into_parts();
        state.settle(&mut record, &spent, origin.now);
        let verdict = match record.refusals.is_empty() {
            _ if refused => VerdictKind::Refused,
            true => VerdictKind::Allowed,
            false => VerdictKind::WouldRefuse,
        };
        Judged { request: Some(request), record, verdict, body_bytes, left_over }
    }

    /// Gives `write` the event that the gateway would have written of it: masked, without response and timing.
    #[must_use]
    pub fn event<T>(&self, origin: &Origin, judged: Judged, write: impl FnOnce(Event<'_>) -> T) -> T {
        let Judged { request, record, verdict, body_bytes, .. } = judged;
        let mut trace = Trace::new(origin.id, &origin.client, origin.now);
        trace.request_bytes = body_bytes;
        write(emit::event(&self.edge, &Ended { request, record, verdict }, &trace))
    }

    fn clear(&self, state: &State, origin: &Origin, raw: &[u8], explain: bool) -> Result<Passed, Box<Judged>> {
        let (arrival, rest) = self.arrive(origin, raw).map_err(|refusal| refused(None, Box::default(), *refusal))?;
        let admitted = self
            .engine
            .judge_head(state, arrival.request, explain, origin.now)
            .map_err(|refused| ended(*refused, 0, 0))?;
        let told = admitted.look_up().and_then(answer);
        let admitted =
            self.engine.judge_answer(state, admitted, told, origin.now).map_err(|refused| ended(*refused, 0, 0))?;
        let framing = admitted.request().framing;
        let (body, left_over) = match self.read_body(framing, admitted.body_policy(), rest) {
            Ok(read) => read,
            Err(refusal) => {
                let (request, record) = admitted.into_parts();
                return Err(refused(Some(request), record, *refusal));
            }
        };
        let body_bytes = body.bytes.len() as u64;
        match self.engine.judge_body(state, admitted, body, origin.now) {
            Ok(cleared) => Ok((cleared, body_bytes, left_over)),
            Err(refused) => Err(ended(*refused, body_bytes, left_over)),
        }
    }

    fn arrive<'a>(&self, origin: &Origin, raw: &'a [u8]) -> Result<(Arrival, &'a [u8]), Box<Refusal>> {
        let length = Scanner::default().scan(raw, &self.edge.plan().limits)?;
        let split = length.and_then(|length| raw.split_at_checked(length));
        let (head, rest) =
            split.ok_or_else(|| refusal(&http1::reasons::GRAMMAR, "", "the head has no blank line at its end"))?;
        let (arrival, _) = http1::arrive(&self.edge, &origin.client, origin.scheme, origin.id, head)?;
        Ok((arrival, rest))
    }

    /// As much of the body as is judged, and how many bytes follow the message.
    fn read_body(&self, framing: Framing, policy: BodyPolicy, rest: &[u8]) -> Result<(Body, u64), Box<Refusal>> {
        if policy.stream {
            return Ok((Body::default(), 0));
        }
        let mut incoming = Incoming::new(framing, false, &self.edge.plan().limits);
        let mut input = BytesMut::from(rest);
        let mut whole = BytesMut::new();
        loop {
            match incoming.take(&mut input, self.edge.plan()) {
                Ok(Piece::Data(data)) => whole.extend_from_slice(&data),
                Ok(Piece::End) => break,
                Ok(Piece::More) => {
                    let detail = format!("the message ends after {} bytes of its body", whole.len());
                    return Err(refusal(&http1::reasons::BODY_BROKEN, "", detail));
                }
                Err((reason, detail)) => return Err(refusal(reason, "", detail)),
            }
        }
        let length = match framing {
            Framing::Length(length) => Some(length),
            Framing::None | Framing::Chunked => None,
        };
        let most = usize::try_from(judged_bytes(length, policy)).unwrap_or(usize::MAX);
        // A chunked body of exactly so many bytes is judged before its end has come.
        let complete = if framing == Framing::Chunked { whole.len() < most } else { whole.len() <= most };
        whole.truncate(most);
        Ok((Body { bytes: whole.freeze(), complete }, input.len() as u64))
    }
}

/// What can be told here and now: nobody else is asked.
fn answer(look_up: &LookUp) -> Option<LookedUp> {
    match &look_up.wanted {
        Wanted::Password { hash, password } => Some(LookedUp::Password(is_password(hash, password.reveal()))),
        Wanted::Token { .. } | Wanted::Keys { .. } => None,
    }
}

/// A message that the gateway itself refuses.
fn refused(request: Option<Box<Request>>, mut record: Box<Record>, refusal: Refusal) -> Box<Judged> {
    debug_assert_eq!(refusal.stage, Stage::Gateway);
    record.refusals.push(refusal);
    Box::new(Judged { request, record, verdict: VerdictKind::Refused, body_bytes: 0, left_over: 0 })
}

/// A message that a stage refused; the record holds the refusal.
fn ended(refused: stockade_engine::Refused, body_bytes: u64, left_over: u64) -> Box<Judged> {
    let stockade_engine::Refused { request, record, .. } = refused;
    Box::new(Judged { request: Some(request), record, verdict: VerdictKind::Refused, body_bytes, left_over })
}
