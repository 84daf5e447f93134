//! Operations as the stages see them, and choices of operations compiled for quick answers.

use stockade_model::Request;
use stockade_model::plan::{OperationPlan, OperationSelector};

use crate::PlanError;
use crate::glob::{Glob, Reading};

/// One operation of an API.
#[derive(Debug)]
pub(crate) struct Operation {
    /// Operation id.
    pub(crate) id: String,
    /// Names of its path parameters, in the order of the template.
    pub(crate) path_names: Vec<String>,
}

/// A compiled [`OperationSelector`].
#[derive(Debug)]
pub(crate) struct Selection {
    /// For each operation, whether ids and tags fit; `None` when neither was named, so that unknown ones fit too.
    fitting: Option<Vec<bool>>,
    methods: Vec<String>,
    paths: Vec<Glob>,
}

impl Selection {
    /// Compiles `plan` for the operations of one API. `setting` names it in errors.
    ///
    /// # Errors
    /// An operation id that does not exist (a rule about nothing protects nothing), a bad glob or method.
    pub(crate) fn new(
        plan: &OperationSelector,
        operations: &[OperationPlan],
        reading: Reading,
        setting: &str,
    ) -> Result<Self, PlanError> {
        for id in &plan.operations {
            if !operations.iter().any(|operation| operation.id == *id) {
                return Err(PlanError::new(
                    format!("{setting}.operations"),
                    format!("expected the id of an operation in the contract, got `{id}`"),
                ));
            }
        }
        for method in &plan.methods {
            if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
                return Err(PlanError::new(
                    format!("{setting}.methods"),
                    format!("expected a method in upper case, got `{method}`"),
                ));
            }
        }
        let paths = plan.paths.iter().map(|path| Glob::new(path, reading)).collect::<Result<_, _>>();
        let fitting = (!plan.operations.is_empty() || !plan.tags.is_empty()).then(|| {
            operations
                .iter()
                .map(|operation| {
                    (plan.operations.is_empty() || plan.operations.contains(&operation.id))
                        && (plan.tags.is_empty() || operation.tags.iter().any(|tag| plan.tags.contains(tag)))
                })
                .collect()
        });
        Ok(Self {
            fitting,
            methods: plan.methods.clone(),
            paths: paths.map_err(|problem| PlanError::new(format!("{setting}.paths"), problem))?,
        })
    }

    /// Whether the request, for `operation` when the contract knows it, is chosen.
    pub(crate) fn selects(&self, operation: Option<usize>, request: &Request) -> bool {
        if let Some(fitting) = &self.fitting
            && !operation.and_then(|place| fitting.get(place)).copied().unwrap_or(false)
        {
            return false;
        }
        (self.methods.is_empty() || self.methods.iter().any(|method| same_method(method, &request.method)))
            && (self.paths.is_empty() || self.paths.iter().any(|glob| glob.fits(request.path.as_str())))
    }
}

/// HEAD is GET without the content (RFC 9110 9.3.2), so a rule on GET is a rule on HEAD.
pub(crate) fn same_method(named: &str, method: &str) -> bool {
    named == method || (method == "HEAD" && named == "GET")
}
