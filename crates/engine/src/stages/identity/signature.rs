//! Signed requests (RFC 9421): the caller signs method, target and fields, and so, by its digest, the body.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stockade_model::plan::SignaturePlan;
use stockade_model::{Framing, Identity, Now, Reason, Request, Timestamp};

use super::Fault;
use super::dpop::REPLAYED;
use super::find::Found;
use super::keys::{self, Algorithm, Verifier};
use super::signature_base::{self, Component, covers, number, text};
use super::structured::{self, Bare, Member, Parameters};
use crate::fields::joined;
use crate::{PlanError, State};

/// Longest `signature-input` or `signature`, bytes.
const LONGEST: usize = 8 * 1024;

/// It cannot be read, or does not cover what it must.
pub(crate) const MALFORMED: Reason = Reason {
    code: "identity.signature_malformed",
    status: 401,
    meaning: "the signature of the request cannot be read, or does not cover what it has to",
    remedy: "compare `Signature-Input` with `cover`, `digest` and `tag` of the method",
    source: "RFC 9421 3.2, 7.2.1",
};

/// It is not right.
pub(crate) const WRONG: Reason = Reason {
    code: "identity.signature_wrong",
    status: 401,
    meaning: "the signature of the request is wrong, or by a key that is not known or has ended",
    remedy: "check key, algorithm and what was signed; otherwise the request was changed on its way",
    source: "RFC 9421 3.2",
};

/// It is too old, or dated ahead.
pub(crate) const STALE: Reason = Reason {
    code: "identity.signature_stale",
    status: 401,
    meaning: "the signature of the request was made too long ago, has expired, or is dated in the future",
    remedy: "sign every request anew; raise `window` or `skew` when clocks differ",
    source: "RFC 9421 7.2.2",
};

/// The body is not the one whose digest was signed.
pub(crate) const DIGEST: Reason = Reason {
    code: "identity.content_digest",
    status: 401,
    meaning: "the body is not the one whose digest was signed, or is too long to tell",
    remedy: "send `Content-Digest` with `sha-256` or `sha-512` of the body as it is sent; see `inspect.body`",
    source: "RFC 9530 2",
};

#[derive(Debug)]
struct Key {
    name: String,
    verifiers: Vec<Verifier>,
    identity: Arc<Identity>,
    expires_at: Option<Timestamp>,
}

/// One configured method.
#[derive(Debug)]
pub(crate) struct Signatures {
    keys: HashMap<String, Key>,
    cover: Vec<String>,
    digest: bool,
    tag: Option<String>,
    window_us: u64,
    skew_us: u64,
}

/// Who signed, and whether the body has to be compared with its digest.
pub(super) struct Signed {
    pub(super) identity: Arc<Identity>,
    pub(super) digest: bool,
}

/// A signature with what it is over.
struct Claimed<'a> {
    key: &'a Key,
    covered: Vec<Component>,
    parameters: Parameters,
    signature: String,
}

impl Signatures {
    /// Compiles the method.
    ///
    /// # Errors
    /// An unknown algorithm, a key that does not fit it, an id that comes twice.
    pub(crate) fn new(plan: &SignaturePlan, setting: &str) -> Result<Self, PlanError> {
        let mut known = HashMap::with_capacity(plan.keys.len());
        for key in &plan.keys {
            let at = format!("{setting}.keys.{}", key.id);
            let algorithm = algorithm(&key.algorithm).ok_or_else(|| {
                let problem = format!("expected an algorithm of RFC 9421 6.2.2, got `{}`", key.algorithm);
                PlanError::new(format!("{at}.algorithm"), problem)
            })?;
            let jwk: Value = serde_json::from_str(key.key.reveal())
                .map_err(|_| PlanError::new(&at, "expected the key as a JWK in JSON"))?;
            let identity = Identity {
                method: plan.name.clone(),
                subject: key.subject.clone(),
                key: Some(key.id.clone()),
                roles: key.roles.clone(),
                scopes: key.scopes.clone(),
                ..Identity::default()
            };
            let entry = Key {
                name: key.algorithm.clone(),
                verifiers: keys::compile(&json!({"keys": [jwk]}), &[algorithm], &at)?,
                identity: Arc::new(identity),
                expires_at: key.expires_at,
            };
            if key.id.is_empty() || known.insert(key.id.clone(), entry).is_some() {
                return Err(PlanError::new(at, "expected an id that no other key of this method has"));
            }
        }
        let us = |seconds: u32| u64::from(seconds) * 1_000_000;
        Ok(Self {
            keys: known,
            cover: plan.cover.clone(),
            digest: plan.digest,
            tag: plan.tag.clone(),
            window_us: us(plan.window_s),
            skew_us: us(plan.skew_s),
        })
    }

