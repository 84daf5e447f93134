//! Fields that not every role may send or see.

use serde_json::Value;
use stockade_inspect::ParsedBody;
use stockade_model::plan::{FieldRulePlan, OperationPlan};
use stockade_model::{Identity, Request};

use crate::PlanError;
use crate::field_path::{FieldPath, place_text};
use crate::glob::Reading;
use crate::json_text::{Choice, Editor, Step};
use crate::operations::Selection;

/// One rule, compiled.
#[derive(Debug)]
pub(crate) struct FieldRule {
    /// Name in config.
    pub(crate) name: String,
    select: Option<Selection>,
    fields: Vec<FieldPath>,
    send: Option<Vec<String>>,
    see: Option<Vec<String>>,
}

/// What a field rule is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// A field in a request.
    Send,
    /// A field in a response.
    See,
}

impl FieldRule {
    /// Compiles a rule; `setting` names it in errors.
    ///
    /// # Errors
    /// A field that is none, or a selector that does not compile.
    pub(crate) fn new(plan: &FieldRulePlan, operations: &[OperationPlan], setting: &str) -> Result<Self, PlanError> {
        let fields = plan.fields.iter().map(|field| FieldPath::parse(field)).collect::<Result<Vec<_>, _>>();
        let select = plan
            .select
            .as_ref()
            .map(|select| Selection::new(select, operations, Reading::Lenient, setting))
            .transpose()?;
        Ok(Self {
            name: plan.name.clone(),
            select,
            fields: fields.map_err(|problem| PlanError::new(setting, problem))?,
            send: plan.send.clone(),
            see: plan.see.clone(),
        })
    }

    /// Whether it keeps fields of this request or its response from this caller.
    pub(crate) fn applies(
        &self,
        way: Way,
        operation: Option<usize>,
        request: &Request,
        identity: Option<&Identity>,
    ) -> bool {
        let roles = match way {
            Way::Send => &self.send,
            Way::See => &self.see,
        };
        let Some(roles) = roles else { return false };
        let is_one_of_them = identity.is_some_and(|identity| roles.iter().any(|role| identity.roles.contains(role)));
        !is_one_of_them && self.select.as_ref().is_none_or(|select| select.selects(operation, request))
    }

    fn names(&self, place: &[Step<'_>]) -> bool {
        self.fields.iter().any(|field| field.fits(place))
    }

    /// Roles that may do what others may not, for people.
    pub(crate) fn wish(&self, way: Way) -> String {
        let roles = match way {
            Way::Send => &self.send,
            Way::See => &self.see,
        };
        match roles.as_deref() {
            None | Some([]) => "nobody".to_owned(),
            Some(roles) => format!("role {}", roles.join(" or ")),
        }
    }
}

/// A field that may not be sent, or a reason to think that there could be one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// This field, by the rule of this index.
    Field(usize, String),
    /// Something in which it could stand and not be seen.
    Unseen(&'static str),
}

/// Looks for a field that one of `rules` keeps back in a request's body; in its query too where a framework may read
/// both as one.
pub(crate) fn forbidden(
    rules: &[&FieldRule],
    body: Option<&ParsedBody>,
    bytes: &[u8],
    query: &[(String, String)],
) -> Option<Sent> {
    for (name, _) in query {
        if let Some(found) = in_name(rules, name, "query") {
            return Some(found);
        }
    }
    match body? {
        ParsedBody::Json { value, shadowed, .. } => {
            if !shadowed.is_empty() {
                // Which value counts only the upstream knows.
                return Some(Sent::Unseen("a body in which a name comes twice"));
            }
            in_json(rules, value, &mut Vec::new())
        }
        ParsedBody::Form(pairs) => pairs.iter().find_map(|(name, _)| in_name(rules, name, "body")),
        ParsedBody::Multipart(parts) => parts.iter().find_map(|part| {
            // A part may hold JSON itself.
            let inner = serde_json::from_slice::<Value>(&part.content).unwrap_or_default();
            in_name(rules, &part.name, "body").or_else(|| in_json(rules, &inner, &mut Vec::new()))
        }),
        // A lenient upstream reads JSON and forms whatever their media type says.
        ParsedBody::Text(text) => match serde_json::from_str::<Value>(text) {
            Ok(value) => in_json(rules, &value, &mut Vec::new()),
            Err(_) => stockade_inspect::body::parse_pairs(text.as_bytes())
                .find_map(|(name, _)| in_name(rules, &String::from_utf8_lossy(&name), "body")),
        },
        ParsedBody::Binary => {
            let value = serde_json::from_slice::<Value>(bytes).ok()?;
            in_json(rules, &value, &mut Vec::new())
        }
        ParsedBody::Empty => None,
    }
}

/// The name of a form's field; `user[role]` and `user.role` are places.
fn in_name(rules: &[&FieldRule], name: &str, part: &str) -> Option<Sent> {
    let steps: Vec<Step<'_>> = name
        .split(['[', ']', '.'])
        .filter(|step| !step.is_empty())
        .take(32)
        .map(|step| step.parse().map_or_else(|_| Step::Key(step.into()), Step::Index))
        .collect();
    let rule = rules.iter().position(|rule| rule.names(&steps))?;
    Some(Sent::Field(rule, format!("{part}.{name}")))
}

/// Depth is bounded by what is parsed: 127 levels.
fn in_json<'a>(rules: &[&FieldRule], value: &'a Value, place: &mut Vec<Step<'a>>) -> Option<Sent> {
    let mut inner = |step: Step<'a>, value: &'a Value| {
        place.push(step);
        let found = match rules.iter().position(|rule| rule.names(place)) {
            Some(rule) => Some(Sent::Field(rule, place_text(place))),
            None => in_json(rules, value, place),
        };
        place.pop();
        found
    };
    match value {
        Value::Object(members) => members.iter().find_map(|(name, value)| inner(Step::Key(name.into()), value)),
        Value::Array(items) => items.iter().enumerate().find_map(|(at, item)| inner(Step::Index(at), item)),
        _ => None,
    }
}

/// Takes fields out of a response.
#[derive(Debug)]
pub(crate) struct Hiding<'a> {
    /// Rules that keep fields from the caller.
    pub(crate) rules: Vec<&'a FieldRule>,
    /// How many were taken out, by rule.
    pub(crate) hidden: Vec<usize>,
}

impl Editor for Hiding<'_> {
    fn choose(&mut self, place: &[Step<'_>]) -> Choice {
        let Some(rule) = self.rules.iter().position(|rule| rule.names(place)) else { return Choice::Keep };
        if let Some(count) = self.hidden.get_mut(rule) {
            *count += 1;
        }
        Choice::Remove
    }
}
