//! `stockade_fuzz::seclang` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stockade_fuzz::seclang::run(data));
