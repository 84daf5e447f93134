//! The upstream of one API as one worker sees it: its targets, and which of them is next.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use smallvec::SmallVec;
use stockade_model::plan::UpstreamPlan;

use super::failure::Failure;
use super::fields::passes;
use super::health::GroupHealth;
use super::reason::{NO_TARGET, UNREACHABLE};
use super::target::{Place, Target};
use super::tls::Tls;

/// The upstream of one API.
#[derive(Debug)]
pub(super) struct Group {
    /// Name of the API.
    pub(super) api: String,
    /// Its settings.
    pub(super) plan: UpstreamPlan,
    /// How its targets fare.
    pub(super) health: Arc<GroupHealth>,
    /// Fields set on every request, names in lower case.
    pub(super) set_headers: Vec<(String, String)>,
    /// A `Host` from the settings.
    pub(super) host: Option<String>,
    targets: Vec<Rc<Target>>,
    tls: Result<Option<Tls>, String>,
    random: Cell<u64>,
}

impl Group {
    /// Builds the group of an API; targets of `before` that stay keep their connections.
    pub(super) fn new(api: &str, plan: &UpstreamPlan, health: Arc<GroupHealth>, before: Option<&Self>) -> Self {
        let kept = before.filter(|before| before.plan.tls == plan.tls && before.plan.protocol == plan.protocol);
        let mut any_tls = false;
        let targets = health
            .targets
            .iter()
            .filter_map(|target| {
                let place = Place::parse(&target.url).ok()?;
                any_tls |= place.tls;
                let known = kept.filter(|kept| kept.plan.keep_idle == plan.keep_idle).and_then(|kept| {
                    kept.targets.iter().find(|known| known.place == place && Arc::ptr_eq(&known.health, target))
                });
                Some(match known {
                    Some(known) => Rc::clone(known),
                    None => Rc::new(Target::new(place, Arc::clone(target), plan.keep_idle)),
                })
            })
            .collect();
        let mut set_headers: Vec<_> =
            plan.set_headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        let host = set_headers.iter().find(|(name, _)| name == "host").map(|(_, value)| value.clone());
        set_headers.retain(|(name, _)| passes(name));
        let seed = Arc::as_ptr(&health).addr() as u64 ^ std::ptr::from_ref(plan).addr() as u64;
        Self {
            api: api.to_owned(),
            plan: plan.clone(),
            health,
            set_headers,
            host,
            targets,
            tls: if any_tls { Tls::new(plan).map(Some) } else { Ok(None) },
            random: Cell::new(seed | 1),
        }
    }

    /// How TLS is spoken, for targets that do.
    ///
    /// # Errors
    /// Settings that do not work.
    pub(super) fn tls(&self) -> Result<Option<&Tls>, Failure> {
        match &self.tls {
            Ok(tls) => Ok(tls.as_ref()),
            Err(problem) => Err(Failure::new(&super::reason::TLS, problem.clone())),
        }
    }

    /// The next target: of two usable ones the one with fewer running exchanges. None that was `tried`, while there
    /// is another.
    ///
    /// # Errors
    /// All targets are left out by their health checks.
    pub(super) fn choose(&self, tried: &[Rc<Target>]) -> Result<Rc<Target>, Failure> {
        if let [only] = self.targets.as_slice()
            && only.health.is_healthy()
        {
            return Ok(Rc::clone(only));
        }
        let avoided = |target: &Rc<Target>| tried.iter().any(|tried| Rc::ptr_eq(tried, target));
        let usable = |target: &&Rc<Target>| self.health.is_usable(&target.health);
        let mut open: SmallVec<[&Rc<Target>; 16]> =
            self.targets.iter().filter(usable).filter(|target| !avoided(target)).collect();
        if open.is_empty() {
            // One that failed a moment ago, or was left out for failures, is better than none.
            open = self.targets.iter().filter(|target| target.health.is_healthy()).collect();
        }
        let first = self.below(open.len());
        // Never the first again: of two targets both are looked at.
        let second = (first + 1 + self.below(open.len().saturating_sub(1))).checked_rem(open.len());
        let one = open.get(first);
        let other = second.and_then(|second| open.get(second));
        match (one, other) {
            (Some(one), Some(other)) if other.health.running() < one.health.running() => Ok(Rc::clone(other)),
            (Some(one), _) => Ok(Rc::clone(one)),
            (None, _) if self.targets.is_empty() => Err(Failure::new(&UNREACHABLE, "the upstream has no target")),
            (None, _) => Err(Failure::new(&NO_TARGET, "health checks leave out every target")),
        }
    }

