//! Policies in Cedar: compiled and checked against their schema, then asked about each request. What no policy permits
//! is denied, and so is what a policy cannot decide about: in Cedar itself a `forbid` that fails would not forbid.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet,
    Request as Question, RestrictedExpression, Schema, ValidationMode, Validator,
};
use miette::Diagnostic;
use serde_json::Value;
use stockade_model::plan::{OperationPlan, PoliciesPlan, PolicyPlan};
use stockade_model::{Identity, Now, Request, Scheme};

use super::shape::{Misfit, Shape};

/// Methods that stand for operations which the contract does not know.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// Policies of one API, compiled.
pub(crate) struct Policies {
    set: PolicySet,
    authorizer: Authorizer,
    caller: EntityTypeName,
    role: EntityTypeName,
    resource: EntityTypeName,
    /// For each operation, its action.
    operations: Vec<Action>,
    methods: BTreeMap<String, Action>,
    claims: BTreeMap<String, Shape>,
    /// Places of policies by their id.
    places: HashMap<PolicyId, String>,
    /// Whether some policy may ask about bodies.
    asks_bodies: bool,
}

/// An action, with what its requests are made of.
struct Action {
    entity: Entity,
    path: Shape,
    query: Shape,
    body: Option<Shape>,
}

/// Why policies cannot be compiled.
#[derive(Debug)]
pub(crate) struct Faulty {
    /// `FILE:LINE`; empty when it is none of a file.
    pub(crate) place: String,
    /// What is wrong.
    pub(crate) problem: String,
}

/// What policies are asked about.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) request: &'a Request,
    /// The operation, when the contract knows it.
    pub(crate) operation: Option<usize>,
    /// Names and decoded values of the path's parameters.
    pub(crate) path: Vec<(String, String)>,
    pub(crate) identity: Option<&'a Identity>,
    pub(crate) now: Now,
    /// The JSON body; `None` when there is none or it cannot be seen.
    pub(crate) body: Option<&'a Value>,
    /// The object that the request is about.
    pub(crate) object: Option<AskedObject>,
}

/// An object that policies are asked about.
#[derive(Debug, Clone)]
pub(crate) struct AskedObject {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) owner: Option<String>,
    pub(crate) own: bool,
}

/// What policies decided.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) permitted: bool,
    /// The policies that decided, as `NAME (FILE:LINE)`; none when no policy permits.
    pub(crate) policies: Vec<(String, String)>,
    /// Why nothing could be decided.
    pub(crate) undecided: Option<String>,
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Policies").field("policies", &self.places.len()).finish_non_exhaustive()
    }
}

impl Policies {
    /// Compiles policies and checks them against the schema.
    ///
    /// # Errors
    /// The first thing that is wrong, at its line.
    pub(crate) fn new(plan: &PoliciesPlan, operations: &[OperationPlan]) -> Result<Self, Faulty> {
        let of_schema = |problem: String| Faulty { place: String::new(), problem };
        let schema = Schema::from_json_value(plan.schema.clone())
            .map_err(|error| of_schema(format!("the schema does not compile: {}", chain(&error))))?;
        let mut set = PolicySet::new();
        let mut places = HashMap::new();
        for one in &plan.policies {
            let (id, policy) = parse(one)?;
            let place = format!("{}:{}", one.file, one.line);
            if let Some(known) = places.insert(id.clone(), place.clone()) {
                return Err(Faulty { place, problem: format!("expected an `@id` of its own, got that of {known}") });
            }
            set.add(policy).map_err(|error| Faulty { place, problem: chain(&error) })?;
        }
        let checked = Validator::new(schema).validate(&set, ValidationMode::Strict);
        if let Some(error) = checked.validation_errors().next() {
            let plan = plan.policies.iter().find(|one| {
                places.get(error.policy_id()).is_some_and(|place| *place == format!("{}:{}", one.file, one.line))
            });
            let line = plan.map(|one| format!("{}:{}", one.file, one.line + line_of(error, &one.text)));
            return Err(Faulty { place: line.unwrap_or_default(), problem: told(error) });
        }
        let name = |name: &str| EntityTypeName::from_str(name).map_err(|error| of_schema(error.to_string()));
        let action_type = name("Action")?;
        let action = |id: &str| {
            Action::read(&plan.schema, &action_type, id)
                .ok_or_else(|| of_schema(format!("expected an action `{id}` in the schema")))
        };
        let claims = plan.schema.pointer("//entityTypes/Caller/shape/attributes/claims").and_then(Shape::read);
        Ok(Self {
            authorizer: Authorizer::new(),
            caller: name("Caller")?,
            role: name("Role")?,
            resource: name("Resource")?,
            operations: operations.iter().map(|operation| action(&operation.id)).collect::<Result<_, _>>()?,
            methods: METHODS
                .iter()
                .map(|method| Ok(((*method).to_owned(), action(&format!("method:{method}"))?)))
                .collect::<Result<_, Faulty>>()?,
            claims: claims.as_ref().and_then(Shape::attributes).cloned().unwrap_or_default(),
            asks_bodies: plan.policies.iter().any(|one| one.text.contains("body")),
            set,
            places,
        })
    }

