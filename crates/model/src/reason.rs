//! Reasons: the stable codes by which a refusal is named, counted and documented.

/// One reason why an exchange was refused or failed. Each stage declares its own as constants.
#[derive(Debug, PartialEq, Eq)]
pub struct Reason {
    /// Stable code, `stage.cause`, such as `framing.cl_te`.
    pub code: &'static str,
    /// Status that the caller sees.
    pub status: u16,
    /// What happened, for the reference page: one sentence without a full stop.
    pub meaning: &'static str,
    /// What the operator can do about it: one sentence without a full stop.
    pub remedy: &'static str,
    /// The clause behind it, such as `RFC 9112 6.1`; empty when it is ours alone.
    pub source: &'static str,
}
