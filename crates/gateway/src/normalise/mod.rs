//! From a parsed head to the one canonical request. The same rules for HTTP/1 and HTTP/2.
//!
//! Comes after the head's grammar and framing were checked, before the engine sees anything.

mod authority;
mod field;
mod forwarded;
pub(crate) mod reasons;
#[cfg(test)]
mod tests;
pub(crate) mod trailer;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;
use stockade_engine::Engine;
use stockade_model::plan::GatewayPlan;
use stockade_model::request::Upgrade;
use stockade_model::{
    CanonicalPath, Cidr, Client, Framing, Headers, HttpVersion, PathForms, Reason, Refusal, Request, RequestId, Scheme,
    Stage,
};

use self::field::Part;
use self::forwarded::Claims;

/// A bundle with what the sockets' side needs from it, worked out once.
#[derive(Debug)]
pub(crate) struct Edge {
    /// The bundle.
    pub(crate) engine: Arc<Engine>,
    trusted: Vec<Cidr>,
    /// Whether heads are kept as they were received.
    pub(crate) keeps_received: bool,
}

impl Edge {
    /// Prepares a bundle. A range that does not parse trusts nobody.
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        let trusted = engine.plan().gateway.trusted_proxies.iter().filter_map(|range| range.parse().ok()).collect();
        Self { keeps_received: engine.wants_received(), engine, trusted }
    }

    /// The gateway's part of the plan.
    pub(crate) fn plan(&self) -> &GatewayPlan {
        &self.engine.plan().gateway
    }

    /// Whether `address` is a trusted proxy.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|range| range.contains(address))
    }
}

/// A head whose grammar and framing were checked; fields come beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawHead<'a> {
    /// Method.
    pub(crate) method: &'a [u8],
    /// Request target; `:path` on HTTP/2.
    pub(crate) target: &'a [u8],
    /// Version.
    pub(crate) version: HttpVersion,
    /// Scheme of the connection.
    pub(crate) scheme: Scheme,
    /// `:authority`, on HTTP/2.
    pub(crate) authority: Option<&'a [u8]>,
    /// How the body is delimited.
    pub(crate) framing: Framing,
    /// Number of fields and their bytes, to allocate once.
    pub(crate) size: (usize, usize),
}

/// The request, and what its head says about this connection alone.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// The canonical request.
    pub(crate) request: Box<Request>,
    /// `Expect: 100-continue` was sent.
    pub(crate) expects_continue: bool,
    /// `Connection: close` was sent.
    pub(crate) close: bool,
    /// `Connection: keep-alive` was sent.
    pub(crate) keep_alive: bool,
}

/// A gateway refusal; `detail` must not hold anything from the client that [`shown`] has not treated.
pub(crate) fn refusal(
    reason: &'static Reason,
    setting: impl Into<Cow<'static, str>>,
    detail: impl Into<String>,
) -> Box<Refusal> {
    Box::new(Refusal::new(Stage::Gateway, reason, setting, detail))
}

/// Client bytes for a refusal's detail: escaped, cut, masked.
pub(crate) fn shown(raw: &[u8]) -> String {
    let escaped = raw.get(..80).unwrap_or(raw).escape_ascii().to_string();
    stockade_inspect::mask::text(&escaped, 160).into_owned()
}

