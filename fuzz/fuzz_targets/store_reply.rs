//! `stockade_fuzz::store_reply` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::store_reply::run(data));
