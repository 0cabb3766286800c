//! What a URL of the site leads to, and what was meant by one that leads nowhere.

use std::collections::HashMap;

use crate::finding::distance;

use super::text;
use crate::snapshot::{Redirects, file_at, spelled};

/// The file that a folder's URL stands for.
const INDEX: &str = "index.html";
/// Letters that may be wrong in a path that is still taken for another one.
const MAX_DISTANCE: usize = 3;
/// A longer path is no misspelling, and comparing it would take long.
const MAX_COMPARED: usize = 200;

/// What a reference leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The file of this number.
    File(usize),
    /// The redirect of this number.
    Redirect(usize),
    /// Nothing; the path, decoded.
    Missing(String),
}

/// Where a URL points.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<'u> {
    /// Into the site: the URL's path, query and fragment; absolute if the URL named the site's own host.
    Own { rest: &'u str, absolute: bool },
    /// To another host over HTTP.
    Elsewhere,
    /// To the machine of whoever clicks.
    Local,
    /// Somewhere that has no files, with its scheme.
    Other(&'u str),
}

/// All that can be linked to.
pub(super) struct Targets<'a> {
    /// The paths of all files in bytewise order.
    pub(super) paths: Vec<&'a str>,
    pub(super) redirects: Redirects,
    numbers: HashMap<&'a str, usize>,
    /// The site's address without its scheme: `//blog.example`.
    host: Option<&'a str>,
    /// Whether the site's address begins with `https:`.
    pub(super) secure: bool,
    /// Numbers by path in lower case, without `index.html`.
    folded: HashMap<String, usize>,
    /// Numbers by the last name of the path; `None` if several have it.
    last_names: HashMap<&'a str, Option<usize>>,
    /// How often which letters are in a path: paths that differ much here need no closer look.
    letters: Vec<[u8; 32]>,
}

impl<'a> Targets<'a> {
    /// The files at `paths`, in bytewise order.
    pub(super) fn new(paths: Vec<&'a str>, base_url: Option<&'a str>, redirects: Redirects) -> Self {
        let base_url = base_url.map(|url| url.trim_end_matches('/'));
        let host = base_url.and_then(|url| text::scheme(url)).map(|(_, rest)| rest);
        let secure = base_url.is_some_and(|url| url.starts_with("https:"));
        let mut last_names = HashMap::new();
        for (number, path) in paths.iter().enumerate() {
            last_names.entry(last_name(path)).and_modify(|it| *it = None).or_insert(Some(number));
        }
        Self {
            numbers: paths.iter().enumerate().map(|(number, path)| (*path, number)).collect(),
            folded: paths.iter().enumerate().map(|(number, path)| (folder_of(path).to_lowercase(), number)).collect(),
            letters: paths.iter().map(|path| letters(folder_of(path))).collect(),
            last_names,
            paths,
            redirects,
            host,
            secure,
        }
    }

    /// Whether the site's address is known.
    pub(super) fn knows_host(&self) -> bool {
        self.host.is_some()
    }

