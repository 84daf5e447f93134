//! HTTP/2 (RFC 9113) on the h2 crate, behind a frame guard.
//!
//! `connection` drives one connection, `stream` one request on it; `body` and `sink` are its two halves for
//! `exchange`. `guard` reads the frame headers that pass and keeps control frames within `budget`.

mod body;
mod budget;
mod connection;
mod frames;
mod guard;
mod line;
pub(crate) mod reasons;
mod settings;
mod sink;
mod stream;
mod streams;

pub(crate) use connection::serve;
