//! Makes a token of any text: it has the text's length in characters, and leads back to it.

use stockade_inspect::tokenise::Tokeniser;

/// Makes a token of any text: it has the text's length in characters, and leads back to it.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    let tokeniser = Tokeniser::new(&[7; 32]).expect("a key");
    if let Some(token) = tokeniser.token(&text) {
        assert_eq!(token.chars().count(), text.chars().count());
        assert_eq!(tokeniser.value(&token).as_deref(), Some(text.as_str()));
    }
    let _ = stockade_inspect::mask::classes(&text);
}
