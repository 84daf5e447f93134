//! How targets fare: active checks, passive ejection, running exchanges. Shared by all workers through atomics.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use stockade_model::Plan;
use stockade_model::plan::{HealthPlan, OutlierPlan};

use crate::clock::Clock;

/// Which targets are usable; shared by all workers, kept over reloads for targets that stay.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    groups: Mutex<Vec<Arc<GroupHealth>>>,
    /// A worker runs the active checks.
    checking: AtomicBool,
}

impl Default for Inner {
    fn default() -> Self {
        Self { clock: Clock::start(), groups: Mutex::default(), checking: AtomicBool::new(false) }
    }
}

/// The right to run the active checks; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Checking<'a>(&'a AtomicBool);

impl Drop for Checking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

/// One target, as the control socket shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetStatus {
    /// Name of the API.
    pub api: String,
    /// The target's URL.
    pub target: String,
    /// Whether requests are sent to it.
    pub usable: bool,
    /// What its health checks say; `true` without any.
    pub healthy: bool,
    /// How long it is still left out after failures, ms.
    pub ejected_ms: u64,
    /// Exchanges running now.
    pub running: u32,
    /// Failures in a row.
    pub failures: u32,
    /// How often it was left out since the start.
    pub ejections: u64,
}

/// The targets of one API.
#[derive(Debug)]
pub(super) struct GroupHealth {
    api: String,
    clock: Clock,
    outlier: OutlierPlan,
    pub(super) targets: Vec<Arc<TargetHealth>>,
    /// Held while deciding to eject, so that two workers together never leave out one too many.
    ejecting: Mutex<()>,
}

/// One target.
#[derive(Debug, Default)]
pub(super) struct TargetHealth {
    pub(super) url: String,
    running: AtomicU32,
    failures: AtomicU32,
    /// On the monotonic clock, µs; 0 when it is not left out.
    ejected_until: AtomicU64,
    ejections: AtomicU64,
    unhealthy: AtomicBool,
    /// Checks in a row that contradict `unhealthy`.
    streak: AtomicU32,
}

/// Counts an exchange as running on a target until it is dropped.
#[derive(Debug)]
pub(super) struct Running(Arc<TargetHealth>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Relaxed);
    }
}

impl Health {
    /// Takes over the targets of `plan`; those that stay keep what is known of them. One group for each API, in order.
    pub(super) fn follow(&self, plan: &Plan) -> Vec<Arc<GroupHealth>> {
        let mut groups = self.0.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let known: HashMap<(&str, &str), &Arc<TargetHealth>> = groups
            .iter()
            .flat_map(|group| group.targets.iter().map(|target| ((group.api.as_str(), target.url.as_str()), target)))
            .collect();
        let next: Vec<_> = plan
            .apis
            .iter()
            .map(|api| {
                let targets: Vec<_> = api
                    .upstream
                    .targets
                    .iter()
                    .map(|target| match known.get(&(api.name.as_str(), target.url.as_str())) {
                        Some(known) => Arc::clone(known),
                        None => Arc::new(TargetHealth { url: target.url.clone(), ..TargetHealth::default() }),
                    })
                    .collect();
                if api.upstream.health.is_none() {
                    targets.iter().for_each(|target| target.forget_checks());
                }
                groups
                    .iter()
                    .find(|group| group.is(&api.name, &api.upstream.outlier, &targets))
                    .map_or_else(|| self.group(&api.name, &api.upstream.outlier, targets), Arc::clone)
            })
            .collect();
        groups.clone_from(&next);
        next
    }

    /// Takes the right to run the active checks; `None` while another worker has it.
    pub(super) fn begin_checking(&self) -> Option<Checking<'_>> {
        (!self.0.checking.swap(true, Relaxed)).then(|| Checking(&self.0.checking))
    }

    fn group(&self, api: &str, outlier: &OutlierPlan, targets: Vec<Arc<TargetHealth>>) -> Arc<GroupHealth> {
        Arc::new(GroupHealth {
            api: api.to_owned(),
            clock: self.0.clock,
            outlier: outlier.clone(),
            targets,
            ejecting: Mutex::default(),
        })
    }

    /// Every target of every API.
    #[must_use]
    pub fn status(&self) -> Vec<TargetStatus> {
        let now = self.0.clock.now().monotonic_us;
        let groups = self.0.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let status = |group: &GroupHealth, target: &TargetHealth| {
            let ejected_ms = target.ejected_until.load(Relaxed).saturating_sub(now).div_ceil(1000);
            let healthy = target.is_healthy();
            TargetStatus {
                api: group.api.clone(),
                target: target.url.clone(),
                usable: healthy && ejected_ms == 0,
                healthy,
                ejected_ms,
                running: target.running.load(Relaxed),
                failures: target.failures.load(Relaxed),
                ejections: target.ejections.load(Relaxed),
            }
        };
        groups.iter().flat_map(|group| group.targets.iter().map(|target| status(group, target))).collect()
    }
}

