//! Sets of bytes, so that "does this value hold one of those" is four instructions.

/// A set of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ByteSet([u64; 4]);

/// Length from which bytes are marked first.
const LONG: usize = 1024;

impl ByteSet {
    /// Every byte.
    pub(crate) const ALL: Self = Self([u64::MAX; 4]);
    /// No byte.
    pub(crate) const EMPTY: Self = Self([0; 4]);

    /// These bytes.
    pub(crate) const fn of(mut bytes: &[u8]) -> Self {
        let mut set = Self::EMPTY;
        while let [first, rest @ ..] = bytes {
            set = set.and(*first);
            bytes = rest;
        }
        set
    }

    /// The bytes from `first` to `last`.
    pub(crate) const fn range(first: u8, last: u8) -> Self {
        let mut set = Self::EMPTY;
        let mut byte = first as u16;
        while byte <= last as u16 {
            set = set.and(byte as u8);
            byte += 1;
        }
        set
    }

    const fn and(self, byte: u8) -> Self {
        let Self([a, b, c, d]) = self;
        let bit = 1_u64 << (byte & 63);
        match byte >> 6 {
            0 => Self([a | bit, b, c, d]),
            1 => Self([a, b | bit, c, d]),
            2 => Self([a, b, c | bit, d]),
            _ => Self([a, b, c, d | bit]),
        }
    }

    /// Both together.
    pub(crate) const fn with(self, other: Self) -> Self {
        let (Self([a, b, c, d]), Self([e, f, g, h])) = (self, other);
        Self([a | e, b | f, c | g, d | h])
    }

    /// The bytes that stand in a value.
    pub(crate) fn present(value: &[u8]) -> Self {
        let mut set = Self::EMPTY;
        if value.len() <= LONG {
            value.iter().for_each(|byte| set.insert(*byte));
            return set;
        }
        // A mark for each byte is quicker to make than a bit, but there are 256 to be gathered.
        let mut seen = [false; 256];
        for byte in value {
            if let Some(mark) = seen.get_mut(usize::from(*byte)) {
                *mark = true;
            }
        }
        (0..=u8::MAX).zip(seen).filter(|(_, seen)| *seen).for_each(|(byte, _)| set.insert(byte));
        set
    }

    /// Adds a byte.
    pub(crate) fn insert(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    /// Whether a byte is in it.
    pub(crate) fn contains(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    /// Whether some byte is in both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).any(|(one, two)| one & two != 0)
    }

    /// Whether every byte of this one is in `other`.
    pub(crate) fn within(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(one, two)| one & !two == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_long_values_are_those_of_short_ones() {
        let long: Vec<u8> = (0..=u8::MAX).filter(|byte| byte % 3 == 0).cycle().take(LONG + 1).collect();
        let (short, _) = long.split_at(86);
        assert_eq!(ByteSet::present(&long), ByteSet::present(short));
        assert!(ByteSet::present(&long).contains(255) && !ByteSet::present(&long).contains(1));
    }
}