/// What one pass over the fields gathered.
#[derive(Default)]
struct Gathered<'a> {
    headers: Headers,
    hosts: SmallVec<[&'a [u8]; 1]>,
    cookies: SmallVec<[&'a [u8]; 1]>,
    typed: bool,
    claims: Claims<'a>,
    connection_upgrade: bool,
    upgrade_websocket: bool,
    websocket_keys: SmallVec<[&'a [u8]; 1]>,
    websocket_version: Option<&'a [u8]>,
    expects_continue: bool,
    close: bool,
    keep_alive: bool,
    te_trailers: bool,
}

/// Brings a head into canonical form.
///
/// `fields` are `(name, value)` in the order they came.
///
/// # Errors
/// The first rule it breaks, as the refusal to answer.
pub(crate) fn normalise<'a>(
    edge: &Edge,
    client: &Arc<Client>,
    id: RequestId,
    head: &RawHead<'a>,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<Arrival, Box<Refusal>> {
    let method = method(head.method)?;
    if head.target.len() > edge.plan().limits.target_bytes as usize {
        let detail = format!("the target has {} bytes", head.target.len());
        return Err(refusal(&reasons::TARGET_TOO_LONG, "gateway.limits.target", detail));
    }
    let trusted = edge.trusts(client.peer);
    let mut gathered = gather(edge, head, fields, trusted)?;
    let mut authority = authority(head, &gathered)?;
    let (path, query) = target(head, &method, &authority, edge.engine.path_forms())?;
    let mut scheme = head.scheme;
    let mut client = Arc::clone(client);
    if trusted {
        scheme = gathered.claims.scheme().unwrap_or(scheme);
        if let Some(host) = gathered.claims.host() {
            authority = authority::parse(host)
                .ok_or_else(|| refusal(&reasons::HOST, "", format!("forwarded host `{}`", shown(host))))?;
        }
        let address = gathered.claims.address(edge, client.peer);
        if address != client.address {
            client = Arc::new(Client { address, certificate: None, ..(*client).clone() });
        }
    }
    let upgrade = upgrade(head, &method, &gathered)?;
    if upgrade.is_some() {
        // No extension is passed on, so no frame may carry a reserved bit and nothing needs inflating.
        gathered.headers.remove("sec-websocket-extensions");
    }
    if !gathered.cookies.is_empty() {
        let crumbs = gathered.cookies.join(&b"; "[..]);
        gathered.headers.push(b"cookie", &crumbs);
    }
    if gathered.te_trailers {
        gathered.headers.push(b"te", b"trailers");
    }
    let request = Box::new(Request {
        id,
        method,
        scheme,
        authority,
        path,
        query,
        version: head.version,
        headers: gathered.headers,
        framing: head.framing,
        upgrade,
        client,
        received: None,
    });
    Ok(Arrival {
        request,
        expects_continue: gathered.expects_continue,
        close: gathered.close,
        keep_alive: gathered.keep_alive,
    })
}

fn method(raw: &[u8]) -> Result<String, Box<Refusal>> {
    let upper = raw.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_'));
    let begins = raw.first().is_some_and(u8::is_ascii_uppercase);
    if !upper || !begins || raw.len() > 32 {
        return Err(refusal(&reasons::METHOD, "", format!("method `{}`", shown(raw))));
    }
    if matches!(raw, b"CONNECT" | b"TRACE") {
        return Err(refusal(&reasons::METHOD_NOT_SERVED, "", format!("method `{}`", shown(raw))));
    }
    Ok(ascii(raw))
}

/// Bytes that were checked to be ASCII, as text.
fn ascii(checked: &[u8]) -> String {
    std::str::from_utf8(checked).unwrap_or_default().to_owned()
}

fn gather<'a>(
    edge: &Edge,
    head: &RawHead<'a>,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    trusted: bool,
) -> Result<Gathered<'a>, Box<Refusal>> {
    let limits = &edge.plan().limits;
    let mut out =
        Gathered { headers: Headers::with_capacity(head.size.0 + 4, head.size.1 + 96), ..Gathered::default() };
    let mut count = 0_usize;
    for (name, value) in fields {
        count += 1;
        if count > usize::from(limits.header_count) {
            let detail = format!("more than {} fields", limits.header_count);
            return Err(refusal(&reasons::TOO_MANY_FIELDS, "gateway.limits.headers", detail));
        }
        if name.len() + value.len() > limits.header_bytes as usize {
            let detail = format!("field `{}` has {} bytes", shown(name), name.len() + value.len());
            return Err(refusal(&reasons::FIELD_TOO_LARGE, "gateway.limits.header", detail));
        }
        if value.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'))
            || value.last().is_some_and(|byte| matches!(byte, b' ' | b'\t'))
            || has_control(value)
        {
            return Err(refusal(&reasons::FIELD, "", format!("value of `{}`", shown(name))));
        }
        let mut part = field::part_of(name);
        if memchr::memchr(b'_', name).is_some() {
            part = underscored(edge, name)?;
        }
        out.take(part, name, value, trusted)?;
    }
    Ok(out)
}

/// Folded without a way out early, so that it runs on vectors.
fn has_control(value: &[u8]) -> bool {
    value.iter().fold(false, |found, byte| found | ((*byte < 0x20) & (*byte != b'\t')) | (*byte == 0x7f))
}

