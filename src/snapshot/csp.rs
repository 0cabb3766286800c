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

/// Hashes on a page, 53 bytes each. With more of them the field would not fit into what proxies take of all fields together
/// (nginx: 4 KB). Styles that don't fit are allowed as a whole; of scripts the first ones run.
const MAX_HASHES: usize = 56;
/// Those of scripts and event handlers.
const MAX_SCRIPTS: usize = 48;
/// Other hosts of one kind on a page. With more of them pictures, media and fonts may come from any; of what could run the first ones
/// may.
const MAX_HOSTS: usize = 16;

/// What a page brings along.
#[derive(Default)]
struct Needs {
    /// Hashes in the order of the page.
    scripts: Vec<String>,
    handlers: Vec<String>,
    styles: Vec<String>,
    style_attributes: Vec<String>,
    script_hosts: BTreeSet<String>,
    style_hosts: BTreeSet<String>,
    image_hosts: BTreeSet<String>,
    font_hosts: BTreeSet<String>,
    manifest_hosts: BTreeSet<String>,
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
                None if is_script(value("type").as_deref()) => add(&mut self.scripts, hash(&inner(tag, text))),
                None => {}
            },
            "style" => {
                let text = inner(tag, text);
                self.style_text(&text);
                add(&mut self.styles, hash(&text));
            }
            "link" => self.link(&value("rel").unwrap_or_default(), &value("as").unwrap_or_default(), host("href")),
            "img" | "input" => self.image_hosts.extend(host("src")),
            // SVG's.
            "image" | "feimage" => self.image_hosts.extend(host("href").or_else(|| host("xlink:href"))),
            "body" | "table" | "td" | "th" => self.image_hosts.extend(host("background")),
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
        self.form_hosts.extend(host("formaction"));
        for attribute in &tag.attributes {
            let value = || resolve_references(attribute.value);
            if attribute.name == "style" {
                self.style_text(&value());
                add(&mut self.style_attributes, hash(&value()));
            } else if attribute.name.len() > 2 && attribute.name.starts_with("on") {
                add(&mut self.handlers, hash(&value()));
            }
        }
    }

    fn link(&mut self, relation: &str, kind: &str, host: Option<String>) {
        let is = |wanted: &str| relation.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case(wanted));
        let hosts = match kind.to_ascii_lowercase().as_str() {
            _ if is("stylesheet") => &mut self.style_hosts,
            _ if is("manifest") => &mut self.manifest_hosts,
            _ if is("modulepreload") => &mut self.script_hosts,
            _ if is("icon") || is("apple-touch-icon") => &mut self.image_hosts,
            "style" if is("preload") => &mut self.style_hosts,
            "script" if is("preload") => &mut self.script_hosts,
            "image" if is("preload") => &mut self.image_hosts,
            "font" if is("preload") => &mut self.font_hosts,
            _ => return,
        };
        hosts.extend(host);
    }

    /// What a style sheet in the page takes from other hosts: pictures, fonts, further style sheets.
    fn style_text(&mut self, css: &str) {
        for (at, _) in css.match_indices("url(").chain(css.match_indices("@import")) {
            let rest = css[at..].trim_start_matches("@import").trim_start();
            let rest = rest.strip_prefix("url(").unwrap_or(rest).trim_start_matches([' ', '"', '\'']);
            let url = rest.split(['"', '\'', ')', ';']).next().unwrap_or_default();
            for hosts in [&mut self.image_hosts, &mut self.font_hosts, &mut self.style_hosts] {
                hosts.extend(host(url));
            }
        }
    }

    fn policy(&self) -> String {
        let mut policy = String::from("default-src 'self'; base-uri 'self'; frame-ancestors 'self'; object-src ");
        policy.push_str(if self.frame_hosts.is_empty() { "'none'" } else { "'self'" });
        hosts(&mut policy, &self.frame_hosts);
        directive(&mut policy, "form-action", &self.form_hosts, "");
        let mut scripts = String::new();
        let handlers = MAX_SCRIPTS.saturating_sub(self.scripts.len());
        name_hashes(&mut scripts, self.scripts.iter().take(MAX_SCRIPTS), self.handlers.iter().take(handlers));
        directive(&mut policy, "script-src", &self.script_hosts, &scripts);
        let mut styles = String::new();
        let taken = (self.scripts.len() + self.handlers.len()).min(MAX_SCRIPTS);
        if taken + self.styles.len() + self.style_attributes.len() > MAX_HASHES {
            styles.push_str(" 'unsafe-inline'");
        } else {
            name_hashes(&mut styles, self.styles.iter(), self.style_attributes.iter());
        }
        // A script of another host brings its own styles, pictures and frames, and speaks with that host.
        let with_scripts = |hosts: &BTreeSet<String>| hosts.union(&self.script_hosts).cloned().collect::<BTreeSet<_>>();
        directive(&mut policy, "style-src", &with_scripts(&self.style_hosts), &styles);
        harmless(&mut policy, "img-src", &with_scripts(&self.image_hosts), " data:");
        let fonts = self.font_hosts.union(&self.style_hosts).cloned().collect();
        harmless(&mut policy, "font-src", &fonts, " data:");
        if !self.manifest_hosts.is_empty() {
            directive(&mut policy, "manifest-src", &self.manifest_hosts, "");
        }
        if !self.media_hosts.is_empty() {
            harmless(&mut policy, "media-src", &self.media_hosts, "");
        }
        if !self.frame_hosts.is_empty() || !self.script_hosts.is_empty() {
            directive(&mut policy, "frame-src", &with_scripts(&self.frame_hosts), "");
            directive(&mut policy, "connect-src", &self.script_hosts, "");
        }
        policy
    }
}

