//! Moments by key, in a fixed amount of memory whatever callers send.
//!
//! A key has a place among the few entries of one bucket, so nothing grows, nothing is allocated after the first use of
//! a part, and making room costs a look at one bucket. An entry whose moment has passed says the same as no entry, so
//! those give way first, then the one that would pass next. The moment of an entry that gave way early is not lost: a
//! coarse memory of two cells a key keeps the later one of all that share a cell, and an entry that is made anew begins
//! with the earlier of its two cells. So nobody resets a count, their own or another's, by sending many keys; the price
//! is that under such a flood a new key may begin with a debt that is not its own, which the sender of the flood cannot
//! aim at anybody: which keys share a bucket or a cell depends on a secret of this process.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

/// A key: 128 bits of a hash over everything that tells counts apart.
pub(crate) type Key = u128;

/// Independent parts, so that workers seldom wait for each other.
const SHARDS: usize = 64;
/// Buckets of a part.
const BUCKETS: usize = 512;
/// Entries of a bucket.
const WAYS: usize = 8;
/// Cells of the memory of one part, for each of the two looks.
const CELLS: usize = 1024;

/// At most 262,144 entries of 24 bytes, and 1 MiB of memory of those that gave way.
pub(crate) struct Table {
    shards: Vec<Mutex<Shard>>,
    secret: foldhash::quality::RandomState,
    /// Whether entries that give way are remembered.
    remembers: bool,
}

#[derive(Default)]
struct Shard {
    /// Empty until the first key comes.
    buckets: Vec<[Entry; WAYS]>,
    cells: Vec<[u64; 2]>,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    key: [u64; 2],
    moment: u64,
}

/// Where a key stands.
struct Place {
    shard: usize,
    bucket: usize,
    cells: [usize; 2],
}

impl Table {
    /// An empty table. One that `remembers` never forgets a moment early; one that does not may.
    pub(crate) fn new(remembers: bool) -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), secret: <_>::default(), remembers }
    }

    /// Hands the moment of `key` to `change`; one that is not known is 0, or what the memory has.
    ///
    /// `now` tells which moments have passed; both count in the same unit.
    pub(crate) fn update<R>(&self, key: Key, now: u64, change: impl FnOnce(&mut u64) -> R) -> R {
        let place = self.place(key);
        let Some(shard) = self.shards.get(place.shard) else { return change(&mut 0) };
        // A panic while the lock is held leaves no half-written entry, so a poisoned part is still good.
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let before = shard.moment(key, &place);
        let mut moment = before.unwrap_or_else(|| shard.remembered(&place));
        let answer = change(&mut moment);
        if before != Some(moment) && (before.is_some() || moment > now) {
            let evicted = shard.store(key, moment, &place);
            if let Some(evicted) = evicted.filter(|evicted| self.remembers && evicted.moment > now) {
                shard.remember(evicted.moment, &self.place(whole(evicted.key)));
            }
        }
        answer
    }

    fn place(&self, key: Key) -> Place {
        let hash = self.secret.hash_one(key);
        let bits = |shift: u32, count: usize| (hash >> shift) as usize % count;
        Place { shard: bits(0, SHARDS), bucket: bits(8, BUCKETS), cells: [bits(24, CELLS), bits(44, CELLS)] }
    }

    /// How many entries there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        let count = |shard: &Shard| shard.buckets.iter().flatten().filter(|entry| entry.moment > 0).count();
        self.shards.iter().map(|shard| count(&shard.lock().unwrap())).sum()
    }
}

impl Shard {
    fn moment(&self, key: Key, place: &Place) -> Option<u64> {
        let key = halves(key);
        let bucket = self.buckets.get(place.bucket)?;
        bucket.iter().find(|entry| entry.key == key && entry.moment > 0).map(|entry| entry.moment)
    }

    fn remembered(&self, place: &Place) -> u64 {
        let cell = |row: usize| {
            let cells = self.cells.get(place.cells.get(row).copied()?)?;
            cells.get(row).copied()
        };
        cell(0).unwrap_or_default().min(cell(1).unwrap_or_default())
    }