    /// A number below `count`; 0 when that is 0.
    fn below(&self, count: usize) -> usize {
        // xorshift64: spread is all that matters here.
        let mut random = self.random.get();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.random.set(random);
        let below = random.checked_rem(count as u64).unwrap_or_default();
        usize::try_from(below).unwrap_or_default()
    }
}

/// Whether the upstream settings of an API can be run.
///
/// # Errors
/// The first that cannot, as `setting: problem`.
pub(super) fn check(plan: &UpstreamPlan) -> Result<(), String> {
    let mut any_tls = false;
    if plan.targets.is_empty() {
        return Err("upstream.targets: expected at least one target".to_owned());
    }
    for target in &plan.targets {
        any_tls |= Place::parse(&target.url).map_err(|problem| format!("upstream.targets: {problem}"))?.tls;
    }
    for (name, value) in &plan.set_headers {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let lower = name.to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(token) || !(lower == "host" || passes(&lower)) {
            return Err(format!("upstream.set_headers: `{name}` is not a field that can be set"));
        }
        if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(format!("upstream.set_headers.{name}: expected a value without control characters"));
        }
    }
    if any_tls { Tls::new(plan).map(drop) } else { Ok(()) }
}

#[cfg(test)]
mod unit {
    use super::*;
    use crate::upstream::Health;
    use stockade_model::plan::TargetPlan;

    fn group(targets: usize) -> Group {
        let mut plan = crate::testing::plan("127.0.0.1:1");
        plan.apis[0].upstream.targets =
            (1..=targets).map(|port| TargetPlan { url: format!("http://127.0.0.1:{port}") }).collect();
        let health = Health::default().follow(&plan).remove(0);
        Group::new("shop", &plan.apis[0].upstream, health, None)
    }

    #[test]
    fn the_less_busy_of_two_targets_is_always_chosen() {
        let group = group(2);
        let _running = group.targets[0].health.run();
        for _ in 0..50 {
            assert!(Rc::ptr_eq(&group.choose(&[]).unwrap(), &group.targets[1]));
        }
    }

    #[test]
    fn load_spreads_over_targets_and_the_avoided_one_gets_none() {
        let group = group(4);
        let avoided = [Rc::clone(&group.targets[2])];
        let mut chosen = [0; 4];
        for _ in 0..400 {
            let target = group.choose(&avoided).unwrap();
            chosen[group.targets.iter().position(|other| Rc::ptr_eq(other, &target)).unwrap()] += 1;
        }
        assert!(chosen[2] == 0 && [0, 1, 3].iter().all(|index| chosen[*index] > 50), "{chosen:?}");
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let plan = crate::testing::plan("127.0.0.1:1").apis.remove(0).upstream;
        assert_eq!(check(&plan), Ok(()));
        let mut bad = plan.clone();
        bad.set_headers.insert("content-length".into(), "1".into());
        assert!(check(&bad).unwrap_err().contains("content-length"));
        let mut bad = plan.clone();
        bad.set_headers.insert("x-key".into(), "a\r\nb".into());
        assert!(check(&bad).unwrap_err().contains("x-key"));
        let mut bad = plan.clone();
        bad.targets = vec![TargetPlan { url: "https://a".into() }];
        bad.tls.ca_file = Some("/nowhere/ca.pem".into());
        assert!(check(&bad).unwrap_err().contains("upstream.tls.ca_file"));
        let mut bad = plan;
        bad.targets.clear();
        assert!(check(&bad).unwrap_err().contains("upstream.targets"));
    }
}
