//! Checks any bytes as frames of a WebSocket, whole and in pieces: the first byte is their size.

use stockade_gateway::fuzzing::websocket;

/// Checks any bytes as frames of a WebSocket, whole and in pieces: the first byte is their size.
pub fn run(data: &[u8]) {
    let Some((step, bytes)) = data.split_first() else { return };
    assert!(websocket(bytes, usize::from(*step)));
}
