//! `stockade_fuzz::decode` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::decode::run(data));
