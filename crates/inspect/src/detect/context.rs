//! Whether a text talks about what looks like an attack, as tickets, guides and chats about code do.
//!
//! Only for what is harmless unless the application runs it. What breaks out of a place (an open quote, markup on a page)
//! does so whatever stands before it, so detectors ask this of whole statements and expressions only.

use std::ops::Range;

use super::{Kind, Subject};

/// Bytes on each side that are read.
const SIDE: usize = 2048;
/// Words that sentences are held together by and that neither SQL nor a shell nor a programming language uses. Sorted.
const GLUE: &[&[u8]] = &[
    b"a", b"about", b"after", b"also", b"an", b"are", b"as", b"auf", b"avec", b"be", b"because", b"been", b"before",
    b"but", b"can", b"con", b"could", b"das", b"dass", b"de", b"dem", b"den", b"der", b"des", b"die", b"does", b"dont",
    b"each", b"ein", b"eine", b"el", b"es", b"est", b"et", b"every", b"example", b"for", b"has", b"have", b"here",
    b"how", b"i", b"ich", b"if", b"instead", b"into", b"is", b"ist", b"it", b"its", b"la", b"las", b"le", b"les",
    b"los", b"mit", b"my", b"need", b"never", b"nicht", b"of", b"only", b"our", b"para", b"please", b"pour", b"que",
    b"should", b"so", b"some", b"than", b"that", b"the", b"their", b"then", b"there", b"these", b"they", b"this",
    b"to", b"too", b"una", b"und", b"une", b"uses", b"using", b"very", b"was", b"we", b"were", b"what", b"when",
    b"which", b"why", b"will", b"with", b"would", b"you", b"your",
];

const WEAK: &[&[u8]] =
    &[b"in", b"on", b"at", b"by", b"from", b"not", b"and", b"or", b"all", b"any", b"like", b"do", b"when"];

impl Subject<'_> {
    /// Whether the text around `range` is a sentence, or names it as code inside one.
    pub(super) fn is_mentioned(&self, range: &Range<usize>) -> bool {
        if !matches!(self.kind, Kind::Json | Kind::Text | Kind::Parameter | Kind::File) {
            return false;
        }
        let start = range.start.min(self.bytes.len());
        let before = self.bytes.get(start.saturating_sub(SIDE)..start).unwrap_or_default();
        let end = range.end.clamp(start, self.bytes.len());
        let after = self.bytes.get(end..self.bytes.len().min(end + SIDE)).unwrap_or_default();
        let (first, second) = (Words::of(before), Words::of(after));
        let (words, glue) = (first.words + second.words, first.glue + second.glue);
        let weak = first.weak + second.weak;
        if is_code(self.bytes, start, end) { words >= 3 } else { words >= 5 && glue * 2 + weak >= 2 }
    }

    /// Whether the value is source text of several lines, as editors, tickets and notebooks send it.
    pub(super) fn is_program(&self) -> bool {
        if !matches!(self.kind, Kind::Json | Kind::Text) {
            return false;
        }
        let lines = self.bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| line.len() > 1);
        let (count, bytes) = lines.fold((0_usize, 0_usize), |(count, bytes), line| (count + 1, bytes + line.len()));
        count >= 3 && bytes >= count * 8
    }
}

/// A text without its Markdown code, when there is a sentence around that; `None` otherwise.
pub(crate) fn without_code(text: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(b'`', text)?;
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'`', rest) {
        let (before, tail) = rest.split_at_checked(at)?;
        out.extend_from_slice(before);
        let ticks = tail.iter().take_while(|byte| **byte == b'`').count();
        let inner = tail.get(ticks..)?;
        let fence = tail.get(..ticks)?;
        // A span ends on its line, a block where the same fence comes again.
        let end = memchr::memmem::find(inner, fence)
            .filter(|end| ticks >= 3 || !inner.get(..*end).is_some_and(|span| span.contains(&b'\n')));
        match end {
            Some(end) => {
                out.extend_from_slice(b" ");
                rest = inner.get(end + ticks..)?;
            }
            None => {
                out.extend_from_slice(fence);
                rest = inner;
            }
        }
    }
    out.extend_from_slice(rest);
    let words = Words::of(&out);
    (out.len() < text.len() && words.words >= 4 && words.glue * 2 + words.weak >= 2).then_some(out)
}

/// Whether the range lies in Markdown's code: between backticks, or in a fenced block.
pub(super) fn is_code(bytes: &[u8], start: usize, end: usize) -> bool {
    let before = bytes.get(..start).unwrap_or_default();
    let after = bytes.get(end..).unwrap_or_default();
    let fences = memchr::memmem::find_iter(before, b"```").count();
    if fences % 2 == 1 {
        return true;
    }
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let ticks = line.iter().filter(|byte| **byte == b'`').count();
    ticks % 2 == 1 && after.split(|byte| *byte == b'\n').next().is_some_and(|line| line.contains(&b'`'))
}

/// How many words of a sentence stand in a text.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Words {
    pub(super) words: usize,
    pub(super) glue: usize,
    /// Words that hold sentences together and that code knows too.
    weak: usize,
}

impl Words {
    /// Counts what stands between spaces and is made of letters, with the marks that end or begin a clause.
    pub(super) fn of(text: &[u8]) -> Self {
        let mut counted = Self::default();
        for piece in text.split(u8::is_ascii_whitespace) {
            let word = bare(piece);
            if word.is_empty() || !word.iter().all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80 || *byte == b'\'')
            {
                continue;
            }
            counted.words += 1;
            let mut lower = [0_u8; 8];
            if let Some(lower) = lower.get_mut(..word.len()) {
                lower.copy_from_slice(word);
                lower.make_ascii_lowercase();
                counted.glue += usize::from(GLUE.binary_search(&&*lower).is_ok());
                counted.weak += usize::from(WEAK.contains(&&*lower));
            }
        }
        counted
    }
}

/// A piece without the marks of a sentence around it.
fn bare(piece: &[u8]) -> &[u8] {
    let start = piece.iter().take_while(|byte| matches!(byte, b'(' | b'"' | b'\'')).count();
    let piece = piece.get(start..).unwrap_or_default();
    let end = piece
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b'.' | b',' | b':' | b'?' | b'!' | b')' | b'"' | b'\''))
        .count();
    piece.get(..piece.len() - end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Classes, Tokens};

    fn mentioned(text: &str, part: &str) -> bool {
        let bytes = text.as_bytes();
        let start = text.find(part).unwrap();
        let subject = Subject {
            bytes,
            classes: Classes::of(bytes),
            tokens: Tokens::of(bytes),
            kind: Kind::Json,
            place: "body.note",
        };
        subject.is_mentioned(&(start..start + part.len()))
    }

    #[test]
    fn glue_is_sorted() {
        assert!(GLUE.is_sorted());
    }

    #[test]
    fn sentences_and_code_in_them_are_told_from_bare_payloads() {
        assert!(mentioned("Never call eval(x) on what the user sends to us", "eval(x)"));
        assert!(mentioned("please run `rm -rf build` first", "rm -rf build"));
        assert!(mentioned("Steps for this:\n```\nrm -rf build\n```\ndone", "rm -rf build"));
        assert!(!mentioned("eval(x)", "eval(x)"));
        assert!(!mentioned("`id`", "id"));
        assert!(!mentioned("1; eval(x); print 2", "eval(x)"));
    }
}
