//! A WebSocket after its upgrade: frames checked, bytes passed on in both directions.

/// A switched connection on the upstream's side.
pub(crate) struct Tunnel {}
