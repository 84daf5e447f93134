//! The canonical request: what every stage reads and what the upstream bytes are written from.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{CanonicalPath, Headers, Timestamp};

/// The id of one exchange, shown to the caller in `x-stockade-id` and used to find the event.
///
/// A ULID: 48 bits of milliseconds, 80 random bits, 26 characters of Crockford's base 32; sorts by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(u128);

impl RequestId {
    /// Builds an id from a time and 80 random bits (the upper 48 bits of `random` are dropped).
    #[must_use]
    pub const fn new(time: Timestamp, random: u128) -> Self {
        let milliseconds = (time.0 / 1000) as u128 & ((1 << 48) - 1);
        Self(milliseconds << 80 | (random & ((1 << 80) - 1)))
    }

    /// Its 128 bits, as the id of a trace.
    #[must_use]
    pub const fn trace(self) -> u128 {
        self.0
    }

    /// Its last 64 bits, which are random, as the id of a span; never 0.
    #[must_use]
    pub const fn span(self) -> u64 {
        let span = self.0 as u64;
        if span == 0 { 1 } else { span }
    }

    /// The 26 characters, without an allocation.
    #[must_use]
    pub fn text(self) -> [u8; 26] {
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let mut out = [b'0'; 26];
        let mut rest = self.0;
        for place in out.iter_mut().rev() {
            *place = ALPHABET.get((rest & 31) as usize).copied().unwrap_or(b'0');
            rest >>= 5;
        }
        out
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

/// The protocol version a message was received in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// HTTP/1.0
    #[serde(rename = "1.0")]
    Http10,
    /// HTTP/1.1
    #[serde(rename = "1.1")]
    Http11,
    /// HTTP/2
    #[serde(rename = "2")]
    Http2,
}

/// `http` or `https`, as the client's connection was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// How the body is delimited, after all strict checks (RFC 9112 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// Exactly this many bytes.
    Length(u64),
    /// Chunked, or an HTTP/2 stream without `content-length`.
    Chunked,
}

/// What the TLS handshake proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// Server name that the client asked for, lower case.
    pub server_name: Option<String>,
    /// Protocol agreed by ALPN: `h2` or `http/1.1`.
    pub alpn: Option<&'static str>,
    /// Name of the key exchange group, such as `X25519MLKEM768`.
    pub key_exchange: Option<String>,
}

/// The certificate that a client showed in the handshake and proved to hold, verified against the listener's client CAs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientCertificate {
    /// SHA-256 of the certificate in DER form (`x5t#S256` of RFC 8705 3.1).
    pub sha256: [u8; 32],
    /// Subject as text (RFC 4514), such as `CN=billing,O=Example`.
    pub subject: String,
    /// URIs of the subject alternative name, such as a SPIFFE id.
    pub uris: Vec<String>,
    /// DNS names of the subject alternative name, lower case.
    pub dns_names: Vec<String>,
    /// Serial number, in lower-case hexadecimal.
    pub serial: String,
    /// When it ends.
    pub not_after: Timestamp,
    /// The certificate in DER.
    pub der: Box<[u8]>,
}

/// Who is at the other end of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The caller's address: the peer, or what a trusted proxy forwarded (rightmost untrusted address).
    pub address: IpAddr,
    /// The address of the TCP peer.
    pub peer: IpAddr,
    /// The TCP peer's port.
    pub port: u16,
    /// Facts of the TLS connection, when there is one.
    pub tls: Option<Arc<TlsFacts>>,
    /// The caller's verified certificate; a proxy's own never stands for those who call through it.
    pub certificate: Option<Arc<ClientCertificate>>,
}

/// One request in canonical form.
#[derive(Debug, Clone)]
pub struct Request {
    /// Id of the exchange.
    pub id: RequestId,
    /// Method, as received (methods are case-sensitive, RFC 9110 9.1).
    pub method: String,
    /// Scheme of the client's connection, or of the trusted proxy's.
    pub scheme: Scheme,
    /// Host in lower case, with the port when one was given.
    pub authority: String,
    /// The path that is matched, authorised, logged and forwarded.
    pub path: CanonicalPath,
    /// The query without `?`, as received and as forwarded; `None` when there was no `?`.
    pub query: Option<String>,
    /// Version on the client's side.
    pub version: HttpVersion,
    /// End-to-end fields: hop-by-hop fields, forwarding fields and framing are already taken out.
    pub headers: Headers,
    /// How the body comes.
    pub framing: Framing,
    /// `websocket` when the request asks for that upgrade and may have it.
    pub upgrade: Option<Upgrade>,
    /// Who sent it.
    pub client: Arc<Client>,
    /// The head as it was received, where rules read it (HTTP/1 only).
    pub received: Option<Box<[u8]>>,
}

/// A protocol switch that may be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrade {
    /// RFC 6455.
    WebSocket,
}

impl Request {
    /// The host without its port.
    #[must_use]
    pub fn host(&self) -> &str {
        host_of(&self.authority)
    }

    /// Path and query as they are written to the upstream.
    #[must_use]
    pub fn target(&self) -> String {
        match &self.query {
            None => self.path.as_str().to_owned(),
            Some(query) => format!("{}?{query}", self.path.as_str()),
        }
    }

    /// The media type of the body in lower case, without parameters.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        media_type(&self.headers)
    }
}

/// The media type named by `content-type`, in lower case, without parameters.
#[must_use]
pub fn media_type(headers: &Headers) -> Option<String> {
    let value = headers.get_str("content-type")?;
    Some(value.split(';').next().unwrap_or(value).trim().to_ascii_lowercase())
}

/// The host part of `host[:port]`; brackets of an IPv6 address are kept.
#[must_use]
pub fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_have_26_characters() {
        let early = RequestId::new(Timestamp(1_700_000_000_000_000), 7);
        let late = RequestId::new(Timestamp(1_700_000_000_001_000), 1);
        assert!(early.to_string() < late.to_string());
        assert_eq!(early.to_string().len(), 26);
        assert_eq!(RequestId::new(Timestamp(0), 31).to_string(), "0000000000000000000000000Z");
    }

    #[test]
    fn the_port_is_not_part_of_the_host() {
        assert_eq!(host_of("api.example:8443"), "api.example");
        assert_eq!(host_of("[::1]:80"), "[::1]");
        assert_eq!(host_of("[::1]"), "[::1]");
        assert_eq!(host_of("api.example"), "api.example");
    }
}
