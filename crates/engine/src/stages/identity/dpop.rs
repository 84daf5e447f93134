//! DPoP (RFC 9449): whoever shows a token that is bound to a key signs this very request with that key.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use stockade_model::{CanonicalPath, Now, Reason, Request};

use super::keys::{self, Algorithm};
use super::replays::Replays;
use super::{Fault, json};

/// Longest proof, bytes.
const LONGEST_PROOF: usize = 8 * 1024;
/// Longest `jti`, bytes.
const LONGEST_ID: usize = 256;

/// Algorithms of proofs: all that need no shared secret.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

/// The proof is none, or one for another request.
pub(crate) const PROOF: Reason = Reason {
    code: "identity.dpop_proof",
    status: 401,
    meaning: "the DPoP proof is missing, malformed, wrongly signed, or made for another request, token or time",
    remedy: "send `Authorization: DPoP TOKEN` and a fresh proof for this method and URL in `DPoP`",
    source: "RFC 9449 4.3, 7.1",
};

/// The proof was shown before.
pub(crate) const REPLAYED: Reason = Reason {
    code: "identity.proof_replayed",
    status: 401,
    meaning: "the proof or signature was shown before, or is older than what is still remembered",
    remedy: "make a new one for every request; look for theft when there are many of these",
    source: "RFC 9449 11.1; RFC 9421 7.2.2",
};

/// The challenge of a proof that was refused (RFC 9449 7.1).
pub(super) fn challenge(realm: &str) -> String {
    let names: Vec<&str> = ALGORITHMS.iter().map(|algorithm| algorithm.name()).collect();
    format!("DPoP realm=\"{realm}\", error=\"invalid_dpop_proof\", algs=\"{}\"", names.join(" "))
}

/// How proofs are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// How old a proof may be, microseconds.
    pub(super) age_us: u64,
    /// Clock difference accepted, microseconds.
    pub(super) skew_us: u64,
}

/// Checks that the request carries a proof, by the key with this thumbprint, for itself and `token`.
///
/// # Errors
/// What is wrong with the proof.
pub(super) fn check(
    request: &Request,
    token: &str,
    thumbprint: &[u8; 32],
    window: Window,
    replays: &Replays,
    now: Now,
) -> Result<(), Fault> {
    let fault = |detail: &str| Fault::new(&PROOF, detail);
    let mut fields = request.headers.get_all("dpop").map(std::str::from_utf8);
    let proof = match (fields.next(), fields.next()) {
        (Some(Ok(proof)), None) if proof.len() <= LONGEST_PROOF => proof.trim(),
        (None, _) => return Err(fault("expected a proof in `DPoP`, got none")),
        _ => return Err(fault("expected one proof of at most 8 KiB in `DPoP`")),
    };
    let claims = open(proof, thumbprint)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("htm") != Some(&request.method) {
        return Err(fault("expected `htm` to be the method of the request"));
    }
    if !text("htu").is_some_and(|url| is_of(url, request)) {
        return Err(fault("expected `htu` to be the URL of the request"));
    }
    let hash = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token.as_bytes()));
    if text("ath") != Some(&hash) {
        return Err(fault("expected `ath` to be the SHA-256 of the token"));
    }
    let made_us = claims.get("iat").and_then(Value::as_f64).filter(|seconds| (0.0..9.0e12).contains(seconds));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range of the type")]
    let made_us = made_us.map(|seconds| (seconds * 1e6) as u64).ok_or_else(|| fault("expected `iat`, a time"))?;
    let until_us = made_us.saturating_add(window.age_us).saturating_add(window.skew_us);
    if made_us > now.wall.0.saturating_add(window.skew_us) || until_us < now.wall.0 {
        return Err(fault("expected `iat` to be a moment ago"));
    }
    let Some(id) = text("jti").filter(|id| (1..=LONGEST_ID).contains(&id.len())) else {
        return Err(fault("expected `jti` of 1 to 256 bytes"));
    };
    if !replays.is_first(&URL_SAFE_NO_PAD.encode(thumbprint), id, made_us, until_us, now) {
        return Err(Fault::new(&REPLAYED, "expected a proof that was not shown before"));
    }
    Ok(())
}

/// The claims of a proof that is signed by the key in its own header, which must be the one with this thumbprint.
fn open(proof: &str, thumbprint: &[u8; 32]) -> Result<Map<String, Value>, Fault> {
    let fault = |detail: &str| Fault::new(&PROOF, detail);
    let malformed = || fault("expected a proof in the form of a JWT");
    let (signed, signature) = proof.rsplit_once('.').ok_or_else(malformed)?;
    let (header, payload) = signed.split_once('.').filter(|(_, rest)| !rest.contains('.')).ok_or_else(malformed)?;
    let read = |part: &str| URL_SAFE_NO_PAD.decode(part).ok().and_then(|bytes| json::object(&bytes).ok());
    let header = read(header).ok_or_else(malformed)?;
    if header.get("typ").is_none_or(|kind| kind != "dpop+jwt") || header.contains_key("crit") {
        return Err(fault("expected `typ` to be `dpop+jwt`, and no `crit`"));
    }
    let name = header.get("alg").and_then(Value::as_str).unwrap_or_default();
    let algorithm = Algorithm::named(name).filter(|algorithm| ALGORITHMS.contains(algorithm));
    let algorithm = algorithm.ok_or_else(|| fault("expected `alg` to be a signature by a private key"))?;
    let key = header.get("jwk").and_then(Value::as_object).ok_or_else(|| fault("expected the public key in `jwk`"))?;
    if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|member| key.contains_key(*member)) {
        return Err(fault("expected a public key in `jwk`, got a private one"));
    }
    if thumbprint_of(key).as_ref() != Some(thumbprint) {
        return Err(fault("expected a proof by the key that the token is bound to"));
    }
    let verifiers = keys::usable(&json!({"keys": [key]}), &[algorithm]);
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    if !verifiers.iter().any(|verifier| verifier.verifies(signed.as_bytes(), &signature)) {
        return Err(fault("expected a proof that its key verifies"));
    }
    read(payload).ok_or_else(malformed)
}

/// The SHA-256 thumbprint of a public key (RFC 7638 3).
fn thumbprint_of(key: &Map<String, Value>) -> Option<[u8; 32]> {
    let kind = key.get("kty")?.as_str()?;
    // The members that count, in the order of their names.
    let names: &[&str] = match kind {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let mut text = String::from("{");
    for name in names {
        let value = key.get(*name).filter(|value| value.is_string())?;
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&format!("\"{name}\":{value}"));
    }
    text.push('}');
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().try_into().ok()
}

/// Whether `url`, without query and fragment, is where the request went (RFC 9449 4.3 step 9; RFC 3986 6.2).
fn is_of(url: &str, request: &Request) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = match rest.find('/') {
        Some(place) => rest.split_at(place),
        None => (rest, "/"),
    };
    let default_port = if request.scheme.as_str() == "https" { ":443" } else { ":80" };
    let bare = |authority: &str| {
        let lower = authority.to_ascii_lowercase();
        lower.strip_suffix(default_port).map_or_else(|| lower.clone(), str::to_owned)
    };
    scheme.eq_ignore_ascii_case(request.scheme.as_str())
        && bare(authority) == bare(&request.authority)
        && CanonicalPath::parse(path.as_bytes()).is_ok_and(|path| path.as_str() == request.path.as_str())
}