    /// Whether the body has to be seen before anything is decided about a request.
    pub(crate) fn wants_body(&self, operation: Option<usize>, request: &Request) -> bool {
        self.asks_bodies && self.action(operation, request).is_some_and(|action| action.body.is_some())
    }

    fn action(&self, operation: Option<usize>, request: &Request) -> Option<&Action> {
        match operation {
            Some(place) => self.operations.get(place),
            None => self.methods.get(&request.method),
        }
    }

    /// Asks all policies.
    pub(crate) fn ask(&self, asked: &Asked<'_>) -> Answered {
        let undecided = |why: String| Answered { permitted: false, policies: Vec::new(), undecided: Some(why) };
        let Some(action) = self.action(asked.operation, asked.request) else {
            return undecided(format!("there is no action for method {}", asked.request.method));
        };
        let (question, entities) = match self.question(action, asked) {
            Ok(question) => question,
            Err(Misfit(why)) => return undecided(why),
        };
        let response = self.authorizer.is_authorized(&question, &self.set, &entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return undecided(chain(error));
        }
        let named = |id: &PolicyId| (id.to_string(), self.places.get(id).cloned().unwrap_or_default());
        let mut policies: Vec<_> = response.diagnostics().reason().map(named).collect();
        policies.sort();
        Answered { permitted: response.decision() == Decision::Allow, policies, undecided: None }
    }

    fn question(&self, action: &Action, asked: &Asked<'_>) -> Result<(Question, Entities), Misfit> {
        let wrong = |error: &dyn std::fmt::Display| Misfit(error.to_string());
        let caller = self.caller(asked.identity)?;
        let resource = self.resource(asked)?;
        let context = Context::from_pairs(context(action, asked)?).map_err(|error| wrong(&error))?;
        let question = Question::new(caller.uid(), action.entity.uid(), resource.uid(), context, None)
            .map_err(|error| wrong(&error))?;
        let entities = Entities::from_entities([caller, resource, action.entity.clone()], None);
        Ok((question, entities.map_err(|error| wrong(&error))?))
    }

    /// The caller; one that nothing is known of has no subject, which no known one lacks.
    fn caller(&self, identity: Option<&Identity>) -> Result<Entity, Misfit> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let texts = |texts: &[String]| RestrictedExpression::new_set(texts.iter().map(|one| text(one)));
        let nobody = Identity::default();
        let (known, who) = (identity.is_some(), identity.unwrap_or(&nobody));
        let mut claims = Vec::with_capacity(self.claims.len());
        for (name, shape) in &self.claims {
            match who.claims.get(name) {
                None | Some(Value::Null) => {}
                Some(value) => claims.push((name.clone(), shape.of_json(value, &format!("principal.claims.{name}"))?)),
            }
        }
        let claims = RestrictedExpression::new_record(claims).map_err(|error| Misfit(error.to_string()))?;
        let mut attributes = HashMap::from([
            ("known".to_owned(), RestrictedExpression::new_bool(known)),
            ("subject".to_owned(), text(&who.subject)),
            ("method".to_owned(), text(&who.method)),
            ("roles".to_owned(), texts(&who.roles)),
            ("scopes".to_owned(), texts(&who.scopes)),
            ("claims".to_owned(), claims),
        ]);
        for (name, value) in [("issuer", &who.issuer), ("client", &who.client), ("key", &who.key)] {
            if let Some(value) = value {
                attributes.insert(name.to_owned(), text(value));
            }
        }
        let roles: HashSet<EntityUid> = who.roles.iter().map(|role| uid(&self.role, role)).collect();
        Entity::new(uid(&self.caller, &who.subject), attributes, roles).map_err(|error| Misfit(error.to_string()))
    }

    fn resource(&self, asked: &Asked<'_>) -> Result<Entity, Misfit> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let path = asked.request.path.as_str();
        let own = asked.object.as_ref().is_some_and(|object| object.own);
        let mut attributes =
            HashMap::from([("path".to_owned(), text(path)), ("own".to_owned(), RestrictedExpression::new_bool(own))]);
        if let Some(object) = &asked.object {
            attributes.insert("kind".to_owned(), text(&object.kind));
            attributes.insert("id".to_owned(), text(&object.id));
            if let Some(owner) = &object.owner {
                attributes.insert("owner".to_owned(), text(owner));
            }
        }
        Entity::new(uid(&self.resource, path), attributes, HashSet::new()).map_err(|error| Misfit(error.to_string()))
    }
}

