//! Exchanges with scripted upstreams on the loopback address.

pub(crate) mod support;

mod checks;
mod framing;
mod http2;
mod pooling;
mod streaming;
mod tls;
