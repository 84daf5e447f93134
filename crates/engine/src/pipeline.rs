//! The ordered list of stages, and the three questions the gateway asks: head, body, response.

mod pieces;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use stockade_model::plan::{ApiPlan, LargeBody, Plan};
use stockade_model::{Client, Mode, Now, PathForms, Refusal, Request, RequestId, ResponseHead, Stage};

use crate::answer::{Answer, has_body};
use crate::bodies::{body_limits, parse};
use crate::compile::{self, Api};
use crate::departure;
use crate::exchange::{Admitted, Body, Cleared, Record, Refused};
use crate::stage::{Exchange, Facts, Outcome, Received, RequestStage, ResponseStage, STAGE_FAILED};
use crate::stages::decisions::{AboutCaller, AboutRequest};
use crate::stages::identity::LookedUp;
use crate::stages::route::{Hosts, Route};
use crate::stopwatch::Stopwatch;
use crate::{PlanError, State, Told};

/// Finds a stage of an exchange; `None` when it belongs to an API and there is none.
type Pick = for<'a> fn(Option<&'a Api>) -> Option<&'a dyn RequestStage>;

/// The stages that judge a head before the caller is known, in order. The API itself (host and base path) is found
/// before the first of them, because its mode says what a refusal means.
const BEFORE_IDENTITY: [Pick; 3] = [
    // A blocked caller costs least when nothing else has run.
    |_| Some(&AboutRequest),
    // Everything after it reads the API's plan and the operation.
    |_| Some(&Route),
    // Failures of the past turn a caller away before a credential is looked at, or trying them would be free.
    |api| api.map(|api| &api.early_limits).filter(|limits| !limits.is_empty()).map(|limits| limits as _),
];

/// The stages that judge a head from there on; begun again when identity has been told what it asked for.
const FROM_IDENTITY: [Pick; 7] = [
    // Who is calling is asked before what is sent: a caller who may not call learns nothing about the contract.
    |api| api.map(|api| &api.identity as _),
    // Needs the caller; before the stages whose cost grows with the request.
    |_| Some(&AboutCaller),
    // Before access, so that rules are asked about well-formed requests; before inspect, which skips what it confines.
    |api| api.map(|api| &api.contract as _),
    // Before inspect: the search is the dearest stage, and is not run for callers who are turned away.
    |api| api.map(|api| &api.access as _),
    // Before inspect, so that rules that only tell see what inspect refuses.
    |api| api.map(|api| &api.seclang as _),
    |api| api.map(|api| &api.inspect as _),
    // Last, so that only what would pass is counted against the caller's rate.
    |api| api.map(|api| &api.limits as _),
];

/// The stages that judge a body, in order: form before meaning.
const BODY: [Pick; 6] = [
    // First: a body that is not the caller's says nothing.
    |api| api.map(|api| &api.identity as _),
    |api| api.map(|api| &api.contract as _),
    |api| api.map(|api| &api.access as _),
    |api| api.map(|api| &api.seclang as _),
    |api| api.map(|api| &api.inspect as _),
    // Last here too: only what would pass is counted.
    |api| api.map(|api| &api.limits as _),
];

/// The stages that are asked about a body which is a stream, and so is never seen: what they judge then is the rest.
const STREAM: [Pick; 3] = [
    |api| api.map(|api| &api.access as _),
    |api| api.map(|api| &api.seclang as _),
    |api| api.map(|api| &api.limits as _),
];

/// Finds a stage for responses.
type PickResponse = for<'a> fn(&'a Api) -> &'a dyn ResponseStage;

/// The stages that judge a response, in order.
const RESPONSE: [PickResponse; 5] = [
    // First: rules are about what the upstream answered.
    |api| &api.seclang,
    // Before fields are protected: a mask is not what was promised.
    |api| &api.contract,
    // Before anything is changed: it reads who owns what.
    |api| &api.access,
    // Before the search for leaks, which would find what is masked here.
    |api| &api.protect,
    // Last: the search for leaks is about what is really sent.
    |api| &api.response,
];

/// Which question a stage is asked.
enum Question<'a> {
    Head(&'a State),
    Body(&'a Received<'a>),
}

/// A compiled plan. Immutable; a reload makes a new one.
#[derive(Debug)]
pub struct Engine {
    plan: Plan,
    hosts: Hosts,
    apis: Vec<Api>,
    path_forms: PathForms,
}

impl Engine {
    /// Compiles a plan.
    ///
    /// # Errors
    /// The first thing that does not compile, with its setting.
    pub fn new(mut plan: Plan) -> Result<Self, PlanError> {
        let apis = compile::apis(&plan)?;
        // Rules are large, and from here on only their compiled form is read.
        plan.apis.iter_mut().for_each(|api| (api.seclang, api.access.policies) = (None, None));
        let hosts = Hosts::new(&plan.apis)?;
        let path_forms = apis.iter().fold(PathForms::default(), |all, api| all.or(api.path_forms));
        Ok(Self { plan, hosts, apis, path_forms })
    }

