//! How the body of a request is read: how much of it, and into what it is parsed.

use stockade_inspect::{BodyLimits, ParsedBody};
use stockade_model::plan::{ApiPlan, LargeBody, UpstreamProtocol};
use stockade_model::{Framing, HttpVersion, Mode, Request};

use crate::compile::Api;
use crate::exchange::{Body, BodyPolicy, Record};
use crate::fields::joined;
use crate::pipeline::Engine;
use crate::stages::contract::is_grpc;

impl Engine {
    /// How the body of an admitted request must be read.
    pub(crate) fn body_policy(&self, request: &Request, record: &Record) -> BodyPolicy {
        let nothing = BodyPolicy { buffer_bytes: 0, beyond: LargeBody::Stream, stream: false };
        if request.upgrade.is_some() {
            return BodyPolicy { stream: true, ..nothing };
        }
        let Some((api, plan)) = self.api(record).filter(|_| request.framing != Framing::None) else { return nothing };
        // A media type alone must not buy a way around inspection: only HTTP/2 carries gRPC, only to an upstream that
        // speaks it, and only where the contract, if it knows the operation, takes that type.
        if is_grpc(request)
            && request.version == HttpVersion::Http2
            && plan.upstream.protocol != UpstreamProtocol::Http1
            && !record.digest_signed
            && api.contract.may_stream(record.operation, request)
        {
            return BodyPolicy { stream: true, ..nothing };
        }
        let operation = record.operation;
        let is_read = api.inspect.enabled()
            || record.digest_signed
            || api.seclang.wants_body()
            || api.contract.wants_body(operation, request)
            || api.access.wants_body(operation, request, record.identity.as_deref())
            || api.limits.wants_body(operation, request);
        if !is_read {
            return nothing;
        }
        // A schema is promised for the whole body, and a digest is of it: what is only judged in part could be padded
        // past both.
        let whole = api.wants_whole_body(record, request);
        let beyond = match (api.mode, plan.inspect.large_bodies) {
            // In monitor mode nothing is refused; the record says what would have been.
            (Mode::Monitor, _) => LargeBody::Stream,
            (Mode::Enforce, _) if whole => LargeBody::Refuse,
            (Mode::Enforce, beyond) => beyond,
        };
        BodyPolicy { buffer_bytes: plan.inspect.body_bytes, beyond, stream: false }
    }
}

/// Decodes and parses the body once, when a stage will read it.
pub(crate) fn parse(
    api: &Api,
    plan: &ApiPlan,
    request: &Request,
    record: &Record,
    body: &Body,
) -> Option<Result<ParsedBody, stockade_inspect::BodyError>> {
    let operation = record.operation;
    let is_read = api.inspect.enabled()
        || api.seclang.wants_body()
        || api.contract.wants_body(operation, request)
        || api.access.wants_body(operation, request, record.identity.as_deref())
        || api.limits.wants_body(operation, request);
    if !is_read {
        return None;
    }
    if body.bytes.is_empty() {
        return Some(Ok(ParsedBody::Empty));
    }
    let limits = body_limits(plan);
    Some(ParsedBody::parse(
        request.media_type().as_deref(),
        request.headers.get_str("content-type"),
        joined(&request.headers, "content-encoding").as_deref(),
        &body.bytes,
        body.complete,
        &limits,
    ))
}

/// Bounds of a body that is parsed.
pub(crate) fn body_limits(plan: &ApiPlan) -> BodyLimits {
    BodyLimits {
        json_depth: plan.contract.json_depth,
        json_values: plan.contract.json_values,
        decompress_ratio: plan.inspect.decompress_ratio,
        decompressed_bytes: plan.inspect.decompressed_bytes,
    }
}
