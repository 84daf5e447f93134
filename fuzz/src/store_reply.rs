//! Reads any bytes as a reply of the store that shares limits.

use stockade_gateway::fuzzing::store_reply;

/// Reads any bytes as a reply of the store that shares limits.
pub fn run(data: &[u8]) {
    assert!(store_reply(data));
}
