//! The content security policy of a page, computed from the page: what it brings along may run, nothing else.
//!
//! Inline scripts and style sheets are named by their hashes (CSP Level 3, section 6.7.3), and so are style attributes and
//! event handlers, which need `'unsafe-hashes'` for it. Other hosts are allowed what the page itself takes from them.

mod directive;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use self::directive::{Directive, Hosts, MAX_HOSTS};
use crate::html::{Tag, Token, Tokens, resolve_references};

/// Hashes on a page, 53 bytes each. With more of them the field would not fit into what proxies take of all fields together
/// (nginx: 4 KB). Styles that don't fit are allowed as a whole; of scripts the first ones run.
const MAX_HASHES: usize = 56;
/// Those of scripts and event handlers.
const MAX_SCRIPTS: usize = 48;

/// What a page brings along.
#[derive(Default)]
struct Needs {
    /// Hashes in the order of the page.
    scripts: Vec<String>,
    handlers: Vec<String>,
    styles: Vec<String>,
    style_attributes: Vec<String>,
    script_hosts: Hosts,
    style_hosts: Hosts,
    image_hosts: Hosts,
    font_hosts: Hosts,
    manifest_hosts: Hosts,
    media_hosts: Hosts,
    frame_hosts: Hosts,
    form_hosts: Hosts,
}

/// The policy for a page.
pub(super) fn policy(html: &str) -> String {
    Needs::of(html).policy()
}

/// What a page itself asks for and its policy has no room for, with the remedy. What scripts of other hosts may bring comes behind that in
/// every directive, and takes no room from it. Pictures, fonts and media of very many hosts are allowed as a whole.
pub fn beyond_policy(html: &str) -> Vec<String> {
    let needs = Needs::of(html);
    let mut beyond = Vec::new();
    let scripts = needs.scripts.len() + needs.handlers.len();
    if scripts > MAX_SCRIPTS {
        beyond.push(format!(
            "of {scripts} scripts and event handlers in the page the first {MAX_SCRIPTS} run; put them into a file"
        ));
    }
    if needs.allow_any_style() {
        beyond.push(format!(
            "the page has more styles of its own than its security policy can name, {MAX_HASHES} with its scripts, so any are \
             allowed; put them into a style sheet"
        ));
    }
    let named = [
        ("form-action", &needs.form_hosts),
        ("script-src", &needs.script_hosts),
        ("style-src", &needs.style_hosts),
        ("manifest-src", &needs.manifest_hosts),
        ("frame-src", &needs.frame_hosts),
    ];
    beyond.extend(named.iter().filter(|(_, hosts)| hosts.more).map(|(name, _)| {
        format!(
            "the page takes from more than {MAX_HOSTS} other hosts what '{name}' names, and its security policy allows the \
             first {MAX_HOSTS}; bring some of it along in static/"
        )
    }));
    beyond
}

impl Needs {
    fn of(html: &str) -> Self {
        let mut needs = Self::default();
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
        needs
    }

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

    /// What a style sheet in the page takes from other hosts: pictures, fonts, further style sheets, which take such things themselves.
    fn style_text(&mut self, css: &str) {
        const IMPORT: &str = "@import";
        let css = css.to_ascii_lowercase();
        let found = css.match_indices("url(").chain(css.match_indices(IMPORT));
        let mut places: Vec<usize> = found.map(|(at, _)| at).collect();
        places.sort_unstable();
        for at in places {
            let imported = css[at..].strip_prefix(IMPORT);
            let rest = imported.unwrap_or(&css[at..]).trim_start();
            let rest = rest.strip_prefix("url(").unwrap_or(rest).trim_start_matches([' ', '"', '\'']);
            let url = rest.split(['"', '\'', ')', ';']).next().unwrap_or_default();
            let styles = imported.map(|_| &mut self.style_hosts);
            for hosts in [&mut self.image_hosts, &mut self.font_hosts].into_iter().chain(styles) {
                hosts.extend(host(url));
            }
        }
    }

    fn policy(&self) -> String {
        let mut policy = String::from("default-src 'self'; base-uri 'self'; frame-ancestors 'self'; object-src ");
        policy.push_str(if self.frame_hosts.is_empty() { "'none'" } else { "'self'" });
        self.frame_hosts.first.iter().for_each(|host| policy += &format!(" {host}"));
        self.directives().iter().for_each(|directive| directive.write(&mut policy));
        policy
    }

    fn directives(&self) -> Vec<Directive> {
        // A script of another host brings its own styles, pictures and frames, and speaks with that host.
        let with_scripts = |hosts: &Hosts| hosts.and(&self.script_hosts);
        let fonts = self.font_hosts.and(&self.style_hosts);
        let mut directives = vec![
            Directive::new("form-action", "", self.form_hosts.clone()),
            Directive::new("script-src", self.script_hashes(), self.script_hosts.clone()),
            Directive::new("style-src", self.style_hashes(), with_scripts(&self.style_hosts)),
            Directive::new("img-src", " data:", with_scripts(&self.image_hosts)).harmless(),
            Directive::new("font-src", " data:", fonts).harmless(),
        ];
        if !self.manifest_hosts.is_empty() {
            directives.push(Directive::new("manifest-src", "", self.manifest_hosts.clone()));
        }
        if !self.media_hosts.is_empty() {
            directives.push(Directive::new("media-src", "", self.media_hosts.clone()).harmless());
        }
        if !self.frame_hosts.is_empty() || !self.script_hosts.is_empty() {
            directives.push(Directive::new("frame-src", "", with_scripts(&self.frame_hosts)));
            directives.push(Directive::new("connect-src", "", self.script_hosts.clone()));
        }
        directives
    }

    fn script_hashes(&self) -> String {
        let handlers = MAX_SCRIPTS.saturating_sub(self.scripts.len());
        name_hashes(self.scripts.iter().take(MAX_SCRIPTS), self.handlers.iter().take(handlers))
    }

    fn style_hashes(&self) -> String {
        if self.allow_any_style() {
            return " 'unsafe-inline'".to_owned();
        }
        name_hashes(self.styles.iter(), self.style_attributes.iter())
    }

    fn allow_any_style(&self) -> bool {
        let taken = (self.scripts.len() + self.handlers.len()).min(MAX_SCRIPTS);
        taken + self.styles.len() + self.style_attributes.len() > MAX_HASHES
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

fn name_hashes<'h>(elements: impl Iterator<Item = &'h String>, attributes: impl Iterator<Item = &'h String>) -> String {
    let mut sources = String::new();
    elements.for_each(|hash| sources += &format!(" '{hash}'"));
    let mut attributes = attributes.peekable();
    if attributes.peek().is_some() {
        sources.push_str(" 'unsafe-hashes'");
    }
    attributes.for_each(|hash| sources += &format!(" '{hash}'"));
    sources
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
