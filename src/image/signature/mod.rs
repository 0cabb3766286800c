//! Who made a release: an ed25519 signature in an annotation of its index, over its content, its programs, its number and the
//! repository that it is for.
//!
//! The signature covers one text, which [`statement`] gives. So an index that was signed for one repository is refused in
//! another, and one whose number, content root or manifests were changed is refused everywhere.

mod cosign;
mod key;
mod statement;

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub use self::cosign::{COSIGN_SIGNATURE, CosignImage, SIMPLE_SIGNING};
pub use self::key::{KeyError, SigningKey, VerifyingKey};
pub use self::statement::statement;
use super::manifest::Index;

/// Annotation of an index: the signature of its maker.
pub const SIGNATURE: &str = "dev.galley.signature";

/// The bytes of an ed25519 signature (RFC 8032 section 5.1.6).
const LENGTH: usize = 64;

/// An ed25519 signature; as text in base64, 88 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature([u8; LENGTH]);

/// A text that is no signature.
#[derive(Debug, thiserror::Error)]
#[error("is no ed25519 signature in base64")]
pub struct MalformedSignature;

impl Signature {
    /// The 64 bytes themselves.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Signature {
    type Err = MalformedSignature;

    /// There is one text for each signature: what is no canonical base64 is refused.
    fn from_str(text: &str) -> Result<Self, MalformedSignature> {
        let bytes = STANDARD.decode(text).map_err(|_| MalformedSignature)?;
        bytes.try_into().map(Self).map_err(|_| MalformedSignature)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

/// Why nothing vouches for an index. A signature tells nothing of what it was made for: another key, another repository and
/// another content look all the same.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is none.
    #[error("it has no signature; make it with `galley package --sign KEY`")]
    Missing,
    /// The annotation holds something else.
    #[error("its signature is none: it has no 64 bytes in base64; sign it anew with `galley package --sign KEY`")]
    Malformed,
    /// None of the keys made it for this.
    #[error(
        "its signature does not hold as release {sequence} of {repository}: it is not by {}, or it was made for another \
         repository, or what it covers was changed since",
        keys_text(*keys)
    )]
    Broken {
        /// The repository that it was checked for, without host.
        repository: String,
        /// The number that the index says.
        sequence: u64,
        /// How many keys were tried.
        keys: usize,
    },
}

fn keys_text(keys: usize) -> String {
    match keys {
        1 => "the key that is trusted".to_owned(),
        keys => format!("any of the {keys} keys that are trusted"),
    }
}

impl Index {
    /// Signs it for `repository`, the path without its host. A signature that is there already is replaced. The same key and
    /// the same index give the same signature (RFC 8032 section 5.1.6).
    pub fn sign(&mut self, repository: &str, key: &SigningKey) {
        let signature = key.sign(&statement(repository, self));
        self.annotations.insert(SIGNATURE.to_owned(), signature.to_string());
    }

    /// The one of `keys` that signed it for `repository`, the path without its host. Several may be valid at once, so that one
    /// can be replaced.
    pub fn signed_by<'k>(
        &self,
        repository: &str,
        keys: &'k [VerifyingKey],
    ) -> Result<&'k VerifyingKey, SignatureError> {
        let text = self.annotations.get(SIGNATURE).ok_or(SignatureError::Missing)?;
        let signature: Signature = text.parse().map_err(|_| SignatureError::Malformed)?;
        let statement = statement(repository, self);
        keys.iter().find(|key| key.verifies(&statement, &signature)).ok_or_else(|| SignatureError::Broken {
            repository: if repository.is_empty() { "no repository".to_owned() } else { repository.to_owned() },
            sequence: self.sequence(),
            keys: keys.len(),
        })
    }
}

#[cfg(test)]
mod tests;
