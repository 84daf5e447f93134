//! Bearer JSON Web Tokens: compact JWS (RFC 7515) with claims (RFC 7519), by the rules of RFC 8725.
//!
//! The token chooses nothing: algorithms come from the plan and must fit the key's type, keys come from the plan's set,
//! and `jku`, `x5u`, `jwk` and `x5c` are neither read nor fetched.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use stockade_model::plan::JwtPlan;
use stockade_model::{Now, Reason, Timestamp};

use super::claims::{Expected, Verified};
use super::keys::{Algorithm, Verifier};
use super::look_up::{LookUp, LookedUp, Wanted};
use super::{Fault, json, keys, tokens};
use crate::{PlanError, State};

/// Longest token, bytes.
const LONGEST_TOKEN: usize = 16 * 1024;
/// Longest encoded header, bytes.
const LONGEST_HEADER: usize = 4 * 1024;
/// Longest key id that is looked up, bytes.
const LONGEST_KEY_ID: usize = 256;
/// Keys tried for a token that names none.
const MOST_TRIED: usize = 8;

/// It is not a compact JWS with JSON objects inside.
pub(crate) const MALFORMED: Reason = Reason {
    code: "identity.token_malformed",
    status: 401,
    meaning: "the bearer token is not a well-formed JWT",
    remedy: "send a compact JWS; look for tampering when there are many of these",
    source: "RFC 7515 5.2; RFC 7519 7.2",
};

/// Its algorithm is not accepted.
pub(crate) const ALGORITHM: Reason = Reason {
    code: "identity.token_algorithm",
    status: 401,
    meaning: "the token's algorithm is not accepted",
    remedy: "add it to `algorithms` of the method if the issuer really signs with it",
    source: "RFC 8725 3.1, 3.2",
};

/// No key fits it.
pub(crate) const UNKNOWN_KEY: Reason = Reason {
    code: "identity.token_unknown_key",
    status: 401,
    meaning: "no key in the key set fits the token's `kid` and algorithm",
    remedy: "refresh the key set when the issuer changed its keys",
    source: "RFC 7515 4.1.4",
};

/// The signature is wrong.
pub(crate) const SIGNATURE: Reason = Reason {
    code: "identity.token_signature",
    status: 401,
    meaning: "the token's signature is wrong",
    remedy: "check that the key set is the issuer's; otherwise the token was forged",
    source: "RFC 7515 5.2; RFC 8725 3.3",
};

/// One configured method.
#[derive(Debug)]
pub(crate) struct Jwt {
    verifiers: Vec<Verifier>,
    algorithms: Vec<Algorithm>,
    expected: Expected,
    fetched: Option<Fetched>,
    /// SHA-256 of the whole method as configured: a cached answer is one about these keys and these rules.
    pub(crate) fingerprint: [u8; 32],
}

/// A key set that control fetches.
#[derive(Debug)]
struct Fetched {
    api: String,
    until: Timestamp,
    wait_ms: u32,
}

