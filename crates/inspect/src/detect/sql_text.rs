//! Brings SQL into one spelling: lower case, comments and white space as one space.

/// Bytes that are brought into form; an injection is decided long before.
const READ: usize = 8 * 1024;
/// Longest comment that is taken out for one: in a text, `#` and `--` stand for other things.
const COMMENT: usize = 120;

/// `text` in lower case with comments and runs of white space as single spaces; the code in `/*!50000 ... */` is kept.
pub(super) fn normal(text: &[u8]) -> Vec<u8> {
    let mut rest = text.get(..text.len().min(READ)).unwrap_or(text);
    let mut out = Vec::with_capacity(rest.len());
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte == b'/' && tail.first() == Some(&b'*') {
            let inner = tail.get(1..).unwrap_or_default();
            if let Some(code) = inner.strip_prefix(b"!") {
                let digits = code.iter().take_while(|byte| byte.is_ascii_digit()).count();
                rest = code.get(digits..).unwrap_or_default();
                space(&mut out);
                continue;
            }
            // A comment left open hides what the application appends: it ends the statement.
            match memchr::memmem::find(inner, b"*/") {
                Some(end) => rest = inner.get(end + 2..).unwrap_or_default(),
                None => {
                    out.extend_from_slice(b" /*");
                    return out;
                }
            }
            space(&mut out);
        } else if *byte == b'*' && tail.first() == Some(&b'/') {
            rest = tail.get(1..).unwrap_or_default();
            space(&mut out);
        } else if let Some(end) = line_comment(*byte, tail) {
            rest = tail.get(end..).unwrap_or_default();
            space(&mut out);
        } else if *byte <= b' ' || *byte == 0xa0 || *byte == 0x7f {
            space(&mut out);
        } else {
            out.push(byte.to_ascii_lowercase());
        }
    }
    out
}

/// The length of a comment that a line ends, `#` or `--`, when more follows on the next line.
fn line_comment(first: u8, tail: &[u8]) -> Option<usize> {
    let marked = first == b'#' || first == b'-' && tail.first() == Some(&b'-');
    let end = memchr::memchr(b'\n', tail.get(..tail.len().min(COMMENT))?).filter(|_| marked)?;
    tail.get(end + 1..).is_some_and(|rest| !rest.is_empty()).then_some(end + 1)
}

fn space(out: &mut Vec<u8>) {
    if !matches!(out.last(), Some(b' ') | None) {
        out.push(b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_white_space_become_one_space() {
        let normal = |text: &str| String::from_utf8(normal(text.as_bytes())).unwrap();
        assert_eq!(normal("1 UNION/**/SELECT\t\n2"), "1 union select 2");
        assert_eq!(normal("1 /*!50000UNION*/ SELECT"), "1 union select");
        assert_eq!(normal("1/*x*//*y*/OR 1"), "1 or 1");
        assert_eq!(normal("x'/* open"), "x' /*");
        assert_eq!(normal("a*/b"), "a b");
        assert_eq!(normal("1#x\nand--y\n2=2"), "1 and 2=2");
        assert_eq!(normal("x'#"), "x'#");
    }
}
