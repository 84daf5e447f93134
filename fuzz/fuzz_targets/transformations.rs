//! `stockade_fuzz::transformations` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::transformations::run(data));
