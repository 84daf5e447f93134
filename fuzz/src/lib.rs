//! The fuzz targets: each reads any bytes, and panics where something does not hold that must.
//!
//! `fuzz_targets` gives each of them to libFuzzer; `tests/seconds.rs` runs all of them for a moment with every test run.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a target that panics is what is looked for")]

pub mod body;
pub mod bundle;
pub mod certificate;
pub mod chunked;
pub mod contract;
pub mod decode;
pub mod exchange;
pub mod http1_head;
pub mod inspect;
pub mod mask;
pub mod normalise;
pub mod rule_set;
pub mod seclang;
pub mod spool;
pub mod spool_keys;
pub mod store_reply;
pub mod tokenise;
pub mod transformations;
pub mod websocket;

#[allow(dead_code, clippy::redundant_pub_crate, reason = "what tests of the gateway share")]
#[path = "../../crates/gateway/src/testing.rs"]
mod testing;

/// Reads any bytes.
pub type Target = fn(&[u8]);

/// Every target, by its name.
pub const TARGETS: [(&str, Target); 19] = [
    ("body", body::run),
    ("bundle", bundle::run),
    ("certificate", certificate::run),
    ("chunked", chunked::run),
    ("contract", contract::run),
    ("decode", decode::run),
    ("exchange", exchange::run),
    ("http1_head", http1_head::run),
    ("inspect", inspect::run),
    ("mask", mask::run),
    ("normalise", normalise::run),
    ("rule_set", rule_set::run),
    ("seclang", seclang::run),
    ("spool", spool::run),
    ("spool_keys", spool_keys::run),
    ("store_reply", store_reply::run),
    ("tokenise", tokenise::run),
    ("transformations", transformations::run),
    ("websocket", websocket::run),
];
