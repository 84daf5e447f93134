//! Reads any bytes as a bundle: as they are, and behind a proper beginning. None is ever taken for one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stockade_gateway::bundle::{MAGIC, parse};

fuzz_target!(|data: &[u8]| {
    let key = [0x5a; 32];
    assert!(parse(data, &key).is_err());
    let begun = [&MAGIC[..], &1_u32.to_le_bytes()[..], data].concat();
    assert!(parse(&begun, &key).is_err());
});
