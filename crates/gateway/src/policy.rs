//! What is in force and how it changes: bundles and decisions, swapped whole or refused with a reason.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use stockade_model::plan::Plan;

use crate::bundle::BundleError;
use crate::folder::Folder;
use crate::shared::Shared;
use crate::trial::{Failed, Sample, Trial};

/// Every code of a notice with its meaning, for the reference page.
pub const NOTICES: &[(&str, &str)] = &[
    ("gateway.started", "the gateway serves"),
    ("gateway.stopping", "the gateway was told to stop and drains"),
    ("bundle.loaded", "a bundle came into force"),
    ("bundle.refused", "a bundle was refused; the one before stays in force"),
    ("bundle.taken_back", "a new bundle let hardly anything pass and the one before was put in force again"),
    ("bundle.fallback", "at the start, the bundle in force was no good and an older one was taken"),
    ("decisions.refused", "`decisions.json` was refused; the decisions before stay in force"),
    ("limits.store_down", "the store through which gateways share limits cannot be reached; each admits its share"),
    ("limits.store_back", "limits are counted together again"),
    ("spool.dropping", "records are being dropped or cannot be written"),
    ("spool.recovered", "records are written again"),
];

/// Puts bundles and decisions in force.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) shared: Arc<Shared>,
    pub(crate) folder: Folder,
    pub(crate) trial: Rc<RefCell<Trial>>,
}

/// How often a bundle on trial is looked at.
const LOOK: Duration = Duration::from_secs(1);

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
        let (before, trial_ms) = (current.plan().version, plan.gateway.trial_ms);
        self.shared.engine.store(Arc::clone(&compiled.engine));
        if before != reloaded.bundle {
            self.trial.borrow_mut().begin(before, self.sample(), u64::from(trial_ms).saturating_mul(1000));
        }
        Ok(reloaded)
    }

    /// Watches every new bundle on its trial; never ends.
    pub(crate) async fn watch_trials(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let failed = self.trial.borrow_mut().look(self.sample());
            if let Some(failed) = failed {
                self.take_back(&failed);
            }
        }
    }

    /// Puts the bundle before in force again, also for the next start.
    fn take_back(&self, failed: &Failed) {
        let Failed { before, expected, passed, stopped } = failed;
        let bad = self.shared.engine.load().plan().version;
        let compiled = match self.folder.compile(&self.folder.bundle(*before)) {
            Ok(compiled) => compiled,
            Err(error) => return self.notice("bundle.refused", format!("bundle {bad} cannot be taken back: {error}")),
        };
        self.shared.certificates.replace(compiled.certificates);
        self.shared.engine.store(compiled.engine);
        let kept = match self.folder.set_current(*before) {
            Ok(()) => String::new(),
            Err(error) => format!("; after a restart bundle {bad} would be in force again: {error}"),
        };
        self.notice(
            "bundle.taken_back",
            format!(
                "bundle {before} is in force again: under bundle {bad}, {passed} exchanges passed where {expected} were \
                 expected, and {stopped} were refused or failed; set `gateway.trial: 0s` if that is meant{kept}"
            ),
        );
    }

    fn sample(&self) -> Sample {
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.shared.counters;
        let stopped = read(&counters.refused).saturating_add(read(&counters.failed));
        let passed = read(&counters.exchanges).saturating_sub(stopped);
        Sample { at_us: self.shared.clock.now().monotonic_us, passed, stopped }
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
        self.shared.notice(code, detail);
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
