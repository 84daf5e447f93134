//! Whose objects are: what responses told, kept in a bounded memory that outlives bundles.

use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use crate::actor::Key;
use crate::bounded::Bounded;

/// Objects that are remembered; beyond it, those that were not asked for longest go first.
const MOST_OBJECTS: usize = 1 << 18;

/// Owners of one object; beyond it, the one that was told longest ago goes, but never the first.
const MOST_OWNERS: usize = 8;

/// Remembers owners of objects.
#[derive(Debug)]
pub(crate) struct Owners {
    known: Bounded<Entry>,
}

struct Entry {
    owners: SmallVec<[Box<str>; 1]>,
    /// When it was last asked for, seconds.
    used_s: AtomicU64,
}

/// Whose an object is, for one caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Held {
    /// The caller's.
    Own,
    /// Somebody else's: this one's, among others.
    Other(String),
    /// Nobody told.
    Unknown,
}

impl Default for Owners {
    fn default() -> Self {
        Self { known: Bounded::new(MOST_OBJECTS) }
    }
}

impl Owners {
    /// Whose the object is for a caller that `callers` stand for.
    pub(crate) fn ask(&self, key: &Key, callers: &[String], now_s: u64) -> Held {
        let held = self.known.read(key, |entry| {
            entry.used_s.store(now_s, Ordering::Relaxed);
            match entry.owners.first() {
                None => Held::Unknown,
                Some(_) if entry.owners.iter().any(|owner| callers.iter().any(|caller| **owner == **caller)) => {
                    Held::Own
                }
                Some(first) => Held::Other(first.to_string()),
            }
        });
        held.unwrap_or(Held::Unknown)
    }

    /// The API said that these are the owners, and no others.
    pub(crate) fn set(&self, key: &Key, owners: &[String], now_s: u64) {
        let owners: SmallVec<[Box<str>; 1]> =
            owners.iter().take(MOST_OWNERS).map(|owner| owner.as_str().into()).collect();
        self.change(key, now_s, |entry| entry.owners = owners);
    }

    /// The API made the object for `owner`. One that is known already stays whose it is: ids that callers choose
    /// themselves must not take objects over.
    pub(crate) fn made(&self, key: &Key, owner: &str, now_s: u64) {
        self.change(key, now_s, |entry| {
            if entry.owners.is_empty() {
                entry.owners.push(owner.into());
            }
        });
    }

    /// The API listed the object for `owner`, who has it now too.
    pub(crate) fn listed(&self, key: &Key, owner: &str, now_s: u64) {
        self.change(key, now_s, |entry| {
            if entry.owners.iter().any(|known| **known == *owner) {
                return;
            }
            if entry.owners.len() >= MOST_OWNERS {
                entry.owners.remove(1);
            }
            entry.owners.push(owner.into());
        });
    }

    fn change(&self, key: &Key, now_s: u64, change: impl FnOnce(&mut Entry)) {
        let make = || Entry { owners: SmallVec::new(), used_s: AtomicU64::new(now_s) };
        self.known.update(key, |entry| entry.used_s.load(Ordering::Relaxed), make, change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u32) -> Key {
        Key::from_slice(&id.to_le_bytes())
    }

    #[test]
    fn who_made_an_object_keeps_it_and_who_was_shown_it_has_it_too() {
        let owners = Owners::default();
        let (alice, bob) = (["alice".to_owned()], ["bob".to_owned()]);
        assert_eq!(owners.ask(&key(1), &alice, 0), Held::Unknown);
        owners.made(&key(1), "alice", 0);
        owners.made(&key(1), "bob", 0);
        assert_eq!(owners.ask(&key(1), &alice, 0), Held::Own);
        assert_eq!(owners.ask(&key(1), &bob, 0), Held::Other("alice".to_owned()));
        owners.listed(&key(1), "bob", 0);
        assert_eq!(owners.ask(&key(1), &bob, 0), Held::Own);
        for other in 0..100 {
            owners.listed(&key(1), &format!("user-{other}"), 0);
        }
        assert_eq!(owners.ask(&key(1), &alice, 0), Held::Own, "the first stays");
        assert_eq!(owners.ask(&key(1), &bob, 0), Held::Other("alice".to_owned()));
        owners.set(&key(1), &bob, 0);
        assert_eq!(owners.ask(&key(1), &alice, 0), Held::Other("bob".to_owned()));
    }
}
