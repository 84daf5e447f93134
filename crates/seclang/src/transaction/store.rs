//! The values of one transaction with everything that was made of them: each change of a value is made once, and each
//! distinct form is searched once, however many rules ask.

use smallvec::SmallVec;

use crate::bytes::ByteSet;
use crate::collections::Collection;
use crate::compile::GROUPS;
use crate::compile::prefilter::{Bits, Prefilter};
use crate::transformations::{Transformation, UnicodeMap};

/// No search was made yet.
const UNKNOWN: u32 = u32::MAX;

/// One form of a value.
#[derive(Debug)]
struct Variant {
    bytes: Vec<u8>,
    present: ByteSet,
    /// Transformations that change nothing, a bit each.
    unchanged: u64,
    derived: SmallVec<[(Transformation, u32); 3]>,
    /// Where its bits begin, by group.
    hits: [u32; GROUPS],
    /// The form that this one is in other letters: both are found by the same texts.
    same: Option<u32>,
}

#[derive(Debug)]
struct Value {
    key: Box<[u8]>,
    variant: u32,
}

/// A value as some rule looks at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    /// What the rule asked for.
    pub(crate) collection: Collection,
    /// Number of the value.
    pub(crate) value: u32,
    /// Number of its form.
    pub(crate) variant: u32,
}

/// All values of one transaction.
#[derive(Debug)]
pub(crate) struct Store {
    variants: Vec<Variant>,
    values: Vec<Value>,
    collections: Vec<Vec<u32>>,
    bits: Vec<u64>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            variants: Vec::with_capacity(128),
            values: Vec::with_capacity(128),
            collections: vec![Vec::new(); Collection::COUNT],
            bits: Vec::with_capacity(2048),
        }
    }
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Store {
    fn form(&mut self, bytes: Vec<u8>) -> u32 {
        let present = ByteSet::present(&bytes);
        self.variants.push(Variant {
            bytes,
            present,
            unchanged: 0,
            derived: SmallVec::new(),
            hits: [UNKNOWN; GROUPS],
            same: None,
        });
        number(self.variants.len() - 1)
    }

    /// Adds a value; answers its number.
    pub(crate) fn add(&mut self, collection: Collection, key: &[u8], bytes: Vec<u8>) -> u32 {
        let variant = self.form(bytes);
        self.values.push(Value { key: key.into(), variant });
        let value = number(self.values.len() - 1);
        self.also(collection, value);
        value
    }

    /// Makes a value part of a further collection.
    pub(crate) fn also(&mut self, collection: Collection, value: u32) {
        if let Some(list) = self.collections.get_mut(collection as usize) {
            list.push(value);
        }
    }

    /// Replaces a variable with one value.
    pub(crate) fn set(&mut self, collection: Collection, bytes: impl Into<Vec<u8>>) {
        self.clear(collection);
        self.add(collection, b"", bytes.into());
    }

    /// Empties a collection.
    pub(crate) fn clear(&mut self, collection: Collection) {
        if let Some(list) = self.collections.get_mut(collection as usize) {
            list.clear();
        }
    }

    /// Numbers of the values of a collection.
    pub(crate) fn list(&self, collection: Collection) -> &[u32] {
        self.collections.get(collection as usize).map_or(&[], Vec::as_slice)
    }

    /// Key of a value.
    pub(crate) fn key(&self, value: u32) -> &[u8] {
        self.values.get(value as usize).map_or(&[], |value| &value.key)
    }

    /// Number of a value's own form.
    pub(crate) fn own(&self, value: u32) -> u32 {
        self.values.get(value as usize).map_or(0, |value| value.variant)
    }

    /// A value as it came.
    pub(crate) fn raw(&self, value: u32) -> &[u8] {
        self.bytes(self.own(value)).0
    }

    /// A form, and which bytes stand in it.
    pub(crate) fn bytes(&self, variant: u32) -> (&[u8], &ByteSet) {
        self.variants.get(variant as usize).map_or((&[], &ByteSet::EMPTY), |variant| (&variant.bytes, &variant.present))
    }

    /// The first value of a collection under a key (any key when `None`).
    pub(crate) fn first(&self, collection: Collection, key: Option<&[u8]>) -> Option<&[u8]> {
        self.list(collection)
            .iter()
            .find(|value| key.is_none_or(|key| self.key(**value).eq_ignore_ascii_case(key)))
            .map(|value| self.raw(*value))
    }

    /// The form that a transformation makes of another.
    pub(crate) fn step(&mut self, variant: u32, transformation: Transformation, map: &UnicodeMap) -> u32 {
        let bit = 1_u64 << transformation as u32;
        let Some(known) = self.variants.get_mut(variant as usize) else { return variant };
        if known.unchanged & bit != 0 {
            return variant;
        }
        if let Some((_, derived)) = known.derived.iter().find(|(done, _)| *done == transformation) {
            return *derived;
        }
        let Some(changed) = transformation.change(&known.bytes, &known.present, map) else {
            known.unchanged |= bit;
            return variant;
        };
        let derived = self.form(changed);
        if matches!(transformation, Transformation::Lowercase | Transformation::Uppercase) {
            let same = self.variants.get(variant as usize).and_then(|known| known.same).unwrap_or(variant);
            if let Some(form) = self.variants.get_mut(derived as usize) {
                form.same = Some(same);
            }
        }
        if let Some(known) = self.variants.get_mut(variant as usize) {
            known.derived.push((transformation, derived));
        }
        derived
    }

    /// Where the bits of a form begin: which tests of a group could match it.
    pub(crate) fn hits(&mut self, variant: u32, group: usize, prefilter: &Prefilter) -> u32 {
        let variant = self.variants.get(variant as usize).and_then(|known| known.same).unwrap_or(variant);
        let Some(known) = self.variants.get_mut(variant as usize) else { return 0 };
        let Some(hits) = known.hits.get_mut(group) else { return 0 };
        if *hits == UNKNOWN {
            *hits = number(self.bits.len());
            prefilter.search(&known.bytes, &known.present, &mut self.bits);
        }
        *hits
    }

    /// The bits that begin at `start`.
    pub(crate) fn bits(&self, start: u32, words: usize) -> &Bits {
        let start = start as usize;
        self.bits.get(start..start + words).unwrap_or_default()
    }

    /// Appends empty bits; answers where they begin.
    pub(crate) fn new_bits(&mut self, words: usize) -> u32 {
        let start = self.bits.len();
        self.bits.resize(start + words, 0);
        number(start)
    }

    /// Adds the bits at `from` to those at `into`.
    pub(crate) fn merge_bits(&mut self, into: u32, from: u32, words: usize) {
        for word in 0..words {
            let more = self.bits.get(from as usize + word).copied().unwrap_or_default();
            if let Some(bits) = self.bits.get_mut(into as usize + word) {
                *bits |= more;
            }
        }
    }
}
