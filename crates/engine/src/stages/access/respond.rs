//! The second half of access: answers that hold what is somebody else's do not leave, fields that the caller may not see
//! are taken out, and who was given which object is remembered.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;
use stockade_model::{Identity, Mode, Refusal, Request, ResponseHead, Stage};

use super::fields::{FieldRule, Hiding, Way};
use super::objects::{Objects, Target};
use super::owners::Held;
use super::{Access, UNREADABLE, not_own, tell};
use crate::actor::Key;
use crate::answer::{Answer, has_body, may_be_json};
use crate::json_text;
use crate::stage::{Answered, Exchange, Facts, Outcome, Ran, ResponseStage};
use crate::{Record, State};

/// What a response has to do with objects.
enum About<'a> {
    /// It shows one object, and tells whose it is.
    Shows(&'a Objects, Target),
    /// It answers a collection: key up to the id, whether the answer is the whole collection's, whether it was made.
    Collection(&'a Objects, Key, bool),
}

impl Access {
    /// What a good answer for this caller shows or teaches.
    fn about(&self, api: &str, request: &Request, record: &Record, facts: &Facts, status: u16) -> Vec<About<'_>> {
        let mut found = Vec::new();
        let Some(identity) = record.identity.as_deref() else { return found };
        if !(200..300).contains(&status) {
            return found;
        }
        let place = self.place(api, request, record.operation, facts);
        // Whoever reaches everybody's objects is shown those of others, and teaches nothing.
        for kind in self.objects.iter().filter(|kind| kind.learns() && kind.applies(identity)) {
            if let Some(target) = kind.target(&place) {
                if target.is_whole && request.method == "GET" && kind.is_told_by_response() {
                    found.push(About::Shows(kind, target));
                }
                continue;
            }
            if let Some((key, is_whole)) = kind.collection(&place) {
                found.push(About::Collection(kind, key, is_whole));
            }
        }
        found
    }

    fn hiding(&self, request: &Request, record: &Record) -> Vec<&FieldRule> {
        let (operation, identity) = (record.operation, record.identity.as_deref());
        self.fields.iter().filter(|rule| rule.applies(Way::See, operation, request, identity)).collect()
    }

    /// Judges and remembers what an answer says of objects.
    fn objects(&self, about: &[About<'_>], value: &Value, exchange: &mut Exchange<'_>, state: &State) -> Outcome {
        let Some(identity) = exchange.record.identity.clone() else { return Ok(Ran::Skip) };
        let now_s = exchange.now.monotonic_us / 1_000_000;
        for one in about {
            match one {
                About::Shows(kind, target) => {
                    let named = kind.named(value);
                    check_named(exchange, kind, target, &named, &identity)?;
                    state.owners.set(&target.key, &named, now_s);
                    tell(exchange, || format!("the response says that `{}` is the caller's own", target.id));
                }
                About::Collection(kind, key, is_whole) => {
                    let was_made = exchange.request.method != "GET";
                    let learned = kind.learn(key, value, &identity, was_made, &state.owners, now_s);
                    if *is_whole && !was_made && kind.is_told_by_response() {
                        for (item, id) in kind.items(value) {
                            let named = kind.named(item);
                            if !named.is_empty() {
                                let id = id.unwrap_or_default();
                                let target = Target { key: Key::new(), id, is_whole: true };
                                check_named(exchange, kind, &target, &named, &identity)?;
                            }
                        }
                    }
                    tell(exchange, || format!("{learned} owners of `{}` learned", kind.path));
                }
            }
        }
        Ok(Ran::Pass)
    }
}

/// Refuses when the owners that a body names are not the caller, or are none.
fn check_named(
    exchange: &Exchange<'_>,
    kind: &Objects,
    target: &Target,
    named: &[String],
    identity: &Identity,
) -> Result<(), Box<Refusal>> {
    let callers = kind.callers(identity);
    let held = match named.iter().find(|owner| !callers.contains(owner)) {
        Some(other) => Held::Other(other.clone()),
        None if named.is_empty() && kind.refuses_unknown => Held::Unknown,
        None => return Ok(()),
    };
    Err(Box::new(not_own(exchange, kind, target, &held, identity)))
}

fn unreadable(exchange: &Exchange<'_>, detail: &str) -> Box<Refusal> {
    Box::new(Refusal::new(Stage::Access, &UNREADABLE, exchange.setting("access"), detail.to_owned()))
}

impl ResponseStage for Access {
    fn stage(&self) -> Stage {
        Stage::Access
    }

    fn buffer(&self, answered: &Answered<'_>, head: &ResponseHead) -> u64 {
        if (self.objects.is_empty() && self.fields.is_empty()) || !may_be_json(head) {
            return 0;
        }
        let about = self.about(&answered.api.name, answered.request, answered.record, answered.facts, head.status);
        let wanted = !about.is_empty() || !self.hiding(answered.request, answered.record).is_empty();
        if wanted { self.body_bytes } else { 0 }
    }

    fn head(&self, exchange: &mut Exchange<'_>, head: &mut ResponseHead, _state: &State) -> Outcome {
        if self.objects.is_empty() || may_be_json(head) || !has_body(&exchange.request.method, head) {
            return Ok(Ran::Skip);
        }
        let Some(api) = exchange.api else { return Ok(Ran::Skip) };
        let about = self.about(&api.name, exchange.request, exchange.record, exchange.facts, head.status);
        for one in about {
            if let About::Shows(kind, target) = one
                && kind.refuses_unknown
                && let Some(identity) = exchange.record.identity.clone()
            {
                return Err(Box::new(not_own(exchange, kind, &target, &Held::Unknown, &identity)));
            }
        }
        Ok(Ran::Skip)
    }

    fn body(&self, exchange: &mut Exchange<'_>, answer: &mut Answer<'_>, state: &State) -> Outcome {
        let Some(api) = exchange.api else { return Ok(Ran::Skip) };
        let status = answer.head.status;
        let about = self.about(&api.name, exchange.request, exchange.record, exchange.facts, status);
        // What only teaches may be unreadable; what decides may not.
        let decides = about.iter().any(|one| match one {
            About::Shows(..) => true,
            About::Collection(kind, _, is_whole) => *is_whole && kind.is_told_by_response(),
        });
        let mut ran = Ran::Skip;
        if !about.is_empty() {
            match answer.json() {
                Some(Ok(value)) => ran = self.objects(&about, value, exchange, state)?,
                Some(Err(error)) if decides => return Err(unreadable(exchange, &error.detail)),
                None if decides => return Err(unreadable(exchange, &answer.fault())),
                _ => tell(exchange, || "nothing was learned of an answer that cannot be read".to_owned()),
            }
        }
        let rules = self.hiding(exchange.request, exchange.record);
        if rules.is_empty() {
            return Ok(ran);
        }
        let untyped = !answer.head.headers.contains("content-type");
        let edited = {
            let Some(text) = answer.text() else { return Err(unreadable(exchange, &answer.fault())) };
            let mut hiding = Hiding { hidden: vec![0; rules.len()], rules };
            // What was not taken out must not get out because of a panic.
            let edit = AssertUnwindSafe(|| json_text::edit(text, &mut hiding));
            let Ok(edited) = catch_unwind(edit) else {
                return Err(unreadable(exchange, "its fields could not be taken out"));
            };
            edited.map(|text| (text, hiding))
        };
        match edited {
            // What has no type may be anything; what says it is JSON and is none must not slip through.
            Err(_) if untyped => Ok(ran),
            Err(_) => Err(unreadable(exchange, "the body is no JSON")),
            Ok((None, _)) => Ok(Ran::Pass),
            Ok((Some(text), hiding)) => {
                let does = if exchange.mode() == Mode::Enforce { "taken out" } else { "would be taken out" };
                for (rule, hidden) in hiding.rules.iter().zip(&hiding.hidden).filter(|(_, hidden)| **hidden > 0) {
                    tell(exchange, || format!("{hidden} fields {does} by rule `{}`", rule.name));
                }
                answer.replace(text.into_bytes());
                Ok(Ran::Pass)
            }
        }
    }
}
