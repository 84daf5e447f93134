//! All counts of this process: what limits have charged, what is running, and what other gateways must be told.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::gcra::{self, Answer};
use super::table::{Key, Table};

/// Counts whose changes wait to be told, in each part; beyond that a count stays this gateway's own for a while.
const MOST_PENDING: usize = 4096;
/// Parts of what waits and of what runs.
const PARTS: usize = 16;

/// Shared by all workers; see [`Table`] for the bounds of its memory. What runs is bounded by the number of exchanges.
#[derive(Debug)]
pub(crate) struct Counts {
    /// When each count is level.
    due: Table,
    /// Until when an object counts as touched. May forget: an object is then counted once more.
    seen: Table,
    running: Arc<Running>,
    pending: Vec<Mutex<HashMap<Key, i64>>>,
    /// How many gateways count together; 0 when this one is alone.
    gateways: AtomicU32,
    /// Whether the shared store answers.
    up: AtomicBool,
    secrets: [RandomState; 2],
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            due: Table::new(true),
            seen: Table::new(false),
            running: Arc::new(Running { parts: (0..PARTS).map(|_| Mutex::default()).collect() }),
            pending: (0..PARTS).map(|_| Mutex::default()).collect(),
            gateways: AtomicU32::new(0),
            up: AtomicBool::new(false),
            secrets: [RandomState::new(), RandomState::new()],
        }
    }
}

/// A charge that can be taken back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Receipt {
    pub(crate) key: Key,
    pub(crate) cost_ns: u64,
    /// When the count was level after it.
    pub(crate) after_ns: u64,
    /// Who counts.
    pub(crate) counter: Counter,
}

/// Who keeps a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    /// This gateway alone.
    Own,
    /// This gateway, and the others are told.
    Told,
    /// The shared store alone.
    Store,
}

impl Counts {
    /// The key of a count that is this process's own: its text, hashed with a secret.
    pub(crate) fn own_key(&self, text: &[u8]) -> Key {
        let [upper, lower] = &self.secrets;
        u128::from(upper.hash_one(text)) << 64 | u128::from(lower.hash_one(text))
    }

    /// Admits one of `rate` requests a minute counted under a name, or tells in how many seconds to come back.
    pub(crate) fn admit(&self, name: &str, rate: u32, now_us: u64) -> Option<u32> {
        let cost_ns = 60_000_000_000 / u64::from(rate.max(1));
        let key = self.own_key(format!("decision {name}").as_bytes());
        let room_ns = cost_ns.saturating_mul(u64::from(rate.clamp(1, 10)));
        let answer = self.charge(key, cost_ns, room_ns, Counter::Own, now_us.saturating_mul(1000));
        (!answer.admitted).then(|| {
            let wait_ns = answer.ahead_ns.saturating_add(cost_ns).saturating_sub(room_ns);
            u32::try_from(wait_ns.div_ceil(1_000_000_000)).unwrap_or(60).max(1)
        })
    }

    /// Charges `cost_ns` when the debt stays within `room_ns`.
    pub(crate) fn charge(&self, key: Key, cost_ns: u64, room_ns: u64, counter: Counter, now_ns: u64) -> Answer {
        let answer = self.due.update(key, now_ns, |due| gcra::charge(due, cost_ns, room_ns, now_ns));
        if counter == Counter::Told {
            // A count that refuses is told too, so that it learns when the others leave room again.
            self.tell(key, if answer.admitted { signed(cost_ns) } else { 0 });
        }
        answer
    }

    /// Charges what was used already.
    pub(crate) fn owe(&self, key: Key, cost_ns: u64, counter: Counter, now_ns: u64) {
        if counter != Counter::Own {
            self.tell(key, signed(cost_ns));
        }
        if counter != Counter::Store || !self.is_up() {
            self.due.update(key, now_ns, |due| gcra::owe(due, cost_ns, now_ns));
        }
    }

    /// Takes a charge back.
    pub(crate) fn give_back(&self, receipt: &Receipt, now_ns: u64) {
        let Receipt { key, cost_ns, after_ns, counter } = *receipt;
        let left = if counter == Counter::Store {
            cost_ns.min(after_ns.saturating_sub(now_ns))
        } else {
            self.due.update(key, now_ns, |due| gcra::give_back(due, cost_ns, after_ns, now_ns))
        };
        if counter != Counter::Own {
            self.tell(key, -signed(left));
        }
    }

    /// Whether `object` counts as touched.
    pub(crate) fn is_touched(&self, object: Key, now_ns: u64) -> bool {
        self.seen.update(object, now_ns, |until| *until > now_ns)
    }

    /// Has `object` count as touched until `until_ns`.
    pub(crate) fn touch(&self, object: Key, until_ns: u64, now_ns: u64) {
        self.seen.update(object, now_ns, |until| *until = until_ns.max(*until));
    }

