//! Clients that ask other hosts: whom they trust, how they resolve and how they name themselves.
//!
//! Proxies are those of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`): reqwest reads them by itself.

mod trust;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::{ResolverBuilder, TokioResolver};
use reqwest::ClientBuilder;

pub(crate) use self::trust::{Trust, TrustError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The beginnings of a client.
pub(crate) fn client(trust: &Trust) -> Result<ClientBuilder, TrustError> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(trust.settings()?)
        // glibc's own resolver, linked statically, loads the host's modules and may crash in them.
        .hickory_dns(true)
        .user_agent(concat!("galley/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT))
}

/// The addresses of `host:port`.
pub(crate) async fn lookup(host: &str) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let unclear = || io::Error::new(io::ErrorKind::InvalidInput, format!("`{host}` is no host and port"));
    let (name, port) = host.rsplit_once(':').ok_or_else(unclear)?;
    let port: u16 = port.parse().map_err(|_| unclear())?;
    // As above: not glibc's.
    let resolver = TokioResolver::builder_tokio().and_then(ResolverBuilder::build).map_err(io::Error::other)?;
    let found = resolver.lookup_ip(name).await.map_err(io::Error::other)?;
    Ok(found.iter().map(|address| SocketAddr::new(address, port)).collect())
}

/// Why a connection did not come to be, where asking once more is of no use.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// What is there speaks no TLS.
    NoTls,
    /// Its certificate is not trusted, for this reason.
    Certificate(String),
    /// There is no host of that name.
    NoHost,
    /// The proxy of the environment does not play along, for this reason.
    Proxy(String),
}

/// Looks for a fault among the causes of `error`.
pub(crate) fn fault(error: &(dyn Error + 'static)) -> Option<Fault> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if let Some(found) = tls_fault(error) {
            return Some(found);
        }
        if text.contains("no records found") {
            return Some(Fault::NoHost);
        }
        if let Some(reason) = text.strip_prefix("tunnel error: ") {
            return Some(Fault::Proxy(reason.to_owned()));
        }
        cause = error.source();
    }
    None
}

fn tls_fault(error: &(dyn Error + 'static)) -> Option<Fault> {
    let mut innermost = error;
    // An I/O error keeps what it wraps to itself, and may be wrapped in another one: it is not among its sources.
    while let Some(inner) = innermost.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        innermost = inner;
    }
    match innermost.downcast_ref()? {
        rustls::Error::InvalidCertificate(reason) => Some(Fault::Certificate(trust::in_words(reason))),
        rustls::Error::InvalidMessage(_) => Some(Fault::NoTls),
        _ => None,
    }
}
