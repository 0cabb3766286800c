//! The content security policy of a page, computed from the page: what it brings along may run, nothing else.
//!
//! Inline scripts and style sheets are named by their hashes (CSP Level 3, section 6.7.3), and so are style attributes and
//! event handlers, which need `'unsafe-hashes'` for it. Other hosts are allowed what the page itself takes from them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::html::{Tag, Token, Tokens, resolve_references};

/// Hashes of one kind on a page. More of them make a field that servers in between refuse; a page with more style
/// attributes than this has its styles allowed as a whole, and one with more scripts runs the first of them.
const MAX_HASHES: usize = 64;
/// Other hosts of one kind on a page.
const MAX_HOSTS: usize = 32;

/// What a page brings along.
#[derive(Default)]
struct Needs {
    scripts: BTreeSet<String>,
    handlers: BTreeSet<String>,
    styles: BTreeSet<String>,
    style_attributes: BTreeSet<String>,
    script_hosts: BTreeSet<String>,
    style_hosts: BTreeSet<String>,
    image_hosts: BTreeSet<String>,
    media_hosts: BTreeSet<String>,
    frame_hosts: BTreeSet<String>,
    form_hosts: BTreeSet<String>,
}

/// The policy for a page.
pub(super) fn policy(html: &str) -> String {
    let mut needs = Needs::default();
    let mut tokens = Tokens::new(html).peekable();
    while let Some(token) = tokens.next() {
        let Token::Start(tag) = token else { continue };
        // Text of a script or style sheet goes up to the next tag that the tokenizer knows: its own end.
        let end = match tokens.peek() {
            Some(Token::End { at, .. }) => *at,
            _ => html.len(),
        };
        needs.take(&tag, html.get(tag.end..end).unwrap_or_default());
    }
    needs.policy()
}

impl Needs {
    fn take(&mut self, tag: &Tag<'_>, text: &str) {
        let value = |name: &str| tag.attribute(name).map(|attribute| resolve_references(attribute.value));
        let host = |name: &str| value(name).and_then(|url| host(&url));
        match &*tag.name {
            "script" => match value("src") {
                Some(url) => self.script_hosts.extend(self::host(&url)),
                None if is_script(value("type").as_deref()) => drop(self.scripts.insert(hash(text))),
                None => {}
            },
            "style" => drop(self.styles.insert(hash(text))),
            "link" => {
                let relation = value("rel").unwrap_or_default().to_ascii_lowercase();
                if relation.split_ascii_whitespace().any(|word| word == "stylesheet") {
                    self.style_hosts.extend(host("href"));
                } else if relation.contains("icon") {
                    self.image_hosts.extend(host("href"));
                }
            }
            "img" | "input" => self.image_hosts.extend(host("src")),
            "video" | "audio" | "track" => {
                self.media_hosts.extend(host("src"));
                self.image_hosts.extend(host("poster"));
            }
            // In a picture it has srcset, in a video src.
            "source" => self.media_hosts.extend(host("src")),
            "iframe" | "embed" | "object" => {
                self.frame_hosts.extend(host("src").or_else(|| host("data")));
            }
            "form" => self.form_hosts.extend(host("action")),
            _ => {}
        }
        if let Some(set) = value("srcset") {
            let urls = set.split(',').filter_map(|candidate| candidate.split_whitespace().next());
            self.image_hosts.extend(urls.filter_map(self::host));
        }
        for attribute in &tag.attributes {
            if attribute.name == "style" {
                self.style_attributes.insert(hash(&resolve_references(attribute.value)));
            } else if attribute.name.len() > 2 && attribute.name.starts_with("on") {
                self.handlers.insert(hash(&resolve_references(attribute.value)));
            }
        }
    }

    fn policy(&self) -> String {
        let mut policy = String::from("default-src 'self'; base-uri 'self'; frame-ancestors 'self'; object-src ");
        policy.push_str(if self.frame_hosts.is_empty() { "'none'" } else { "'self'" });
        hosts(&mut policy, &self.frame_hosts);
        directive(&mut policy, "form-action", &self.form_hosts, "");
        let hashed = |hashes: &BTreeSet<String>, attributes: &BTreeSet<String>| {
            let mut sources = String::new();
            for hash in hashes.iter().take(MAX_HASHES) {
                sources += &format!(" '{hash}'");
            }
            if !attributes.is_empty() {
                sources += " 'unsafe-hashes'";
            }
            for hash in attributes.iter().take(MAX_HASHES) {
                sources += &format!(" '{hash}'");
            }
            sources
        };
        directive(&mut policy, "script-src", &self.script_hosts, &hashed(&self.scripts, &self.handlers));
        let styles = match self.style_attributes.len() + self.styles.len() > MAX_HASHES {
            true => " 'unsafe-inline'".to_owned(),
            false => hashed(&self.styles, &self.style_attributes),
        };
        // A script of another host brings its own styles, pictures and frames, and speaks with that host.
        let with_scripts = |hosts: &BTreeSet<String>| hosts.union(&self.script_hosts).cloned().collect::<BTreeSet<_>>();
        directive(&mut policy, "style-src", &with_scripts(&self.style_hosts), &styles);
        directive(&mut policy, "img-src", &with_scripts(&self.image_hosts), " data:");
        directive(&mut policy, "font-src", &self.style_hosts, " data:");
        if !self.media_hosts.is_empty() {
            directive(&mut policy, "media-src", &self.media_hosts, "");
        }
        if !self.frame_hosts.is_empty() || !self.script_hosts.is_empty() {
            directive(&mut policy, "frame-src", &with_scripts(&self.frame_hosts), "");
            directive(&mut policy, "connect-src", &self.script_hosts, "");
        }
        policy
    }
}

