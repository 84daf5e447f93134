//! Decisions grouped by what they name, so that a request costs one look-up for each group, not one for each decision.

use std::collections::HashMap;
use std::net::IpAddr;

use stockade_model::{Decision, DecisionAction};

use super::{DELAY_MS, Entry, LONGEST_DELAY_MS, Parsed, RATE, parse};
use crate::actor::{Attribute, Key, View, push};

/// All active decisions, compiled. Immutable; control's next set replaces it.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Those that the head alone decides.
    pub(super) about_request: Groups,
    /// Those that need identity or the operation.
    pub(super) about_caller: Groups,
    allows_callers: bool,
}

/// Decisions that name the same attributes, and addresses with the same prefix length, share a group.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    /// Place in `groups` by shape; used while building only.
    shapes: HashMap<Shape, usize>,
}

type Shape = (Option<Prefix>, Vec<Attribute>);

/// Address family and prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Prefix {
    v4: bool,
    bits: u8,
}

#[derive(Debug)]
struct Group {
    prefix: Option<Prefix>,
    attributes: Vec<Attribute>,
    entries: HashMap<Key, Vec<Entry>>,
}

/// What was found: the first of each kind.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    allow: Option<&'a Entry>,
    block: Option<&'a Entry>,
    challenge: Option<&'a Entry>,
    limit: Option<&'a Entry>,
    slow_down: Option<&'a Entry>,
    watch: Option<&'a Entry>,
}

impl<'a> Found<'a> {
    fn of(&mut self, action: DecisionAction) -> &mut Option<&'a Entry> {
        match action {
            DecisionAction::Allow => &mut self.allow,
            DecisionAction::Block => &mut self.block,
            DecisionAction::Challenge => &mut self.challenge,
            DecisionAction::Limit => &mut self.limit,
            DecisionAction::SlowDown => &mut self.slow_down,
            DecisionAction::Watch => &mut self.watch,
        }
    }

    /// What applies: Allow overrides all others, and of these the strictest comes first.
    pub(super) fn all(&self) -> impl Iterator<Item = &'a Entry> + use<'a> {
        [self.allow, self.block, self.challenge, self.limit, self.slow_down, self.watch].into_iter().flatten()
    }
}

impl Index {
    /// Compiles those of `decisions` that can be enforced and end after `now_us`. Returns how many these are.
    pub(crate) fn new(decisions: Vec<Decision>, now_us: u64) -> (Self, usize) {
        let mut index = Self::default();
        let mut active = 0;
        for decision in decisions {
            if decision.expires_at.0 <= now_us {
                continue;
            }
            let Ok(parsed) = parse(&decision) else { continue };
            let about_caller = parsed.1.iter().any(|(attribute, _)| needs_identity(attribute));
            index.allows_callers |= about_caller && decision.action == DecisionAction::Allow;
            let groups = if about_caller { &mut index.about_caller } else { &mut index.about_request };
            groups.add(&parsed, decision);
            active += 1;
        }
        (index, active)
    }

    /// Whether there is nothing to judge.
    pub(super) fn is_empty(&self) -> bool {
        self.about_request.is_empty() && self.about_caller.is_empty()
    }

    /// Whether some Allow names a caller.
    pub(super) const fn may_allow_callers(&self) -> bool {
        self.allows_callers
    }
}

/// What is not known before route and identity.
const fn needs_identity(attribute: &Attribute) -> bool {
    matches!(
        attribute,
        Attribute::Subject
            | Attribute::Client
            | Attribute::Key
            | Attribute::Session
            | Attribute::Token
            | Attribute::TokenHash
            | Attribute::Operation
            | Attribute::Claim(_)
            | Attribute::Path(_)
    )
}

impl Groups {
    /// Whether there is no decision.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    fn add(&mut self, (range, rest): &Parsed, decision: Decision) {
        let prefix = range.map(|range| Prefix { v4: range.network().is_ipv4(), bits: range.prefix() });
        let attributes: Vec<Attribute> = rest.iter().map(|(attribute, _)| attribute.clone()).collect();
        let next = self.groups.len();
        let place = *self.shapes.entry((prefix, attributes.clone())).or_insert(next);
        if place == next {
            self.groups.push(Group { prefix, attributes, entries: HashMap::new() });
        }
        let mut key = Key::new();
        if let (Some(range), Some(prefix)) = (range, prefix) {
            push_masked(&mut key, range.network(), prefix);
        }
        for (_, value) in rest {
            push(&mut key, value.as_bytes());
        }
        if let Some(group) = self.groups.get_mut(place) {
            group.entries.entry(key).or_default().push(Entry {
                id: decision.id,
                action: decision.action,
                reason: decision.reason,
                expires_us: decision.expires_at.0,
                rate: decision.rate.unwrap_or(RATE).max(1),
                delay_ms: decision.delay_ms.unwrap_or(DELAY_MS).min(LONGEST_DELAY_MS),
            });
        }
    }

    /// The decisions that select a request and have not ended.
    pub(super) fn find(&self, view: &View<'_>, address: IpAddr, now_us: u64) -> Found<'_> {
        let mut found = Found::default();
        for group in &self.groups {
            let Some(key) = group.key(view, address) else { continue };
            let entries = group.entries.get(&key).into_iter().flatten();
            for entry in entries.filter(|entry| entry.expires_us > now_us) {
                found.of(entry.action).get_or_insert(entry);
            }
        }
        found
    }
}

impl Group {
    fn key(&self, view: &View<'_>, address: IpAddr) -> Option<Key> {
        let mut key = Key::new();
        if let Some(prefix) = self.prefix {
            if prefix.v4 != address.is_ipv4() {
                return None;
            }
            push_masked(&mut key, address, prefix);
        }
        self.attributes.iter().all(|attribute| write(view, attribute, &mut key)).then_some(key)
    }
}

/// As [`View::write`], but a subject is named by itself: people who block `alice` mean every issuer's.
fn write(view: &View<'_>, attribute: &Attribute, key: &mut Key) -> bool {
    match attribute {
        Attribute::Subject => match view.identity {
            Some(identity) if !identity.subject.is_empty() => push(key, identity.subject.as_bytes()),
            _ => false,
        },
        _ => view.write(attribute, key),
    }
}

fn push_masked(key: &mut Key, address: IpAddr, prefix: Prefix) {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.bits)).unwrap_or(0);
            push(key, &(u32::from(address) & mask).to_be_bytes());
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.bits)).unwrap_or(0);
            push(key, &(u128::from(address) & mask).to_be_bytes());
        }
    }
}
