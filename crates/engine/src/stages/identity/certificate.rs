//! Certificates of clients, already verified in the handshake: which name of it counts, and who of them may call.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use stockade_model::plan::{CertificateName, ClientIdentityPlan};
use stockade_model::{ClientCertificate, Identity, Now, Reason, Request};

use super::Fault;
use super::find::Found;
use crate::PlanError;
use crate::glob::{Glob, Reading};

/// Longest SPIFFE id, bytes (SPIFFE-ID 2.3).
const LONGEST_ID: usize = 2048;

/// The certificate names nobody who may call.
pub(crate) const HOLDER: Reason = Reason {
    code: "identity.certificate_holder",
    status: 401,
    meaning: "the certificate does not have the name that is asked for, or names nobody who may call",
    remedy: "add the name to `callers` of the method, or show the certificate of somebody in it",
    source: "RFC 8705 2.1.2; SPIFFE X509-SVID 5.2",
};

#[derive(Debug)]
struct Callers {
    names: Vec<Glob>,
    roles: Vec<String>,
    scopes: Vec<String>,
}

/// One configured method.
#[derive(Debug)]
pub(crate) struct Certificates {
    method: String,
    subject: CertificateName,
    callers: Vec<Callers>,
}

impl Certificates {
    /// Compiles the method.
    ///
    /// # Errors
    /// A glob that does not compile.
    pub(crate) fn new(plan: &ClientIdentityPlan, setting: &str) -> Result<Self, PlanError> {
        let mut callers = Vec::with_capacity(plan.callers.len());
        for (place, one) in plan.callers.iter().enumerate() {
            let at = format!("{setting}.callers[{place}].names");
            // Globs are about paths; a `/` in front makes a name one.
            let compile = |name: &String| Glob::new(&format!("/{name}"), Reading::Exact);
            let names = one.names.iter().map(compile).collect::<Result<Vec<_>, _>>();
            let names = names.map_err(|problem| PlanError::new(&at, problem))?;
            if names.is_empty() {
                return Err(PlanError::new(at, "expected at least one name"));
            }
            callers.push(Callers { names, roles: one.roles.clone(), scopes: one.scopes.clone() });
        }
        Ok(Self { method: plan.name.clone(), subject: plan.subject, callers })
    }

    /// The client's certificate, by its serial number.
    pub(super) fn find<'a>(&self, request: &'a Request) -> Found<'a> {
        match &request.client.certificate {
            Some(certificate) => Found::Once(Cow::Borrowed(&certificate.serial)),
            None => Found::Absent,
        }
    }

    /// Who holds the certificate.
    ///
    /// # Errors
    /// It lacks the name, names nobody who may call, or has ended since the handshake.
    pub(super) fn prove(&self, request: &Request, now: Now) -> Result<Arc<Identity>, Fault> {
        let certificate = request.client.certificate.as_deref();
        let Some(certificate) = certificate.filter(|certificate| now.wall < certificate.not_after) else {
            return Err(Fault::new(&HOLDER, "expected a certificate that has not ended"));
        };
        let name = self.name(certificate)?;
        let path = format!("/{name}");
        let caller = self.callers.iter().find(|callers| callers.names.iter().any(|glob| glob.fits(&path)));
        if caller.is_none() && !self.callers.is_empty() {
            return Err(Fault::new(&HOLDER, format!("expected one of `callers`, got `{name}`")));
        }
        Ok(Arc::new(Identity {
            method: self.method.clone(),
            subject: name.to_owned(),
            key: Some(fingerprint(certificate)),
            roles: caller.map(|callers| callers.roles.clone()).unwrap_or_default(),
            scopes: caller.map(|callers| callers.scopes.clone()).unwrap_or_default(),
            ..Identity::default()
        }))
    }

    fn name<'a>(&self, certificate: &'a ClientCertificate) -> Result<&'a str, Fault> {
        match self.subject {
            CertificateName::Spiffe => match certificate.uris.as_slice() {
                [id] if is_spiffe_id(id) => Ok(id),
                uris => {
                    let detail =
                        format!("expected exactly one URI, a SPIFFE id, in the certificate, got {}", uris.len());
                    Err(Fault::new(&HOLDER, detail))
                }
            },
            CertificateName::Dns => certificate
                .dns_names
                .first()
                .map(String::as_str)
                .ok_or_else(|| Fault::new(&HOLDER, "expected a DNS name in the certificate, got none")),
            CertificateName::Subject if certificate.subject.is_empty() => {
                Err(Fault::new(&HOLDER, "expected a subject in the certificate, got none"))
            }
            CertificateName::Subject => Ok(&certificate.subject),
        }
    }
}

/// The beginning of the certificate's SHA-256 in hexadecimal digits, by which it is named in events and decisions.
fn fingerprint(certificate: &ClientCertificate) -> String {
    let mut text = String::with_capacity(32);
    for byte in certificate.sha256.iter().take(16) {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether `text` is a SPIFFE id (SPIFFE-ID 2): a trust domain and at most a path, in the letters that it allows.
fn is_spiffe_id(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("spiffe://") else { return false };
    let (domain, path) = rest.split_once('/').map_or((rest, None), |(domain, path)| (domain, Some(path)));
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    let segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    };
    text.len() <= LONGEST_ID
        && (1..=255).contains(&domain.len())
        && domain.bytes().all(plain)
        && path.is_none_or(|path| path.split('/').all(segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spiffe_ids_are_told_from_other_uris() {
        for good in ["spiffe://example.org", "spiffe://example.org/ns/shop/sa/billing", "spiffe://a_b-c.1/X"] {
            assert!(is_spiffe_id(good), "{good}");
        }
        for bad in [
            "",
            "spiffe://",
            "spiffe:///a",
            "https://example.org/a",
            "SPIFFE://example.org/a",
            "spiffe://Example.org/a",
            "spiffe://example.org:80/a",
            "spiffe://user@example.org/a",
            "spiffe://example.org/",
            "spiffe://example.org/a//b",
            "spiffe://example.org/a/../b",
            "spiffe://example.org/a?b",
            "spiffe://example.org/a#b",
            "spiffe://example.org/%61",
        ] {
            assert!(!is_spiffe_id(bad), "{bad}");
        }
        assert!(!is_spiffe_id(&format!("spiffe://example.org/{}", "a".repeat(2048))));
    }
}
