//! Whose releases are installed: those that one of the operator's keys has signed for the repository that is followed.

use std::fmt;
use std::str::FromStr;

use crate::image::{Index, SignatureError, VerifyingKey};

/// What becomes of a release that nothing vouches for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// It is refused.
    #[default]
    Enforce,
    /// It is installed, with a warning: to see what would be refused before it is.
    Warn,
}

/// A text that names no policy.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no policy; there are enforce and warn")]
pub struct PolicyError(String);

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enforce => "enforce",
            Self::Warn => "warn",
        })
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        match text {
            "enforce" => Ok(Self::Enforce),
            "warn" => Ok(Self::Warn),
            _ => Err(PolicyError(text.to_owned())),
        }
    }
}

/// Checks releases against keys before anything of them is pulled but their index.
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: Vec<VerifyingKey>,
    policy: Policy,
}

/// What an index that may be installed was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// This key signed it.
    By(VerifyingKey),
    /// Nothing vouches for it, and the policy lets it pass.
    Tolerated,
}

impl Verifier {
    /// One of `keys` has to have signed what is installed; without any, nothing passes but by the policy.
    pub fn new(keys: Vec<VerifyingKey>, policy: Policy) -> Self {
        Self { keys, policy }
    }

    /// Whether one of the keys has signed `index` for `repository`, whatever the policy says.
    pub(super) fn vouches(&self, repository: &str, index: &Index) -> bool {
        index.signed_by(repository, &self.keys).is_ok()
    }

    /// Checks that `index`, called `name` in messages, was signed for `repository`, the path without its host. What the policy
    /// lets pass all the same is warned about.
    pub fn check(&self, name: &str, repository: &str, index: &Index) -> Result<Verified, SignatureError> {
        match (index.signed_by(repository, &self.keys), self.policy) {
            (Ok(key), _) => {
                tracing::debug!("{name}: release {} is signed by {}", index.sequence(), key.fingerprint());
                Ok(Verified::By(*key))
            }
            (Err(error), Policy::Enforce) => Err(error),
            (Err(error), Policy::Warn) => {
                tracing::warn!("{name}: {error}; it is let pass, as --policy warn says");
                Ok(Verified::Tolerated)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{SEQUENCE, SigningKey};

    fn index(sequence: u64) -> Index {
        let annotations = [(SEQUENCE.to_owned(), sequence.to_string())].into();
        Index { schema_version: 2, media_type: String::new(), manifests: Vec::new(), annotations }
    }

    fn key() -> SigningKey {
        SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap()
    }

    #[test]
    fn the_policy_says_what_becomes_of_what_nobody_signed() {
        let key = key();
        let check = |policy, index: &Index| {
            Verifier::new(vec![key.verifying_key()], policy).check("registry.example/blog:latest", "blog", index)
        };
        let mut signed = index(3);
        signed.sign("blog", &key);
        for policy in [Policy::Enforce, Policy::Warn] {
            assert_eq!(check(policy, &signed), Ok(Verified::By(key.verifying_key())));
        }
        assert_eq!(check(Policy::Enforce, &index(3)), Err(SignatureError::Missing));
        assert_eq!(check(Policy::Warn, &index(3)), Ok(Verified::Tolerated));
        signed.annotations.insert(SEQUENCE.to_owned(), "4".to_owned());
        assert!(matches!(check(Policy::Enforce, &signed), Err(SignatureError::Broken { sequence: 4, .. })));
    }

    #[test]
    fn without_keys_nothing_passes() {
        let mut signed = index(1);
        signed.sign("blog", &key());
        assert!(Verifier::new(Vec::new(), Policy::Enforce).check("x", "blog", &signed).is_err());
    }

    #[test]
    fn policies_are_read_as_they_are_written() {
        for policy in [Policy::Enforce, Policy::Warn] {
            assert_eq!(policy.to_string().parse::<Policy>().unwrap(), policy);
        }
        assert!("off".parse::<Policy>().unwrap_err().to_string().contains("there are enforce and warn"));
    }
}
