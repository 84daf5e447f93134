//! Reads any bytes as a bundle: as they are, and behind a proper beginning. None is ever taken for one.

use stockade_gateway::bundle::{BundleKeys, MAGIC, parse};

/// Reads any bytes as a bundle: as they are, and behind a proper beginning. None is ever taken for one.
pub fn run(data: &[u8]) {
    let keys = BundleKeys { public: vec![0x5a; 32], seal: Some(vec![0x5a; 32]) };
    assert!(parse(data, &keys).is_err());
    for format in [1_u32, 2] {
        let begun = [&MAGIC[..], &format.to_le_bytes()[..], data].concat();
        assert!(parse(&begun, &keys).is_err());
    }
}
