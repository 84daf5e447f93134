//! `stockade_fuzz::websocket` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::websocket::run(data));
