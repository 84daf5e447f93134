//! Limits that several gateways count together, through a Redis or Valkey.
//!
//! Exact counts are asked for by each worker over a connection of its own (`exact`); approximate ones are told and read
//! a few times a second by one task of the process (`sync`), which also knows whether the store is there and how many
//! gateways are. The store decides nothing that the engine could not decide alone: when it is silent, each gateway
//! admits its share.

mod client;
mod exact;
pub(crate) mod resp;
mod script;
mod sync;

pub(crate) use exact::Exact;
pub(crate) use sync::keep;
