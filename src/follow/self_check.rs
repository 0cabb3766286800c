//! Whether a release is fit to be served, looked at in memory before anybody sees it.

use crate::snapshot::{Coding, Entry, Lookup, Snapshot, Tree, TreePath};

/// So many pages are looked at, evenly spread: what breaks one page by a template breaks many.
const SAMPLE: usize = 64;
/// So many faults are told of.
const MAX_FAULTS: usize = 10;
/// With fewer paths than this a site is still being begun, and may become anything.
const ESTABLISHED: usize = 20;
/// A release with less than this share of what is served, in percent, is held until somebody has a look.
const LEAST_SHARE: usize = 50;

/// Feeds and maps that readers' programs ask for.
const MACHINES: [&str; 4] = ["feed.xml", "feed.json", "sitemap.xml", "posts/feed.xml"];

/// What keeps a release from being served at all: `tree`, frozen as `next`. Empty if nothing does.
pub fn faults(tree: &Tree, next: &Snapshot) -> Vec<String> {
    let mut faults = Vec::new();
    if !matches!(next.lookup("/"), Lookup::Found(_) | Lookup::Redirect(..)) {
        faults.push("/: there is no page; readers would find nothing at the blog's own address".to_owned());
    }
    let broken = MACHINES.iter().filter(|path| {
        let is_whole = if path.ends_with(".json") { is_whole_json } else { is_whole_xml };
        tree.get(path).and_then(text).is_some_and(|text| !is_whole(&text))
    });
    faults.extend(broken.map(|path| format!("/{path}: is not whole")));
    faults.extend(style_sheets(tree, next));
    let pages: Vec<_> = tree.iter().filter(|(path, _)| path.as_str().ends_with(".html")).collect();
    let step = pages.len().div_ceil(SAMPLE).max(1);
    faults.extend(pages.iter().step_by(step).filter_map(|(path, page)| page_fault(path, page)));
    faults.truncate(MAX_FAULTS);
    faults
}

/// Why a person should have a look before `next` takes the place of `current`.
pub(super) fn doubt(next: &Snapshot, current: &Snapshot) -> Option<String> {
    let (new, old) = (next.len(), current.len());
    let is_small = old >= ESTABLISHED && new * 100 < old * LEAST_SHARE;
    is_small.then(|| format!("it has {new} paths where {old} are served"))
}

fn page_fault(path: &TreePath, page: &Entry) -> Option<String> {
    match text(page) {
        // It was looked at when it came.
        None if page.is_served() => None,
        None => Some(format!("/{path}: is no text in UTF-8")),
        Some(text) if text.trim().is_empty() => Some(format!("/{path}: is empty")),
        Some(_) => None,
    }
}

/// Style sheets that the first page wants and the release does not have: all pages would look broken.
fn style_sheets(tree: &Tree, next: &Snapshot) -> Vec<String> {
    let Some(page) = tree.get("index.html").and_then(|page| text(page).or_else(|| served(page, "/", next))) else {
        return Vec::new();
    };
    let links = page.split("<link").skip(1).filter_map(|rest| rest.split('>').next());
    let sheets = links.filter(|link| link.contains("stylesheet")).filter_map(|link| {
        let value = link.split("href=").nth(1)?.trim_start_matches(['"', '\'']);
        Some(value.split(['"', '\'', ' ', '?', '#']).next()?.to_owned())
    });
    let own = sheets.filter(|path| path.starts_with('/') && !path.starts_with("//") && !path.contains('%'));
    let missing = own.filter(|path| next.find(path).is_none());
    missing.map(|path| format!("/: wants the style sheet {path}, which is not there")).collect()
}

fn is_whole_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Whether the first element is closed at the end.
fn is_whole_xml(text: &str) -> bool {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    while rest.starts_with("<?") || rest.starts_with("<!") {
        let end = if rest.starts_with("<!--") { "-->" } else { ">" };
        let Some((_, behind)) = rest.split_once(end) else { return false };
        rest = behind.trim_start();
    }
    let name: String = rest.chars().skip(1).take_while(|c| !c.is_whitespace() && !"/>".contains(*c)).collect();
    rest.starts_with('<') && !name.is_empty() && rest.trim_end().ends_with(&format!("</{name}>"))
}

