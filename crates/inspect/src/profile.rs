//! What a parameter normally holds, and how much a value departs from that.
//!
//! A profile counts lengths and kinds of byte of the values that were accepted. It says something from 20 values on, and
//! never by itself: its surprise only adds to what a detector saw. When values drift away, it stops learning and judging,
//! so that nobody can teach it an attack step by step; when the new kind stays, it begins anew.

use crate::detect::Classes;

/// Values from which a profile judges.
const ENOUGH: u32 = 20;
/// Values after which it changes no more than slowly: counts are halved, so that old values fade.
const FULL: u32 = 2000;
/// Share of departing values, in a moving average, from which a profile is frozen.
const DRIFTED: f32 = 0.3;
/// Values that a frozen profile sees before it begins anew.
const ANEW: u16 = 500;
/// Below this share of all values a property is rare.
const RARE: f32 = 0.05;
/// The most that surprise adds to a finding: this part of what is missing to certainty.
const WEIGHT: f32 = 0.6;
const LENGTHS: usize = 16;
const BITS: usize = 19;

/// What a value looks like, in a few bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Its length in powers of two.
    length: u8,
    classes: Classes,
}

impl Shape {
    pub(crate) fn of(length: usize, classes: Classes) -> Self {
        let length = usize::BITS - length.leading_zeros();
        Self { length: u8::try_from(length).unwrap_or(u8::MAX).min(LENGTHS as u8 - 1), classes }
    }

    /// A number of JSON.
    pub(crate) fn number() -> Self {
        Self::of(4, Classes::DIGIT)
    }
}

/// What one parameter of one operation normally holds. Some hundred bytes, whatever it has seen.
#[derive(Debug, Clone)]
pub struct Profile {
    count: u32,
    lengths: [u16; LENGTHS],
    classes: [u16; BITS],
    /// Moving average of departing values, 0.0 to 1.0.
    drift: f32,
    /// Values seen since it froze; `None` while it learns.
    frozen: Option<u16>,
}

impl Default for Profile {
    fn default() -> Self {
        Self { count: 0, lengths: [0; LENGTHS], classes: [0; BITS], drift: 0.0, frozen: None }
    }
}

impl Profile {
    /// How many values it has learned from, up to its bound.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// How unusual a value is: 0.0, as always, to 1.0; 0.0 too while it cannot say.
    #[must_use]
    pub fn surprise(&self, shape: Shape) -> f32 {
        if self.count < ENOUGH || self.frozen.is_some() {
            return 0.0;
        }
        self.departure(shape)
    }

    /// Takes in a value that was accepted.
    pub fn learn(&mut self, shape: Shape) {
        if self.count >= ENOUGH {
            let departs = f32::from(u8::from(self.departure(shape) > 0.5));
            self.drift += (departs - self.drift) / 8.0;
            match &mut self.frozen {
                Some(seen) => {
                    *seen = seen.saturating_add(1);
                    if self.drift < DRIFTED / 3.0 {
                        self.frozen = None;
                    } else if *seen >= ANEW {
                        *self = Self::default();
                    } else {
                        return;
                    }
                }
                None if self.drift > DRIFTED => {
                    self.frozen = Some(0);
                    return;
                }
                None => {}
            }
        }
        if self.count >= FULL {
            self.count /= 2;
            self.lengths.iter_mut().chain(&mut self.classes).for_each(|count| *count /= 2);
        }
        self.count += 1;
        if let Some(count) = self.lengths.get_mut(usize::from(shape.length)) {
            *count += 1;
        }
        for (bit, count) in self.classes.iter_mut().enumerate() {
            *count += u16::from(shape.classes.has(bit));
        }
    }

    fn departure(&self, shape: Shape) -> f32 {
        // Longer than usual departs, shorter does not: attacks need room.
        let as_long: u32 = self.lengths.iter().skip(usize::from(shape.length)).map(|count| u32::from(*count)).sum();
        let kinds = self.classes.iter().enumerate().filter(|(bit, _)| shape.classes.has(*bit));
        let rare = kinds.map(|(_, count)| self.rarity(u32::from(*count)));
        let usual = rare.fold(1.0 - 0.7 * self.rarity(as_long), |usual, rare| usual * (1.0 - 0.7 * rare));
        1.0 - usual
    }

    /// How rare a property is that `count` of all values had: 0.0 for a common one. Few values make nothing very rare.
    #[expect(clippy::cast_precision_loss, reason = "at most some thousand")]
    fn rarity(&self, count: u32) -> f32 {
        let share = (count as f32 + 0.5) / (self.count as f32 + 1.0);
        ((RARE - share) / RARE).clamp(0.0, 1.0)
    }
}

/// A confidence with the surprise of its value added.
pub(crate) fn raised(confidence: f32, surprise: f32) -> f32 {
    confidence + (1.0 - confidence) * WEIGHT * surprise.clamp(0.0, 1.0)
}

/// The key of a place under `seed`: the same for every index of a list (FNV-1a).
pub(crate) fn key(seed: u64, place: &str) -> u64 {
    let mut inside = false;
    place.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        inside = match byte {
            b'[' => true,
            b']' => false,
            _ => inside,
        };
        let skipped = inside && byte.is_ascii_digit();
        if skipped { hash } else { (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Shape {
        Shape::of(text.len(), Classes::of(text.as_bytes()))
    }

    fn learned(values: &[&str], times: usize) -> Profile {
        let mut profile = Profile::default();
        for value in values.iter().cycle().take(values.len() * times) {
            profile.learn(shape(value));
        }
        profile
    }

    #[test]
    fn tens_of_values_are_enough_to_be_surprised() {
        let few = learned(&["7", "42", "1001"], 6);
        assert!(few.surprise(shape("1 or sleep(5)")).abs() < f32::EPSILON, "too few to say");
        let profile = learned(&["7", "42", "1001"], 10);
        assert!(profile.surprise(shape("1 or sleep(5)")) > 0.7);
        assert!(profile.surprise(shape("99")) < 0.1);
        assert!(raised(0.6, profile.surprise(shape("1 or sleep(5)"))) > 0.75);
    }

    #[test]
    fn a_parameter_of_free_text_is_not_surprised_by_text() {
        let texts = ["it's (so) nice; isn't it? <3", "a = b & c -- \"quoted\"", "50% off / $5 + tax #1"];
        let profile = learned(&texts, 30);
        assert!(profile.surprise(shape("O'Brien; \"x\" = (y)")) < 0.1);
    }

    #[test]
    fn it_freezes_on_drift_and_begins_anew_when_that_stays() {
        let mut profile = learned(&["7", "42"], 50);
        for _ in 0..30 {
            profile.learn(shape("' or 1=1 --"));
        }
        assert!(profile.frozen.is_some());
        assert!(profile.departure(shape("' or 1=1 --")) > 0.5, "what drifted in was hardly learned");
        assert!(profile.surprise(shape("' or 1=1 --")).abs() < f32::EPSILON, "frozen, it says nothing");
        for _ in 0..ANEW {
            profile.learn(shape("alice"));
        }
        assert!(profile.frozen.is_none() || profile.count() < 600);
    }

    #[test]
    fn every_index_of_a_list_has_one_key() {
        assert_eq!(key(1, "body.items[0].note"), key(1, "body.items[17].note"));
        assert_ne!(key(1, "body.items[0].note"), key(2, "body.items[0].note"));
        assert_ne!(key(1, "body.a1"), key(1, "body.a2"));
    }
}
