//! One target as one worker sees it: its name, its addresses, its connections.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use stockade_model::plan::UpstreamPlan;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::failure::{Failure, Retry};
use super::health::TargetHealth;
use super::io::Io;
use super::pool::Pool;
use super::reason;
use super::tls::Tls;

/// How long the answer of a name server is used.
const NAMES_LIVE: Duration = Duration::from_secs(10);

/// The least time one of several addresses is given to accept.
const LEAST_WAIT: Duration = Duration::from_millis(250);

/// Where a target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Whether it speaks TLS.
    pub(super) tls: bool,
    /// Host name or address, IPv6 in brackets.
    pub(super) host: String,
    /// Port, the scheme's own when none was given.
    pub(super) port: u16,
    /// Whether the port must be named in `Host`.
    named_port: bool,
}

impl Place {
    /// Reads `http://host:port` or `https://host:port`.
    ///
    /// # Errors
    /// What was expected and what came.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let bad = || format!("expected `http://host:port` or `https://host:port`, got `{url}`");
        let (tls, rest) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err(bad()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let usual = if tls { 443 } else { 80 };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| bad())?),
            _ => (rest, usual),
        };
        let literal = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
        let proper = match literal {
            Some(inner) => matches!(inner.parse(), Ok(IpAddr::V6(_))),
            None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
        };
        if !proper || port == 0 {
            return Err(bad());
        }
        Ok(Self { tls, host: host.to_ascii_lowercase(), port, named_port: port != usual })
    }

    /// The address, when the host is one.
    fn literal(&self) -> Option<SocketAddr> {
        let address: IpAddr = self.host.trim_matches(['[', ']']).parse().ok()?;
        Some(SocketAddr::new(address, self.port))
    }

    /// What stands in `Host` when the client's is not passed on.
    pub(super) fn authority(&self) -> String {
        if self.named_port { format!("{}:{}", self.host, self.port) } else { self.host.clone() }
    }
}

/// One target of one upstream.
#[derive(Debug)]
pub(super) struct Target {
    /// `host:port`, for events.
    pub(super) name: Rc<str>,
    /// Value of `Host` when the client's is not passed on.
    pub(super) authority: String,
    /// Where it is.
    pub(super) place: Place,
    /// How it fares, as all workers see it.
    pub(super) health: Arc<TargetHealth>,
    /// This worker's connections.
    pub(super) pool: Pool,
    /// Whether the last TLS handshake agreed on HTTP/2.
    pub(super) agreed_http2: Cell<bool>,
    names: RefCell<Option<Names>>,
}

/// What a name server said.
#[derive(Debug, Clone)]
struct Names {
    addresses: Rc<[SocketAddr]>,
    until: Instant,
}

impl Target {
    /// A target without connections.
    pub(super) fn new(place: Place, health: Arc<TargetHealth>, keep_idle: u16) -> Self {
        Self {
            name: format!("{}:{}", place.host, place.port).into(),
            authority: place.authority(),
            place,
            health,
            pool: Pool::new(keep_idle),
            agreed_http2: Cell::new(false),
            names: RefCell::new(None),
        }
    }

    /// Opens a connection. Says whether TLS agreed on HTTP/2, which `http1_only` rules out.
    pub(super) async fn connect(
        &self,
        plan: &UpstreamPlan,
        tls: Option<&Tls>,
        http1_only: bool,
    ) -> Result<(Io, bool), Failure> {
        let until = Instant::now() + Duration::from_millis(u64::from(plan.connect_ms));
        let late = |_| {
            let detail = format!("no connection within {} ms", plan.connect_ms);
            Failure::new(&reason::CONNECT_TIMEOUT, detail).retry(Retry::Always)
        };
        let stream = timeout_at(until, self.dial(until)).await.map_err(late)??;
        let Some(tls) = tls.filter(|_| self.place.tls) else { return Ok((Io::Plain(stream), false)) };
        let stream = timeout_at(until, tls.connect(stream, &self.place.host, http1_only)).await.map_err(late)??;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        if !http1_only {
            self.agreed_http2.set(http2);
        }
        Ok((Io::Tls(Box::new(stream)), http2))
    }

    /// Tries every address in turn, each with its share of the time.
    async fn dial(&self, until: Instant) -> Result<TcpStream, Failure> {
        let unreachable = |detail: String| Failure::new(&reason::UNREACHABLE, detail).retry(Retry::Always);
        let addresses = self.addresses().await.map_err(unreachable)?;
        let mut last = String::from("its name has no address");
        for (index, address) in addresses.iter().enumerate() {
            let left = addresses.len().saturating_sub(index).max(1);
            let share = until.saturating_duration_since(Instant::now()) / u32::try_from(left).unwrap_or(u32::MAX);
            let until = until.min(Instant::now() + share.max(LEAST_WAIT));
            match timeout_at(until, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Without it a small second write would wait for an acknowledgement.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = format!("{address}: {error}"),
                Err(_) if left == 1 => {
                    let detail = format!("{address}: no connection in time");
                    return Err(Failure::new(&reason::CONNECT_TIMEOUT, detail).retry(Retry::Always));
                }
                Err(_) => last = format!("{address}: no connection in time"),
            }
        }
        self.names.take();
        Err(unreachable(last))
    }

    async fn addresses(&self) -> Result<Rc<[SocketAddr]>, String> {
        if let Some(address) = self.place.literal() {
            return Ok(Rc::new([address]));
        }
        let known = self.names.borrow().clone();
        if let Some(names) = known.as_ref().filter(|names| names.until > Instant::now()) {
            return Ok(Rc::clone(&names.addresses));
        }
        match tokio::net::lookup_host((self.place.host.as_str(), self.place.port)).await {
            Ok(found) => {
                let addresses: Rc<[SocketAddr]> = found.collect();
                let names = Names { addresses: Rc::clone(&addresses), until: Instant::now() + NAMES_LIVE };
                *self.names.borrow_mut() = Some(names);
                Ok(addresses)
            }
            // A name server that fails for a while does not take the upstream away.
            Err(error) => known.map(|names| names.addresses).ok_or_else(|| format!("no address: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_targets_are_read_strictly() {
        let place = Place::parse("http://API.internal:9000").unwrap();
        assert_eq!((place.tls, place.host.as_str(), place.port), (false, "api.internal", 9000));
        assert_eq!(place.authority(), "api.internal:9000");
        assert_eq!(Place::parse("https://api.internal/").unwrap().authority(), "api.internal");
        let six = Place::parse("http://[::1]:81").unwrap();
        assert_eq!(six.authority(), "[::1]:81");
        assert_eq!(six.literal(), Some("[::1]:81".parse().unwrap()));
        assert_eq!(Place::parse("https://[::1]").unwrap().port, 443);
        for url in
            ["api:80", "ftp://a", "http://", "http://a:0", "http://a:99999", "http://u@a", "http://a/b", "http://[zz]"]
        {
            assert!(Place::parse(url).unwrap_err().contains(url), "{url}");
        }
    }
}
