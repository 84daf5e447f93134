//! Reads any bytes as a reply of the store that shares limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stockade_gateway::fuzzing::store_reply;

fuzz_target!(|data: &[u8]| assert!(store_reply(data)));
