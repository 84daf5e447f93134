//! Ways in for the fuzz targets: what is skipped to save time is compared with what would have come of it.

use std::sync::Arc;

use crate::bytes::ByteSet;
use crate::compile::RuleSet;
use crate::transformations::Transformation;

/// Whether no transformation is skipped that would change the value.
#[must_use]
pub fn transformations(value: &[u8]) -> bool {
    let present = ByteSet::present(value);
    let map = [[0x2018, 0x27], [0x2019, 0x27], [0xff07, 0x27]];
    Transformation::all()
        .all(|one| one.change(value, &present, &map) == one.apply(value, &map).filter(|changed| changed != value))
}

/// Whether SQL and script injection are found as without what is spared.
#[must_use]
pub fn injections(value: &[u8]) -> bool {
    crate::operators::injection::agree(value)
}

/// The same rules without their search for texts: every operator is asked about every value.
#[must_use]
pub fn unfiltered(mut rules: RuleSet) -> Arc<RuleSet> {
    for link in rules.phases.iter_mut().flatten().flat_map(|rule| &mut rule.links) {
        link.test = None;
    }
    Arc::new(rules)
}
