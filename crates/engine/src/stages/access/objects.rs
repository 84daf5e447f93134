//! Objects of one kind: which request is about which of them, whose they are, and what responses tell about that.
//!
//! A request for an object that is somebody else's is refused before it is forwarded, as far as owners are known by
//! then. Where the response names the owner, reading an object is decided by the response itself, before it leaves.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::{Map, Value};
use smallvec::SmallVec;
use stockade_model::Identity;
use stockade_model::plan::{ObjectOwnerPlan, ObjectPlan, Unknown};

use super::caller::{Proven, plain, shortened};
use super::owners::{Held, Owners};
use crate::actor::{Key, push};
use crate::fields::decode;

/// Objects of one response that are remembered.
const MOST_LEARNED: usize = 1000;

/// Names of the member that holds a list, beside that of the collection.
const LISTS: [&str; 4] = ["items", "data", "results", "value"];

/// One kind of objects, compiled.
#[derive(Debug)]
pub(crate) struct Objects {
    /// Its path, which is its name.
    pub(crate) path: String,
    segments: Vec<Segment>,
    owner: Owner,
    caller: Proven,
    unless_roles: Vec<String>,
    /// Whether requests for objects of unknown owners are refused.
    pub(crate) refuses_unknown: bool,
    id_fields: Vec<String>,
}

#[derive(Debug)]
enum Segment {
    Literal(String),
    Parameter,
}

#[derive(Debug)]
enum Owner {
    Id,
    Response(Vec<String>),
    Learned,
}

/// The object that a request is about.
#[derive(Debug)]
pub(crate) struct Target {
    /// Stands for it in the memory of owners.
    pub(crate) key: Key,
    /// Its id.
    pub(crate) id: String,
    /// Whether the request is for the object itself, not for something below it.
    pub(crate) is_whole: bool,
}

/// The path of a request, as objects are looked for in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Name of the API.
    pub(crate) api: &'a str,
    /// Canonical path.
    pub(crate) path: &'a str,
    /// Length of the base path without a `/` at its end.
    pub(crate) base: usize,
    /// Where the parameters of the operation stand; `None` when the contract does not know the operation.
    pub(crate) parameters: Option<&'a [Range<u32>]>,
}

