//! Ways in for the fuzz targets.

use crate::decode::{Budget, derive};
use crate::detect::Classes;

/// Whether what is decoded from `bytes` stays within its budget, also when every decoder is asked whether or not the
/// value looks like one of its own.
#[must_use]
pub fn decoders(bytes: &[u8]) -> bool {
    const MOST: usize = 1 << 16;
    let every: Vec<u8> = (0..=u8::MAX).collect();
    [Classes::of(bytes), Classes::of(&every)].into_iter().all(|classes| {
        let derived = derive(bytes, classes, &mut Budget::new(MOST));
        derived.iter().map(|one| one.bytes.len()).sum::<usize>() <= MOST && derived.iter().all(|one| one.bytes != bytes)
    })
}
