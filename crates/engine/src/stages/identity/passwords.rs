//! Passwords against argon2id hashes (RFC 9106), and those that were checked before.

use argon2::password_hash::{PasswordHash, PasswordVerifier as _};
use argon2::{Argon2, Params};
use aws_lc_rs::digest;
use stockade_model::Now;

use crate::bounded::Bounded;

/// Most passwords remembered.
const MOST_PASSWORDS: usize = 4 * 1024;
/// How long a wrong password is known for wrong, microseconds: a program that repeats it must not cost a check each time.
const WRONG_US: u64 = 30_000_000;

/// Largest costs of a hash: what one check may take must stay small beside everything else.
const MOST_KIB: u32 = 256 * 1024;
const MOST_ROUNDS: u32 = 16;
const MOST_LANES: u32 = 8;
/// Least memory, KiB: below it a hash is cheap to guess against.
const LEAST_KIB: u32 = 7 * 1024;

/// Whether `password` is the one behind `hash`. Takes tens of milliseconds and the memory that the hash asks for.
#[must_use]
pub fn is_password(hash: &str, password: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

/// Checks that a hash can be used.
///
/// # Errors
/// What was expected and what came; nothing of the hash itself.
pub(super) fn check_hash(hash: &str) -> Result<(), String> {
    let form = "expected an argon2id hash such as `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`";
    let hash = PasswordHash::new(hash).map_err(|_| form.to_owned())?;
    if hash.algorithm.as_str() != "argon2id" || hash.salt.is_none() || hash.hash.is_none() {
        return Err(form.to_owned());
    }
    let params = Params::try_from(&hash).map_err(|_| form.to_owned())?;
    let (kib, rounds, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    if !(LEAST_KIB..=MOST_KIB).contains(&kib) || rounds > MOST_ROUNDS || lanes > MOST_LANES {
        return Err(format!(
            "expected `m` of {LEAST_KIB} to {MOST_KIB}, `t` up to {MOST_ROUNDS} and `p` up to {MOST_LANES}, got \
             m={kib}, t={rounds}, p={lanes}"
        ));
    }
    Ok(())
}

/// Passwords whose check is not repeated for a while. Kept as SHA-256 over the hash they belong to, user and password.
#[derive(Debug)]
pub(crate) struct Passwords {
    known: Bounded<Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    right: bool,
    until_us: u64,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { known: Bounded::new(MOST_PASSWORDS) }
    }
}

impl Passwords {
    /// Whether a password is right, as far as that is remembered.
    pub(super) fn known(&self, key: &[u8; 32], now: Now) -> Option<bool> {
        self.known.read(key, |known| (now.wall.0 < known.until_us).then_some(known.right)).flatten()
    }

    /// Remembers what a check came to.
    pub(super) fn remember(&self, key: &[u8; 32], right: bool, remember_us: u64, now: Now) {
        let until_us = now.wall.0.saturating_add(if right { remember_us } else { WRONG_US.min(remember_us) });
        let fresh = Known { right, until_us };
        // A flood of wrong passwords must not push the right ones out.
        let worth = |known: &Known| if known.right { known.until_us } else { 0 };
        self.known.update(key, worth, || fresh, |known| *known = fresh);
    }
}

/// What a password is remembered by.
pub(super) fn key(hash: &str, user: &str, password: &str) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [hash, user, password] {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part.as_bytes());
    }
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_other_kinds_and_costs_are_refused() {
        let good = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l$Nv3vgZ2u0+5JHzLhsyUMhKbEqjVsxpQ6JNoCrL0KKcE";
        assert_eq!(check_hash(good), Ok(()));
        for (from, to) in [
            ("argon2id", "argon2i"),
            ("m=19456", "m=4096"),
            ("m=19456", "m=1048576"),
            ("t=2", "t=17"),
            ("p=1", "p=9"),
            ("$c29tZXNhbHRzb21l$Nv3vgZ2u0+5JHzLhsyUMhKbEqjVsxpQ6JNoCrL0KKcE", ""),
        ] {
            let problem = check_hash(&good.replace(from, to)).unwrap_err();
            assert!(problem.starts_with("expected "), "{problem}");
        }
        assert!(check_hash("hunter2").is_err());
        assert!(!is_password("hunter2", "hunter2"));
    }
}
