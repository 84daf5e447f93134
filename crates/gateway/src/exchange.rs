//! One exchange, whatever protocol it came in: engine, upstream, response, event.

use stockade_model::{Now, Request};

use crate::message::{RequestBody, ResponseSink};
use crate::shared::WorkerRef;
use crate::websocket::Tunnel;

/// What the connection does after an exchange.
pub(crate) enum After {
    /// The response was sent whole; the next exchange may follow.
    Done,
    /// The response could not be sent whole: the client must be able to tell.
    Broken,
    /// The protocol is switched: answer 101 and tunnel. Never on HTTP/2.
    Switch(Box<Tunnel>),
}

/// Runs one exchange from its normalised head to its event. `started` is when its first byte came.
pub(crate) async fn run<B: RequestBody, S: ResponseSink>(
    worker: &WorkerRef,
    request: Request,
    body: &mut B,
    sink: &mut S,
    started: Now,
) -> After {
    let _ = (worker, request, body, sink, started);
    After::Broken
}
