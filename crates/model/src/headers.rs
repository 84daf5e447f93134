//! Header fields in the order they came, names in lower case, in one buffer.

use std::ops::Range;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    name: Range<u32>,
    value: Range<u32>,
}

/// An ordered list of header fields. One allocation holds all bytes, one the positions.
///
/// INVARIANT: every range lies inside `bytes` and every name is ASCII in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    bytes: Vec<u8>,
    fields: Vec<Field>,
}

impl Headers {
    /// An empty list with room for `fields` fields of `bytes` bytes together.
    #[must_use]
    pub fn with_capacity(fields: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), fields: Vec::with_capacity(fields) }
    }

    /// Appends a field; the name is put in lower case, the value is kept byte for byte.
    ///
    /// Returns `false`, and appends nothing, when the name is not ASCII or the list would pass 4 GiB.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> bool {
        let start = self.bytes.len();
        let fits = start
            .checked_add(name.len())
            .and_then(|sum| sum.checked_add(value.len()))
            .is_some_and(|sum| u32::try_from(sum).is_ok());
        if !fits || !name.is_ascii() {
            return false;
        }
        self.bytes.extend(name.iter().map(u8::to_ascii_lowercase));
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(value);
        let end = self.bytes.len();
        #[expect(clippy::cast_possible_truncation, reason = "checked above: the sum fits in u32")]
        self.fields.push(Field { name: start as u32..middle as u32, value: middle as u32..end as u32 });
        true
    }

    fn slice(&self, range: &Range<u32>) -> &[u8] {
        self.bytes.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    fn name_of(&self, field: &Field) -> &str {
        std::str::from_utf8(self.slice(&field.name)).unwrap_or_default()
    }

    /// Every field as `(name, value)`, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| (self.name_of(field), self.slice(&field.value)))
    }

    /// The first value of `name` (lower case).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// The first value of `name` (lower case), when it is UTF-8.
    #[must_use]
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Every value of `name` (lower case), in order.
    pub fn get_all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(move |field| self.slice(&field.name) == name.as_bytes())
            .map(|field| self.slice(&field.value))
    }

    /// Whether `name` (lower case) is present.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Removes every field for which `keep` answers `false`. The bytes stay until the list is dropped.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &[u8]) -> bool) {
        let Self { bytes, fields } = self;
        let slice = |range: &Range<u32>| bytes.get(range.start as usize..range.end as usize).unwrap_or_default();
        fields.retain(|field| {
            let name = std::str::from_utf8(slice(&field.name)).unwrap_or_default();
            keep(name, slice(&field.value))
        });
    }

    /// Removes every field called `name` (lower case).
    pub fn remove(&mut self, name: &str) {
        self.retain(|field, _| field != name);
    }

    /// Replaces every field called `name` by one, at the end.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        self.remove(name);
        self.push(name.as_bytes(), value);
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The bytes of all names and values together, removed ones included.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_cased_and_order_is_kept() {
        let mut headers = Headers::default();
        headers.push(b"X-One", b"1");
        headers.push(b"Accept", b"a");
        headers.push(b"x-one", b"2");
        let all: Vec<_> = headers.iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(all, ["x-one", "accept", "x-one"]);
        assert_eq!(headers.get_all("x-one").collect::<Vec<_>>(), [b"1", b"2"]);
        headers.set("x-one", b"3");
        assert_eq!(headers.get_all("x-one").collect::<Vec<_>>(), [b"3"]);
        assert_eq!(headers.len(), 2);
    }
}
