//! Tokens that were verified before, so that a token that comes again costs one hash and one look-up.

use std::fmt::Write as _;

use aws_lc_rs::digest;
use stockade_model::Now;

use super::Fault;
use super::claims::Verified;
use super::jwt::Jwt;
use super::keys::Verifier;
use crate::actor::TOKEN_HASH_DIGITS;
use crate::bounded::Bounded;

/// Most tokens remembered; about 1 KiB each.
const MOST_TOKENS: usize = 16 * 1024;

/// Most ids of keys that are known not to be there.
const MOST_MISSING: usize = 4 * 1024;
/// Most tokens remembered that a server said no to.
const MOST_REFUSED: usize = 4 * 1024;
/// How long a key is not looked for again, microseconds.
const MISSING_US: u64 = 10_000_000;

/// The cache. Its key is SHA-256 over the method's fingerprint and the token, so that neither a token that looks alike
/// nor one verified by keys that are no longer configured is ever taken for a good one.
#[derive(Debug)]
pub(crate) struct Tokens {
    known: Bounded<Verified>,
    /// Until when keys are known not to be in a fetched set, microseconds since the epoch.
    missing: Bounded<u64>,
    /// Tokens that a server said no to, and until when that counts.
    refused: Bounded<(u64, Fault)>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            known: Bounded::new(MOST_TOKENS),
            missing: Bounded::new(MOST_MISSING),
            refused: Bounded::new(MOST_REFUSED),
        }
    }
}

impl Tokens {
    /// What `token` proves at `now`. Only good answers are remembered, and only as long as the claims hold.
    ///
    /// # Errors
    /// Why the token proves nothing.
    pub(super) fn prove(&self, jwt: &Jwt, token: &str, more: &[Verifier], now: Now) -> Result<Verified, Fault> {
        let key = key_of(&jwt.fingerprint, token);
        if let Some(known) = self.known(&key, now) {
            return Ok(known);
        }
        let verified = jwt.verify(token, more, now)?;
        self.remember(&key, &verified);
        Ok(verified)
    }

    /// What is known of a token.
    pub(super) fn known(&self, key: &[u8; 32], now: Now) -> Option<Verified> {
        self.known.read(key, |known| known.holds(now).then(|| known.clone())).flatten()
    }

    /// Remembers a token for as long as it holds.
    pub(super) fn remember(&self, key: &[u8; 32], verified: &Verified) {
        self.known.update(key, |known| known.until_us, || verified.clone(), |known| *known = verified.clone());
    }

    /// Why a token proves nothing, when its server was asked a moment ago.
    pub(super) fn refused(&self, key: &[u8; 32], now: Now) -> Option<Fault> {
        self.refused.read(key, |(until, fault)| (now.wall.0 < *until).then(|| fault.clone())).flatten()
    }

    /// Remembers that for so many microseconds.
    pub(super) fn refuse(&self, key: &[u8; 32], fault: &Fault, for_us: u64, now: Now) {
        let fresh = (now.wall.0.saturating_add(for_us), fault.clone());
        self.refused.update(key, |(until, _)| *until, || fresh.clone(), |known| *known = fresh.clone());
    }

    /// Notes that a fetched set has no key with this id.
    pub(super) fn has_no_key(&self, jwt: &Jwt, id: &str, now: Now) {
        let until = now.wall.0.saturating_add(MISSING_US);
        self.missing.update(&key_of(&jwt.fingerprint, id), |until| *until, || until, |known| *known = until);
    }

    /// Whether that was noted a moment ago.
    pub(super) fn knows_no_key(&self, jwt: &Jwt, id: &str, now: Now) -> bool {
        self.missing.read(&key_of(&jwt.fingerprint, id), |until| now.wall.0 < *until).unwrap_or_default()
    }
}

/// What a credential of a method is remembered by.
pub(super) fn key_of(fingerprint: &[u8; 32], credential: &str) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(fingerprint);
    hash.update(credential.as_bytes());
    let mut key = [0; 32];
    key.copy_from_slice(hash.finish().as_ref());
    key
}

/// The beginning of a credential's SHA-256 in hexadecimal digits, by which events and decisions name it.
pub(super) fn hash_of(credential: &str) -> String {
    let hash = digest::digest(&digest::SHA256, credential.as_bytes());
    let half = hash.as_ref().iter().take(TOKEN_HASH_DIGITS / 2);
    half.fold(String::with_capacity(TOKEN_HASH_DIGITS), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
