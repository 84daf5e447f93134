//! The parameters of one operation: found, read, checked; and what the query holds beside them.

use std::borrow::Cow;
use std::collections::HashSet;

use smallvec::SmallVec;
use stockade_inspect::{BodyLimits, ParsedBody};
use stockade_model::Request;
use stockade_model::plan::{KeyPlace, OperationPlan, ParameterIn, ParameterPlan, ParameterStyle, Unknown};

use super::schema::{Gathered, SchemaId, Schemas};
use super::shape::Shape;
use super::styles::{self, Pairs, Raw};
use crate::PlanError;
use crate::confined::{Scope, is_ignored_header};
use crate::fields::{cookies, decode_query, query_parts};
use crate::stage::Facts;

/// Bounds of a parameter that is a JSON text; its length is bounded by that of a head.
const JSON_LIMITS: BodyLimits =
    BodyLimits { json_depth: 32, json_values: 1000, decompress_ratio: 1, decompressed_bytes: 1 << 20 };

/// All parameters of one operation.
#[derive(Debug)]
pub(crate) struct Parameters {
    list: Vec<Parameter>,
    /// Names that the query may hold.
    query_names: HashSet<String>,
    /// Prefixes such as `filter[` of `deepObject` parameters.
    query_prefixes: Vec<String>,
    /// Whether any query parameter is let pass.
    query_is_open: bool,
    has_cookies: bool,
}

#[derive(Debug)]
struct Parameter {
    name: String,
    place: ParameterIn,
    required: bool,
    style: ParameterStyle,
    explode: bool,
    shape: Shape,
    schema: SchemaId,
    /// For path parameters: place in the template.
    position: usize,
}

/// What is wrong with the parameters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One that must be there is not.
    Missing(String),
    /// One is not what the contract says.
    Wrong(String),
    /// The query holds one that the contract does not know.
    Unknown(String),
}

impl Parameters {
    /// Compiles the parameters of `plan`; `names` are those of its template, in order.
    ///
    /// # Errors
    /// A schema that does not compile, a style that does not fit its place.
    pub(crate) fn new(
        plan: &OperationPlan,
        names: &[String],
        unknown: Unknown,
        schemas: &mut Gathered<'_>,
        setting: &str,
    ) -> Result<Self, PlanError> {
        let mut parameters = Self {
            list: Vec::with_capacity(plan.parameters.len()),
            query_names: HashSet::new(),
            query_prefixes: Vec::new(),
            query_is_open: unknown == Unknown::Pass,
            has_cookies: false,
        };
        for parameter in &plan.parameters {
            if parameter.place == ParameterIn::Header && is_ignored_header(&parameter.name) {
                continue;
            }
            let at = format!("{setting}.parameters.{}", parameter.name);
            let compiled = Parameter::new(parameter, names, schemas, &at)?;
            parameters.has_cookies |= parameter.place == ParameterIn::Cookie;
            if parameter.place == ParameterIn::Query {
                parameters.add_query(&compiled);
            }
            parameters.list.push(compiled);
        }
        Ok(parameters)
    }

    fn add_query(&mut self, parameter: &Parameter) {
        if parameter.style == ParameterStyle::DeepObject {
            self.query_prefixes.push(format!("{}[", parameter.name));
        } else if parameter.shape.is_object() && parameter.explode && parameter.style != ParameterStyle::Json {
            self.query_names.extend(parameter.shape.names().map(str::to_owned));
            self.query_is_open |= parameter.shape.more_properties;
        } else {
            self.query_names.insert(parameter.name.clone());
        }
    }

