//! TLS: certificates from files, looked at again while they are in use, or one of our own making.

use std::fmt;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Between two looks at the files. A change is seen by content: what renames and swaps of links do to times and to inodes
/// does not matter.
const LOOK: Duration = Duration::from_secs(3);
/// Sessions that can be resumed without a ticket, for the few clients that have none.
const MAX_SESSIONS: usize = 1024;

/// A certificate that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{}: can't be read: {source}; the certificate and its key are needed for TLS", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file has not what it should have.
    #[error("{}: there is no {what} in it ({why}); a file in PEM form is needed", path.display())]
    Unparsable {
        /// The file.
        path: PathBuf,
        /// What should be there.
        what: &'static str,
        /// What was found.
        why: String,
    },
    /// Certificate and key are not one another's.
    #[error("{}: this key does not belong to the first certificate in {}; give the pair that was issued together", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The libraries refuse.
    #[error("no TLS: {0}")]
    Unusable(#[from] rustls::Error),
    /// There is no certificate of our own.
    #[error("no certificate could be made: {0}")]
    Unmade(#[from] rcgen::Error),
}

/// What is needed to speak TLS with clients. Clones share the certificate.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    is_for_browsers: bool,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("is_for_browsers", &self.is_for_browsers).finish_non_exhaustive()
    }
}

impl Tls {
    /// With a chain of certificates and its key from files in PEM form. The second part keeps looking at the files.
    pub fn from_files(files: TlsFiles) -> Result<(Self, TlsWatch), TlsError> {
        let read = files.read()?;
        let current = Arc::new(Current(ArcSwap::from_pointee(read.certified(&files)?)));
        let tls = Self { config: config(Arc::clone(&current))?, is_for_browsers: true };
        Ok((tls, TlsWatch { files, read, current, said: None }))
    }

    /// With a certificate of our own making for `names`, and the SHA-256 of it by which it can be recognized.
    pub fn self_signed(names: Vec<String>) -> Result<(Self, String), TlsError> {
        let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names)?;
        let fingerprint =
            Sha256::digest(cert.der()).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let key = CertifiedKey::from_der(vec![cert.der().clone()], key, &provider())?;
        let current = Arc::new(Current(ArcSwap::from_pointee(key)));
        Ok((Self { config: config(current)?, is_for_browsers: false }, fingerprint))
    }

    /// Whether the certificate is one that browsers should insist on.
    pub(super) fn is_for_browsers(&self) -> bool {
        self.is_for_browsers
    }

    /// Shakes hands.
    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        TlsAcceptor::from(Arc::clone(&self.config)).accept(stream).await
    }
}

fn provider() -> CryptoProvider {
    ring::default_provider()
}

/// TLS 1.2 and 1.3 with the library's choice of ciphers. One configuration for all certificates to come, so that tickets
/// outlive them.
fn config(current: Arc<Current>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(current);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = ring::Ticketer::new()?;
    config.session_storage = rustls::server::ServerSessionMemoryCache::new(MAX_SESSIONS);
    Ok(Arc::new(config))
}

/// The certificate of this moment.
struct Current(ArcSwap<CertifiedKey>);

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Where certificate and key lie.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, and those that lead from it to a root.
    pub certificate: PathBuf,
    /// The key of the first one.
    pub key: PathBuf,
}

impl TlsFiles {
    fn read(&self) -> Result<Read, TlsError> {
        let read =
            |path: &Path| fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source });
        Ok(Read { certificate: read(&self.certificate)?, key: read(&self.key)? })
    }
}

/// The files' content.
#[derive(PartialEq, Eq)]
struct Read {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Read {
    fn certified(&self, files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
        let unparsable =
            |path: &Path, what, error: String| TlsError::Unparsable { path: path.to_owned(), what, why: error };
        let of_certificate = |error: String| unparsable(&files.certificate, "certificate", error);
        let of_key = |error: String| unparsable(&files.key, "private key", error);
        let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|error| of_certificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(of_certificate("no section of that name".into()));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| of_key(error.to_string()))?;
        let key = provider().key_provider.load_private_key(key).map_err(|error| of_key(error.to_string()))?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(certified),
            Err(rustls::Error::InconsistentKeys(_)) => {
                Err(TlsError::Mismatch { certificate: files.certificate.clone(), key: files.key.clone() })
            }
            Err(error) => Err(of_certificate(error.to_string())),
        }
    }
}

/// Keeps looking at the files of a certificate.
pub struct TlsWatch {
    files: TlsFiles,
    read: Read,
    current: Arc<Current>,
    /// The last warning: each is given once.
    said: Option<String>,
}

impl TlsWatch {
    /// Takes up every change, for ever. What can't be used leaves the certificate as it is.
    pub async fn run(mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            match self.look() {
                Ok(false) => {}
                Ok(true) => {
                    self.said = None;
                    tracing::info!("{}: the new certificate is in use", self.files.certificate.display());
                }
                Err(error) => {
                    let error = error.to_string();
                    if self.said.as_ref() != Some(&error) {
                        tracing::warn!("{error}; the old certificate stays in use");
                        self.said = Some(error);
                    }
                }
            }
        }
    }

    /// Whether there is a new one. Half of a pair is a mismatch until the other half follows.
    fn look(&mut self) -> Result<bool, TlsError> {
        let read = self.files.read()?;
        if read == self.read {
            self.said = None;
            return Ok(false);
        }
        self.current.0.store(Arc::new(read.certified(&self.files)?));
        self.read = read;
        Ok(true)
    }
}

/// The names for a certificate of our own: this machine's, and the addresses that are listened on.
pub fn own_names(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<String> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    // What is no name can't stand in a certificate.
    let is_name = |name: &String| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
    };
    let listened = addresses.into_iter().filter(|address| !address.is_unspecified()).map(|address| address.to_string());
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .into_iter()
        .chain(Some(host).filter(is_name))
        .chain(listened)
        .collect();
    names.sort();
    names.dedup();
    names
}
