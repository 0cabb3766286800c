//! Who we are to a registry: credentials, challenges and tokens (distribution's token specification; RFC 9110 section 11).

use std::collections::HashMap;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// User name and password, and where they come from. Its debug form shows neither.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) source: &'static str,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "credentials from {}", self.source)
    }
}

/// Docker Hub's key in Docker's own file.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

#[derive(Deserialize, Default)]
struct DockerConfig {
    #[serde(default)]
    auths: HashMap<String, DockerAuth>,
}

#[derive(Deserialize, Default)]
struct DockerAuth {
    #[serde(default)]
    auth: String,
}

/// The credentials for `host`: from the environment, else from Docker's configuration; none is anonymous.
pub(super) fn credentials(host: &str) -> Option<Credentials> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let (Some(user), Some(password)) = (variable("GALLEY_REGISTRY_USER"), variable("GALLEY_REGISTRY_PASSWORD")) {
        return Some(Credentials { user, password, source: "GALLEY_REGISTRY_USER and GALLEY_REGISTRY_PASSWORD" });
    }
    let folder = variable("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".docker")))?;
    let text = std::fs::read(folder.join("config.json")).ok()?;
    from_docker(&text, host)
}

fn from_docker(config: &[u8], host: &str) -> Option<Credentials> {
    let config: DockerConfig = match serde_json::from_slice(config) {
        Ok(config) => config,
        Err(error) => {
            tracing::warn!("docker's config.json can't be read and is passed over: {error}");
            return None;
        }
    };
    let keys = [host.to_owned(), format!("https://{host}"), format!("https://{host}/v1/")];
    let hub = (host == "docker.io").then(|| DOCKER_HUB_KEY.to_owned());
    let found = keys.into_iter().chain(hub).find_map(|key| config.auths.get(&key))?;
    let decoded = String::from_utf8(STANDARD.decode(found.auth.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(Credentials { user: user.to_owned(), password: password.to_owned(), source: "docker's config.json" })
}

/// What a 401 asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Challenge {
    /// User name and password.
    Basic,
    /// A token from `realm`.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

/// Reads `WWW-Authenticate`; schemes that galley does not know are passed over.
pub(super) fn challenge(field: &str) -> Option<Challenge> {
    let (scheme, parameters) = field.trim().split_once(' ').unwrap_or((field.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let mut parameters = parse_parameters(parameters);
    let realm = parameters.remove("realm")?;
    Some(Challenge::Bearer { realm, service: parameters.remove("service"), scope: parameters.remove("scope") })
}

/// `name="value"` pairs; a comma within quotes separates nothing.
fn parse_parameters(text: &str) -> HashMap<String, String> {
    let mut parameters = HashMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        parameters.insert(name.trim_matches([',', ' ']).to_ascii_lowercase(), value.trim().to_owned());
        rest = next;
    }
    parameters
}

/// A token endpoint's answer.
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

impl TokenAnswer {
    /// Registries use either name.
    pub(super) fn token(self) -> Option<String> {
        self.token.or(self.access_token).filter(|token| !token.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn challenges_are_read() {
        let bearer = "Bearer realm=\"https://auth.example/token\",service=\"r, s\",scope=\"repository:a/b:pull,push\"";
        let expected = Challenge::Bearer {
            realm: "https://auth.example/token".to_owned(),
            service: Some("r, s".to_owned()),
            scope: Some("repository:a/b:pull,push".to_owned()),
        };
        assert_eq!(challenge(bearer), Some(expected));
        assert_eq!(challenge("basic realm=\"x\""), Some(Challenge::Basic));
        assert_eq!(challenge("Negotiate"), None);
        assert_eq!(challenge("Bearer service=x"), None);
    }

    #[test]
    fn dockers_own_file_is_understood() {
        let config = br#"{"auths": {"registry.example": {"auth": "bWU6c2VjcmV0OjE="}, "https://index.docker.io/v1/": {"auth": "aHViOng="}}}"#;
        let own = from_docker(config, "registry.example").unwrap();
        assert_eq!((own.user.as_str(), own.password.as_str()), ("me", "secret:1"));
        assert_eq!(from_docker(config, "docker.io").unwrap().user, "hub");
        assert!(from_docker(config, "other.example").is_none());
        assert!(from_docker(b"{", "other.example").is_none());
        assert_eq!(format!("{own:?}"), "credentials from docker's config.json");
    }

    proptest! {
        #[test]
        fn no_challenge_panics(text in "[ -~]{0,80}") {
            challenge(&text);
        }
    }
}
