//! The rules of one phase, in order.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;
use stockade_model::plan::{SecLangEngine, SecLangScope};

use super::effects::is_chosen;
use super::lookup::Found;
use super::store::Item;
use super::{Built, Denial, MOST_MATCHES, Matched, Transaction};
use crate::bytes::ByteSet;
use crate::collections::Collection;
use crate::compile::prefilter::is_set;
use crate::compile::view::{Keys, View};
use crate::compile::{Choice, Effect, Link, Rule, RuleSet};
use crate::operators::{Captured, Operator};
use crate::report::{self, Match};

/// The phase of logging, which runs whatever was decided.
const LOGGING: usize = 4;
/// Most values of one link that are kept as `MATCHED_VARS`.
const MOST_MATCHED: usize = 1000;
/// Most values of the message that one match tells.
const MOST_ORIGINS: usize = 16;

/// Where a link stands: phase, rule, link.
type At = (usize, usize, usize);

impl Transaction {
    pub(super) fn run_phase(&mut self, phase: usize) {
        let rules = Arc::clone(&self.rules);
        let Some(list) = rules.phases.get(phase) else { return };
        // Values may have come since the last phase.
        self.generation += 1;
        self.items.clear();
        let mut next = 0;
        while let Some(rule) = list.get(next) {
            let place = next;
            next += 1;
            if self.engine == SecLangEngine::Off || self.is_over(phase) {
                return;
            }
            if is_chosen(&self.removed, rule) || self.excepted.cover_rule(rule.id) {
                continue;
            }
            let matched = self.run_rule(&rules, rule, phase, place);
            if let Some(watch) = &mut self.watch.0 {
                watch(rule.id);
            }
            if !matched {
                continue;
            }
            next = rule.skip_to.unwrap_or(next + rule.skip).max(next);
        }
    }

    fn is_over(&self, phase: usize) -> bool {
        if phase == LOGGING {
            return false;
        }
        let allowed = match self.allowed {
            None => false,
            Some((SecLangScope::Phase, at)) => at == phase,
            Some((SecLangScope::Request, _)) => phase < 2,
            Some((SecLangScope::Transaction, _)) => true,
        };
        allowed || self.denial.is_some()
    }

    fn run_rule(&mut self, rules: &RuleSet, rule: &Rule, phase: usize, place: usize) -> bool {
        self.origins.clear();
        for (number, link) in rule.links.iter().enumerate() {
            if !self.run_link(rules, rule, link, (phase, place, number)) {
                return false;
            }
        }
        if let Some(severity) = rule.severity {
            self.highest_severity = self.highest_severity.min(severity);
        }
        self.current = super::lookup::CurrentRule { id: rule.id, severity: rule.severity };
        let denied = self.decide(rule, phase);
        if rule.log && self.matches.len() < MOST_MATCHES {
            let found = self.report(rules, rule, phase, denied);
            self.matches.push(found);
        }
        true
    }

    /// Carries out what the rule says becomes of the request; answers the status when it is refused.
    fn decide(&mut self, rule: &Rule, phase: usize) -> Option<u16> {
        if self.engine != SecLangEngine::On || phase == LOGGING {
            return None;
        }
        let (status, location, drop) = match &rule.choice {
            Choice::Pass => return None,
            Choice::Allow(scope) => {
                self.allowed = Some((*scope, phase));
                return None;
            }
            Choice::Deny(status) => (*status, None, false),
            Choice::Drop => (403, None, true),
            Choice::Redirect(status, location) => {
                (*status, Some(String::from_utf8_lossy(&self.expand(location)).into_owned()), false)
            }
        };
        let message = String::from_utf8_lossy(&self.expand(&rule.msg)).into_owned();
        self.denial = Some(Denial {
            status,
            location,
            drop,
            rule: rule.id,
            message,
            place: self.place_of(rule),
            variable: self.matched.0.clone(),
        });
        Some(status)
    }

    fn place_of(&self, rule: &Rule) -> String {
        format!("{}:{}", self.rules.files.get(rule.file as usize).map_or("", String::as_str), rule.line)
    }

    fn report(&self, rules: &RuleSet, rule: &Rule, phase: usize, denied: Option<u16>) -> Match {
        let text = |bytes: Cow<'_, [u8]>| report::text(&bytes);
        // `sanitise...` asks for values to be kept out of logs.
        let kept = |bytes: Cow<'_, [u8]>| if self.sanitise { "***".to_owned() } else { report::text(&bytes) };
        Match {
            rule: rule.id,
            phase: phase as u8 + 1,
            file: rules.files.get(rule.file as usize).cloned().unwrap_or_default(),
            line: rule.line,
            message: text(self.expand(&rule.msg)),
            data: kept(self.expand(&rule.logdata)),
            severity: rule.severity,
            tags: rule.tags.iter().filter_map(|tag| rules.tags.get(*tag as usize).cloned()).collect(),
            rev: rule.rev.clone(),
            ver: rule.ver.clone(),
            maturity: rule.maturity.clone(),
            accuracy: rule.accuracy.clone(),
            operator: rule.links.last().map(|link| link.told.clone()).unwrap_or_default(),
            variable: self.matched.0.clone(),
            value: kept(Cow::Borrowed(&self.matched.1)),
            origins: self.origins.iter().map(|one| (one.0.clone(), kept(Cow::Borrowed(&one.1)))).collect(),
            denied,
        }
    }

