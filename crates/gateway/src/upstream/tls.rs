//! TLS towards targets: trusted roots, verified name, ALPN, resumption.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use stockade_model::plan::{UpstreamPlan, UpstreamProtocol};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::failure::{Failure, Retry};
use super::reason;

/// How to speak TLS to the targets of one upstream. Sessions are resumed between its connections.
pub(super) struct Tls {
    connector: TlsConnector,
    /// Offers HTTP/1.1 alone, for protocol switches.
    http1: TlsConnector,
    server_name: Option<ServerName<'static>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Tls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the roots and prepares connections.
    ///
    /// # Errors
    /// A CA file that cannot be read or holds no certificate, a client certificate that does not fit its key, a server
    /// name that is none; as `setting: problem`.
    pub(super) fn new(plan: &UpstreamPlan) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("upstream.tls: {error}"))?
            .with_root_certificates(roots(plan.tls.ca_file.as_deref(), "upstream.tls.ca_file")?);
        let mut config = match &plan.tls.client_certificate {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let setting = "upstream.tls.client_certificate";
                let (chain, key) = crate::tls::pair(files, setting)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| format!("{setting}: {error}"))?
            }
        };
        config.alpn_protocols = match plan.protocol {
            UpstreamProtocol::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            UpstreamProtocol::Http1 => vec![b"http/1.1".to_vec()],
            UpstreamProtocol::Http2 => vec![b"h2".to_vec()],
        };
        let mut http1 = config.clone();
        http1.alpn_protocols = vec![b"http/1.1".to_vec()];
        let server_name = match &plan.tls.server_name {
            None => None,
            Some(name) => Some(parse_name(name).ok_or_else(|| {
                format!("upstream.tls.server_name: expected a host name or an address, got `{name}`")
            })?),
        };
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Self { connector, http1: TlsConnector::from(Arc::new(http1)), server_name })
    }

    /// Shakes hands over `stream`; `host` is verified unless the plan names another.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
        http1_only: bool,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let failed = |detail: String| Failure::new(&reason::TLS, detail).retry(Retry::Always);
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => parse_name(host).ok_or_else(|| failed(format!("`{host}` is no name a certificate could have")))?,
        };
        let connector = if http1_only { &self.http1 } else { &self.connector };
        connector.connect(name, stream).await.map_err(|error| failed(error.to_string()))
    }
}

fn parse_name(host: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).ok()
}

/// The roots of a PEM file, or the public ones; `setting` names the file in errors.
pub(crate) fn roots(ca_file: Option<&str>, setting: &str) -> Result<RootCertStore, String> {
    let Some(file) = ca_file else {
        return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
    };
    let problem = |what: &dyn std::fmt::Display| format!("{setting}: `{file}`: {what}");
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| problem(&error))? {
        let certificate = certificate.map_err(|error| problem(&error))?;
        store.add(certificate).map_err(|error| problem(&error))?;
    }
    if store.is_empty() {
        return Err(problem(&"expected at least one PEM certificate, found none"));
    }
    Ok(store)
}
