//! Where notices go: a kind of receiver, its address and what it is to be shown.

use std::fmt;
use std::str::FromStr;

use http::HeaderValue;
use reqwest::Url;
use zeroize::Zeroizing;

/// Where GitHub takes statuses, unless another address is named.
const GITHUB: &str = "https://api.github.com";

/// A kind of receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JSON of galley's own, signed if there is a key.
    Webhook,
    /// Slack's incoming webhooks, and what takes the same.
    Slack,
    /// A topic of ntfy.
    Ntfy,
    /// Statuses of commits on GitHub.
    GitHub,
    /// The same on Gitea and Forgejo.
    Gitea,
    /// A hub that tells subscribers of feeds (W3C WebSub).
    WebSub,
}

impl Kind {
    const ALL: [Self; 6] = [Self::Webhook, Self::Slack, Self::Ntfy, Self::GitHub, Self::Gitea, Self::WebSub];

    /// Its name, as it stands before an address.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Ntfy => "ntfy",
            Self::GitHub => "github",
            Self::Gitea => "gitea",
            Self::WebSub => "websub",
        }
    }

    /// What stands behind the name.
    fn target(self) -> &'static str {
        match self {
            Self::GitHub => "OWNER/REPOSITORY, or https://HOST/api/v3/OWNER/REPOSITORY",
            Self::Gitea => "https://HOST/OWNER/REPOSITORY",
            Self::Webhook | Self::Slack | Self::Ntfy | Self::WebSub => "a URL with https:// or http://",
        }
    }

    /// Whether nothing is taken without a token.
    fn needs_token(self) -> bool {
        matches!(self, Self::GitHub | Self::Gitea)
    }

    /// Whether there is something to do with a token.
    fn takes_token(self) -> bool {
        self.needs_token() || matches!(self, Self::Webhook | Self::Ntfy)
    }
}

impl FromStr for Kind {
    type Err = WayError;

    fn from_str(text: &str) -> Result<Self, WayError> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(WayError::Unknown)
    }
}

/// A receiver of notices. Neither its address nor its token is ever printed: of the address only the host is.
#[derive(Clone)]
pub struct Way {
    pub(super) kind: Kind,
    /// For statuses of commits, all but the commit.
    pub(super) url: Url,
    pub(super) token: Option<Zeroizing<String>>,
}

/// Why a text names no receiver. No message holds a part of it: it may be a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WayError {
    /// There is no such kind.
    #[error(
        "begins with none of webhook=, slack=, ntfy=, github=, gitea= and websub=; write it as `webhook=https://host/path`"
    )]
    Unknown,
    /// What stands behind the kind is no address of it.
    #[error("{name}= wants {target}", name = .0.name(), target = .0.target())]
    Target(Kind),
    /// Nothing would be taken without a token.
    #[error("{name} takes nothing without a token; name its file: --notify-token-file {name}=FILE", name = .0.name())]
    NoToken(Kind),
    /// There is nothing to do with a token.
    #[error("{name} takes no token; leave it out", name = .0.name())]
    TakesNone(Kind),
    /// No header field can hold the token.
    #[error("the token of {name} has characters that no token has; it is one line of ASCII", name = .0.name())]
    Token(Kind),
}

impl Way {
    /// Reads `KIND=ADDRESS`.
    pub fn parse(text: &str) -> Result<Self, WayError> {
        let (kind, target) = text.trim().split_once('=').ok_or(WayError::Unknown)?;
        let kind: Kind = kind.parse()?;
        let refuse = || WayError::Target(kind);
        let url = match kind {
            Kind::GitHub if !target.contains("://") => statuses(&format!("{GITHUB}/{target}"), ""),
            Kind::GitHub => statuses(target, ""),
            Kind::Gitea => statuses(target, "api/v1/"),
            Kind::Webhook | Kind::Slack | Kind::Ntfy | Kind::WebSub => address(target),
        };
        Ok(Self { kind, url: url.ok_or_else(refuse)?, token: None })
    }

    /// Reads a line of a file: a way, and behind a space its token, if it has one of its own.
    pub fn parse_line(line: &str) -> Result<Self, WayError> {
        let (way, token) = line.trim().split_once(char::is_whitespace).unwrap_or((line, ""));
        match token.trim() {
            "" => Self::parse(way),
            token => Self::parse(way)?.with_token(token),
        }
    }

    /// With what it is to be shown: the key of a webhook's signature, or a token.
    pub fn with_token(self, token: &str) -> Result<Self, WayError> {
        if !self.kind.takes_token() {
            return Err(WayError::TakesNone(self.kind));
        }
        if token.is_empty() || HeaderValue::from_str(token).is_err() || !token.is_ascii() {
            return Err(WayError::Token(self.kind));
        }
        Ok(Self { token: Some(Zeroizing::new(token.to_owned())), ..self })
    }

    /// The same, if it has what it needs.
    pub fn complete(self) -> Result<Self, WayError> {
        match self.kind.needs_token() && self.token.is_none() {
            true => Err(WayError::NoToken(self.kind)),
            false => Ok(self),
        }
    }

