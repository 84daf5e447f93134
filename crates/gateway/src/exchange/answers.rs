//! How an exchange ends that did not go well: what the client is told, and what the event says.

use std::pin::pin;

use bytes::Bytes;
use stockade_engine::{Record, Refused};
use stockade_model::{Headers, Refusal, Request, ResponseHead, Stage, VerdictKind};

use super::panics::{contain, panicked};
use super::relay::Trouble;
use super::{After, Exchange, Forwarded, Judged, reasons};
use crate::emit::Ended;
use crate::message::{BodyFailure, RequestBody, ResponseSink};
use crate::refuse;
use crate::upstream::UpstreamFailure;

impl<B: RequestBody, S: ResponseSink> Exchange<'_, B, S> {
    /// A stage refused: the record holds its refusal already.
    pub(super) async fn refused(&mut self, refused: Box<Refused>) -> Judged {
        let Refused { request, mut record, refusal } = *refused;
        self.tell_rules(&mut record);
        let after = self.answer(&refusal, &record).await;
        Judged::Ended(Ended { request: Some(request), record, verdict: VerdictKind::Refused }, after)
    }

    /// The authority of a certificate order asked for our proof.
    pub(super) async fn proven(&mut self, request: Box<Request>, proof: Bytes) -> Judged {
        let mut headers = Headers::default();
        headers.push(b"content-type", b"application/octet-stream");
        headers.push(b"cache-control", b"no-store");
        let head = ResponseHead { status: 200, headers, content_length: Some(proof.len() as u64) };
        self.trace.answered(head.status, Some("application/octet-stream"), None);
        self.trace.sent(proof.len());
        let after = if self.sink.whole(&head, proof).await.is_err() {
            After::Broken
        } else {
            self.trace.completed();
            After::Done
        };
        let ended = Ended { request: Some(request), record: Box::default(), verdict: VerdictKind::Allowed };
        Judged::Ended(ended, after)
    }

    /// The engine panicked and took the request with it.
    pub(super) async fn lost(&mut self) -> Judged {
        let refusal = panicked("the engine");
        let mut record = Box::<Record>::default();
        let after = self.answer(&refusal, &record).await;
        record.refusals.push(refusal);
        Judged::Ended(Ended { request: None, record, verdict: VerdictKind::Failed }, after)
    }

    /// Something of ours panicked and took the request with it: answered if that is still possible, else cut short.
    pub(super) async fn crashed(&mut self) -> Forwarded {
        let refusal = panicked("the gateway");
        let mut record = Box::<Record>::default();
        let worker = self.worker;
        let answered = if self.trace.response.is_none() || self.sink.retract() {
            contain(worker, pin!(self.answer(&refusal, &record))).await
        } else {
            None
        };
        if answered.is_none() {
            self.sink.abort();
        }
        record.refusals.push(refusal);
        let ended = Ended { request: None, record, verdict: VerdictKind::Failed };
        let after = match answered {
            Some(After::Done) => After::Last,
            Some(_) | None => After::Broken,
        };
        Forwarded::Ended(ended, after)
    }

    pub(super) async fn unreadable(
        &mut self,
        request: Box<Request>,
        mut record: Box<Record>,
        failure: BodyFailure,
    ) -> Judged {
        let gone = failure.gone;
        self.tell_rules(&mut record);
        let refusal = Refusal::new(Stage::Gateway, failure.reason, "", failure.detail);
        let after = if gone { After::Broken } else { self.answer(&refusal, &record).await };
        record.refusals.push(refusal);
        let verdict = if gone { VerdictKind::Failed } else { VerdictKind::Refused };
        Judged::Ended(Ended { request: Some(request), record, verdict }, after)
    }

    /// Something went wrong after the request was cleared: answered if the client has no head yet, else cut short.
    pub(super) async fn troubled(
        &mut self,
        request: Box<Request>,
        mut record: Box<Record>,
        trouble: Trouble,
    ) -> (Ended, After) {
        self.tell_rules(&mut record);
        let (refusal, verdict) = match trouble {
            Trouble::Gone => {
                let refusal = Refusal::new(Stage::Gateway, &reasons::CLIENT_GONE, "", "no one to answer");
                record.refusals.push(refusal);
                self.sink.abort();
                return (Ended { request: Some(request), record, verdict: VerdictKind::Failed }, After::Broken);
            }
            Trouble::Upstream(failure) => (upstream_refusal(failure), VerdictKind::Failed),
            Trouble::Body(failure) => {
                (Refusal::new(Stage::Gateway, failure.reason, "", failure.detail), VerdictKind::Refused)
            }
            Trouble::Refused(refusal) => {
                let after = if self.trace.response.is_none() || self.sink.retract() {
                    self.answer(&refusal, &record).await
                } else {
                    self.sink.abort();
                    After::Broken
                };
                return (Ended { request: Some(request), record, verdict: VerdictKind::Refused }, after);
            }
            Trouble::Panic => (panicked("the engine"), VerdictKind::Failed),
        };
        let after = if self.trace.response.is_none() || self.sink.retract() {
            self.answer(&refusal, &record).await
        } else {
            self.sink.abort();
            After::Broken
        };
        record.refusals.push(refusal);
        (Ended { request: Some(request), record, verdict }, after)
    }

    /// Writes what SecLang rules matched, before the client is answered.
    fn tell_rules(&self, record: &mut Record) {
        self.worker.rule_log.write(self.edge.plan(), std::mem::take(&mut record.rule_log));
    }

    /// Answers a refusal or failure.
    pub(super) async fn answer(&mut self, refusal: &Refusal, record: &Record) -> After {
        let (mut head, body) = refuse::response(refusal, self.trace.id);
        for (name, value) in &record.response_headers {
            head.headers.set(name, value.as_bytes());
        }
        let kind = if refusal.puzzle.as_ref().is_some_and(|puzzle| puzzle.page) {
            "text/html; charset=utf-8"
        } else {
            "application/problem+json"
        };
        self.trace.answered(head.status, Some(kind), None);
        self.trace.sent(body.len());
        if self.sink.whole(&head, body).await.is_err() {
            return After::Broken;
        }
        self.trace.completed();
        After::Done
    }
}

fn upstream_refusal(failure: UpstreamFailure) -> Refusal {
    let detail = match failure.target {
        Some(target) if !failure.detail.contains(&target) => format!("{target}: {}", failure.detail),
        _ => failure.detail,
    };
    Refusal::new(Stage::Upstream, failure.reason, "", detail)
}
