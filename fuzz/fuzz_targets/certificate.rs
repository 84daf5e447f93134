//! `stockade_fuzz::certificate` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::certificate::run(data));
