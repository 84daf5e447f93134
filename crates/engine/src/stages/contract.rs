//! Stage contract: what the API promised to accept. After identity, before access.
//!
//! Only operations that the contract knows are checked. Of a body that is streamed in part, only the type is checked;
//! JSON and forms with a schema are therefore never streamed in enforce mode (see `Engine::body_policy`).

mod content;
mod declared;
mod differences;
mod graphql;
mod grpc;
mod instance;
mod parameters;
mod responses;
mod schema;
mod shape;
mod styles;

use stockade_inspect::ParsedBody;
use stockade_model::plan::{ApiPlan, Unknown};
use stockade_model::{Framing, Reason, Refusal, Request, Stage};

use crate::stage::{Exchange, Outcome, Ran, Received, RequestStage};
use crate::templates::Template;
use crate::{PlanError, State};
pub(crate) use differences::Differences;
pub(crate) use grpc::is_grpc;

use content::{Content, Media, is_json};
use graphql::Graphql;
use grpc::Grpc;
use parameters::{Fault, Parameters};
use responses::{ResponseChecks, Responses};
use schema::{Gathered, Schemas};

const PARAMETER: Reason = Reason {
    code: "contract.parameter",
    status: 400,
    meaning: "a parameter is not what the contract says",
    remedy: "mend the client, or widen the parameter's schema in the OpenAPI document",
    source: "OpenAPI 3.1, 4.8.12",
};

const MISSING_PARAMETER: Reason = Reason {
    code: "contract.missing_parameter",
    status: 400,
    meaning: "a parameter that the contract requires is missing",
    remedy: "mend the client, or make the parameter optional in the OpenAPI document",
    source: "OpenAPI 3.1, 4.8.12",
};

const UNKNOWN_PARAMETER: Reason = Reason {
    code: "contract.unknown_parameter",
    status: 400,
    meaning: "the query holds a parameter that the contract does not know",
    remedy: "add it to the OpenAPI document, or set `contract.unknown_parameters: pass`",
    source: "OWASP API3:2023, API9:2023",
};

const MISSING_BODY: Reason = Reason {
    code: "contract.missing_body",
    status: 400,
    meaning: "the operation requires a body and none came",
    remedy: "mend the client, or make the body optional in the OpenAPI document",
    source: "OpenAPI 3.1, 4.8.13",
};

const UNEXPECTED_BODY: Reason = Reason {
    code: "contract.unexpected_body",
    status: 400,
    meaning: "a body came for an operation that has none",
    remedy: "mend the client, or add the body to the OpenAPI document",
    source: "OpenAPI 3.1, 4.8.10",
};

const MEDIA_TYPE: Reason = Reason {
    code: "contract.media_type",
    status: 415,
    meaning: "the body's media type is not one that the operation takes",
    remedy: "mend the client, or add the media type to the OpenAPI document",
    source: "RFC 9110 15.5.16",
};

const BODY: Reason = Reason {
    code: "contract.body",
    status: 400,
    meaning: "the body is not what the contract says",
    remedy: "mend the client, or widen the body's schema in the OpenAPI document",
    source: "OpenAPI 3.1, 4.8.13; OWASP API3:2023",
};

const UNKNOWN_FIELD: Reason = Reason {
    code: "contract.unknown_field",
    status: 400,
    meaning: "the body holds a field that the contract does not declare",
    remedy: "add it to the OpenAPI document, or set `contract.unknown_fields: pass`",
    source: "OWASP API3:2023",
};

const DUPLICATE_KEYS: Reason = Reason {
    code: "contract.duplicate_keys",
    status: 400,
    meaning: "a JSON object has the same key twice, which parsers read differently",
    remedy: "mend the client",
    source: "RFC 8259 4",
};

const TOO_LONG: Reason = Reason {
    code: "contract.body_too_long",
    status: 413,
    meaning: "the body has a schema and is longer than what is buffered to check it",
    remedy: "raise `inspect.body` for the API",
    source: "OWASP API4:2023; RFC 9110 15.5.14",
};

/// Reasons of this stage; those of bodies that cannot be parsed are the inspect crate's.
pub(crate) const REASONS: &[&Reason] = &[
    &PARAMETER,
    &MISSING_PARAMETER,
    &UNKNOWN_PARAMETER,
    &MISSING_BODY,
    &UNEXPECTED_BODY,
    &MEDIA_TYPE,
    &BODY,
    &UNKNOWN_FIELD,
    &DUPLICATE_KEYS,
    &TOO_LONG,
    &graphql::REQUEST,
    &graphql::DOCUMENT,
    &graphql::SIZE,
    &graphql::COST,
    &graphql::INTROSPECTION,
    &graphql::NOT_ALLOWED,
    &graphql::FIELD,
    &grpc::METHOD,
    &grpc::MESSAGE,
    &grpc::SIZE,
    &responses::STATUS,
    &responses::MEDIA_TYPE,
    &responses::BODY,
    &responses::FIELD,
    &responses::CLASS,
    &responses::UNCHECKED,
];

