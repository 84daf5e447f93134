//! Exact counts: one question to the store for each request, over a connection of the worker's own.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use stockade_engine::{Ask, Told};
use stockade_model::plan::SharedLimitsPlan;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::client::Client;
use super::script;
use crate::shared::{Shared, count};

/// Questions that may wait for the connection; further ones are answered at once by nobody.
const QUEUE: usize = 1024;
/// Questions that are sent at once.
const BATCH: usize = 64;
/// Longest and shortest pause after a connection that failed.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

struct Question {
    asks: Vec<Ask>,
    answer: oneshot::Sender<Vec<Told>>,
}

/// A worker's way to the store.
#[derive(Debug, Default)]
pub(crate) struct Exact {
    /// Begun with the first question.
    queue: RefCell<Option<mpsc::Sender<Question>>>,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Question").field("asks", &self.asks).finish_non_exhaustive()
    }
}

impl Exact {
    /// Asks the store; `None` when it does not answer in time. Cancel-safe.
    pub(crate) async fn ask(&self, shared: &Arc<Shared>, asks: &[Ask], plan: &SharedLimitsPlan) -> Option<Vec<Told>> {
        let (answer, answered) = oneshot::channel();
        let question = Question { asks: asks.to_vec(), answer };
        let sent = {
            let mut queue = self.queue.borrow_mut();
            let queue = queue.get_or_insert_with(|| {
                let (queue, questions) = mpsc::channel(QUEUE);
                tokio::task::spawn_local(serve(Arc::clone(shared), questions));
                queue
            });
            queue.try_send(question).is_ok()
        };
        let told = match sent {
            true => {
                timeout(Duration::from_millis(u64::from(plan.timeout_ms)), answered).await.ok().and_then(Result::ok)
            }
            false => None,
        };
        if told.is_none() {
            count(&shared.counters.unshared);
        }
        told
    }
}

/// Serves the questions of one worker for as long as there is one.
async fn serve(shared: Arc<Shared>, mut questions: mpsc::Receiver<Question>) {
    let mut connection: Option<(SharedLimitsPlan, Client)> = None;
    let (mut pause, mut closed_until) = (PAUSE.0, Instant::now());
    let mut batch = Vec::with_capacity(BATCH);
    while questions.recv_many(&mut batch, BATCH).await > 0 {
        let engine = shared.engine.load_full();
        let Some(plan) = &engine.plan().gateway.shared_limits else {
            batch.clear();
            continue;
        };
        if connection.as_ref().is_none_or(|(known, _)| known != plan) {
            connection = None;
            if Instant::now() >= closed_until {
                match Client::connect(plan).await {
                    Ok(client) => connection = Some((plan.clone(), client)),
                    // The task that keeps the counts has told it.
                    Err(_) => {
                        closed_until = Instant::now() + pause;
                        pause = (pause * 2).min(PAUSE.1);
                    }
                }
            }
        }
        // Whoever does not wait any more is not charged.
        batch.retain(|question: &Question| !question.answer.is_closed());
        let Some((_, client)) = &mut connection else {
            batch.clear();
            continue;
        };
        let limit = Duration::from_millis(u64::from(plan.timeout_ms).max(50));
        match timeout(limit, answer(client, &plan.prefix, &mut batch)).await {
            Ok(Ok(())) => pause = PAUSE.0,
            // Answers that come late would be taken for those of later questions.
            Ok(Err(_)) | Err(_) => {
                connection = None;
                batch.clear();
            }
        }
    }
}

async fn answer(client: &mut Client, prefix: &str, batch: &mut Vec<Question>) -> Result<(), String> {
    let mut out = Vec::with_capacity(batch.len() * 256);
    for question in batch.iter() {
        script::decide(&mut out, prefix, &question.asks);
    }
    let replies = client.ask(&out, batch.len()).await?;
    for (question, reply) in batch.drain(..).zip(&replies) {
        match script::decided(reply, question.asks.len()) {
            // Nobody may wait any more; then it was charged for nothing.
            Some(told) => drop(question.answer.send(told)),
            // A store that was emptied does not know the scripts: a new connection tells them again.
            None => return Err("an answer of another form".to_owned()),
        }
    }
    Ok(())
}