impl GroupHealth {
    fn is(&self, api: &str, outlier: &OutlierPlan, targets: &[Arc<TargetHealth>]) -> bool {
        self.api == api
            && self.outlier == *outlier
            && self.targets.len() == targets.len()
            && self.targets.iter().zip(targets).all(|(one, other)| Arc::ptr_eq(one, other))
    }

    /// Whether a target may be chosen: healthy and not left out.
    pub(super) fn is_usable(&self, target: &TargetHealth) -> bool {
        target.is_healthy() && !self.is_ejected(target)
    }

    fn is_ejected(&self, target: &TargetHealth) -> bool {
        let until = target.ejected_until.load(Relaxed);
        // The clock is read only for targets that were left out at some time.
        until != 0 && until > self.clock.now().monotonic_us
    }

    /// An exchange went wrong in a way that is the target's fault. Leaves it out when that was one too many.
    pub(super) fn failed(&self, target: &TargetHealth) {
        let failures = target.failures.fetch_add(1, Relaxed).saturating_add(1);
        let limit = u32::from(self.outlier.consecutive_failures);
        if limit == 0 || failures < limit {
            return;
        }
        let _deciding = self.ejecting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_ejected(target) {
            return;
        }
        let ejected = self.targets.iter().filter(|target| self.is_ejected(target)).count();
        let others =
            self.targets.iter().any(|other| !std::ptr::eq(&raw const **other, target) && self.is_usable(other));
        let share = ejected.saturating_add(1).saturating_mul(100);
        let allowed = usize::from(self.outlier.max_ejected_percent).saturating_mul(self.targets.len());
        if others && share <= allowed {
            let span = u64::from(self.outlier.eject_ms).saturating_mul(1000);
            target.ejected_until.store(self.clock.now().monotonic_us.saturating_add(span), Relaxed);
            target.ejections.fetch_add(1, Relaxed);
            target.failures.store(0, Relaxed);
        }
    }
}

impl TargetHealth {
    /// Counts an exchange as running.
    pub(super) fn run(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Relaxed);
        Running(Arc::clone(self))
    }

    /// Exchanges running now, over all workers.
    pub(super) fn running(&self) -> u32 {
        self.running.load(Relaxed)
    }

    /// What the health checks say.
    pub(super) fn is_healthy(&self) -> bool {
        !self.unhealthy.load(Relaxed)
    }

    /// An exchange went well.
    pub(super) fn succeeded(&self) {
        // A load is cheaper than a store that takes the cache line from the other workers.
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
        }
    }

    /// Takes the outcome of one health check.
    pub(super) fn checked(&self, good: bool, plan: &HealthPlan) {
        let healthy = self.is_healthy();
        if good == healthy {
            self.streak.store(0, Relaxed);
            return;
        }
        let needed = u32::from(if good { plan.healthy_after } else { plan.unhealthy_after }).max(1);
        if self.streak.fetch_add(1, Relaxed).saturating_add(1) >= needed {
            self.streak.store(0, Relaxed);
            self.unhealthy.store(!good, Relaxed);
        }
    }

    fn forget_checks(&self) {
        self.unhealthy.store(false, Relaxed);
        self.streak.store(0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(targets: usize, consecutive_failures: u8, max_ejected_percent: u8) -> Arc<GroupHealth> {
        let outlier = OutlierPlan { consecutive_failures, eject_ms: 60_000, max_ejected_percent };
        let targets = (0..targets).map(|_| Arc::new(TargetHealth::default())).collect();
        Health::default().group("api", &outlier, targets)
    }

    fn usable(group: &GroupHealth) -> usize {
        group.targets.iter().filter(|target| group.is_usable(target)).count()
    }

    #[test]
    fn failures_in_a_row_eject_and_a_success_between_does_not() {
        let group = group(3, 3, 100);
        let target = &group.targets[0];
        group.failed(target);
        group.failed(target);
        target.succeeded();
        group.failed(target);
        group.failed(target);
        assert!(group.is_usable(target));
        group.failed(target);
        assert!(!group.is_usable(target));
        assert_eq!(usable(&group), 2);
    }

    #[test]
    fn the_last_usable_target_is_never_ejected() {
        let group = group(3, 1, 100);
        for target in &group.targets {
            group.failed(target);
        }
        assert_eq!(usable(&group), 1);
    }

    #[test]
    fn no_more_than_the_share_is_ejected_even_by_many_threads() {
        let group = group(10, 1, 30);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| group.targets.iter().for_each(|target| group.failed(target)));
            }
        });
        assert_eq!(usable(&group), 7);
    }

    #[test]
    fn checks_need_their_streak_in_both_directions() {
        let plan = HealthPlan { path: "/".into(), interval_ms: 1, timeout_ms: 1, healthy_after: 2, unhealthy_after: 3 };
        let target = TargetHealth::default();
        target.checked(false, &plan);
        target.checked(false, &plan);
        target.checked(true, &plan);
        target.checked(false, &plan);
        target.checked(false, &plan);
        assert!(target.is_healthy());
        target.checked(false, &plan);
        assert!(!target.is_healthy());
        target.checked(true, &plan);
        assert!(!target.is_healthy());
        target.checked(true, &plan);
        assert!(target.is_healthy());
    }
}
