//! Keeps the counts of this gateway and of all others together, and knows whether the store is there.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use stockade_model::plan::SharedLimitsPlan;
use tokio::time::{sleep, timeout};

use super::client::Client;
use super::resp::Reply;
use super::script;
use crate::shared::Shared;

/// How often it is looked whether limits are shared at all, while they are not.
const LOOK: Duration = Duration::from_secs(1);
/// How often this gateway says that it is there.
const MEET: Duration = Duration::from_secs(1);
/// Counts that one script takes.
const CHUNK: usize = 200;
/// Longest wait for the answers of one round.
const PATIENCE: Duration = Duration::from_secs(1);
/// Shortest and longest pause after a failure.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Runs for as long as the gateway; one for the process. Must run on a `LocalSet`.
pub(crate) async fn keep(shared: Arc<Shared>) {
    let mut keeper = Keeper { name: name(&shared), shared, gateways: 1, pause: PAUSE.0, was_up: None };
    loop {
        let plan = keeper.shared.engine.load().plan().gateway.shared_limits.clone();
        match plan {
            None => {
                keeper.shared.state.set_sharing(0, false);
                sleep(LOOK).await;
            }
            Some(plan) => {
                let problem = match Client::connect(&plan).await {
                    Ok(client) => keeper.stay(&plan, client).await,
                    Err(problem) => problem,
                };
                keeper.down(&plan, &problem).await;
            }
        }
    }
}

/// A name of its own for each process, so that two gateways of one name are two.
fn name(shared: &Shared) -> String {
    let mut random = [0; 8];
    // Without randomness the process id has to do.
    let _ = getrandom::fill(&mut random);
    let engine = shared.engine.load();
    let name = &engine.plan().gateway.name;
    format!("{name}:{}:{:016x}", std::process::id(), u64::from_le_bytes(random))
}

struct Keeper {
    name: String,
    shared: Arc<Shared>,
    /// How many gateways were last heard of, this one included.
    gateways: u32,
    pause: Duration,
    /// What was told last.
    was_up: Option<bool>,
}

impl Keeper {
    /// Keeps counts together for as long as the store answers and the plan stays. Answers why it ended; nothing when the
    /// plan changed.
    async fn stay(&mut self, plan: &SharedLimitsPlan, mut client: Client) -> String {
        let mut met: Option<tokio::time::Instant> = None;
        loop {
            if self.shared.engine.load().plan().gateway.shared_limits.as_ref() != Some(plan) {
                return String::new();
            }
            let meets = met.is_none_or(|met| met.elapsed() >= MEET);
            match timeout(PATIENCE, self.round(plan, &mut client, meets)).await {
                Ok(Ok(())) => self.up(plan),
                Ok(Err(problem)) => return problem,
                Err(_) => return format!("`{}` does not answer", plan.url),
            }
            if meets {
                met = Some(tokio::time::Instant::now());
            }
            sleep(Duration::from_millis(u64::from(plan.sync_ms))).await;
        }
    }

    /// Tells and reads all counts that changed since the last round.
    async fn round(&mut self, plan: &SharedLimitsPlan, client: &mut Client, meets: bool) -> Result<(), String> {
        let charges = self.shared.state.take_charges();
        let mut out = Vec::new();
        for chunk in charges.chunks(CHUNK) {
            script::take(&mut out, &plan.prefix, chunk);
        }
        // With nothing to tell, it is still asked whether the store is there.
        let meets = meets || charges.is_empty();
        if meets {
            script::meet(&mut out, &plan.prefix, &self.name);
        }
        let count = charges.len().div_ceil(CHUNK) + usize::from(meets);
        let replies = client.ask(&out, count).await?;
        for (chunk, reply) in charges.chunks(CHUNK).zip(&replies) {
            let debts = script::taken(reply, chunk.len()).ok_or_else(|| told(reply))?;
            let now = self.shared.clock.now();
            for ((key, _), ahead_ns) in chunk.iter().zip(debts) {
                self.shared.state.set_level(*key, ahead_ns, now);
            }
        }
        if meets {
            match replies.last() {
                Some(Reply::Integer(gateways)) => self.gateways = u32::try_from(*gateways).unwrap_or(1).max(1),
                Some(reply) => return Err(told(reply)),
                None => {}
            }
        }
        Ok(())
    }

    fn known(&self, plan: &SharedLimitsPlan) -> u32 {
        if plan.gateways > 0 { plan.gateways } else { self.gateways }
    }

    fn up(&mut self, plan: &SharedLimitsPlan) {
        self.pause = PAUSE.0;
        self.shared.state.set_sharing(self.known(plan), true);
        if self.was_up == Some(false) {
            self.shared
                .notice("limits.store_back", format!("`{}` answers again; limits are counted together", plan.url));
        }
        self.was_up = Some(true);
    }

    async fn down(&mut self, plan: &SharedLimitsPlan, problem: &str) {
        if problem.is_empty() {
            return;
        }
        let known = self.known(plan);
        self.shared.state.set_sharing(known, false);
        self.shared.counters.store_failures.fetch_add(1, Ordering::Relaxed);
        if self.was_up != Some(false) {
            let share = format!("each of {known} gateways admits its share of a shared limit");
            self.shared.notice("limits.store_down", format!("{problem}; traffic goes on, {share}"));
        }
        self.was_up = Some(false);
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE.1);
    }
}

fn told(reply: &Reply) -> String {
    match reply {
        Reply::Error(problem) => problem.clone(),
        _ => "an answer of another form".to_owned(),
    }
}
