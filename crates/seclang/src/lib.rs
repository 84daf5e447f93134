//! SecLang rules run over a request and its response: what ModSecurity does, on a plan that was compiled ahead.
//!
//! Pure: no clock, file or socket; the moment is passed in and what lasts between requests is [`Memory`]. Reading order:
//! `compile` (plan to [`RuleSet`]), `transaction` (one request through the phases), then `operators`,
//! `transformations` and `bodies`, one family a file.

mod bodies;
mod bytes;
mod collections;
mod compile;
mod exceptions;
pub mod fuzzing;
mod memory;
pub mod message;
mod operators;
pub mod report;
mod transaction;
mod transformations;

pub use compile::{CompileError, RuleSet};
pub use exceptions::Exceptions;
pub use memory::Memory;
pub use message::Message;
pub use report::Match;
pub use transaction::{Circumstances, Denial, Transaction};
