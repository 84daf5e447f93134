//! Comments of SQL, C and HTML.

use super::Cursor;

/// Every `/* ... */` as one space, also where its end is missing.
pub(super) fn replace(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut at = Cursor::new(value);
    while let Some(byte) = at.peek(0) {
        if byte == b'/' && at.peek(1) == Some(b'*') {
            at.skip(2);
            let end = memchr::memmem::find(at.rest(), b"*/").map_or(at.rest().len(), |end| end + 2);
            at.skip(end);
            out.push(b' ');
        } else {
            out.push(byte);
            at.skip(1);
        }
    }
    Some(out)
}

/// Without `/* ... */` and `<!-- ... -->`, and up to `--` or `#`.
pub(super) fn remove(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut at = Cursor::new(value);
    while let Some(byte) = at.peek(0) {
        let rest = at.rest();
        let end = if rest.starts_with(b"/*") {
            Some(b"*/".as_slice())
        } else if rest.starts_with(b"<!--") {
            Some(b"-->".as_slice())
        } else if rest.starts_with(b"--") || byte == b'#' {
            break;
        } else {
            None
        };
        match end {
            Some(end) => {
                let found = memchr::memmem::find(rest, end).map_or(rest.len(), |found| found + end.len());
                at.skip(found);
            }
            None => {
                out.push(byte);
                at.skip(1);
            }
        }
    }
    Some(out)
}

/// Without the marks that begin and end comments.
pub(super) fn remove_marks(value: &[u8]) -> Option<Vec<u8>> {
    const MARKS: [&[u8]; 6] = [b"/*", b"*/", b"<!--", b"-->", b"--", b"#"];
    let mut out = Vec::with_capacity(value.len());
    let mut at = Cursor::new(value);
    while let Some(byte) = at.peek(0) {
        let may_begin = matches!(byte, b'/' | b'*' | b'<' | b'-' | b'#');
        match MARKS.into_iter().find(|mark| may_begin && at.rest().starts_with(mark)) {
            Some(mark) => at.skip(mark.len()),
            None => {
                out.push(byte);
                at.skip(1);
            }
        }
    }
    Some(out)
}