    /// Takes a place among at most `most` that run under `key`.
    pub(crate) fn run(&self, key: Key, most: u64) -> Result<Slot, u64> {
        let Some(part) = self.running.part(key) else { return Err(0) };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        let count = part.entry(key).or_insert(0);
        if u64::from(*count) >= most {
            return Err(u64::from(*count));
        }
        *count = count.saturating_add(1);
        let running = u64::from(*count);
        drop(part);
        Ok(Slot { running: Arc::clone(&self.running), key, count: running })
    }

    /// How many gateways count together; 0 when this one is alone.
    pub(crate) fn gateways(&self) -> u64 {
        u64::from(self.gateways.load(Ordering::Relaxed))
    }

    /// Whether the shared store can be asked.
    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed) && self.gateways() > 0
    }

    pub(crate) fn set_sharing(&self, gateways: u32, up: bool) {
        self.gateways.store(gateways, Ordering::Relaxed);
        self.up.store(up, Ordering::Relaxed);
    }

    /// Notes that `nanos` were charged, for the other gateways; 0 asks only for their level.
    pub(crate) fn tell(&self, key: Key, nanos: i64) {
        if !self.is_up() {
            return;
        }
        let Some(part) = self.pending.get(key as usize % PARTS) else { return };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        if part.len() < MOST_PENDING || part.contains_key(&key) {
            let known = part.entry(key).or_insert(0);
            *known = known.saturating_add(nanos);
        }
    }

    /// Takes what waits to be told.
    pub(crate) fn take_pending(&self) -> Vec<(Key, i64)> {
        let take =
            |part: &Mutex<HashMap<Key, i64>>| std::mem::take(&mut *part.lock().unwrap_or_else(PoisonError::into_inner));
        self.pending.iter().flat_map(take).collect()
    }

    /// Replaces a count by that of all gateways, as it was at `now_ns`; what was charged here since then is added.
    pub(crate) fn set_level(&self, key: Key, ahead_ns: u64, now_ns: u64) {
        let part = self.pending.get(key as usize % PARTS);
        let since = part.and_then(|part| part.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied());
        let ahead = ahead_ns.saturating_add_signed(since.unwrap_or_default());
        self.due.update(key, now_ns, |due| *due = now_ns.saturating_add(ahead));
    }
}

/// Nanoseconds as a difference; never so many that they do not fit.
pub(crate) fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

/// How many exchanges run under each key.
#[derive(Debug)]
struct Running {
    parts: Vec<Mutex<HashMap<Key, u32>>>,
}

impl Running {
    fn part(&self, key: Key) -> Option<&Mutex<HashMap<Key, u32>>> {
        self.parts.get(key as usize % PARTS)
    }
}

/// A place among those that run; given back when it is dropped, whatever way the exchange ends.
#[derive(Debug)]
pub(crate) struct Slot {
    running: Arc<Running>,
    key: Key,
    /// How many ran when it was taken, itself included.
    pub(crate) count: u64,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(part) = self.running.part(self.key) else { return };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = part.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                part.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_free_again_when_it_is_dropped_and_leaves_nothing_behind() {
        let counts = Counts::default();
        let one = counts.run(7, 2).unwrap();
        let two = counts.run(7, 2).unwrap();
        assert_eq!((one.count, two.count), (1, 2));
        assert_eq!(counts.run(7, 2).unwrap_err(), 2);
        assert!(counts.run(8, 2).is_ok());
        drop(one);
        assert!(counts.run(7, 2).is_ok());
        drop(two);
        assert!(counts.running.parts.iter().all(|part| part.lock().unwrap().is_empty()));
    }

    #[test]
    fn what_was_charged_between_two_tellings_is_not_lost() {
        let counts = Counts::default();
        counts.set_sharing(3, true);
        counts.charge(1, 500, 10_000, Counter::Told, 0);
        assert_eq!(counts.take_pending(), [(1, 500)]);
        // While the store is asked, more comes in.
        counts.charge(1, 200, 10_000, Counter::Told, 0);
        counts.set_level(1, 4_000, 0);
        assert_eq!(counts.charge(1, 0, 10_000, Counter::Own, 0).ahead_ns, 4_200);
        assert_eq!(counts.take_pending(), [(1, 200)]);
    }

    #[test]
    fn what_waits_to_be_told_is_bounded_and_nothing_waits_for_a_store_that_is_down() {
        let counts = Counts::default();
        counts.tell(1, 1);
        assert!(counts.take_pending().is_empty());
        counts.set_sharing(3, true);
        for key in 0..1_000_000 {
            counts.tell(key, 1);
        }
        assert_eq!(counts.take_pending().len(), MOST_PENDING * PARTS);
    }

    #[test]
    fn an_object_is_new_once_in_a_window() {
        let counts = Counts::default();
        assert!(!counts.is_touched(1, 0));
        counts.touch(1, 1_000, 0);
        assert!(counts.is_touched(1, 999));
        counts.touch(1, 1_500, 500);
        assert!(counts.is_touched(1, 1_400) && !counts.is_touched(1, 1_500) && !counts.is_touched(2, 0));
    }
}