    /// Forms of paths that some API wants.
    #[must_use]
    pub const fn path_forms(&self) -> PathForms {
        self.path_forms
    }

    /// The plan it was compiled from.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether some API's rules read heads as they were received.
    #[must_use]
    pub fn wants_received(&self) -> bool {
        self.apis.iter().any(|api| api.seclang.enabled())
    }

    /// Shows a message that the gateway refuses to the rules, as far as it came; answers lines for their log.
    ///
    /// Nothing is decided by it. Which API it was meant for cannot be known, so the first one with rules stands in.
    #[must_use]
    pub fn observe(&self, state: &State, client: &Client, id: RequestId, raw: &[u8], now: Now) -> Vec<String> {
        let circumstances = stockade_seclang::Circumstances {
            client: client.address.to_string(),
            client_port: client.port,
            server: String::new(),
            server_port: 0,
            id: id.to_string(),
            now_us: now.wall.0,
        };
        let stage = self.apis.iter().map(|api| &api.seclang).find(|stage| stage.enabled());
        let observe = || stage.map(|stage| stage.observe(state, circumstances, raw)).unwrap_or_default();
        // A panic here must not take the answer to the client with it.
        catch_unwind(AssertUnwindSafe(observe)).unwrap_or_default()
    }

    /// Its APIs, compiled, in the order of the plan.
    pub(crate) fn apis(&self) -> &[Api] {
        &self.apis
    }

    pub(crate) fn api(&self, record: &Record) -> Option<(&Api, &ApiPlan)> {
        let place = record.api?;
        self.apis.get(place).zip(self.plan.apis.get(place))
    }

    /// The query of a request without the values that its API protects in events; `None` when it has none of them.
    #[must_use]
    pub fn protected_query(&self, record: &Record, query: &str) -> Option<String> {
        self.api(record).and_then(|(api, _)| api.protect.query(query))
    }

    /// Takes values that an API protects in events out of what its stages noted.
    pub fn protect_findings(&self, record: &mut Record) {
        let Some((api, _)) = self.api(record).filter(|(api, _)| api.protect.in_events()) else { return };
        for finding in &mut record.findings {
            api.protect.finding(finding);
        }
    }

    /// Whether a value in a body, under these names from the outside in, must not stand in events.
    #[must_use]
    pub fn hides(&self, record: &Record, names: &[&str], value: &str) -> bool {
        self.api(record).is_some_and(|(api, _)| api.protect.in_events() && api.protect.hides(names, value))
    }

    /// Judges a request's head: all stages, as far as the head lets them decide.
    ///
    /// # Errors
    /// The refusal of the first stage that refuses, in enforce mode.
    pub fn judge_head(
        self: &Arc<Self>,
        state: &State,
        request: impl Into<Box<Request>>,
        explain: bool,
        now: Now,
    ) -> Result<Admitted, Box<Refused>> {
        let request: Box<Request> = request.into();
        let api = self.hosts.find(&request, &self.apis);
        let mut record = Box::new(Record {
            api,
            explain,
            notes: Vec::with_capacity(BEFORE_IDENTITY.len() + FROM_IDENTITY.len()),
            ..Record::default()
        });
        let mut facts = Facts::default();
        let mut exchange = Exchange {
            api: api.and_then(|place| self.apis.get(place)),
            now,
            request: &request,
            record: &mut record,
            facts: &mut facts,
            pending: Default::default(),
        };
        let question = Question::Head(state);
        let outcome = run(&BEFORE_IDENTITY, &mut exchange, &question, state)
            .and_then(|()| run(&FROM_IDENTITY, &mut exchange, &question, state));
        match outcome {
            Ok(()) => Ok(Admitted { engine: Arc::clone(self), request, record, facts }),
            Err(refusal) => {
                self.end(&request, &mut record, &mut facts);
                Err(Box::new(Refused { request, record, refusal: *refusal }))
            }
        }
    }

    /// Tells stages that the exchange is over which keep something until then.
    pub(crate) fn end(&self, request: &Request, record: &mut Record, facts: &mut Facts) {
        if let Some(api) = record.api.and_then(|place| self.apis.get(place)) {
            // A panic here must not take the record with it.
            let _ = catch_unwind(AssertUnwindSafe(|| api.seclang.end(request, record, facts)));
        }
    }

