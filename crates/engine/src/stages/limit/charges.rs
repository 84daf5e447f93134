//! What limits hold of an exchange until it ends: places among those that run, reservations, and what is still to be
//! measured.

use std::sync::Arc;

use stockade_model::plan::StatusRange;

use super::counts::{Counter, Counts, Receipt, Slot};
use super::gcra::Rate;
use super::table::Key;

/// What an exchange came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Status of the answer, when there was one.
    pub status: Option<u16>,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the response's body.
    pub bytes_out: u64,
}

/// Everything that is held for one exchange. A copy holds nothing: what is held is given back once.
#[derive(Debug, Default)]
pub(crate) struct Charges {
    held: Vec<Held>,
}

impl Clone for Charges {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// One thing that is held.
#[derive(Debug)]
pub(crate) enum Held {
    /// A place among those that run; dropping it gives it back.
    Running(#[expect(dead_code, reason = "held for what its drop does")] Slot),
    /// A failure reserved before anybody knew how the exchange would end.
    Reserved { receipt: Receipt, statuses: Arc<[StatusRange]> },
    /// Bytes to be charged when they are known.
    Bytes { key: Key, rate: Rate, out: bool, counter: Counter },
}

impl Charges {
    pub(crate) fn hold(&mut self, held: Held) {
        self.held.push(held);
    }

    /// Settles everything: charges what is known only now, gives back what was reserved and not used.
    pub(crate) fn settle(&mut self, counts: &Counts, spent: &Spent, now_ns: u64) {
        for held in std::mem::take(&mut self.held) {
            match held {
                Held::Running(_) => {}
                Held::Reserved { receipt, statuses } => {
                    let failed = spent.status.is_some_and(|status| {
                        statuses.iter().any(|range| (range.first..=range.last).contains(&status))
                    });
                    if !failed {
                        counts.give_back(&receipt, now_ns);
                    }
                }
                Held::Bytes { key, rate, out, counter } => {
                    let cost_ns = rate.cost_ns(if out { spent.bytes_out } else { spent.bytes_in });
                    if cost_ns > 0 {
                        counts.owe(key, cost_ns, counter, now_ns);
                    }
                }
            }
        }
    }
}