/// A name with `_`: refused, or let pass when the setting says so and it is no alias of a field that matters here.
fn underscored(edge: &Edge, name: &[u8]) -> Result<Part, Box<Refusal>> {
    let hyphened: Vec<u8> = name.iter().map(|byte| if *byte == b'_' { b'-' } else { *byte }).collect();
    if edge.plan().refuse_underscore_headers || field::part_of(&hyphened) != Part::EndToEnd {
        let detail = format!("field `{}`", shown(name));
        return Err(refusal(&reasons::UNDERSCORE, "gateway.refuse_underscore_headers", detail));
    }
    Ok(Part::EndToEnd)
}

impl<'a> Gathered<'a> {
    fn take(&mut self, part: Part, name: &'a [u8], value: &'a [u8], trusted: bool) -> Result<(), Box<Refusal>> {
        match part {
            Part::EndToEnd => self.pass(name, value)?,
            Part::HopByHop | Part::Ours => {}
            Part::Claim if trusted => self.pass(name, value)?,
            Part::ForwardedFor if trusted => self.claims.x_for.push(value),
            Part::Forwarded if trusted => self.claims.forwarded.push(value),
            Part::RealIp if trusted => self.claims.real_ip = Some(value),
            Part::ForwardedProto if trusted => self.claims.proto = Some(value),
            Part::ForwardedHost if trusted => self.claims.host = Some(value),
            Part::Claim
            | Part::ForwardedFor
            | Part::Forwarded
            | Part::RealIp
            | Part::ForwardedProto
            | Part::ForwardedHost => {}
            Part::Host => self.hosts.push(value),
            Part::Cookie => self.cookies.push(value),
            Part::ContentType => self.content_type(name, value)?,
            Part::Connection => self.connection(value)?,
            Part::Upgrade => {
                self.upgrade_websocket |= field::list(value).any(|token| token.eq_ignore_ascii_case(b"websocket"));
            }
            Part::Expect if value.eq_ignore_ascii_case(b"100-continue") => self.expects_continue = true,
            Part::Expect => return Err(refusal(&reasons::EXPECTATION, "", format!("`Expect: {}`", shown(value)))),
            Part::Te => {
                self.te_trailers |=
                    field::list(value).any(|token| token.split(|byte| *byte == b';').next().is_some_and(is_trailers));
            }
            Part::WebSocketKey => {
                self.websocket_keys.push(value);
                self.pass(name, value)?;
            }
            Part::WebSocketVersion => {
                self.websocket_version = Some(value);
                self.pass(name, value)?;
            }
            Part::WebSocketExtensions => self.pass(name, value)?,
        }
        Ok(())
    }

    fn pass(&mut self, name: &[u8], value: &[u8]) -> Result<(), Box<Refusal>> {
        if self.headers.push(name, value) {
            return Ok(());
        }
        Err(refusal(&reasons::FIELD, "", format!("name `{}`", shown(name))))
    }

    /// A second one, or bytes that not all read alike, would let a body be read here as one thing and there as another.
    fn content_type(&mut self, name: &[u8], value: &[u8]) -> Result<(), Box<Refusal>> {
        if std::mem::replace(&mut self.typed, true) || !value.is_ascii() {
            return Err(refusal(&reasons::CONTENT_TYPE, "", format!("`Content-Type: {}`", shown(value))));
        }
        self.pass(name, value)
    }

    fn connection(&mut self, value: &[u8]) -> Result<(), Box<Refusal>> {
        for token in field::list(value) {
            if !field::may_be_nominated(token) {
                return Err(refusal(&reasons::NOMINATED, "", format!("`Connection: {}`", shown(token))));
            }
            self.close |= token.eq_ignore_ascii_case(b"close");
            self.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
            self.connection_upgrade |= token.eq_ignore_ascii_case(b"upgrade");
        }
        Ok(())
    }
}

fn is_trailers(token: &[u8]) -> bool {
    token.trim_ascii().eq_ignore_ascii_case(b"trailers")
}

