//! What a match changes.

use super::Transaction;
use crate::collections::Collection;
use crate::compile::{Change, Effect, Rule, RuleSet, What};
use crate::operators::integer;

/// Longest value of a variable.
const LONGEST: usize = 64 * 1024;

impl Transaction {
    /// Carries out one effect; `at` is where it stands: phase, rule, link, effect.
    pub(super) fn carry_out(&mut self, rules: &RuleSet, effect: &Effect, at: (usize, usize, usize, usize)) {
        match effect {
            Effect::Set { collection, key, change, value } => {
                let key = self.expand(key).to_ascii_lowercase();
                let mut value = self.expand(value).into_owned();
                value.truncate(LONGEST);
                self.set(*collection, &key, *change, value);
            }
            Effect::Unset { collection, key } => {
                let key = self.expand(key).to_ascii_lowercase();
                match collection {
                    Collection::Tx => self.tx.unset(&key),
                    Collection::Env => self.env.unset(&key),
                    other => {
                        if let Some(place) = self.place(*other) {
                            self.memory.update(place, &key, self.now_us, self.timeout_us(), |_| None);
                        }
                    }
                }
            }
            Effect::Expire { collection, key, seconds } => {
                let key = self.expand(key).to_ascii_lowercase();
                let seconds = u64::try_from(integer(&self.expand(seconds))).unwrap_or_default();
                if let Some(place) = self.place(*collection) {
                    let end = self.now_us.saturating_add(seconds.saturating_mul(1_000_000));
                    self.memory.expire(place, &key, end);
                }
            }
            Effect::Open(opened) => {
                let key = self.expand(&opened.key).into_owned();
                if self.place(opened.collection).is_none() {
                    self.opened.push((opened.collection, key));
                }
            }
            Effect::Sanitise => self.sanitise = true,
            Effect::Nothing => {}
            Effect::Engine(mode) => self.engine = *mode,
            Effect::Processor(name) => self.processor = Some(name),
            Effect::RequestBody(on) => self.request_body = *on,
            Effect::ResponseBody(on) => self.response_body = *on,
            Effect::ForceBody(on) => self.force_body = *on,
            Effect::Limit { request: true, bytes } => self.request_limit = *bytes,
            Effect::Limit { request: false, bytes } => self.response_limit = *bytes,
            Effect::Remove(what, chosen) => {
                let chosen = chosen.get_or_init(|| choose(rules, what));
                self.removed.iter_mut().zip(chosen).for_each(|(removed, more)| *removed |= more);
            }
            Effect::RemoveTargets(what, _, chosen) => {
                chosen.get_or_init(|| choose(rules, what));
                self.removed_targets.push(at);
            }
        }
    }

    fn timeout_us(&self) -> u64 {
        u64::from(self.rules.settings.collection_timeout_s) * 1_000_000
    }

    fn set(&mut self, collection: Collection, key: &[u8], change: Change, value: Vec<u8>) {
        let changed = |old: Option<&[u8]>| match change {
            Change::Set => value.clone(),
            Change::Add => integer(old.unwrap_or_default()).saturating_add(integer(&value)).to_string().into_bytes(),
            Change::Subtract => {
                integer(old.unwrap_or_default()).saturating_sub(integer(&value)).to_string().into_bytes()
            }
        };
        match collection {
            Collection::Tx => {
                let value = changed(self.tx.get(key));
                self.tx.set(key, value);
            }
            Collection::Env => {
                let value = changed(self.env.get(key));
                self.env.set(key, value);
            }
            other => {
                if let Some(place) = self.place(other) {
                    self.memory.update(place, key, self.now_us, self.timeout_us(), |old| Some(changed(old)));
                }
            }
        }
    }
}

/// The bits of the rules that are meant.
fn choose(rules: &RuleSet, what: &What) -> Box<[u64]> {
    let mut bits = vec![0; (rules.count as usize).div_ceil(64)];
    let fits = |rule: &Rule| match what {
        What::Ids(ranges) => ranges.iter().any(|[first, last]| (*first..=*last).contains(&rule.id)),
        What::Tag(pattern) => rule
            .tags
            .iter()
            .any(|tag| rules.tags.get(*tag as usize).is_some_and(|tag| pattern.is_match(tag.as_bytes()))),
        What::Message(pattern) => match rule.msg.as_slice() {
            [crate::compile::Piece::Text(text), ..] => pattern.is_match(text),
            _ => false,
        },
    };
    for rule in rules.phases.iter().flatten().filter(|rule| fits(rule)) {
        if let Some(word) = bits.get_mut(rule.number as usize / 64) {
            *word |= 1 << (rule.number % 64);
        }
    }
    bits.into_boxed_slice()
}

/// Whether a rule's bit is set.
pub(super) fn is_chosen(bits: &[u64], rule: &Rule) -> bool {
    bits.get(rule.number as usize / 64).is_some_and(|word| word >> (rule.number % 64) & 1 == 1)
}
