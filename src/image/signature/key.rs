//! Keys: ed25519, in the files that OpenSSL and cosign have them in (RFC 8410): PKCS#8 and SubjectPublicKeyInfo, in PEM.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use zeroize::{Zeroize, Zeroizing};

use super::Signature;
use crate::snapshot::Digest;

/// The bytes of a key, private or public.
const LENGTH: usize = 32;
/// What stands before the key in PKCS#8 version 1, which every reader takes (RFC 8410 section 7).
const PRIVATE_PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// What stands before the key in a SubjectPublicKeyInfo (RFC 8410 section 4).
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

/// Why a text is no key, or none can be made. No message holds a part of a key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No key of the wanted kind.
    #[error("has no BEGIN {0} in it, or what follows is damaged; `galley key new FILE` makes keys")]
    Missing(&'static str),
    /// One that a password protects.
    #[error("is protected by a password, and nobody is there to ask for it; make a key by `galley key new FILE`")]
    Encrypted,
    /// A private key where everybody may read.
    #[error("is a private key, which only whoever signs may have; name the public one, as `galley key show` prints it")]
    Private,
    /// A public key where something is to be signed.
    #[error("is a public key; to sign, name the private one")]
    Public,
    /// A key for something else.
    #[error("is no ed25519 key; `galley key new FILE` makes one")]
    Foreign,
    /// The system has no random numbers.
    #[error("the system gives no random numbers to make a key of")]
    Random,
}

/// The private key: who has it can sign. Nothing prints it.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Makes a new key and gives it as PEM, which is wiped when it is dropped.
    pub fn generate() -> Result<Zeroizing<String>, KeyError> {
        let mut der = Zeroizing::new([0; PRIVATE_PREFIX.len() + LENGTH]);
        der[..PRIVATE_PREFIX.len()].copy_from_slice(&PRIVATE_PREFIX);
        SystemRandom::new().fill(&mut der[PRIVATE_PREFIX.len()..]).map_err(|_| KeyError::Random)?;
        // One line: 48 bytes are 64 characters.
        let text = Zeroizing::new(STANDARD.encode(der.as_slice()));
        Ok(Zeroizing::new(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", *text)))
    }

    /// Reads PEM, as `galley key new` and `openssl genpkey -algorithm ed25519` write it. What is held on the way is wiped; the key
    /// itself is held by ring, which does not wipe it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        if text.contains("ENCRYPTED ") {
            return Err(KeyError::Encrypted);
        }
        let Ok(mut der) = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()) else {
            let is_public = text.contains("-----BEGIN PUBLIC KEY-----");
            return Err(if is_public { KeyError::Public } else { KeyError::Missing("PRIVATE KEY") });
        };
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        der.zeroize();
        pair.map(Self).map_err(|_| KeyError::Foreign)
    }

    /// The public key that belongs to it.
    pub fn verifying_key(&self) -> VerifyingKey {
        let mut bytes = [0; LENGTH];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        VerifyingKey(bytes)
    }

    /// Signs `message` (pure ed25519, RFC 8032 section 5.1): equal messages give equal signatures.
    pub fn sign(&self, message: &[u8]) -> Signature {
        let mut bytes = [0; super::LENGTH];
        bytes.copy_from_slice(self.0.sign(message).as_ref());
        Signature(bytes)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// The public key: who has it can verify.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey([u8; LENGTH]);

impl VerifyingKey {
    /// Reads PEM with one key or several.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, KeyError> {
        if text.contains("PRIVATE KEY-----") {
            return Err(KeyError::Private);
        }
        let missing = || KeyError::Missing("PUBLIC KEY");
        let keys = SubjectPublicKeyInfoDer::pem_slice_iter(text.as_bytes());
        let keys: Vec<_> = keys.map(|der| Self::from_der(&der.map_err(|_| missing())?)).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(missing()) } else { Ok(keys) }
    }

    fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let key = der.strip_prefix(&PUBLIC_PREFIX).and_then(|key| key.try_into().ok());
        key.map(Self).ok_or(KeyError::Foreign)
    }

    fn der(&self) -> Vec<u8> {
        [PUBLIC_PREFIX.as_slice(), &self.0].concat()
    }

    /// As PEM, with a line's end at the end.
    pub fn pem(&self) -> String {
        // One line: 44 bytes are 60 characters.
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(self.der()))
    }

    /// The SHA-256 of the key's DER, by which people compare keys: `openssl pkey -pubin -outform DER | sha256sum` gives the same.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.der())
    }

    /// Whether the key's owner signed `message`.
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature.bytes()).is_ok()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.fingerprint())
    }
}
