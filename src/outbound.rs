//! Clients that ask other hosts: how they trust, resolve and name themselves.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::ClientBuilder;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The beginnings of a client.
pub(crate) fn client() -> Result<ClientBuilder, Box<dyn Error + Send + Sync>> {
    // The roots are in the binary: an image from scratch has no certificates of its own.
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        // glibc's own resolver, linked statically, loads the host's modules and may crash in them.
        .hickory_dns(true)
        .user_agent(concat!("galley/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT))
}
