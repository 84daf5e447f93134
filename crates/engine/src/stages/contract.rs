//! Stage contract: what the API promised to accept. After identity, before access.

use stockade_model::plan::ApiPlan;
use stockade_model::{Reason, Stage};

use crate::stage::{Exchange, Outcome, Ran, RequestStage};
use crate::{PlanError, State};

/// Reasons of this stage.
pub(crate) const REASONS: &[&Reason] = &[];

/// The stage for one API.
#[derive(Debug)]
pub(crate) struct Contract {}

impl Contract {
    /// Compiles it.
    pub(crate) fn new(plan: &ApiPlan) -> Result<Self, PlanError> {
        let _ = plan;
        Ok(Self {})
    }

    pub(crate) fn wants_body(&self, _operation: Option<usize>) -> bool {
        false
    }

    pub(crate) fn wants_whole_body(&self, _operation: Option<usize>) -> bool {
        false
    }
}

impl RequestStage for Contract {
    fn stage(&self) -> Stage {
        Stage::Contract
    }

    fn head(&self, _exchange: &mut Exchange<'_>, _state: &State) -> Outcome {
        Ok(Ran::Skip)
    }
}
