//! The signature base (RFC 9421 2): the lines that a signature is over, made from the canonical request.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stockade_model::{Framing, Request};

use super::structured::{self, Bare, Member, Parameters, parameter};
use crate::fields::{decode_query, query_parts};

/// One component that is covered.
pub(super) type Component = (Bare, Parameters);

/// The base for components and the parameters of their signature.
///
/// # Errors
/// A component that the request does not have, that comes twice, or that is not understood.
pub(super) fn base(request: &Request, covered: &[Component], parameters: &Parameters) -> Result<String, String> {
    let mut base = String::with_capacity(512);
    let mut seen: Vec<String> = Vec::with_capacity(covered.len());
    for (name, about) in covered {
        let mut identifier = String::new();
        structured::write_item(&mut identifier, name, about);
        if seen.contains(&identifier) {
            return Err(format!("expected each component once, got {identifier} twice"));
        }
        let Bare::Text(name) = name else { return Err("expected the names of components in quotes".to_owned()) };
        let value = value(request, name, about).ok_or_else(|| {
            format!("expected only components that this request has and that can be covered, got {identifier}")
        })?;
        // Writing into a string cannot fail.
        let _ = writeln!(base, "{identifier}: {value}");
        seen.push(identifier);
    }
    let all = Member::Inner(covered.to_vec(), parameters.clone());
    let _ = write!(base, "\"@signature-params\": {}", structured::written(&all));
    Ok(base)
}

/// The value of a component (RFC 9421 2.1, 2.2).
fn value(request: &Request, name: &str, about: &Parameters) -> Option<String> {
    if let Some(derived) = name.strip_prefix('@') {
        if derived == "query-param" {
            let [(known, Bare::Text(wanted))] = about.as_slice() else { return None };
            return (known == "name").then(|| query_parameter(request, wanted)).flatten();
        }
        // `req` is about responses, and no other parameter is defined for these.
        return if about.is_empty() { derived_value(request, derived) } else { None };
    }
    if name.chars().any(|letter| letter.is_ascii_uppercase()) {
        return None;
    }
    match about.as_slice() {
        [] => field(request, name),
        [(flag, Bare::Boolean(true))] if flag == "bs" => coded(request, name),
        [(flag, Bare::Text(key))] if flag == "key" => {
            let members = structured::dictionary(&field(request, name)?)?;
            members.iter().find(|(known, _)| known == key).map(|(_, member)| structured::written(member))
        }
        // Trailers come after the decision; `sf` needs to know the type of the field.
        _ => None,
    }
}

fn derived_value(request: &Request, name: &str) -> Option<String> {
    let authority = || {
        let port = if request.scheme.as_str() == "https" { ":443" } else { ":80" };
        request.authority.strip_suffix(port).unwrap_or(&request.authority).to_ascii_lowercase()
    };
    Some(match name {
        "method" => request.method.clone(),
        "authority" => authority(),
        "scheme" => request.scheme.as_str().to_owned(),
        "path" => request.path.as_str().to_owned(),
        "query" => format!("?{}", request.query.as_deref().unwrap_or_default()),
        "request-target" => request.target(),
        "target-uri" => format!("{}://{}{}", request.scheme.as_str(), authority(), request.target()),
        _ => return None,
    })
}

/// The value of the only parameter with this (encoded) name, encoded again (RFC 9421 2.2.8).
fn query_parameter(request: &Request, wanted: &str) -> Option<String> {
    let mut fitting = query_parts(request.query.as_deref()?)
        .filter(|(name, _)| decode_query(name).is_some_and(|name| encoded(&name) == wanted));
    let (_, value) = fitting.next()?;
    if fitting.next().is_some() {
        return None;
    }
    Some(encoded(&decode_query(value)?))
}

/// The `application/x-www-form-urlencoded` percent-encode set (URL standard, 1.3), a space as `%20`.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"*-._".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// All lines of a field, trimmed and joined (RFC 9421 2.1). Framing and `host` are read from where they went.
fn field(request: &Request, name: &str) -> Option<String> {
    match (name, request.framing) {
        ("content-length", Framing::Length(length)) => return Some(length.to_string()),
        ("content-length", _) => return None,
        ("host", _) => return Some(request.authority.clone()),
        _ => {}
    }
    let mut lines = request.headers.get_all(name).map(|line| std::str::from_utf8(line).map(str::trim_ascii));
    let mut value = lines.next()?.ok()?.to_owned();
    for line in lines {
        value.push_str(", ");
        value.push_str(line.ok()?);
    }
    // A line break could only come from a field that was folded; none gets this far.
    (!value.contains(['\r', '\n'])).then_some(value)
}

/// Each line of a field as bytes (RFC 9421 2.1.3).
fn coded(request: &Request, name: &str) -> Option<String> {
    let lines: Vec<String> =
        request.headers.get_all(name).map(|line| format!(":{}:", STANDARD.encode(line.trim_ascii()))).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// Whether a component without parameters is among the covered ones.
pub(super) fn covers(covered: &[Component], name: &str) -> bool {
    covered.iter().any(|(known, about)| about.is_empty() && matches!(known, Bare::Text(known) if known == name))
}

/// A parameter that is a whole number.
pub(super) fn number(parameters: &Parameters, name: &str) -> Option<i64> {
    match parameter(parameters, name) {
        Some(Bare::Integer(number)) => Some(*number),
        _ => None,
    }
}

/// A parameter that is a text.
pub(super) fn text<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    match parameter(parameters, name) {
        Some(Bare::Text(text)) => Some(text),
        _ => None,
    }
}
