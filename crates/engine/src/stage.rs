//! What a stage is: one small trait, the exchange it reads, and what it may answer.

use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;
use stockade_inspect::profile::Shape;
use stockade_inspect::{BodyError, ParsedBody};
use stockade_model::event::StageNote;
use stockade_model::plan::{FailMode, KeyPlace};
use stockade_model::{Mode, Now, Reason, Refusal, Request, ResponseHead, Stage};

use crate::actor::View;
use crate::answer::Answer;
use crate::compile::Api;
use crate::operations::Operation;
use crate::stages::identity::{LookUp, LookedUp};
use crate::stages::limit::Asked;
use crate::{Record, State};

/// A stage panicked and its fail mode is closed.
pub(crate) const STAGE_FAILED: Reason = Reason {
    code: "engine.stage_failed",
    status: 500,
    meaning: "a stage could not decide and its fail mode is `closed`",
    remedy: "report it with the event; set `fail.STAGE` to `open` where availability matters more",
    source: "",
};

/// Reasons of the pipeline itself.
pub(crate) const REASONS: &[&Reason] = &[&STAGE_FAILED];

/// How a stage that did not refuse went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ran {
    /// It looked and had no objection.
    Pass,
    /// It had nothing to look at.
    Skip,
    /// It passes, and the exchange has to wait; how long is in the record.
    Slow,
    /// It cannot say before it is told what it asked for in the facts; it is asked again then.
    Asks,
}

/// A stage's answer. Boxed, so that the ordinary answer stays one word.
pub(crate) type Outcome = Result<Ran, Box<Refusal>>;

/// One stage for requests.
pub(crate) trait RequestStage {
    /// Which one it is, for notes and fail modes.
    fn stage(&self) -> Stage;

    /// Judges what the head tells; `state` is what is remembered between requests.
    fn head(&self, exchange: &mut Exchange<'_>, state: &State) -> Outcome;

    /// Judges the body; only asked of the stages that the pipeline lists for bodies.
    fn body(&self, exchange: &mut Exchange<'_>, received: &Received<'_>) -> Outcome {
        let _ = (exchange, received);
        Ok(Ran::Skip)
    }
}

/// One stage for responses.
pub(crate) trait ResponseStage {
    /// Which one it is, for notes and fail modes.
    fn stage(&self) -> Stage;

    /// How many bytes of this response's body it has to see before any of the response is sent on; 0 for none.
    ///
    /// Streams must answer 0, since nothing flows while a body is gathered. HEAD and bodiless statuses need not be
    /// thought of: they are never gathered.
    fn buffer(&self, answered: &Answered<'_>, head: &ResponseHead) -> u64 {
        let _ = (answered, head);
        0
    }

    /// Judges status and fields; it may change fields in enforce mode.
    fn head(&self, exchange: &mut Exchange<'_>, head: &mut ResponseHead, state: &State) -> Outcome {
        let _ = (exchange, head, state);
        Ok(Ran::Skip)
    }

    /// Judges the body, and may replace it. Only asked of a stage whose `buffer` is not 0; a body that is longer than
    /// that is not there (see [`Answer::bytes`]).
    fn body(&self, exchange: &mut Exchange<'_>, answer: &mut Answer<'_>, state: &State) -> Outcome {
        let _ = (exchange, answer, state);
        Ok(Ran::Skip)
    }
}

/// What a response answers.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code, reason = "stages that change bodies use it")]
pub(crate) struct Answered<'a> {
    /// The API.
    pub(crate) api: &'a Api,
    /// The request, as it was forwarded.
    pub(crate) request: &'a Request,
    /// What was learned of it.
    pub(crate) record: &'a Record,
    /// What stages told each other about it.
    pub(crate) facts: &'a Facts,
}

/// A body as far as it was read.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    /// The bytes as they came.
    pub(crate) bytes: &'a Bytes,
    /// Whether that is all of it.
    pub(crate) complete: bool,
    /// Whether it is longer than what may be judged, and the plan says to refuse such bodies.
    pub(crate) too_long: bool,
    /// Decoded and parsed; `None` when no stage asked for it.
    pub(crate) parsed: Option<&'a Result<ParsedBody, BodyError>>,
    /// What is remembered between requests.
    pub(crate) state: &'a State,
}

/// Where the credential stood that identity accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    /// Place.
    pub(crate) place: KeyPlace,
    /// Name of the header (lower case), query parameter or cookie.
    pub(crate) name: String,
}

/// What one stage learned and a later one needs, beside the record.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Raw values of the path parameters, as ranges of the canonical path, in the order of the template.
    pub(crate) path_values: SmallVec<[Range<u32>; 4]>,
    /// A CORS preflight for an operation that the contract does not declare (Fetch standard, 4.8).
    pub(crate) preflight: bool,
    /// The SecLang transaction that began with the head.
    pub(crate) seclang: Option<Box<stockade_seclang::Transaction>>,
    /// The accepted credential.
    pub(crate) credential: Option<Credential>,
    /// What identity has to be told before it can go on; the stages behind it wait.
    pub(crate) look_up: Option<Box<LookUp>>,
    /// What it was told. The inner `None` stands for no answer in time.
    pub(crate) looked_up: Option<Option<LookedUp>>,
    /// An `allow` decision selected the request: no block decision stops it.
    pub(crate) exempt: bool,
    /// A block found before the caller was known, kept until no `allow` for this caller can lift it.
    pub(crate) held: Option<Box<Refusal>>,
    /// The contract checked every parameter and found no fault.
    pub(crate) parameters_conform: bool,
    /// The contract checked the whole body and found no fault.
    pub(crate) body_conforms: bool,
    /// Points of a GraphQL request, once they are known.
    pub(crate) graphql_cost: Option<u64>,
    /// What the values of the request looked like, to learn from when it turns out well.
    pub(crate) observed: Vec<(u64, Shape)>,
    /// What only the shared store can decide; `None` when there is nothing.
    pub(crate) asked: Option<Box<Asked>>,
}

