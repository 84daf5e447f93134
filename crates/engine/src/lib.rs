//! From request to verdict: a pure function of bundle, state, request and now. No I/O, no clock, no randomness.
//!
//! `pipeline.rs` holds the ordered list of stages; each stage is one file.

pub mod exchange;
pub mod pipeline;
pub mod state;

pub use exchange::{Admitted, Body, BodyPolicy, Cleared, Record, Refused};
pub use pipeline::{Engine, PlanError};
pub use state::State;
