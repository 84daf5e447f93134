//! Stage protect: named or recognised fields are masked, taken out, or replaced by tokens, on the way to the client and
//! on the way into events. After the upstream and after access, before the search for leaks.

mod event;
mod rule;

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;
use stockade_inspect::tokenise::Tokeniser;
use stockade_model::plan::{ApiPlan, ProtectPlan};
use stockade_model::{Mode, Reason, Refusal, ResponseHead, Stage};

use self::rule::Rule;
use crate::answer::{Answer, may_be_json};
use crate::json_text::{self, Choice, Editor, Step};
use crate::stage::{Answered, Exchange, Outcome, Ran, ResponseStage};
use crate::{PlanError, State};

const UNREADABLE: Reason = Reason {
    code: "protect.unreadable",
    status: 502,
    meaning: "fields of the answer are to be protected, and the answer cannot be read",
    remedy: "raise `protect.body`, or have the service answer with JSON that is not encoded in a way of its own",
    source: "",
};

/// Reasons of this stage.
pub(crate) const REASONS: &[&Reason] = &[&UNREADABLE];

/// The stage for one API.
#[derive(Debug, Default)]
pub(crate) struct Protect {
    rules: Vec<Rule>,
    tokeniser: Option<Tokeniser>,
    body_bytes: u64,
    in_responses: bool,
    in_events: bool,
}

impl Protect {
    /// Compiles the rules.
    ///
    /// # Errors
    /// A field that is none, or tokens without a key.
    pub(crate) fn new(plan: &ApiPlan) -> Result<Self, PlanError> {
        let ProtectPlan { rules: plans, body_bytes, key } = &plan.protect;
        let setting = |rest: &str| format!("apis.{}.protect.{rest}", plan.name);
        let mut rules = Vec::with_capacity(plans.len());
        for one in plans {
            rules.push(Rule::new(one).map_err(|problem| PlanError::new(setting(&one.name), problem))?);
        }
        let tokeniser = match key {
            None => None,
            Some(key) => Some(
                key.bytes()
                    .and_then(|key| Tokeniser::new(&key))
                    .ok_or_else(|| PlanError::new(setting("key"), "expected 64 hexadecimal digits"))?,
            ),
        };
        if tokeniser.is_none() && rules.iter().any(Rule::makes_tokens) {
            return Err(PlanError::new(setting("key"), "expected a key, since rules make tokens"));
        }
        let in_responses = rules.iter().any(|rule| rule.in_responses);
        let in_events = rules.iter().any(|rule| rule.in_events);
        Ok(Self { rules, tokeniser, body_bytes: *body_bytes, in_responses, in_events })
    }

    /// Whether any rule is about events.
    pub(crate) const fn in_events(&self) -> bool {
        self.in_events
    }

    fn applies(&self, answered: &Answered<'_>) -> bool {
        self.in_responses && self.rules.iter().any(|rule| rule.applies(answered.record.identity.as_deref()))
    }
}

impl ResponseStage for Protect {
    fn stage(&self) -> Stage {
        Stage::Response
    }

    fn buffer(&self, answered: &Answered<'_>, head: &ResponseHead) -> u64 {
        if self.applies(answered) && may_be_json(head) { self.body_bytes } else { 0 }
    }

    fn body(&self, exchange: &mut Exchange<'_>, answer: &mut Answer<'_>, _state: &State) -> Outcome {
        let untyped = !answer.head.headers.contains("content-type");
        let edited = {
            let Some(text) = answer.text() else { return unreadable(exchange, &answer.fault()) };
            let rules = self.rules.iter().filter(|rule| rule.in_responses);
            let rules = rules.filter(|rule| rule.applies(exchange.record.identity.as_deref())).collect();
            let mut editing = Editing { rules, tokeniser: self.tokeniser.as_ref(), chosen: None, done: 0 };
            // The fail mode of response checks may be open; what was not protected must not get out that way.
            let edit = AssertUnwindSafe(|| json_text::edit(text, &mut editing));
            let Ok(edited) = catch_unwind(edit) else { return unreadable(exchange, "its fields could not be changed") };
            edited.map(|text| (text, editing.done))
        };
        match edited {
            // What has no type may be anything; what says it is JSON and is none must not slip through.
            Err(_) if untyped => Ok(Ran::Skip),
            Err(_) => unreadable(exchange, "the body is no JSON"),
            Ok((None, _)) => Ok(Ran::Pass),
            Ok((Some(text), done)) => {
                let does = if exchange.mode() == Mode::Enforce { "protected" } else { "would be protected" };
                exchange.explain(|_| format!("{done} fields {does}"));
                answer.replace(text.into_bytes());
                Ok(Ran::Pass)
            }
        }
    }
}

fn unreadable(exchange: &Exchange<'_>, detail: &str) -> Outcome {
    let setting = exchange.setting("protect");
    Err(Box::new(Refusal::new(Stage::Response, &UNREADABLE, setting, detail.to_owned())))
}

/// Changes the fields of one body.
struct Editing<'a> {
    rules: Vec<&'a Rule>,
    tokeniser: Option<&'a Tokeniser>,
    /// The rule that the last answer of `choose` was for.
    chosen: Option<&'a Rule>,
    done: usize,
}

impl Editor for Editing<'_> {
    fn choose(&mut self, place: &[Step<'_>]) -> Choice {
        let Some(rule) = self.rules.iter().find(|rule| rule.names(place)) else { return Choice::Keep };
        self.chosen = Some(rule);
        if rule.removes() {
            self.done += 1;
            return Choice::Remove;
        }
        Choice::Rewrite
    }

    fn rewrite(&mut self, _place: &[Step<'_>], value: &str) -> Option<String> {
        let rule = self.chosen.take()?;
        let value: Value = serde_json::from_str(value).ok()?;
        let plain = match value {
            Value::Null => return None,
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        self.done += 1;
        // A list or an object has no shape to keep.
        let new = plain.map_or_else(|| rule::MASK.to_owned(), |plain| rule.replaced(&plain, self.tokeniser));
        Some(Value::String(new).to_string())
    }

    fn scalar(&mut self, _place: &[Step<'_>], value: &str) -> Option<String> {
        if self.rules.iter().all(|rule| rule.classes.is_empty()) {
            return None;
        }
        // A card number may be written as a number.
        let plain = match value.as_bytes().first()? {
            b'"' => serde_json::from_str(value).ok()?,
            b'0'..=b'9' => value.to_owned(),
            _ => return None,
        };
        let rule = self.rules.iter().find(|rule| rule.recognises(&plain))?;
        self.done += 1;
        Some(Value::String(rule.replaced_within(&plain, self.tokeniser)).to_string())
    }
}

#[cfg(test)]
mod tests;
