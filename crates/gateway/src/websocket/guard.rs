//! Frame headers of one direction, checked as the bytes pass (RFC 6455 5).

/// Whom a direction comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Frames must be masked.
    Client,
    /// Frames must not be masked.
    Server,
}

/// Close codes (RFC 6455 7.4.1).
pub(crate) mod code {
    pub(crate) const GOING_AWAY: u16 = 1001;
    pub(crate) const PROTOCOL_ERROR: u16 = 1002;
    pub(crate) const POLICY: u16 = 1008;
    pub(crate) const TOO_BIG: u16 = 1009;
}

/// What a frame breaks: the close code to answer, and why.
pub(crate) type Violation = (u16, &'static str);

const CONTINUATION: u8 = 0;
const CLOSE: u8 = 8;

/// The longest header: two bytes, eight of length, four of mask.
const LONGEST_HEADER: usize = 14;

/// One direction of a WebSocket.
#[derive(Debug)]
pub(crate) struct Guard {
    from: Origin,
    most_message: u64,
    most_control: u32,
    header: [u8; LONGEST_HEADER],
    have: usize,
    /// Payload of the present frame still to come.
    left: u64,
    /// Bytes of the present message, when one has begun.
    message: Option<u64>,
    closed: bool,
    /// The second that `control` counts.
    second: u64,
    control: u32,
}

impl Guard {
    /// Checks a direction whose messages may have `most_message` bytes and which may hold `most_control` control or
    /// empty frames a second.
    pub(crate) fn new(from: Origin, most_message: u64, most_control: u32) -> Self {
        Self {
            from,
            most_message,
            most_control,
            header: [0; LONGEST_HEADER],
            have: 0,
            left: 0,
            message: None,
            closed: false,
            second: 0,
            control: 0,
        }
    }

    /// Whether the bytes so far end with a whole frame.
    pub(crate) fn at_boundary(&self) -> bool {
        self.have == 0 && self.left == 0
    }

    /// Whether a Close frame has begun.
    pub(crate) fn has_closed(&self) -> bool {
        self.closed
    }

    /// Looks at the next bytes; `second` is any clock in whole seconds.
    ///
    /// # Errors
    /// The first rule a frame breaks.
    pub(crate) fn check(&mut self, mut bytes: &[u8], second: u64) -> Result<(), Violation> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let skip = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                self.left = self.left.saturating_sub(skip as u64);
                bytes = bytes.get(skip..).unwrap_or_default();
                continue;
            }
            let need = self.header_length();
            let take = need.saturating_sub(self.have).min(bytes.len());
            let (head, rest) = bytes.split_at_checked(take).unwrap_or_default();
            if let Some(room) = self.header.get_mut(self.have..self.have + take) {
                room.copy_from_slice(head);
            }
            self.have += take;
            bytes = rest;
            if self.have >= 2 && self.have == self.header_length() {
                self.begin(second)?;
                self.have = 0;
            }
        }
        Ok(())
    }

    /// Bytes of the present header, as far as the ones that came tell.
    fn header_length(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        let [_, second, ..] = self.header;
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + if second & 0x80 == 0 { 0 } else { 4 }
    }

    fn begin(&mut self, second: u64) -> Result<(), Violation> {
        let [first, size, rest @ ..] = self.header;
        let [a, b, c, d, e, f, g, h, ..] = rest;
        let broken = |why| Err((code::PROTOCOL_ERROR, why));
        let (last, opcode, short) = (first & 0x80 != 0, first & 0x0f, size & 0x7f);
        if first & 0x70 != 0 {
            return broken("a reserved bit is set, though no extension was agreed on");
        }
        if (size & 0x80 != 0) != (self.from == Origin::Client) {
            return broken("the frame's mask is not as its direction asks");
        }
        if self.closed {
            return broken("a frame after Close");
        }
        let length = match short {
            126 => u64::from(u16::from_be_bytes([a, b])),
            127 => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            short => u64::from(short),
        };
        let minimal = match short {
            126 => length > 125,
            127 => length > 0xffff && length >> 63 == 0,
            _ => true,
        };
        if !minimal {
            return broken("a length that is not written in its shortest form");
        }
        let control = opcode & 0x08 != 0;
        if control && (!last || length > 125) {
            return broken("a control frame that is fragmented or longer than 125 bytes");
        }
        match opcode {
            CLOSE => self.closed = true,
            9 | 10 => {}
            CONTINUATION if self.message.is_none() => return broken("a continuation of nothing"),
            1 | 2 if self.message.is_some() => return broken("a message within a message"),
            CONTINUATION | 1 | 2 => self.grow(length, last)?,
            _ => return broken("an unknown opcode"),
        }
        // Empty fragments cost as much as pings and carry as little.
        if control || (length == 0 && !last) {
            self.tally(second)?;
        }
        self.left = length;
        Ok(())
    }

    fn grow(&mut self, length: u64, last: bool) -> Result<(), Violation> {
        let whole = self.message.unwrap_or(0).saturating_add(length);
        if whole > self.most_message {
            return Err((code::TOO_BIG, "a message larger than `gateway.limits.websocket_message`"));
        }
        self.message = (!last).then_some(whole);
        Ok(())
    }

    fn tally(&mut self, second: u64) -> Result<(), Violation> {
        if self.second != second {
            self.second = second;
            self.control = 0;
        }
        self.control += 1;
        if self.control > self.most_control {
            return Err((code::POLICY, "more control frames a second than `gateway.limits.control_frames`"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut out = vec![first];
        match length {
            0..=125 => out.push(0x80 | u8::try_from(length).unwrap()),
            126..=0xffff => {
                out.push(0x80 | 126);
                out.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                out.push(0x80 | 127);
                out.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        out.extend_from_slice(&[1, 2, 3, 4]);
        out.extend(std::iter::repeat_n(b'x', length));
        out
    }

    fn check(bytes: &[u8], step: usize) -> Result<bool, u16> {
        let mut guard = Guard::new(Origin::Client, 70_000, 10);
        for piece in bytes.chunks(step) {
            guard.check(piece, 7).map_err(|violation| violation.0)?;
        }
        Ok(guard.at_boundary())
    }

    #[test]
    fn ordinary_traffic_passes_in_any_pieces() {
        let traffic = [
            frame(0x81, 5),
            frame(0x02, 200),
            frame(0x89, 3),
            frame(0x80, 66_000),
            frame(0x82, 0),
            frame(0x8a, 125),
            frame(0x88, 2),
        ]
        .concat();
        for step in [1, 3, 1_000, 100_000] {
            assert_eq!(check(&traffic, step), Ok(true));
            assert_eq!(check(&traffic[..traffic.len() - 1], step), Ok(false));
        }
    }

    #[test]
    fn what_breaks_the_protocol_is_told() {
        for (bytes, expected) in [
            (frame(0xc1, 5), code::PROTOCOL_ERROR),
            (frame(0x83, 5), code::PROTOCOL_ERROR),
            (frame(0x09, 5), code::PROTOCOL_ERROR),
            (frame(0x89, 126), code::PROTOCOL_ERROR),
            (frame(0x80, 5), code::PROTOCOL_ERROR),
            ([frame(0x01, 5), frame(0x81, 5)].concat(), code::PROTOCOL_ERROR),
            ([frame(0x88, 2), frame(0x81, 1)].concat(), code::PROTOCOL_ERROR),
            (vec![0x81, 0x05, b'h'], code::PROTOCOL_ERROR),
            (vec![0x81, 0xfe, 0, 5, 1, 2, 3, 4], code::PROTOCOL_ERROR),
            (vec![0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], code::PROTOCOL_ERROR),
            (frame(0x81, 70_001), code::TOO_BIG),
            ([frame(0x01, 60_000), frame(0x80, 20_000)].concat(), code::TOO_BIG),
            (frame(0x89, 0).repeat(11), code::POLICY),
            ([frame(0x01, 0), frame(0x00, 0).repeat(10)].concat(), code::POLICY),
        ] {
            assert_eq!(check(&bytes, 1_000), Err(expected));
            assert_eq!(check(&bytes, 1), Err(expected));
        }
        let mut server = Guard::new(Origin::Server, 100, 10);
        assert!(server.check(&frame(0x81, 5), 0).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_any_split_gives_the_same_answer(
            bytes in proptest::collection::vec(any::<u8>(), 0..60), step in 1_usize..9,
        ) {
            prop_assert_eq!(check(&bytes, step), check(&bytes, 1_000));
        }
    }
}
