//! Masks any text and any query: bounded, free of controls.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stockade_inspect::mask;

fuzz_target!(|data: &[u8]| {
    let given = String::from_utf8_lossy(data);
    for most in [0, 3, 64, 500] {
        let masked = mask::text(&given, most);
        assert!(masked.len() <= most);
        assert!(!masked.chars().any(char::is_control));
    }
    let once = mask::query(&given).into_owned();
    assert!(!once.chars().any(char::is_control));
});
