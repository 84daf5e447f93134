//! `stockade_fuzz::bundle` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::bundle::run(data));
