//! Answers what the engine has to be told before it can judge: each question with a deadline, and no queue that grows.

mod channel;
mod passwords;

use std::io;
use std::time::Duration;

use stockade_engine::{LookUp, LookedUp, Wanted};
use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio::time::timeout;

use channel::Channel;
use passwords::Passwords;

use crate::shared::{Shared, count};

/// Everybody who can answer; one for the process.
#[derive(Debug, Default)]
pub struct LookUps {
    passwords: Passwords,
    control: Channel,
}

impl LookUps {
    /// Has the other end of a connection answer questions until it ends.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) async fn serve(
        &self,
        input: &mut (impl AsyncBufRead + Unpin),
        output: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        self.control.serve(input, output).await
    }
}

/// Asks whoever knows; `None` when nobody answers in time. Cancel-safe.
pub(crate) async fn ask(shared: &Shared, look_up: &LookUp) -> Option<LookedUp> {
    let answer = async {
        match &look_up.wanted {
            Wanted::Password { hash, password } => {
                shared.look_ups.passwords.check(hash, password).await.map(LookedUp::Password)
            }
            wanted @ (Wanted::Token { .. } | Wanted::Keys { .. }) => shared.look_ups.control.ask(wanted).await,
        }
    };
    count(&shared.counters.look_ups);
    let told = timeout(Duration::from_millis(u64::from(look_up.wait_ms)), answer).await.ok().flatten();
    if told.is_none() {
        count(&shared.counters.unanswered_look_ups);
    }
    told
}
