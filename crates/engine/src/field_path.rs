//! Which fields of a JSON body are meant: a name anywhere, or a place.

#![allow(dead_code, reason = "stages that change bodies use it")]

use std::fmt;

use crate::json_text::Step;

/// Longest path, in steps.
const LONGEST: usize = 32;

/// Chooses fields: `name` at any depth, `$.name` at the top, `items[*].name` or `items.name` at one place; `*` is any
/// name. Steps through arrays need not be written: `items.name` is every `name` in the list `items`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldPath {
    text: String,
    anywhere: bool,
    names: Vec<String>,
}

impl FieldPath {
    /// Reads a path.
    ///
    /// # Errors
    /// What was expected and what came.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a field, such as `password`, `$.id` or `items[*].cost`, got `{text}`");
        let (anchored, rest) = text.strip_prefix("$.").map_or((false, text), |rest| (true, rest));
        let names: Vec<String> = rest.split('.').map(|name| name.trim_end_matches("[*]").to_owned()).collect();
        let good = |name: &String| !name.is_empty() && !name.contains(['[', ']', '$']);
        if names.len() > LONGEST || !names.iter().all(good) {
            return Err(wrong());
        }
        Ok(Self { text: text.to_owned(), anywhere: !anchored && names.len() == 1, names })
    }

    /// Whether the field at `place` is meant.
    pub(crate) fn fits(&self, place: &[Step<'_>]) -> bool {
        let Some(Step::Key(last)) = place.last() else { return false };
        let fits = |wanted: &str, name: &str| wanted == "*" || wanted == name;
        if self.anywhere {
            return self.names.first().is_some_and(|wanted| fits(wanted, last));
        }
        let mut wanted = self.names.iter();
        let mut steps = place.iter().filter_map(|step| match step {
            Step::Key(name) => Some(name),
            Step::Index(_) => None,
        });
        steps.all(|name| wanted.next().is_some_and(|wanted| fits(wanted, name))) && wanted.next().is_none()
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// A place as findings name it: `body.items[2].note`.
pub(crate) fn place_text(place: &[Step<'_>]) -> String {
    let mut out = "body".to_owned();
    for step in place {
        match step {
            Step::Key(name) => {
                out.push('.');
                out.push_str(name);
            }
            Step::Index(place) => out.push_str(&format!("[{place}]")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(path: &str, place: &str) -> bool {
        let steps: Vec<Step<'_>> =
            place.split('/').map(|step| step.parse().map_or_else(|_| Step::Key(step.into()), Step::Index)).collect();
        FieldPath::parse(path).unwrap().fits(&steps)
    }

    #[test]
    fn a_name_is_meant_anywhere_and_a_path_in_one_place() {
        assert!(fits("cost", "cost") && fits("cost", "items/3/cost"));
        assert!(fits("$.cost", "cost") && !fits("$.cost", "items/3/cost"));
        assert!(fits("items[*].cost", "items/3/cost") && fits("items.cost", "items/0/cost"));
        assert!(!fits("items.cost", "items/0/cost/x") && !fits("items.cost", "x/items/0/cost"));
        assert!(fits("*.cost", "any/cost") && !fits("*.cost", "cost"));
        assert!(!fits("items", "items/0"), "an element is no field");
        assert!(fits("$.cost", "4/cost"), "a list at the top has fields at the top");
    }

    #[test]
    fn what_is_no_path_is_told() {
        for text in ["", ".", "a..b", "a[0]", "$", "a.$b", &"a.".repeat(40)] {
            assert!(FieldPath::parse(text).is_err(), "{text}");
        }
    }
}
