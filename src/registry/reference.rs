//! Image references with Docker's defaults: `[host[:port]/]name[:tag][@digest]`.

use std::fmt;
use std::str::FromStr;

use crate::snapshot::Digest;

/// The registry of a reference without a host.
const DOCKER_HUB: &str = "docker.io";
/// Where that registry answers.
const DOCKER_HUB_API: &str = "registry-1.docker.io";
/// The longest repository name (distribution's reference grammar).
const MAX_REPOSITORY: usize = 255;
/// The longest tag.
const MAX_TAG: usize = 128;

/// A repository in a registry, with a tag and perhaps a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    host: String,
    repository: String,
    tag: String,
    digest: Option<Digest>,
}

/// Why a text is no reference.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is no image reference: {reason}; write it as registry.example/blog:latest")]
pub struct ReferenceError {
    text: String,
    reason: &'static str,
}

impl Reference {
    /// The registry's name as users write it, with the port if there is one.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host that answers for the registry.
    pub(super) fn api_host(&self) -> &str {
        if self.host == DOCKER_HUB { DOCKER_HUB_API } else { &self.host }
    }

    /// The repository, `library/` included where Docker Hub has it.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `latest` if none was given.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The digest, if the reference names one.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Whether the registry is on this machine: plain HTTP is safe then.
    pub fn is_loopback(&self) -> bool {
        let name = match self.host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => self.host.rsplit_once(':').map_or(self.host.as_str(), |(name, _)| name),
        };
        is_loopback(name)
    }
}

/// Whether a host by that name, or with that address, is this machine.
pub(super) fn is_loopback(name: &str) -> bool {
    let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.host, self.repository, self.tag)?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let refuse = |reason| ReferenceError { text: text.chars().take(100).collect(), reason };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(|_| refuse("its digest can't be read"))?)),
            None => (text, None),
        };
        let (host, rest) = match rest.split_once('/') {
            Some((first, after)) if is_host(first) => (first, after),
            _ => (DOCKER_HUB, rest),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) => (name, tag),
            None => (rest, "latest"),
        };
        let host = if host == "index.docker.io" { DOCKER_HUB } else { host };
        let repository =
            if host == DOCKER_HUB && !name.contains('/') { format!("library/{name}") } else { name.to_owned() };
        if !is_sound_host(host) {
            return Err(refuse("its registry is no host name"));
        }
        if name.is_empty() || repository.len() > MAX_REPOSITORY || !repository.split('/').all(is_component) {
            return Err(refuse("its name has lower-case letters, digits and single . _ - / between them"));
        }
        if !is_tag(tag) {
            return Err(refuse("its tag has letters, digits, . _ and -, at most 128"));
        }
        Ok(Self { host: host.to_owned(), repository, tag: tag.to_owned(), digest })
    }
}

/// The first part is a host if it could not be a name: as Docker decides it.
fn is_host(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost"
}

fn is_sound_host(host: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ['.', '-', ':', '[', ']'].contains(&c);
    let port = host.rsplit_once(':').filter(|(_, after)| !after.contains(']')).map(|(_, port)| port);
    host.chars().all(allowed) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// `[a-z0-9]+` with `.`, `_`, `__` or hyphens between.
fn is_component(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separated = text.starts_with(inner) && text.ends_with(inner);
    let known = text.chars().all(|c| inner(c) || ['.', '_', '-'].contains(&c));
    separated && known && !["..", "___", "._", "_.", ".-", "-.", "_-", "-_"].iter().any(|run| text.contains(run))
}

fn is_tag(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(word) && text.len() <= MAX_TAG && text.chars().all(|c| word(c) || ['.', '-'].contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dockers_defaults_are_filled_in() {
        for (text, expected) in [
            ("blog", "docker.io/library/blog:latest"),
            ("me/blog", "docker.io/me/blog:latest"),
            ("index.docker.io/me/blog:1.2", "docker.io/me/blog:1.2"),
            ("localhost/blog", "localhost/blog:latest"),
            ("127.0.0.1:5000/a/b:x", "127.0.0.1:5000/a/b:x"),
            ("[::1]:5000/a", "[::1]:5000/a:latest"),
            ("registry.example/a__b", "registry.example/a__b:latest"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), expected);
        }
        let digest = Digest::of(b"x");
        let reference: Reference = format!("ghcr.io/me/blog@{digest}").parse().unwrap();
        assert_eq!(reference.digest(), Some(digest));
    }

    #[test]
    fn docker_hub_answers_at_another_host_than_its_name() {
        for text in ["blog", "index.docker.io/me/blog", "docker.io/blog"] {
            let reference = text.parse::<Reference>().unwrap();
            assert_eq!((reference.host(), reference.api_host()), ("docker.io", "registry-1.docker.io"), "{text}");
        }
        assert_eq!("ghcr.io/me/blog".parse::<Reference>().unwrap().api_host(), "ghcr.io");
    }

    #[test]
    fn what_is_no_reference_says_why() {
        for text in
            ["", "Blog", "a/", "/a", "a:", "a:b:c", "a..b", "a/-b", "host.example:x/a", "a@sha256:1", "a b", "a:b/c"]
        {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains("is no image reference"), "{text}: {error}");
        }
    }

    #[test]
    fn loopback_registries_are_known() {
        for (text, expected) in [
            ("127.0.0.1:5000/a", true),
            ("localhost:5000/a", true),
            ("[::1]:5000/a", true),
            ("127.0.0.1.example/a", false),
            ("blog", false),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().is_loopback(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_reads_again(text in "[a-zA-Z0-9./:@_-]{0,40}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
            }
        }
    }
}
