//! Variables by name: texts filled in, and targets that change while rules run.

use std::borrow::Cow;
use std::collections::HashMap;

use smallvec::SmallVec;

use super::time::civil;
use super::{MOST_VARIABLES, Transaction};
use crate::collections::Collection;
use crate::compile::view::{Keys, Target};
use crate::compile::{Piece, Text};
use crate::memory::Place;

/// A key in lower case, and its value unless it was taken out.
type Entry = (Box<[u8]>, Option<Vec<u8>>);

/// Variables that rules set, in the order in which they were first set.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    index: HashMap<Box<[u8]>, usize, foldhash::fast::FixedState>,
    entries: Vec<Entry>,
}

impl Variables {
    /// The value of a variable, whose key is in lower case.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.entries.get(*self.index.get(key)?).and_then(|(_, value)| value.as_deref())
    }

    /// Sets a variable.
    pub(crate) fn set(&mut self, key: &[u8], value: Vec<u8>) {
        if let Some(place) = self.index.get(key) {
            if let Some((_, slot)) = self.entries.get_mut(*place) {
                *slot = Some(value);
            }
            return;
        }
        if self.entries.len() < MOST_VARIABLES {
            self.index.insert(key.into(), self.entries.len());
            self.entries.push((key.into(), Some(value)));
        }
    }

    /// Takes a variable out.
    pub(crate) fn unset(&mut self, key: &[u8]) {
        if let Some(place) = self.index.get(key)
            && let Some((_, slot)) = self.entries.get_mut(*place)
        {
            *slot = None;
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries.iter().filter_map(|(key, value)| Some((&**key, value.as_deref()?)))
    }
}

/// What `RULE` tells.
#[derive(Debug, Default)]
pub(crate) struct CurrentRule {
    pub(crate) id: u64,
    pub(crate) severity: Option<u8>,
}

/// A value that was looked up: what was asked for, its key, itself.
pub(crate) type Found = (Collection, Vec<u8>, Vec<u8>);

