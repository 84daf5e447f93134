//! Escapes of style sheets: a backslash, one to six hexadecimal digits, and one white space that belongs to them
//! (CSS Syntax 3, 4.3.7).

use super::percent::hex;
use super::unicode::push;

/// One layer undone in what may be a style; `None` when it is none, or has no escape.
pub(super) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    let finds = |word: &[u8]| value.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    if !finds(b"style") && !finds(b"expression") && !finds(b"@import") {
        return None;
    }
    let mut out = Vec::with_capacity(value.len());
    let mut found = false;
    let mut rest = value;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        let digits =
            if *byte == b'\\' { tail.iter().take(6).take_while(|byte| byte.is_ascii_hexdigit()).count() } else { 0 };
        let code = hex(tail.get(..digits)).filter(|_| digits >= 2);
        match code {
            Some(code) => {
                // Backslashes may be doubled on their way through a script.
                while out.last() == Some(&b'\\') {
                    out.pop();
                }
                push(&mut out, code);
                let space = tail.get(digits).is_some_and(u8::is_ascii_whitespace);
                rest = tail.get(digits + usize::from(space)..).unwrap_or_default();
                found = true;
            }
            None => out.push(*byte),
        }
    }
    found.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_styles_are_undone() {
        assert_eq!(decode(br"style=x:expression\28 1\29"), Some(b"style=x:expression(1)".to_vec()));
        assert_eq!(decode(br"style=\0075\0072\006Cx"), Some(b"style=urlx".to_vec()));
        assert_eq!(decode(br"C:\26\27"), None);
        assert_eq!(decode(br"style=\g"), None);
    }
}
