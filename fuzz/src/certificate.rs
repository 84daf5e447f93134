//! Reads any bytes as a client certificate: what is read has a subject that is bounded and free of controls.

use stockade_gateway::fuzzing::certificate;

/// Reads any bytes as a client certificate: what is read has a subject that is bounded and free of controls.
pub fn run(data: &[u8]) {
    assert!(certificate(data));
}
