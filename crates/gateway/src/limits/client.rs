//! One connection to the store: made, authenticated, and spoken over in pipelines, each with a deadline.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use stockade_model::plan::SharedLimitsPlan;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::resp::{self, LONGEST, Reply};
use super::script;

/// Longest time to connect, TLS and authentication included.
const CONNECT: Duration = Duration::from_secs(2);
/// Bytes read at once.
const READ: usize = 16 * 1024;

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// A connection. One that failed is of no use any more: what it would read next belongs to an earlier question.
pub(super) struct Client {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
}

impl Client {
    /// Connects, authenticates, and has the store know the scripts.
    ///
    /// # Errors
    /// What failed, for the operator; never the password.
    pub(super) async fn connect(plan: &SharedLimitsPlan) -> Result<Self, String> {
        timeout(CONNECT, Self::open(plan)).await.map_err(|_| format!("`{}` does not answer", plan.url))?
    }

    async fn open(plan: &SharedLimitsPlan) -> Result<Self, String> {
        let place = Place::parse(&plan.url).ok_or_else(|| format!("`{}` is no address of a store", plan.url))?;
        let failed = |error: io::Error| format!("`{}`: {error}", plan.url);
        let stream: Box<dyn Stream> = match &place {
            Place::Socket(path) => Box::new(UnixStream::connect(path).await.map_err(failed)?),
            Place::Host { host, port, tls, .. } => {
                let plain = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
                plain.set_nodelay(true).map_err(failed)?;
                if *tls { Box::new(shake_hands(plan, host, plain).await?) } else { Box::new(plain) }
            }
        };
        let mut client = Self { stream, input: Vec::new() };
        let mut out = Vec::new();
        let mut count = script::load(&mut out);
        if let Some(password) = &plan.password {
            let mut words: Vec<&[u8]> = vec![b"AUTH"];
            words.extend(plan.user.as_ref().map(String::as_bytes));
            words.push(password.as_bytes());
            let mut first = Vec::new();
            resp::command(&mut first, &words);
            out.splice(0..0, first);
            count += 1;
        }
        let database = place.database();
        if database != "0" {
            resp::command(&mut out, &[b"SELECT", database.as_bytes()]);
            count += 1;
        }
        for reply in client.ask(&out, count).await.map_err(|problem| format!("`{}`: {problem}", plan.url))? {
            if let Reply::Error(problem) = reply {
                return Err(format!("`{}`: {problem}", plan.url));
            }
        }
        Ok(client)
    }

    /// Sends `commands` at once and reads `count` replies.
    ///
    /// # Errors
    /// The connection broke, or what came is no reply.
    pub(super) async fn ask(&mut self, commands: &[u8], count: usize) -> Result<Vec<Reply>, String> {
        self.stream.write_all(commands).await.map_err(|error| error.to_string())?;
        let mut replies = Vec::with_capacity(count);
        let mut used = 0;
        while replies.len() < count {
            match resp::reply(self.input.get(used..).unwrap_or_default()).map_err(|problem| problem.to_string())? {
                Some((reply, length)) => {
                    used += length;
                    replies.push(reply);
                }
                None => {
                    self.input.drain(..used);
                    used = 0;
                    if self.input.len() > LONGEST {
                        return Err("a reply is too long".to_owned());
                    }
                    self.input.reserve(READ);
                    let read = self.stream.read_buf(&mut self.input).await.map_err(|error| error.to_string())?;
                    if read == 0 {
                        return Err("the store closed the connection".to_owned());
                    }
                }
            }
        }
        self.input.drain(..used);
        Ok(replies)
    }
}

async fn shake_hands(
    plan: &SharedLimitsPlan,
    host: &str,
    plain: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
    let failed = |problem: &dyn std::fmt::Display| format!("`{}`: {problem}", plan.url);
    let roots = crate::upstream::roots(plan.ca_file.as_deref(), "gateway.shared_limits.ca_file")?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(&error))?;
    TlsConnector::from(Arc::new(config)).connect(name, plain).await.map_err(|error| failed(&error))
}

/// Where the store is.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Socket(String),
    Host { host: String, port: u16, database: String, tls: bool },
}

impl Place {
    fn parse(url: &str) -> Option<Self> {
        if let Some(path) = url.strip_prefix("unix:") {
            return path.starts_with('/').then(|| Self::Socket(path.to_owned()));
        }
        let (scheme, rest) = url.split_once("://")?;
        let tls = match scheme {
            "redis" => false,
            "rediss" => true,
            _ => return None,
        };
        let (authority, database) = rest.split_once('/').unwrap_or((rest, "0"));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, 6379),
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        let sound = !host.is_empty() && database.bytes().all(|byte| byte.is_ascii_digit());
        let database = if database.is_empty() { "0" } else { database }.to_owned();
        sound.then_some(Self::Host { host, port, database, tls })
    }

    fn database(&self) -> &str {
        match self {
            Self::Socket(_) => "0",
            Self::Host { database, .. } => database,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let host = |host: &str, port, database: &str, tls| {
            Some(Place::Host { host: host.to_owned(), port, database: database.to_owned(), tls })
        };
        assert_eq!(Place::parse("redis://cache"), host("cache", 6379, "0", false));
        assert_eq!(Place::parse("rediss://cache:7000/3"), host("cache", 7000, "3", true));
        assert_eq!(Place::parse("redis://[::1]:7000/"), host("::1", 7000, "0", false));
        assert_eq!(Place::parse("redis://[::1]"), host("::1", 6379, "0", false));
        assert_eq!(Place::parse("unix:/run/redis.sock"), Some(Place::Socket("/run/redis.sock".to_owned())));
        for bad in ["http://x", "redis://", "redis://x:port", "redis://x/a", "unix:relative", ""] {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }
}
