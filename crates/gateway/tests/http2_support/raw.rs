//! An HTTP/2 client that sends whatever it is told, frame by frame.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub const DATA: u8 = 0x0;
pub const HEADERS: u8 = 0x1;
pub const PRIORITY: u8 = 0x2;
pub const RST_STREAM: u8 = 0x3;
pub const SETTINGS: u8 = 0x4;
pub const PING: u8 = 0x6;
pub const GOAWAY: u8 = 0x7;
pub const WINDOW_UPDATE: u8 = 0x8;
pub const CONTINUATION: u8 = 0x9;

pub const ACK: u8 = 0x1;
pub const END_STREAM: u8 = 0x1;
pub const END_HEADERS: u8 = 0x4;

pub const PROTOCOL_ERROR: u32 = 1;
pub const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The error code of RST_STREAM or GOAWAY.
    pub fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Fields as HPACK literals without indexing (RFC 7541 6.2.2).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            integer(&mut out, text.len());
            out.extend(text.as_bytes());
        }
    }
    out
}

/// A string length with a prefix of 7 bits (RFC 7541 5.1).
pub fn integer(out: &mut Vec<u8>, mut number: usize) {
    if number < 127 {
        out.push(u8::try_from(number).unwrap());
        return;
    }
    out.push(127);
    number -= 127;
    while number >= 128 {
        out.push(u8::try_from(number % 128).unwrap() | 128);
        number /= 128;
    }
    out.push(u8::try_from(number).unwrap());
}

/// The fields of an ordinary request.
pub fn get(path: &str) -> Vec<u8> {
    block(&[(":method", "GET"), (":scheme", "http"), (":authority", "shop.example"), (":path", path)])
}

/// One connection.
pub struct Raw {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Raw {
    /// Connects, sends the preface with `settings` (id, value), and waits for the server's.
    pub fn connect(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        Self::over(TcpStream::connect(address).unwrap(), settings)
    }

    /// The same with a small receive buffer, so that the server soon finds it full.
    pub fn connect_small(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::over(socket.into(), settings)
    }

    fn over(stream: TcpStream, settings: &[(u16, u32)]) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut payload = Vec::new();
        for (id, value) in settings {
            payload.extend(id.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        let mut raw = Self { stream, buffer: Vec::new() };
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        raw.send(&frame(SETTINGS, 0, 0, &payload));
        let first = raw.read(Duration::from_secs(5)).expect("the server's SETTINGS");
        assert_eq!((first.kind, first.flags), (SETTINGS, 0));
        raw.send(&frame(SETTINGS, ACK, 0, &[]));
        raw
    }

    /// Sends bytes. `false` when the server has closed the connection.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next frame, or `None` at the end of the connection or after `patience`.
    pub fn read(&mut self, patience: Duration) -> Option<Frame> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(frame) = self.take() {
                return Some(frame);
            }
            let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            self.stream.set_read_timeout(Some(left)).unwrap();
            let mut piece = [0; 16_384];
            match self.stream.read(&mut piece) {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.buffer.extend(&piece[..read]),
            }
        }
    }

    /// Reads until a frame fits, and answers it.
    pub fn find(&mut self, patience: Duration, mut fits: impl FnMut(&Frame) -> bool) -> Option<Frame> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.checked_duration_since(Instant::now())?;
            let frame = self.read(left)?;
            if fits(&frame) {
                return Some(frame);
            }
        }
    }

    /// The error code of the GOAWAY that ends the connection.
    pub fn goaway(&mut self) -> Option<u32> {
        self.find(Duration::from_secs(5), |frame| frame.kind == GOAWAY).map(|frame| frame.code())
    }

    /// The status of the response on `stream`, or the code with which it was reset.
    pub fn answer(&mut self, stream: u32) -> Option<Result<u16, u32>> {
        let frame = self.find(Duration::from_secs(5), |frame| {
            frame.kind == GOAWAY || frame.stream == stream && matches!(frame.kind, HEADERS | RST_STREAM)
        })?;
        Some(if frame.kind == HEADERS { Ok(status(&frame.payload)) } else { Err(frame.code()) })
    }

    /// Whether the server closes the connection within `patience`.
    pub fn is_closed(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.read(deadline.saturating_duration_since(Instant::now())).is_some() {}
        Instant::now() < deadline
    }

    fn take(&mut self) -> Option<Frame> {
        let head: [u8; 9] = self.buffer.get(..9)?.try_into().unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = self.buffer.get(9..9 + length)?.to_vec();
        self.buffer.drain(..9 + length);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }
}

/// `:status`, which h2 writes first: indexed for the common ones, else as a literal with the name indexed.
fn status(block: &[u8]) -> u16 {
    // Dynamic table size updates may come first (RFC 7541 6.3).
    let block = block.iter().position(|byte| byte & 0xe0 != 0x20).map_or(&[][..], |start| &block[start..]);
    match block[0] {
        indexed @ 0x88..=0x8e => [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)],
        0x48 | 0x08 | 0x18 if block[1] & 0x80 == 0 => {
            let length = usize::from(block[1]);
            std::str::from_utf8(&block[2..2 + length]).unwrap().parse().unwrap()
        }
        0x48 | 0x08 | 0x18 => huffman_digits(&block[2..2 + usize::from(block[1] & 0x7f)]),
        other => panic!("unexpected first byte 0x{other:02x} of a response head"),
    }
}

/// Three digits in the code of RFC 7541 appendix B: `0` to `2` have five bits, the others six.
fn huffman_digits(bytes: &[u8]) -> u16 {
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let mut at = 0;
    let mut number = 0;
    for _ in 0..3 {
        let five = bits[at..at + 5].iter().fold(0, |sum, bit| sum << 1 | u16::from(*bit));
        let digit = if five < 3 {
            at += 5;
            five
        } else {
            let six = five << 1 | u16::from(bits[at + 5]);
            at += 6;
            six - 0x19 + 3
        };
        number = number * 10 + digit;
    }
    number
}
