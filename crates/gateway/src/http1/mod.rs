//! Strict HTTP/1.1: heads, bodies, connections (RFC 9112).
//!
//! `connection` runs the loop; `head` and `framing` are the grammar; `transport`, `body` and `writer` move
//! the bytes.

mod body;
mod connection;
pub(crate) mod framing;
pub(crate) mod head;
pub(crate) mod reasons;
pub(crate) mod transport;
mod writer;

pub(crate) use body::Incoming;
pub(crate) use connection::{arrive, serve};
pub(crate) use head::Scanner;
