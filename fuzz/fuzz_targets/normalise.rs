//! `stockade_fuzz::normalise` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::normalise::run(data));
