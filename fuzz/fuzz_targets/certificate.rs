//! Reads any bytes as a client certificate: what is read has a subject that is bounded and free of controls.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stockade_gateway::fuzzing::certificate;

fuzz_target!(|data: &[u8]| assert!(certificate(data)));
