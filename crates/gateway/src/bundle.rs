//! Reads a bundle file: size, digest, signature, plan. Control writes it; nothing in it is believed before it is signed.
//!
//! ```text
//! "STKDBNDL" | format u32 = 2 | payload length u64 | SHA-256 of the payload | Ed25519 signature of the 52 bytes before
//! payload: nonce 12 | a plan as JSON, encrypted with AES-256-GCM | tag 16     additional data: the 12 bytes before it
//! ```
//! Numbers are little-endian. The plan holds secrets that upstreams are shown, so it is not readable on the disk; its key
//! stands beside the one that verifies. Format 1 is the same with the plan in clear, and is read as well.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use stockade_model::Plan;
use stockade_model::plan::PLAN_FORMAT;

/// First bytes of every bundle.
pub const MAGIC: &[u8; 8] = b"STKDBNDL";
/// Version of the file's format.
pub const FORMAT: u32 = 2;
/// Version with the plan in clear.
const FORMAT_CLEAR: u32 = 1;
/// Bytes that the signature is over.
const SIGNED_BYTES: usize = 52;
/// Bytes that the encrypted plan is bound to: magic and format.
const PLACE_BYTES: usize = 12;
/// Bytes before the payload.
pub const HEADER_BYTES: usize = 116;
/// Largest payload.
pub const PAYLOAD_BYTES_MAX: usize = 64 << 20;

/// Why a bundle was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {problem}")]
pub struct BundleError {
    /// Stable code, one of [`CODES`].
    pub code: &'static str,
    /// What was expected and what came.
    pub problem: String,
}

/// Every code of a [`BundleError`] with its meaning, for the reference page.
pub const CODES: &[(&str, &str)] = &[
    ("bundle.missing", "the file, or the key to verify it, is not there or cannot be read"),
    ("bundle.too_large", "the file is larger than a bundle may be"),
    ("bundle.magic", "the file is not a bundle"),
    ("bundle.format", "the bundle has a format that this gateway does not know"),
    ("bundle.truncated", "the payload is shorter or longer than the header says"),
    ("bundle.digest", "the payload is not the one that was signed"),
    ("bundle.signature", "the signature is not by the key of this data folder"),
    ("bundle.sealed", "the plan in it does not open with the key of this data folder"),
    ("bundle.plan_json", "the payload is not a plan"),
    ("bundle.plan_format", "the plan has a format that this gateway does not know"),
    ("bundle.setting", "a setting does not compile"),
    ("bundle.certificates", "a certificate or its key cannot be used"),
    ("bundle.listeners", "the listeners differ from those that are open; they change with a restart only"),
    ("bundle.current", "`bundles/current` does not name a bundle"),
];

impl BundleError {
    pub(crate) fn new(code: &'static str, problem: impl Into<String>) -> Self {
        Self { code, problem: problem.into() }
    }
}

/// Reads and verifies a bundle.
///
/// # Errors
/// Anything that is not a whole, signed plan of a known format; see [`CODES`].
pub fn read(file: &Path, keys: &BundleKeys) -> Result<Plan, BundleError> {
    let limit = HEADER_BYTES + PAYLOAD_BYTES_MAX;
    let bytes = read_limited(file, limit)
        .map_err(|error| BundleError::new("bundle.missing", format!("cannot read `{}`: {error}", file.display())))?;
    parse(&bytes, keys)
}

/// The keys of a data folder.
#[derive(Clone, Default)]
pub struct BundleKeys {
    /// `keys/bundle.pub`: verifies.
    pub public: Vec<u8>,
    /// `keys/bundle.seal`: opens; `None` where there is none.
    pub seal: Option<Vec<u8>>,
}

impl std::fmt::Debug for BundleKeys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("BundleKeys").field("public", &self.public).finish_non_exhaustive()
    }
}

