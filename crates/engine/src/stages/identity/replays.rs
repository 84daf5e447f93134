//! Proofs that were shown before: none counts twice. Bounded, and closed when it is full.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest;
use stockade_model::Now;

/// Independent parts. A caller's proofs are all in one, so that a flood of them is felt by few others.
const SHARDS: usize = 32;
/// Proofs remembered in each part; about 100 bytes each.
const MOST: usize = 4 * 1024;

/// The window. What is pushed out before its time takes everything as old along: it is better to refuse a good proof
/// than to accept one twice.
#[derive(Debug)]
pub(crate) struct Replays {
    shards: Vec<Mutex<Shard>>,
}

#[derive(Debug, Default)]
struct Shard {
    seen: HashSet<[u8; 32]>,
    /// In the order they came: the proof, when it was made, and until when it could be shown again.
    order: VecDeque<([u8; 32], u64, u64)>,
    /// Proofs made up to then are refused.
    floor_us: u64,
}

impl Default for Replays {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl Replays {
    /// Whether a proof of `holder` is shown for the first time; it is remembered until `until_us`.
    pub(super) fn is_first(&self, holder: &str, proof: &str, made_us: u64, until_us: u64, now: Now) -> bool {
        let hash = digest::digest(&digest::SHA256, holder.as_bytes());
        let place = hash.as_ref().first().map_or(0, |byte| usize::from(*byte) % SHARDS);
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(hash.as_ref());
        context.update(proof.as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        let Some(shard) = self.shards.get(place) else { return false };
        shard.lock().unwrap_or_else(PoisonError::into_inner).is_first(key, made_us, until_us, now.wall.0)
    }
}

impl Shard {
    fn is_first(&mut self, key: [u8; 32], made_us: u64, until_us: u64, now_us: u64) -> bool {
        while self.order.front().is_some_and(|(_, _, until)| *until < now_us) {
            self.drop_oldest();
        }
        if made_us <= self.floor_us || self.seen.contains(&key) {
            return false;
        }
        if self.order.len() >= MOST
            && let Some(made) = self.drop_oldest()
        {
            self.floor_us = self.floor_us.max(made);
            if made_us <= self.floor_us {
                return false;
            }
        }
        self.seen.insert(key);
        self.order.push_back((key, made_us, until_us));
        true
    }

    /// Forgets the one that came first; answers when it was made.
    fn drop_oldest(&mut self) -> Option<u64> {
        let (key, made, _) = self.order.pop_front()?;
        self.seen.remove(&key);
        Some(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stockade_model::Timestamp;

    fn at(us: u64) -> Now {
        Now { wall: Timestamp(us), monotonic_us: us }
    }

    #[test]
    fn a_proof_counts_once_and_is_forgotten_when_it_could_not_be_shown_any_more() {
        let replays = Replays::default();
        assert!(replays.is_first("a", "1", 100, 200, at(100)));
        assert!(!replays.is_first("a", "1", 100, 200, at(150)));
        assert!(!replays.is_first("a", "1", 100, 200, at(200)), "at its very end it is still good");
        assert!(replays.is_first("a", "2", 100, 200, at(150)));
        assert!(replays.is_first("b", "1", 100, 200, at(150)), "another holder's");
        assert!(replays.is_first("a", "3", 300, 400, at(300)));
        let held: usize = replays.shards.iter().map(|shard| shard.lock().unwrap().order.len()).sum();
        assert!(held <= 2);
    }

    #[test]
    fn a_flood_never_makes_a_proof_count_twice() {
        let replays = Replays::default();
        assert!(replays.is_first("a", "first", 1_000, 1_000_000, at(1_000)));
        for number in 0..2 * MOST as u64 {
            replays.is_first("a", &number.to_string(), 1_001 + number, 1_000_000, at(2_000));
        }
        assert!(!replays.is_first("a", "first", 1_000, 1_000_000, at(2_000)));
        for number in 0..2 * MOST as u64 {
            assert!(!replays.is_first("a", &number.to_string(), 1_001 + number, 1_000_000, at(2_000)), "{number}");
        }
        let most = replays.shards.iter().map(|shard| shard.lock().unwrap().order.len()).max().unwrap();
        assert!(most <= MOST);
    }
}
