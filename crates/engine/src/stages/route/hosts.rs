//! Which API a host and a path belong to.

use std::collections::HashMap;

use crate::PlanError;
use crate::compile::Api;
use stockade_model::Request;
use stockade_model::plan::ApiPlan;

/// APIs by host; each list is in the order in which base paths are tried: longest first, then as in the plan.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    exact: HashMap<String, Vec<usize>, foldhash::quality::RandomState>,
    /// By suffix with its dot, such as `.example.com`.
    suffix: HashMap<String, Vec<usize>, foldhash::quality::RandomState>,
    any: Vec<usize>,
}

impl Hosts {
    /// Sorts the APIs of a plan by host.
    ///
    /// # Errors
    /// Two APIs with the same host and base path: one would never be reached.
    pub(crate) fn new(plans: &[ApiPlan]) -> Result<Self, PlanError> {
        let mut hosts = Self::default();
        let mut order: Vec<usize> = (0..plans.len()).collect();
        order.sort_by_key(|place| std::cmp::Reverse(plans.get(*place).map_or(0, |api| api.base_path.len())));
        for place in order {
            let Some(api) = plans.get(place) else { continue };
            for host in &api.hosts {
                let list = match host.as_str() {
                    "*" => &mut hosts.any,
                    host => match host.strip_prefix('*') {
                        Some(suffix) => hosts.suffix.entry(suffix.to_owned()).or_default(),
                        None => hosts.exact.entry(host.to_owned()).or_default(),
                    },
                };
                let rival = list.iter().filter_map(|other| plans.get(*other));
                if let Some(rival) = rival.into_iter().find(|rival| rival.base_path == api.base_path) {
                    return Err(PlanError::new(
                        format!("apis.{}.hosts", api.name),
                        format!("`{host}` with base path `{}` is already taken by API `{}`", api.base_path, rival.name),
                    ));
                }
                list.push(place);
            }
        }
        Ok(hosts)
    }

    /// The API for a request.
    pub(crate) fn find(&self, request: &Request, apis: &[Api]) -> Option<usize> {
        let host = request.host();
        let host = host.strip_suffix('.').unwrap_or(host);
        let path = request.path.as_str();
        let fits = |list: &Vec<usize>| {
            list.iter().copied().find(|place| apis.get(*place).is_some_and(|api| is_below(path, &api.base_path)))
        };
        if let Some(found) = self.exact.get(host).and_then(fits) {
            return Some(found);
        }
        if !self.suffix.is_empty() {
            let mut rest = host;
            while let Some(dot) = rest.char_indices().skip(1).find(|(_, letter)| *letter == '.') {
                rest = rest.get(dot.0..).unwrap_or_default();
                if let Some(found) = self.suffix.get(rest).and_then(fits) {
                    return Some(found);
                }
            }
        }
        fits(&self.any)
    }
}

fn is_below(path: &str, base: &str) -> bool {
    base == "/" || path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