/// At most one byte more than `limit`, so that a larger file is noticed and never held.
pub(crate) fn read_limited(file: &Path, limit: usize) -> io::Result<Vec<u8>> {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(file)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("expected a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Verifies a bundle given as bytes.
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], keys: &BundleKeys) -> Result<Plan, BundleError> {
    if bytes.len() > HEADER_BYTES + PAYLOAD_BYTES_MAX {
        let problem = format!("expected at most {} bytes", HEADER_BYTES + PAYLOAD_BYTES_MAX);
        return Err(BundleError::new("bundle.too_large", problem));
    }
    let header = Header::split(bytes)?;
    if header.length != header.payload.len() as u64 {
        let problem = format!("expected a payload of {} bytes, got {}", header.length, header.payload.len());
        return Err(BundleError::new("bundle.truncated", problem));
    }
    if digest(&SHA256, header.payload).as_ref() != header.digest {
        return Err(BundleError::new("bundle.digest", "the SHA-256 of the payload is not the one in the header"));
    }
    UnparsedPublicKey::new(&ED25519, &keys.public)
        .verify(header.signed, header.signature)
        .map_err(|_| BundleError::new("bundle.signature", "the signature does not fit `keys/bundle.pub`"))?;
    let payload = match header.format {
        FORMAT_CLEAR => Cow::Borrowed(header.payload),
        _ => Cow::Owned(open(&header, keys)?),
    };
    let plan: Plan = serde_json::from_slice(&payload)
        .map_err(|error| BundleError::new("bundle.plan_json", format!("the payload is not a plan: {error}")))?;
    if plan.format != PLAN_FORMAT {
        let problem = format!("expected a plan of format {PLAN_FORMAT}, got {}", plan.format);
        return Err(BundleError::new("bundle.plan_format", problem));
    }
    Ok(plan)
}

fn open(header: &Header<'_>, keys: &BundleKeys) -> Result<Vec<u8>, BundleError> {
    let sealed = |problem: &str| BundleError::new("bundle.sealed", problem);
    let key = keys.seal.as_deref().ok_or_else(|| sealed("expected a key in `keys/bundle.seal` to open it with"))?;
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| sealed("expected 32 bytes in `keys/bundle.seal`"))?;
    let (nonce, content) =
        header.payload.split_first_chunk::<NONCE_LEN>().ok_or_else(|| sealed("the payload is too short"))?;
    let mut plan = content.to_vec();
    let place = header.signed.get(..PLACE_BYTES).unwrap_or_default();
    let length = LessSafeKey::new(key)
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place), &mut plan)
        .map_err(|_| sealed("the payload does not open with `keys/bundle.seal`"))?
        .len();
    plan.truncate(length);
    Ok(plan)
}