    /// What receives.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it has a token of its own.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.kind.name(), self.url.host_str().unwrap_or_default())?;
        self.url.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Way({self})")
    }
}

fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// Where a repository, the last two parts of the path in `text`, takes statuses; `api` is where the rest is asked.
fn statuses(text: &str, api: &str) -> Option<Url> {
    let mut url = address(text)?;
    let path = url.path().trim_matches('/').to_owned();
    let (rest, repository) = path.rsplit_once('/')?;
    let (base, owner) = rest.rsplit_once('/').map_or(("", rest), |(base, owner)| (base, owner));
    let is_name = |name: &str| {
        name.chars().any(|c| c != '.') && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    if url.query().is_some() || url.fragment().is_some() || !is_name(owner) || !is_name(repository) {
        return None;
    }
    let base = if base.is_empty() { String::new() } else { format!("{base}/") };
    url.set_path(&format!("/{base}{api}repos/{owner}/{repository}/statuses/"));
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_kind_is_read() {
        for (text, url, said) in [
            ("webhook=https://a.example/x?y=z", "https://a.example/x?y=z", "webhook at a.example"),
            (
                "slack=https://hooks.slack.com/services/T/B/x",
                "https://hooks.slack.com/services/T/B/x",
                "slack at hooks.slack.com",
            ),
            ("ntfy=http://[::1]:8080/topic", "http://[::1]:8080/topic", "ntfy at [::1]:8080"),
            ("github=ada/blog", "https://api.github.com/repos/ada/blog/statuses/", "github at api.github.com"),
            (
                "github=https://git.example/api/v3/ada/blog/",
                "https://git.example/api/v3/repos/ada/blog/statuses/",
                "github at git.example",
            ),
            (
                "gitea=https://git.example/ada/my.blog",
                "https://git.example/api/v1/repos/ada/my.blog/statuses/",
                "gitea at git.example",
            ),
            (
                "gitea=https://a.example/git/ada/blog",
                "https://a.example/git/api/v1/repos/ada/blog/statuses/",
                "gitea at a.example",
            ),
            ("websub=https://hub.example/", "https://hub.example/", "websub at hub.example"),
        ] {
            let way = Way::parse(text).unwrap();
            assert_eq!((way.url.as_str(), way.to_string().as_str()), (url, said), "{text}");
        }
    }

    #[test]
    fn what_is_no_way_is_refused() {
        for text in ["", "https://a.example/", "mail=a@b", "webhook", "=x", "Slack=https://a.example/"] {
            assert_eq!(Way::parse(text).unwrap_err(), WayError::Unknown, "{text}");
        }
        for text in ["webhook=", "slack=a.example/x", "ntfy=ftp://a.example/x", "websub=file:///etc/passwd"] {
            assert!(matches!(Way::parse(text), Err(WayError::Target(_))), "{text}");
        }
        for text in ["ada", "ada/", "/blog", "../..", "ada/b%2fc", "ada/blog?x", "ada/blog#x", "http://a/b"] {
            assert_eq!(Way::parse(&format!("github={text}")).unwrap_err(), WayError::Target(Kind::GitHub), "{text}");
        }
    }

    #[test]
    fn tokens_go_where_they_are_of_use() {
        let line = |text: &str| Way::parse_line(text).and_then(Way::complete);
        assert_eq!(line("github=ada/blog").unwrap_err(), WayError::NoToken(Kind::GitHub));
        assert_eq!(&**line("github=ada/blog \t secret").unwrap().token.as_ref().unwrap(), "secret");
        assert_eq!(line("slack=https://a.example/x secret").unwrap_err(), WayError::TakesNone(Kind::Slack));
        assert!(!line(" webhook=https://a.example/x ").unwrap().has_token());
        let way = Way::parse("ntfy=https://a.example/x").unwrap();
        assert_eq!(way.with_token("a\nb").unwrap_err(), WayError::Token(Kind::Ntfy));
    }

    proptest! {
        /// Whatever is in an address, no more than its host is printed, right or wrong.
        #[test]
        fn no_secret_is_printed(
            kind in "(webhook|slack|ntfy|github|gitea|websub|mail)",
            scheme in "(https|http|ftp|)",
            secret in "SECRET[a-zA-Z0-9]{4,12}",
            odd in "[ -~]{0,8}",
            place in 0usize..5,
        ) {
            let target = match place {
                0 => format!("{scheme}://a.example/{secret}/{odd}{secret}"),
                1 => format!("{scheme}://{secret}:{secret}@a.example/b/c"),
                2 => format!("{scheme}://a.example/b/c?{odd}={secret}"),
                3 => format!("{scheme}://a.example/b/c#{secret}{odd}"),
                _ => format!("{secret}{odd}/{secret}"),
            };
            for text in [format!("{kind}={target}"), target.clone(), format!("{kind}=https://a.example/b/c {secret}")] {
                let said = match Way::parse_line(&text) {
                    Ok(way) => format!("{way} {way:?}"),
                    Err(error) => format!("{error} {error:?}"),
                };
                prop_assert!(!said.to_lowercase().contains("secret"), "{}", said);
            }
        }
    }
}