    /// Whether the request claims to be signed.
    pub(super) fn find<'a>(&self, request: &'a Request) -> Found<'a> {
        match joined(&request.headers, "signature-input").or_else(|| joined(&request.headers, "signature")) {
            Some(_) => Found::Once(Cow::Borrowed("")),
            None => Found::Absent,
        }
    }

    /// Who signed the request.
    ///
    /// # Errors
    /// Why its signature proves nothing.
    pub(super) fn prove(&self, request: &Request, state: &State, now: Now) -> Result<Signed, Fault> {
        let Claimed { key, covered, parameters, signature } = self.claimed(request)?;
        let digest = self.check_cover(request, &covered)?;
        let (made_us, until_us) = self.check_time(&parameters, now)?;
        if text(&parameters, "alg").is_some_and(|named| named != key.name) {
            return Err(Fault::new(&WRONG, format!("expected `alg` to be `{}`, as the key has it", key.name)));
        }
        if key.expires_at.is_some_and(|end| end <= now.wall) {
            return Err(Fault::new(&WRONG, "expected a key that has not ended"));
        }
        let base =
            signature_base::base(request, &covered, &parameters).map_err(|problem| Fault::new(&MALFORMED, problem))?;
        let bytes =
            STANDARD.decode(&signature).map_err(|_| Fault::new(&MALFORMED, "expected base64 in `Signature`"))?;
        if !key.verifiers.iter().any(|verifier| verifier.verifies(base.as_bytes(), &bytes)) {
            return Err(Fault::new(&WRONG, "expected a signature that its key verifies"));
        }
        let holder = key.identity.key.as_deref().unwrap_or_default();
        // Without a nonce the signature itself is what must not come twice.
        let proof = text(&parameters, "nonce").map_or_else(|| format!("s{signature}"), |nonce| format!("n{nonce}"));
        if !state.replays.is_first(&format!("signature {holder}"), &proof, made_us, until_us, now) {
            return Err(Fault::new(&REPLAYED, "expected a signature that was not shown before"));
        }
        Ok(Signed { identity: Arc::clone(&key.identity), digest })
    }

    /// The first signature by a key that is known, with the right tag.
    fn claimed(&self, request: &Request) -> Result<Claimed<'_>, Fault> {
        let fault = |detail: &str| Fault::new(&MALFORMED, detail);
        let read = |name: &str| {
            let value = joined(&request.headers, name).filter(|value| value.len() <= LONGEST)?;
            structured::dictionary(&value)
        };
        let (Some(inputs), Some(signatures)) = (read("signature-input"), read("signature")) else {
            return Err(fault("expected `Signature-Input` and `Signature` as dictionaries of at most 8 KiB"));
        };
        for (label, input) in inputs {
            let Member::Inner(covered, parameters) = input else {
                return Err(fault("expected a list of components for every signature"));
            };
            if self.tag.is_some() && text(&parameters, "tag") != self.tag.as_deref() {
                continue;
            }
            let Some(key) = text(&parameters, "keyid").and_then(|id| self.keys.get(id)) else { continue };
            let signature = signatures.iter().find(|(known, _)| *known == label);
            let Some((_, Member::Item(Bare::Bytes(signature), _))) = signature else {
                return Err(fault("expected bytes in `Signature` for every entry of `Signature-Input`"));
            };
            return Ok(Claimed { key, covered, parameters, signature: signature.clone() });
        }
        let tag = self.tag.as_ref().map(|tag| format!(" and the tag `{tag}`")).unwrap_or_default();
        Err(Fault::new(&WRONG, format!("expected a signature with the `keyid` of a known key{tag}")))
    }

    /// Whether everything is covered that has to be; answers whether the body has to be compared with its digest.
    fn check_cover(&self, request: &Request, covered: &[Component]) -> Result<bool, Fault> {
        if let Some(missing) = self.cover.iter().find(|name| !covers(covered, name)) {
            return Err(Fault::new(&MALFORMED, format!("expected the signature to cover \"{missing}\"")));
        }
        let has_body = !matches!(request.framing, Framing::None | Framing::Length(0));
        let covers_digest = covers(covered, "content-digest");
        if self.digest && has_body && !covers_digest {
            return Err(Fault::new(&MALFORMED, "expected the signature to cover \"content-digest\" of the body"));
        }
        Ok(covers_digest)
    }

    /// When the signature was made, and until when it could be shown again.
    fn check_time(&self, parameters: &Parameters, now: Now) -> Result<(u64, u64), Fault> {
        let moment = |name: &str| number(parameters, name).map(|seconds| u64::try_from(seconds).unwrap_or_default());
        let us = |seconds: u64| seconds.saturating_mul(1_000_000);
        let Some(made_us) = moment("created").map(us) else {
            return Err(Fault::new(&STALE, "expected `created`, the time of the signature"));
        };
        let mut until_us = made_us.saturating_add(self.window_us).saturating_add(self.skew_us);
        if let Some(end) = moment("expires").map(us) {
            until_us = until_us.min(end.saturating_add(self.skew_us));
        }
        if made_us > now.wall.0.saturating_add(self.skew_us) {
            return Err(Fault::new(&STALE, "expected `created` in the past"));
        }
        if until_us < now.wall.0 {
            return Err(Fault::new(&STALE, "expected a signature that was made a moment ago"));
        }
        Ok((made_us, until_us))
    }
}