fn directive(policy: &mut String, name: &str, allowed: &BTreeSet<String>, more: &str) {
    // Writing into a String gives no error.
    let _ = write!(policy, "; {name} 'self'{more}");
    hosts(policy, allowed);
}

fn hosts(policy: &mut String, hosts: &BTreeSet<String>) {
    for host in hosts.iter().take(MAX_HOSTS) {
        policy.push(' ');
        policy.push_str(host);
    }
}

/// Whether a browser runs it; JSON-LD and templates are data.
fn is_script(media_type: Option<&str>) -> bool {
    let media_type = media_type.unwrap_or_default().trim().to_ascii_lowercase();
    media_type.is_empty()
        || media_type.ends_with("javascript")
        || media_type.ends_with("ecmascript")
        || matches!(media_type.as_str(), "module" | "importmap" | "speculationrules")
}

fn hash(text: &str) -> String {
    // A browser reads line ends as LF before it looks at anything (HTML standard, section 13.2.3.5).
    let text =
        if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { Cow::Borrowed(text) };
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// `https://host:port` of an absolute URL, the host alone of one that takes the page's scheme; nothing for one of this
/// site, and nothing that could end a directive.
fn host(url: &str) -> Option<String> {
    let url = url.trim_matches([' ', '\t', '\n', '\r', '\x0c']);
    let (scheme, rest) = match url.strip_prefix("//") {
        Some(rest) => ("", rest),
        None => url.split_at(url.find("://")? + "://".len()),
    };
    let scheme = scheme.to_ascii_lowercase();
    let host = rest.split(['/', '?', '#', '\\']).next()?.to_ascii_lowercase();
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '_');
    let sound = matches!(scheme.as_str(), "" | "http://" | "https://") && !host.is_empty() && host.chars().all(sound);
    sound.then(|| scheme + &host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The sources of one directive.
    fn sources(html: &str, name: &str) -> String {
        let policy = policy(html);
        let found = policy.split("; ").find_map(|directive| directive.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_default().to_owned()
    }

    #[test]
    fn a_plain_page_allows_nothing_but_its_own() {
        let expected = "default-src 'self'; base-uri 'self'; frame-ancestors 'self'; object-src 'none'; \
                        form-action 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:";
        assert_eq!(policy("<p>text <a href='https://x.example/'>link</a> <img src=/a.png>"), expected);
    }

    #[test]
    fn what_stands_in_the_page_is_named_by_its_hash() {
        // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        let alert = "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='";
        assert_eq!(sources("<script>alert(1)</script>", "script-src"), format!("'self' {alert}"));
        assert_eq!(sources("<script type=module>alert(1)</script>", "script-src"), format!("'self' {alert}"));
        assert_eq!(sources("<script type='application/ld+json'>{}</script>", "script-src"), "'self'");
        let handler = sources("<b onclick='alert(1)'>x</b>", "script-src");
        assert_eq!(handler, format!("'self' 'unsafe-hashes' {alert}"));
        assert_eq!(sources("<style>alert(1)</style>", "style-src"), format!("'self' {alert}"));
        assert_eq!(sources("<p style='alert&#40;1)'>", "style-src"), format!("'self' 'unsafe-hashes' {alert}"));
    }

    #[test]
    fn other_hosts_get_what_the_page_takes_from_them() {
        let html = "<iframe src='https://Video.example/embed?x'></iframe><img srcset='//cdn.example/a.png 1x, /b.png 2x'>\
                    <script src=https://code.example:8443/x.js></script><img src='https://evil.example;script-src/x'>";
        assert_eq!(sources(html, "frame-src"), "'self' https://code.example:8443 https://video.example");
        assert_eq!(sources(html, "img-src"), "'self' data: cdn.example https://code.example:8443");
        assert_eq!(sources(html, "script-src"), "'self' https://code.example:8443");
        assert_eq!(sources(html, "connect-src"), "'self' https://code.example:8443");
    }

    #[test]
    fn very_many_style_attributes_are_allowed_as_a_whole() {
        let html: String = (0..=MAX_HASHES).map(|number| format!("<p style='width: {number}px'>")).collect();
        assert_eq!(sources(&html, "style-src"), "'self' 'unsafe-inline'");
    }

    proptest! {
        #[test]
        fn no_page_breaks_out_of_the_field(html in "[<>/a-c\"'= ;:,.\\n&#]{0,120}|<img src='\\PC{0,40}'>") {
            let policy = policy(&html);
            prop_assert!(http::HeaderValue::from_str(&policy).is_ok(), "{}", policy);
            prop_assert_eq!(policy.matches("script-src").count(), 1);
        }
    }
}
