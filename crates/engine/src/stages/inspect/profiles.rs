//! What the parameters of all operations normally hold. Learned from requests that were let pass and that the upstream
//! accepted; in memory only, and bounded.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use stockade_inspect::profile::{Profile, Shape};

use crate::bounded::Bounded;

/// Parameters that are remembered; about 150 bytes each.
const PARAMETERS: usize = 16 * 1024;
/// Segments of a path that are read where no contract names the operation.
const SEGMENTS: usize = 16;

/// The profiles of all parameters.
#[derive(Debug)]
pub(crate) struct Profiles {
    map: Bounded<Profile>,
}

impl Default for Profiles {
    fn default() -> Self {
        Self { map: Bounded::new(PARAMETERS) }
    }
}

impl Profiles {
    /// How unusual a value is where `key` says.
    pub(crate) fn surprise(&self, key: u64, shape: Shape) -> f32 {
        self.map.read(&key.to_le_bytes(), |profile| profile.surprise(shape)).unwrap_or_default()
    }

    /// Learns what an accepted request held.
    pub(crate) fn learn(&self, observed: &[(u64, Shape)]) {
        for (key, shape) in observed {
            let worth = |profile: &Profile| u64::from(profile.count());
            self.map.update(&key.to_le_bytes(), worth, Profile::default, |profile| profile.learn(*shape));
        }
    }
}

/// A number for an operation: of its id, or of method and path where the contract does not know it. Segments with digits
/// stand for ids there.
pub(crate) fn seed(api: &str, operation: Option<&str>, method: &str, path: &str) -> u64 {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    match operation {
        Some(id) => hasher.hash_one((api, id)),
        None => {
            let named = |segment| if has_digit(segment) { "*" } else { segment };
            let segments: Vec<&str> = path.split('/').take(SEGMENTS).map(named).collect();
            hasher.hash_one((api, method, segments))
        }
    }
}

fn has_digit(segment: &str) -> bool {
    segment.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_told_apart_and_ids_are_not() {
        let path = |path| seed("shop", None, "GET", path);
        assert_eq!(path("/orders/17"), path("/orders/18"));
        assert_ne!(path("/orders/17"), path("/users/17"));
        assert_ne!(seed("shop", Some("a"), "GET", "/"), seed("shop", Some("b"), "GET", "/"));
        assert_ne!(seed("shop", Some("a"), "GET", "/"), seed("bank", Some("a"), "GET", "/"));
    }
}
