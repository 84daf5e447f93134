//! From a plan to what the stages run. Everything that can be wrong is found here, before traffic sees it.

use std::collections::HashSet;

use stockade_model::plan::{ApiPlan, FailMode, FailModesPlan, OperationPlan, PLAN_FORMAT, ParameterIn, Plan, Unknown};
use stockade_model::{Mode, PathForms, Request, Stage};

use crate::Record;
use crate::actor::is_field_name;
use crate::confined::Confined;
use crate::operations::Operation;
use crate::stages::access::Access;
use crate::stages::contract::Contract;
use crate::stages::identity::IdentityStage;
use crate::stages::inspect::Inspect;
use crate::stages::limit::Limits;
use crate::stages::protect::Protect;
use crate::stages::response::ResponseChecks;
use crate::stages::seclang::SecLang;
use crate::templates::{Template, Templates};

/// Why a plan cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct PlanError {
    /// Dotted path into the config, such as `apis.shop.limits.login.by`.
    pub setting: String,
    /// What was expected and what came.
    pub problem: String,
}

impl PlanError {
    /// An error at `setting`.
    pub(crate) fn new(setting: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { setting: setting.into(), problem: problem.into() }
    }
}

/// One API, compiled.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) name: String,
    pub(crate) base_path: String,
    pub(crate) path_forms: PathForms,
    pub(crate) mode: Mode,
    fail: FailModesPlan,
    pub(crate) unknown_operations: Unknown,
    /// `WWW-Authenticate` for a caller who showed nothing; `None` without identity methods.
    pub(crate) challenge: Option<String>,
    pub(crate) operations: Vec<Operation>,
    /// For each operation, the values that its contract confines.
    pub(crate) confined: Vec<Confined>,
    pub(crate) templates: Templates,
    pub(crate) identity: IdentityStage,
    pub(crate) contract: Contract,
    pub(crate) access: Access,
    pub(crate) seclang: SecLang,
    pub(crate) inspect: Inspect,
    /// Limits on failures that are known before the caller is.
    pub(crate) early_limits: Limits,
    pub(crate) limits: Limits,
    pub(crate) protect: Protect,
    pub(crate) response: ResponseChecks,
}

impl Api {
    /// Compiles one API.
    ///
    /// # Errors
    /// The first thing that does not compile.
    pub(crate) fn new(plan: &ApiPlan, seclang: SecLang) -> Result<Self, PlanError> {
        check_place(plan)?;
        let operations = operations(plan)?;
        let identity = IdentityStage::new(plan)?;
        let (early_limits, limits) = Limits::new(plan)?;
        Ok(Self {
            name: plan.name.clone(),
            base_path: plan.base_path.clone(),
            path_forms: plan.path_forms.iter().copied().collect(),
            mode: plan.mode,
            fail: plan.fail.clone(),
            confined: plan.operations.iter().map(|operation| Confined::new(operation, plan)).collect(),
            templates: Templates::new(plan)?,
            unknown_operations: plan.contract.unknown_operations,
            challenge: identity.challenge(None),
            identity,
            contract: Contract::new(plan)?,
            access: Access::new(plan)?,
            seclang,
            inspect: Inspect::new(plan)?,
            early_limits,
            limits,
            protect: Protect::new(plan)?,
            response: ResponseChecks::new(plan)?,
            operations,
        })
    }

    /// Whether all of a body must have come before any of it is forwarded, or the request is refused.
    pub(crate) fn wants_whole_body(&self, record: &Record, request: &Request) -> bool {
        record.digest_signed
            || self.contract.wants_whole_body(record.operation, request)
            || self.access.wants_body(record.operation, request, record.identity.as_deref())
    }

    /// What `stage` does when it cannot decide. Stages without a setting stay closed: who may call is never guessed.
    pub(crate) const fn fail_mode(&self, stage: Stage) -> FailMode {
        match stage {
            Stage::Identity => self.fail.identity,
            Stage::Contract => self.fail.contract,
            Stage::Inspect => self.fail.inspect,
            Stage::Limit => self.fail.limit,
            Stage::Response => self.fail.response,
            _ => FailMode::Closed,
        }
    }
}

