//! A failed attempt at one target, and whether another attempt is safe.

use std::borrow::Cow;

use stockade_model::Reason;

use super::UpstreamFailure;

/// Which requests may be sent again after a failure (RFC 9110 9.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// None: an answer had begun, or the upstream may have acted on the request.
    Never,
    /// Those with an idempotent method: the request was sent, no byte of an answer came.
    Idempotent,
    /// All: the upstream cannot have acted on it.
    Always,
}

/// Why one attempt failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: &'static Reason,
    pub(super) detail: Cow<'static, str>,
    pub(super) retry: Retry,
    /// It happened on a connection from the pool that the upstream had closed meanwhile: nobody's fault.
    pub(super) stale: bool,
}

impl Failure {
    /// A failure after which nothing is sent again.
    pub(super) fn new(reason: &'static Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, detail: detail.into(), retry: Retry::Never, stale: false }
    }

    /// The same, with another answer to whether it may be sent again.
    pub(super) const fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// As the rest of the gateway sees it.
    pub(super) fn at(self, target: &str) -> UpstreamFailure {
        let detail = format!("{target}: {}", self.detail);
        UpstreamFailure { reason: self.reason, detail, target: Some(target.to_owned()) }
    }
}

/// Whether sending a request twice has the effect of sending it once (RFC 9110 9.2.2).
pub(super) fn is_idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "TRACE")
}
