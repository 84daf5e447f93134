//! Follows the frame headers of an HTTP/2 byte stream (RFC 9113 4.1) without copying a payload.

/// Frame types (RFC 9113 6, RFC 9218 7.1).
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0x0;
    pub(in super::super) const HEADERS: u8 = 0x1;
    pub(in super::super) const PRIORITY: u8 = 0x2;
    pub(in super::super) const RST_STREAM: u8 = 0x3;
    pub(in super::super) const WINDOW_UPDATE: u8 = 0x8;
    pub(in super::super) const CONTINUATION: u8 = 0x9;
    pub(in super::super) const PRIORITY_UPDATE: u8 = 0x10;
}

/// `END_STREAM` on DATA and HEADERS.
const END_STREAM: u8 = 0x1;
const HEADER_BYTES: usize = 9;
/// RST_STREAM is told with its error code, the four bytes behind its header.
const RESET_BYTES: usize = HEADER_BYTES + 4;

/// One frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// See [`kind`].
    pub(super) kind: u8,
    /// Flags.
    pub(super) flags: u8,
    /// Payload bytes.
    pub(super) length: u32,
    /// Stream, 0 for the connection.
    pub(super) stream: u32,
    /// Error code of RST_STREAM, otherwise 0.
    pub(super) code: u32,
}

impl Frame {
    /// Whether its sender is done with the stream.
    pub(super) fn ends_stream(&self) -> bool {
        match self.kind {
            kind::DATA | kind::HEADERS => self.flags & END_STREAM != 0,
            kind::RST_STREAM => true,
            _ => false,
        }
    }
}

/// Where in the byte stream we are.
#[derive(Debug)]
pub(super) struct Scanner {
    head: [u8; RESET_BYTES],
    have: usize,
    /// Bytes to pass over before the next header.
    skip: u64,
}

impl Scanner {
    /// Begins after `skip` bytes that are no frames.
    pub(super) fn new(skip: usize) -> Self {
        Self { head: [0; RESET_BYTES], have: 0, skip: skip as u64 }
    }

    /// Takes the next bytes and tells every frame whose header is now complete.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Frame)) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                self.skip -= passed as u64;
                bytes = bytes.get(passed..).unwrap_or_default();
                continue;
            }
            let wanted = self.wanted().saturating_sub(self.have).min(bytes.len());
            let (taken, rest) = bytes.split_at(wanted);
            if let Some(free) = self.head.get_mut(self.have..self.have + wanted) {
                free.copy_from_slice(taken);
            }
            self.have += wanted;
            bytes = rest;
            if self.have == self.wanted() {
                let frame = self.frame();
                self.skip = u64::from(frame.length) + HEADER_BYTES as u64 - self.have as u64;
                self.have = 0;
                tell(frame);
            }
        }
    }

    /// How many bytes make the header complete, as far as it is known.
    fn wanted(&self) -> usize {
        let reset = self.have >= HEADER_BYTES && matches!(self.head, [0, 0, 4, kind::RST_STREAM, ..]);
        if reset { RESET_BYTES } else { HEADER_BYTES }
    }

    fn frame(&self) -> Frame {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3, code @ ..] = self.head;
        Frame {
            kind,
            flags,
            length: u32::from_be_bytes([0, l0, l1, l2]),
            stream: u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]),
            code: if self.have == RESET_BYTES { u32::from_be_bytes(code) } else { 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    fn scan(pieces: &[&[u8]], skip: usize) -> Vec<Frame> {
        let mut scanner = Scanner::new(skip);
        let mut frames = Vec::new();
        for piece in pieces {
            scanner.feed(piece, |frame| frames.push(frame));
        }
        frames
    }

    #[test]
    fn headers_are_read_and_payloads_passed_over() {
        let bytes = [
            b"PREFACE".to_vec(),
            frame(kind::DATA, 1, 3, b"\0\0\x04\x03hello"),
            frame(kind::RST_STREAM, 0, 5, &[0, 0, 0, 8]),
            frame(0x4, 0, 0, b""),
        ]
        .concat();
        let frames = scan(&[&bytes], 7);
        assert_eq!(frames.len(), 3);
        assert_eq!((frames[0].kind, frames[0].length, frames[0].stream), (kind::DATA, 9, 3));
        assert!(frames[0].ends_stream());
        assert_eq!((frames[1].kind, frames[1].stream, frames[1].code), (kind::RST_STREAM, 5, 8));
        assert_eq!((frames[2].kind, frames[2].length, frames[2].code), (4, 0, 0));
    }

    #[test]
    fn a_reset_of_a_wrong_length_is_told_all_the_same() {
        let bytes = [frame(kind::RST_STREAM, 0, 1, b"ab"), frame(6, 0, 0, &[0; 8])].concat();
        let frames = scan(&[&bytes], 0);
        assert_eq!(frames.iter().map(|frame| frame.kind).collect::<Vec<_>>(), [kind::RST_STREAM, 6]);
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_does_not_matter(
            frames in prop::collection::vec((0_u8..12, any::<u8>(), 0_u32..9, prop::collection::vec(any::<u8>(), 0..40)), 0..8),
            cuts in prop::collection::vec(1_usize..20, 1..40),
        ) {
            let bytes: Vec<u8> = frames
                .iter()
                .flat_map(|(kind, flags, stream, payload)| frame(*kind, *flags, *stream, payload))
                .collect();
            let mut pieces = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, tail) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = tail;
            }
            let whole = scan(&[&bytes], 0);
            prop_assert_eq!(&scan(&pieces, 0), &whole);
            prop_assert_eq!(whole.len(), frames.len());
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            scan(&[&bytes], 0);
        }
    }
}
