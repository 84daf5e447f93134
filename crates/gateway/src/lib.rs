//! Sockets: accepts connections, reads strict HTTP, asks the engine, forwards what it cleared, writes events.
//!
//! Each worker is one thread with its own single-threaded runtime, its own connections and its own upstream pool;
//! what they share is in `shared.rs`.

pub mod bundle;
pub mod clock;
#[doc(hidden)]
pub mod fuzzing;
pub mod message;
pub mod offline;
pub mod process;
pub mod shared;
pub mod spool;

mod accept;
mod challenges;
mod chunked;
mod control;
mod emit;
mod exchange;
mod folder;
mod http1;
mod http2;
mod limits;
mod look_ups;
mod normalise;
mod policy;
mod reasons;
mod refuse;
mod rule_log;
mod server;
#[cfg(test)]
mod testing;
mod tls;
mod trial;
mod upstream;
mod websocket;

pub use challenges::Challenges;
pub use look_ups::LookUps;
pub use policy::NOTICES;
pub use reasons::reasons;
pub use server::Server;
pub use tls::Certificates;
pub use upstream::{Health, Upstreams};
