//! Reads a certificate chain and its key from PEM files, and says plainly what is wrong with them.

use std::fs;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use stockade_model::plan::CertificatePlan;

/// A chain with its key, and the names that its leaf is for.
#[derive(Debug)]
pub(super) struct NamedKey {
    /// Chain and key.
    pub(super) key: Arc<CertifiedKey>,
    /// DNS names of the leaf's subject alternative names (RFC 6125 6.4.4), in lower case; a wildcard as `*.rest`.
    pub(super) names: Vec<String>,
}

/// Largest PEM file that is read: far above any chain, and a bound when a wrong path is given.
const LARGEST_FILE_BYTES: u64 = 4 << 20;

/// Reads the two files of one certificate. `setting` is the dotted path of the certificate in the config.
///
/// # Errors
/// A file that cannot be read, holds nothing usable, or a key of another certificate, as `setting: problem`.
pub(super) fn load(files: &CertificatePlan, provider: &CryptoProvider, setting: &str) -> Result<NamedKey, String> {
    let (chain, key) = pair(files, setting)?;
    let (file, key_file) = (&files.certificate_file, &files.key_file);
    let at = format!("{setting}.certificate_file");
    let Some(leaf) = chain.first() else { return Err(none_in(file, &at)) };
    let names = names_of(leaf).map_err(|error| {
        format!("{at}: the first certificate in `{file}` is not a usable X.509 version 3 certificate: {error}")
    })?;

    let at = format!("{setting}.key_file");
    let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            format!("{at}: the key in `{key_file}` does not match the first certificate in `{file}`")
        }
        other => format!("{at}: the key in `{key_file}` cannot be used: {other}"),
    })?;
    Ok(NamedKey { key: Arc::new(key), names })
}

/// Reads a chain, at least a leaf, and the key beside it; whether they belong together is not looked at.
///
/// # Errors
/// A file that cannot be read or holds nothing usable, as `setting: problem`.
pub(crate) fn pair(
    files: &CertificatePlan,
    setting: &str,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain = certificates(&files.certificate_file, &format!("{setting}.certificate_file"))?;
    let key_file = &files.key_file;
    let at = format!("{setting}.key_file");
    let key = PrivateKeyDer::from_pem_slice(&read(key_file, &at)?).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            format!("{at}: expected an unencrypted PEM private key in `{key_file}`, found none")
        }
        other => format!("{at}: `{key_file}` is not valid PEM: {other}"),
    })?;
    Ok((chain, key))
}

/// All certificates of a PEM file, at least one.
///
/// # Errors
/// A file that cannot be read or holds none, as `setting: problem`.
pub(crate) fn certificates(file: &str, setting: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&read(file, setting)?) {
        found.push(certificate.map_err(|error| format!("{setting}: `{file}` is not valid PEM: {error}"))?);
    }
    if found.is_empty() { Err(none_in(file, setting)) } else { Ok(found) }
}

fn none_in(file: &str, setting: &str) -> String {
    format!("{setting}: expected a PEM certificate in `{file}`, found none")
}

pub(crate) fn read(file: &str, setting: &str) -> Result<Vec<u8>, String> {
    let refuse = |error: std::io::Error| format!("{setting}: cannot read `{file}`: {error}");
    let bytes = fs::metadata(file).map_err(refuse)?.len();
    if bytes > LARGEST_FILE_BYTES {
        return Err(format!("{setting}: `{file}` has {bytes} bytes, expected a PEM file of at most 4 MiB"));
    }
    fs::read(file).map_err(refuse)
}

fn names_of(leaf: &CertificateDer<'_>) -> Result<Vec<String>, webpki::Error> {
    let leaf = webpki::EndEntityCert::try_from(leaf)?;
    // Reading the names only chooses a certificate; whether it is valid for a name is the client's question.
    Ok(leaf.valid_dns_names().map(str::to_ascii_lowercase).collect())
}
