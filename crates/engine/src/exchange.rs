//! The steps of one exchange as types, so that code that forgets one does not compile.
//!
//! `Request` → [`Admitted`] (head judged) → [`Cleared`] (body judged, the only thing the upstream takes) → response.

use std::sync::Arc;

use bytes::Bytes;
use stockade_model::event::StageNote;
use stockade_model::plan::{ApiPlan, LargeBody, UpstreamPlan};
use stockade_model::{Finding, Identity, Refusal, Request, Stage};

use crate::Engine;
use crate::stage::{Answered, Facts};
use crate::stages::identity::LookUp;
use crate::stages::limit::{Ask, Charges};

/// What the stages learned; becomes the event.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Index of the API in the plan.
    pub api: Option<usize>,
    /// Index of the operation in the API.
    pub operation: Option<usize>,
    /// What identity proved; shared with the cache of verified tokens.
    pub identity: Option<Arc<Identity>>,
    /// The session the request belongs to: the token's `sid`, else a hash of the session cookie that config names.
    pub session: Option<String>,
    /// Refusals: the one that was carried out, or in monitor mode all that would have been.
    pub refusals: Vec<Refusal>,
    /// Findings of inspection and response checks.
    pub findings: Vec<Finding>,
    /// One note for each stage that ran; details only when the engine was asked to explain.
    pub notes: Vec<StageNote>,
    /// Fields to add to the response: `RateLimit`, `RateLimit-Policy`.
    pub response_headers: Vec<(&'static str, String)>,
    /// Whether notes carry details.
    pub explain: bool,
    /// Lines for the log of SecLang rules, when one is kept.
    pub rule_log: Vec<String>,
    /// Whether the caller signed the digest of the body, so that the whole of it has to be seen.
    pub(crate) digest_signed: bool,
    /// How long the exchange has to wait before it goes on, ms; taken by the gateway.
    pub(crate) wait_ms: u32,
    /// What limits hold until the exchange ends.
    pub(crate) charges: Charges,
    /// Stages that could not decide and let the request pass because their fail mode is `open`; to be counted.
    pub failed_open: Vec<Stage>,
}

/// A body as far as it was read.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// The bytes as they came, still content-encoded, without chunk framing.
    pub bytes: Bytes,
    /// Whether that is all of it. When not, the rest is streamed after clearing.
    pub complete: bool,
}

/// How the gateway must read the body of an admitted request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyPolicy {
    /// Bytes to buffer and have judged before anything is forwarded.
    pub buffer_bytes: u64,
    /// What to do with a longer body.
    pub beyond: LargeBody,
    /// A stream (gRPC, upgrade): judge the head with an empty, incomplete body at once and pass everything on.
    pub stream: bool,
}

/// A request whose head passed.
#[derive(Debug)]
pub struct Admitted {
    pub(crate) engine: Arc<Engine>,
    // Request and record are large and pass through many hands, so they are boxed from here on.
    pub(crate) request: Box<Request>,
    pub(crate) record: Box<Record>,
    pub(crate) facts: Facts,
}

/// A request that every stage let pass; the only thing the upstream takes. Built by the pipeline alone.
#[derive(Debug)]
pub struct Cleared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) request: Box<Request>,
    pub(crate) body: Body,
    pub(crate) record: Box<Record>,
    pub(crate) facts: Facts,
    pub(crate) api: usize,
}

/// A request that a stage refused.
#[derive(Debug)]
pub struct Refused {
    /// The request.
    pub request: Box<Request>,
    /// What was learned until then; its last refusal is the one carried out.
    pub record: Box<Record>,
    /// Why.
    pub refusal: Refusal,
}

impl Admitted {
    /// The request.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// What was learned so far.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Gives request and record back, for an exchange that breaks before its body was judged.
    #[must_use]
    pub fn into_parts(mut self) -> (Box<Request>, Box<Record>) {
        self.engine.end(&self.request, &mut self.record, &mut self.facts);
        (self.request, self.record)
    }

    /// What the engine has to be told before it judges further, to be answered by [`Engine::judge_answer`] first of
    /// all; mostly nothing.
    #[must_use]
    pub fn look_up(&self) -> Option<&LookUp> {
        self.facts.look_up.as_deref()
    }

    /// What the shared store has to decide before the body is judged, in the order in which
    /// [`Engine::judge_counts`] wants the answers; mostly nothing.
    #[must_use]
    pub fn asks(&self) -> &[Ask] {
        self.facts.asked.as_ref().map_or(&[], |asked| &asked.asks)
    }

    /// How long the exchange has to wait before it goes on, ms; 0 when asked again.
    pub fn take_wait_ms(&mut self) -> u32 {
        std::mem::take(&mut self.record.wait_ms)
    }

    /// How its body must be read.
    #[must_use]
    pub fn body_policy(&self) -> BodyPolicy {
        self.engine.body_policy(&self.request, &self.record)
    }
}

impl Cleared {
    /// The engine that cleared it.
    #[must_use]
    pub const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The request as it is to be forwarded.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The part of the body that was judged.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// Index of the API in the plan.
    #[must_use]
    pub const fn api_index(&self) -> usize {
        self.api
    }

    /// The API's plan.
    #[must_use]
    pub fn api(&self) -> Option<&ApiPlan> {
        self.engine.plan().apis.get(self.api)
    }

    /// Where it goes.
    #[must_use]
    pub fn upstream(&self) -> Option<&UpstreamPlan> {
        self.api().map(|api| &api.upstream)
    }

    /// Headers in which the upstream is told who is calling, and which no trailer may repeat; mostly none.
    #[must_use]
    pub fn handed_on(&self) -> Option<Arc<[String]>> {
        let hand_on = self.engine.apis().get(self.api)?.identity.hand_on()?;
        Some(Arc::clone(hand_on.names()))
    }

    /// What was learned.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What a response to it answers.
    pub(crate) fn answered(&self) -> Option<Answered<'_>> {
        let api = self.engine.apis().get(self.api)?;
        Some(Answered { api, request: &self.request, record: &self.record, facts: &self.facts })
    }

    /// How long the exchange has to wait before it is forwarded, ms; 0 when asked again.
    pub fn take_wait_ms(&mut self) -> u32 {
        std::mem::take(&mut self.record.wait_ms)
    }

    /// What was learned, for the response stage to add to.
    pub fn record_mut(&mut self) -> &mut Record {
        &mut self.record
    }

    /// Gives request and record back when the exchange is over.
    #[must_use]
    pub fn into_parts(mut self) -> (Box<Request>, Box<Record>) {
        self.engine.end(&self.request, &mut self.record, &mut self.facts);
        (self.request, self.record)
    }
}
