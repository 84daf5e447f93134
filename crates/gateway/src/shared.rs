//! What all workers share, and what each has of its own.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use stockade_engine::{Engine, State};
use stockade_model::event::{EVENT_FORMAT, Notice, Record};
use stockade_model::{Now, RequestId};
use tokio::sync::watch;

use crate::challenges::Challenges;
use crate::clock::Clock;
use crate::emit::bodies::Samples;
use crate::limits::Exact;
use crate::look_ups::LookUps;
use crate::normalise::Edge;
use crate::rule_log::RuleLog;
use crate::spool::Spool;
use crate::tls::Certificates;
use crate::upstream::{Health, Upstreams};

/// One for the process.
#[derive(Debug)]
pub struct Shared {
    /// The compiled bundle in force; swapped whole on reload.
    pub engine: ArcSwap<Engine>,
    /// What the engine remembers.
    pub state: State,
    /// Where events go.
    pub spool: Spool,
    /// Certificates of all TLS listeners, swapped on reload.
    pub certificates: Certificates,
    /// Open challenges of certificate orders.
    pub challenges: Challenges,
    /// Which upstream targets are usable, as all workers see it.
    pub health: Health,
    /// Who answers what the engine has to be told.
    pub look_ups: LookUps,
    /// The clock.
    pub clock: Clock,
    /// What was counted since the start.
    pub counters: Counters,
    /// Turns to `true` when the gateway is to stop: no new connection, no further request on an old one.
    pub drain: watch::Receiver<bool>,
}

impl Shared {
    /// Tells something in the spool and on standard error.
    pub(crate) fn notice(&self, code: &'static str, detail: String) {
        crate::process::tell(&format!("{code}: {detail}"));
        self.spool.append(&Record::Notice(Notice {
            format: EVENT_FORMAT,
            time: self.clock.now().wall,
            gateway: self.engine.load().plan().gateway.name.clone(),
            code,
            detail,
        }));
    }
}

/// One for each worker thread.
#[derive(Debug)]
pub struct Worker {
    /// What all share.
    pub shared: Arc<Shared>,
    /// This worker's upstream connections.
    pub upstreams: Upstreams,
    /// This worker's way to the store that shares limits.
    pub(crate) exact: Exact,
    /// What was worked out from the bundle in force; made anew when the bundle changes.
    edge: RefCell<Rc<Edge>>,
    /// Where heads are read into, so that an idle connection holds no buffer.
    pub(crate) scratch: RefCell<Box<[u8]>>,
    /// Which exchanges have the fields of their bodies told.
    pub(crate) samples: Samples,
    /// Where matches of SecLang rules are told.
    pub(crate) rule_log: RuleLog,
    /// State of the generator behind request ids.
    random: Cell<u64>,
    /// The second that `date` is for, and the text of the `Date` field.
    date: Cell<(u64, [u8; 29])>,
}

/// A worker as its tasks hold it.
pub type WorkerRef = Rc<Worker>;

/// Bytes read at once while a head is awaited.
const SCRATCH_BYTES: usize = 16 * 1024;

impl Worker {
    /// A worker with its own upstream connections.
    #[must_use]
    pub fn new(shared: Arc<Shared>, upstreams: Upstreams) -> WorkerRef {
        let edge = RefCell::new(Rc::new(Edge::new(shared.engine.load_full())));
        let mut seed = [0; 8];
        if getrandom::fill(&mut seed).is_err() {
            // Ids stay unique by their time and the address of this worker's state; they are not secrets.
            seed = (Arc::as_ptr(&shared) as usize as u64 ^ shared.clock.now().wall.0).to_le_bytes();
        }
        Rc::new(Self {
            shared,
            upstreams,
            exact: Exact::default(),
            edge,
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice()),
            samples: Samples::default(),
            rule_log: RuleLog::default(),
            random: Cell::new(u64::from_le_bytes(seed)),
            date: Cell::new((u64::MAX, [b' '; 29])),
        })
    }

    /// The bundle in force with what the sockets' side needs from it.
    pub(crate) fn edge(&self) -> Rc<Edge> {
        let current = self.shared.engine.load();
        {
            let held = self.edge.borrow();
            if Arc::ptr_eq(&held.engine, &current) {
                return Rc::clone(&held);
            }
        }
        let edge = Rc::new(Edge::new(Arc::clone(&current)));
        *self.edge.borrow_mut() = Rc::clone(&edge);
        edge
    }

    /// Whether the gateway is to stop. One atomic load: the receiver is never marked as seen.
    pub(crate) fn is_draining(&self) -> bool {
        self.shared.drain.has_changed().unwrap_or(true)
    }

    /// A fresh id for an exchange that began at `now`.
    pub(crate) fn request_id(&self, now: Now) -> RequestId {
        let random = u128::from(self.next_random()) << 64 | u128::from(self.next_random());
        RequestId::new(now.wall, random)
    }

    /// SplitMix64: ids have to be distinct, not secret.
    fn next_random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The `Date` field for `now` (RFC 9110 5.6.7), worked out once a second.
    pub(crate) fn date(&self, now: Now) -> [u8; 29] {
        let seconds = now.wall.seconds();
        let (held, text) = self.date.get();
        if held == seconds {
            return text;
        }
        let text = imf_fixdate(seconds);
        self.date.set((seconds, text));
        text
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`; civil date from days by Howard Hinnant's algorithm.
fn imf_fixdate(seconds: u64) -> [u8; 29] {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = seconds / 86_400;
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let name = |names: &'static [&'static str], index: u64| {
        usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or("Thu")
    };
    let text = format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        name(&DAYS, days % 7),
        name(&MONTHS, month - 1),
        seconds / 3_600 % 24,
        seconds / 60 % 60,
        seconds % 60
    );
    text.as_bytes().try_into().unwrap_or(*b"Thu, 01 Jan 1970 00:00:00 GMT")
}

/// Counts since the start, read by the control socket's `status`.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections accepted.
    pub connections: AtomicU64,
    /// Connections open now.
    pub open_connections: AtomicU64,
    /// Connections turned away: caps, handshakes that failed.
    pub refused_connections: AtomicU64,
    /// Exchanges finished, however they ended.
    pub exchanges: AtomicU64,
    /// Exchanges refused by a stage.
    pub refused: AtomicU64,
    /// Exchanges that failed behind the engine.
    pub failed: AtomicU64,
    /// Requests during which a stage panicked.
    pub panics: AtomicU64,
    /// Stages passed because of fail mode `open`.
    pub failed_open: AtomicU64,
    /// Exchanges that wait because a limit slows them down.
    pub waiting: AtomicU64,
    /// Decisions of exact limits that the shared store did not answer in time.
    pub unshared: AtomicU64,
    /// How often the shared store of limits could not be reached.
    pub store_failures: AtomicU64,
    /// What the engine asked for before it could judge.
    pub look_ups: AtomicU64,
    /// Those that nobody answered in time.
    pub unanswered_look_ups: AtomicU64,
    /// Bundles put in force.
    pub reloads: AtomicU64,
    /// Bundles refused.
    pub refused_bundles: AtomicU64,
}

/// Adds one to a counter.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_rfc_9110_says() {
        assert_eq!(&imf_fixdate(784_111_777), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(&imf_fixdate(0), b"Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(&imf_fixdate(951_782_400), b"Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(&imf_fixdate(1_798_761_599), b"Thu, 31 Dec 2026 23:59:59 GMT");
    }
}
