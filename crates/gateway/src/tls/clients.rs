//! Certificates of clients (mutual TLS): whom the handshake believes, and what later stages get to know.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerConnection, WebPkiClientVerifier};
use stockade_model::plan::ClientCertificatesPlan;
use stockade_model::{ClientCertificate, Timestamp};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

use super::certificate;

/// Names taken from one certificate; the rest is left out. A chain is at most 64 KiB anyway (RFC 8446 4.4.2).
const NAMES_MAX: usize = 64;
/// Longest subject.
const SUBJECT_BYTES_MAX: usize = 1024;

/// Makes what verifies client certificates in the handshake: chain, times, key usage and revocation of the leaf.
///
/// A lapsed `nextUpdate` of a list does not refuse: the newest list there is says more than none.
///
/// # Errors
/// A file that cannot be read or holds nothing usable, as `setting: problem`.
pub(super) fn verifier(
    plan: &ClientCertificatesPlan,
    provider: &Arc<CryptoProvider>,
    setting: &str,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let at = format!("{setting}.ca_file");
    let mut roots = RootCertStore::empty();
    for authority in certificate::certificates(&plan.ca_file, &at)? {
        roots.add(authority).map_err(|error| format!("{at}: `{}`: {error}", plan.ca_file))?;
    }
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    if !plan.crl_files.is_empty() {
        builder = builder.with_crls(lists(&plan.crl_files, setting)?).only_check_end_entity_revocation();
    }
    if !plan.required {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| format!("{setting}: {error}"))
}

fn lists(files: &[String], setting: &str) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let mut found = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let at = format!("{setting}.crl_files[{index}]");
        let before = found.len();
        for list in CertificateRevocationListDer::pem_slice_iter(&certificate::read(file, &at)?) {
            let list = list.map_err(|error| format!("{at}: `{file}` is not valid PEM: {error}"))?;
            webpki::BorrowedCertRevocationList::from_der(&list)
                .map_err(|error| format!("{at}: `{file}` is no usable revocation list: {error}"))?;
            found.push(list);
        }
        if found.len() == before {
            return Err(format!("{at}: expected a PEM revocation list in `{file}`, found none"));
        }
    }
    Ok(found)
}

/// The leaf that the client of `connection` proved to hold; `None` when it showed none.
///
/// A leaf that verified but cannot be read here counts as none, so no stage sees half of one.
pub(crate) fn client_certificate(connection: &ServerConnection) -> Option<ClientCertificate> {
    read(connection.peer_certificates()?.first()?)
}

/// Reads what stages need of a certificate.
pub(crate) fn read(der: &CertificateDer<'_>) -> Option<ClientCertificate> {
    let (rest, parsed) = X509Certificate::from_der(der).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let (mut uris, mut dns_names) = (Vec::new(), Vec::new());
    if let Some(names) = parsed.subject_alternative_name().ok()? {
        for name in names.value.general_names.iter().take(NAMES_MAX) {
            match name {
                GeneralName::URI(uri) => uris.push((*uri).to_owned()),
                GeneralName::DNSName(name) => dns_names.push(name.to_ascii_lowercase()),
                _ => {}
            }
        }
    }
    let seconds = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or_default();
    Some(ClientCertificate {
        sha256: digest(&SHA256, der).as_ref().try_into().ok()?,
        subject: subject(parsed.subject())?,
        uris,
        dns_names,
        serial: hexadecimal(parsed.raw_serial()),
        not_after: Timestamp(seconds.saturating_mul(1_000_000)),
        der: der.as_ref().into(),
    })
}

/// A name as RFC 4514 writes it, so that no value can be taken for several.
fn subject(name: &X509Name<'_>) -> Option<String> {
    let mut text = String::new();
    let parts: Vec<_> = name.iter_rdn().collect();
    for part in parts.into_iter().rev() {
        for (index, attribute) in part.iter().enumerate() {
            if !text.is_empty() {
                text.push(if index == 0 { ',' } else { '+' });
            }
            let kind = attribute.attr_type().to_id_string();
            text.push_str(short_name(&kind).unwrap_or(&kind));
            text.push('=');
            escaped(attribute.as_str().ok()?, &mut text);
        }
    }
    (text.len() <= SUBJECT_BYTES_MAX).then_some(text)
}

/// RFC 4514 3, and the e-mail address that many private authorities put there.
fn short_name(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "2.5.4.3" => "CN",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.6" => "C",
        "2.5.4.9" => "STREET",
        "0.9.2342.19200300.100.1.25" => "DC",
        "0.9.2342.19200300.100.1.1" => "UID",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return None,
    })
}

fn escaped(value: &str, text: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (index, letter) in value.chars().enumerate() {
        let edge = (index == 0 && matches!(letter, ' ' | '#')) || (index == last && letter == ' ');
        if edge || matches!(letter, '"' | '+' | ',' | ';' | '<' | '=' | '>' | '\\') {
            text.push('\\');
            text.push(letter);
        } else if letter.is_control() {
            let mut bytes = [0; 4];
            for byte in letter.encode_utf8(&mut bytes).bytes() {
                text.push('\\');
                text.push_str(&hexadecimal(&[byte]));
            }
        } else {
            text.push(letter);
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().map_or('0', char::from);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests;
