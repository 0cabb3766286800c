//! Where an instance is reached from outside.

use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a secret may have in a URL as it is (RFC 3986, section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &str = "/_galley/hook";

/// `http://` or `https://`, a host, and perhaps a path to the hooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Without a slash at the end.
    origin: String,
    /// Behind it, if it is more than that.
    path: Option<String>,
}

impl Target {
    /// Where senders post that sign, or show the secret in a header.
    pub(super) fn plain(&self) -> String {
        format!("{}{}", self.origin, self.path.as_deref().unwrap_or(PATH))
    }

    /// With the secret in the path.
    pub(super) fn with_secret(&self, secret: &str) -> String {
        match &self.path {
            // Whoever names a path has put the secret there.
            Some(_) => self.plain(),
            None => format!("{}{PATH}/{}", self.origin, utf8_percent_encode(secret, ESCAPED)),
        }
    }

    /// With the secret in the query.
    pub(super) fn with_token(&self, secret: &str) -> String {
        format!("{}{PATH}?token={}", self.origin, utf8_percent_encode(secret, ESCAPED))
    }

    /// Whether what is sent there can be read on the way.
    pub(super) fn is_clear(&self) -> bool {
        self.origin.starts_with("http://")
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{}` is no address of a blog; write it as https://blog.example", cut(text));
        let (scheme, rest) = text.split_once("://").ok_or_else(refuse)?;
        if !["http", "https"].contains(&scheme) {
            return Err(refuse());
        }
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if host.is_empty() || host.contains(['@', '?', '#', ' ']) {
            return Err(refuse());
        }
        let path = Some(path.to_owned()).filter(|path| !path.trim_matches('/').is_empty());
        if path.as_deref().is_some_and(|path| !path.starts_with(PATH)) {
            return Err(format!("hooks are received below {PATH}; write only {scheme}://{}", cut(host)));
        }
        Ok(Self { origin: format!("{scheme}://{host}"), path })
    }
}

fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_stands_where_its_sender_can_show_it() {
        let target: Target = "https://blog.example/".parse().unwrap();
        assert_eq!(target.plain(), "https://blog.example/_galley/hook");
        assert_eq!(target.with_secret("a-b_c/d"), "https://blog.example/_galley/hook/a-b_c%2Fd");
        assert_eq!(target.with_token("a&b"), "https://blog.example/_galley/hook?token=a%26b");
        let whole: Target = "http://127.0.0.1:8080/_galley/hook/x".parse().unwrap();
        assert_eq!(whole.with_secret("y"), "http://127.0.0.1:8080/_galley/hook/x");
    }

    #[test]
    fn what_is_no_address_of_a_blog_says_so() {
        for text in ["", "blog.example", "ftp://blog.example", "https://", "https://a@b", "https://blog.example/posts/"]
        {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
