//! Every fuzz target, for a moment: its seeds, and what becomes of them when they are changed at random.
//!
//! The changes are the same in every run, so that a failure stays one. `FUZZ_SECONDS=60` goes on for so long for each
//! target, with other changes each time; what fails is printed so that it can become a seed and a test.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails loudly"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use stockade_fuzz::{TARGETS, Target};

/// Changed inputs of each target in an ordinary run.
const ROUNDS: usize = 300;
/// Longest input.
const LONGEST: usize = 4096;
/// Inputs that are kept to be changed further.
const MOST_KEPT: usize = 256;

/// Pieces that formats are made of.
const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1",
    b"Host: h\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"--b\r\n",
    b"--b--",
    b"Content-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n",
    b"%00",
    b"%2e%2e%2f",
    b"%u0027",
    b"&#x27;",
    b"\\u0027",
    b"\\x27",
    b"<a b='c'>",
    b"</a>",
    b"<!DOCTYPE a [<!ENTITY b \"c\">]>",
    b"{\"a\":",
    b"[[[[",
    b"]]]]",
    b"null",
    b"1e999",
    b"' or 1=1 --",
    b"<script>",
    b"/*",
    b"*/",
    b"${jndi:",
    b"{{7*7}}",
    b"../../etc/passwd",
    b"\xc0\xaf",
    b"\xef\xbc\x87",
    b"\xff\xfe",
    b"AAAA==",
    b"=?utf-8?b?",
    b"; charset=",
    b"(?:a|b)*",
    b"[^a-z]{1,9}",
    b"(?i)",
    b"\\p{L}",
];

/// xorshift64* (Marsaglia 2003): enough to choose what is changed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or_default() % most.max(1)
    }
}

fn change(input: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    for _ in 0..=chance.below(4) {
        let at = chance.below(input.len() + 1);
        match chance.below(8) {
            0 => input.insert(at, u8::try_from(chance.below(256)).unwrap_or_default()),
            1 if at < input.len() => input[at] ^= 1 << chance.below(8),
            2 if at < input.len() => drop(input.remove(at)),
            3 => drop(input.splice(at..at, WORDS[chance.below(WORDS.len())].iter().copied())),
            4 => input.truncate(at),
            5 => {
                let end = at + chance.below(input.len() - at + 1);
                let piece = input[at..end].to_vec();
                drop(input.splice(at..at, piece));
            }
            6 if !other.is_empty() => {
                let from = chance.below(other.len());
                drop(input.splice(at.., other[from..].iter().copied()));
            }
            _ if at < input.len() => input[at] = [0, b'"', b'\'', b'<', b'%', b'\\', b'{', 0xff][chance.below(8)],
            _ => input.push(b'a'),
        }
    }
    input.truncate(LONGEST);
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    files.sort();
    let read = files.iter().map(|file| std::fs::read(file).expect("a seed that can be read"));
    read.chain(std::iter::once(Vec::new())).collect()
}

fn run(name: &str, target: Target, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
        panic!("target `{name}` fails on b\"{}\"", input.escape_ascii());
    }
}

fn judge(name: &str, target: Target) {
    let seconds: u64 = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let seed = match seconds {
        0 => 0x9e37_79b9_7f4a_7c15,
        _ => SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64 | 1),
    };
    let mut chance = Chance(seed);
    let mut kept = seeds(name);
    kept.iter().for_each(|input| run(name, target, input));
    let began = Instant::now();
    let mut count = 0_usize;
    while count < ROUNDS || began.elapsed() < Duration::from_secs(seconds) {
        count += 1;
        let mut input = kept[chance.below(kept.len())].clone();
        let other = kept[chance.below(kept.len())].clone();
        change(&mut input, &other, &mut chance);
        run(name, target, &input);
        if kept.len() < MOST_KEPT {
            kept.push(input);
        } else if chance.below(4) == 0 {
            // The first ones are the seeds.
            let place = MOST_KEPT / 2 + chance.below(MOST_KEPT / 2);
            kept[place] = input;
        }
    }
    eprintln!("{name}: {count} inputs");
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            judge(stringify!($name), stockade_fuzz::$name::run);
        })*

        #[test]
        fn every_target_is_run() {
            assert_eq!(TARGETS.map(|(name, _)| name), [$(stringify!($name)),*]);
        }
    };
}

targets! {
    body bundle certificate chunked contract decode exchange http1_head inspect mask normalise rule_set seclang spool spool_keys store_reply tokenise transformations websocket
}
