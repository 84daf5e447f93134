//! Events encrypted on disk: AES-256-GCM with a data key for each segment, wrapped by the key of the spool.
//!
//! ```text
//! header   32 bytes as in `segment`, format u32 = 2
//! key      id u32 | nonce 12 | data key 32, encrypted | tag 16     additional data: the header
//! record   framed as in `segment`; payload = JSON, encrypted | tag 16
//! ```
//! A record's nonce is its sequence number, which no two records of a segment share, and its additional data the header,
//! so that no record can be moved to another place or another segment. Framing and checksum stay readable: counting,
//! mending and rotation need no key.
//!
//! Keys stand in a file of one line each, `id hexadecimal`; the first seals, the others open what is older.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::segment::{HEADER_BYTES, RECORD_HEADER_BYTES, RecordHeader, encode_record};

/// Bytes of the key block behind the header.
pub const KEY_BLOCK_BYTES: usize = 4 + NONCE_LEN + SECRET_BYTES + TAG_BYTES;
/// Bytes that a payload grows by.
pub const TAG_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;
/// Largest key file: eight keys.
const FILE_BYTES_MAX: usize = 1024;

/// The keys of a spool.
pub struct Keys {
    /// INVARIANT: never empty.
    keys: Vec<(u32, LessSafeKey)>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.keys.iter().map(|(id, _)| id)).finish()
    }
}

/// Where the keys of the spool in `folder` are: `keys/spool.key` beside it.
#[must_use]
pub fn file_of(folder: &Path) -> PathBuf {
    folder.parent().unwrap_or(folder).join("keys/spool.key")
}

impl Keys {
    /// Reads the keys of the spool in `folder`.
    ///
    /// # Errors
    /// The file is not there, others may read it, or it is no key file.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let file = file_of(folder);
        let told = |problem: String| io::Error::other(format!("`{}`: {problem}", file.display()));
        let bytes = crate::bundle::read_limited(&file, FILE_BYTES_MAX).map_err(|error| told(error.to_string()))?;
        let mode = fs::metadata(&file)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(told(format!("expected it to be readable for its owner alone, got mode {mode:04o}")));
        }
        Self::parse(&bytes).ok_or_else(|| told("expected one line a key: 8 and 64 hexadecimal digits".to_owned()))
    }

    /// Reads the lines of a key file; `None` when it is none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let keys: Option<Vec<_>> = text.lines().map(key_of).collect();
        keys.filter(|keys| !keys.is_empty()).map(|keys| Self { keys })
    }

    /// A fresh data key for the segment with this header, and the key block to write behind the header.
    ///
    /// # Errors
    /// No random numbers, or the cipher fails.
    pub fn fresh(&self, header: [u8; HEADER_BYTES]) -> io::Result<(SegmentCipher, [u8; KEY_BLOCK_BYTES])> {
        let (id, key) = self.keys.first().ok_or_else(failed)?;
        let mut secret = [0; SECRET_BYTES];
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut secret).map_err(|_| failed())?;
        getrandom::fill(&mut nonce).map_err(|_| failed())?;
        let cipher = SegmentCipher::new(&secret, header)?;
        let mut wrapped = secret;
        let tag = key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(header), &mut wrapped)
            .map_err(|_| failed())?;
        let parts = [&id.to_le_bytes()[..], &nonce, &wrapped, tag.as_ref()].concat();
        Ok((cipher, parts.try_into().map_err(|_| failed())?))
    }

    /// The data key of a segment, from its header and key block.
    ///
    /// # Errors
    /// Its key is none of these, or the block was changed.
    pub fn open(&self, header: [u8; HEADER_BYTES], block: &[u8; KEY_BLOCK_BYTES]) -> io::Result<SegmentCipher> {
        let (id, rest) = block.split_first_chunk::<4>().ok_or_else(failed)?;
        let (nonce, wrapped) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(failed)?;
        let id = u32::from_le_bytes(*id);
        let (_, key) = self.keys.iter().find(|(known, _)| *known == id).ok_or_else(|| {
            io::Error::other(format!("expected the key `{id:08x}` in `keys/spool.key`, which sealed this segment"))
        })?;
        let mut secret = wrapped.to_vec();
        let secret = key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(header), &mut secret)
            .map_err(|_| io::Error::other("the key block of this segment was changed"))?;
        SegmentCipher::new(secret, header)
    }
}

