//! GraphQL over HTTP: form and size of what is asked, the list of operations that are allowed, and who may read which
//! field. Part of the contract stage; what an operation costs is told to the limits behind it.

mod document;
mod lexer;
mod measure;
mod request;

use std::collections::{HashMap, HashSet};

use aws_lc_rs::digest;
use serde_json::{Map, Value};
use stockade_model::plan::{ApiPlan, GraphqlFieldRulePlan, GraphqlPlan, Unknown};
use stockade_model::{Identity, Reason, Refusal, Request, Stage};

use self::document::{Document, Kind};
use self::measure::Measure;
use self::request::{Asked, Posted};
use crate::PlanError;
use crate::stage::{Exchange, Received};

pub(super) const REQUEST: Reason = Reason {
    code: "contract.graphql_request",
    status: 400,
    meaning: "the request is not GraphQL over HTTP as the API takes it",
    remedy: "mend the client; see `contract.graphql`",
    source: "GraphQL over HTTP, 5",
};

pub(super) const DOCUMENT: Reason = Reason {
    code: "contract.graphql_document",
    status: 400,
    meaning: "the GraphQL document cannot be read, or asks for what the schema does not have",
    remedy: "mend the client, or give `contract.graphql.schema` the present schema",
    source: "GraphQL October 2021, 2 and 5",
};

pub(super) const SIZE: Reason = Reason {
    code: "contract.graphql_size",
    status: 400,
    meaning: "the GraphQL document is too deep, or has too many aliases, fields at the top or operations in one request",
    remedy: "mend the client, or raise `depth`, `aliases`, `root_fields` or `batch` of `contract.graphql`",
    source: "OWASP API4:2023",
};

pub(super) const COST: Reason = Reason {
    code: "contract.graphql_cost",
    status: 400,
    meaning: "the GraphQL operation asks for too much at once",
    remedy: "ask for less at a time, or raise `contract.graphql.cost`",
    source: "OWASP API4:2023",
};

pub(super) const INTROSPECTION: Reason = Reason {
    code: "contract.graphql_introspection",
    status: 403,
    meaning: "the GraphQL schema itself was asked for",
    remedy: "set `contract.graphql.introspection: pass` where callers may see it",
    source: "OWASP API8:2023",
};

pub(super) const NOT_ALLOWED: Reason = Reason {
    code: "contract.graphql_not_allowed",
    status: 403,
    meaning: "the GraphQL operation is not on the list of those that are allowed",
    remedy: "add its document to `contract.graphql.allow`",
    source: "OWASP API9:2023",
};

pub(super) const FIELD: Reason = Reason {
    code: "contract.graphql_field",
    status: 403,
    meaning: "the caller may not read or call a field of the GraphQL document",
    remedy: "give the caller a role or scope that `contract.graphql.fields` asks for",
    source: "OWASP API3:2023, API5:2023",
};

/// GraphQL of one API.
#[derive(Debug)]
pub(super) struct Graphql {
    plan: GraphqlPlan,
    /// Normal forms of the documents that are allowed; `None` allows all.
    allowed: Option<HashSet<String>>,
    /// The same documents by the SHA-256 of their text, for requests that hold nothing else.
    by_hash: HashMap<String, String>,
    /// Rules by field, whatever its type.
    rules: HashMap<String, Vec<usize>>,
}