    /// Judges further by what [`Admitted::look_up`] asked for; `None` when nobody answered in time.
    ///
    /// # Errors
    /// As [`Self::judge_head`].
    pub fn judge_answer(
        self: &Arc<Self>,
        state: &State,
        admitted: Admitted,
        told: Option<LookedUp>,
        now: Now,
    ) -> Result<Admitted, Box<Refused>> {
        // The engine that asked understands the answer, also when a reload came in between.
        let Admitted { engine, request, mut record, mut facts } = admitted;
        if facts.look_up.take().is_none() {
            return Ok(Admitted { engine, request, record, facts });
        }
        facts.looked_up = Some(told);
        let mut exchange = Exchange {
            api: engine.api(&record).map(|(api, _)| api),
            now,
            request: &request,
            record: &mut record,
            facts: &mut facts,
            pending: Default::default(),
        };
        match run(&FROM_IDENTITY, &mut exchange, &Question::Head(state), state) {
            Ok(()) => Ok(Admitted { engine, request, record, facts }),
            Err(refusal) => Err(Box::new(Refused { request, record, refusal: *refusal })),
        }
    }

    /// Judges by what the shared store answered to [`Admitted::asks`]; `None` when it did not answer in time.
    ///
    /// # Errors
    /// The refusal of a limit, in enforce mode.
    pub fn judge_counts(
        self: &Arc<Self>,
        state: &State,
        admitted: Admitted,
        told: Option<&[Told]>,
        now: Now,
    ) -> Result<Admitted, Box<Refused>> {
        let Admitted { engine, request, mut record, mut facts } = admitted;
        let Some(asked) = facts.asked.take() else { return Ok(Admitted { engine, request, record, facts }) };
        let Some((api, _)) = engine.api(&record) else { return Ok(Admitted { engine, request, record, facts }) };
        let mut exchange = Exchange {
            api: Some(api),
            now,
            request: &request,
            record: &mut record,
            facts: &mut facts,
            pending: Default::default(),
        };
        let outcome = caught(Stage::Limit, &mut exchange, |exchange| api.limits.counted(exchange, state, *asked, told));
        match exchange.settle(Stage::Limit, outcome) {
            Ok(()) => Ok(Admitted { engine, request, record, facts }),
            Err(refusal) => {
                engine.end(&request, &mut record, &mut facts);
                Err(Box::new(Refused { request, record, refusal: *refusal }))
            }
        }
    }

    /// Judges the body and clears the request.
    ///
    /// # Errors
    /// The refusal of the first stage that refuses, in enforce mode.
    pub fn judge_body(
        self: &Arc<Self>,
        state: &State,
        admitted: Admitted,
        body: Body,
        now: Now,
    ) -> Result<Cleared, Box<Refused>> {
        // What nobody looked up is under the stage's fail mode.
        let admitted =
            if admitted.facts.look_up.is_some() { self.judge_answer(state, admitted, None, now)? } else { admitted };
        // A count that nobody asked the shared store about is decided by this gateway's share.
        let admitted =
            if admitted.facts.asked.is_some() { self.judge_counts(state, admitted, None, now)? } else { admitted };
        // The engine that judged the head judges the body, also when a reload came in between.
        let Admitted { engine, mut request, mut record, mut facts } = admitted;
        let policy = engine.body_policy(&request, &record);
        let api = engine.api(&record);
        let parsed = (!policy.stream && (policy.buffer_bytes > 0 || body.complete))
            .then(|| api.and_then(|(api, plan)| parse(api, plan, &request, &record, &body)))
            .flatten();
        let large_bodies = api.map_or(LargeBody::Refuse, |(api, plan)| {
            if api.wants_whole_body(&record, &request) { LargeBody::Refuse } else { plan.inspect.large_bodies }
        });
        let received = Received {
            bytes: &body.bytes,
            complete: body.complete,
            too_long: !policy.stream && policy.buffer_bytes > 0 && !body.complete && large_bodies == LargeBody::Refuse,
            parsed: parsed.as_ref(),
            state,
        };
        let mut exchange = Exchange {
            api: api.map(|(api, _)| api),
            now,
            request: &request,
            record: &mut record,
            facts: &mut facts,
            pending: Default::default(),
        };
        let stages: &[Pick] = if policy.stream { &STREAM } else { &BODY };
        let outcome = run(stages, &mut exchange, &Question::Body(&received), state);
        if let Err(refusal) = outcome {
            engine.end(&request, &mut record, &mut facts);
            return Err(Box::new(Refused { request, record, refusal: *refusal }));
        }
        // INVARIANT: route refuses every request without an API, so a head that was admitted has one.
        let Some(place) = record.api else {
            let refusal = failed(Stage::Route);
            record.refusals.push(refusal.clone());
            return Err(Box::new(Refused { request, record, refusal }));
        };
        drop(parsed);
        if let (Some(api), Some(plan)) = (engine.apis.get(place), engine.plan.apis.get(place)) {
            departure::prepare(&mut request, api, plan, &record, &facts, now);
        }
        Ok(Cleared { engine, request, body, record, facts, api: place })
    }

