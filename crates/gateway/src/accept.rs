//! Listening sockets, connection caps, and which protocol a connection speaks.
//!
//! Between `server`, which binds, and `http1` or `http2`, which serve. Every connection has one clock, started here:
//! the handshake and the first head count from the moment of accept, so that no phase gives a slow client a fresh
//! start.

mod admission;
mod preface;
mod seats;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BytesMut;
use stockade_model::Client;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub(crate) use admission::Admission;
pub(crate) use preface::{PREFACE, Protocol};
pub(crate) use seats::Open;

use crate::shared::WorkerRef;
use crate::{http1, http2, tls};
use admission::Seat;

/// First pause when descriptors or memory have run out; doubled up to [`LONGEST_PAUSE`].
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
/// Short enough that service resumes well within a second of the shortage's end.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// One listening socket of one worker.
#[derive(Debug)]
pub(crate) struct Listener {
    /// Bound, listening and non-blocking.
    pub(crate) socket: std::net::TcpListener,
    /// `address:port` as the plan writes it: what certificates are found by.
    pub(crate) address: Arc<str>,
    /// Whether the listener speaks TLS.
    pub(crate) secure: bool,
}

/// What every accept loop of a worker has in common.
#[derive(Debug, Clone)]
pub(crate) struct Acceptor {
    /// The worker that serves.
    pub(crate) worker: WorkerRef,
    /// Caps, counted over all workers.
    pub(crate) admission: Arc<Admission>,
    /// This worker's running connections.
    pub(crate) open: Rc<Open>,
}

impl Acceptor {
    /// Accepts until the gateway drains. No error ends it earlier: a shortage makes it pause.
    ///
    /// On drain it accepts what has already been queued, since closing a listener resets those connections.
    ///
    /// # Errors
    /// The runtime refuses the socket.
    pub(crate) async fn run(self, listener: Listener) -> io::Result<()> {
        let Listener { socket, address, secure } = listener;
        let socket = TcpListener::from_std(socket)?;
        let mut drain = self.worker.shared.drain.clone();
        let mut pause = SHORTEST_PAUSE;
        loop {
            let accepted = tokio::select! {
                biased;
                _ = drain.wait_for(|draining| *draining) => break,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = SHORTEST_PAUSE;
                    self.welcome(stream, peer, &address, secure);
                }
                // The connection was gone before it was accepted (accept(2)): nothing is wrong with the listener.
                Err(error) if is_of_one_connection(&error) => {}
                Err(_) => {
                    tokio::select! {
                        _ = drain.wait_for(|draining| *draining) => break,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        let socket = socket.into_std()?;
        while let Ok((stream, peer)) = socket.accept() {
            stream.set_nonblocking(true)?;
            self.welcome(TcpStream::from_std(stream)?, peer, &address, secure);
        }
        Ok(())
    }

    fn welcome(&self, stream: TcpStream, peer: SocketAddr, address: &Arc<str>, secure: bool) {
        let accepted = Instant::now();
        let shared = &self.worker.shared;
        shared.counters.connections.fetch_add(1, Ordering::Relaxed);
        let edge = self.worker.edge();
        let limits = &edge.plan().limits;
        let ip = peer.ip().to_canonical();
        // Many clients come by way of one trusted proxy, so its address says nothing about them.
        let each = if edge.trusts(ip) { limits.connections } else { limits.connections_per_address };
        let Some(seat) = self.admission.admit(ip, limits.connections, each) else {
            shared.counters.refused_connections.fetch_add(1, Ordering::Relaxed);
            return;
        };
        // Without it, small writes wait for the peer's delayed acknowledgement. A failure costs time only.
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            worker: Rc::clone(&self.worker),
            client: Client { address: ip, peer: ip, port: peer.port(), tls: None, certificate: None },
            accepted,
            seat,
            guest: self.open.enter(Rc::clone(&self.worker)),
        };
        if secure {
            tokio::task::spawn_local(connection.secure(stream, Arc::clone(address)));
        } else {
            tokio::task::spawn_local(connection.plain(stream));
        }
    }
}

/// One accepted connection on its way to its driver.
struct Connection {
    worker: WorkerRef,
    client: Client,
    accepted: Instant,
    seat: Seat,
    guest: seats::Guest,
}

impl Connection {
    async fn plain(self, stream: TcpStream) {
        let Self { worker, client, accepted, seat, guest } = self;
        let client = Arc::new(client);
        let mut buffered = BytesMut::new();
        match preface::sniff(&worker, &stream, &mut buffered, accepted).await {
            Protocol::Http1 => http1::serve(worker, stream, client, buffered, accepted).await,
            Protocol::Http2 => http2::serve(worker, stream, client, buffered, accepted).await,
        }
        drop((seat, guest));
    }

    async fn secure(self, stream: TcpStream, address: Arc<str>) {
        let Self { worker, mut client, accepted, seat, guest } = self;
        let Some(stream) = handshake(&worker, stream, &address, accepted).await else {
            worker.shared.counters.refused_connections.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let facts = tls::facts(stream.get_ref().1);
        let http2 = facts.alpn == Some("h2");
        client.tls = Some(Arc::new(facts));
        client.certificate = tls::client_certificate(stream.get_ref().1).map(Arc::new);
        let client = Arc::new(client);
        if http2 {
            http2::serve(worker, stream, client, BytesMut::new(), accepted).await;
        } else {
            http1::serve(worker, stream, client, BytesMut::new(), accepted).await;
        }
        drop((seat, guest));
    }
}

async fn handshake(
    worker: &WorkerRef,
    stream: TcpStream,
    address: &str,
    accepted: Instant,
) -> Option<TlsStream<TcpStream>> {
    // Fails closed: a TLS listener without a configuration serves nobody.
    let config = worker.shared.certificates.config(address)?;
    let limit = worker.shared.engine.load().plan().gateway.timeouts.handshake_ms;
    let deadline = accepted + Duration::from_millis(u64::from(limit));
    tokio::time::timeout_at(deadline, TlsAcceptor::from(config).accept(stream)).await.ok()?.ok()
}

/// Whether an accept error says something about one connection only (accept(2), "Error handling").
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNABORTED
                | libc::ECONNRESET
                | libc::EINTR
                | libc::EAGAIN
                | libc::EPROTO
                | libc::EPERM
                | libc::ENETDOWN
                | libc::ENOPROTOOPT
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::EHOSTUNREACH
                | libc::EOPNOTSUPP
                | libc::ENETUNREACH
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_told_from_a_lost_connection() {
        for code in [libc::ECONNABORTED, libc::EINTR, libc::EPROTO] {
            assert!(is_of_one_connection(&io::Error::from_raw_os_error(code)));
        }
        for code in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
            assert!(!is_of_one_connection(&io::Error::from_raw_os_error(code)));
        }
    }
}
