//! A map that many threads share and that never grows beyond a fixed number of entries.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Independent parts, so that workers seldom wait for each other. A power of two.
const SHARDS: usize = 16;

/// How many entries are looked at for one that can go.
const LOOK: usize = 8;

/// Maps byte keys to values; at its cap, each new entry takes the place of the least valuable of a few old ones.
///
/// INVARIANT: `index` maps every slot's key to its place, and holds nothing else.
pub(crate) struct Bounded<V> {
    shards: Vec<Mutex<Shard<V>>>,
    hasher: foldhash::quality::RandomState,
    cap: usize,
}

struct Shard<V> {
    index: HashMap<Arc<[u8]>, usize, foldhash::quality::RandomState>,
    slots: Vec<(Arc<[u8]>, V)>,
    hand: usize,
}

impl<V> Bounded<V> {
    /// An empty map for at most `cap` entries (rounded up to a multiple of the number of shards).
    pub(crate) fn new(cap: usize) -> Self {
        let shard = || Mutex::new(Shard { index: HashMap::default(), slots: Vec::new(), hand: 0 });
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            hasher: foldhash::quality::RandomState::default(),
            cap: cap.div_ceil(SHARDS).max(1),
        }
    }

    fn shard(&self, key: &[u8]) -> Option<MutexGuard<'_, Shard<V>>> {
        // The upper bits: the map inside the shard uses the lower ones of its own, differently seeded hash.
        let place = (self.hasher.hash_one(key) >> 48) as usize % SHARDS;
        // A panic while the lock is held leaves no half-written entry, so a poisoned shard is still good.
        self.shards.get(place).map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the entry of `key`.
    pub(crate) fn read<R>(&self, key: &[u8], read: impl FnOnce(&V) -> R) -> Option<R> {
        let shard = self.shard(key)?;
        let place = *shard.index.get(key)?;
        shard.slots.get(place).map(|(_, value)| read(value))
    }

    /// Changes the entry of `key`, made by `make` when there is none.
    ///
    /// `worth` ranks entries when room is needed: of a few, the one worth least goes.
    pub(crate) fn update<R>(
        &self,
        key: &[u8],
        worth: impl Fn(&V) -> u64,
        make: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> R,
    ) -> Option<R> {
        let mut shard = self.shard(key)?;
        let place = match shard.index.get(key) {
            Some(place) => *place,
            None => shard.insert(key, make(), worth, self.cap),
        };
        shard.slots.get_mut(place).map(|(_, value)| change(value))
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().slots.len()).sum()
    }
}

impl<V> Shard<V> {
    fn insert(&mut self, key: &[u8], value: V, worth: impl Fn(&V) -> u64, cap: usize) -> usize {
        let key: Arc<[u8]> = key.into();
        if self.slots.len() < cap {
            self.slots.push((Arc::clone(&key), value));
            let place = self.slots.len() - 1;
            self.index.insert(key, place);
            return place;
        }
        let count = self.slots.len();
        let start = self.hand;
        self.hand = (self.hand + LOOK) % count;
        let place = (0..LOOK.min(count))
            .map(|step| (start + step) % count)
            .min_by_key(|place| self.slots.get(*place).map_or(u64::MAX, |(_, value)| worth(value)))
            .unwrap_or_default();
        if let Some(slot) = self.slots.get_mut(place) {
            let (old, _) = std::mem::replace(slot, (Arc::clone(&key), value));
            self.index.remove(&old);
            self.index.insert(key, place);
        }
        place
    }
}

impl<V> fmt::Debug for Bounded<V> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Bounded").field("cap", &(self.cap * SHARDS)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_grows_beyond_its_cap_and_keeps_what_is_worth_more() {
        let map: Bounded<u64> = Bounded::new(160);
        for key in 0..100_u64 {
            map.update(&key.to_le_bytes(), |value| *value, || 1_000, |_| ());
        }
        for key in 100..10_000_u64 {
            map.update(&key.to_le_bytes(), |value| *value, || 1, |_| ());
        }
        assert!(map.len() <= 160);
        let kept = (0..100_u64).filter(|key| map.read(&key.to_le_bytes(), |_| ()).is_some()).count();
        assert!(kept >= 80, "only {kept} of the valuable entries are left");
    }

    #[test]
    fn an_entry_is_found_again_and_changed_in_place() {
        let map: Bounded<u64> = Bounded::new(16);
        map.update(b"a", |value| *value, || 1, |value| *value += 1);
        map.update(b"a", |value| *value, || 1, |value| *value += 1);
        assert_eq!(map.read(b"a", |value| *value), Some(3));
        assert_eq!(map.read(b"b", |value| *value), None);
    }
}
