//! Decodes any bytes with every decoder of the inspect stage: bounded, and never to the same value.

use stockade_inspect::fuzzing::decoders;

/// Decodes any bytes with every decoder of the inspect stage: bounded, and never to the same value.
pub fn run(data: &[u8]) {
    assert!(decoders(data));
}