fn add(hashes: &mut Vec<String>, hash: String) {
    if !hashes.contains(&hash) {
        hashes.push(hash);
    }
}

/// The text of a script or style sheet as a browser has it: in SVG references, comments and CDATA are resolved before.
fn inner<'t>(tag: &Tag<'_>, text: &'t str) -> Cow<'t, str> {
    if !tag.foreign {
        return Cow::Borrowed(text);
    }
    let mut resolved = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("<!") {
        resolved += &resolve_references(&rest[..at]);
        let (begin, end) = if rest[at..].starts_with("<![CDATA[") { (9, "]]>") } else { (4, "-->") };
        let body = rest.get(at + begin..).unwrap_or_default();
        let length = body.find(end).unwrap_or(body.len());
        if begin == 9 {
            resolved += &body[..length];
        }
        rest = body.get(length + end.len()..).unwrap_or_default();
    }
    Cow::Owned(resolved + &resolve_references(rest))
}

fn name_hashes<'h>(
    sources: &mut String,
    elements: impl Iterator<Item = &'h String>,
    attributes: impl Iterator<Item = &'h String>,
) {
    elements.for_each(|hash| *sources += &format!(" '{hash}'"));
    let mut attributes = attributes.peekable();
    if attributes.peek().is_some() {
        sources.push_str(" 'unsafe-hashes'");
    }
    attributes.for_each(|hash| *sources += &format!(" '{hash}'"));
}

fn directive(policy: &mut String, name: &str, allowed: &BTreeSet<String>, more: &str) {
    // Writing into a String gives no error.
    let _ = write!(policy, "; {name} 'self'{more}");
    hosts(policy, allowed);
}

/// The same for what can only be looked at or heard.
fn harmless(policy: &mut String, name: &str, allowed: &BTreeSet<String>, more: &str) {
    if allowed.len() <= MAX_HOSTS {
        return directive(policy, name, allowed, more);
    }
    let is_secure = |host: &String| host.starts_with("https://");
    let schemes = if allowed.iter().all(is_secure) { " https:" } else { " https: http:" };
    directive(policy, name, &BTreeSet::new(), &format!("{more}{schemes}"));
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
    fn what_styles_and_links_take_is_allowed() {
        let html = "<style>@import 'https://a.example/x.css'; p { background: url(\"https://b.example/y.png\") }</style>\
                    <p style='background: url(//c.example/z.png)'><link rel=preload as=font href=https://d.example/f.woff2>\
                    <link rel=manifest href=https://e.example/m><svg><image href='https://f.example/i.png'/></svg>";
        let images = "'self' data: c.example https://a.example https://b.example https://f.example";
        assert_eq!(sources(html, "img-src"), images);
        assert!(sources(html, "style-src").ends_with("c.example https://a.example https://b.example"));
        assert!(sources(html, "font-src").ends_with("https://d.example"));
        assert_eq!(sources(html, "manifest-src"), "'self' https://e.example");
    }

    #[test]
    fn styles_in_drawings_are_read_as_browsers_read_them() {
        let plain = sources("<style>a > b {}</style>", "style-src");
        for html in [
            "<svg><style>a &gt; b {}</style>",
            "<svg><style><![CDATA[a > b {}]]></style>",
            "<svg><style><!-- x -->a > b {}</style>",
        ] {
            assert_eq!(sources(html, "style-src"), plain, "{html}");
        }
    }

    #[test]
    fn pictures_of_very_many_hosts_may_come_from_any() {
        let page =
            |scheme: &str| (0..20).map(|number| format!("<img src='{scheme}h{number}.example/a'>")).collect::<String>();
        assert_eq!(sources(&page("https://"), "img-src"), "'self' data: https:");
        assert_eq!(sources(&page("http://"), "img-src"), "'self' data: https: http:");
        assert_eq!(sources(&page("//"), "img-src"), "'self' data: https: http:");
        assert_eq!(sources(&page("https://"), "script-src"), "'self'");
    }

    #[test]
    fn of_very_many_scripts_the_first_run() {
        let html: String = (0..99).map(|number| format!("<script>{number}</script>")).collect();
        let allowed = sources(&html, "script-src");
        assert!(allowed.starts_with(&format!("'self' '{}' '{}'", hash("0"), hash("1"))), "{allowed}");
        assert_eq!(allowed.matches("sha256").count(), MAX_SCRIPTS);
        assert!(policy(&html).len() < 3500);
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
