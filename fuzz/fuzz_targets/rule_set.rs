//! `stockade_fuzz::rule_set` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::rule_set::run(data));
