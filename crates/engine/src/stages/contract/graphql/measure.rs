//! What an operation asks for: its depth, its aliases, its cost, and the fields that it reads.
//!
//! A fragment is measured once for each type that it is read on, however often it is used, so that fragments of fragments
//! cost no more time than they have words.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value as Json};
use stockade_model::plan::{GraphqlFieldPlan, GraphqlPlan, GraphqlSchemaPlan};

use super::document::{Document, Field, Kind, Operation, Selection, Value};

/// Fragments within fragments.
const FRAGMENT_DEPTH: u32 = 50;

/// The size of an operation, or of a part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// Fields within fields.
    pub(super) depth: u32,
    /// Fields under another name.
    pub(super) aliases: u64,
    /// Fields at the top.
    pub(super) roots: u64,
    /// Points.
    pub(super) cost: u64,
    /// Whether the schema itself is asked for.
    pub(super) introspects: bool,
}

/// Measures one operation.
pub(super) struct Measure<'a> {
    plan: &'a GraphqlPlan,
    document: &'a Document<'a>,
    defaults: &'a HashMap<&'a str, Value<'a>>,
    variables: Option<&'a Map<String, Json>>,
    /// Fragments by name and type; `None` while one is being measured.
    known: HashMap<(&'a str, Option<&'a str>), Option<Size>>,
    fragments: u32,
    /// Fields by type, where it is known, each once.
    pub(super) fields: HashSet<(Option<&'a str>, &'a str)>,
}

impl<'a> Measure<'a> {
    /// Measures an operation with its variables.
    ///
    /// # Errors
    /// A field, type or fragment that there is not, or fragments that go in circles.
    pub(super) fn of(
        plan: &'a GraphqlPlan,
        document: &'a Document<'a>,
        operation: &'a Operation<'a>,
        variables: Option<&'a Map<String, Json>>,
    ) -> Result<(Size, Self), String> {
        let mut measure = Self {
            plan,
            document,
            defaults: &operation.variables,
            variables,
            known: HashMap::new(),
            fragments: 0,
            fields: HashSet::new(),
        };
        let on = match &plan.schema {
            None => Some(operation.kind.root()),
            Some(schema) => {
                let root = match operation.kind {
                    Kind::Query => &schema.query,
                    Kind::Mutation => &schema.mutation,
                    Kind::Subscription => &schema.subscription,
                };
                Some(root.as_deref().ok_or_else(|| format!("expected no {}", operation.kind.name()))?)
            }
        };
        let size = measure.selections(&operation.selections, on)?;
        Ok((size, measure))
    }

