//! What of a page has changed for one who looks at it: its own HTML, what it shows and runs beside that, or style sheets.
//!
//! A style sheet whose name holds its hash changes the HTML of every page. That is no reason to load a page again, so the
//! hash is left out where a page's HTML is compared.

use std::fmt;

use xxhash_rust::xxh3::Xxh3;

use crate::html::{Tag, Token, Tokens};
use crate::snapshot::{Coding, Lookup, Resource, Snapshot, Tree};

/// Endings of files that a page shows or runs.
const SHOWN: [&str; 29] = [
    "png", "apng", "jpg", "jpeg", "gif", "webp", "avif", "bmp", "svg", "ico", "woff", "woff2", "ttf", "otf", "mp4",
    "m4v", "webm", "mov", "ogv", "vtt", "mp3", "m4a", "aac", "ogg", "oga", "opus", "flac", "wav", "pdf",
];
/// Hexadecimal digits of a hash in a file's name.
const FINGERPRINT: usize = 16;

/// Hashes of all style sheets and of all scripts of a site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds {
    styles: u128,
    scripts: u128,
}

impl Kinds {
    pub(super) fn of(tree: &Tree) -> Self {
        let (mut styles, mut scripts) = (Xxh3::new(), Xxh3::new());
        for (path, entry) in tree.iter() {
            let hasher = match ending(path.as_str()) {
                "css" => &mut styles,
                "js" | "mjs" => &mut scripts,
                _ => continue,
            };
            hasher.update(bare(path.as_str()).as_bytes());
            hasher.update(&entry.digest().bytes());
        }
        Self { styles: styles.digest128(), scripts: scripts.digest128() }
    }
}

/// What a reader sees of one page: the parts change apart from one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Version {
    /// Its own HTML.
    html: u128,
    /// Images and the like that it shows, and scripts.
    files: u128,
    styles: u128,
}

/// What a page that is open needs to become another version of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is that version.
    Nothing,
    /// New style sheets.
    Styles,
    /// New HTML: what it names is what it was.
    Html,
    /// To be loaded anew.
    Reload,
}

/// A version with the style sheets that the page names, in their order.
pub(super) struct Seen {
    pub(super) version: Version,
    pub(super) sheets: Vec<String>,
}

impl Version {
    /// The least that makes a page of this version one of the version `other`.
    pub(super) fn step_to(self, other: Self) -> Step {
        match (self.html == other.html, self.files == other.files, self.styles == other.styles) {
            (true, true, true) => Step::Nothing,
            (true, true, false) => Step::Styles,
            (false, true, true) => Step::Html,
            _ => Step::Reload,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The page's script reads it too.
        write!(f, "{:032x}{:032x}{:032x}", self.html, self.files, self.styles)
    }
}

impl std::str::FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |digits: Option<&str>| u128::from_str_radix(digits.ok_or(())?, 16).map_err(drop);
        Ok(Self { html: number(text.get(..32))?, files: number(text.get(32..64))?, styles: number(text.get(64..))? })
    }
}

/// The page that answers at `path`, which is percent-decoded: its own, or the one that says that it is not there.
pub(super) fn seen(snapshot: &Snapshot, kinds: Kinds, path: &str) -> Seen {
    let page = match snapshot.lookup(path) {
        Lookup::Found(resource) => Some(resource),
        _ => snapshot.not_found(),
    };
    let Some(html) = page.and_then(identity) else {
        return Seen { version: Version { html: 0, files: 0, styles: kinds.styles }, sheets: Vec::new() };
    };
    let mut reading = Reading { snapshot, path, hasher: Xxh3::new(), files: Xxh3::new(), sheets: Vec::new() };
    reading.html(html);
    reading.files.update(&kinds.scripts.to_le_bytes());
    let Reading { hasher, files, sheets, .. } = reading;
    let version = Version { html: hasher.digest128(), files: files.digest128(), styles: kinds.styles };
    Seen { version, sheets }
}

/// The bytes as they are, if they are text.
fn identity(resource: &Resource) -> Option<&str> {
    let plain = resource.representations.iter().find(|made| made.coding == Coding::Identity)?;
    std::str::from_utf8(plain.body.bytes()?).ok()
}

struct Reading<'a> {
    snapshot: &'a Snapshot,
    path: &'a str,
    hasher: Xxh3,
    files: Xxh3,
    sheets: Vec<String>,
}

