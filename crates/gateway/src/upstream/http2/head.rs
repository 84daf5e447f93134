//! Heads in both directions: from the canonical request, and to the fields that pass.

use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Uri};
use stockade_model::{Headers, Request};

use crate::upstream::failure::Failure;
use crate::upstream::fields;
use crate::upstream::http1::Route;
use crate::upstream::reason::{BAD_FRAMING, BAD_HEAD};

/// Fields of one head.
const HEAD_FIELDS: usize = 128;

/// What the head of a request is made from.
#[derive(Debug)]
pub(in crate::upstream) struct RequestHead<'a> {
    /// The canonical request.
    pub(in crate::upstream) request: &'a Request,
    /// What the settings add.
    pub(in crate::upstream) route: Route<'a>,
    /// Whether the connection speaks TLS.
    pub(in crate::upstream) tls: bool,
    /// Whether trailers must be announced as welcome, which gRPC servers insist on.
    pub(in crate::upstream) grpc: bool,
}

impl RequestHead<'_> {
    /// The head, or `None` when a part of it is not possible in HTTP/2.
    pub(super) fn build(&self, length: Option<u64>) -> Option<http::Request<()>> {
        let request = self.request;
        let target = request.target();
        let path = PathAndQuery::try_from(target.as_str()).ok().filter(|path| path.as_str() == target)?;
        let mut head = http::Request::new(());
        *head.method_mut() = Method::from_bytes(request.method.as_bytes()).ok()?;
        *head.uri_mut() = uri(self.tls, self.route.host, path)?;
        let headers = head.headers_mut();
        headers.reserve(request.headers.len() + self.route.set_headers.len() + 6);
        let mut add = |name: &str, value: &[u8]| {
            headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?);
            Some(())
        };
        let is_set = |name: &str| self.route.set_headers.iter().any(|(set, _)| set == name);
        let (traceparent, keeps_state) = fields::trace(request);
        for (name, value) in request.headers.iter() {
            if fields::passes(name) && !is_set(name) && (keeps_state || name != "tracestate") {
                add(name, value)?;
            }
        }
        if !is_set("traceparent") {
            add("traceparent", traceparent.as_bytes())?;
        }
        let mut text = Vec::with_capacity(64);
        fields::forwarded_for(request, &mut text);
        add("x-forwarded-for", &text)?;
        add("x-forwarded-proto", request.scheme.as_str().as_bytes())?;
        add("x-forwarded-host", request.authority.as_bytes())?;
        text.clear();
        fields::forwarded(request, &mut text);
        add("forwarded", &text)?;
        for (name, value) in self.route.set_headers {
            add(name, value.as_bytes())?;
        }
        if self.grpc {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        if let Some(length) = length {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        Some(head)
    }
}

/// The target of a request; `None` when it is not possible.
pub(super) fn uri(tls: bool, host: &str, path: PathAndQuery) -> Option<Uri> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if tls { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(Authority::try_from(host).ok()?);
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).ok()
}

/// The one length that a head announces.
pub(super) fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    let mut all = headers.get_all(CONTENT_LENGTH).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let length = digits.and_then(|text| text.parse().ok()).filter(|_| all.next().is_none());
    length.map(Some).ok_or_else(|| Failure::new(&BAD_FRAMING, "`content-length` is not one number"))
}

/// The fields that pass.
pub(super) fn headers(from: &HeaderMap) -> Result<Headers, Failure> {
    if from.len() > HEAD_FIELDS {
        return Err(Failure::new(&BAD_HEAD, format!("the head has more than {HEAD_FIELDS} fields")));
    }
    let mut headers = Headers::with_capacity(from.len() + 4, from.len() * 32);
    for (name, value) in from {
        if !fields::is_hop_by_hop(name.as_str().as_bytes()) {
            headers.push(name.as_str().as_bytes(), value.as_bytes());
        }
    }
    Ok(headers)
}
