//! How many frames without substance a client may send (A28 to A32: PING, SETTINGS, RST_STREAM and empty DATA floods).
//!
//! Every such frame costs the server more than its sender. They are paid from a bucket that fills with time, and with
//! the bytes that are exchanged: clients that measure the path send PINGs along with data, and every client answers
//! received data with WINDOW_UPDATE.

use std::time::Duration;

use tokio::time::Instant;

use super::frames::{Frame, kind};

/// WINDOW_UPDATE frames allowed for each other control frame allowed: ordinary clients send two for each DATA frame.
const WINDOW_UPDATES_PER_CONTROL_FRAME: u64 = 20;
/// Payload bytes, in either direction, that allow one further control frame.
const BYTES_PER_CONTROL_FRAME: u64 = 4096;
/// PRIORITY and PRIORITY_UPDATE frames that come with a request.
const PRIORITIES_PER_REQUEST: u64 = 4;

/// A bucket of `rate` tokens that fills at `rate` a second.
#[derive(Debug)]
struct Bucket {
    rate: u64,
    tokens: u64,
    filled: Instant,
}

impl Bucket {
    fn new(rate: u64, now: Instant) -> Self {
        Self { rate, tokens: rate, filled: now }
    }

    fn earn(&mut self, tokens: u64) {
        self.tokens = self.tokens.saturating_add(tokens).min(self.rate);
    }

    /// Takes one token; reads the clock only when none is left.
    fn pay(&mut self, clock: impl Fn() -> Instant) -> bool {
        if self.tokens == 0 {
            let now = clock();
            let passed = now.saturating_duration_since(self.filled);
            let earned = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX).saturating_mul(self.rate) / 1_000_000;
            if earned == 0 {
                return false;
            }
            self.filled = if passed > Duration::from_secs(1) { now } else { self.filled + self.worth(earned) };
            self.earn(earned);
        }
        self.tokens -= 1;
        true
    }

    /// The time in which so many tokens are earned.
    fn worth(&self, tokens: u64) -> Duration {
        Duration::from_micros(tokens.saturating_mul(1_000_000) / self.rate.max(1))
    }
}

/// The allowance of one connection.
#[derive(Debug)]
pub(super) struct Budget {
    control: Bucket,
    windows: Bucket,
    priorities: u64,
    carry: u64,
    per_second: u64,
}

impl Budget {
    /// `per_second` control frames a second, and as many at once.
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = u64::from(per_second.max(1));
        let windows = per_second.saturating_mul(WINDOW_UPDATES_PER_CONTROL_FRAME);
        Self {
            control: Bucket::new(per_second, now),
            windows: Bucket::new(windows, now),
            priorities: 0,
            carry: 0,
            per_second,
        }
    }

    /// Pays for a frame that the client sent. `false` when it is one too many.
    pub(super) fn receive(&mut self, frame: &Frame, clock: impl Fn() -> Instant) -> bool {
        match frame.kind {
            kind::DATA if frame.length > 0 || frame.ends_stream() => {
                self.exchange(u64::from(frame.length));
                true
            }
            kind::HEADERS => {
                // A request may be prioritised; the allowance does not pile up beyond a second's worth.
                self.priorities = (self.priorities + PRIORITIES_PER_REQUEST).min(self.per_second);
                true
            }
            // Their number is bound to the header list by h2, unless they are empty.
            kind::CONTINUATION if frame.length > 0 => true,
            kind::WINDOW_UPDATE => self.windows.pay(clock),
            kind::PRIORITY | kind::PRIORITY_UPDATE if self.priorities > 0 => {
                self.priorities -= 1;
                true
            }
            _ => self.control.pay(clock),
        }
    }

    /// Counts payload that went either way.
    pub(super) fn exchange(&mut self, bytes: u64) {
        self.carry = self.carry.saturating_add(bytes);
        if self.carry >= BYTES_PER_CONTROL_FRAME {
            let earned = self.carry / BYTES_PER_CONTROL_FRAME;
            self.carry %= BYTES_PER_CONTROL_FRAME;
            self.control.earn(earned);
            self.windows.earn(earned.saturating_mul(WINDOW_UPDATES_PER_CONTROL_FRAME));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: u32) -> Frame {
        Frame { kind, flags: 0, length, stream: 1, code: 0 }
    }

    /// How many of `frames` are let pass at one moment.
    fn passed(budget: &mut Budget, kind: u8, length: u32, frames: usize, now: Instant) -> usize {
        (0..frames).take_while(|_| budget.receive(&frame(kind, length), || now)).count()
    }

    #[test]
    fn control_frames_are_capped_a_second_and_come_back_with_time() {
        let start = Instant::now();
        for kind in [0x6, 0x4, kind::RST_STREAM, kind::PRIORITY, 0x77] {
            let mut budget = Budget::new(200, start);
            assert_eq!(passed(&mut budget, kind, 8, 1000, start), 200, "frame type {kind}");
            let later = start + Duration::from_millis(500);
            assert_eq!(passed(&mut budget, kind, 8, 1000, later), 100, "frame type {kind}");
            let much_later = start + Duration::from_secs(60);
            assert_eq!(passed(&mut budget, kind, 8, 1000, much_later), 200, "frame type {kind}");
        }
    }

    #[test]
    fn empty_data_is_a_control_frame_and_other_data_is_not() {
        let now = Instant::now();
        let mut budget = Budget::new(10, now);
        assert_eq!(passed(&mut budget, kind::DATA, 0, 100, now), 10);
        assert_eq!(passed(&mut budget, kind::DATA, 1, 1000, now), 1000);
        assert_eq!(passed(&mut budget, kind::CONTINUATION, 0, 1, now), 0);
    }

    #[test]
    fn data_earns_the_frames_that_go_with_it() {
        let now = Instant::now();
        let mut budget = Budget::new(10, now);
        assert_eq!(passed(&mut budget, 0x6, 8, 100, now), 10);
        budget.exchange(5 * BYTES_PER_CONTROL_FRAME);
        assert_eq!(passed(&mut budget, 0x6, 8, 100, now), 5);
        let mut served = 0;
        for _ in 0..1000 {
            budget.exchange(16_384);
            served += passed(&mut budget, kind::WINDOW_UPDATE, 4, 2, now);
        }
        assert_eq!(served, 2000, "two WINDOW_UPDATE for each frame of data");
    }

    #[test]
    fn priorities_that_come_with_requests_are_free() {
        let now = Instant::now();
        let mut budget = Budget::new(10, now);
        for _ in 0..1000 {
            assert!(budget.receive(&frame(kind::HEADERS, 30), || now));
            assert!(budget.receive(&frame(kind::PRIORITY_UPDATE, 10), || now));
        }
    }
}