/// The stage for one API.
#[derive(Debug)]
pub(crate) struct Contract {
    schemas: Schemas,
    operations: Vec<OperationContract>,
    unknown_fields: Unknown,
    responses: ResponseChecks,
    graphql: Option<Graphql>,
    grpc: Option<Grpc>,
}

#[derive(Debug)]
struct OperationContract {
    id: String,
    parameters: Parameters,
    content: Option<Content>,
    responses: Responses,
}

impl Contract {
    /// Compiles the parameters and bodies of every operation.
    ///
    /// # Errors
    /// A schema or style that does not compile.
    pub(crate) fn new(plan: &ApiPlan) -> Result<Self, PlanError> {
        for (name, value) in
            [("json_depth", u32::from(plan.contract.json_depth)), ("json_values", plan.contract.json_values)]
        {
            if value == 0 {
                let setting = format!("apis.{}.contract.{name}", plan.name);
                return Err(PlanError::new(setting, "expected 1 or more, got 0"));
            }
        }
        let mut schemas = Gathered::new(plan);
        let operations = plan.operations.iter().map(|operation| {
            let setting = format!("apis.{}.operations.{}", plan.name, operation.id);
            let template = Template::parse(&operation.path)
                .map_err(|problem| PlanError::new(format!("{setting}.path"), problem))?;
            let unknown = plan.contract.unknown_parameters;
            let at = format!("{setting}.body");
            let body = operation.body.as_ref();
            let body = body.map(|body| Content::new(&body.content, body.required, &mut schemas, &at)).transpose()?;
            Ok(OperationContract {
                id: operation.id.clone(),
                parameters: Parameters::new(operation, &template.names(), unknown, &mut schemas, &setting)?,
                content: body,
                responses: Responses::new(&operation.responses, &mut schemas, &setting)?,
            })
        });
        let operations = operations.collect::<Result<_, PlanError>>()?;
        Ok(Self {
            schemas: schemas.compile()?,
            operations,
            unknown_fields: plan.contract.unknown_fields,
            responses: ResponseChecks::new(plan)?,
            grpc: plan.contract.grpc.as_ref().map(|grpc| Grpc::new(plan, grpc)).transpose()?,
            graphql: plan.contract.graphql.as_ref().map(|graphql| Graphql::new(plan, graphql)).transpose()?,
        })
    }

    fn operation(&self, place: Option<usize>) -> Option<&OperationContract> {
        self.operations.get(place?)
    }

    fn media(&self, place: Option<usize>, request: &Request) -> Option<&Media> {
        self.operation(place)?.content.as_ref()?.media(&request.media_type()?)
    }

    /// gRPC, when this request is for it.
    fn grpc(&self, request: &Request) -> Option<&Grpc> {
        self.grpc.as_ref().filter(|grpc| grpc.serves(request))
    }

    /// GraphQL, when this request is for it.
    fn graphql(&self, request: &Request) -> Option<&Graphql> {
        self.graphql.as_ref().filter(|graphql| graphql.serves(request))
    }

    /// Whether a body of this type may pass as a stream: the operation takes it, or the contract does not know the
    /// operation, and nothing has to see it whole.
    pub(crate) fn may_stream(&self, operation: Option<usize>, request: &Request) -> bool {
        if self.graphql(request).is_some() || self.grpc(request).is_some_and(|grpc| grpc.wants_message(request)) {
            return false;
        }
        self.operation(operation).is_none() || self.media(operation, request).is_some()
    }

    /// Whether this body will be checked against a schema.
    pub(crate) fn wants_body(&self, operation: Option<usize>, request: &Request) -> bool {
        self.wants_message(request) || self.media(operation, request).is_some_and(Media::has_schema)
    }

    /// Whether this body is one whole message of GraphQL or gRPC.
    fn wants_message(&self, request: &Request) -> bool {
        self.graphql(request).is_some() || self.grpc(request).is_some_and(|grpc| grpc.wants_message(request))
    }

    /// Whether a part of this body is not enough: JSON and forms, whose schema speaks of the whole, and GraphQL.
    pub(crate) fn wants_whole_body(&self, operation: Option<usize>, request: &Request) -> bool {
        let structured =
            request.media_type().is_some_and(|kind| is_json(&kind) || kind == "application/x-www-form-urlencoded");
        self.wants_message(request) || (structured && self.wants_body(operation, request))
    }
}

impl OperationContract {
    fn refuse(&self, exchange: &Exchange<'_>, reason: &'static Reason, detail: impl AsRef<str>) -> Box<Refusal> {
        let setting = match reason.code {
            "contract.unknown_parameter" => exchange.setting("contract.unknown_parameters"),
            "contract.unknown_field" => exchange.setting("contract.unknown_fields"),
            _ => exchange.setting(&format!("spec.{}", self.id)),
        };
        let detail = stockade_inspect::mask::text(detail.as_ref(), 500).into_owned();
        let mut refusal = Refusal::new(Stage::Contract, reason, setting, detail);
        refusal.exception = Some(reason.remedy.to_owned());
        Box::new(refusal)
    }