/// The parts of a bundle.
struct Header<'a> {
    format: u32,
    signed: &'a [u8],
    length: u64,
    digest: &'a [u8],
    signature: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Header<'a> {
    fn split(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let truncated = || {
            let problem = format!("expected at least {HEADER_BYTES} bytes, got {}", bytes.len());
            BundleError::new("bundle.truncated", problem)
        };
        let (magic, rest) = bytes.split_first_chunk::<8>().ok_or_else(truncated)?;
        if magic != MAGIC {
            return Err(BundleError::new("bundle.magic", "expected a file that begins with `STKDBNDL`"));
        }
        let (format, rest) = rest.split_first_chunk::<4>().ok_or_else(truncated)?;
        let format = u32::from_le_bytes(*format);
        if !matches!(format, FORMAT | FORMAT_CLEAR) {
            let problem = format!("expected format {FORMAT_CLEAR} or {FORMAT}, got {format}");
            return Err(BundleError::new("bundle.format", problem));
        }
        let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(truncated)?;
        let (digest, rest) = rest.split_first_chunk::<32>().ok_or_else(truncated)?;
        let (signature, payload) = rest.split_first_chunk::<64>().ok_or_else(truncated)?;
        let signed = bytes.get(..SIGNED_BYTES).ok_or_else(truncated)?;
        Ok(Self { format, signed, length: u64::from_le_bytes(*length), digest, signature, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use proptest::prelude::*;

    /// A key pair that is the same in every run, and its public half.
    fn keys() -> (Ed25519KeyPair, BundleKeys) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let public = pair.public_key().as_ref().to_vec();
        (pair, BundleKeys { public, seal: Some(vec![9; 32]) })
    }

    fn public(bytes: &[u8]) -> BundleKeys {
        BundleKeys { public: bytes.to_vec(), ..BundleKeys::default() }
    }

    fn sealed(plan: &[u8], key: &[u8; 32]) -> Vec<u8> {
        let place = [&MAGIC[..], &FORMAT.to_le_bytes()].concat();
        let mut content = plan.to_vec();
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap())
            .seal_in_place_append_tag(Nonce::assume_unique_for_key([3; NONCE_LEN]), Aad::from(place), &mut content)
            .unwrap();
        [&[3; NONCE_LEN][..], &content].concat()
    }

    fn sign(format: u32, payload: &[u8], pair: &Ed25519KeyPair) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(format.to_le_bytes());
        out.extend((payload.len() as u64).to_le_bytes());
        out.extend(digest(&SHA256, payload).as_ref());
        let signature = pair.sign(&out);
        out.extend(signature.as_ref());
        out.extend(payload);
        out
    }

    fn code(bytes: &[u8], keys: &BundleKeys) -> &'static str {
        parse(bytes, keys).unwrap_err().code
    }

    #[test]
    fn a_sealed_plan_opens_with_its_key_alone() {
        let (pair, keys) = keys();
        let bytes = sign(FORMAT, &sealed(b"{}", &[9; 32]), &pair);
        assert_eq!(code(&bytes, &keys), "bundle.plan_json", "opened, but no plan");
        assert_eq!(code(&bytes, &BundleKeys { seal: None, ..keys.clone() }), "bundle.sealed");
        assert_eq!(code(&bytes, &BundleKeys { seal: Some(vec![8; 32]), ..keys.clone() }), "bundle.sealed");
        assert_eq!(code(&bytes, &BundleKeys { seal: Some(vec![9; 31]), ..keys.clone() }), "bundle.sealed");
        assert_eq!(code(&sign(FORMAT, b"short", &pair), &keys), "bundle.sealed");
    }

    #[test]
    fn each_fault_has_its_own_code() {
        let (pair, public) = keys();
        let good = sign(FORMAT_CLEAR, b"{}", &pair);
        assert_eq!(code(&good, &public), "bundle.plan_json", "whole and signed, but no plan");
        assert_eq!(code(&good, &self::public(&[1; 32])), "bundle.signature");
        assert_eq!(code(&good, &self::public(b"short")), "bundle.signature");
        assert_eq!(code(&good[..good.len() - 1], &public), "bundle.truncated");
        assert_eq!(code(&good[..100], &public), "bundle.truncated");
        assert_eq!(code(b"", &public), "bundle.truncated");
        let mut longer = good.clone();
        longer.push(b' ');
        assert_eq!(code(&longer, &public), "bundle.truncated");
        for (place, expected) in [
            (0, "bundle.magic"),
            (9, "bundle.format"),
            (20, "bundle.digest"),
            (60, "bundle.signature"),
            (116, "bundle.digest"),
        ] {
            let mut bad = good.clone();
            bad[place] ^= 1;
            assert_eq!(code(&bad, &public), expected, "byte {place}");
        }
        let missing = read(Path::new("/nonexistent/x.bundle"), &public).unwrap_err();
        assert_eq!(missing.code, "bundle.missing");
        assert_eq!(read(Path::new("/dev/zero"), &public).unwrap_err().code, "bundle.missing");
    }

    #[test]
    fn every_code_is_in_the_reference() {
        for code in
            ["missing", "too_large", "magic", "format", "truncated", "digest", "signature", "sealed", "plan_json"]
        {
            assert!(CODES.iter().any(|(known, _)| *known == format!("bundle.{code}")), "{code}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_taken_for_a_bundle(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let (_, public) = keys();
            prop_assert!(parse(&bytes, &public).is_err());
            let mut bytes = bytes;
            bytes.splice(0..0, *b"STKDBNDL\x02\0\0\0");
            prop_assert!(parse(&bytes, &public).is_err());
        }
    }
}