    /// Writes a moment; returns the entry that gave way to it.
    fn store(&mut self, key: Key, moment: u64, place: &Place) -> Option<Entry> {
        if self.buckets.is_empty() {
            self.buckets = vec![[Entry::default(); WAYS]; BUCKETS];
        }
        let key = halves(key);
        let bucket = self.buckets.get_mut(place.bucket)?;
        if let Some(entry) = bucket.iter_mut().find(|entry| entry.key == key && entry.moment > 0) {
            entry.moment = moment;
            return None;
        }
        let entry = bucket.iter_mut().min_by_key(|entry| entry.moment)?;
        Some(std::mem::replace(entry, Entry { key, moment }))
    }

    fn remember(&mut self, moment: u64, place: &Place) {
        if self.cells.is_empty() {
            self.cells = vec![[0; 2]; CELLS];
        }
        for (row, cell) in place.cells.into_iter().enumerate() {
            if let Some(known) = self.cells.get_mut(cell).and_then(|cells| cells.get_mut(row)) {
                *known = moment.max(*known);
            }
        }
    }
}

/// Stored in halves: whole, the key would ask for 8 bytes of padding.
fn halves(key: Key) -> [u64; 2] {
    [(key >> 64) as u64, key as u64]
}

fn whole(key: [u64; 2]) -> Key {
    u128::from(key[0]) << 64 | u128::from(key[1])
}

impl fmt::Debug for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Table").field("entries", &(SHARDS * BUCKETS * WAYS)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

    fn set(table: &Table, key: u64, moment: u64) {
        table.update(spread(key), NOW, |known| *known = moment.max(*known));
    }

    fn get(table: &Table, key: u64) -> u64 {
        table.update(spread(key), NOW, |known| *known)
    }

    /// Keys are hashes; these stand for some.
    fn spread(key: u64) -> Key {
        u128::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }

    #[test]
    fn a_moment_is_found_again_and_what_has_passed_leaves_no_trace() {
        let table = Table::new(true);
        assert_eq!(table.len(), 0);
        set(&table, 1, NOW + 5);
        set(&table, 2, NOW);
        assert_eq!((get(&table, 1), get(&table, 2), get(&table, 3)), (NOW + 5, 0, 0));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_flood_of_keys_neither_grows_it_nor_resets_a_count() {
        let table = Table::new(true);
        let full = NOW + 60_000;
        for key in 0..1_000 {
            set(&table, key, full);
        }
        // Every key of the flood is used once: a debt of one unit, much less than that of a count that is full.
        for key in 1_000..1_000_000 {
            set(&table, key, NOW + 1_000);
        }
        assert!(table.len() <= SHARDS * BUCKETS * WAYS);
        for key in 0..1_000 {
            assert!(get(&table, key) >= full, "count {key} was reset");
        }
    }

    #[test]
    fn even_a_flood_of_full_counts_resets_nothing() {
        let table = Table::new(true);
        set(&table, 7, NOW + 50_000);
        for key in 1_000..1_500_000 {
            set(&table, key, NOW + 60_000);
        }
        assert!(get(&table, 7) >= NOW + 50_000);
    }

    #[test]
    fn under_a_flood_new_callers_begin_with_a_small_debt_at_most() {
        let table = Table::new(true);
        for key in 0..600_000 {
            set(&table, key, NOW + if key % 1000 == 0 { 60_000 } else { 1_000 });
        }
        let begun = (0..1_000).map(|key| get(&table, 10_000_000 + key)).filter(|moment| *moment > NOW + 1_000);
        assert!(begun.count() < 50, "the flood falls back on callers that have no part in it");
    }

    #[test]
    fn a_table_that_does_not_remember_forgets_under_a_flood() {
        let table = Table::new(false);
        set(&table, 7, NOW + 1);
        for key in 1_000..1_500_000 {
            set(&table, key, NOW + 60_000);
        }
        assert_eq!(get(&table, 7), 0);
    }
}
