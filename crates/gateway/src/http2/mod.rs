//! HTTP/2 (RFC 9113) on the h2 crate, behind a frame guard.

use std::sync::Arc;

use bytes::BytesMut;
use stockade_model::Client;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::shared::WorkerRef;

pub(crate) async fn serve<IO>(worker: WorkerRef, io: IO, client: Arc<Client>, buffered: BytesMut, accepted: Instant)
where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let _ = (worker, io, client, buffered, accepted);
}
