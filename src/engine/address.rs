//! Where the engine is: what `docker` itself would talk to.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use crate::snapshot::Digest;

/// Where an engine listens if nothing says otherwise.
const DEFAULT: &str = "unix:///var/run/docker.sock";
/// The port that `tcp://` means (Docker's own default without TLS).
const PORT: u16 = 2375;

/// Where a Docker Engine is, and what says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `unix:///path/to/socket` or `tcp://host:port`
    url: String,
    source: Source,
}

/// What a connection is opened to.
pub(super) enum Place<'a> {
    Socket(&'a Path),
    /// `host:port`
    Host(&'a str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    /// Nothing else was said.
    Default,
    /// The caller.
    Given,
    /// An environment variable.
    Variable(&'static str),
    /// A context of Docker's command line.
    Context(String),
}

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Neither a socket nor TCP.
    #[error(
        "the Docker Engine at {0} can't be reached: galley speaks to engines over unix:// and tcp://; \
         write --tar FILE and `docker load --input FILE`"
    )]
    Scheme(Address),
    /// It takes TLS to reach it.
    #[error(
        "the Docker Engine at {0} wants TLS, which galley does not speak to engines; \
         write --tar FILE and `docker load --input FILE`"
    )]
    Tls(Address),
    /// A context of Docker's command line.
    #[error(
        "docker's context `{name}`: {path}: {reason}; see `docker context ls`, or set DOCKER_HOST",
        path = .path.display()
    )]
    Context {
        /// The context.
        name: String,
        /// Where it should be described.
        path: PathBuf,
        /// What is wrong there.
        reason: String,
    },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Default | Source::Given => f.write_str(&self.url),
            Source::Variable(name) => write!(f, "{} (from {name})", self.url),
            Source::Context(name) => write!(f, "{} (from docker's context `{name}`)", self.url),
        }
    }
}

/// Docker's own file (docker/cli, `ConfigFile`).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct DockerConfig {
    #[serde(default)]
    current_context: String,
}

/// A context's file (docker/cli, `store.Metadata`).
#[derive(Deserialize)]
struct Context {
    #[serde(rename = "Endpoints", default)]
    endpoints: HashMap<String, Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "Host", default)]
    host: String,
}

impl Address {
    /// The engine that `docker` would talk to: `DOCKER_HOST`, else the context that `DOCKER_CONTEXT` or `docker context use`
    /// names, else the socket that engines have by default.
    pub fn from_environment() -> Result<Self, AddressError> {
        Self::from_variables(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, AddressError> {
        let tls = variable("DOCKER_TLS_VERIFY").is_some();
        if let Some(host) = variable("DOCKER_HOST") {
            return Self::checked(&host, Source::Variable("DOCKER_HOST"), tls);
        }
        let folder = variable("DOCKER_CONFIG").map(PathBuf::from);
        let folder = folder.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".docker")));
        let name = variable("DOCKER_CONTEXT").or_else(|| current_context(folder.as_deref()?));
        match (name, folder) {
            (Some(name), Some(folder)) if name != "default" => Self::of_context(name, &folder),
            _ => Self::checked(DEFAULT, Source::Default, false),
        }
    }

    fn of_context(name: String, folder: &Path) -> Result<Self, AddressError> {
        let id = Digest::of(name.as_bytes()).hex();
        let path = folder.join("contexts/meta").join(&id).join("meta.json");
        let fault = |reason: String| AddressError::Context { name: name.clone(), path: path.clone(), reason };
        let bytes = fs::read(&path).map_err(|error| fault(error.to_string()))?;
        let context: Context = serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?;
        let Some(endpoint) = context.endpoints.get("docker") else {
            return Err(fault("says nothing of an engine".to_owned()));
        };
        let tls = folder.join("contexts/tls").join(&id).is_dir();
        Self::checked(&endpoint.host, Source::Context(name), tls)
    }

    fn checked(host: &str, source: Source, tls: bool) -> Result<Self, AddressError> {
        let url = match host.split_once("://") {
            Some(("unix", "")) => DEFAULT.to_owned(),
            Some(("tcp" | "http", rest)) => with_port(rest.trim_end_matches('/')),
            _ => host.to_owned(),
        };
        let address = Self { url, source };
        match address.url.split_once("://") {
            Some(("unix", _)) => Ok(address),
            Some(("tcp", _)) if tls => Err(AddressError::Tls(address)),
            Some(("tcp", _)) => Ok(address),
            _ => Err(AddressError::Scheme(address)),
        }
    }

    pub(super) fn place(&self) -> Place<'_> {
        match self.url.strip_prefix("unix://") {
            Some(path) => Place::Socket(Path::new(path)),
            None => Place::Host(self.url.strip_prefix("tcp://").unwrap_or(&self.url)),
        }
    }

    /// The engine as requests name it.
    pub(super) fn authority(&self) -> &str {
        match self.place() {
            Place::Socket(_) => "localhost",
            Place::Host(host) => host,
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::checked(text, Source::Given, false)
    }
}