impl Jwt {
    /// Compiles the method.
    ///
    /// # Errors
    /// An unknown algorithm or a key set that cannot be used.
    pub(crate) fn new(plan: &JwtPlan, api: &str, setting: &str) -> Result<Self, PlanError> {
        let at = format!("{setting}.algorithms");
        let accepted = plan.algorithms.iter().map(|name| {
            Algorithm::named(name).ok_or_else(|| {
                PlanError::new(
                    &at,
                    format!("expected RS, PS or HS with 256, 384 or 512, ES256, ES384 or EdDSA, got `{name}`"),
                )
            })
        });
        let accepted: Vec<Algorithm> = accepted.collect::<Result<_, _>>()?;
        if accepted.is_empty() {
            return Err(PlanError::new(at, "expected at least one algorithm"));
        }
        if plan.skew_s > 600 {
            let problem = format!("expected at most 600 s, got {} s", plan.skew_s);
            return Err(PlanError::new(format!("{setting}.skew"), problem));
        }
        let text = serde_json::to_vec(plan).map_err(|error| PlanError::new(setting, error.to_string()))?;
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest::digest(&digest::SHA256, &text).as_ref());
        Ok(Self {
            verifiers: match &plan.fetched {
                Some(_) => keys::usable(&plan.keys, &accepted),
                None => keys::compile(&plan.keys, &accepted, &format!("{setting}.keys"))?,
            },
            algorithms: accepted,
            fetched: plan.fetched.as_ref().map(|fetched| Fetched {
                api: api.to_owned(),
                until: fetched.until,
                wait_ms: fetched.wait_ms,
            }),
            expected: Expected {
                method: plan.name.clone(),
                issuers: plan.issuers.clone(),
                audiences: plan.audiences.clone(),
                skew_us: u64::from(plan.skew_s) * 1_000_000,
                roles_claim: plan.roles_claim.clone(),
                scopes_claim: plan.scopes_claim.clone(),
                required_claims: plan.required_claims.clone(),
                kept_claims: plan.claims.clone(),
            },
            fingerprint,
        })
    }

    /// Whether a token may be one of this method's: a compact JWS by one of its issuers, as it says itself.
    ///
    /// Nothing is believed by it: it only chooses the method whose keys and rules the token then has to stand up to.
    pub(super) fn fits(&self, token: &str) -> bool {
        let mut parts = token.split('.');
        let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        if self.expected.issuers.is_empty() {
            return true;
        }
        if token.len() > LONGEST_TOKEN {
            return false;
        }
        let claims = part(payload, "claims").ok();
        let issuer = claims.as_ref().and_then(|claims| claims.get("iss")?.as_str());
        issuer.is_some_and(|issuer| self.expected.issuers.iter().any(|known| known == issuer))
    }

    /// Who shows a token, from the cache where it was verified before. A key that is not in a fetched set is asked for.
    ///
    /// # Errors
    /// Why the token proves nothing.
    pub(super) fn prove(
        &self,
        token: &str,
        state: &State,
        now: Now,
        told: Option<Option<LookedUp>>,
    ) -> Result<Result<Verified, LookUp>, Fault> {
        let Some(fetched) = &self.fetched else { return state.tokens.prove(self, token, &[], now).map(Ok) };
        if now.wall >= fetched.until {
            let detail = "expected a key set that was confirmed lately, got one that is too old or none at all";
            return Err(Fault::unavailable(detail));
        }
        let more = match &told {
            Some(Some(LookedUp::Keys(set))) => keys::usable(set, &self.algorithms),
            _ => Vec::new(),
        };
        let fault = match state.tokens.prove(self, token, &more, now) {
            Ok(verified) => return Ok(Ok(verified)),
            Err(fault) => fault,
        };
        // A token that names no key is by one that is not there when none of those that are verifies it: all are wanted.
        let key = match (fault.reason.code, key_id(token)) {
            (code, Some(key)) if code == UNKNOWN_KEY.code => key,
            (code, None) if code == UNKNOWN_KEY.code || code == SIGNATURE.code => String::new(),
            _ => return Err(fault),
        };
        if told.is_some() {
            // Also when nobody answered: a flood of made-up ids must not become a flood of questions.
            state.tokens.has_no_key(self, &key, now);
        }
        if told.is_some() || state.tokens.knows_no_key(self, &key, now) {
            return Err(fault);
        }
        let wanted = Wanted::Keys { api: fetched.api.clone(), method: self.expected.method.clone(), key };
        Ok(Err(LookUp { wanted, wait_ms: fetched.wait_ms }))
    }

    /// Verifies a token: form, header, signature by one of its own keys or of `more`, then claims.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub(crate) fn verify(&self, token: &str, more: &[Verifier], now: Now) -> Result<Verified, Fault> {
        if token.len() > LONGEST_TOKEN {
            let detail = format!("expected at most {LONGEST_TOKEN} bytes, got {}", token.len());
            return Err(Fault::new(&MALFORMED, detail));
        }
        let parts: Option<(&str, &str)> = token.rsplit_once('.');
        let split = parts.and_then(|(signed, signature)| Some((signed, signed.split_once('.')?, signature)));
        let Some((signed, (header, payload), signature)) = split.filter(|(_, (_, payload), _)| !payload.contains('.'))
        else {
            return Err(Fault::new(&MALFORMED, "expected three parts with a `.` between them"));
        };
        if header.len() > LONGEST_HEADER {
            return Err(Fault::new(&MALFORMED, format!("expected a header of at most {LONGEST_HEADER} bytes")));
        }
        let header = part(header, "header")?;
        let (algorithm, key_id) = self.read_header(&header)?;
        let signature = decode(signature, "signature")?;
        let key = self.verify_signature(more, algorithm, key_id, signed.as_bytes(), &signature)?;
        self.expected.check(&part(payload, "claims")?, key.id.as_deref().or(key_id), &tokens::hash_of(token), now)
    }

    fn read_header<'a>(&self, header: &'a Map<String, Value>) -> Result<(Algorithm, Option<&'a str>), Fault> {
        let Some(name) = header.get("alg").and_then(Value::as_str) else {
            return Err(Fault::new(&ALGORITHM, "expected `alg`, got none"));
        };
        let algorithm = Algorithm::named(name).filter(|algorithm| self.algorithms.contains(algorithm));
        let Some(algorithm) = algorithm else {
            let names: Vec<&str> = self.algorithms.iter().map(|algorithm| algorithm.name()).collect();
            let got: String = name.chars().take(40).collect();
            return Err(Fault::new(
                &ALGORITHM,
                format!("expected `alg` to be one of {}, got `{got}`", names.join(", ")),
            ));
        };
        // RFC 7515 4.1.11: an extension that is not understood must not be passed over. RFC 7797: `b64` is one.
        if header.contains_key("crit") || header.get("b64").is_some_and(|plain| *plain != Value::Bool(true)) {
            return Err(Fault::new(&MALFORMED, "expected no `crit` and no `b64: false`"));
        }
        // RFC 8725 3.11: a token made for another purpose is not an access token.
        if let Some(kind) = header.get("typ") {
            let kind = kind.as_str().unwrap_or_default().to_ascii_lowercase();
            let kind = kind.strip_prefix("application/").unwrap_or(&kind);
            if !matches!(kind, "jwt" | "at+jwt") {
                return Err(Fault::new(&MALFORMED, "expected `typ` to be `JWT` or `at+jwt`"));
            }
        }
        match header.get("kid") {
            None => Ok((algorithm, None)),
            Some(Value::String(id)) => Ok((algorithm, Some(id))),
            Some(_) => Err(Fault::new(&MALFORMED, "expected `kid` to be a string")),
        }
    }

    /// Keys with the token's `kid`, else, or when the set names no keys, keys of the right type; one must verify.
    fn verify_signature<'a>(
        &'a self,
        more: &'a [Verifier],
        algorithm: Algorithm,
        key_id: Option<&str>,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<&'a Verifier, Fault> {
        let fitting = || self.verifiers.iter().chain(more).filter(move |verifier| verifier.algorithm == algorithm);
        let named = |verifier: &&Verifier| key_id.is_some() && verifier.id.as_deref() == key_id;
        let any_named = fitting().any(|verifier| named(&verifier));
        let mut tried = 0;
        for verifier in fitting() {
            let candidate = match key_id {
                None => true,
                Some(_) if any_named => named(&verifier),
                Some(_) => verifier.id.is_none(),
            };
            if !candidate || tried == MOST_TRIED {
                continue;
            }
            tried += 1;
            if verifier.verifies(signed, signature) {
                return Ok(verifier);
            }
        }
        if tried > 0 {
            return Err(Fault::new(&SIGNATURE, format!("none of {tried} keys verifies the signature")));
        }
        let got: String = key_id.unwrap_or_default().chars().take(80).collect();
        Err(Fault::new(&UNKNOWN_KEY, format!("expected a `kid` of the key set with {}, got `{got}`", algorithm.name())))
    }
}

/// The `kid` of a token's header.
fn key_id(token: &str) -> Option<String> {
    let header = part(token.split('.').next()?, "header").ok()?;
    header.get("kid")?.as_str().filter(|id| id.len() <= LONGEST_KEY_ID).map(str::to_owned)
}

fn decode(text: &str, name: &str) -> Result<Vec<u8>, Fault> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| Fault::new(&MALFORMED, format!("expected the {name} in base64url without padding")))
}

fn part(text: &str, name: &str) -> Result<Map<String, Value>, Fault> {
    json::object(&decode(text, name)?).map_err(|problem| Fault::new(&MALFORMED, format!("{name}: {problem}")))
}
