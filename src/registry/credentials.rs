//! Who we are to a registry: from the environment, else from what `docker login` left.

use std::fmt;
use std::path::Path;

use super::docker;
use super::error::RegistryError;
use crate::secret_file::{self, SecretFileError};

const USER: &str = "GALLEY_REGISTRY_USER";
const PASSWORD: &str = "GALLEY_REGISTRY_PASSWORD";
const PASSWORD_FILE: &str = "GALLEY_REGISTRY_PASSWORD_FILE";

/// What proves who we are. Its debug form does not show it.
#[derive(Clone, PartialEq)]
pub(super) enum Proof {
    /// User name and password.
    Password { user: String, password: String },
    /// A token for which others are given out: an OAuth2 refresh token.
    Identity(String),
}

/// A proof, and where it comes from.
#[derive(Clone, PartialEq)]
pub(super) struct Credentials {
    pub(super) proof: Proof,
    pub(super) source: String,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password { .. } => "a password",
            Self::Identity(_) => "an identity token",
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "credentials from {}", self.source)
    }
}

/// The credentials for `host`: none is anonymous. They are looked for when a registry asks for them, each time: files of
/// secrets are exchanged while an instance runs, and a credential helper may ask a person.
///
/// What the environment says names no registry: `is_meant` says whether this one is meant.
pub(super) async fn find(host: &str, is_meant: bool) -> Result<Option<Credentials>, RegistryError> {
    match from_environment(variable)? {
        Some(found) if is_meant => Ok(Some(found)),
        _ => docker::find(host).await,
    }
}

/// Fails if what the environment says of credentials can't be meant so.
pub(super) fn check() -> Result<(), RegistryError> {
    from_environment(variable).map(drop)
}

/// A variable of the environment; an empty one is none.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Credentials>, RegistryError> {
    let refuse = |reason: String| Err(RegistryError::Credentials(reason));
    let found = |user, password, name| {
        Some(Credentials { proof: Proof::Password { user, password }, source: format!("{USER} and {name}") })
    };
    match (variable(USER), variable(PASSWORD), variable(PASSWORD_FILE)) {
        (None, None, None) => Ok(None),
        (Some(user), Some(password), None) => Ok(found(user, password, PASSWORD)),
        (Some(user), None, Some(file)) => Ok(found(user, password_in(Path::new(&file))?, PASSWORD_FILE)),
        (_, Some(_), Some(_)) => refuse(format!("{PASSWORD} and {PASSWORD_FILE} are both set; leave one of them out")),
        (Some(_), None, None) => {
            refuse(format!("{USER} is set, but there is no password; set {PASSWORD} or {PASSWORD_FILE}"))
        }
        (None, Some(_), None) => refuse(format!("{PASSWORD} is set, but {USER} is not")),
        (None, None, Some(_)) => refuse(format!("{PASSWORD_FILE} is set, but {USER} is not")),
    }
}

/// A secret as Docker and Kubernetes mount it; what editors add at the end does not count.
fn password_in(file: &Path) -> Result<String, RegistryError> {
    let refuse = |reason: String| RegistryError::Credentials(format!("{PASSWORD_FILE}: {}: {reason}", file.display()));
    let text = secret_file::read(file).map_err(|error| match error {
        SecretFileError::Io(error) => refuse(format!("can't be read: {error}")),
        SecretFileError::WorldWritable => {
            refuse("anybody may write to it; take that right away (chmod o-w)".to_owned())
        }
    })?;
    match text.trim() {
        "" => Err(refuse("is empty".to_owned())),
        password => Ok(password.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    fn found(variables: &[(&str, &str)]) -> Result<Option<Credentials>, String> {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        from_environment(variable).map_err(|error| error.to_string())
    }

    fn password(user: &str, password: &str) -> Proof {
        Proof::Password { user: user.to_owned(), password: password.to_owned() }
    }

    #[test]
    fn the_environment_names_user_and_password_or_its_file() {
        assert_eq!(found(&[]), Ok(None));
        let plain = found(&[(USER, "me"), (PASSWORD, "secret")]).unwrap().unwrap();
        assert_eq!(plain.proof, password("me", "secret"));
        assert_eq!(format!("{plain:?}"), "credentials from GALLEY_REGISTRY_USER and GALLEY_REGISTRY_PASSWORD");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b" two words \r\n\n").unwrap();
        let path = file.path().to_str().unwrap();
        let mounted = found(&[(USER, "me"), (PASSWORD_FILE, path)]).unwrap().unwrap();
        assert_eq!(mounted.proof, password("me", "two words"));
        assert!(mounted.source.ends_with("GALLEY_REGISTRY_PASSWORD_FILE"));
    }

    #[test]
    fn what_can_not_be_meant_is_refused_without_the_secret() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        let empty = empty.path().to_str().unwrap();
        for (variables, expected) in [
            (&[(USER, "me")][..], "GALLEY_REGISTRY_USER is set, but there is no password"),
            (&[(PASSWORD, "hunter2")], "GALLEY_REGISTRY_PASSWORD is set, but GALLEY_REGISTRY_USER is not"),
            (&[(PASSWORD_FILE, "/x")], "GALLEY_REGISTRY_PASSWORD_FILE is set, but GALLEY_REGISTRY_USER is not"),
            (&[(USER, "me"), (PASSWORD, "hunter2"), (PASSWORD_FILE, "/x")], "are both set; leave one of them out"),
            (
                &[(USER, "me"), (PASSWORD_FILE, "/nonexistent/password")],
                "/nonexistent/password: can't be read: No such file",
            ),
            (&[(USER, "me"), (PASSWORD_FILE, empty)], "is empty"),
        ] {
            let said = found(variables).unwrap_err();
            assert!(said.contains(expected) && !said.contains("hunter2"), "{said}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_password_that_anybody_may_change_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "hunter2").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        let said = found(&[(USER, "me"), (PASSWORD_FILE, file.path().to_str().unwrap())]).unwrap_err();
        assert!(said.contains("anybody may write to it") && !said.contains("hunter2"), "{said}");
    }
}
