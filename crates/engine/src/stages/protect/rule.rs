//! One rule: which fields it is about, for whom, and what becomes of their values.

use stockade_inspect::mask::{self, Class};
use stockade_inspect::tokenise::Tokeniser;
use stockade_model::Identity;
use stockade_model::plan::{ProtectAction, ProtectRulePlan};

use crate::field_path::FieldPath;
use crate::json_text::Step;

/// What stands in place of a value that has no other form.
pub(super) const MASK: &str = mask::MASKED;
/// Shortest value of which an end may stay in clear.
const KEEP_FROM: usize = 8;

/// One rule, compiled.
#[derive(Debug)]
pub(crate) struct Rule {
    fields: Vec<FieldPath>,
    /// Shapes of values that it is about, whatever the field.
    pub(super) classes: Vec<Class>,
    action: ProtectAction,
    keep_last: usize,
    /// Callers with one of these roles get values in clear.
    unless_roles: Vec<String>,
    pub(super) in_events: bool,
    pub(super) in_responses: bool,
}

impl Rule {
    pub(super) fn new(plan: &ProtectRulePlan) -> Result<Self, String> {
        let fields = plan.fields.iter().map(|field| FieldPath::parse(field)).collect::<Result<Vec<_>, _>>()?;
        let class = |name: &String| Class::named(name).ok_or_else(|| format!("expected a class, got `{name}`"));
        let classes = plan.classes.iter().map(class).collect::<Result<Vec<_>, _>>()?;
        if fields.is_empty() && classes.is_empty() {
            return Err("expected `fields` or `classes`".to_owned());
        }
        Ok(Self {
            fields,
            classes,
            action: plan.action,
            keep_last: usize::from(plan.keep_last),
            unless_roles: plan.unless_roles.clone(),
            in_events: plan.in_events,
            in_responses: plan.in_responses,
        })
    }

    pub(super) fn makes_tokens(&self) -> bool {
        self.action == ProtectAction::Tokenise
    }

    pub(super) fn removes(&self) -> bool {
        self.action == ProtectAction::Remove
    }

    /// Whether it applies to answers for this caller.
    pub(super) fn applies(&self, identity: Option<&Identity>) -> bool {
        !identity.is_some_and(|identity| self.unless_roles.iter().any(|role| identity.roles.contains(role)))
    }

    /// Whether it is about the field at a place.
    pub(super) fn names(&self, place: &[Step<'_>]) -> bool {
        self.fields.iter().any(|field| field.fits(place))
    }

    /// Whether it is about values of some shape that stands in `value`.
    pub(super) fn recognises(&self, value: &str) -> bool {
        !self.classes.is_empty() && mask::classes(value).iter().any(|(_, class)| self.classes.contains(class))
    }

    /// `value` with what it recognises in it replaced.
    pub(super) fn replaced_within(&self, value: &str, tokeniser: Option<&Tokeniser>) -> String {
        let mut out = String::with_capacity(value.len());
        let mut copied = 0;
        for (range, class) in mask::classes(value) {
            if self.classes.contains(&class) {
                out.push_str(value.get(copied..range.start).unwrap_or_default());
                out.push_str(&self.replaced(value.get(range.clone()).unwrap_or_default(), tokeniser));
                copied = range.end;
            }
        }
        out.push_str(value.get(copied..).unwrap_or_default());
        out
    }

    /// What stands in place of a value. A value that cannot be a token is masked.
    pub(super) fn replaced(&self, value: &str, tokeniser: Option<&Tokeniser>) -> String {
        match self.action {
            ProtectAction::Remove => String::new(),
            ProtectAction::Tokenise => {
                tokeniser.and_then(|tokeniser| tokeniser.token(value)).unwrap_or_else(|| MASK.to_owned())
            }
            ProtectAction::Mask => self.masked(value),
        }
    }

    fn masked(&self, value: &str) -> String {
        let length = value.chars().count();
        if self.keep_last == 0 || length < KEEP_FROM.max(self.keep_last * 2) {
            return MASK.to_owned();
        }
        let hidden = length - self.keep_last;
        value.chars().enumerate().map(|(place, letter)| if place < hidden { '*' } else { letter }).collect()
    }
}