    /// Where `url` points.
    pub(super) fn place<'u>(&self, url: &'u str) -> Place<'u> {
        let rest = match text::scheme(url) {
            Some((scheme, rest)) if is_http(scheme) => rest,
            Some(("localhost", _)) => return Place::Local,
            Some((scheme, _)) => return Place::Other(scheme),
            None if url.starts_with("//") => url,
            None => return Place::Own { rest: url, absolute: false },
        };
        if let Some(rest) = self.host.and_then(|host| strip_host(rest, host)) {
            return Place::Own { rest, absolute: true };
        }
        let authority = rest.trim_start_matches('/');
        let authority = &authority[..authority.find(['/', '?', '#']).unwrap_or(authority.len())];
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let local = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"].iter().any(|local| {
            let rest = host.get(..local.len()).filter(|it| it.eq_ignore_ascii_case(local)).map(|it| &host[it.len()..]);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        });
        if local { Place::Local } else { Place::Elsewhere }
    }

    /// What `rest`, the part of an own URL behind the host, leads to when it stands in the file at `from`.
    pub(super) fn resolve(&self, from: &str, rest: &str) -> Target {
        let (path, _) = text::split(rest);
        if path.is_empty() && !rest.starts_with('/') {
            return self.lookup(from);
        }
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.lookup(&join(folder, &text::percent_decoded(path)))
    }

    /// What a decoded path without leading slash leads to.
    pub(super) fn lookup(&self, path: &str) -> Target {
        if let Some(number) = self.redirects.find_exact(path) {
            return Target::Redirect(number);
        }
        let place = format!("/{path}");
        // What is spelled otherwise is sent to the file.
        let file = self.file(&place).or_else(|| self.file(&spelled(&place, |place| self.file(place).is_some())?.1));
        let pattern = || self.redirects.find_pattern(path).map(Target::Redirect);
        file.map(Target::File).or_else(pattern).unwrap_or_else(|| Target::Missing(path.to_owned()))
    }

    /// The file that answers at `place`.
    fn file(&self, place: &str) -> Option<usize> {
        self.numbers.get(&*file_at(place)?).copied()
    }

    /// The URL that was probably meant by the missing `path`: one that differs in case or in few letters, or the only one
    /// with the same last name.
    pub(super) fn nearest(&self, path: &str) -> Option<String> {
        if path.len() > MAX_COMPARED {
            return None;
        }
        let wanted = path.strip_suffix(INDEX).unwrap_or(path);
        let folded = wanted.to_lowercase();
        let same = self.folded.get(&folded).or_else(|| self.folded.get(&format!("{folded}/")));
        if let Some(number) = same {
            return Some(url_of(self.paths[*number]));
        }
        // A short name with three other letters is another name.
        let limit = (last_name(wanted).chars().count() / 3).min(MAX_DISTANCE);
        let own = letters(wanted);
        let near = (0..self.paths.len()).filter(|number| apart(&own, &self.letters[*number]) <= 2 * limit);
        let near = near.map(|number| (number, folder_of(self.paths[number])));
        let near = near.filter(|(_, folder)| folder.len().abs_diff(wanted.len()) <= 4 * limit);
        // `/id/78/` is no misspelling of `/id/77/`.
        let near = near.filter(|(_, folder)| !letters_of(wanted).eq(letters_of(folder)));
        let near = near.map(|(number, folder)| (distance(wanted, folder), number)).min();
        if let Some((_, number)) = near.filter(|(distance, _)| *distance <= limit) {
            return Some(url_of(self.paths[number]));
        }
        let name = last_name(path);
        let moved = self.last_names.get(name).copied().flatten().filter(|_| !name.is_empty());
        moved.map(|number| url_of(self.paths[number]))
    }
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

/// What follows `host` in `rest`, if that is where the host ends.
fn strip_host<'u>(rest: &'u str, host: &str) -> Option<&'u str> {
    let (begin, rest) = rest.split_at_checked(host.len())?;
    let ends = rest.is_empty() || rest.starts_with(['/', '?', '#']);
    (begin.eq_ignore_ascii_case(host) && ends).then_some(if rest.is_empty() { "/" } else { rest })
}