    fn schema(&self) -> Option<&'a GraphqlSchemaPlan> {
        self.plan.schema.as_ref()
    }

    fn selections(&mut self, selections: &'a [Selection<'a>], on: Option<&'a str>) -> Result<Size, String> {
        let mut sum = Size::default();
        for selection in selections {
            let size = match selection {
                Selection::Field(field) => self.field(field, on)?,
                Selection::Spread(name) => self.fragment(name, on)?,
                Selection::Inline(None, selections) => self.selections(selections, on)?,
                Selection::Inline(Some(named), selections) => {
                    let named = self.named(named)?;
                    self.selections(selections, named)?
                }
            };
            sum.depth = sum.depth.max(size.depth);
            sum.aliases = sum.aliases.saturating_add(size.aliases);
            sum.roots = sum.roots.saturating_add(size.roots);
            sum.cost = sum.cost.saturating_add(size.cost);
            sum.introspects |= size.introspects;
        }
        Ok(sum)
    }

    /// The type that a condition names.
    fn named(&self, name: &'a str) -> Result<Option<&'a str>, String> {
        match self.schema() {
            Some(schema) if !schema.types.contains_key(name) => {
                Err("expected a type of the schema, got another".into())
            }
            _ => Ok(Some(name)),
        }
    }

    fn fragment(&mut self, name: &'a str, on: Option<&'a str>) -> Result<Size, String> {
        match self.known.get(&(name, on)) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err("expected fragments that end, got a circle".to_owned()),
            None => {}
        }
        if self.fragments >= FRAGMENT_DEPTH {
            return Err(format!("expected at most {FRAGMENT_DEPTH} fragments within each other"));
        }
        let document = self.document;
        let fragment = document.fragments.get(name).ok_or("expected a fragment of the document, got another")?;
        let named = self.named(fragment.on)?;
        self.known.insert((name, on), None);
        self.fragments += 1;
        let size = self.selections(&fragment.selections, named)?;
        self.fragments -= 1;
        self.known.insert((name, on), Some(size));
        Ok(size)
    }

    fn field(&mut self, field: &'a Field<'a>, on: Option<&'a str>) -> Result<Size, String> {
        let mut size = Size { depth: 1, aliases: u64::from(field.is_aliased), roots: 1, ..Size::default() };
        if field.name == "__typename" {
            return Ok(size);
        }
        if matches!(field.name, "__schema" | "__type") {
            // What is below is told by the specification, not by the schema.
            size.introspects = true;
            size.cost = 1;
            return Ok(size);
        }
        self.fields.insert((on, field.name));
        let known = self.known_field(field, on)?;
        let below_on = known.map(|known| known.kind.as_str());
        let below = self.selections(&field.selections, below_on)?;
        size.depth = size.depth.saturating_add(below.depth);
        size.aliases = size.aliases.saturating_add(below.aliases);
        size.introspects |= below.introspects;
        let own = known.map_or(1, |known| u64::from(known.cost));
        let each = below.cost.saturating_mul(self.count(field, known));
        size.cost = own.saturating_add(each);
        Ok(size)
    }

    fn known_field(&self, field: &Field<'a>, on: Option<&'a str>) -> Result<Option<&'a GraphqlFieldPlan>, String> {
        let (Some(schema), Some(on)) = (self.schema(), on) else { return Ok(None) };
        let known = schema.types.get(on).and_then(|kind| kind.get(field.name));
        let known = known.ok_or("expected a field of the schema, got another")?;
        if field.arguments.iter().any(|(name, _)| !known.arguments.iter().any(|known| known == name)) {
            return Err(format!("expected only arguments of `{}`, got another", field.name));
        }
        if field.selections.is_empty() == schema.types.contains_key(&known.kind) {
            let problem = if field.selections.is_empty() { "expected fields of" } else { "expected no fields of" };
            return Err(format!("{problem} `{}`", field.name));
        }
        Ok(Some(known))
    }

    /// How many of what a field holds are asked for.
    fn count(&self, field: &Field<'a>, known: Option<&GraphqlFieldPlan>) -> u64 {
        let of_field = known.map_or(&[][..], |known| known.size_arguments.as_slice());
        let names = if of_field.is_empty() { self.plan.size_arguments.as_slice() } else { of_field };
        let sizes = field.arguments.iter().filter(|(name, _)| names.iter().any(|known| known == name));
        let asked = sizes.filter_map(|(_, value)| self.number(*value)).max();
        let assumed =
            known.and_then(|known| known.list_size).or(known.filter(|known| known.list).map(|_| self.plan.list_size));
        asked.or(assumed.map(u64::from)).unwrap_or(1).max(1)
    }

    fn number(&self, value: Value<'a>) -> Option<u64> {
        let name = match value {
            Value::Int(number) => return Some(number),
            Value::Other => return None,
            Value::Variable(name) => name,
        };
        match self.variables.and_then(|variables| variables.get(name)) {
            Some(Json::Null) => None,
            Some(Json::Number(number)) => Some(
                number
                    .as_u64()
                    .unwrap_or_else(|| if number.as_f64().is_some_and(|number| number < 1.0) { 0 } else { u64::MAX }),
            ),
            Some(_) => Some(u64::MAX),
            None => match self.defaults.get(name) {
                Some(Value::Int(number)) => Some(*number),
                _ => None,
            },
        }
    }
}

impl Kind {
    /// What the type of its fields is mostly called.
    const fn root(self) -> &'static str {
        match self {
            Self::Query => "Query",
            Self::Mutation => "Mutation",
            Self::Subscription => "Subscription",
        }
    }

    /// For people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }
}
