//! Chooses a certificate by the server name that the client asks for (RFC 6066 3).

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::NamedKey;

/// Several keys may serve one name, such as an ECDSA and an RSA one; the first that the client can verify is taken.
type Keys = Vec<Arc<CertifiedKey>>;

/// Certificates by exact name, then by wildcard, then the first of all.
#[derive(Debug)]
pub(super) struct ByServerName {
    exact: HashMap<String, Keys>,
    /// By what follows `*.`.
    wildcard: HashMap<String, Keys>,
    /// The first certificate, and others for the same names.
    default: Keys,
}

impl ByServerName {
    /// `None` when there is no certificate.
    pub(super) fn new(keys: Vec<NamedKey>) -> Option<Self> {
        let mut chosen = Self { exact: HashMap::new(), wildcard: HashMap::new(), default: Vec::new() };
        let mut default_names: Option<Vec<String>> = None;
        for NamedKey { key, names } in keys {
            for name in &names {
                let (table, name) = match name.strip_prefix("*.") {
                    Some(rest) => (&mut chosen.wildcard, rest),
                    None => (&mut chosen.exact, name.as_str()),
                };
                table.entry(name.to_owned()).or_default().push(Arc::clone(&key));
            }
            let default_names = default_names.get_or_insert_with(|| names.clone());
            if *default_names == names {
                chosen.default.push(key);
            }
        }
        default_names.map(|_| chosen)
    }

    /// The keys for `name`; a wildcard stands for exactly one label (RFC 6125 6.4.3).
    fn keys(&self, name: Option<&str>) -> &Keys {
        let Some(name) = name.map(str::to_ascii_lowercase) else { return &self.default };
        self.exact
            .get(&name)
            .or_else(|| name.split_once('.').and_then(|(_, rest)| self.wildcard.get(rest)))
            .unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for ByServerName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let keys = self.keys(hello.server_name());
        keys.iter()
            .find(|key| key.key.choose_scheme(hello.signature_schemes()).is_some())
            .or_else(|| keys.first())
            .map(Arc::clone)
    }
}
