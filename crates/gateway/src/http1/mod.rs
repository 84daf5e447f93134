//! Strict HTTP/1.1: heads, bodies, connections (RFC 9112).

use std::sync::Arc;

use bytes::BytesMut;
use stockade_model::Client;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::shared::WorkerRef;

/// Serves one connection to its end; `buffered` is what was read of it already.
pub(crate) async fn serve<IO>(worker: WorkerRef, io: IO, client: Arc<Client>, buffered: BytesMut, accepted: Instant)
where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let _ = (worker, io, client, buffered, accepted);
}
