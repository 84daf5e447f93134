//! Strict HTTP/1.1: heads, bodies, connections (RFC 9112).
