//! Tokens that were verified before, so that a token that comes again costs one hash and one look-up.

use std::fmt::Write as _;

use aws_lc_rs::digest;
use stockade_model::Now;

use super::Fault;
use super::claims::Verified;
use super::jwt::Jwt;
use crate::actor::TOKEN_HASH_DIGITS;
use crate::bounded::Bounded;

/// Most tokens remembered; about 1 KiB each.
const MOST_TOKENS: usize = 16 * 1024;

/// The cache. Its key is SHA-256 over the method's fingerprint and the token, so that neither a token that looks alike
/// nor one verified by keys that are no longer configured is ever taken for a good one.
#[derive(Debug)]
pub(crate) struct Tokens {
    known: Bounded<Verified>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { known: Bounded::new(MOST_TOKENS) }
    }
}

impl Tokens {
    /// What `token` proves at `now`. Only good answers are remembered, and only as long as the claims hold.
    ///
    /// # Errors
    /// Why the token proves nothing.
    pub(crate) fn prove(&self, jwt: &Jwt, token: &str, now: Now) -> Result<Verified, Fault> {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(&jwt.fingerprint);
        hash.update(token.as_bytes());
        let key = hash.finish();
        let known = self.known.read(key.as_ref(), |known| known.holds(now).then(|| known.clone()));
        if let Some(known) = known.flatten() {
            return Ok(known);
        }
        let verified = jwt.verify(token, now)?;
        self.known.update(key.as_ref(), |known| known.until_us, || verified.clone(), |_| ());
        Ok(verified)
    }
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
