//! The secrets that webhooks must know.

use std::io;
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq;

use crate::secret_file::{self, SecretFileError};
use crate::snapshot::Digest;

/// Below this a secret in a URL can be guessed.
const SHORT: usize = 16;

/// The secrets of one file, as digests: the text itself is not kept, so nothing can print it.
#[derive(Debug)]
pub struct Secrets(Vec<String>);

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
        let secrets: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if secrets.is_empty() {
            return Err(SecretError::Empty(path.to_path_buf()));
        }
        if secrets.iter().any(|secret| secret.len() < SHORT) {
            tracing::warn!("{}: a secret of less than {SHORT} characters can be guessed", path.display());
        }
        Ok(Self(secrets.into_iter().map(fingerprint).collect()))
    }

    /// Whether `candidate` is one of the secrets. Digests are compared, all of them and in constant time, so that the
    /// time taken says nothing about any secret.
    pub(super) fn contain(&self, candidate: &str) -> bool {
        let candidate = fingerprint(candidate);
        let found = self.0.iter().map(|secret| secret.as_bytes().ct_eq(candidate.as_bytes()));
        found.fold(subtle::Choice::from(0), |any, one| any | one).into()
    }
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
        assert!(!format!("{secrets:?}").contains("old-secret"));
    }

    #[test]
    fn empty_and_world_writable_files_are_refused() {
        assert!(matches!(Secrets::read(file(" \n", 0o600).path()), Err(SecretError::Empty(_))));
        assert!(matches!(Secrets::read(file("secret", 0o666).path()), Err(SecretError::WorldWritable(_))));
        assert!(matches!(Secrets::read(Path::new("/nonexistent")), Err(SecretError::Io { .. })));
    }
}
