//! `stockade_fuzz::mask` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::mask::run(data));
