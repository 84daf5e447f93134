//! Binds the listening sockets of all workers.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use stockade_model::plan::ListenerPlan;

use crate::accept::Listener;

/// Connections that may wait to be accepted, on each socket; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Bytes of a response that may wait in the kernel for a client to make room. Without it, a client that reads nothing
/// has the kernel hold megabytes for it, and the gateway takes a response for sent that has not left.
const UNSENT_BYTES: u32 = 128 * 1024;

/// One list of listeners for each of `workers` workers, and the addresses that were bound.
///
/// # Errors
/// An address that does not resolve or cannot be bound, with what to do about it.
pub(super) fn all(plans: &[ListenerPlan], workers: usize) -> Result<(Vec<Vec<Listener>>, Vec<SocketAddr>), String> {
    let mut listeners: Vec<Vec<Listener>> = (0..workers).map(|_| Vec::with_capacity(plans.len())).collect();
    let mut bound = Vec::with_capacity(plans.len());
    for (index, plan) in plans.iter().enumerate() {
        let setting = format!("gateway.listen[{index}]");
        let text = plan.address.as_str();
        let wanted = resolve(text).map_err(|problem| format!("{setting}: {problem}"))?;
        let address: Arc<str> = Arc::from(text);
        let explain = |error: io::Error| format!("{setting}: cannot listen on `{text}`: {}", explain(&error));
        probe(wanted).map_err(explain)?;
        let mut actual = wanted;
        for worker in &mut listeners {
            let socket = listen(actual).map_err(explain)?;
            // Port 0 becomes a port with the first socket; the other workers share that one.
            actual = socket.local_addr().map_err(explain)?;
            worker.push(Listener { socket, address: Arc::clone(&address), secure: plan.tls.is_some() });
        }
        bound.push(actual);
    }
    Ok((listeners, bound))
}

fn resolve(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    text.to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| format!("expected `address:port`, got `{text}`"))
}

/// Fails when somebody listens on the address already.
///
/// `SO_REUSEPORT` alone would let a second gateway of the same user take half of the first one's connections without
/// a word.
fn probe(address: SocketAddr) -> io::Result<()> {
    let socket = socket(address)?;
    socket.bind(&address.into())
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    // Accepted connections inherit it.
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for connections of the process before it that linger in TIME_WAIT.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` and `0.0.0.0` are two listeners, as everywhere in the plan.
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the address is in use; stop what listens there or choose another port".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "permission denied; ports below 1024 need CAP_NET_BIND_SERVICE, others do not".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(address: &str) -> ListenerPlan {
        ListenerPlan { address: address.to_owned(), tls: None }
    }

    #[test]
    fn every_worker_gets_its_own_socket_on_one_port() {
        let (listeners, addresses) = all(&[plan("127.0.0.1:0"), plan("[::1]:0")], 3).unwrap();
        assert_eq!(listeners.len(), 3);
        for worker in &listeners {
            let ports: Vec<_> = worker.iter().map(|listener| listener.socket.local_addr().unwrap()).collect();
            assert_eq!(ports, addresses);
        }
    }

    #[test]
    fn a_second_gateway_on_the_same_address_is_refused() {
        let (_held, addresses) = all(&[plan("127.0.0.1:0")], 2).unwrap();
        let problem = all(&[plan(&addresses[0].to_string())], 2).unwrap_err();
        assert!(problem.contains("gateway.listen[0]"), "{problem}");
        assert!(problem.contains("in use"), "{problem}");
    }

    #[test]
    fn an_address_of_another_machine_is_named() {
        let problem = all(&[plan("192.0.2.1:8080")], 1).unwrap_err();
        assert!(problem.contains("no such address"), "{problem}");
        assert!(all(&[plan("nonsense")], 1).unwrap_err().contains("expected `address:port`"));
    }
}