    fn run_link(&mut self, rules: &RuleSet, rule: &Rule, link: &Link, at: At) -> bool {
        let Some(operator) = &link.operator else {
            self.carry_out_all(rules, link, at);
            return true;
        };
        let Some(view) = link.view.and_then(|view| rules.views.get(view as usize)) else { return false };
        let argument = self.expand(&link.argument);
        let mut matched = Vec::new();
        let origins = std::mem::take(&mut self.origins);
        if view.fixed {
            self.ask_fixed(rules, rule, link, operator, &argument, view, at, &mut matched);
        } else if !self.ask_one(rules, rule, link, operator, &argument, view, at, &mut matched) {
            self.ask_gathered(rules, rule, link, operator, &argument, view, at, &mut matched);
        }
        if matched.is_empty() {
            return false;
        }
        self.matched_all = matched;
        // A link that looks at what an earlier one set says nothing of where in the message that came from.
        if self.origins.is_empty() {
            self.origins = origins;
        }
        true
    }

    /// Asks about values of the message, through everything that is remembered of them.
    fn ask_fixed(
        &mut self,
        rules: &RuleSet,
        rule: &Rule,
        link: &Link,
        operator: &Operator,
        argument: &[u8],
        view: &View,
        at: At,
        matched: &mut Vec<Matched>,
    ) {
        let words = self.words(at.0);
        let Built { start, end, union, .. } = self.build(rules, link.view.unwrap_or_default(), view, words);
        if link.test.is_some_and(|test| !is_set(self.store.bits(union, words), test)) {
            return;
        }
        let Some(prefilter) = rules.prefilters.get(view.group) else { return };
        let mut seen = u32::MAX;
        for number in start..end {
            let Some(item) = self.items.get(number as usize).copied() else { return };
            if let Some(test) = link.test {
                let hits = self.store.hits(item.variant, view.group, prefilter);
                if !is_set(self.store.bits(hits, words), test) {
                    continue;
                }
            }
            // With `multiMatch`, a value matches once.
            if view.multi && seen == item.value {
                continue;
            }
            if self.is_left_out(rules, rule, item.collection, self.store.key(item.value)) {
                continue;
            }
            let mut captured = Captured::new();
            let (value, present) = self.store.bytes(item.variant);
            let wanted = link.capture.then_some(&mut captured);
            if operator.matches(value, Some(present), argument, wanted) == link.negated {
                continue;
            }
            seen = item.value;
            let name = name_of(item.collection, self.store.key(item.value));
            let value = value.to_vec();
            self.on_match(rules, link, at, name, value, captured, matched);
            if self.origins.len() < MOST_ORIGINS {
                self.origins.push(Arc::clone(&self.matched));
            }
        }
    }

    /// Asks about one variable of `TX`, which is what every other rule of a rule set looks at: where it stands, without a
    /// copy. Answers `false` for any other view.
    fn ask_one(
        &mut self,
        rules: &RuleSet,
        rule: &Rule,
        link: &Link,
        operator: &Operator,
        argument: &[u8],
        view: &View,
        at: At,
        matched: &mut Vec<Matched>,
    ) -> bool {
        let [target] = view.targets.include.as_slice() else { return false };
        let Keys::One(key) = &target.keys else { return false };
        let plain = view.pipeline.is_empty() && view.targets.exclude.is_empty();
        if target.collection != Collection::Tx || !plain {
            return false;
        }
        if self.is_left_out(rules, rule, Collection::Tx, key) {
            return true;
        }
        let value: &[u8] = match (self.tx.get(key), target.count) {
            (Some(_), true) => b"1",
            (None, true) => b"0",
            (Some(value), false) => value,
            (None, false) => return true,
        };
        let mut captured = Captured::new();
        let wanted = link.capture.then_some(&mut captured);
        if operator.matches(value, None, argument, wanted) != link.negated {
            let value = value.to_vec();
            self.on_match(rules, link, at, name_of(Collection::Tx, key), value, captured, matched);
        }
        true
    }

    /// Asks about values that change while rules run.
    fn ask_gathered(
        &mut self,
        rules: &RuleSet,
        rule: &Rule,
        link: &Link,
        operator: &Operator,
        argument: &[u8],
        view: &View,
        at: At,
        matched: &mut Vec<Matched>,
    ) {
        let mut found: SmallVec<[Found; 2]> = SmallVec::new();
        for target in &view.targets.include {
            self.gather(target, &mut found);
        }
        let map = &rules.settings.unicode_map;
        for (collection, key, value) in found {
            if view.targets.leave_out(collection, &key) || self.is_left_out(rules, rule, collection, &key) {
                continue;
            }
            let mut forms: SmallVec<[Vec<u8>; 1]> = SmallVec::new();
            let mut value = value;
            for transformation in &view.pipeline {
                if let Some(changed) = transformation.change(&value, &ByteSet::present(&value), map) {
                    let before = std::mem::replace(&mut value, changed);
                    if view.multi {
                        forms.push(before);
                    }
                }
            }
            forms.push(value);
            for form in forms {
                let mut captured = Captured::new();
                let wanted = link.capture.then_some(&mut captured);
                if operator.matches(&form, None, argument, wanted) != link.negated {
                    // `MATCHED_VARS` names by its key the variable that an earlier link matched.
                    if collection == Collection::MatchedVars && self.origins.len() < MOST_ORIGINS {
                        self.origins.push(Arc::new((String::from_utf8_lossy(&key).into_owned(), form.clone())));
                    }
                    self.on_match(rules, link, at, name_of(collection, &key), form, captured, matched);
                    break;
                }
            }
        }
    }

