//! Who may see previews: whoever knows a secret, and afterwards whoever carries a cookie that was made with it.

use std::fmt;
use std::path::Path;

use ring::hmac;

use super::is_name;
use crate::follow::secret::SecretError;
use crate::secret_file::{self, SecretFileError};

/// Below this a secret in a URL can be guessed.
const SHORT: usize = 16;

/// Keys made of secrets, which are not kept themselves.
pub(super) struct Keys(Vec<hmac::Key>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.0.len()).finish()
    }
}

impl Keys {
    /// Reads a file with one secret a line; several are valid at once, so that one can be replaced.
    pub(super) fn read(path: &Path) -> Result<Self, SecretError> {
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
        Ok(Self::of(&secrets))
    }

    fn of(secrets: &[&str]) -> Self {
        Self(secrets.iter().map(|secret| key(secret)).collect())
    }

    /// Whether `candidate` is one of the secrets. Tags are compared, all of them and in constant time.
    pub(super) fn know(&self, candidate: &str) -> bool {
        self.hold("secret", hmac::sign(&key(candidate), b"secret"))
    }

    /// The value of a cookie for the preview called `name`: with it nobody learns the secret, and another secret ends it.
    pub(super) fn cookie(&self, name: &str) -> Option<String> {
        let tag = hmac::sign(self.0.first()?, format!("preview {name}").as_bytes());
        Some(format!("{name}.{}", tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
    }

    /// The name in a cookie of this instance, or of another one with the same secret.
    pub(super) fn name_of_cookie<'a>(&self, value: &'a str) -> Option<&'a str> {
        let (name, tag) = value.rsplit_once('.').filter(|(name, _)| is_name(name))?;
        let pairs = tag.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
        let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
        self.hold(&format!("preview {name}"), &bytes?).then_some(name)
    }

    fn hold(&self, message: &str, tag: impl AsRef<[u8]>) -> bool {
        let tried = self.0.iter().map(|key| hmac::verify(key, message.as_bytes(), tag.as_ref()).is_ok());
        tried.fold(false, |any, one| any | one)
    }
}

fn key(secret: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cookie_is_good_for_its_preview_and_its_secret() {
        let keys = Keys::of(&["old-secret-0123456789", "new-secret-0123456789"]);
        assert!(keys.know("new-secret-0123456789") && !keys.know("new-secret") && !keys.know(""));
        let cookie = keys.cookie("spring.v2").unwrap();
        assert_eq!(keys.name_of_cookie(&cookie), Some("spring.v2"));
        assert_eq!(keys.name_of_cookie(&cookie.replace("spring", "autumn")), None);
        assert_eq!(keys.name_of_cookie(&cookie[..cookie.len() - 2]), None);
        // The old one goes when its line goes.
        assert_eq!(Keys::of(&["new-secret-0123456789"]).name_of_cookie(&cookie), None);
        assert_eq!(Keys::of(&["x", "old-secret-0123456789"]).name_of_cookie(&cookie), Some("spring.v2"));
        assert!(!format!("{keys:?}").contains("secret"));
    }

    proptest! {
        #[test]
        fn no_cookie_is_guessed(value in "[ -~]{0,20}\\.\\PC{0,70}") {
            prop_assert_eq!(Keys::of(&["a-secret-0123456789"]).name_of_cookie(&value), None);
        }
    }
}
