//! Whose certificates are believed: the roots in the binary, those of `SSL_CERT_FILE`, and a file that was named.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// The variable by which OpenSSL and others find a system's or a company's certificates.
const SSL_CERT_FILE: &str = "SSL_CERT_FILE";

/// The certificates to believe beside the roots in the binary.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    /// PEM; each certificate in it is believed to vouch for others, and for itself.
    pub(crate) file: Option<PathBuf>,
}

/// Why certificates can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    /// The file can't be read.
    #[error("{}: can't be read: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is none in it, or one that is broken.
    #[error("{}: {reason}; give certificates in PEM, with BEGIN CERTIFICATE", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// TLS can't be set up.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Trust {
    /// The settings of TLS.
    pub(super) fn settings(&self) -> Result<ClientConfig, TrustError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // The roots are in the binary: an image from scratch has no certificates of its own.
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(path) = std::env::var_os(SSL_CERT_FILE).filter(|path| !path.is_empty()).map(PathBuf::from) {
            // It was set for other programs: that they lack it is no reason to stop.
            match certificates(&path) {
                Ok(found) => drop(roots.add_parsable_certificates(found)),
                Err(error) => tracing::warn!("{SSL_CERT_FILE}: {error}"),
            }
        }
        let builder =
            ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let Some(path) = &self.file else {
            return Ok(builder.with_root_certificates(roots).with_no_client_auth());
        };
        let named = certificates(path)?;
        let (added, _) = roots.add_parsable_certificates(named.iter().cloned());
        if added < named.len() {
            let reason = "a certificate in it can't be read".to_owned();
            return Err(TrustError::Unusable { path: path.clone(), reason });
        }
        let unusable = |error: rustls::client::VerifierBuilderError| TrustError::Unusable {
            path: path.clone(),
            reason: error.to_string(),
        };
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(unusable)?;
        let verifier = Arc::new(Named { verifier, named });
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let text = std::fs::read(path).map_err(|error| TrustError::Io { path: path.to_owned(), error })?;
    let unusable = |reason: String| TrustError::Unusable { path: path.to_owned(), reason };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| unusable(error.to_string()))?;
    if found.is_empty() { Err(unusable("there is no certificate in it".to_owned())) } else { Ok(found) }
}

/// Believes also a server that shows one of the `named` certificates itself. `openssl req -x509` makes certificates that are
/// their own CA, and the rules for public ones refuse a CA as a server's own. Its names have to fit all the same.
#[derive(Debug)]
struct Named {
    verifier: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.named.iter().any(|named| named == shown) {
            verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.verifier.verify_server_cert(shown, intermediates, name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// What is wrong with a certificate.
pub(super) fn in_words(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "nobody that is trusted has issued it".to_owned(),
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "nobody that is trusted has issued it".to_owned()
        }
        CertificateError::BadSignature => "its signature is not that of an issuer who is trusted".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        other => other.to_string(),
    }
}