fn key_of(line: &str) -> Option<(u32, LessSafeKey)> {
    let (id, secret) = line.split_once(' ')?;
    if id.len() != 8 || secret.len() != 2 * SECRET_BYTES {
        return None;
    }
    let mut bytes = [0; SECRET_BYTES];
    for (place, digits) in bytes.iter_mut().zip(secret.as_bytes().chunks(2)) {
        *place = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    let key = UnboundKey::new(&AES_256_GCM, &bytes).ok()?;
    Some((u32::from_str_radix(id, 16).ok()?, LessSafeKey::new(key)))
}

/// Encrypts and decrypts the records of one segment.
pub struct SegmentCipher {
    key: LessSafeKey,
    header: [u8; HEADER_BYTES],
}

impl std::fmt::Debug for SegmentCipher {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SegmentCipher")
    }
}

impl SegmentCipher {
    fn new(secret: &[u8], header: [u8; HEADER_BYTES]) -> io::Result<Self> {
        let key = UnboundKey::new(&AES_256_GCM, secret).map_err(|_| failed())?;
        Ok(Self { key: LessSafeKey::new(key), header })
    }

    /// Appends the records of `batch` to `out`, encrypted. Each payload ends with [`TAG_BYTES`] bytes of room, so that
    /// every record keeps its length.
    ///
    /// # Errors
    /// The cipher fails.
    pub fn seal(&self, batch: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let mut rest = batch;
        let mut payload = Vec::new();
        while let Some(header) = RecordHeader::decode(rest) {
            let Some((record, following)) = rest.split_at_checked(header.record_bytes()) else { break };
            let room = record.len().saturating_sub(TAG_BYTES);
            payload.clear();
            payload.extend_from_slice(record.get(RECORD_HEADER_BYTES..room).unwrap_or_default());
            let tag = self
                .key
                .seal_in_place_separate_tag(nonce_of(header.sequence), Aad::from(self.header), &mut payload)
                .map_err(|_| failed())?;
            payload.extend_from_slice(tag.as_ref());
            encode_record(out, header.sequence, &payload);
            rest = following;
        }
        Ok(())
    }

    /// The payload of a record; `None` when it was changed or is of another segment.
    #[must_use]
    pub fn open(&self, sequence: u64, mut payload: Vec<u8>) -> Option<Vec<u8>> {
        let length = self.key.open_in_place(nonce_of(sequence), Aad::from(self.header), &mut payload).ok()?.len();
        payload.truncate(length);
        Some(payload)
    }
}

fn nonce_of(sequence: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    for (place, byte) in nonce.iter_mut().zip(sequence.to_le_bytes()) {
        *place = byte;
    }
    Nonce::assume_unique_for_key(nonce)
}

fn failed() -> io::Error {
    io::Error::other("events cannot be encrypted")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str = "0000000a 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn keys() -> Keys {
        Keys::parse(LINE.as_bytes()).unwrap()
    }

    #[test]
    fn a_segment_opens_with_the_key_that_its_block_names_and_no_other() {
        let header = [7; HEADER_BYTES];
        let (_, block) = keys().fresh(header).unwrap();
        let newer = Keys::parse(format!("0000000b {}\n{LINE}\n", "ab".repeat(32)).as_bytes()).unwrap();
        newer.open(header, &block).unwrap();
        let other = Keys::parse(format!("0000000b {}", "ab".repeat(32)).as_bytes()).unwrap();
        assert!(other.open(header, &block).unwrap_err().to_string().contains("0000000a"));
        assert!(keys().open([8; HEADER_BYTES], &block).is_err(), "another header");
    }

    #[test]
    fn rubbish_is_no_key_file() {
        for text in [
            "",
            "x",
            "0000000a",
            "0000000a 00",
            &LINE.replacen("0000000a", "000000a", 1),
            &format!("{LINE}\nx"),
            &LINE.replace("1f", "1g"),
        ] {
            assert!(Keys::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn records_keep_their_lengths_and_come_out_again(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..20),
        ) {
            let (cipher, block) = keys().fresh([1; HEADER_BYTES]).unwrap();
            let mut batch = Vec::new();
            for (sequence, payload) in payloads.iter().enumerate() {
                encode_record(&mut batch, sequence as u64, &[payload.as_slice(), &[0; TAG_BYTES]].concat());
            }
            let mut sealed = Vec::new();
            cipher.seal(&batch, &mut sealed).unwrap();
            prop_assert_eq!(sealed.len(), batch.len());
            let again = keys().open([1; HEADER_BYTES], &block).unwrap();
            let mut scanner = crate::spool::scan::Scanner::new(sealed.as_slice(), 0);
            for (sequence, payload) in payloads.iter().enumerate() {
                let record = scanner.next_record().unwrap().unwrap();
                prop_assert_eq!(record.sequence, sequence as u64);
                let found = record.payload.to_vec();
                let opened = again.open(record.sequence, found.clone());
                prop_assert_eq!(opened.as_ref(), Some(payload));
                prop_assert_eq!(again.open(record.sequence + 1, found), None, "another place");
            }
        }

        #[test]
        fn any_bytes_are_keys_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Keys::parse(&bytes);
        }
    }
}
