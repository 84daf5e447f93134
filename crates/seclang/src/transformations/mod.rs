//! Transformations: what is done to a value before an operator sees it. One family a file.
//!
//! Each answers `None` when the value stays as it is, which is the ordinary case and costs no allocation. Most need not
//! even be asked: a value without any of the bytes that trigger a transformation is not changed by it.

mod comments;
mod css;
mod encode;
mod escapes;
mod hash;
mod html;
mod parity;
mod path;
mod shell;
mod space;
mod unicode;
mod url;

use crate::bytes::ByteSet;

/// Maps code points above 255 to the bytes that `SecUnicodeMapFile` reads them as; sorted.
pub(crate) type UnicodeMap = [[u16; 2]];

macro_rules! transformations {
    ($($variant:ident, $name:literal, $apply:expr, $trigger:expr;)*) => {
        /// One transformation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Transformation { $($variant,)* }

        impl Transformation {
            /// The one of that name, in its usual spelling.
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            /// Every one.
            pub(crate) fn all() -> impl Iterator<Item = Self> {
                [$(Self::$variant,)*].into_iter()
            }

            /// The changed value; `None` when it stays as it is.
            pub(crate) fn apply(self, value: &[u8], map: &UnicodeMap) -> Option<Vec<u8>> {
                match self { $(Self::$variant => $apply(value, map),)* }
            }

            /// Bytes of which a value must hold one to be changed.
            const fn trigger(self) -> ByteSet {
                match self { $(Self::$variant => $trigger,)* }
            }
        }
    };
}

const ANY: ByteSet = ByteSet::ALL;
const SPACE: ByteSet = ByteSet::of(b" \t\n\r\x0b\x0c\xa0");
const HIGH: ByteSet = ByteSet::range(0x80, 0xff);
const UPPER: ByteSet = ByteSet::range(b'A', b'Z');

transformations! {
    Base64Decode, "base64Decode", |v, _: &_| encode::base64_decode(v), ANY;
    Base64DecodeExt, "base64DecodeExt", |v, _: &_| encode::base64_decode_lenient(v), ANY;
    Base64Encode, "base64Encode", |v, _: &_| encode::base64_encode(v), ANY;
    CmdLine, "cmdLine", |v, _: &_| shell::command_line(v), ByteSet::of(b"\"'\\^,;").with(SPACE).with(UPPER);
    CompressWhitespace, "compressWhitespace", |v, _: &_| space::compress(v), SPACE;
    CssDecode, "cssDecode", |v, _: &_| css::decode(v), ByteSet::of(b"\\");
    EscapeSeqDecode, "escapeSeqDecode", |v, _: &_| escapes::ansi_c(v), ByteSet::of(b"\\");
    HexDecode, "hexDecode", |v, _: &_| encode::hex_decode(v), ANY;
    HexEncode, "hexEncode", |v, _: &_| encode::hex_encode(v), ANY;
    HtmlEntityDecode, "htmlEntityDecode", |v, _: &_| html::decode(v), ByteSet::of(b"&");
    JsDecode, "jsDecode", |v, _: &_| escapes::javascript(v), ByteSet::of(b"\\");
    Length, "length", |v: &[u8], _: &_| Some(v.len().to_string().into_bytes()), ANY;
    Lowercase, "lowercase", |v: &[u8], _: &_| Some(v.to_ascii_lowercase()), UPPER;
    Md5, "md5", |v, _: &_| Some(hash::md5(v)), ANY;
    NormalizePath, "normalizePath", |v, _: &_| path::normalise(v, false), ByteSet::of(b"/");
    NormalizePathWin, "normalizePathWin", |v, _: &_| path::normalise(v, true), ByteSet::of(b"/\\");
    ParityEven, "parityEven7bit", |v, _: &_| parity::even(v), ANY;
    ParityOdd, "parityOdd7bit", |v, _: &_| parity::odd(v), ANY;
    ParityZero, "parityZero7bit", |v, _: &_| parity::zero(v), HIGH;
    RemoveComments, "removeComments", |v, _: &_| comments::remove(v), ByteSet::of(b"/<-#");
    RemoveCommentsChar, "removeCommentsChar", |v, _: &_| comments::remove_marks(v), ByteSet::of(b"/*<-#");
    RemoveNulls, "removeNulls", |v, _: &_| space::without(v, |byte| byte == 0), ByteSet::of(b"\0");
    RemoveWhitespace, "removeWhitespace", |v, _: &_| space::without(v, space::is_space), SPACE;
    ReplaceComments, "replaceComments", |v, _: &_| comments::replace(v), ByteSet::of(b"/");
    ReplaceNulls, "replaceNulls", |v, _: &_| space::replace_nulls(v), ByteSet::of(b"\0");
    Sha1, "sha1", |v, _: &_| Some(hash::sha1(v)), ANY;
    SqlHexDecode, "sqlHexDecode", |v, _: &_| encode::sql_hex_decode(v), ByteSet::of(b"xX");
    Trim, "trim", |v, _: &_| space::trim(v, true, true), SPACE;
    TrimLeft, "trimLeft", |v, _: &_| space::trim(v, true, false), SPACE;
    TrimRight, "trimRight", |v, _: &_| space::trim(v, false, true), SPACE;
    Uppercase, "uppercase", |v: &[u8], _: &_| Some(v.to_ascii_uppercase()), ByteSet::range(b'a', b'z');
    UrlDecode, "urlDecode", |v, _: &_| url::decode(v), ByteSet::of(b"%+");
    UrlDecodeUni, "urlDecodeUni", url::decode_uni, ByteSet::of(b"%+");
    UrlEncode, "urlEncode", |v, _: &_| url::encode(v), ANY;
    Utf8ToUnicode, "utf8toUnicode", |v, _: &_| unicode::escape(v), HIGH;
}