impl Transaction {
    /// Fills a text in.
    pub(super) fn expand<'t>(&self, text: &'t Text) -> Cow<'t, [u8]> {
        match text.as_slice() {
            [] => Cow::Borrowed(b""),
            [Piece::Text(text)] => Cow::Borrowed(text),
            pieces => {
                let mut out = Vec::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => out.extend_from_slice(text),
                        Piece::Variable(collection, key) => {
                            if let Some(value) = self.variable(*collection, key.as_deref()) {
                                out.extend_from_slice(&value);
                            }
                        }
                    }
                }
                Cow::Owned(out)
            }
        }
    }

    /// One variable; the first one when the key fits several.
    fn variable(&self, collection: Collection, key: Option<&[u8]>) -> Option<Cow<'_, [u8]>> {
        match collection {
            Collection::Tx => self.tx.get(key?).map(Cow::Borrowed),
            Collection::Env => self.env.get(key?).map(Cow::Borrowed),
            Collection::MatchedVar => Some(Cow::Borrowed(&self.matched.1)),
            Collection::MatchedVarName => Some(Cow::Borrowed(self.matched.0.as_bytes())),
            Collection::MatchedVars => self.matched_all.first().map(|first| Cow::Borrowed(first.1.as_slice())),
            Collection::MatchedVarsNames => self.matched_all.first().map(|first| Cow::Borrowed(first.0.as_bytes())),
            Collection::Ip | Collection::Global | Collection::Session | Collection::User | Collection::Resource => {
                let place = self.place(collection)?;
                self.memory.get(place, key?, self.now_us).map(Cow::Owned)
            }
            fixed if fixed.is_fixed() => self.store.first(fixed, key).map(Cow::Borrowed),
            other => self.computed(other, key).map(Cow::Owned),
        }
    }

    /// The record of a collection that a rule opened.
    pub(super) fn place(&self, collection: Collection) -> Option<&Place> {
        self.opened.iter().find(|(known, _)| *known == collection)
    }

    /// Variables that are worked out when somebody asks.
    fn computed(&self, collection: Collection, key: Option<&[u8]>) -> Option<Vec<u8>> {
        let seconds = self.now_us / 1_000_000;
        let (year, month, day, weekday, hour, minute, second) = civil(seconds);
        let text = match collection {
            Collection::Duration => (self.now_us.saturating_sub(self.circumstances.now_us)).to_string(),
            Collection::HighestSeverity => self.highest_severity.to_string(),
            Collection::ReqbodyProcessor => self.processor.unwrap_or_default().to_owned(),
            Collection::Time => format!("{hour:02}:{minute:02}:{second:02}"),
            Collection::TimeDay => day.to_string(),
            Collection::TimeEpoch => seconds.to_string(),
            Collection::TimeHour => hour.to_string(),
            Collection::TimeMin => minute.to_string(),
            Collection::TimeMon => (month - 1).to_string(),
            Collection::TimeSec => second.to_string(),
            Collection::TimeWday => weekday.to_string(),
            Collection::TimeYear => year.to_string(),
            Collection::Sessionid | Collection::Userid => {
                let wanted = if collection == Collection::Sessionid { Collection::Session } else { Collection::User };
                return self.place(wanted).map(|(_, key)| key.clone());
            }
            Collection::Rule => match key {
                Some(b"id") => self.current.id.to_string(),
                Some(b"severity") => self.current.severity.map(|severity| severity.to_string()).unwrap_or_default(),
                _ => return None,
            },
            _ => return None,
        };
        Some(text.into_bytes())
    }

    /// The values that a target names, looked up now.
    pub(super) fn gather(&self, target: &Target, out: &mut SmallVec<[Found; 2]>) {
        if target.count {
            let mut counted = SmallVec::new();
            self.gather_values(target, &mut counted);
            let key = match &target.keys {
                Keys::One(key) => key.to_vec(),
                Keys::All | Keys::Like(_) => Vec::new(),
            };
            out.push((target.collection, key, counted.len().to_string().into_bytes()));
        } else {
            self.gather_values(target, out);
        }
    }

    fn gather_values(&self, target: &Target, out: &mut SmallVec<[Found; 2]>) {
        let collection = target.collection;
        let variables = match collection {
            Collection::Tx => Some(&self.tx),
            Collection::Env => Some(&self.env),
            _ => None,
        };
        match (variables, &target.keys) {
            (Some(variables), Keys::One(key)) => {
                out.extend(variables.get(key).map(|value| (collection, key.to_vec(), value.to_vec())));
            }
            (Some(variables), keys) => {
                let fitting = variables.iter().filter(|(key, _)| keys.fit(key));
                out.extend(fitting.map(|(key, value)| (collection, key.to_vec(), value.to_vec())));
            }
            (None, keys) => match collection {
                Collection::MatchedVar => out.push((collection, Vec::new(), self.matched.1.clone())),
                Collection::MatchedVarName => out.push((collection, Vec::new(), self.matched.0.clone().into_bytes())),
                Collection::MatchedVars | Collection::MatchedVarsNames => {
                    for (name, value) in
                        self.matched_all.iter().map(|one| &**one).filter(|(name, _)| keys.fit(name.as_bytes()))
                    {
                        let names = collection == Collection::MatchedVarsNames;
                        let value = if names { name.clone().into_bytes() } else { value.clone() };
                        out.push((collection, name.clone().into_bytes(), value));
                    }
                }
                Collection::Ip | Collection::Global | Collection::Session | Collection::User | Collection::Resource => {
                    let all = self.place(collection).map(|place| self.memory.all(place, self.now_us));
                    let fitting = all.into_iter().flatten().filter(|(key, _)| keys.fit(key));
                    out.extend(fitting.map(|(key, value)| (collection, key, value)));
                }
                fixed if fixed.is_fixed() => {
                    for value in self.store.list(fixed).iter().filter(|value| keys.fit(self.store.key(**value))) {
                        out.push((fixed, self.store.key(*value).to_vec(), self.store.raw(*value).to_vec()));
                    }
                }
                other => {
                    let key = if let Keys::One(key) = keys { Some(&**key) } else { None };
                    out.extend(self.computed(other, key).map(|value| (other, Vec::new(), value)));
                }
            },
        }
    }
}
