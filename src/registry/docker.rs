//! Docker's config.json: its `auths`, and the programs that its `credHelpers` and `credsStore` name (docker's
//! docker-credential-helpers protocol).

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::credentials::{Credentials, Proof, variable};
use super::error::RegistryError;

/// Docker Hub's key, for `auths` and for helpers.
const HUB: &str = "https://index.docker.io/v1/";
/// The user name that stands for an identity token.
const IDENTITY: &str = "<token>";
/// A helper may ask a person for the key to a wallet.
const HELPER_PATIENCE: Duration = Duration::from_secs(120);
/// A user name and a password or token are shorter.
const MAX_ANSWER: u64 = 64 << 10;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: HashMap<String, Auth>,
    cred_helpers: HashMap<String, String>,
    creds_store: String,
}

/// What `docker login` writes, or whoever makes a Kubernetes secret.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Auth {
    /// `user:password` in base64.
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

/// What a helper answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// What docker's configuration knows of `host`.
pub(super) async fn find(host: &str) -> Result<Option<Credentials>, RegistryError> {
    let folder = variable("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".docker")));
    let Some(file) = folder.map(|folder| folder.join("config.json")) else { return Ok(None) };
    let Ok(text) = std::fs::read(&file) else { return Ok(None) };
    let Some(config) = read(&text) else { return Ok(None) };
    if let Some(helper) = config.helper(host)
        && let Some(found) = ask(helper, server(host)).await?
    {
        return Ok(Some(found));
    }
    Ok(config.stored(host))
}

/// The line of what serde says stays away: it could quote the file.
fn read(text: &[u8]) -> Option<Config> {
    serde_json::from_slice(text)
        .inspect_err(|error| {
            let (line, column) = (error.line(), error.column());
            tracing::warn!("docker's config.json can't be read at {line}:{column} and is passed over");
        })
        .ok()
}

/// As helpers know it.
fn server(host: &str) -> &str {
    if host == "docker.io" { HUB } else { host }
}

/// All keys by which `host` may be known.
fn keys(host: &str) -> Vec<String> {
    let mut keys = vec![host.to_owned()];
    keys.extend(["", "/", "/v1/", "/v2/"].map(|end| format!("https://{host}{end}")));
    keys.push(format!("http://{host}"));
    if host == "docker.io" {
        keys.extend([HUB.to_owned(), "index.docker.io".to_owned()]);
    }
    keys
}

impl Config {
    /// The helper for `host`, else the one for all.
    fn helper(&self, host: &str) -> Option<&str> {
        let own = keys(host).into_iter().find_map(|key| self.cred_helpers.get(&key));
        Some(own.unwrap_or(&self.creds_store).as_str()).filter(|name| !name.is_empty())
    }

    fn stored(&self, host: &str) -> Option<Credentials> {
        let entries = keys(host).into_iter().filter_map(|key| self.auths.get(&key));
        let proof = entries.filter_map(Auth::proof).next()?;
        Some(Credentials { proof, source: "docker's config.json".to_owned() })
    }
}

impl Auth {
    fn proof(&self) -> Option<Proof> {
        if !self.identitytoken.is_empty() {
            return Some(Proof::Identity(self.identitytoken.clone()));
        }
        let decoded = STANDARD.decode(self.auth.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok())?;
        match decoded.split_once(':') {
            Some((user, password)) => Some(proof(user, password.trim_end_matches('\0'))),
            None if self.username.is_empty() => None,
            None => Some(proof(&self.username, &self.password)),
        }
    }
}

fn proof(user: &str, secret: &str) -> Proof {
    match user {
        IDENTITY => Proof::Identity(secret.to_owned()),
        user => Proof::Password { user: user.to_owned(), password: secret.to_owned() },
    }
}

/// Asks a helper for the credentials for `server`; `None` if it has none. What it prints is never shown: it may be the secret.
async fn ask(helper: &str, server: &str) -> Result<Option<Credentials>, RegistryError> {
    let program = format!("docker-credential-{helper}");
    let refuse = |reason: String| {
        RegistryError::Credentials(format!(
            "{program}, which docker's config.json names for {server}, {reason}; \
             run `echo {server} | {program} get` to see more, or set GALLEY_REGISTRY_USER and GALLEY_REGISTRY_PASSWORD"
        ))
    };
    if helper.contains(['/', '\\']) {
        return Err(refuse("is no name of a program".to_owned()));
    }
    let talk = tokio::time::timeout(HELPER_PATIENCE, talk(&program, server));
    let (success, output) = match talk.await {
        Ok(answer) => answer.map_err(|error| refuse(format!("can't be run: {error}")))?,
        Err(_) => return Err(refuse(format!("has not answered within {} s", HELPER_PATIENCE.as_secs()))),
    };
    if !success {
        // The protocol's words for it, in errors of the library that all of docker's helpers are made with.
        let unknown = String::from_utf8_lossy(&output).contains("credentials not found in native keychain");
        return if unknown { Ok(None) } else { Err(refuse("failed".to_owned())) };
    }
    let answer: Answer =
        serde_json::from_slice(&output).map_err(|_| refuse("answers with no credentials".to_owned()))?;
    if answer.secret.is_empty() {
        return Ok(None);
    }
    Ok(Some(Credentials { proof: proof(&answer.username, &answer.secret), source: program.clone() }))
}

/// Runs `program get` with `server` on its standard input: whether it did well, and what it printed.
async fn talk(program: &str, server: &str) -> std::io::Result<(bool, Vec<u8>)> {
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // One that does not read its input knows the answer without.
        let _ = input.write_all(format!("{server}\n").as_bytes()).await;
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_ANSWER).read_to_end(&mut output).await?;
    }
    Ok((child.wait().await?.success(), output))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(config: &str, host: &str) -> Option<Proof> {
        read(config.as_bytes())?.stored(host).map(|found| found.proof)
    }

    fn password(user: &str, password: &str) -> Option<Proof> {
        Some(Proof::Password { user: user.to_owned(), password: password.to_owned() })
    }

    #[test]
    fn what_docker_login_wrote_is_understood() {
        let config = r#"{"auths": {"registry.example": {"auth": "bWU6c2VjcmV0OjE="}, "https://index.docker.io/v1/": {"auth": "aHViOng="},
            "tokens.example": {"auth": "bWU6", "identitytoken": "t"}, "https://kubernetes.example/v2/": {"username": "k", "password": "p"},
            "empty.example": {}}}"#;
        assert_eq!(stored(config, "registry.example"), password("me", "secret:1"));
        assert_eq!(stored(config, "docker.io"), password("hub", "x"));
        assert_eq!(stored(config, "tokens.example"), Some(Proof::Identity("t".to_owned())));
        assert_eq!(stored(config, "kubernetes.example"), password("k", "p"));
        assert_eq!(stored(config, "empty.example"), None);
        assert_eq!(stored(config, "other.example"), None);
        assert_eq!(stored("{", "other.example"), None);
    }

    #[test]
    fn a_helper_of_its_own_goes_before_the_store_for_all() {
        let config = read(
            br#"{"credHelpers": {"a.example": "pass", "https://index.docker.io/v1/": "hub"}, "credsStore": "all"}"#,
        );
        let config = config.unwrap();
        assert_eq!(config.helper("a.example"), Some("pass"));
        assert_eq!(config.helper("docker.io"), Some("hub"));
        assert_eq!(config.helper("b.example"), Some("all"));
        assert_eq!(read(b"{}").unwrap().helper("a.example"), None);
    }
}
