//! Bodies of responses that are not gathered whole: judged piece by piece, as they pass.

use stockade_inspect::leak::Watch;
use stockade_model::{Now, Refusal, ResponseHead, Stage};

use super::caught;
use crate::Engine;
use crate::answer::has_body;
use crate::exchange::Cleared;
use crate::stage::Exchange;

impl Engine {
    /// The search of a body that was not gathered whole; `None` when no stage wants to see it pass.
    #[must_use]
    pub fn watch(&self, cleared: &Cleared, head: &ResponseHead) -> Option<Watch> {
        let answered = cleared.answered().filter(|_| has_body(&cleared.request.method, head))?;
        answered.api.response.watch(head)
    }

    /// Judges the next piece of such a body, before it is sent on.
    ///
    /// # Errors
    /// The refusal for which the answer is cut off, in enforce mode.
    pub fn judge_piece(
        &self,
        cleared: &mut Cleared,
        watch: &mut Watch,
        piece: &[u8],
        now: Now,
    ) -> Result<(), Box<Refusal>> {
        let findings = watch.piece(piece);
        if findings.is_empty() {
            return Ok(());
        }
        let Some(api) = cleared.engine.apis.get(cleared.api) else { return Ok(()) };
        let mut exchange = Exchange {
            api: Some(api),
            now,
            request: &cleared.request,
            record: &mut cleared.record,
            facts: &mut cleared.facts,
            pending: Default::default(),
        };
        let outcome = caught(Stage::Response, &mut exchange, |exchange| api.response.judge(exchange, findings));
        exchange.settle(Stage::Response, outcome)
    }
}
