//! `stockade_fuzz::contract` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::contract::run(data));