    /// What the head tells about the body. A chunked one is judged when it is known whether anything came.
    fn check_announced(&self, exchange: &Exchange<'_>) -> Result<(), Box<Refusal>> {
        match exchange.request.framing {
            Framing::None | Framing::Length(0) => self.check_presence(exchange, false),
            Framing::Length(_) => self.check_presence(exchange, true),
            Framing::Chunked => Ok(()),
        }
    }

    fn check_presence(&self, exchange: &Exchange<'_>, present: bool) -> Result<(), Box<Refusal>> {
        match (&self.content, present) {
            (Some(content), false) if content.required => {
                Err(self.refuse(exchange, &MISSING_BODY, format!("expected a body of {}, got none", content.wish())))
            }
            (_, false) => Ok(()),
            (None, true) => Err(self.refuse(exchange, &UNEXPECTED_BODY, "expected no body, got one")),
            (Some(content), true) => {
                let media_type = exchange.request.media_type();
                if media_type.as_deref().and_then(|kind| content.media(kind)).is_some() {
                    return Ok(());
                }
                let got = media_type.as_deref().unwrap_or("none");
                Err(self.refuse(exchange, &MEDIA_TYPE, format!("expected {}, got `{got}`", content.wish())))
            }
        }
    }
}

impl RequestStage for Contract {
    fn stage(&self) -> Stage {
        Stage::Contract
    }

    fn head(&self, exchange: &mut Exchange<'_>, _state: &State) -> Outcome {
        let (graphql, grpc) = (self.graphql(exchange.request), self.grpc(exchange.request));
        if let Some(graphql) = graphql {
            graphql.head(exchange)?;
        } else if let Some(grpc) = grpc {
            grpc.head(exchange)?;
        }
        let Some(operation) = self.operation(exchange.record.operation) else {
            return Ok(if graphql.is_some() || grpc.is_some() { Ran::Pass } else { Ran::Skip });
        };
        if let Err(fault) = operation.parameters.check(exchange.request, exchange.facts, &self.schemas) {
            let (reason, detail) = match fault {
                Fault::Missing(detail) => (&MISSING_PARAMETER, detail),
                Fault::Wrong(detail) => (&PARAMETER, detail),
                Fault::Unknown(detail) => (&UNKNOWN_PARAMETER, detail),
            };
            return Err(operation.refuse(exchange, reason, detail));
        }
        exchange.facts.parameters_conform = true;
        operation.check_announced(exchange)?;
        exchange.explain(|_| format!("parameters are what `{}` says", operation.id));
        Ok(Ran::Pass)
    }

    fn body(&self, exchange: &mut Exchange<'_>, received: &Received<'_>) -> Outcome {
        let (graphql, grpc) = (self.graphql(exchange.request), self.grpc(exchange.request));
        if let Some(graphql) = graphql {
            graphql.body(exchange, received)?;
        } else if let Some(grpc) = grpc {
            grpc.body(exchange, received)?;
        }
        let Some(operation) = self.operation(exchange.record.operation) else {
            return Ok(if graphql.is_some() || grpc.is_some() { Ran::Pass } else { Ran::Skip });
        };
        if exchange.request.framing == Framing::Chunked {
            let present = !received.bytes.is_empty() || !received.complete;
            operation.check_presence(exchange, present)?;
        }
        let media_type = exchange.request.media_type().unwrap_or_default();
        let media = operation.content.as_ref().and_then(|content| content.media(&media_type));
        let Some(media) = media.filter(|media| media.has_schema()) else { return Ok(Ran::Skip) };
        if received.too_long && self.wants_whole_body(exchange.record.operation, exchange.request) {
            let detail = format!("expected at most {} bytes, got more", received.bytes.len());
            let mut refusal = operation.refuse(exchange, &TOO_LONG, detail);
            refusal.setting = exchange.setting("inspect.body").into();
            return Err(refusal);
        }
        match received.parsed {
            Some(Err(error)) => Err(operation.refuse(exchange, error.reason, &error.detail)),
            Some(Ok(ParsedBody::Json { duplicate_keys, .. })) if *duplicate_keys > 0 => {
                let detail = format!("expected each key once, got {duplicate_keys} twice");
                Err(operation.refuse(exchange, &DUPLICATE_KEYS, detail))
            }
            Some(Ok(body)) if received.complete => match media.check(body, &media_type, &self.schemas) {
                Ok(whole) => {
                    if self.unknown_fields == Unknown::Refuse
                        && let Some(place) = media.undeclared(body, &self.schemas)
                    {
                        let detail = format!("{place}: expected only declared fields, got another");
                        return Err(operation.refuse(exchange, &UNKNOWN_FIELD, detail));
                    }
                    exchange.facts.body_conforms = whole;
                    exchange.explain(|_| format!("the body is what `{}` says", operation.id));
                    Ok(Ran::Pass)
                }
                Err(problem) => Err(operation.refuse(exchange, &BODY, problem)),
            },
            _ => Ok(Ran::Skip),
        }
    }
}