impl Reading<'_> {
    fn html(&mut self, html: &str) {
        let mut done = 0;
        for token in Tokens::new(html) {
            let Token::Start(tag) = token else { continue };
            if tag.name == "link" && tag.attribute("href").is_some_and(|href| is_sheet(href.value)) {
                self.hasher.update(&html.as_bytes()[done..tag.at]);
                self.sheet(&tag);
                done = tag.end;
            }
            for attribute in &tag.attributes {
                if ["src", "srcset", "href", "poster", "data", "style", "content"].contains(&&*attribute.name) {
                    self.named(self.path, attribute.value);
                }
            }
        }
        self.hasher.update(&html.as_bytes()[done..]);
    }

    /// A link to a style sheet, without what changes with its content.
    fn sheet(&mut self, tag: &Tag<'_>) {
        for attribute in tag.attributes.iter().filter(|attribute| attribute.name != "integrity") {
            self.hasher.update(attribute.name.as_bytes());
            let value = if attribute.name == "href" { bare(attribute.value) } else { attribute.value.to_owned() };
            self.hasher.update(value.as_bytes());
        }
        let Some(href) = tag.attribute("href") else { return };
        let is_linked = tag.attribute("rel").is_some_and(|rel| rel.value.to_ascii_lowercase().contains("stylesheet"));
        if is_linked && !self.sheets.iter().any(|known| known == href.value) {
            self.sheets.push(href.value.to_owned());
        }
        // What a style sheet shows is loaded once for the page, and not again with the sheet.
        let address = absolute(self.path, href.value);
        let snapshot = self.snapshot;
        if let Some(Lookup::Found(resource)) = address.as_deref().map(|address| snapshot.lookup(address))
            && let Some(css) = identity(resource)
        {
            let inner = css.split("url(").skip(1).filter_map(|rest| rest.split(')').next());
            inner.for_each(|url| self.named(address.as_deref().unwrap_or_default(), url));
        }
    }

    /// Takes note of the files that a value names.
    fn named(&mut self, from: &str, value: &str) {
        let words = value.split([' ', ',', '"', '\'', '(', ')']);
        for word in words.filter(|word| SHOWN.contains(&ending(word.split(['?', '#']).next().unwrap_or_default()))) {
            if let Some(address) = absolute(from, word)
                && let Lookup::Found(resource) = self.snapshot.lookup(&address)
            {
                self.files.update(&resource.digest().bytes());
            }
        }
    }
}

fn is_sheet(href: &str) -> bool {
    ending(href.split(['?', '#']).next().unwrap_or_default()) == "css"
}

fn ending(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// The rooted path that `url`, found at the path `from`, leads to; `None` for other hosts.
fn absolute(from: &str, url: &str) -> Option<String> {
    let url = url.split(['?', '#']).next()?;
    if url.is_empty() || url.starts_with("//") || url.split('/').next()?.contains(':') {
        return None;
    }
    let decoded = percent_encoding::percent_decode_str(url).decode_utf8().ok()?;
    if decoded.starts_with('/') {
        return Some(decoded.into_owned());
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut names: Vec<&str> = folder.split('/').collect();
    for name in decoded.split('/') {
        match name {
            "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

/// A name without the hash in it: `style.0123456789abcdef.css` is `style.css`.
fn bare(path: &str) -> String {
    let is_hash = |part: &str| part.len() == FINGERPRINT && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let Some((stem, ending)) = path.rsplit_once('.') else { return path.to_owned() };
    match stem.rsplit_once('.') {
        Some((name, hash)) if is_hash(hash) => format!("{name}.{ending}"),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::snapshot::{Entry, TreePath, freeze};

    fn seen_in(files: &[(&str, &str)]) -> Seen {
        let mut tree = Tree::new();
        for (path, text) in files {
            let entry = Entry::new(Bytes::copy_from_slice(text.as_bytes()), None);
            tree.insert(TreePath::new(path).unwrap(), entry).unwrap();
        }
        seen(&freeze(&tree, None).unwrap(), Kinds::of(&tree), "/a/")
    }

    const PAGE: &str = "<link rel=stylesheet href=\"/style.0123456789abcdef.css\" integrity=x><p><img src=../p.png srcset=\"/q.webp 480w\">";

    #[test]
    fn a_style_sheet_of_another_name_is_no_other_page() {
        let first = seen_in(&[("a/index.html", PAGE), ("style.0123456789abcdef.css", "a")]);
        let other = PAGE.replace("0123456789abcdef", "fedcba9876543210").replace("integrity=x", "integrity=y");
        let second = seen_in(&[("a/index.html", &other), ("style.fedcba9876543210.css", "b")]);
        assert_eq!(first.version.step_to(second.version), Step::Styles);
        assert_eq!(second.sheets, ["/style.fedcba9876543210.css"]);
        let third = seen_in(&[("a/index.html", &PAGE.replace("<p>", "<b>")), ("style.0123456789abcdef.css", "a")]);
        assert_eq!(first.version.step_to(third.version), Step::Html);
        assert_eq!(second.version.step_to(third.version), Step::Reload);
    }

    #[test]
    fn only_images_that_the_page_shows_make_it_another() {
        let with = |image: &str, small: &str, other: &str, back: &str| {
            let css = ("style.0123456789abcdef.css", "a{background:url(\"back.svg\")}");
            let files = [("p.png", image), ("q.webp", small), ("o.png", other), ("back.svg", back), css];
            let all: Vec<_> = files.into_iter().chain([("a/index.html", PAGE)]).collect();
            seen_in(&all).version
        };
        let first = with("1", "1", "1", "1");
        assert_eq!(first.step_to(with("1", "1", "2", "1")), Step::Nothing);
        for other in [with("2", "1", "1", "1"), with("1", "2", "1", "1"), with("1", "1", "1", "2")] {
            assert_eq!(first.step_to(other), Step::Reload);
        }
    }

    #[test]
    fn any_script_makes_every_page_another() {
        let first = seen_in(&[("a/index.html", "x"), ("s.js", "1")]).version;
        assert_eq!(first.step_to(seen_in(&[("a/index.html", "x"), ("s.js", "2")]).version), Step::Reload);
        assert_eq!(first.to_string().parse(), Ok(first));
        assert!("xyz".parse::<Version>().is_err());
    }
}
