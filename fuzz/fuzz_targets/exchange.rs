//! `stockade_fuzz::exchange` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::exchange::run(data));
