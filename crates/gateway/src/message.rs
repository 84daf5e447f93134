//! What HTTP/1 and HTTP/2 have in common for `exchange`: a body to read, a place to answer to.
//!
//! Workers are single-threaded, so nothing here is `Send`; the traits are used as generics, never as objects.

use bytes::Bytes;
use stockade_model::{Headers, Reason, ResponseHead};

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none.
    None,
    /// Exactly so many bytes.
    Known(u64),
    /// Until it ends.
    Unknown,
}

/// Why a request body could not be read to its end.
#[derive(Debug)]
pub struct BodyFailure {
    /// Why; its status is what the caller gets.
    pub reason: &'static Reason,
    /// What was expected and what came.
    pub detail: String,
    /// The client is gone: there is nobody to answer.
    pub gone: bool,
}

/// The client went away, or stopped reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientGone;

/// The body of one request, as it comes.
pub trait RequestBody {
    /// The next piece, or `None` at the end. Deadlines and limits are kept inside. Cancel-safe.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, BodyFailure>>;

    /// Trailer fields, once `next` answered `None`.
    fn trailers(&mut self) -> Option<Headers>;

    /// Says that this body is a stream: silence within it is no fault any more; size limits stay.
    fn stream(&mut self) {}

    /// Waits until the client goes away. Cancel-safe; never ends while the client is there.
    fn gone(&mut self) -> impl Future<Output = ()>;
}

/// Where the response to one request goes. Write deadlines are kept inside.
pub trait ResponseSink {
    /// Sends a final head; `length` decides the framing. It may be held back until `data`, `finish` or `flush`.
    fn head(&mut self, head: &ResponseHead, length: BodyLength) -> impl Future<Output = Result<(), ClientGone>>;

    /// Sends a piece of the body; a small one may be held back until `finish` or `flush`.
    fn data(&mut self, data: Bytes) -> impl Future<Output = Result<(), ClientGone>>;

    /// Sends what was held back, because more is not at hand yet.
    fn flush(&mut self) -> impl Future<Output = Result<(), ClientGone>> {
        std::future::ready(Ok(()))
    }

    /// Ends the body, with trailer fields if there are any.
    fn finish(&mut self, trailers: Option<Headers>) -> impl Future<Output = Result<(), ClientGone>>;

    /// Sends head and body at once.
    fn whole(&mut self, head: &ResponseHead, body: Bytes) -> impl Future<Output = Result<(), ClientGone>>;

    /// Takes back a head that is still held back; `false` when it is on its way.
    fn retract(&mut self) -> bool {
        false
    }

    /// Gives up in the middle: the client must be able to tell that the body is not complete.
    fn abort(&mut self);
}