    fn on_match(
        &mut self,
        rules: &RuleSet,
        link: &Link,
        at: At,
        name: String,
        value: Vec<u8>,
        captured: Captured,
        matched: &mut Vec<Matched>,
    ) {
        if link.capture {
            let mut groups = captured.into_iter();
            for number in 0..10_u8 {
                let key = [b'0' + number];
                match groups.next() {
                    Some(group) => self.tx.set(&key, group),
                    None => self.tx.unset(&key),
                }
            }
        }
        self.matched = Arc::new((name, value));
        if matched.len() < MOST_MATCHED {
            matched.push(Arc::clone(&self.matched));
        }
        self.carry_out_all(rules, link, at);
    }

    fn carry_out_all(&mut self, rules: &RuleSet, link: &Link, at: At) {
        for (number, effect) in link.effects.iter().enumerate() {
            self.carry_out(rules, effect, (at.0, at.1, at.2, number));
        }
    }

    /// Whether `ctl` or an exception took a value out of what a rule looks at.
    fn is_left_out(&self, rules: &RuleSet, rule: &Rule, collection: Collection, key: &[u8]) -> bool {
        if self.excepted.is_empty() && self.removed_targets.is_empty() {
            return false;
        }
        if self.excepted.cover(rule.id, collection, key) {
            return true;
        }
        self.removed_targets.iter().any(|(phase, place, link, effect)| {
            let effect =
                rules.phases.get(*phase).and_then(|list| list.get(*place)?.links.get(*link)?.effects.get(*effect));
            let Some(Effect::RemoveTargets(_, targets, chosen)) = effect else { return false };
            chosen.get().is_some_and(|chosen| is_chosen(chosen, rule)) && targets.leave_out(collection, key)
        })
    }

    /// The values of a view, changed as it says, with the tests that could match any of them.
    fn build(&mut self, rules: &RuleSet, number: u32, view: &View, words: usize) -> Built {
        if let Some(built) = self.built.get(number as usize)
            && built.generation == self.generation
        {
            return *built;
        }
        let start = self.items.len();
        let union = if view.searched { self.store.new_bits(words) } else { 0 };
        for target in &view.targets.include {
            let count = self.store.list(target.collection).len();
            for place in 0..count {
                let Some(value) = self.store.list(target.collection).get(place).copied() else { continue };
                let key = self.store.key(value);
                let fits = match &target.keys {
                    Keys::All => true,
                    keys => keys.fit(key),
                };
                if fits && !view.targets.leave_out(target.collection, key) {
                    self.build_item(rules, view, target.collection, value, union, words);
                }
            }
        }
        let cut = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let built = Built { generation: self.generation, start: cut(start), end: cut(self.items.len()), union };
        if let Some(slot) = self.built.get_mut(number as usize) {
            *slot = built;
        }
        built
    }

    fn build_item(
        &mut self,
        rules: &RuleSet,
        view: &View,
        collection: Collection,
        value: u32,
        union: u32,
        words: usize,
    ) {
        let mut variant = self.store.own(value);
        if view.trigger.is_some_and(|trigger| !trigger.meets(self.store.bytes(variant).1)) {
            self.take_item(rules, view, Item { collection, value, variant }, union, words);
            return;
        }
        for transformation in &view.pipeline {
            let changed = self.store.step(variant, *transformation, &rules.settings.unicode_map);
            if view.multi && changed != variant {
                self.take_item(rules, view, Item { collection, value, variant }, union, words);
            }
            variant = changed;
        }
        self.take_item(rules, view, Item { collection, value, variant }, union, words);
    }

    fn take_item(&mut self, rules: &RuleSet, view: &View, item: Item, union: u32, words: usize) {
        if let Some(prefilter) = rules.prefilters.get(view.group).filter(|_| view.searched) {
            let hits = self.store.hits(item.variant, view.group, prefilter);
            self.store.merge_bits(union, hits, words);
        }
        self.items.push(item);
    }
}

fn name_of(collection: Collection, key: &[u8]) -> String {
    if key.is_empty() {
        return collection.name().to_owned();
    }
    let key = String::from_utf8_lossy(key);
    let mut name = String::with_capacity(collection.name().len() + 1 + key.len());
    name.push_str(collection.name());
    name.push(':');
    name.push_str(&key);
    name
}
