//! Exchanges with scripted upstreams on the loopback address.

pub(crate) mod support;

mod framing;
mod pooling;
