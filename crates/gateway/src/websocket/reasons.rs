//! Why a WebSocket was ended by the gateway.

use stockade_model::Reason;

/// Frames before the switch.
pub(crate) const EARLY: Reason = Reason {
    code: "websocket.early",
    status: 400,
    meaning: "bytes followed the handshake before it was answered: a request to one side, a frame to the other",
    remedy: "use a client that waits for the answer",
    source: "RFC 6455 4.1",
};

/// Broken frames.
pub(crate) const FRAME: Reason = Reason {
    code: "websocket.frame",
    status: 400,
    meaning: "a frame breaks the protocol or passes a limit; the tunnel was closed with 1002, 1008 or 1009",
    remedy: "look at the peer named in the detail, or raise `gateway.limits.websocket_message`",
    source: "RFC 6455 5, 7.4.1",
};

/// A peer that stalls or is silent.
pub(crate) const SILENT: Reason = Reason {
    code: "websocket.silent",
    status: 408,
    meaning: "nothing was sent either way for ten times `gateway.timeouts.idle`, or one side stopped reading",
    remedy: "let the application send pings",
    source: "",
};

/// All reasons of this part.
pub(crate) const REASONS: &[&Reason] = &[&EARLY, &FRAME, &SILENT];
