//! JSON Web Tokens (RFC 7519): the claims, which a service reads like any other value.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const LONGEST: usize = 16 * 1024;

/// The claims of the token that `value` is, as JSON.
pub(super) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    if value.len() > LONGEST || !value.starts_with(b"ey") {
        return None;
    }
    let mut parts = value.split(|byte| *byte == b'.');
    let (_header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    claims.starts_with(b"{").then_some(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_taken_out() {
        assert_eq!(decode(b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln").as_deref(), Some(&br#"{"sub":"a"}"#[..]));
        for other in ["eyes.of.you", "eyJhIjoxfQ", "a.b.c", "ey.!.x"] {
            assert_eq!(decode(other.as_bytes()), None, "{other}");
        }
    }
}