/// Why a request is refused.
type Problem = (&'static Reason, String);

impl Graphql {
    /// Compiles the settings.
    ///
    /// # Errors
    /// A path that is none, a document that cannot be read, a rule about nothing.
    pub(super) fn new(api: &ApiPlan, plan: &GraphqlPlan) -> Result<Self, PlanError> {
        let setting = |rest: &str| format!("apis.{}.contract.graphql.{rest}", api.name);
        if let Some(path) = plan.paths.iter().find(|path| !path.starts_with('/')) {
            return Err(PlanError::new(setting("paths"), format!("expected a path, got `{path}`")));
        }
        let mut allowed = HashSet::new();
        let mut by_hash = HashMap::new();
        for (place, text) in plan.allow.iter().flatten().enumerate() {
            let document = Document::parse(text, plan.words)
                .map_err(|problem| PlanError::new(setting(&format!("allow.{place}")), problem))?;
            by_hash.insert(sha256(text), text.clone());
            allowed.insert(document.normal);
        }
        let mut rules: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, rule) in plan.fields.iter().enumerate() {
            for field in &rule.fields {
                let (kind, name) = field.split_once('.').unwrap_or_default();
                if kind.is_empty() || name.is_empty() {
                    let problem = format!("expected `TYPE.FIELD`, got `{field}`");
                    return Err(PlanError::new(setting(&format!("fields.{place}")), problem));
                }
                rules.entry(name.to_owned()).or_default().push(place);
            }
        }
        Ok(Self { plan: plan.clone(), allowed: plan.allow.is_some().then_some(allowed), by_hash, rules })
    }

    /// Whether a request goes to one of its paths.
    pub(super) fn serves(&self, request: &Request) -> bool {
        self.plan.paths.iter().any(|path| path == request.path.as_str())
    }

    /// Judges the head: queries by GET are all in it.
    pub(super) fn head(&self, exchange: &mut Exchange<'_>) -> Result<(), Box<Refusal>> {
        let request = exchange.request;
        if request.upgrade.is_some() {
            let problem = "expected a request, got an upgrade, whose operations cannot be seen".to_owned();
            return Err(refusal(exchange, &REQUEST, problem));
        }
        let asked = match request.method.as_str() {
            "POST" | "OPTIONS" => return Ok(()),
            "GET" | "HEAD" => Asked::from_query(request.query.as_deref().unwrap_or_default()),
            _ => Err("expected GET or POST".to_owned()),
        };
        let asked = asked.map_err(|problem| refusal(exchange, &REQUEST, problem))?;
        self.judge(exchange, &[asked], true)
    }

    /// Judges the body of a POST.
    pub(super) fn body(&self, exchange: &mut Exchange<'_>, received: &Received<'_>) -> Result<(), Box<Refusal>> {
        if exchange.request.method != "POST" {
            return Ok(());
        }
        let media_type = exchange.request.media_type();
        let posted =
            Posted::new(media_type.as_deref(), received).map_err(|problem| refusal(exchange, &REQUEST, problem))?;
        let most = usize::from(self.plan.batch);
        if posted.asked.len() > most {
            let problem = format!("expected at most {most} operations in one request, got {}", posted.asked.len());
            return Err(refusal(exchange, &SIZE, problem));
        }
        self.judge(exchange, &posted.asked, false)
    }

    fn judge(&self, exchange: &mut Exchange<'_>, asked: &[Asked], is_get: bool) -> Result<(), Box<Refusal>> {
        let mut cost: u64 = 0;
        let mut told = Vec::new();
        for one in asked {
            let identity = exchange.record.identity.clone();
            let (own, note) = self
                .one(one, identity.as_deref(), is_get)
                .map_err(|(reason, problem)| refusal(exchange, reason, problem))?;
            cost = cost.saturating_add(own);
            told.push(note);
        }
        exchange.facts.graphql_cost = Some(cost);
        if cost > self.plan.cost {
            let problem = format!("expected a cost of at most {}, got {cost}", self.plan.cost);
            return Err(refusal(exchange, &COST, problem));
        }
        exchange.explain(|_| format!("GraphQL: {}; cost {cost}", told.join(", ")));
        Ok(())
    }

    fn one(&self, asked: &Asked, identity: Option<&Identity>, is_get: bool) -> Result<(u64, String), Problem> {
        let wrong = |problem: String| (&DOCUMENT, problem);
        let text = match (&asked.query, &asked.hash) {
            (Some(text), Some(hash)) if !hash.eq_ignore_ascii_case(&sha256(text)) => {
                return Err((&REQUEST, "expected the hash of the document beside it, got another".to_owned()));
            }
            (Some(text), _) => text.as_str(),
            (None, Some(hash)) => {
                let known = self.by_hash.get(&hash.to_ascii_lowercase());
                known.ok_or_else(|| (&NOT_ALLOWED, "expected the hash of an allowed document".to_owned()))?
            }
            (None, None) => return Err((&REQUEST, "expected `query`, got none".to_owned())),
        };
        let document = Document::parse(text, self.plan.words).map_err(wrong)?;
        if self.allowed.as_ref().is_some_and(|allowed| !allowed.contains(&document.normal)) {
            return Err((&NOT_ALLOWED, "expected an allowed document, got another".to_owned()));
        }
        let operation = document.operation(asked.name.as_deref()).map_err(wrong)?;
        if is_get && operation.kind != Kind::Query {
            return Err((&REQUEST, format!("expected POST for a {}", operation.kind.name())));
        }
        let (size, measure) = Measure::of(&self.plan, &document, operation, asked.variables.as_ref()).map_err(wrong)?;
        for (what, most, got) in [
            ("a depth", u64::from(self.plan.depth), u64::from(size.depth)),
            ("aliases", u64::from(self.plan.aliases), size.aliases),
            ("fields at the top", u64::from(self.plan.root_fields), size.roots),
        ] {
            if got > most {
                return Err((&SIZE, format!("expected {what} of at most {most}, got {got}")));
            }
        }
        if size.introspects && self.plan.introspection == Unknown::Refuse {
            return Err((&INTROSPECTION, "expected no `__schema` and no `__type`".to_owned()));
        }
        for (on, field) in &measure.fields {
            self.may_read(*on, field, identity)?;
        }
        let name = operation
            .name
            .map_or_else(|| "no name".to_owned(), |name| stockade_inspect::mask::text(name, 80).into_owned());
        Ok((size.cost, format!("{} `{name}` of depth {}", operation.kind.name(), size.depth)))
    }

    /// A field that rules name is for those whom one of the rules permits.
    fn may_read(&self, on: Option<&str>, field: &str, identity: Option<&Identity>) -> Result<(), Problem> {
        let places = [field, "*"].into_iter().filter_map(|name| self.rules.get(name)).flatten();
        let mut rules =
            places.filter_map(|place| self.plan.fields.get(*place)).filter(|rule| rule.names(on, field)).peekable();
        if rules.peek().is_none() || rules.any(|rule| rule.permits(identity)) {
            return Ok(());
        }
        let on = on.unwrap_or("*");
        Err((&FIELD, format!("expected a role or scope for `{on}.{field}`")))
    }
}

