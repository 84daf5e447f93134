//! JSON Web Tokens whose header means to talk the verifier out of its check (RFC 8725, 2 and 3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{Detector, Hit, Kind, Subject};
use crate::catalogue::DetectorInfo;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "jwt",
    what: "a JSON Web Token without a signature, with a key of its own, or with a key id that is a path or a query",
    why: "a careless verifier takes such a token for genuine, whoever it says it is from",
    example: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
};

/// Bytes of a header that are read.
const HEADER: usize = 4096;

fn wants(subject: &Subject<'_>) -> bool {
    subject.bytes.starts_with(b"ey") && !matches!(subject.kind, Kind::Name | Kind::File | Kind::FileName)
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    let mut parts = subject.bytes.split(|byte| *byte == b'.');
    let (first, _claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || first.len() > HEADER {
        return None;
    }
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(first).ok()?).ok()?;
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    let hit = |confidence, note| Some(Hit { confidence, range: 0..first.len(), note });
    let algorithm = text("alg")?;
    if algorithm.eq_ignore_ascii_case("none") || algorithm.is_empty() {
        return hit(0.93, "token without a signature: `alg` is `none`");
    }
    if signature.is_empty() {
        return hit(0.88, "token with its signature taken off");
    }
    if text("kid").is_some_and(is_payload) {
        return hit(0.92, "key id that is a path, a query or a command");
    }
    // Proofs of possession carry their key by design (RFC 9449 4.2).
    let proof = text("typ").is_some_and(|kind| kind.eq_ignore_ascii_case("dpop+jwt"));
    if header.get("jwk").is_some() && !proof {
        return hit(0.85, "token that brings its own key");
    }
    if let Some(address) = text("jku").or_else(|| text("x5u")) {
        let open = !address.starts_with("https://") || address.contains('@') || address.contains("..");
        return hit(if open { 0.88 } else { 0.6 }, "token that says where its key is");
    }
    None
}

/// A key id is a name; what only paths, statements and command lines have shows in its marks.
fn is_payload(kid: &str) -> bool {
    kid.contains("..")
        || kid.starts_with('/')
        || kid.bytes().any(|byte| matches!(byte, b'\'' | b'"' | b'`' | b';' | b'|' | b'<' | b'$' | b'\\' | 0..=0x1f))
        || kid.starts_with("file:")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::examples::{must_fire, must_not_fire};

    fn token(header: &str, signature: &str) -> String {
        format!("{}.eyJzdWIiOiJhIn0.{signature}", URL_SAFE_NO_PAD.encode(header))
    }

    #[test]
    fn tokens_that_talk_the_verifier_out_of_it_are_found() {
        for (header, signature) in [
            (r#"{"alg":"none"}"#, ""),
            (r#"{"alg":"NoNe","typ":"JWT"}"#, "abc"),
            (r#"{"alg":"HS256"}"#, ""),
            (r#"{"alg":"HS256","kid":"../../../dev/null"}"#, "abc"),
            (r#"{"alg":"HS256","kid":"x' UNION SELECT 'key'--"}"#, "abc"),
            (r#"{"alg":"HS256","kid":"/etc/hostname"}"#, "abc"),
            (r#"{"alg":"RS256","jwk":{"kty":"RSA","n":"x","e":"AQAB"}}"#, "abc"),
            (r#"{"alg":"RS256","jku":"http://evil.example/jwks.json"}"#, "abc"),
        ] {
            must_fire(&DETECTOR, Kind::Header, &[&token(header, signature)]);
        }
    }

    #[test]
    fn ordinary_tokens_are_let_pass() {
        for header in [
            r#"{"alg":"RS256","kid":"k1","typ":"JWT"}"#,
            r#"{"alg":"ES256","kid":"did:example:123#key-1"}"#,
            r#"{"alg":"ES256","typ":"dpop+jwt","jwk":{"kty":"EC"}}"#,
            r#"{"alg":"RS256","kid":"https://idp.example/keys/1"}"#,
        ] {
            must_not_fire(&DETECTOR, Kind::Header, &[&token(header, "c2ln")]);
        }
        must_not_fire(&DETECTOR, Kind::Json, &["eyes.of.", "eyJhbGciOiJub25lIn0", "eyJ.eyJ."]);
    }
}
