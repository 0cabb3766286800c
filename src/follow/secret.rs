//! The secrets that webhooks must know.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use subtle::{Choice, ConstantTimeEq};

use crate::secret_file::{self, SecretFileError};
use crate::snapshot::Digest;

/// Below this a secret in a URL can be guessed.
const SHORT: usize = 16;
/// What Standard Webhooks write before a secret.
const STANDARD_PREFIX: &str = "whsec_";

/// The secrets of one file. Nothing prints them by mistake.
#[derive(Debug)]
pub struct Secrets(Vec<Secret>);

/// One secret: as a text to be compared with, and as a key that signs.
pub struct Secret {
    text: String,
    fingerprint: String,
    key: hmac::Key,
    /// As Standard Webhooks make a key of it: it is base64 there. Those who have it as a text may take it as it is.
    standard_keys: Vec<hmac::Key>,
}

/// Why a secret file is no use. No message holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It can't be read.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It has no secret in it.
    #[error("{path}: is empty; write one secret a line, for example from `head -c 24 /dev/urandom | base64 | tr +/ -_`", path = .0.display())]
    Empty(PathBuf),
    /// Anybody on the machine could change it.
    #[error("{path}: can be written by everybody; run `chmod o-w` on it", path = .0.display())]
    WorldWritable(PathBuf),
}

impl Secrets {
    /// Reads a file with one secret a line; several are valid at once, so that one can be replaced.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let text = secret_file::read(path).map_err(|error| match error {
            SecretFileError::Io(source) => SecretError::Io { path: path.to_path_buf(), source },
            SecretFileError::WorldWritable => SecretError::WorldWritable(path.to_path_buf()),
        })?;
        let secrets = Self::of_lines(&text).ok_or_else(|| SecretError::Empty(path.to_path_buf()))?;
        if secrets.0.iter().any(|secret| secret.text.len() < SHORT) {
            tracing::warn!("{}: a secret of less than {SHORT} characters can be guessed", path.display());
        }
        Ok(secrets)
    }

    /// `None` if there is no secret in `text`.
    pub(super) fn of_lines(text: &str) -> Option<Self> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let secrets: Vec<Secret> = lines.map(Secret::new).collect();
        Some(Self(secrets)).filter(|secrets| !secrets.0.is_empty())
    }

    /// The first of them: the one to tell a sender.
    pub fn first(&self) -> &Secret {
        &self.0[0]
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Secret] {
        &self.0
    }

    /// Whether `candidate` is one of the secrets. Digests are compared, all of them and in constant time, so that the
    /// time taken says nothing about any secret.
    pub(super) fn contain(&self, candidate: &str) -> bool {
        let candidate = fingerprint(candidate);
        any_holds(self.0.iter().map(|secret| secret.fingerprint.as_bytes().ct_eq(candidate.as_bytes())))
    }
}

impl Secret {
    fn new(text: &str) -> Self {
        let decoded = STANDARD.decode(text.strip_prefix(STANDARD_PREFIX).unwrap_or(text)).ok();
        let key = hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes());
        let decoded = decoded.map(|bytes| hmac::Key::new(hmac::HMAC_SHA256, &bytes));
        let standard_keys = decoded.into_iter().chain([key.clone()]).collect();
        Self { text: text.to_owned(), fingerprint: fingerprint(text), key, standard_keys }
    }

    /// The text itself, for whoever is to be told.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The HMAC-SHA-256 of `message`, with the text as the key.
    pub fn sign(&self, message: &[u8]) -> Digest {
        digest(hmac::sign(&self.key, message))
    }

    /// That of the parts of a message in the way of Standard Webhooks, with each key that the text may stand for; the
    /// first one is the one to sign with.
    pub(super) fn sign_as_standard(&self, message: &[&[u8]]) -> Vec<Digest> {
        let sign = |key| {
            let mut context = hmac::Context::with_key(key);
            message.iter().for_each(|part| context.update(part));
            digest(context.sign())
        };
        self.standard_keys.iter().map(sign).collect()
    }
}

/// Not the text.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Whether any of `found` holds; all are looked at.
pub(super) fn any_holds(found: impl Iterator<Item = Choice>) -> bool {
    found.fold(Choice::from(0), |any, one| any | one).into()
}

fn digest(tag: hmac::Tag) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(tag.as_ref());
    Digest::from_bytes(bytes)
}

fn fingerprint(secret: &str) -> String {
    Digest::of(secret.as_bytes()).hex()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn file(text: &str, mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn each_line_is_a_secret() {
        let file = file("old-secret-0123456789\r\n\n  new-secret-0123456789  \n", 0o444);
        let secrets = Secrets::read(file.path()).unwrap();
        assert!(secrets.contain("old-secret-0123456789") && secrets.contain("new-secret-0123456789"));
        assert!(!secrets.contain("old-secret") && !secrets.contain(""));
        assert_eq!(secrets.first().reveal(), "old-secret-0123456789");
        assert!(!format!("{secrets:?}").contains("old-secret"));
    }

    #[test]
    fn empty_and_world_writable_files_are_refused() {
        assert!(matches!(Secrets::read(file(" \n", 0o600).path()), Err(SecretError::Empty(_))));
        assert!(matches!(Secrets::read(file("secret", 0o666).path()), Err(SecretError::WorldWritable(_))));
        assert!(matches!(Secrets::read(Path::new("/nonexistent")), Err(SecretError::Io { .. })));
    }
}