/// What a rule says.
trait FieldRule {
    fn names(&self, on: Option<&str>, field: &str) -> bool;
    fn permits(&self, identity: Option<&Identity>) -> bool;
}

impl FieldRule for GraphqlFieldRulePlan {
    /// A type that is not known may be any.
    fn names(&self, on: Option<&str>, field: &str) -> bool {
        self.fields.iter().any(|known| {
            let (kind, name) = known.split_once('.').unwrap_or_default();
            (name == field || name == "*") && (kind == "*" || on.is_none_or(|on| on == kind))
        })
    }

    fn permits(&self, identity: Option<&Identity>) -> bool {
        let Some(identity) = identity else { return false };
        if self.roles.is_empty() && self.scopes.is_empty() {
            return false;
        }
        let has_role = self.roles.is_empty() || self.roles.iter().any(|role| identity.roles.contains(role));
        has_role && self.scopes.iter().all(|scope| identity.scopes.contains(scope))
    }
}

fn sha256(text: &str) -> String {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refusal(exchange: &Exchange<'_>, reason: &'static Reason, problem: String) -> Box<Refusal> {
    let setting = exchange.setting("contract.graphql");
    let mut refusal = Refusal::new(Stage::Contract, reason, setting, problem);
    refusal.exception = Some(reason.remedy.to_owned());
    Box::new(refusal)
}

/// Variables of a request.
type Variables = Map<String, Value>;
