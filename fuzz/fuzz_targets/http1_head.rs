//! `stockade_fuzz::http1_head` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::http1_head::run(data));