    /// How many bytes of this response's body the engine has to see before any of it is sent on; 0 for none.
    #[must_use]
    pub fn response_buffer(&self, cleared: &Cleared, head: &ResponseHead) -> u64 {
        if !has_body(&cleared.request.method, head) {
            return 0;
        }
        let Some(answered) = cleared.answered() else { return 0 };
        RESPONSE.iter().map(|pick| pick(answered.api).buffer(&answered, head)).max().unwrap_or_default()
    }

    /// Judges a response. Answers the body to send instead of the upstream's, when a stage made another.
    ///
    /// `body` is the whole body; `None` when it was not gathered, or is longer than [`Self::response_buffer`] said.
    ///
    /// # Errors
    /// The refusal to answer instead, in enforce mode.
    pub fn judge_response(
        &self,
        state: &State,
        cleared: &mut Cleared,
        head: &mut ResponseHead,
        body: Option<&[u8]>,
        now: Now,
    ) -> Result<Option<Bytes>, Box<Refusal>> {
        // What each stage has to see is asked before any of them changes the head.
        let Some(answered) = cleared.answered() else { return Ok(None) };
        let has_body = has_body(&cleared.request.method, head);
        let wants = RESPONSE.map(|pick| has_body && pick(answered.api).buffer(&answered, head) > 0);
        let limits = cleared.api().map(body_limits);
        let (Some(api), Some(limits)) = (cleared.engine.apis.get(cleared.api), limits) else { return Ok(None) };
        let mut exchange = Exchange {
            api: Some(api),
            now,
            request: &cleared.request,
            record: &mut cleared.record,
            facts: &mut cleared.facts,
            pending: Default::default(),
        };
        let mut watch = state.times.start(exchange.request.id, false);
        for pick in RESPONSE {
            let stage = pick(api);
            let outcome = caught(stage.stage(), &mut exchange, |exchange| stage.head(exchange, head, state));
            lap(&mut watch, stage.stage());
            exchange.settle(stage.stage(), outcome)?;
        }
        if head.status < 400 && exchange.record.refusals.is_empty() {
            state.profiles.learn(&std::mem::take(&mut exchange.facts.observed));
        }
        if !wants.contains(&true) {
            return Ok(None);
        }
        let mut answer = Answer::new(head, body, limits, api.mode == Mode::Enforce);
        for (pick, _) in RESPONSE.iter().zip(wants).filter(|(_, wants)| *wants) {
            let stage = pick(api);
            let outcome = caught(stage.stage(), &mut exchange, |exchange| stage.body(exchange, &mut answer, state));
            lap(&mut watch, stage.stage());
            exchange.settle(stage.stage(), outcome)?;
        }
        Ok(answer.finish())
    }
}

/// Asks stages in order until one refuses and its refusal is carried out, or one has to be told something first.
fn run(
    order: &[Pick],
    exchange: &mut Exchange<'_>,
    question: &Question<'_>,
    state: &State,
) -> Result<(), Box<Refusal>> {
    let mut watch = state.times.start(exchange.request.id, exchange.record.notes.is_empty());
    for pick in order {
        let Some(stage) = pick(exchange.api) else { continue };
        let kind = stage.stage();
        let outcome = caught(kind, exchange, |exchange| match question {
            Question::Head(state) => stage.head(exchange, state),
            Question::Body(received) => stage.body(exchange, received),
        });
        lap(&mut watch, kind);
        exchange.settle(kind, outcome)?;
        if exchange.facts.look_up.is_some() {
            break;
        }
    }
    Ok(())
}

fn lap(watch: &mut Option<Stopwatch<'_>>, stage: Stage) {
    if let Some(watch) = watch {
        watch.lap(stage);
    }
}

/// Runs a stage; one that panics is answered by its fail mode, and the panic ends here.
///
/// What a stage changes is the record and the facts, both plain values that are whole after any step, and shared state
/// behind locks that survive a panic; so there is nothing that could be seen half-done.
fn caught<'a>(stage: Stage, exchange: &mut Exchange<'a>, ask: impl FnOnce(&mut Exchange<'a>) -> Outcome) -> Outcome {
    match catch_unwind(AssertUnwindSafe(|| ask(exchange))) {
        Ok(outcome) => outcome,
        Err(_) => exchange.undecided(stage, |_| failed(stage)),
    }
}

fn failed(stage: Stage) -> Refusal {
    let detail = format!("stage `{}` failed while judging this request", stage.name());
    Refusal::new(stage, &STAGE_FAILED, format!("fail.{}", stage.name()), detail)
}

#[cfg(test)]
mod tests;
