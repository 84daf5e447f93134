//! Undoes content codings: gzip, deflate, br, zstd; at most two on top of one another, capped in ratio and size.

use std::borrow::Cow;
use std::io::Read;

use super::reasons::{DECOMPRESSION_BOMB, ENCODING_BROKEN, ENCODING_CHAIN, ENCODING_UNKNOWN};
use super::{BodyError, BodyLimits};

/// Codings on top of one another that are undone.
const CHAIN: usize = 2;
/// A body this small may have any ratio.
const FREE_BYTES: u64 = 64 * 1024;
const BLOCK: usize = 16 * 1024;

/// The body with all codings undone; borrowed when there is none.
pub(super) fn undo<'a>(
    header: Option<&str>,
    bytes: &'a [u8],
    complete: bool,
    limits: &BodyLimits,
) -> Result<Cow<'a, [u8]>, BodyError> {
    let codings: Vec<&str> = header
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"))
        .collect();
    if codings.len() > CHAIN {
        let detail = format!("expected at most {CHAIN} content codings, got {}", codings.len());
        return Err(BodyError::new(&ENCODING_CHAIN, detail));
    }
    let ratio = u64::from(limits.decompress_ratio);
    let cap = (bytes.len() as u64).saturating_mul(ratio).max(FREE_BYTES).min(limits.decompressed_bytes);
    let mut body = Cow::Borrowed(bytes);
    // Codings are listed in the order they were applied (RFC 9110 8.4), so they are undone from the last.
    for coding in codings.iter().rev() {
        body = Cow::Owned(undo_one(coding, &body, complete, cap)?);
    }
    Ok(body)
}

fn undo_one(coding: &str, bytes: &[u8], complete: bool, cap: u64) -> Result<Vec<u8>, BodyError> {
    match coding.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => read(flate2::read::MultiGzDecoder::new(bytes), "gzip", complete, cap),
        // `deflate` means zlib (RFC 9110 8.4.1.2); raw deflate is sent by some clients and read by most servers.
        "deflate" if is_zlib(bytes) => read(flate2::read::ZlibDecoder::new(bytes), "deflate", complete, cap),
        "deflate" => read(flate2::read::DeflateDecoder::new(bytes), "deflate", complete, cap),
        "br" => read(brotli_decompressor::Decompressor::new(bytes, 4096), "br", complete, cap),
        "zstd" => zstd(bytes, complete, cap),
        _ => {
            let shown = crate::mask::text(coding, 40).into_owned();
            Err(BodyError::new(&ENCODING_UNKNOWN, format!("expected gzip, deflate, br or zstd, got `{shown}`")))
        }
    }
}

fn is_zlib(bytes: &[u8]) -> bool {
    let [cmf, flags, ..] = bytes else { return false };
    cmf & 0x0f == 8 && (u16::from(*cmf) << 8 | u16::from(*flags)) % 31 == 0
}

fn zstd(bytes: &[u8], complete: bool, cap: u64) -> Result<Vec<u8>, BodyError> {
    // The window is allocated up front, so a header may not ask for more than the output may hold.
    let window = zstd_window(bytes);
    if window.is_some_and(|size| size > cap.max(8 << 20)) {
        return Err(BodyError::new(&DECOMPRESSION_BOMB, format!("a zstd window over {cap} bytes")));
    }
    match ruzstd::decoding::StreamingDecoder::new(bytes) {
        Ok(decoder) => read(decoder, "zstd", complete, cap),
        Err(error) => Err(broken("zstd", &error.to_string())),
    }
}

