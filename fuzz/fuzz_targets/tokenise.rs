//! `stockade_fuzz::tokenise` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::tokenise::run(data));
