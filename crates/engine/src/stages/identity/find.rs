//! Where a credential stands in a request, and how often.

use std::borrow::Cow;

use stockade_model::Request;
use stockade_model::plan::KeyPlace;

use crate::fields::{cookies, decode_query, query_parts};

/// What was found at a place.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// Nothing.
    Absent,
    /// A credential.
    Once(Cow<'a, str>),
    /// More than one, so that nobody can know which counts.
    Often,
}

/// The credential of `Authorization` with this scheme (RFC 9110 11.4). Another scheme is no credential of this kind; two
/// fields are refused whatever they hold.
pub(super) fn authorization<'a>(request: &'a Request, scheme: &str) -> Found<'a> {
    let mut fields = request.headers.get_all("authorization");
    let Some(value) = fields.next() else { return Found::Absent };
    if fields.next().is_some() {
        return Found::Often;
    }
    let (found, rest) = value.split_at(value.len().min(scheme.len()));
    if !found.eq_ignore_ascii_case(scheme.as_bytes()) || !(rest.is_empty() || rest.starts_with(b" ")) {
        return Found::Absent;
    }
    // Bytes that are not UTF-8 become a replacement character, which no credential has, so it is refused.
    Found::Once(match String::from_utf8_lossy(rest) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(' ')),
        Cow::Owned(text) => Cow::Owned(text.trim_matches(' ').to_owned()),
    })
}

/// The value of a header, a query parameter or a cookie.
pub(super) fn value<'a>(request: &'a Request, place: KeyPlace, name: &str) -> Found<'a> {
    match place {
        KeyPlace::Header => once(request.headers.get_all(name).map(String::from_utf8_lossy)),
        KeyPlace::Query => once(
            query_parts(request.query.as_deref().unwrap_or_default())
                .filter(|(raw, _)| decode_query(raw).is_some_and(|decoded| decoded == name))
                .map(|(_, value)| decode_query(value).unwrap_or_default()),
        ),
        KeyPlace::Cookie => {
            once(cookies(&request.headers).filter(|(cookie, _)| *cookie == name).map(|(_, value)| Cow::Borrowed(value)))
        }
    }
}

fn once<'a>(mut values: impl Iterator<Item = Cow<'a, str>>) -> Found<'a> {
    match (values.next(), values.next()) {
        (None, _) => Found::Absent,
        (Some(value), None) => Found::Once(value),
        (Some(_), Some(_)) => Found::Often,
    }
}
