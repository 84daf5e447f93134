//! `stockade_fuzz::spool_keys` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::spool_keys::run(data));
