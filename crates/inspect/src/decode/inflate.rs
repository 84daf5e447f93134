//! Compressed data inside a value: gzip (RFC 1952) and zlib (RFC 1950).

use std::io::Read as _;

/// Bytes that one value may unfold to.
const LONGEST: u64 = 256 * 1024;

/// What a value unfolds to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inflated {
    /// It is not compressed, or damaged from the beginning.
    No,
    /// All of it, or as much as came.
    Whole(Vec<u8>),
    /// It unfolds to more than is looked at.
    TooLong,
}

/// Undoes one layer of compression.
pub(super) fn decode(value: &[u8]) -> Inflated {
    let mut out = Vec::new();
    // One byte beyond the bound tells whether there is more.
    let read = match value {
        [0x1f, 0x8b, 8, ..] => flate2::read::MultiGzDecoder::new(value).take(LONGEST + 1).read_to_end(&mut out),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
            flate2::read::ZlibDecoder::new(value).take(LONGEST + 1).read_to_end(&mut out)
        }
        _ => return Inflated::No,
    };
    if out.len() as u64 > LONGEST {
        return Inflated::TooLong;
    }
    // What came before a fault counts: readers that are less strict take it.
    if read.is_err() && out.is_empty() { Inflated::No } else { Inflated::Whole(out) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compressed_values_are_unfolded_up_to_a_bound() {
        assert_eq!(decode(&gzip(b"' OR 1=1 --")), Inflated::Whole(b"' OR 1=1 --".to_vec()));
        assert_eq!(decode(&gzip(&vec![0; 10 << 20])), Inflated::TooLong);
        assert_eq!(decode(b"plain"), Inflated::No);
        assert_eq!(decode(b"\x1f\x8b\x08damaged"), Inflated::No);
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(b"<script>").unwrap();
        assert_eq!(decode(&zlib.finish().unwrap()), Inflated::Whole(b"<script>".to_vec()));
    }
}
