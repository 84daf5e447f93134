//! What this crate can find and refuse, for the generated reference.

use std::sync::LazyLock;

use stockade_model::Reason;

use crate::detect::DETECTORS;
use crate::{body, inspector};

/// One detector, as the reference shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetectorInfo {
    /// Name in config, findings and events.
    pub name: &'static str,
    /// What it finds: one sentence without a full stop.
    pub what: &'static str,
    /// Why that matters: one sentence without a full stop.
    pub why: &'static str,
    /// A value on which it fires.
    pub example: &'static str,
}

static INFOS: LazyLock<Vec<DetectorInfo>> = LazyLock::new(|| DETECTORS.iter().map(|detector| *detector.info).collect());

/// Every detector, in the order in which they run.
#[must_use]
pub fn detectors() -> &'static [DetectorInfo] {
    &INFOS
}

/// Every reason that this crate gives for refusing a request.
#[must_use]
pub fn reasons() -> Vec<&'static Reason> {
    body::REASONS.iter().chain(inspector::REASONS).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_codes_are_unique() {
        let names: BTreeSet<_> = detectors().iter().map(|info| info.name).collect();
        assert_eq!(names.len(), detectors().len());
        let codes: BTreeSet<_> = reasons().iter().map(|reason| reason.code).collect();
        assert_eq!(codes.len(), reasons().len());
        assert!(codes.iter().all(|code| code.starts_with("inspect.")));
    }
}
