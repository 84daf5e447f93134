//! The data that crosses a boundary: requests, identities, verdicts, findings, events and the plan.
//!
//! Nothing here does I/O, reads a clock or decides. Every other crate imports this one; it imports none of ours.

pub mod address;
pub mod canonical;
pub mod decision;
pub mod event;
pub mod finding;
pub mod headers;
pub mod identity;
pub mod plan;
pub mod reason;
pub mod request;
pub mod response;
pub mod secret;
pub mod time;
pub mod trace;
pub mod verdict;

pub use address::Cidr;
pub use canonical::{CanonicalPath, PathError, PathForm, PathForms};
pub use decision::{Decision, DecisionAction, Selector};
pub use event::{Event, Notice};
pub use finding::Finding;
pub use headers::Headers;
pub use identity::{Binding, Identity};
pub use plan::Plan;
pub use reason::Reason;
pub use request::{Client, ClientCertificate, Framing, HttpVersion, Request, RequestId, Scheme, TlsFacts};
pub use response::ResponseHead;
pub use secret::Secret;
pub use time::{Now, Timestamp};
pub use trace::TraceContext;
pub use verdict::{Mode, Puzzle, Refusal, Stage, VerdictKind};