/// The text of what is the same as in the snapshot that is served: the next one shares its bytes.
fn served(entry: &Entry, path: &str, next: &Snapshot) -> Option<String> {
    let page = next.find(path).filter(|page| entry.is_served() && page.digest() == entry.digest())?;
    let body = page.representations.iter().find(|made| made.coding == Coding::Identity)?.body.held()?;
    String::from_utf8(body.bytes().ok()?.to_vec()).ok()
}

fn text(entry: &Entry) -> Option<String> {
    String::from_utf8(entry.read().ok()?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::freeze;
    use bytes::Bytes;

    fn site(files: &[(&str, &str)]) -> (Tree, Snapshot) {
        let mut tree = Tree::new();
        for (path, text) in files {
            let entry = Entry::new(Bytes::copy_from_slice(text.as_bytes()), None);
            tree.insert(TreePath::new(path).unwrap(), entry).unwrap();
        }
        let snapshot = freeze(&tree, None).unwrap();
        (tree, snapshot)
    }

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let (tree, snapshot) = site(files);
        faults(&tree, &snapshot)
    }

    #[test]
    fn a_site_without_a_fault_passes() {
        let page = r#"<link rel=stylesheet href="/a.css?x"><link rel=stylesheet href=//cdn/x.css><p>Hello"#;
        let files = [
            ("index.html", page),
            ("a.css", "p{}"),
            ("feed.xml", "<?xml version='1.0'?>\n<!-- a > b -->\n<feed xmlns='x'></feed>\n"),
            ("feed.json", "{}"),
        ];
        assert_eq!(found(&files), Vec::<String>::new());
        assert!(found(&[("_redirects", "/ /en/ 302\n"), ("en/index.html", "x")]).is_empty());
    }

    #[test]
    fn what_readers_would_stumble_over_is_found() {
        for (files, fault) in [
            (&[("a/index.html", "x")][..], "/: there is no page"),
            (&[("index.html", " \n")], "/index.html: is empty"),
            (&[("index.html", "x"), ("a/index.html", "")], "/a/index.html: is empty"),
            (&[("index.html", "x"), ("feed.xml", "<feed><entry></entry>")], "/feed.xml: is not whole"),
            (&[("index.html", "x"), ("feed.json", "{\"items\": [")], "/feed.json: is not whole"),
            (&[("index.html", "x"), ("sitemap.xml", "<?xml")], "/sitemap.xml: is not whole"),
            (&[("index.html", "<link href='/b.css' rel=stylesheet>")], "/: wants the style sheet /b.css"),
        ] {
            let found = found(files);
            assert!(found.iter().any(|text| text.starts_with(fault)), "{fault}: {found:?}");
        }
    }

    /// The first page is what it was, and its bytes are with the snapshot that is served.
    #[test]
    fn a_style_sheet_that_a_delta_deletes_is_missed() {
        let page = ("index.html", "<link href=/style.css rel=stylesheet>");
        let (before, current) = site(&[page, ("style.css", "p{}")]);
        let mut next = Tree::new();
        for (path, entry) in before.as_served().iter().filter(|(path, _)| path.as_str() != "style.css") {
            next.insert(path.clone(), entry.clone()).unwrap();
        }
        let frozen = freeze(&next, Some(&current)).unwrap();
        assert_eq!(faults(&next, &frozen), found(&[page]));
        assert_eq!(faults(&next, &frozen), ["/: wants the style sheet /style.css, which is not there"]);
        let frozen = freeze(&before.as_served(), Some(&current)).unwrap();
        assert!(faults(&before.as_served(), &frozen).is_empty());
    }

    #[test]
    fn a_release_that_lost_its_posts_is_doubted() {
        let names: Vec<String> = (0..40).map(|number| format!("p{number}/index.html")).collect();
        let of = |count: usize| {
            let files: Vec<(&str, &str)> = names[..count].iter().map(|name| (name.as_str(), "x")).collect();
            site(&files).1
        };
        assert_eq!(doubt(&of(20), &of(40)), None);
        assert_eq!(doubt(&of(19), &of(40)).unwrap(), "it has 19 paths where 40 are served");
        assert_eq!(doubt(&of(1), &of(19)), None);
    }
}
