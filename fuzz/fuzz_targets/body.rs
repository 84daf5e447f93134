//! `stockade_fuzz::body` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::body::run(data));