impl Action {
    fn read(schema: &Value, action_type: &EntityTypeName, id: &str) -> Option<Self> {
        let action = schema.get("")?.get("actions")?.get(id)?;
        let context = action.get("appliesTo")?.get("context")?.get("attributes")?;
        let groups = action.get("memberOf").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let groups = groups.iter().filter_map(|group| Some(uid(action_type, group.get("id")?.as_str()?)));
        Some(Self {
            entity: Entity::new_no_attrs(uid(action_type, id), groups.collect()),
            path: context.get("path").and_then(Shape::read).unwrap_or_else(Shape::nothing),
            query: context.get("query").and_then(Shape::read).unwrap_or_else(Shape::nothing),
            body: context.get("body").and_then(Shape::read),
        })
    }
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

/// What the request tells beside caller, operation and object.
fn context(action: &Action, asked: &Asked<'_>) -> Result<Vec<(String, RestrictedExpression)>, Misfit> {
    let wrong = |error: &dyn std::fmt::Display| Misfit(error.to_string());
    let seconds = asked.now.wall.0 / 1_000_000;
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    // The first of January 1970 was a Thursday; Monday is 1.
    let long = |number: u64| RestrictedExpression::new_long(i64::try_from(number).unwrap_or(i64::MAX));
    let mut found = vec![
        ("address".to_owned(), RestrictedExpression::new_ip(asked.request.client.address.to_string())),
        ("now".to_owned(), RestrictedExpression::new_datetime(moment(seconds))),
        ("hour".to_owned(), long(second / 3600)),
        ("weekday".to_owned(), long((day + 3) % 7 + 1)),
        ("tls".to_owned(), RestrictedExpression::new_bool(asked.request.scheme == Scheme::Https)),
    ];
    if let Some(certificate) = &asked.request.client.certificate {
        let hash = certificate.sha256.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        let record = [("subject", certificate.subject.clone()), ("sha256", hash)]
            .map(|(name, value)| (name.to_owned(), RestrictedExpression::new_string(value)));
        found
            .push(("certificate".to_owned(), RestrictedExpression::new_record(record).map_err(|error| wrong(&error))?));
    }
    let path = record(&action.path, &asked.path, "path")?;
    let query = if action.query.attributes().is_some_and(|attributes| !attributes.is_empty()) {
        let query = asked.request.query.as_deref().unwrap_or_default();
        let decoded = crate::fields::query_parts(query).map(|(name, value)| {
            let decode = |text| crate::fields::decode_query(text).map(std::borrow::Cow::into_owned);
            Ok((decode(name).ok_or(())?, decode(value).ok_or(())?))
        });
        decoded.collect::<Result<Vec<_>, ()>>().map_err(|()| Misfit("the query is not UTF-8".to_owned()))?
    } else {
        Vec::new()
    };
    found.push(("path".to_owned(), path));
    found.push(("query".to_owned(), record(&action.query, &query, "query")?));
    if let (Some(shape), Some(body)) = (&action.body, asked.body) {
        found.push(("body".to_owned(), shape.of_json(body, "body")?));
    }
    Ok(found)
}

fn record(shape: &Shape, values: &[(String, String)], place: &str) -> Result<RestrictedExpression, Misfit> {
    let mut found = Vec::new();
    for (name, kind) in shape.attributes().into_iter().flatten() {
        let texts: Vec<String> =
            values.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect();
        if !texts.is_empty() {
            found.push((name.clone(), kind.of_texts(&texts, &format!("{place}.{name}"))?));
        }
    }
    RestrictedExpression::new_record(found).map_err(|error| Misfit(error.to_string()))
}

/// A moment as Cedar reads it: `2026-11-30T12:00:00Z` (proleptic Gregorian; days to date after Howard Hinnant's
/// "chrono-Compatible Low-Level Date Algorithms").
fn moment(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", year.min(9999), second % 60)
}

fn parse(plan: &PolicyPlan) -> Result<(PolicyId, Policy), Faulty> {
    let unnamed = PolicyId::new(format!("{}:{}", plan.file, plan.line));
    let policy = Policy::parse(Some(unnamed.clone()), &plan.text).map_err(|errors| {
        let (line, problem) = errors
            .iter()
            .next()
            .map_or_else(|| (0, errors.to_string()), |error| (line_of(error, &plan.text), told(error)));
        Faulty { place: format!("{}:{}", plan.file, plan.line + line), problem }
    })?;
    match policy.annotation("id") {
        None => Ok((unnamed, policy)),
        Some(name) => {
            let id = PolicyId::new(name);
            Ok((id.clone(), policy.new_id(id)))
        }
    }
}

/// In which line of its policy a problem stands, from 0.
fn line_of(problem: &dyn Diagnostic, text: &str) -> u32 {
    let offset = problem.labels().and_then(|mut labels| labels.next()).map_or(0, |label| label.offset());
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    u32::try_from(before.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(0)
}

/// A problem in one line: what is wrong, and what to do.
fn told(problem: &dyn Diagnostic) -> String {
    let help = problem.help().map(|help| format!(" ({help})")).unwrap_or_default();
    let label = problem.labels().and_then(|mut labels| labels.next()?.label().map(|label| format!(": {label}")));
    one_line(&format!("{problem}{}{help}", label.unwrap_or_default()))
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    one_line(&text)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect()
}