/// Compares a body with the `Content-Digest` that was signed (RFC 9530 2): every digest that is known must be right, and
/// one must be.
///
/// # Errors
/// It is another body.
pub(super) fn check_digest(request: &Request, body: &[u8]) -> Result<(), Fault> {
    let members = joined(&request.headers, "content-digest").and_then(|value| structured::dictionary(&value));
    let mut right = 0;
    for (name, member) in members.unwrap_or_default() {
        let algorithm = match name.as_str() {
            "sha-256" => &digest::SHA256,
            "sha-512" => &digest::SHA512,
            _ => continue,
        };
        let told = match member {
            Member::Item(Bare::Bytes(coded), _) => STANDARD.decode(coded).unwrap_or_default(),
            _ => Vec::new(),
        };
        if told != digest::digest(algorithm, body).as_ref() {
            return Err(Fault::new(&DIGEST, format!("expected a body with the `{name}` that was signed")));
        }
        right += 1;
    }
    if right == 0 {
        return Err(Fault::new(&DIGEST, "expected `sha-256` or `sha-512` in `Content-Digest`"));
    }
    Ok(())
}

/// Algorithms by their names in RFC 9421 6.2.2.
fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "rsa-pss-sha512" => Algorithm::Ps512,
        "rsa-v1_5-sha256" => Algorithm::Rs256,
        "hmac-sha256" => Algorithm::Hs256,
        "ecdsa-p256-sha256" => Algorithm::Es256,
        "ecdsa-p384-sha384" => Algorithm::Es384,
        "ed25519" => Algorithm::EdDsa,
        _ => return None,
    })
}
