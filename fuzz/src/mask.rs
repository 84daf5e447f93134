//! Masks any text and any query: bounded, free of controls.

use stockade_inspect::mask;

/// Masks any text and any query: bounded, free of controls.
pub fn run(data: &[u8]) {
    let given = String::from_utf8_lossy(data);
    for most in [0, 3, 64, 500] {
        let masked = mask::text(&given, most);
        assert!(masked.len() <= most);
        assert!(!masked.chars().any(char::is_control));
    }
    // A canonical query has no controls, and masking must not undo escapes into some.
    let query: String = given.chars().filter(|character| !character.is_control()).collect();
    let once = mask::query(&query).into_owned();
    assert!(!once.chars().any(char::is_control));
}