    /// Checks a request's parameters.
    ///
    /// # Errors
    /// The first fault.
    pub(crate) fn check(&self, request: &Request, facts: &Facts, schemas: &Schemas) -> Result<(), Fault> {
        let query = request.query.as_deref().unwrap_or_default();
        let mut pairs: SmallVec<[(Cow<'_, str>, &str); 8]> = SmallVec::new();
        for (name, value) in query_parts(query) {
            let Some(name) = decode_query(name) else {
                return Err(Fault::Wrong("query: expected names in UTF-8".to_owned()));
            };
            if !self.query_is_open && !self.knows(&name, facts) {
                let shown = stockade_inspect::mask::text(&name, 80);
                return Err(Fault::Unknown(format!("expected only declared query parameters, got `{shown}`")));
            }
            pairs.push((name, value));
        }
        // A field that is not text would be overlooked here and still be forwarded.
        if self.has_cookies && request.headers.get_all("cookie").any(|value| std::str::from_utf8(value).is_err()) {
            return Err(Fault::Wrong("header `cookie`: expected UTF-8".to_owned()));
        }
        self.list.iter().try_for_each(|parameter| parameter.check(request, &pairs, facts, schemas))
    }

    fn knows(&self, name: &str, facts: &Facts) -> bool {
        self.query_names.contains(name)
            || self.query_prefixes.iter().any(|prefix| name.starts_with(prefix))
            || facts.credential.as_ref().is_some_and(|known| known.place == KeyPlace::Query && known.name == name)
    }
}

impl Parameter {
    fn new(
        plan: &ParameterPlan,
        names: &[String],
        schemas: &mut Gathered<'_>,
        setting: &str,
    ) -> Result<Self, PlanError> {
        use ParameterStyle::{DeepObject, Form, Json, Label, Matrix, PipeDelimited, Simple, SpaceDelimited};
        let fits = match plan.place {
            _ if plan.style == Json => true,
            ParameterIn::Path => matches!(plan.style, Simple | Label | Matrix),
            ParameterIn::Query => matches!(plan.style, Form | SpaceDelimited | PipeDelimited | DeepObject),
            ParameterIn::Header => plan.style == Simple,
            ParameterIn::Cookie => plan.style == Form,
        };
        if !fits {
            let problem = format!("style {:?} does not fit parameters in {:?}", plan.style, plan.place);
            return Err(PlanError::new(format!("{setting}.style"), problem));
        }
        let schema = schemas.add(&plan.schema, &format!("{setting}.schema"))?;
        Ok(Self {
            name: plan.name.clone(),
            place: plan.place,
            required: plan.required || plan.place == ParameterIn::Path,
            style: plan.style,
            explode: plan.explode,
            shape: Shape::of(&plan.schema, Scope::of(&plan.schema, schemas.named())),
            schema,
            position: names.iter().position(|name| *name == plan.name).unwrap_or_default(),
        })
    }

    fn check(&self, request: &Request, pairs: &Pairs<'_>, facts: &Facts, schemas: &Schemas) -> Result<(), Fault> {
        let joined;
        let raw = match self.place {
            ParameterIn::Path => {
                let range = facts.path_values.get(self.position);
                let text = range.and_then(|range| request.path.as_str().get(range.start as usize..range.end as usize));
                text.map(|text| styles::path(text, &self.name, self.style, self.explode, &self.shape)).transpose()
            }
            ParameterIn::Query => styles::query(pairs, &self.name, self.style, self.explode, &self.shape),
            ParameterIn::Header => match self.header(request) {
                Ok(text) => {
                    joined = text;
                    joined
                        .as_deref()
                        .map(|text| styles::header(text, self.style, self.explode, &self.shape))
                        .transpose()
                }
                Err(problem) => Err(problem),
            },
            ParameterIn::Cookie => self.cookie(request),
        };
        match raw.map_err(|problem| self.wrong(&problem))? {
            Some(raw) if self.style == ParameterStyle::Json => self.check_json(&raw, schemas),
            Some(raw) => self.check_value(&raw, schemas),
            None if self.required && !self.is_credential(facts) => {
                Err(Fault::Missing(format!("expected {} `{}`, got none", self.kind(), self.name)))
            }
            None => Ok(()),
        }
    }

    /// The field's value; several lines are one list (RFC 9110 5.3).
    fn header<'a>(&self, request: &'a Request) -> Result<Option<Cow<'a, str>>, String> {
        let mut text: Option<Cow<'a, str>> = None;
        for value in request.headers.get_all(&self.name) {
            let value = std::str::from_utf8(value).map_err(|_| "expected UTF-8".to_owned())?;
            text = Some(match text {
                None => Cow::Borrowed(value),
                Some(before) => Cow::Owned(format!("{before},{value}")),
            });
        }
        Ok(text)
    }

    fn cookie<'a>(&self, request: &'a Request) -> Result<Option<Raw<'a>>, String> {
        let mut values = cookies(&request.headers).filter(|(name, _)| *name == self.name).map(|(_, value)| value);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err("expected it once, got it more than once".to_owned());
        }
        styles::cookie(value, self.style, &self.shape).map(Some)
    }

    /// A value that is a JSON text (`content` in place of `schema`; OpenAPI 3.1, 4.8.12.2).
    fn check_json(&self, raw: &Raw<'_>, schemas: &Schemas) -> Result<(), Fault> {
        let Raw::One(text) = raw else { return Err(self.wrong("expected JSON")) };
        match ParsedBody::parse(Some("application/json"), None, None, text.as_bytes(), true, &JSON_LIMITS) {
            Ok(ParsedBody::Json { value, duplicate_keys: 0, .. }) => match schemas.fault(self.schema, &value) {
                None => Ok(()),
                Some((place, problem)) => Err(self.wrong_at(&place, &problem)),
            },
            Err(error) => Err(self.wrong(&error.detail)),
            _ => Err(self.wrong("expected JSON with each key once")),
        }
    }

    fn check_value(&self, raw: &Raw<'_>, schemas: &Schemas) -> Result<(), Fault> {
        let value = raw.value(&self.shape, false);
        let Some((place, problem)) = schemas.fault(self.schema, &value) else { return Ok(()) };
        if self.may_be_text() && schemas.is_valid(self.schema, &raw.value(&self.shape, true)) {
            return Ok(());
        }
        Err(self.wrong_at(&place, &problem))
    }

    fn may_be_text(&self) -> bool {
        self.shape.is_ambiguous() || self.shape.element().is_some_and(Shape::is_ambiguous) || self.shape.is_object()
    }

    fn is_credential(&self, facts: &Facts) -> bool {
        facts.credential.as_ref().is_some_and(|known| {
            let same = matches!(
                (known.place, self.place),
                (KeyPlace::Header, ParameterIn::Header)
                    | (KeyPlace::Query, ParameterIn::Query)
                    | (KeyPlace::Cookie, ParameterIn::Cookie)
            );
            same && known.name == self.name
        })
    }

    const fn kind(&self) -> &'static str {
        match self.place {
            ParameterIn::Path => "path parameter",
            ParameterIn::Query => "query parameter",
            ParameterIn::Header => "header",
            ParameterIn::Cookie => "cookie",
        }
    }

    fn wrong_at(&self, place: &str, problem: &str) -> Fault {
        if place.is_empty() { self.wrong(problem) } else { self.wrong(&format!("at `{place}`: {problem}")) }
    }

    fn wrong(&self, problem: &str) -> Fault {
        Fault::Wrong(format!("{} `{}`: {problem}", self.kind(), self.name))
    }
}
