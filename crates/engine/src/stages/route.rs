//! Stage route: which API and which operation a request is for. After decisions, before identity.
//!
//! Rules, all strict, because two readings of one path are how gateways are passed by:
//! - Hosts: an exact host before the longest `*.suffix` before `*`. Among APIs whose host fits equally, the longest base
//!   path that fits; when none fits there, less exact hosts are tried.
//! - A base path fits itself and what continues it with `/`: `/v1` fits `/v1` and `/v1/x`, never `/v10`.
//! - Templates are compared segment by segment. `/orders` and `/orders/` are two paths; letter case counts.
//! - Among templates that fit and have the method, a literal segment wins over a parameter, from left to right.
//! - HEAD is served by GET's operation unless HEAD is declared. A CORS preflight for a known path passes without an
//!   operation. Any other method on a known path is 405, an unknown path 404, as `contract.unknown_operations` says.

mod hosts;

use stockade_model::plan::Unknown;
use stockade_model::{Framing, Mode, Reason, Refusal, Request, Stage};

pub(crate) use hosts::Hosts;

use crate::State;
use crate::stage::{Exchange, Outcome, Ran, RequestStage};

const UNKNOWN_API: Reason = Reason {
    code: "route.unknown_api",
    status: 404,
    meaning: "no API has this host and base path",
    remedy: "add the host to `apis.NAME.hosts`, or `*` for any host",
    source: "RFC 9110 15.5.5",
};

const UNKNOWN_OPERATION: Reason = Reason {
    code: "route.unknown_operation",
    status: 404,
    meaning: "the contract has no operation on this path",
    remedy: "add the operation to the OpenAPI document, or set `contract.unknown_operations: pass`",
    source: "OWASP API9:2023; RFC 9110 15.5.5",
};

const PATH_FORM: Reason = Reason {
    code: "route.path_form",
    status: 400,
    meaning: "the path has a form that servers read in different ways, and the API does not say that it wants it",
    remedy: "add the form to `apis.NAME.path_forms` if the upstream reads it as the gateway does",
    source: "RFC 3986 6.2.2; CWE-444",
};

const UNKNOWN_METHOD: Reason = Reason {
    code: "route.unknown_method",
    status: 405,
    meaning: "the contract knows the path but not with this method",
    remedy: "add the operation to the OpenAPI document, or set `contract.unknown_operations: pass`",
    source: "RFC 9110 15.5.6",
};

/// Reasons of this stage.
pub(crate) const REASONS: &[&Reason] = &[&UNKNOWN_API, &PATH_FORM, &UNKNOWN_OPERATION, &UNKNOWN_METHOD];

/// The stage.
#[derive(Debug)]
pub(crate) struct Route;

impl RequestStage for Route {
    fn stage(&self) -> Stage {
        Stage::Route
    }

    fn head(&self, exchange: &mut Exchange<'_>, _state: &State) -> Outcome {
        let request = exchange.request;
        let Some(api) = exchange.api else {
            let detail = format!("no API for host `{}` and this path", masked(request.host()));
            return Err(Box::new(Refusal::new(Stage::Route, &UNKNOWN_API, "apis", detail)));
        };
        if let Some(form) = request.path.forms().beyond(api.path_forms) {
            let form = form.as_str();
            let setting = exchange.setting("path_forms");
            let mut refusal =
                Refusal::new(Stage::Route, &PATH_FORM, setting, format!("the path has the form `{form}`"));
            refusal.exception = Some(format!("set `apis.{}.path_forms: [{form}]`", api.name));
            return Err(Box::new(refusal));
        }
        exchange.facts.preflight = is_preflight(request);
        if api.operations.is_empty() {
            exchange.explain(|_| format!("API `{}`, which has no contract", api.name));
            return Ok(Ran::Pass);
        }
        let path = request.path.as_str();
        let found = api.templates.find(path, api.base_path.len(), &request.method);
        if let Some(operation) = found.operation {
            exchange.record.operation = Some(operation);
            exchange.facts.path_values = found.values;
            exchange.facts.preflight = false;
            exchange.explain(|exchange| {
                format!("API `{}`, operation `{}`", api.name, exchange.operation_id().unwrap_or_default())
            });
            return Ok(Ran::Pass);
        }
        if (exchange.facts.preflight && found.path_is_known) || api.unknown_operations == Unknown::Pass {
            exchange.explain(|_| format!("API `{}`, an operation that the contract does not know", api.name));
            return Ok(Ran::Pass);
        }
        exchange.facts.preflight = false;
        let setting = exchange.setting("contract.unknown_operations");
        let method = masked(&request.method);
        let mut refusal = if found.path_is_known {
            let allow = api.templates.allow(path, api.base_path.len());
            let detail = format!("expected one of {allow} on this path, got {method}");
            let refusal = Refusal::new(Stage::Route, &UNKNOWN_METHOD, setting, detail);
            // RFC 9110 15.5.6: a 405 must name the methods that are allowed; in monitor mode no response is changed.
            if exchange.mode() == Mode::Enforce {
                exchange.record.response_headers.push(("allow", allow));
            }
            refusal
        } else {
            let detail = format!("no operation fits {method} {}", masked(path));
            Refusal::new(Stage::Route, &UNKNOWN_OPERATION, setting, detail)
        };
        refusal.exception = Some(format!(
            "add {method} on this path to the OpenAPI document, or set `apis.{}.contract.unknown_operations: pass`",
            api.name
        ));
        Err(Box::new(refusal))
    }
}

/// A browser asking whether a page may call (Fetch standard, 4.8): it carries no credential and no body.
fn is_preflight(request: &Request) -> bool {
    request.method == "OPTIONS"
        && request.framing == Framing::None
        && request.headers.contains("origin")
        && request.headers.contains("access-control-request-method")
}

fn masked(text: &str) -> String {
    stockade_inspect::mask::text(text, 200).into_owned()
}