/// `path` seen from `folder`, without leading slash; `..` ends at the root, as in browsers.
fn join(folder: &str, path: &str) -> String {
    let start = if path.starts_with('/') { "" } else { folder };
    let mut names: Vec<&str> = Vec::new();
    let mut ends_in_folder = true;
    for name in start.split('/').filter(|name| !name.is_empty()).chain(path.split('/')) {
        ends_in_folder = matches!(name, "" | "." | "..");
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    let mut joined = names.join("/");
    if ends_in_folder && !joined.is_empty() {
        joined.push('/');
    }
    joined
}

/// A path without `index.html`: `posts/a/`.
fn folder_of(path: &str) -> &str {
    match path.strip_suffix(INDEX) {
        Some(folder) if folder.is_empty() || folder.ends_with('/') => folder,
        _ => path,
    }
}

/// `a` of `posts/a/index.html`.
fn last_name(path: &str) -> &str {
    folder_of(path).trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// How a reader would write the link to the file at `path`.
pub(super) fn url_of(path: &str) -> String {
    format!("/{}", folder_of(path).replace('%', "%25").replace(' ', "%20").replace('?', "%3F").replace('#', "%23"))
}

fn letters(text: &str) -> [u8; 32] {
    let mut letters = [0u8; 32];
    for byte in text.bytes() {
        let count = &mut letters[usize::from(byte & 31)];
        *count = count.saturating_add(1);
    }
    letters
}

fn letters_of(path: &str) -> impl Iterator<Item = char> {
    path.chars().filter(|c| !c.is_ascii_digit())
}

fn apart(a: &[u8; 32], b: &[u8; 32]) -> usize {
    a.iter().zip(b).map(|(a, b)| usize::from(a.abs_diff(*b))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHS: [&str; 5] =
        ["About/index.html", "a.css", "index.html", "posts/hello/index.html", "posts/ü b/index.html"];

    #[test]
    fn urls_of_the_site_lead_to_its_files() {
        let targets = Targets::new(PATHS.to_vec(), None, Redirects::parse("/old/ /posts/hello/\n").0);
        let from = "posts/hello/index.html";
        let leads_to = |rest| match targets.resolve(from, rest) {
            Target::File(number) => targets.paths[number].to_owned(),
            Target::Redirect(number) => format!("redirect {number}"),
            Target::Missing(path) => format!("no {path}"),
        };
        assert_eq!(leads_to("/"), "index.html");
        assert_eq!(leads_to("#x"), from);
        assert_eq!(leads_to("?x"), from);
        assert_eq!(leads_to("/posts/hello?x#y"), from);
        assert_eq!(leads_to("../%C3%BC%20b/"), "posts/ü b/index.html");
        assert_eq!(leads_to("./../../../../a.css"), "a.css");
        assert_eq!(leads_to("."), from);
        assert_eq!(leads_to("/old"), "redirect 0");
        assert_eq!(leads_to("/a.css/"), "no a.css/");
        assert_eq!(leads_to("/about/"), "no about/");
    }

    #[test]
    fn own_local_and_foreign_urls_are_told_apart() {
        let targets = Targets::new(PATHS.to_vec(), Some("https://Blog.example/b/"), Redirects::default());
        let own = |rest| Place::Own { rest, absolute: true };
        assert_eq!(targets.place("http://blog.example/b/x?y"), own("/x?y"));
        assert_eq!(targets.place("//blog.example/b"), own("/"));
        assert_eq!(targets.place("https://blog.example/bc"), Place::Elsewhere);
        assert_eq!(targets.place("https://blog.example.org/b"), Place::Elsewhere);
        assert_eq!(targets.place("a/b"), Place::Own { rest: "a/b", absolute: false });
        for local in ["http://localhost:8080/x", "http://127.0.0.1", "localhost:80", "https://[::1]:1/", "//LOCALHOST/"]
        {
            assert_eq!(targets.place(local), Place::Local, "{local}");
        }
        assert_eq!(targets.place("http://localhost.example/"), Place::Elsewhere);
        assert_eq!(targets.place("mailto:a@b"), Place::Other("mailto"));
    }

    #[test]
    fn what_was_meant_is_found_when_it_is_near() {
        let targets = Targets::new(PATHS.to_vec(), None, Redirects::default());
        assert_eq!(targets.nearest("about").as_deref(), Some("/About/"));
        assert_eq!(targets.nearest("posts/helo/").as_deref(), Some("/posts/hello/"));
        assert_eq!(targets.nearest("blog/2020/hello/").as_deref(), Some("/posts/hello/"));
        assert_eq!(targets.nearest("posts/farewell/"), None);
        assert_eq!(targets.nearest("posts/hello/fig"), None);
        assert_eq!(targets.nearest("a1.css"), None);
        assert_eq!(targets.nearest("posts/ü  b/").as_deref(), Some("/posts/ü%20b/"));
    }
}
