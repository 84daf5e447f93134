//! The way to control: it connects to the control socket, asks for the questions and answers them as they come.
//!
//! ```text
//! control → gateway  {"op":"look_ups"}
//! gateway → control  {"ok":true}
//! gateway → control  {"id":7,"want":"token","api":"shop","method":"opaque","token":"..."}
//! control → gateway  {"id":7,"told":{"active":true,"sub":"alice"}}      or {"id":7,"failed":"..."}
//! ```
//! Answers may come in any order. The same question from several requests is asked once.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};
use stockade_engine::{LookedUp, Wanted};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};

/// Questions that may wait for control at once, those it works on included.
const MOST_OPEN: usize = 1024;
/// Requests that may wait for one question.
const MOST_WAITING: usize = 1024;
/// Longest answer, bytes.
const LONGEST: u64 = 1 << 20;

struct Question {
    wanted: Wanted,
    answer: oneshot::Sender<LookedUp>,
}

/// Where workers put their questions; taken over by whoever of control connected last.
#[derive(Debug, Default)]
pub(super) struct Channel {
    questions: Mutex<Option<mpsc::Sender<Question>>>,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Question").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

impl Channel {
    /// Asks control; `None` at once when it is not there or has too much to do.
    pub(super) async fn ask(&self, wanted: &Wanted) -> Option<LookedUp> {
        let (answer, answered) = oneshot::channel();
        let question = Question { wanted: wanted.clone(), answer };
        let questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        questions.try_send(question).ok()?;
        answered.await.ok()
    }

    /// Puts questions to a connection and its answers to who waits for them, until it ends.
    ///
    /// # Errors
    /// The connection broke, or what came is no answer.
    pub(super) async fn serve(
        &self,
        input: &mut (impl AsyncBufRead + Unpin),
        output: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        let (sender, mut questions) = mpsc::channel(MOST_OPEN);
        *self.questions.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        let mut open = Open::default();
        let mut line = Vec::new();
        loop {
            // Reading is resumed where it was: what came of a line stays in it.
            let mut limited = (&mut *input).take(LONGEST.saturating_sub(line.len() as u64));
            tokio::select! {
                read = limited.read_until(b'\n', &mut line) => {
                    read?;
                    if !line.ends_with(b"\n") {
                        return Ok(());
                    }
                    open.answer(&line);
                    line.clear();
                }
                question = questions.recv() => {
                    // Another connection has taken over.
                    let Some(question) = question else { return Ok(()) };
                    if let Some(asked) = open.ask(question) {
                        output.write_all(&asked).await?;
                    }
                }
            }
        }
    }
}

/// Questions that control has not answered yet.
#[derive(Debug, Default)]
struct Open {
    last: u64,
    waiting: HashMap<u64, (Arc<str>, Vec<oneshot::Sender<LookedUp>>)>,
    ids: HashMap<Arc<str>, u64>,
}

impl Open {
    /// The line to send; `None` when the same was asked already, or too much is open.
    fn ask(&mut self, question: Question) -> Option<Vec<u8>> {
        let asked = written(&question.wanted)?;
        let text: Arc<str> = Value::Object(asked.clone()).to_string().into();
        if let Some((_, waiting)) = self.ids.get(&text).and_then(|id| self.waiting.get_mut(id)) {
            if waiting.len() < MOST_WAITING {
                waiting.push(question.answer);
            }
            return None;
        }
        if self.waiting.len() >= MOST_OPEN {
            self.forget();
            if self.waiting.len() >= MOST_OPEN {
                return None;
            }
        }
        self.last += 1;
        self.ids.insert(Arc::clone(&text), self.last);
        self.waiting.insert(self.last, (text, vec![question.answer]));
        let mut asked = asked;
        asked.insert("id".to_owned(), json!(self.last));
        let mut line = Value::Object(asked).to_string().into_bytes();
        line.push(b'\n');
        Some(line)
    }

    /// Hands an answer to everybody who waits for it. One that is of no use is passed over: whoever waits runs out of time.
    fn answer(&mut self, line: &[u8]) {
        let Ok(answer) = serde_json::from_slice::<Value>(line) else { return };
        let Some((text, waiting)) = answer.get("id").and_then(Value::as_u64).and_then(|id| self.waiting.remove(&id))
        else {
            return;
        };
        self.ids.remove(&text);
        let Some(told) = answer.get("told").cloned() else { return };
        let keys = text.contains("\"want\":\"keys\"");
        for waiting in waiting {
            // Who does not wait any more needs no answer.
            let _ = waiting.send(if keys { LookedUp::Keys(told.clone()) } else { LookedUp::Token(told.clone()) });
        }
    }

    /// Drops questions that nobody waits for any more.
    fn forget(&mut self) {
        self.waiting.retain(|_, (_, waiting)| waiting.iter().any(|one| !one.is_closed()));
        let Self { waiting, ids, .. } = self;
        ids.retain(|_, id| waiting.contains_key(id));
    }
}

fn written(wanted: &Wanted) -> Option<Map<String, Value>> {
    let asked = match wanted {
        Wanted::Token { api, method, token } => {
            json!({"want": "token", "api": api, "method": method, "token": token.reveal()})
        }
        Wanted::Keys { api, method, key } => json!({"want": "keys", "api": api, "method": method, "key": key}),
        Wanted::Password { .. } => return None,
    };
    asked.as_object().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use stockade_model::Secret;
    use tokio::io::{BufReader, duplex, split};

    fn token(text: &str) -> Wanted {
        Wanted::Token { api: "shop".to_owned(), method: "opaque".to_owned(), token: Secret::new(text) }
    }

    #[tokio::test]
    async fn without_control_nobody_waits() {
        assert_eq!(Channel::default().ask(&token("a")).await, None);
    }

    #[tokio::test]
    async fn the_same_question_is_asked_once_and_answers_find_who_asked() {
        let channel = Arc::new(Channel::default());
        let (ours, theirs) = duplex(1 << 16);
        let serving = Arc::clone(&channel);
        let served = tokio::spawn(async move {
            let (input, mut output) = split(ours);
            serving.serve(&mut BufReader::new(input), &mut output).await
        });
        while channel.questions.lock().unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        let ask = |text: &'static str| {
            let channel = Arc::clone(&channel);
            tokio::spawn(async move { channel.ask(&token(text)).await })
        };
        let first = ask("a");
        let (input, mut output) = split(theirs);
        let mut lines = BufReader::new(input).lines();
        let asked: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!((&asked["want"], &asked["token"]), (&json!("token"), &json!("a")));
        let (again, other) = (ask("a"), ask("b"));
        let second: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!(second["token"], "b", "`a` is open already");
        output.write_all(b"nonsense\n{\"id\":99,\"told\":1}\n").await.unwrap();
        for (asked, told) in [(&second, 2), (&asked, 1)] {
            let line = format!("{}\n", json!({"id": asked["id"], "told": told}));
            output.write_all(line.as_bytes()).await.unwrap();
        }
        assert_eq!(first.await.unwrap(), Some(LookedUp::Token(json!(1))));
        assert_eq!(again.await.unwrap(), Some(LookedUp::Token(json!(1))));
        assert_eq!(other.await.unwrap(), Some(LookedUp::Token(json!(2))));
        drop((lines, output));
        served.await.unwrap().unwrap();
        assert_eq!(channel.ask(&token("c")).await, None, "control is gone");
    }
}
