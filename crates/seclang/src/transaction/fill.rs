//! What rules see of heads.

use stockade_model::plan::SecLangEngine;

use super::Transaction;
use crate::bodies::form;
use crate::collections::Collection;
use crate::message::Message;

impl Transaction {
    pub(super) fn fill_head(&mut self, message: &Message<'_>) {
        if self.engine == SecLangEngine::Off {
            return;
        }
        self.fill_connection(message);
        let target = message.target;
        let relative = without_authority(target);
        let without_fragment = relative.split(|byte| *byte == b'#').next().unwrap_or_default();
        let (path, query) = match memchr::memchr(b'?', without_fragment) {
            Some(mark) => {
                (without_fragment.get(..mark).unwrap_or_default(), without_fragment.get(mark + 1..).unwrap_or_default())
            }
            None => (without_fragment, &b""[..]),
        };
        let file = form::decode_path(path);
        let base = file.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default().to_vec();
        let store = &mut self.store;
        store.set(Collection::RequestLine, message.line);
        store.set(Collection::RequestMethod, message.method);
        store
            .set(Collection::RequestProtocol, if message.protocol.is_empty() { b"HTTP/0.9" } else { message.protocol });
        store.set(Collection::RequestUri, without_fragment);
        store.set(Collection::RequestUriRaw, target);
        store.set(Collection::RequestFilename, file);
        store.set(Collection::RequestBasename, base);
        store.set(Collection::QueryString, query);
        for (name, value) in &message.fields {
            store.add(Collection::RequestHeaders, name, value.to_vec());
            store.add(Collection::RequestHeadersNames, name, name.to_vec());
        }
        let most = self.rules.settings.arguments;
        for (_, value) in message.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"cookie")) {
            for (name, value) in form::cookies(value, most) {
                store.add(Collection::RequestCookies, &name, value);
                store.add(Collection::RequestCookiesNames, &name, name.clone());
            }
        }
        let (pairs, broken, _) = form::arguments(query, self.rules.settings.separator, most);
        store.set(Collection::UrlencodedError, if broken { "1" } else { "0" });
        for (name, value) in pairs {
            self.add_argument(true, &name, value);
        }
        self.count_arguments();
        self.choose_processor(message.field("content-type"));
        for collection in [
            Collection::ReqbodyError,
            Collection::ReqbodyProcessorError,
            Collection::InboundDataError,
            Collection::MultipartStrictError,
            Collection::MultipartUnmatchedBoundary,
            Collection::FilesCombinedSize,
            Collection::RequestBodyLength,
            Collection::MscPcreLimitsExceeded,
            Collection::MscPcreError,
        ] {
            self.store.set(collection, "0");
        }
    }

    fn fill_connection(&mut self, message: &Message<'_>) {
        let now = &self.circumstances;
        let host = message.field("host").unwrap_or_default();
        let name = match memchr::memrchr(b':', host) {
            Some(colon) if host.get(colon + 1..).is_some_and(|port| port.iter().all(u8::is_ascii_digit)) => {
                host.get(..colon).unwrap_or_default()
            }
            _ => host,
        };
        let store = &mut self.store;
        store.set(Collection::RemoteAddr, now.client.as_bytes());
        store.set(Collection::RemoteHost, now.client.as_bytes());
        store.set(Collection::RemotePort, now.client_port.to_string());
        store.set(Collection::ServerAddr, now.server.as_bytes());
        store.set(Collection::ServerPort, now.server_port.to_string());
        store.set(Collection::ServerName, name);
        store.set(Collection::UniqueId, now.id.as_bytes());
        if let Some(value) = message.field("authorization") {
            let kind = value.split(|byte| *byte == b' ').next().unwrap_or_default();
            store.set(Collection::AuthType, kind);
        }
    }

    /// Adds an argument of the query or the body.
    pub(super) fn add_argument(&mut self, query: bool, name: &[u8], value: Vec<u8>) {
        let (own, names) = if query {
            (Collection::ArgsGet, Collection::ArgsGetNames)
        } else {
            (Collection::ArgsPost, Collection::ArgsPostNames)
        };
        let number = self.store.add(own, name, value);
        self.store.also(Collection::Args, number);
        let number = self.store.add(names, name, name.to_vec());
        self.store.also(Collection::ArgsNames, number);
    }

    /// Sets the size of all arguments together.
    pub(super) fn count_arguments(&mut self) {
        let size: usize = self
            .store
            .list(Collection::Args)
            .iter()
            .map(|value| self.store.key(*value).len() + self.store.raw(*value).len())
            .sum();
        self.store.set(Collection::ArgsCombinedSize, size.to_string());
    }

    /// The body processor that a media type asks for; rules may choose another. JSON and XML are chosen as the two rules
    /// of ModSecurity's recommended settings do it, so that a rule set without those is not blind to them.
    fn choose_processor(&mut self, content_type: Option<&[u8]>) {
        let Some(content_type) = content_type else { return };
        let lower = content_type.to_ascii_lowercase();
        if lower.starts_with(b"application/x-www-form-urlencoded") {
            self.processor = Some("URLENCODED");
        } else if lower.starts_with(b"multipart/form-data") {
            self.processor = Some("MULTIPART");
        } else if lower.starts_with(b"application/json") {
            self.processor = Some("JSON");
        } else if [&b"application/xml"[..], b"application/soap+xml", b"text/xml"]
            .iter()
            .any(|kind| lower.starts_with(kind))
        {
            self.processor = Some("XML");
        }
    }

    pub(super) fn fill_response_head<'h>(
        &mut self,
        status: u16,
        fields: impl Iterator<Item = (&'h [u8], &'h [u8])>,
        content_length: Option<u64>,
    ) {
        if self.engine == SecLangEngine::Off {
            return;
        }
        let store = &mut self.store;
        store.set(Collection::ResponseStatus, status.to_string());
        store.set(Collection::ResponseProtocol, "HTTP/1.1");
        store.set(Collection::StatusLine, format!("HTTP/1.1 {status}"));
        for (name, value) in fields {
            store.add(Collection::ResponseHeaders, name, value.to_vec());
            store.add(Collection::ResponseHeadersNames, name, name.to_vec());
            if name.eq_ignore_ascii_case(b"content-type") {
                store.set(Collection::ResponseContentType, value);
            }
        }
        if let Some(length) = content_length {
            store.set(Collection::ResponseContentLength, length.to_string());
        }
    }
}

/// The part of an absolute target from its path on; any other target as it is.
fn without_authority(target: &[u8]) -> &[u8] {
    if target.starts_with(b"/") {
        return target;
    }
    let Some(mark) = memchr::memmem::find(target, b"://") else { return target };
    let scheme = target.get(..mark).unwrap_or_default();
    if scheme.is_empty() || !scheme.iter().all(u8::is_ascii_alphanumeric) {
        return target;
    }
    let rest = target.get(mark + 3..).unwrap_or_default();
    match memchr::memchr3(b'/', b'?', b'#', rest) {
        Some(end) => rest.get(end..).unwrap_or_default(),
        None => b"/",
    }
}
