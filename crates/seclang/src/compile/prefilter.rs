//! One search for the texts of all patterns and phrases of a group of phases: which of them could match a value at all.

use std::collections::HashMap;

use super::grams::Grams;
use crate::bytes::ByteSet;

/// Collects texts; [`Builder::build`] makes the search.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    texts: HashMap<Vec<u8>, Vec<u32>>,
    always: Vec<u32>,
    tests: u32,
}

/// Which tests could match: a bit for each.
pub(crate) type Bits = [u64];

/// The search.
#[derive(Debug, Default)]
pub(crate) struct Prefilter {
    grams: Grams,
    owners: Vec<Vec<u32>>,
    single: Vec<(u8, Vec<u32>)>,
    single_bytes: ByteSet,
    always: Vec<u64>,
}

impl Builder {
    /// Adds a test, which can match only values that hold one of `texts` (lower case); any value when absent.
    /// Answers its number.
    pub(crate) fn add(&mut self, texts: Option<Vec<Vec<u8>>>) -> u32 {
        let test = self.tests;
        self.tests += 1;
        match texts.filter(|texts| texts.iter().all(|text| !text.is_empty())) {
            Some(texts) => {
                for text in texts {
                    self.texts.entry(text).or_default().push(test);
                }
            }
            None => self.always.push(test),
        }
        test
    }

    /// Builds the search.
    pub(crate) fn build(self) -> Prefilter {
        let words = (self.tests as usize).div_ceil(64).max(1);
        let mut always = vec![0; words];
        for test in self.always {
            set(&mut always, test);
        }
        let mut longer: Vec<(Vec<u8>, Vec<u32>)> = Vec::new();
        let mut single: Vec<(u8, Vec<u32>)> = Vec::new();
        let mut single_bytes = ByteSet::EMPTY;
        let mut texts: Vec<(Vec<u8>, Vec<u32>)> = self.texts.into_iter().collect();
        texts.sort();
        for (text, owners) in texts {
            if let [byte] = text.as_slice() {
                single.push((*byte, owners.clone()));
                single_bytes.insert(*byte);
                if byte.is_ascii_lowercase() {
                    single.push((byte.to_ascii_uppercase(), owners));
                    single_bytes.insert(byte.to_ascii_uppercase());
                }
            } else {
                longer.push((text, owners));
            }
        }
        let (texts, owners): (Vec<_>, Vec<_>) = longer.into_iter().unzip();
        Prefilter { grams: Grams::new(texts), owners, single, single_bytes, always }
    }
}

impl Prefilter {
    /// How many words of bits one value takes.
    pub(crate) fn words(&self) -> usize {
        self.always.len()
    }

    /// Appends the bits of a value whose bytes are `present`.
    pub(crate) fn search(&self, value: &[u8], present: &ByteSet, out: &mut Vec<u64>) {
        let start = out.len();
        out.extend_from_slice(&self.always);
        let Some(bits) = out.get_mut(start..) else { return };
        if self.single_bytes.meets(present) {
            for (byte, tests) in &self.single {
                if present.contains(*byte) {
                    tests.iter().for_each(|test| set(bits, *test));
                }
            }
        }
        self.grams.search(value, |text| {
            if let Some(tests) = self.owners.get(text) {
                tests.iter().for_each(|test| set(bits, *test));
            }
        });
    }
}

fn set(bits: &mut [u64], test: u32) {
    if let Some(word) = bits.get_mut(test as usize / 64) {
        *word |= 1 << (test % 64);
    }
}

/// Whether a test could match.
pub(crate) fn is_set(bits: &Bits, test: u32) -> bool {
    bits.get(test as usize / 64).is_some_and(|word| word >> (test % 64) & 1 == 1)
}
