//! What the connection announces, and what h2 holds it to.

use std::time::Duration;

use h2::server::Builder;
use stockade_model::plan::HttpLimitsPlan;

/// Header lists larger than this are refused. Decoded lists of many megabytes in a few frames are the HPACK bombs
/// (A33); this is what browsers and hyper agree on.
const HEADER_LIST_BYTES: u32 = 16 * 1024;
/// What a client may send on one stream ahead of its being read, and on all streams together.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// What h2 may hold of one response; the rest waits at the upstream.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Streams reset by us of which late frames are still ignored, and for how long.
const RESET_STREAMS: usize = 64;
const RESET_MEMORY: Duration = Duration::from_secs(5);
/// Streams reset by the client before they were looked at (Rapid Reset, A28).
const PENDING_RESETS: usize = 20;
/// Streams that we had to reset for the client's errors (MadeYouReset, A29).
const ERROR_RESETS: usize = 64;
/// h2 with every limit set by name: its own defaults are meant for trusted peers.
pub(super) fn builder(limits: &HttpLimitsPlan) -> Builder {
    let mut builder = Builder::new();
    builder
        .max_header_list_size(limits.head_bytes.min(HEADER_LIST_BYTES))
        .max_concurrent_streams(u32::from(limits.streams_per_connection))
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .max_concurrent_reset_streams(RESET_STREAMS)
        .reset_stream_duration(RESET_MEMORY)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(Some(ERROR_RESETS));
    builder
}