impl Transformation {
    /// Bytes of which a value must hold one to be changed; `None` when any value may be.
    pub(crate) fn triggers(self) -> Option<ByteSet> {
        Some(self.trigger()).filter(|trigger| *trigger != ANY)
    }

    /// The changed value of one whose bytes are known to be `present`; `None` when it stays as it is.
    pub(crate) fn change(self, value: &[u8], present: &ByteSet, map: &UnicodeMap) -> Option<Vec<u8>> {
        let trigger = self.trigger();
        if trigger != ANY && !trigger.meets(present) {
            return None;
        }
        self.apply(value, map).filter(|changed| changed != value)
    }
}

/// A cursor over a value, for decoders.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The byte `ahead` of here.
    pub(crate) fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// The hexadecimal digit `ahead` of here.
    pub(crate) fn hex(&self, ahead: usize) -> Option<u8> {
        self.peek(ahead).and_then(hex_digit)
    }

    /// The byte that two hexadecimal digits `ahead` of here stand for.
    pub(crate) fn hex_pair(&self, ahead: usize) -> Option<u8> {
        Some(self.hex(ahead)? << 4 | self.hex(ahead + 1)?)
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Goes on by `count` bytes.
    pub(crate) const fn skip(&mut self, count: usize) {
        self.at += count;
    }

    /// Takes one byte.
    pub(crate) fn next(&mut self) -> Option<u8> {
        let byte = self.peek(0)?;
        self.at += 1;
        Some(byte)
    }
}

/// The value of a hexadecimal digit.
pub(crate) const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The byte of a four-digit Unicode escape: what the map says, full-width ASCII as ASCII, else the lower byte.
pub(crate) fn narrow(code: u16, map: &UnicodeMap) -> u8 {
    if let Ok(found) = map.binary_search_by_key(&code, |pair| pair.first().copied().unwrap_or_default()) {
        return map.get(found).and_then(|pair| pair.get(1)).copied().unwrap_or_default() as u8;
    }
    let low = (code & 0xff) as u8;
    if code >> 8 == 0xff && low > 0 && low < 0x5f { low + 0x20 } else { low }
}

#[cfg(test)]
mod tests;