/// The one host asked for: `Host` on HTTP/1, `:authority` on HTTP/2 (an equal `Host` may stand beside it).
fn authority(head: &RawHead<'_>, gathered: &Gathered<'_>) -> Result<String, Box<Refusal>> {
    let bad = |detail: String| refusal(&reasons::HOST, "", detail);
    let mut hosts = gathered.hosts.iter();
    let asked = match (head.authority, hosts.next()) {
        (None, None) => return Err(bad("no host".to_owned())),
        (None, Some(host)) => host,
        (Some(authority), None) => authority,
        (Some(authority), Some(host)) if authority.eq_ignore_ascii_case(host) => authority,
        (Some(_), Some(_)) => return Err(bad("`:authority` and `host` differ".to_owned())),
    };
    if hosts.next().is_some() {
        return Err(bad(format!("{} `Host` fields", gathered.hosts.len())));
    }
    authority::parse(asked).ok_or_else(|| bad(format!("host `{}`", shown(asked))))
}

/// `forms` are those that any API wants; the stage route knows which of them it is.
fn target(
    head: &RawHead<'_>,
    method: &str,
    authority: &str,
    forms: PathForms,
) -> Result<(CanonicalPath, Option<String>), Box<Refusal>> {
    let raw = head.target;
    let bad = || refusal(&reasons::TARGET, "", format!("target `{}`", shown(raw)));
    let origin = if raw.first() == Some(&b'/') {
        raw
    } else if raw == b"*" {
        // There is no path to judge or forward, so `*` asks about the root (RFC 9110 9.3.7 lets a server choose).
        if method != "OPTIONS" {
            return Err(bad());
        }
        b"/"
    } else if head.version == HttpVersion::Http2 {
        return Err(bad());
    } else {
        absolute(head, authority).ok_or_else(bad)?
    };
    let (path, query) = match memchr::memchr(b'?', origin) {
        None => (origin, None),
        Some(mark) => (origin.get(..mark).unwrap_or_default(), origin.get(mark + 1..)),
    };
    let path = CanonicalPath::parse_with(path, forms)
        .map_err(|error| refusal(&reasons::PATH, "", format!("{error}: `{}`", shown(path))))?;
    let Some(query) = query else { return Ok((path, None)) };
    let allowed = |byte: &u8| matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b'<' | b'>' | b'#');
    if !query.iter().all(allowed) {
        let byte = query.iter().copied().find(|byte| !allowed(byte)).unwrap_or_default();
        return Err(refusal(&reasons::QUERY, "", format!("byte 0x{byte:02x} in the query")));
    }
    Ok((path, Some(ascii(query))))
}

/// The origin-form within an absolute-form (RFC 9112 3.2.2) that names this very scheme and host.
fn absolute<'a>(head: &RawHead<'a>, authority: &str) -> Option<&'a [u8]> {
    let scheme = head.scheme.as_str().as_bytes();
    let given = head.target.get(..scheme.len())?;
    let rest = head.target.get(scheme.len()..)?.strip_prefix(b"://")?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (host, origin) = rest.split_at_checked(end)?;
    if !given.eq_ignore_ascii_case(scheme) || !host.eq_ignore_ascii_case(authority.as_bytes()) {
        return None;
    }
    match origin.first() {
        None => Some(b"/"),
        Some(b'/') => Some(origin),
        Some(_) => None,
    }
}

/// The upgrade that may be passed on. Any other (`h2c` above all) is taken out and the request served as it is.
fn upgrade(head: &RawHead<'_>, method: &str, gathered: &Gathered<'_>) -> Result<Option<Upgrade>, Box<Refusal>> {
    let asked = gathered.connection_upgrade && gathered.upgrade_websocket;
    if !asked || head.version != HttpVersion::Http11 {
        return Ok(None);
    }
    let bad = |detail: String| refusal(&reasons::WEBSOCKET, "", detail);
    if method != "GET" {
        return Err(bad(format!("method {method}")));
    }
    // Bytes after the head could be read as a body here and as frames there.
    if !matches!(head.framing, Framing::None | Framing::Length(0)) {
        return Err(bad("the handshake has a body".to_owned()));
    }
    if gathered.websocket_version != Some(b"13") {
        return Err(refusal(&reasons::WEBSOCKET_VERSION, "", "expected version 13".to_owned()));
    }
    match gathered.websocket_keys.as_slice() {
        [key] if is_websocket_key(key) => Ok(Some(Upgrade::WebSocket)),
        keys => Err(bad(format!("{} keys, or one that is not 16 bytes in base 64", keys.len()))),
    }
}

/// 16 bytes in base 64 (RFC 6455 4.1).
fn is_websocket_key(key: &[u8]) -> bool {
    key.len() == 24
        && key
            .strip_suffix(b"==")
            .is_some_and(|digits| digits.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')))
}