fn with_port(host: &str) -> String {
    // The colons of `[::1]` are no port's.
    let name_end = host.rfind(']').unwrap_or(0);
    if host[name_end..].contains(':') { format!("tcp://{host}") } else { format!("tcp://{host}:{PORT}") }
}

/// What `docker context use` left; a file that can't be read is Docker's matter.
fn current_context(folder: &Path) -> Option<String> {
    let bytes = fs::read(folder.join("config.json")).ok()?;
    let config: DockerConfig = serde_json::from_slice(&bytes).ok()?;
    Some(config.current_context).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Result<String, String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let address = Address::from_variables(variable);
        address.map(|address| address.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_engine_is_where_docker_looks_for_it() {
        assert_eq!(found(&[]).unwrap(), DEFAULT);
        for (host, expected) in [
            ("unix:///run/user/1000/docker.sock", "unix:///run/user/1000/docker.sock"),
            ("unix://", DEFAULT),
            ("tcp://engine.example", "tcp://engine.example:2375"),
            ("tcp://engine.example:1/", "tcp://engine.example:1"),
            ("tcp://[::1]", "tcp://[::1]:2375"),
            ("tcp://[::1]:1", "tcp://[::1]:1"),
            ("http://engine.example:1", "tcp://engine.example:1"),
        ] {
            assert_eq!(found(&[("DOCKER_HOST", host)]).unwrap(), format!("{expected} (from DOCKER_HOST)"));
        }
    }

    #[test]
    fn what_galley_can_not_reach_says_another_way() {
        for host in ["ssh://me@engine.example", "npipe:////./pipe/docker_engine", "nonsense"] {
            let error = found(&[("DOCKER_HOST", host)]).unwrap_err();
            assert!(error.contains(host) && error.contains("--tar FILE"), "{error}");
        }
        let error = found(&[("DOCKER_HOST", "tcp://engine.example:2376"), ("DOCKER_TLS_VERIFY", "1")]).unwrap_err();
        assert!(error.contains("wants TLS"), "{error}");
    }

    #[test]
    fn contexts_of_dockers_command_line_count() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: PathBuf, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let meta =
            |name: &str| PathBuf::from("contexts/meta").join(Digest::of(name.as_bytes()).hex()).join("meta.json");
        let config = folder.path().to_str().unwrap();
        write(PathBuf::from("config.json"), "{\"currentContext\": \"rootless\"}");
        write(meta("rootless"), r#"{"Name": "rootless", "Endpoints": {"docker": {"Host": "unix:///run/d.sock"}}}"#);
        write(meta("far"), r#"{"Name": "far", "Endpoints": {"docker": {"Host": "tcp://far.example:2376"}}}"#);
        fs::create_dir_all(folder.path().join("contexts/tls").join(Digest::of(b"far").hex())).unwrap();
        let own = found(&[("DOCKER_CONFIG", config)]).unwrap();
        assert_eq!(own, "unix:///run/d.sock (from docker's context `rootless`)");
        assert_eq!(found(&[("DOCKER_CONFIG", config), ("DOCKER_CONTEXT", "default")]).unwrap(), DEFAULT);
        let far = found(&[("DOCKER_CONFIG", config), ("DOCKER_CONTEXT", "far")]).unwrap_err();
        assert!(far.contains("wants TLS"), "{far}");
        let missing = found(&[("DOCKER_CONFIG", config), ("DOCKER_CONTEXT", "gone")]).unwrap_err();
        assert!(missing.contains("docker's context `gone`: ") && missing.contains("docker context ls"), "{missing}");
        let host = found(&[("DOCKER_CONFIG", config), ("DOCKER_HOST", "unix:///x")]).unwrap();
        assert_eq!(host, "unix:///x (from DOCKER_HOST)");
    }
}
