//! Decoders: what else a value could mean once a back end undoes another layer of encoding.

mod base64;
mod css;
mod form;
mod hex;
mod html;
mod inflate;
mod json;
mod jwt;
mod percent;
mod unicode;
mod width;

pub(crate) use hex::is_hex_text;
use smallvec::SmallVec;

use crate::detect::Classes;

/// Layers that are undone.
const DEPTH: usize = 4;
/// Values derived from one.
const DERIVED: usize = 24;

/// The decoding steps that led to a value, outermost first.
pub(crate) type Steps = SmallVec<[&'static str; DEPTH]>;

/// A value that was decoded from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Derived {
    pub(crate) bytes: Vec<u8>,
    pub(crate) steps: Steps,
}

/// Bytes that may still be decoded for one request.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: usize,
}

impl Budget {
    pub(crate) const fn new(bytes: usize) -> Self {
        Self { bytes }
    }

    /// Takes `bytes` from what is left; false, for ever after, when that is not enough.
    fn take(&mut self, bytes: usize) -> bool {
        match self.bytes.checked_sub(bytes) {
            Some(left) => {
                self.bytes = left;
                true
            }
            None => {
                self.bytes = 0;
                false
            }
        }
    }

    /// Takes all that is left: a value that cannot be unfolded wholly ends the inspection.
    const fn exhaust(&mut self) {
        self.bytes = 0;
    }

    /// Whether nothing more can be decoded.
    pub(crate) const fn is_spent(&self) -> bool {
        self.bytes == 0
    }
}

/// Everything that `value` can be decoded to, in up to four layers, within the budget.
pub(crate) fn derive(value: &[u8], classes: Classes, budget: &mut Budget) -> Vec<Derived> {
    let mut out: Vec<Derived> = Vec::new();
    layer(value, classes, &Steps::new(), &mut out, budget);
    let mut next = 0;
    while let Some(Derived { bytes, steps }) = out.get(next).cloned() {
        next += 1;
        if steps.len() < DEPTH {
            layer(&bytes, Classes::of(&bytes), &steps, &mut out, budget);
        } else if steps.iter().all(|step| *step == "percent") && percent::decode(&bytes).is_some() {
            // Nobody encodes so often by mistake: what is below cannot be told, so it is refused.
            budget.exhaust();
        }
    }
    out
}

fn layer(value: &[u8], classes: Classes, steps: &Steps, out: &mut Vec<Derived>, budget: &mut Budget) {
    let mut add = |step: &'static str, bytes: Vec<u8>| {
        let room = out.len() < DERIVED && bytes != value && !out.iter().any(|known| known.bytes == bytes);
        if room && budget.take(bytes.len().max(16)) {
            let mut steps = steps.clone();
            steps.push(step);
            out.push(Derived { bytes, steps });
        }
    };
    if classes.any(Classes::PERCENT)
        && let Some(bytes) = percent::decode(value)
    {
        add("percent", bytes);
    }
    if classes.any(Classes::PLUS)
        && let Some(bytes) = form::decode(value)
    {
        add("form", bytes);
    }
    if classes.any(Classes::AMPERSAND)
        && let Some(bytes) = html::decode(value)
    {
        add("html", bytes);
    }
    if classes.any(Classes::BACKSLASH)
        && let Some(bytes) = unicode::decode(value)
    {
        add("unicode", bytes);
    }
    if classes.any(Classes::BACKSLASH)
        && let Some(bytes) = css::decode(value)
    {
        add("css", bytes);
    }
    if classes.any(Classes::HIGH)
        && let Some(bytes) = width::decode(value)
    {
        add("width", bytes);
    }
    if classes.any(Classes::BRACE.and(Classes::PAREN)) {
        for bytes in json::decode(value) {
            add("json", bytes);
        }
    }
    if let Some(bytes) = base64::decode(value, classes) {
        add("base64", bytes);
    }
    if let Some(bytes) = hex::decode(value) {
        add("hex", bytes);
    }
    if let Some(bytes) = jwt::decode(value) {
        add("jwt", bytes);
    }
    if classes.any(Classes::HIGH.and(Classes::CONTROL)) {
        match inflate::decode(value) {
            inflate::Inflated::No => {}
            inflate::Inflated::Whole(bytes) => add("inflate", bytes),
            inflate::Inflated::TooLong => budget.exhaust(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(value: &str) -> Vec<(String, Vec<&'static str>)> {
        derive(value.as_bytes(), Classes::of(value.as_bytes()), &mut Budget::new(1 << 20))
            .into_iter()
            .map(|derived| (String::from_utf8_lossy(&derived.bytes).into_owned(), derived.steps.to_vec()))
            .collect()
    }

    #[test]
    fn layers_are_undone_in_turn() {
        assert!(all("%2527").contains(&("'".to_owned(), vec!["percent", "percent"])));
        assert!(all("%26lt%3Bb").contains(&("<b".to_owned(), vec!["percent", "html"])));
        let encoded = "eyJhIjoiPHNjcmlwdD4ifQ==";
        assert!(all(encoded).contains(&("<script>".to_owned(), vec!["base64", "json"])));
        assert_eq!(all("plain text"), []);
    }

    #[test]
    fn no_more_than_four_layers_are_undone() {
        assert!(!all("%2525252527").contains(&("'".to_owned(), vec!["percent"; 5])));
        let mut budget = Budget::new(1 << 20);
        let deep = b"%2525252527";
        derive(deep, Classes::of(deep), &mut budget);
        assert!(budget.is_spent(), "deeper ones end the inspection");
        assert!(all("%25252527").contains(&("'".to_owned(), vec!["percent"; 4])));
    }

    #[test]
    fn the_budget_bounds_what_is_derived() {
        let value = "%2541".repeat(1000);
        let mut budget = Budget::new(4000);
        let derived = derive(value.as_bytes(), Classes::of(value.as_bytes()), &mut budget);
        assert!(derived.iter().map(|derived| derived.bytes.len()).sum::<usize>() <= 4000);
        assert!(budget.is_spent());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(value in proptest::collection::vec(any::<u8>(), 0..128)) {
            derive(&value, Classes::of(&value), &mut Budget::new(10_000));
        }

        #[test]
        fn no_escapes_make_it_panic(value in "(%|%u00|&#|&#x|;|&lt|\\\\u|\\\\x|\\\\|0|1|a|é|＜|[{\"}\\]]){0,24}") {
            derive(value.as_bytes(), Classes::of(value.as_bytes()), &mut Budget::new(10_000));
        }
    }
}
