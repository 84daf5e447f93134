//! JWK sets (RFC 7517, RFC 7518 6) as keys that are ready to verify.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::PlanError;

/// Most keys in one set.
const MOST_KEYS: usize = 256;

/// A signature algorithm (RFC 7518 3.1, RFC 8037). `none` is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
    Hs256,
    Hs384,
    Hs512,
}

impl Algorithm {
    const ALL: [(&'static str, Self); 12] = [
        ("RS256", Self::Rs256),
        ("RS384", Self::Rs384),
        ("RS512", Self::Rs512),
        ("PS256", Self::Ps256),
        ("PS384", Self::Ps384),
        ("PS512", Self::Ps512),
        ("ES256", Self::Es256),
        ("ES384", Self::Es384),
        ("EdDSA", Self::EdDsa),
        ("HS256", Self::Hs256),
        ("HS384", Self::Hs384),
        ("HS512", Self::Hs512),
    ];

    /// The algorithm called `name`; names are case-sensitive.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, algorithm)| *algorithm == self).map_or("", |(name, _)| name)
    }

    fn rsa(self) -> Option<&'static RsaParameters> {
        Some(match self {
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Self::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
            Self::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
            Self::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
            _ => return None,
        })
    }

    /// The HMAC and the shortest key for it, bytes (RFC 7518 3.2).
    fn hmac(self) -> Option<(hmac::Algorithm, usize)> {
        match self {
            Self::Hs256 => Some((hmac::HMAC_SHA256, 32)),
            Self::Hs384 => Some((hmac::HMAC_SHA384, 48)),
            Self::Hs512 => Some((hmac::HMAC_SHA512, 64)),
            _ => None,
        }
    }
}

/// One key for one algorithm.
pub(crate) struct Verifier {
    /// `kid`, when the key has one.
    pub(crate) id: Option<String>,
    /// The only algorithm this entry verifies.
    pub(crate) algorithm: Algorithm,
    key: Material,
}

enum Material {
    Public(ParsedPublicKey),
    Secret(hmac::Key),
}

impl Verifier {
    /// Whether `signature` is right for `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.key {
            Material::Public(key) => key.verify_sig(message, signature).is_ok(),
            Material::Secret(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Verifier").field("id", &self.id).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Compiles what can be used of a JWK set that somebody else keeps: the rest is passed over (RFC 7517 5).
pub(crate) fn usable(set: &Value, algorithms: &[Algorithm]) -> Vec<Verifier> {
    let keys = set.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut verifiers = Vec::new();
    for key in keys.iter().take(MOST_KEYS).filter_map(Value::as_object).filter(|key| is_for_signatures(key)) {
        // What was compiled before the fault stays: each entry is good by itself.
        let _ = compile_key(key, algorithms, &mut verifiers);
    }
    verifiers
}

/// Compiles a JWK set for `algorithms`. Keys of other types, curves and uses are left out (RFC 7517 5).
///
/// # Errors
/// Something that is no JWK set, a key of a known type that is malformed, too weak or private, or no usable key.
pub(crate) fn compile(set: &Value, algorithms: &[Algorithm], setting: &str) -> Result<Vec<Verifier>, PlanError> {
    let Some(keys) = set.get("keys").and_then(Value::as_array) else {
        return Err(PlanError::new(setting, "expected a JWK set: an object with a list `keys`"));
    };
    if keys.len() > MOST_KEYS {
        return Err(PlanError::new(setting, format!("expected at most {MOST_KEYS} keys, got {}", keys.len())));
    }
    let mut verifiers = Vec::new();
    for (place, key) in keys.iter().enumerate() {
        let at = format!("{setting}[{place}]");
        let key = key.as_object().ok_or_else(|| PlanError::new(&at, "expected an object"))?;
        if is_for_signatures(key) {
            compile_key(key, algorithms, &mut verifiers).map_err(|problem| PlanError::new(&at, problem))?;
        }
    }
    if verifiers.is_empty() {
        let names: Vec<&str> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
        return Err(PlanError::new(setting, format!("expected at least one key for {}", names.join(", "))));
    }
    Ok(verifiers)
}

fn is_for_signatures(key: &Map<String, Value>) -> bool {
    let sign = key.get("use").is_none_or(|purpose| purpose == "sig");
    let verify = key.get("key_ops").and_then(Value::as_array).is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    sign && verify
}

fn compile_key(key: &Map<String, Value>, algorithms: &[Algorithm], out: &mut Vec<Verifier>) -> Result<(), String> {
    let kind = key.get("kty").and_then(Value::as_str).ok_or("expected `kty`")?;
    if kind != "oct" && key.contains_key("d") {
        return Err("expected a public key, got a private one: take `d` out".to_owned());
    }
    let id = key.get("kid").and_then(Value::as_str).map(str::to_owned);
    let only = key.get("alg").and_then(Value::as_str);
    for algorithm in algorithms {
        if only.is_some_and(|only| only != algorithm.name()) {
            continue;
        }
        let material = match (kind, algorithm) {
            ("RSA", _) => match algorithm.rsa() {
                Some(parameters) => Material::Public(rsa(key, parameters)?),
                None => continue,
            },
            ("EC", Algorithm::Es256) if key.get("crv").is_some_and(|curve| curve == "P-256") => {
                let point = point(key, 32)?;
                Material::Public(parsed(ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point))?)
            }
            ("EC", Algorithm::Es384) if key.get("crv").is_some_and(|curve| curve == "P-384") => {
                let point = point(key, 48)?;
                Material::Public(parsed(ParsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point))?)
            }
            ("OKP", Algorithm::EdDsa) if key.get("crv").is_some_and(|curve| curve == "Ed25519") => {
                let bytes = exactly(field(key, "x")?, 32, "x")?;
                Material::Public(parsed(ParsedPublicKey::new(&signature::ED25519, bytes))?)
            }
            ("oct", _) => match algorithm.hmac() {
                Some((hash, shortest)) => Material::Secret(secret(key, hash, shortest)?),
                None => continue,
            },
            _ => continue,
        };
        out.push(Verifier { id: id.clone(), algorithm: *algorithm, key: material });
    }
    Ok(())
}