/// Compiles all APIs of a plan.
///
/// # Errors
/// The first thing that does not compile.
pub(crate) fn apis(plan: &Plan) -> Result<Vec<Api>, PlanError> {
    if plan.format != PLAN_FORMAT {
        return Err(PlanError::new("format", format!("expected {PLAN_FORMAT}, got {}", plan.format)));
    }
    let mut names = HashSet::new();
    for api in &plan.apis {
        // The name stands in challenges and settings, so it must need no quoting.
        let plain =
            !api.name.is_empty() && api.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !plain || !names.insert(api.name.as_str()) {
            return Err(PlanError::new(
                "apis",
                format!(
                    "expected for each API a name of its own, of letters, digits, `.`, `_` and `-`, got `{}`",
                    api.name
                ),
            ));
        }
    }
    let mut apis: Vec<Api> = Vec::with_capacity(plan.apis.len());
    for api in &plan.apis {
        let known: Vec<_> = plan
            .apis
            .iter()
            .zip(&apis)
            .filter_map(|(other, compiled)| Some((other.seclang.as_deref()?, &compiled.seclang)))
            .collect();
        let seclang = SecLang::new(api, plan.gateway.seclang_log.is_some(), &known)?;
        apis.push(Api::new(api, seclang)?);
    }
    Ok(apis)
}

fn check_place(plan: &ApiPlan) -> Result<(), PlanError> {
    let setting = |rest: &str| format!("apis.{}.{rest}", plan.name);
    if plan.hosts.is_empty() {
        return Err(PlanError::new(setting("hosts"), "expected at least one host, or `*` for any"));
    }
    for host in &plan.hosts {
        if !is_host(host) {
            return Err(PlanError::new(
                setting("hosts"),
                format!("expected a host in lower case without a port, `*.suffix` or `*`, got `{host}`"),
            ));
        }
    }
    let base = &plan.base_path;
    let canonical = stockade_model::CanonicalPath::parse(base.as_bytes());
    let same = canonical.as_ref().is_ok_and(|path| path.as_str() == base);
    if !same || (base.len() > 1 && base.ends_with('/')) {
        return Err(PlanError::new(
            setting("base_path"),
            format!("expected `/` or a canonical path without a `/` at its end, got `{base}`"),
        ));
    }
    Ok(())
}

fn is_host(host: &str) -> bool {
    let rest = match host {
        "*" => return true,
        _ => host.strip_prefix("*.").unwrap_or(host),
    };
    if let Some(six) = rest.strip_prefix('[') {
        return six.strip_suffix(']').is_some_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
    };
    rest.len() <= 253 && rest.split('.').all(label)
}

fn operations(plan: &ApiPlan) -> Result<Vec<Operation>, PlanError> {
    let mut ids = HashSet::new();
    plan.operations
        .iter()
        .map(|operation| {
            let setting = format!("apis.{}.operations.{}", plan.name, operation.id);
            if operation.id.is_empty() || !ids.insert(operation.id.as_str()) {
                return Err(PlanError::new(setting, "expected an operation id that is unique within the API"));
            }
            let method = &operation.method;
            if method.is_empty() || !is_field_name(method) || *method != method.to_ascii_uppercase() {
                return Err(PlanError::new(
                    format!("{setting}.method"),
                    format!("expected a method in upper case, got `{method}`"),
                ));
            }
            let template = Template::parse(&operation.path)
                .map_err(|problem| PlanError::new(format!("{setting}.path"), problem))?;
            check_parameters(operation, &template, &setting)?;
            Ok(Operation { id: operation.id.clone(), path_names: template.names() })
        })
        .collect()
}

fn check_parameters(operation: &OperationPlan, template: &Template, setting: &str) -> Result<(), PlanError> {
    let names = template.names();
    for parameter in &operation.parameters {
        let known = parameter.place != ParameterIn::Path || names.contains(&parameter.name);
        if parameter.name.is_empty() || !known {
            return Err(PlanError::new(
                format!("{setting}.parameters.{}", parameter.name),
                format!("expected a name that stands in the template `{}`", operation.path),
            ));
        }
    }
    Ok(())
}
