//! gRPC: only methods that are on the list, and of methods that take one message, only messages of their type. Part of
//! the contract stage.

mod message;

use stockade_inspect::BodyLimits;
use stockade_model::plan::{ApiPlan, GrpcMethodPlan, GrpcPlan};
use stockade_model::{Reason, Refusal, Request, Stage};

use self::message::Reader;
use crate::PlanError;
use crate::fields::joined;
use crate::stage::{Exchange, Received};

pub(super) const METHOD: Reason = Reason {
    code: "contract.grpc_method",
    status: 404,
    meaning: "the gRPC method is not one that may be called",
    remedy: "add it to `contract.grpc.methods`, or give `contract.grpc.descriptors` the present services",
    source: "OWASP API9:2023",
};

pub(super) const MESSAGE: Reason = Reason {
    code: "contract.grpc_message",
    status: 400,
    meaning: "the gRPC message is not of the type that the method takes",
    remedy: "mend the client, or give `contract.grpc.descriptors` the present types",
    source: "gRPC over HTTP/2; Protocol Buffers encoding",
};

pub(super) const SIZE: Reason = Reason {
    code: "contract.grpc_size",
    status: 413,
    meaning: "the gRPC message is larger, deeper or of more values than allowed",
    remedy: "mend the client, or raise `message`, `depth` or `values` of `contract.grpc`",
    source: "OWASP API4:2023",
};

/// Length of what stands before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Deepest nesting that can be asked for.
const DEPTH: u16 = 100;

/// gRPC of one API.
#[derive(Debug)]
pub(super) struct Grpc {
    plan: GrpcPlan,
}

/// Whether a request says it is gRPC.
pub(crate) fn is_grpc(request: &Request) -> bool {
    request.headers.get("content-type").is_some_and(|value| {
        let grpc = b"application/grpc";
        value.get(..grpc.len()).is_some_and(|head| head.eq_ignore_ascii_case(grpc))
            && value.get(grpc.len()).is_none_or(|next| b"+-; ".contains(next))
    })
}

impl Grpc {
    /// Compiles the settings.
    ///
    /// # Errors
    /// A method or field with a message type that there is not.
    pub(super) fn new(api: &ApiPlan, plan: &GrpcPlan) -> Result<Self, PlanError> {
        let setting = || format!("apis.{}.contract.grpc.descriptors", api.name);
        if plan.depth > DEPTH {
            let problem = format!("expected a depth of at most {DEPTH}, got {}", plan.depth);
            return Err(PlanError::new(format!("apis.{}.contract.grpc.depth", api.name), problem));
        }
        let inputs = plan.methods.values().map(|method| &method.input);
        let fields = plan.messages.values().flat_map(|message| message.fields.values());
        let missing = inputs
            .chain(fields.filter_map(|field| field.message.as_ref()))
            .find(|name| !plan.messages.contains_key(*name));
        match missing {
            Some(name) => Err(PlanError::new(setting(), format!("expected the message type `{name}`"))),
            None => Ok(Self { plan: plan.clone() }),
        }
    }

    fn method(&self, request: &Request) -> Option<&GrpcMethodPlan> {
        self.plan.methods.get(request.path.as_str())
    }

    /// Whether a request is for it: one that says so, or one for a method.
    pub(super) fn serves(&self, request: &Request) -> bool {
        is_grpc(request) || self.method(request).is_some()
    }

    /// Whether a request has one message, which is judged before it is forwarded.
    pub(super) fn wants_message(&self, request: &Request) -> bool {
        self.method(request).is_some_and(|method| !method.client_streaming)
    }

    /// Judges the head.
    pub(super) fn head(&self, exchange: &mut Exchange<'_>) -> Result<(), Box<Refusal>> {
        let request = exchange.request;
        if self.method(request).is_none() {
            let path = stockade_inspect::mask::text(request.path.as_str(), 200).into_owned();
            return Err(refusal(exchange, &METHOD, format!("expected a method of the list, got `{path}`")));
        }
        if request.method != "POST" || !is_grpc(request) || request.upgrade.is_some() {
            return Err(refusal(exchange, &METHOD, "expected POST with `application/grpc`".to_owned()));
        }
        Ok(())
    }

    /// Judges the one message of a method that takes one.
    pub(super) fn body(&self, exchange: &mut Exchange<'_>, received: &Received<'_>) -> Result<(), Box<Refusal>> {
        let Some(method) = self.method(exchange.request).filter(|method| !method.client_streaming) else {
            return Ok(());
        };
        let coding = joined(&exchange.request.headers, "grpc-encoding");
        let judged = self.message(method, received, coding.as_deref());
        judged.map_err(|(reason, problem)| refusal(exchange, reason, problem))?;
        exchange.explain(|_| format!("the message is a `{}`", method.input));
        Ok(())
    }

    fn message(
        &self,
        method: &GrpcMethodPlan,
        received: &Received<'_>,
        coding: Option<&str>,
    ) -> Result<(), (&'static Reason, String)> {
        let most = u64::from(self.plan.message_bytes);
        let too_long = |length: u64| (&SIZE, format!("expected a message of at most {most} bytes, got {length}"));
        let (prefix, rest) = received.bytes.split_at_checked(PREFIX).unwrap_or_default();
        let [compressed, length @ ..] = prefix else {
            return Err((&MESSAGE, "expected one message, got none".to_owned()));
        };
        let length = length.iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
        if length > most {
            return Err(too_long(length));
        }
        if !received.complete || length != rest.len() as u64 {
            return Err((&MESSAGE, "expected exactly one message".to_owned()));
        }
        let limits = BodyLimits { json_depth: 1, json_values: 1, decompress_ratio: 1000, decompressed_bytes: most };
        let decoded = match *compressed {
            0 => Ok(std::borrow::Cow::Borrowed(rest)),
            1 => stockade_inspect::decoded(coding, rest, &limits),
            _ => return Err((&MESSAGE, "expected a message that is compressed or not".to_owned())),
        };
        let decoded = decoded.map_err(|error| (&MESSAGE, error.detail))?;
        if decoded.len() as u64 > most {
            return Err(too_long(decoded.len() as u64));
        }
        Reader::new(&self.plan).message(&decoded, &method.input, 0)
    }
}

fn refusal(exchange: &Exchange<'_>, reason: &'static Reason, problem: String) -> Box<Refusal> {
    let mut refusal = Refusal::new(Stage::Contract, reason, exchange.setting("contract.grpc"), problem);
    refusal.exception = Some(reason.remedy.to_owned());
    Box::new(refusal)
}
