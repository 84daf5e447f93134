//! Collections that last between requests (`IP`, `SESSION`, ...), bounded whatever callers send.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::collections::Collection;

const SHARDS: usize = 16;
/// Most records of one shard.
const MOST_RECORDS: usize = 4096;
/// Most variables of one record.
const MOST_VARIABLES: usize = 64;
/// Longest value that is kept.
const MOST_BYTES: usize = 1024;

/// Which record.
pub(crate) type Place = (Collection, Vec<u8>);

/// All records. A full shard drops what expired, then what expires soonest.
#[derive(Debug)]
pub struct Memory {
    shards: Vec<Mutex<HashMap<Place, Record, foldhash::quality::RandomState>>>,
    hasher: foldhash::quality::RandomState,
}

#[derive(Debug, Default)]
struct Record {
    variables: HashMap<Vec<u8>, Variable, foldhash::quality::RandomState>,
    expires_us: u64,
}

#[derive(Debug)]
struct Variable {
    value: Vec<u8>,
    expires_us: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: foldhash::quality::RandomState::default(),
        }
    }
}

impl Memory {
    /// An empty memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn shard(&self, place: &Place) -> Option<MutexGuard<'_, HashMap<Place, Record, foldhash::quality::RandomState>>> {
        let number = (self.hasher.hash_one(place) >> 48) as usize % SHARDS;
        // A panic while the lock is held leaves no half-written variable.
        self.shards.get(number).map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads one variable.
    pub(crate) fn get(&self, place: &Place, key: &[u8], now_us: u64) -> Option<Vec<u8>> {
        let shard = self.shard(place)?;
        let record = shard.get(place).filter(|record| record.expires_us > now_us)?;
        record.variables.get(key).filter(|variable| variable.expires_us > now_us).map(|variable| variable.value.clone())
    }

    /// Every variable of a record.
    pub(crate) fn all(&self, place: &Place, now_us: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
        let Some(shard) = self.shard(place) else { return Vec::new() };
        let Some(record) = shard.get(place).filter(|record| record.expires_us > now_us) else { return Vec::new() };
        let live = record.variables.iter().filter(|(_, variable)| variable.expires_us > now_us);
        let mut all: Vec<_> = live.map(|(key, variable)| (key.clone(), variable.value.clone())).collect();
        all.sort();
        all
    }

    /// Changes one variable: `change` gets its value, if any, and answers the new one, or `None` to take it out.
    pub(crate) fn update(
        &self,
        place: &Place,
        key: &[u8],
        now_us: u64,
        timeout_us: u64,
        change: impl FnOnce(Option<&[u8]>) -> Option<Vec<u8>>,
    ) {
        let Some(mut shard) = self.shard(place) else { return };
        if shard.len() >= MOST_RECORDS && !shard.contains_key(place) {
            make_room(&mut shard, now_us);
        }
        let record = shard.entry(place.clone()).or_default();
        if record.expires_us <= now_us {
            record.variables.clear();
        }
        record.expires_us = now_us.saturating_add(timeout_us);
        let old = record.variables.get(key).filter(|variable| variable.expires_us > now_us);
        let expires_us = old.map_or(u64::MAX, |variable| variable.expires_us);
        match change(old.map(|variable| variable.value.as_slice())) {
            None => {
                record.variables.remove(key);
            }
            Some(mut value) if record.variables.len() < MOST_VARIABLES || record.variables.contains_key(key) => {
                value.truncate(MOST_BYTES);
                record.variables.insert(key.to_vec(), Variable { value, expires_us });
            }
            Some(_) => {}
        }
    }

    /// Lets one variable end at `expires_us`.
    pub(crate) fn expire(&self, place: &Place, key: &[u8], expires_us: u64) {
        if let Some(mut shard) = self.shard(place)
            && let Some(variable) = shard.get_mut(place).and_then(|record| record.variables.get_mut(key))
        {
            variable.expires_us = expires_us;
        }
    }
}

fn make_room(shard: &mut HashMap<Place, Record, foldhash::quality::RandomState>, now_us: u64) {
    shard.retain(|_, record| record.expires_us > now_us);
    if shard.len() < MOST_RECORDS {
        return;
    }
    // An eighth at once, so that a flood of new records does not sort for each of them.
    let mut ends: Vec<u64> = shard.values().map(|record| record.expires_us).collect();
    let (_, cut, _) = ends.select_nth_unstable(MOST_RECORDS / 8);
    let cut = *cut;
    shard.retain(|_, record| record.expires_us > cut);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Place {
        (Collection::Ip, name.as_bytes().to_vec())
    }

    #[test]
    fn a_variable_lasts_until_it_ends() {
        let memory = Memory::new();
        memory.update(&place("a"), b"n", 0, 100, |_| Some(b"1".to_vec()));
        assert_eq!(memory.get(&place("a"), b"n", 50), Some(b"1".to_vec()));
        assert_eq!(memory.get(&place("a"), b"n", 100), None);
        memory.update(&place("a"), b"n", 200, 100, |old| {
            assert!(old.is_none());
            Some(b"2".to_vec())
        });
        memory.expire(&place("a"), b"n", 210);
        assert_eq!(memory.get(&place("a"), b"n", 209), Some(b"2".to_vec()));
        assert_eq!(memory.get(&place("a"), b"n", 210), None);
    }

    #[test]
    fn it_never_grows_beyond_its_cap() {
        let memory = Memory::new();
        for number in 0..200_000_u64 {
            memory.update(&place(&number.to_string()), b"n", number, 1_000_000, |_| Some(vec![0; 5000]));
        }
        let records: usize = memory.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(records <= SHARDS * MOST_RECORDS, "{records}");
        for number in 0..1000_u64 {
            memory.update(&place("one"), number.to_string().as_bytes(), 0, u64::MAX, |_| Some(Vec::new()));
        }
        assert_eq!(memory.all(&place("one"), 0).len(), MOST_VARIABLES);
    }
}
