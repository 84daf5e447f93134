//! The work that a challenge asks for: a puzzle made from the caller and the time, and whether its answer is shown.
//!
//! Nothing is remembered: the puzzle follows from the decision, the address, the client's name and the quarter of an hour.
//! An answer is therefore good for this caller alone, and for an hour.

use aws_lc_rs::digest::{SHA256, digest};
use stockade_model::{Puzzle, Request};

use crate::fields::cookies;

/// Zero bits asked for: some 65,000 tries, a fraction of a second in a browser.
const BITS: u8 = 16;
/// Length of a time span, microseconds.
const SPAN_US: u64 = 900_000_000;
/// Spans that an answer is good for.
const SPANS: u64 = 4;
/// Cookie that browsers show the answer in.
const COOKIE: &str = "stockade-proof";
/// Field that programs show it in.
const FIELD: &str = "x-stockade-proof";
/// Longest answer.
const LONGEST: usize = 64;

/// The puzzle for a caller now.
pub(super) fn puzzle(request: &Request, decision: &str, now_us: u64) -> Puzzle {
    let span = now_us / SPAN_US;
    let page =
        request.method == "GET" && request.headers.get_str("accept").is_some_and(|kinds| kinds.contains("text/html"));
    Puzzle { prefix: prefix(request, decision, span), span, bits: BITS, page }
}

/// Whether the request shows a good answer: `SPAN.NUMBER`.
pub(super) fn is_shown(request: &Request, decision: &str, now_us: u64) -> bool {
    let cookie = cookies(&request.headers).find(|(name, _)| *name == COOKIE).map(|(_, value)| value);
    let Some(shown) = request.headers.get_str(FIELD).or(cookie).filter(|shown| shown.len() <= LONGEST) else {
        return false;
    };
    let Some((span, number)) = shown.split_once('.') else { return false };
    let Ok(span) = span.parse::<u64>() else { return false };
    let now = now_us / SPAN_US;
    span <= now && now - span < SPANS && is_answer(&prefix(request, decision, span), number)
}

fn prefix(request: &Request, decision: &str, span: u64) -> String {
    let agent = request.headers.get_str("user-agent").unwrap_or_default();
    let address = request.client.address.to_canonical();
    let whole = digest(&SHA256, format!("{}:{decision}{address}:{span}:{agent}", decision.len()).as_bytes());
    whole.as_ref().iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
        text
    })
}

fn is_answer(prefix: &str, number: &str) -> bool {
    let hash = digest(&SHA256, format!("{prefix}:{number}").as_bytes());
    let mut zeros = 0;
    for byte in hash.as_ref() {
        zeros += byte.leading_zeros();
        if *byte != 0 {
            break;
        }
    }
    zeros >= u32::from(BITS)
}