impl Objects {
    /// Compiles one kind.
    ///
    /// # Errors
    /// What was expected and what came.
    pub(crate) fn new(plan: &ObjectPlan) -> Result<Self, String> {
        let wrong =
            || format!("expected a path that ends with an id, such as `orders/{{order_id}}`, got `{}`", plan.path);
        let mut segments = Vec::new();
        for segment in plan.path.trim_start_matches('/').split('/') {
            segments.push(match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) if !name.is_empty() && !name.contains(['{', '}']) => Segment::Parameter,
                None if !segment.is_empty() && !segment.contains(['{', '}']) => {
                    Segment::Literal(segment.to_ascii_lowercase())
                }
                _ => return Err(wrong()),
            });
        }
        if segments.len() < 2 || !matches!(segments.last(), Some(Segment::Parameter)) || plan.id_fields.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            path: plan.path.clone(),
            segments,
            owner: match &plan.owner {
                ObjectOwnerPlan::Id => Owner::Id,
                ObjectOwnerPlan::Response { field } => Owner::Response(field.split('.').map(str::to_owned).collect()),
                ObjectOwnerPlan::Learned => Owner::Learned,
            },
            caller: Proven::parse(&plan.caller)?,
            unless_roles: plan.unless_roles.clone(),
            refuses_unknown: plan.unknown == Unknown::Refuse,
            id_fields: plan.id_fields.clone(),
        })
    }

    /// Whether it is asked about requests of this caller.
    pub(crate) fn applies(&self, identity: &Identity) -> bool {
        !self.unless_roles.iter().any(|role| identity.roles.contains(role))
    }

    /// The object that a request is for, or for something below.
    pub(crate) fn target(&self, place: &Place<'_>) -> Option<Target> {
        let segments = segments(place.path, place.base);
        let own = segments.get(..self.segments.len())?;
        let mut key = self.key(place.api);
        let mut id = String::new();
        for (wanted, range) in self.segments.iter().zip(own) {
            let text = place.path.get(range.clone())?;
            match wanted {
                Segment::Literal(literal) if !stem(text).eq_ignore_ascii_case(literal) => return None,
                Segment::Literal(_) => {}
                Segment::Parameter => {
                    // `/users/me` is no object where the contract has an operation of that name.
                    if place.parameters.is_some_and(|known| !known.iter().any(|known| same(known, range))) {
                        return None;
                    }
                    id = decode(text).map_or_else(|| text.to_owned(), Cow::into_owned);
                    push(&mut key, id.as_bytes());
                }
            }
        }
        (!id.is_empty()).then(|| Target { key, id, is_whole: segments.len() == self.segments.len() })
    }

    /// Whether a path names the collection of these objects: it ends with all segments but the id. Answers the key up
    /// to the id, and whether the path is the whole of it.
    pub(crate) fn collection(&self, place: &Place<'_>) -> Option<(Key, bool)> {
        let segments = segments(place.path, place.base);
        let wanted = self.segments.get(..self.segments.len() - 1)?;
        let before = segments.len().checked_sub(wanted.len())?;
        let mut key = self.key(place.api);
        for (wanted, range) in wanted.iter().zip(segments.get(before..)?) {
            let text = place.path.get(range.clone())?;
            match wanted {
                Segment::Literal(literal) if !stem(text).eq_ignore_ascii_case(literal) => return None,
                Segment::Literal(_) => {}
                Segment::Parameter => {
                    push(&mut key, decode(text)?.as_bytes());
                }
            }
        }
        Some((key, before == 0))
    }

    fn key(&self, api: &str) -> Key {
        let mut key = Key::new();
        push(&mut key, api.as_bytes());
        push(&mut key, self.path.as_bytes());
        key
    }

    /// What stands for a caller where owners are compared. A subject is only unique for its issuer; where the API itself
    /// names owners it means its own users.
    pub(crate) fn callers(&self, identity: &Identity) -> Vec<String> {
        match (&self.owner, &self.caller) {
            (Owner::Learned, Proven::Subject) if !identity.subject.is_empty() => {
                let issuer = identity.issuer.as_deref().unwrap_or_default();
                vec![shortened(&format!("{}\0{}\0{issuer}", identity.subject, identity.method))]
            }
            _ => self.caller.values(identity),
        }
    }

    /// Whose the object is, before it was asked for.
    pub(crate) fn held(&self, target: &Target, identity: &Identity, owners: &Owners, now_s: u64) -> Held {
        let callers = self.callers(identity);
        // An upstream may cut an id at its `;` parameters, or not: nobody can own such a thing.
        if target.id.contains(';') {
            return Held::Unknown;
        }
        match self.owner {
            Owner::Id if callers.contains(&shortened(&target.id)) => Held::Own,
            Owner::Id => Held::Other(shortened(&target.id)),
            Owner::Response(_) | Owner::Learned => owners.ask(&target.key, &callers, now_s),
        }
    }

    /// Whether the response decides about reading the object itself.
    pub(crate) const fn is_told_by_response(&self) -> bool {
        matches!(self.owner, Owner::Response(_))
    }

    /// Whether responses teach whose objects are.
    pub(crate) const fn learns(&self) -> bool {
        !matches!(self.owner, Owner::Id)
    }

    /// The owners that a body names for its object, when the response names them.
    pub(crate) fn named(&self, value: &Value) -> Vec<String> {
        let Owner::Response(path) = &self.owner else { return Vec::new() };
        let mut found = Vec::new();
        collect(value, path, &mut found);
        found
    }

    /// The objects in the answer of a collection: an object with an id, or the elements of its list.
    pub(crate) fn items<'a>(&self, value: &'a Value) -> Vec<(&'a Value, Option<String>)> {
        let list = match value {
            Value::Array(list) => list,
            Value::Object(members) => match self.id_of(members) {
                Some(id) => return vec![(value, Some(id))],
                None => match self.list(members) {
                    Some(list) => list,
                    None => return Vec::new(),
                },
            },
            _ => return Vec::new(),
        };
        list.iter().map(|item| (item, item.as_object().and_then(|members| self.id_of(members)))).collect()
    }

    fn list<'a>(&self, members: &'a Map<String, Value>) -> Option<&'a Vec<Value>> {
        let collection = self.segments.iter().rev().find_map(|segment| match segment {
            Segment::Literal(name) => Some(name.as_str()),
            Segment::Parameter => None,
        });
        let named = collection.into_iter().chain(LISTS).find_map(|name| members.get(name)?.as_array());
        let mut lists = members.values().filter_map(Value::as_array);
        // One list can only be the list; of several, none is guessed.
        named.or_else(|| lists.next().filter(|_| lists.next().is_none()))
    }

    fn id_of(&self, members: &Map<String, Value>) -> Option<String> {
        self.id_fields.iter().find_map(|name| plain(members.get(name)?)).map(Cow::into_owned)
    }

    /// Takes over what the answer of a collection tells. `was_made` says that it answers the making of objects.
    pub(crate) fn learn(
        &self,
        key: &Key,
        value: &Value,
        identity: &Identity,
        was_made: bool,
        owners: &Owners,
        now_s: u64,
    ) -> usize {
        let callers = self.callers(identity);
        let mut learned = 0;
        for (item, id) in self.items(value).into_iter().take(MOST_LEARNED) {
            let Some(id) = id else { continue };
            let mut key = key.clone();
            push(&mut key, id.as_bytes());
            if let Owner::Response(_) = self.owner {
                let named = self.named(item);
                if !named.is_empty() {
                    owners.set(&key, &named, now_s);
                    learned += 1;
                }
            } else if let Some(caller) = callers.first() {
                if was_made {
                    owners.made(&key, caller, now_s)
                } else {
                    owners.listed(&key, caller, now_s)
                }
                learned += 1;
            }
        }
        learned
    }
}

/// An owner as people read it.
pub(crate) fn shown(owner: &str) -> &str {
    owner.split('\0').next().unwrap_or(owner)
}

/// Where the segments of a path stand behind its base path; a `/` at the end does not count.
fn segments(path: &str, base: usize) -> SmallVec<[Range<usize>; 12]> {
    let mut found = SmallVec::new();
    let Some(rest) = path.get(base..) else { return found };
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let mut start = path.len() - rest.len();
    for segment in rest.strip_suffix('/').unwrap_or(rest).split('/') {
        found.push(start..start + segment.len());
        start += segment.len() + 1;
    }
    found
}

/// A segment as a lenient upstream may read it.
fn stem(segment: &str) -> &str {
    segment.split(';').next().unwrap_or(segment)
}

fn same(known: &Range<u32>, range: &Range<usize>) -> bool {
    known.start as usize == range.start && known.end as usize == range.end
}

/// The texts at a dotted path; lists on the way are each of their elements. Depth is bounded by the path.
fn collect(value: &Value, path: &[String], found: &mut Vec<String>) {
    match (value, path.split_first()) {
        (Value::Array(items), _) => items.iter().take(MOST_LEARNED).for_each(|item| collect(item, path, found)),
        (Value::Object(members), Some((name, rest))) => {
            if let Some(value) = members.get(name) {
                collect(value, rest, found);
            }
        }
        (value, None) => found.extend(plain(value).map(|text| shortened(&text))),
        _ => {}
    }
}
