//! The ordered list of stages, and the three questions the gateway asks: head, body, response.

use std::sync::Arc;

use stockade_model::plan::{LargeBody, Plan};
use stockade_model::{Now, Refusal, Request, ResponseHead};

use crate::{Admitted, Body, BodyPolicy, Cleared, Record, Refused, State};

/// Why a plan cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct PlanError {
    /// Dotted path into the config, such as `apis.shop.limits.login.by`.
    pub setting: String,
    /// What was expected and what came.
    pub problem: String,
}

/// A compiled plan. Immutable; a reload makes a new one.
#[derive(Debug)]
pub struct Engine {
    plan: Plan,
}

impl Engine {
    /// Compiles a plan.
    ///
    /// # Errors
    /// The first thing that does not compile, with its setting.
    pub fn new(plan: Plan) -> Result<Self, PlanError> {
        Ok(Self { plan })
    }

    /// The plan it was compiled from.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn body_policy(&self, request: &Request, record: &Record) -> BodyPolicy {
        let inspect = record.api.and_then(|api| self.plan.apis.get(api)).map(|api| &api.inspect);
        BodyPolicy {
            buffer_bytes: inspect.map_or(0, |plan| plan.body_bytes),
            beyond: inspect.map_or(LargeBody::Refuse, |plan| plan.large_bodies),
            stream: request.upgrade.is_some(),
        }
    }

    /// Judges a request's head: all stages, as far as the head lets them decide.
    ///
    /// # Errors
    /// The refusal of the first stage that refuses, in enforce mode.
    pub fn judge_head(
        self: &Arc<Self>,
        state: &State,
        request: Request,
        explain: bool,
        now: Now,
    ) -> Result<Admitted, Box<Refused>> {
        let _ = (state, now);
        let record = Record { api: Some(0), explain, ..Record::default() };
        Ok(Admitted { engine: Arc::clone(self), request, record })
    }

    /// Judges the body and clears the request.
    ///
    /// # Errors
    /// The refusal of the first stage that refuses, in enforce mode.
    pub fn judge_body(
        self: &Arc<Self>,
        state: &State,
        admitted: Admitted,
        body: Body,
        now: Now,
    ) -> Result<Cleared, Box<Refused>> {
        let _ = (state, now);
        let Admitted { engine, request, record } = admitted;
        let api = record.api.unwrap_or_default();
        Ok(Cleared { engine, request, body, record, api })
    }

    /// How many bytes of this response the engine wants to see before it is sent on; 0 for none.
    #[must_use]
    pub fn response_buffer(&self, cleared: &Cleared, head: &ResponseHead) -> u64 {
        let _ = (cleared, head);
        0
    }

    /// Judges a response: takes out headers, searches the body for leaks.
    ///
    /// `body` is `None` when it was not buffered.
    ///
    /// # Errors
    /// The refusal to answer instead, in enforce mode.
    pub fn judge_response(
        &self,
        cleared: &mut Cleared,
        head: &mut ResponseHead,
        body: Option<&[u8]>,
        now: Now,
    ) -> Result<(), Box<Refusal>> {
        let _ = (cleared, head, body, now);
        Ok(())
    }
}
