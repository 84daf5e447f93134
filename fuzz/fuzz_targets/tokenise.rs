//! Makes a token of any text: it has the text's length in characters, and leads back to it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stockade_inspect::tokenise::Tokeniser;

fuzz_target!(|text: &str| {
    let tokeniser = Tokeniser::new(&[7; 32]).expect("a key");
    if let Some(token) = tokeniser.token(text) {
        assert_eq!(token.chars().count(), text.chars().count());
        assert_eq!(tokeniser.value(&token).as_deref(), Some(text));
    }
    let _ = stockade_inspect::mask::classes(text);
});
