//! What is in force and how it changes: bundles and decisions, swapped whole or refused with a reason.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use stockade_model::event::{EVENT_FORMAT, Notice, Record};
use stockade_model::plan::Plan;

use crate::bundle::BundleError;
use crate::folder::Folder;
use crate::shared::Shared;

/// Every code of a notice with its meaning, for the reference page.
pub const NOTICES: &[(&str, &str)] = &[
    ("gateway.started", "the gateway serves"),
    ("gateway.stopping", "the gateway was told to stop and drains"),
    ("bundle.loaded", "a bundle came into force"),
    ("bundle.refused", "a bundle was refused; the one before stays in force"),
    ("bundle.fallback", "at the start, the bundle in force was no good and an older one was taken"),
    ("decisions.refused", "`decisions.json` was refused; the decisions before stay in force"),
    ("spool.dropping", "records are being dropped or cannot be written"),
    ("spool.recovered", "records are written again"),
];

/// Puts bundles and decisions in force.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) shared: Arc<Shared>,
    pub(crate) folder: Folder,
}

/// What came of a reload.
#[derive(Debug)]
pub(crate) struct Reloaded {
    /// Version of the bundle now in force.
    pub(crate) bundle: u64,
    /// Settings that differ from those at work and need a restart.
    pub(crate) restart: Vec<&'static str>,
}

impl Policy {
    /// Reads the bundle in force again, and the certificates it names.
    ///
    /// All of it is compiled before anything is swapped; a version lower than the present one is a roll-back, which
    /// its signature permits.
    pub(crate) fn reload(&self) -> Result<Reloaded, BundleError> {
        let outcome = self.try_reload();
        match &outcome {
            Ok(reloaded) => {
                self.shared.counters.reloads.fetch_add(1, Ordering::Relaxed);
                self.notice("bundle.loaded", format!("bundle {} is in force", reloaded.bundle));
            }
            Err(error) => {
                self.shared.counters.refused_bundles.fetch_add(1, Ordering::Relaxed);
                self.notice("bundle.refused", error.to_string());
            }
        }
        outcome
    }

    fn try_reload(&self) -> Result<Reloaded, BundleError> {
        let compiled = self.folder.compile(&self.folder.current()?)?;
        let current = self.shared.engine.load_full();
        let plan = compiled.engine.plan();
        same_listeners(current.plan(), plan)?;
        let reloaded = Reloaded { bundle: plan.version, restart: needs_restart(current.plan(), plan) };
        self.shared.certificates.replace(compiled.certificates);
        self.shared.engine.store(compiled.engine);
        Ok(reloaded)
    }

    /// Reads `decisions.json` again; answers how many decisions are active.
    pub(crate) fn decisions(&self) -> Result<usize, String> {
        match self.folder.decisions() {
            Ok(decisions) => Ok(self.shared.state.set_decisions(decisions, self.shared.clock.now())),
            Err(problem) => {
                self.notice("decisions.refused", problem.clone());
                Err(problem)
            }
        }
    }

    /// Tells something in the spool and on standard error.
    pub(crate) fn notice(&self, code: &'static str, detail: String) {
        crate::process::tell(&format!("{code}: {detail}"));
        self.shared.spool.append(&Record::Notice(Notice {
            format: EVENT_FORMAT,
            time: self.shared.clock.now().wall,
            gateway: self.shared.engine.load().plan().gateway.name.clone(),
            code,
            detail,
        }));
    }
}

fn same_listeners(current: &Plan, next: &Plan) -> Result<(), BundleError> {
    let addresses = |plan: &Plan| -> Vec<(String, bool)> {
        let listeners = plan.gateway.listeners.iter();
        listeners.map(|listener| (listener.address.clone(), listener.tls.is_some())).collect()
    };
    let shown = |plan: &Plan| {
        let all: Vec<String> = addresses(plan)
            .into_iter()
            .map(|(address, tls)| if tls { format!("{address} with TLS") } else { address })
            .collect();
        all.join(", ")
    };
    if addresses(current) == addresses(next) {
        return Ok(());
    }
    let problem =
        format!("expected listeners on {}, got {}: restart the gateway to change them", shown(current), shown(next));
    Err(BundleError::new("bundle.listeners", problem))
}

fn needs_restart(current: &Plan, next: &Plan) -> Vec<&'static str> {
    let mut settings = Vec::new();
    if current.gateway.workers != next.gateway.workers {
        settings.push("gateway.workers");
    }
    if current.gateway.spool != next.gateway.spool {
        settings.push("gateway.spool");
    }
    settings
}