/// The window size that a zstd frame header asks for (RFC 8878 3.1.1.1).
fn zstd_window(bytes: &[u8]) -> Option<u64> {
    let descriptor = *bytes.get(4)?;
    if descriptor & 0x20 != 0 {
        let width = match descriptor >> 6 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => 8,
        };
        let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied()?;
        let size = bytes.get(5 + dictionary..5 + dictionary + width)?;
        return Some(size.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    let window = *bytes.get(5)?;
    let base = 1u64 << (10 + (window >> 3));
    Some(base + (base >> 3) * u64::from(window & 7))
}

fn broken(coding: &str, problem: &str) -> BodyError {
    let shown = crate::mask::text(problem, 100).into_owned();
    BodyError::new(&ENCODING_BROKEN, format!("expected a body in `{coding}`, got: {shown}"))
}

fn read(mut decoder: impl Read, coding: &str, complete: bool, cap: u64) -> Result<Vec<u8>, BodyError> {
    let mut out = Vec::new();
    let mut block = vec![0; BLOCK];
    loop {
        match decoder.read(&mut block) {
            Ok(0) => return Ok(out),
            Ok(count) => {
                out.extend_from_slice(block.get(..count).unwrap_or_default());
                if out.len() as u64 > cap {
                    let detail = format!("expected at most {cap} bytes once decompressed, got more");
                    return Err(BodyError::new(&DECOMPRESSION_BOMB, detail));
                }
            }
            // The first part of a stream ends in the middle: what came out until then is judged.
            Err(_) if !complete && !out.is_empty() => return Ok(out),
            Err(error) => return Err(broken(coding, &error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const LIMITS: BodyLimits =
        BodyLimits { json_depth: 64, json_values: 1000, decompress_ratio: 100, decompressed_bytes: 1 << 20 };
    /// `printf '{"a":"hello hello hello"}' | zstd` and `| brotli`.
    const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x05, 0x29, 0x00, 0x00, b'h', b'e', b'l', b'l', b'o'];
    const BROTLI: &[u8] = &[0x0b, 0x02, 0x80, b'h', b'e', b'l', b'l', b'o', 0x03];

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn code(result: Result<Cow<'_, [u8]>, BodyError>) -> &'static str {
        result.unwrap_err().reason.code
    }

    #[test]
    fn every_supported_coding_is_undone() {
        assert_eq!(undo(None, b"hello", true, &LIMITS).unwrap(), b"hello".as_slice());
        assert_eq!(undo(Some("identity"), b"hello", true, &LIMITS).unwrap(), b"hello".as_slice());
        assert_eq!(undo(Some("GZIP"), &gzip(b"hello"), true, &LIMITS).unwrap(), b"hello".as_slice());
        assert_eq!(undo(Some("zstd"), ZSTD, true, &LIMITS).unwrap(), b"hello".as_slice());
        assert_eq!(undo(Some("br"), BROTLI, true, &LIMITS).unwrap(), b"hello".as_slice());
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(b"hello").unwrap();
        assert_eq!(undo(Some("deflate"), &zlib.finish().unwrap(), true, &LIMITS).unwrap(), b"hello".as_slice());
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        raw.write_all(b"hello").unwrap();
        assert_eq!(undo(Some("deflate"), &raw.finish().unwrap(), true, &LIMITS).unwrap(), b"hello".as_slice());
        assert_eq!(undo(Some("gzip, gzip"), &gzip(&gzip(b"hello")), true, &LIMITS).unwrap(), b"hello".as_slice());
    }

    #[test]
    fn bombs_and_chains_are_refused() {
        let bomb = gzip(&vec![0; 8 << 20]);
        assert_eq!(code(undo(Some("gzip"), &bomb, true, &LIMITS)), "inspect.decompression_bomb");
        assert_eq!(code(undo(Some("gzip, gzip"), &gzip(&bomb), true, &LIMITS)), "inspect.decompression_bomb");
        assert_eq!(code(undo(Some("gzip,gzip,gzip"), &bomb, true, &LIMITS)), "inspect.encoding_chain");
        let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 0x01, 0x00, 0x00];
        assert_eq!(code(undo(Some("zstd"), &window, true, &LIMITS)), "inspect.decompression_bomb");
    }

    #[test]
    fn unknown_and_broken_codings_are_refused() {
        assert_eq!(code(undo(Some("compress"), b"x", true, &LIMITS)), "inspect.encoding_unknown");
        for coding in ["gzip", "deflate", "br", "zstd"] {
            assert_eq!(code(undo(Some(coding), b"\xffnot it", true, &LIMITS)), "inspect.encoding_broken", "{coding}");
        }
        let whole = gzip(b"hello hello hello hello");
        let cut = whole.get(..whole.len() - 6).unwrap();
        assert_eq!(code(undo(Some("gzip"), cut, true, &LIMITS)), "inspect.encoding_broken");
        assert!(undo(Some("gzip"), cut, false, &LIMITS).is_ok());
    }
}
