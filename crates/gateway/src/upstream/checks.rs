//! Active health checks: one task for the process asks every target that has them.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use stockade_engine::Engine;
use stockade_model::plan::{HealthPlan, UpstreamPlan, UpstreamProtocol};
use tokio::time::{Instant, sleep_until, timeout};

use super::failure::Failure;
use super::health::{Health, TargetHealth};
use super::target::{Place, Target};
use super::tls::Tls;
use super::{http1, http2};

/// How often a worker asks whether the one that runs the checks has ended.
const TAKE_OVER: Duration = Duration::from_secs(5);

/// Longest time until a reload is noticed.
const NOTICE: Duration = Duration::from_secs(1);

impl Health {
    /// Checks targets for as long as it is polled, following reloads of `engine`.
    ///
    /// To be spawned by every worker on its local set: the first one runs them, the others wait to take over.
    pub(crate) async fn run_checks(&self, engine: &ArcSwap<Engine>) {
        let _checking = loop {
            match self.begin_checking() {
                Some(checking) => break checking,
                None => sleep_until(Instant::now() + TAKE_OVER).await,
            }
        };
        let mut due: HashMap<(String, String), Instant> = HashMap::new();
        loop {
            let now = Instant::now();
            let mut next = now + NOTICE;
            let current = engine.load_full();
            let plan = current.plan();
            let mut still = HashMap::with_capacity(due.len());
            for (api, group) in plan.apis.iter().zip(self.follow(plan)) {
                let Some(health) = &api.upstream.health else { continue };
                let interval = Duration::from_millis(u64::from(health.interval_ms).max(1));
                for target in &group.targets {
                    let key = (api.name.clone(), target.url.clone());
                    let mut at = due.remove(&key).unwrap_or(now);
                    if at <= now {
                        at = now + interval;
                        let check = check(Arc::clone(target), api.upstream.clone(), health.clone());
                        tokio::task::spawn_local(check);
                    }
                    next = next.min(at);
                    still.insert(key, at);
                }
            }
            due = still;
            drop(current);
            sleep_until(next).await;
        }
    }
}

/// One check; its outcome goes into the target's health.
async fn check(health: Arc<TargetHealth>, upstream: UpstreamPlan, plan: HealthPlan) {
    let time = Duration::from_millis(u64::from(plan.timeout_ms));
    let status = timeout(time, ask(&health, &upstream, &plan.path)).await;
    health.checked(matches!(status, Ok(Ok(200..=299))), &plan);
}

async fn ask(health: &Arc<TargetHealth>, upstream: &UpstreamPlan, path: &str) -> Result<u16, Failure> {
    let unusable = |problem: String| Failure::new(&super::reason::UNREACHABLE, problem);
    let place = Place::parse(&health.url).map_err(unusable)?;
    let tls = if place.tls { Some(Tls::new(upstream).map_err(unusable)?) } else { None };
    let target = Rc::new(Target::new(place, Arc::clone(health), 0));
    let (io, agreed) = target.connect(upstream, tls.as_ref(), false).await?;
    if agreed || upstream.protocol == UpstreamProtocol::Http2 {
        http2::check(io, path, &target.authority, target.place.tls).await
    } else {
        http1::check(io, path, &target.authority).await
    }
}
