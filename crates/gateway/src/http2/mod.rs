//! HTTP/2 (RFC 9113) on the h2 crate, behind a frame guard.