/// One exchange on its way through the stages.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    /// The API; `None` only until `route` has refused.
    pub(crate) api: Option<&'a Api>,
    /// The moment.
    pub(crate) now: Now,
    /// The request.
    pub(crate) request: &'a Request,
    /// What becomes the event.
    pub(crate) record: &'a mut Record,
    /// What stages tell each other.
    pub(crate) facts: &'a mut Facts,
    /// Detail and setting for the note of the stage that is running.
    pub(crate) pending: (String, String),
}

impl Exchange<'_> {
    /// Tells what the running stage saw, when someone asked; costs nothing otherwise.
    pub(crate) fn explain(&mut self, tell: impl FnOnce(&Self) -> String) {
        if self.record.explain {
            self.pending.0 = tell(self);
        }
    }

    /// Names the setting that decided, when someone asked.
    pub(crate) fn explain_setting(&mut self, tell: impl FnOnce(&Self) -> String) {
        if self.record.explain {
            self.pending.1 = tell(self);
        }
    }

    /// A setting of this API as a dotted path: `apis.NAME.rest`.
    pub(crate) fn setting(&self, rest: &str) -> String {
        self.api.map_or_else(|| rest.to_owned(), |api| format!("apis.{}.{rest}", api.name))
    }

    /// The mode that applies; without an API there is nobody who asked for less than enforcement.
    pub(crate) fn mode(&self) -> Mode {
        self.api.map_or(Mode::Enforce, |api| api.mode)
    }

    /// The operation, when the contract knows it.
    pub(crate) fn operation(&self) -> Option<&Operation> {
        self.api?.operations.get(self.record.operation?)
    }

    /// The id of the operation, when the contract knows it.
    pub(crate) fn operation_id(&self) -> Option<&str> {
        Some(&self.operation()?.id)
    }

    /// What attributes are read from.
    pub(crate) fn view(&self) -> View<'_> {
        View {
            request: self.request,
            identity: self.record.identity.as_deref(),
            session: self.record.session.as_deref(),
            api: self.api.map(|api| api.name.as_str()),
            operation: self.operation(),
            path_values: &self.facts.path_values,
        }
    }

    /// Answers for a stage that cannot decide, as its fail mode says.
    pub(crate) fn undecided(&mut self, stage: Stage, refusal: impl FnOnce(&Self) -> Refusal) -> Outcome {
        match self.api.map_or(FailMode::Closed, |api| api.fail_mode(stage)) {
            FailMode::Closed => Err(Box::new(refusal(self))),
            FailMode::Open => {
                let told = refusal(self);
                self.pending = (told.detail, told.setting.into_owned());
                self.record.failed_open.push(stage);
                Ok(Ran::Pass)
            }
        }
    }

    /// Writes the note of a stage and decides, by mode, whether its refusal is carried out.
    pub(crate) fn settle(&mut self, stage: Stage, outcome: Outcome) -> Result<(), Box<Refusal>> {
        let (detail, setting) = std::mem::take(&mut self.pending);
        match outcome {
            Ok(Ran::Pass) => self.note(StageNote { stage, outcome: "pass", detail, setting }),
            Ok(Ran::Skip) => self.note(StageNote { stage, outcome: "skip", detail, setting }),
            // It notes what it decides when it has decided.
            Ok(Ran::Asks) => {}
            Ok(Ran::Slow) => {
                let outcome = if self.mode() == Mode::Enforce { "slow" } else { "would_slow" };
                self.note(StageNote { stage, outcome, detail, setting });
            }
            Err(refusal) => {
                let carried_out = self.mode() == Mode::Enforce;
                self.note_refusal(&refusal, carried_out);
                self.record.refusals.push((*refusal).clone());
                if carried_out {
                    return Err(refusal);
                }
            }
        }
        Ok(())
    }

    /// Records a refusal that is not carried out whatever the mode.
    pub(crate) fn record_only(&mut self, refusal: Refusal) {
        self.note_refusal(&refusal, false);
        self.record.refusals.push(refusal);
    }

    fn note_refusal(&mut self, refusal: &Refusal, carried_out: bool) {
        self.note(StageNote {
            stage: refusal.stage,
            outcome: if carried_out { "refuse" } else { "would_refuse" },
            detail: refusal.detail.clone(),
            setting: refusal.setting.to_string(),
        });
    }

    /// One note a stage: what weighs more replaces what weighs less.
    ///
    /// That a stage had nothing to do is told only to who asked for an explanation.
    fn note(&mut self, note: StageNote) {
        if note.outcome == "skip" && !self.record.explain {
            return;
        }
        let notes = &mut self.record.notes;
        match notes.iter_mut().find(|known| known.stage == note.stage) {
            None => notes.push(note),
            Some(known) if weight(note.outcome) >= weight(known.outcome) => {
                let (detail, setting) = (std::mem::take(&mut known.detail), std::mem::take(&mut known.setting));
                *known = note;
                if known.setting.is_empty() {
                    known.setting = setting;
                }
                if known.detail.is_empty() {
                    known.detail = detail;
                } else if !detail.is_empty() {
                    known.detail = format!("{detail}; {}", known.detail);
                }
            }
            Some(_) => {}
        }
    }
}

fn weight(outcome: &str) -> u8 {
    match outcome {
        "skip" => 0,
        "pass" => 1,
        "slow" | "would_slow" => 2,
        "would_refuse" => 3,
        _ => 4,
    }
}
