//! TLS towards clients: versions, certificates by server name, session tickets, reload.
//!
//! `accept` asks for a listener's configuration at every connection, so a reload needs no connection dropped: running
//! ones keep what they were made with.

mod certificate;
mod clients;
mod resolver;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::server::{NoServerSessionStorage, ServerConfig, ServerConnection};
use stockade_model::plan::{TlsPlan, TlsVersion};
use stockade_model::{Plan, TlsFacts};

pub(crate) use certificate::pair;
pub(crate) use clients::{client_certificate, read as read_client_certificate};
use resolver::ByServerName;

/// Protocols offered by ALPN (RFC 7301), the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [HTTP2, HTTP1];
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// The certificates of every TLS listener, swapped on reload.
#[derive(Debug, Default)]
pub struct Certificates {
    by_address: ArcSwap<HashMap<String, Arc<ServerConfig>>>,
}

impl Certificates {
    /// Reads all files that the plan names.
    ///
    /// # Errors
    /// A file that cannot be read or parsed, or a key that does not fit, as `setting: problem`.
    pub fn load(plan: &Plan) -> Result<Self, String> {
        let provider = Arc::new(default_provider());
        let mut by_address = HashMap::new();
        for (index, listener) in plan.gateway.listeners.iter().enumerate() {
            let Some(tls) = &listener.tls else { continue };
            let setting = format!("gateway.listen[{index}].tls");
            let config = configure(tls, &provider, &setting)?;
            by_address.insert(listener.address.clone(), Arc::new(config));
        }
        Ok(Self { by_address: ArcSwap::from_pointee(by_address) })
    }

    /// Puts the certificates of `other` in force for new connections.
    ///
    /// Listeners that `other` does not know keep theirs: addresses change only with a restart. The keys that protect
    /// session tickets stay, so that clients resume their sessions across a reload.
    pub fn replace(&self, other: Self) {
        let current = self.by_address.load_full();
        let mut next = HashMap::clone(&current);
        let ticketer =
            current.values().find(|config| config.ticketer.enabled()).map(|config| Arc::clone(&config.ticketer));
        for (address, config) in other.by_address.load().iter() {
            let mut config = ServerConfig::clone(config);
            if let Some(ticketer) = ticketer.as_ref().filter(|_| config.ticketer.enabled()) {
                config.ticketer = Arc::clone(ticketer);
            }
            next.insert(address.clone(), Arc::new(config));
        }
        self.by_address.store(Arc::new(next));
    }

    /// What a new connection to the listener at `address` (as the plan writes it) is made with.
    pub(crate) fn config(&self, address: &str) -> Option<Arc<ServerConfig>> {
        self.by_address.load().get(address).map(Arc::clone)
    }
}

fn configure(plan: &TlsPlan, provider: &Arc<CryptoProvider>, setting: &str) -> Result<ServerConfig, String> {
    let mut keys = Vec::with_capacity(plan.certificates.len());
    for (index, files) in plan.certificates.iter().enumerate() {
        keys.push(certificate::load(files, provider, &format!("{setting}.certificates[{index}]"))?);
    }
    let resolver = ByServerName::new(keys)
        .ok_or_else(|| format!("{setting}.certificates: expected at least one certificate, got none"))?;
    let versions: &[&rustls::SupportedProtocolVersion] = match plan.min_version {
        TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .map_err(|error| format!("{setting}.min_version: {error}"))?;
    let builder = match &plan.client_certificates {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let setting = format!("{setting}.client_certificates");
            builder.with_client_cert_verifier(clients::verifier(clients, provider, &setting)?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    // Stateless tickets only: their keys rotate inside the ticketer, and no table of sessions can be filled.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if plan.client_certificates.is_some() {
        // A resumed session is not verified again, so a certificate that was revoked meanwhile would go on.
        config.send_tls13_tickets = 0;
    } else {
        config.ticketer = Ticketer::new().map_err(|error| format!("{setting}: no session ticket keys: {error}"))?;
    }
    // INVARIANT: no early data (RFC 8446 8): a replayed request must not reach an API.
    config.max_early_data_size = 0;
    Ok(config)
}

/// What the handshake of `connection` proved.
pub(crate) fn facts(connection: &ServerConnection) -> TlsFacts {
    TlsFacts {
        version: match connection.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        },
        server_name: connection.server_name().map(str::to_ascii_lowercase),
        alpn: match connection.alpn_protocol() {
            Some(HTTP2) => Some("h2"),
            Some(HTTP1) => Some("http/1.1"),
            _ => None,
        },
        key_exchange: connection.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
    }
}

#[cfg(test)]
mod tests;