fn rsa(key: &Map<String, Value>, parameters: &'static RsaParameters) -> Result<ParsedPublicKey, String> {
    let (modulus, exponent) = (field(key, "n")?, field(key, "e")?);
    // RFC 7518 6.3.1.1 forbids leading zeros; some issuers write them, and they change nothing.
    let start = modulus.iter().position(|byte| *byte != 0).unwrap_or(modulus.len());
    let modulus = modulus.get(start..).unwrap_or_default();
    let bits = modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) {
        return Err(format!("expected an RSA modulus of 2048 to 8192 bits, got {bits}"));
    }
    parsed(RsaPublicKeyComponents { n: modulus, e: exponent.as_slice() }.to_parsed_public_key(parameters))
}

fn secret(key: &Map<String, Value>, hash: hmac::Algorithm, shortest: usize) -> Result<hmac::Key, String> {
    let bytes = field(key, "k")?;
    if bytes.len() < shortest {
        return Err(format!("expected a secret of at least {shortest} bytes, got {}", bytes.len()));
    }
    Ok(hmac::Key::new(hash, &bytes))
}

fn point(key: &Map<String, Value>, size: usize) -> Result<Vec<u8>, String> {
    // Uncompressed form (SEC 1, 2.3.3).
    let mut point = vec![4];
    point.extend(exactly(field(key, "x")?, size, "x")?);
    point.extend(exactly(field(key, "y")?, size, "y")?);
    Ok(point)
}

fn field(key: &Map<String, Value>, name: &str) -> Result<Vec<u8>, String> {
    let text = key.get(name).and_then(Value::as_str).ok_or_else(|| format!("expected `{name}`"))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("expected `{name}` in base64url without padding"))
}

fn exactly(bytes: Vec<u8>, size: usize, name: &str) -> Result<Vec<u8>, String> {
    if bytes.len() == size { Ok(bytes) } else { Err(format!("expected `{name}` of {size} bytes, got {}", bytes.len())) }
}

fn parsed<E>(key: Result<ParsedPublicKey, E>) -> Result<ParsedPublicKey, String> {
    key.map_err(|_| "the key is not valid for its type".to_owned())
}
