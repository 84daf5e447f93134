//! Matches that the operator lets pass: of one rule, in one variable, for one operation, until a moment.

use std::sync::Arc;

use smallvec::SmallVec;
use stockade_model::plan::SecLangException;

use crate::collections::Collection;
use crate::compile::pattern::Pattern;
use crate::compile::view::{Keys, Target};

/// The exceptions of one API.
#[derive(Debug, Default)]
pub struct Exceptions(Vec<One>);

#[derive(Debug)]
struct One {
    operation: Option<String>,
    rule: Option<u64>,
    target: Option<Target>,
    expires_us: u64,
}

impl Exceptions {
    /// Compiles exceptions.
    ///
    /// # Errors
    /// The number of the one whose variable does not exist, and the problem.
    pub fn new(plan: &[SecLangException]) -> Result<Self, (usize, String)> {
        let compile = |(number, one): (usize, &SecLangException)| {
            let target = one.variable.as_deref().map(target).transpose().map_err(|problem| (number, problem))?;
            Ok(One {
                operation: one.operation.clone(),
                rule: one.rule,
                target,
                expires_us: one.expires_at.map_or(u64::MAX, |end| end.0),
            })
        };
        plan.iter().enumerate().map(compile).collect::<Result<_, _>>().map(Self)
    }

    /// Those that hold for a request of `operation` at `now_us`.
    pub(crate) fn holding(self: &Arc<Self>, operation: Option<&str>, now_us: u64) -> Holding {
        let holds = |one: &One| {
            now_us < one.expires_us && one.operation.as_deref().is_none_or(|wanted| Some(wanted) == operation)
        };
        let numbers = self.0.iter().enumerate().filter(|(_, one)| holds(one)).map(|(number, _)| number);
        Holding { numbers: numbers.collect(), all: Arc::clone(self) }
    }
}

/// The exceptions that hold for one request.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    all: Arc<Exceptions>,
    numbers: SmallVec<[usize; 4]>,
}

impl Holding {
    fn of(&self, rule: u64) -> impl Iterator<Item = &One> {
        let all = self.numbers.iter().filter_map(|number| self.all.0.get(*number));
        all.filter(move |one| one.rule.is_none_or(|wanted| wanted == rule))
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Whether a rule is let pass whatever it looks at.
    pub(crate) fn cover_rule(&self, rule: u64) -> bool {
        self.of(rule).any(|one| one.target.is_none())
    }

    /// Whether a rule is let pass where it looks at a value of `collection` under `key`.
    pub(crate) fn cover(&self, rule: u64, collection: Collection, key: &[u8]) -> bool {
        let covers = |target: &Target| target.covers(collection) && target.keys.fit(key);
        self.of(rule).any(|one| one.target.as_ref().is_some_and(covers))
    }
}

/// Reads a variable as matches name it, such as `ARGS:json.items.*.note`; `*` stands for any index.
fn target(variable: &str) -> Result<Target, String> {
    let (name, key) = match variable.split_once(':') {
        Some((name, key)) => (name, Some(key)),
        None => (variable, None),
    };
    let collection = Collection::named(&name.to_ascii_uppercase())
        .ok_or_else(|| format!("expected a variable such as `ARGS:name`, got `{variable}`"))?;
    let keys = match key {
        None => Keys::All,
        Some(key) if key.split('.').any(|part| part == "*") => {
            let parts: Vec<String> = key
                .split('.')
                .map(|part| if part == "*" { "[0-9]+".to_owned() } else { regex_syntax::escape(part) })
                .collect();
            let (pattern, _) = Pattern::new(&format!("(?i)\\A{}\\z", parts.join("\\.")))?;
            Keys::Like(pattern)
        }
        Some(key) => Keys::One(key.as_bytes().into()),
    };
    Ok(Target { collection, keys, count: false })
}

#[cfg(test)]
mod tests {
    use stockade_model::Timestamp;

    use super::*;

    fn holding(rule: Option<u64>, variable: Option<&str>) -> Holding {
        let plan = SecLangException {
            operation: Some("save".to_owned()),
            rule,
            variable: variable.map(str::to_owned),
            reason: "a test".to_owned(),
            expires_at: Some(Timestamp(100)),
        };
        Arc::new(Exceptions::new(&[plan]).unwrap()).holding(Some("save"), 99)
    }

    #[test]
    fn all_that_is_named_must_fit() {
        let narrow = holding(Some(7), Some("ARGS:note"));
        assert!(narrow.cover(7, Collection::Args, b"Note"), "keys are compared without regard to case");
        assert!(narrow.cover(7, Collection::ArgsGet, b"note"), "ARGS are those of the query too");
        assert!(!narrow.cover(8, Collection::Args, b"note"));
        assert!(!narrow.cover(7, Collection::Args, b"note2"));
        assert!(!narrow.cover(7, Collection::ArgsNames, b"note"));
        assert!(!narrow.cover_rule(7));
        assert!(holding(Some(7), None).cover_rule(7));
    }

    #[test]
    fn a_star_stands_for_any_index() {
        let star = holding(None, Some("ARGS:json.items.*.note"));
        assert!(star.cover(1, Collection::Args, b"json.items.12.note"));
        assert!(!star.cover(1, Collection::Args, b"json.items.x.note"));
        assert!(!star.cover(1, Collection::Args, b"json.items.12.note.more"));
        assert!(!star.cover(1, Collection::Args, b"jsonxitems.12.note"));
    }

    #[test]
    fn it_holds_for_its_operation_until_it_ends() {
        let plan = SecLangException {
            operation: Some("save".to_owned()),
            rule: Some(7),
            variable: None,
            reason: "a test".to_owned(),
            expires_at: Some(Timestamp(100)),
        };
        let all = Arc::new(Exceptions::new(&[plan]).unwrap());
        assert!(all.holding(Some("save"), 99).cover_rule(7));
        assert!(!all.holding(Some("save"), 100).cover_rule(7));
        assert!(!all.holding(Some("load"), 99).cover_rule(7));
        assert!(!all.holding(None, 99).cover_rule(7));
    }
}
