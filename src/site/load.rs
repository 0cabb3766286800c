//! Reads a site: finds its files, reads each page, puts them in order.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use super::data;
use super::files::{Files, RevisionError};
use super::history::History;
use super::kept::{Changes, Kept, Read};
use super::order::{Order, section_permalink};
use super::page::{Page, Place};
use super::permalink::Permalink;
use super::{Asset, Site};
use crate::config::{self, Config};
use crate::finding::Finding;
use crate::snapshot::TreePath;

/// The longest source file: some hundred times the longest real post, and small enough for a board's memory.
pub(super) const MAX_SOURCE: u64 = 16 * 1024 * 1024;

/// Which pages are taken.
#[derive(Clone, Debug)]
pub struct Options {
    /// Also drafts.
    pub drafts: bool,
    /// Also pages dated after `now`.
    pub future: bool,
    /// The time of the build: rendering itself has no clock.
    pub now: Timestamp,
    /// The commit to read instead of the folder, in any form that git knows.
    pub revision: Option<String>,
}

/// Why a folder can't be read as a site.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such folder.
    #[error("{path}: no such folder; name the folder of a site", path = .0.display())]
    Missing(PathBuf),
    /// The folder has none of the parts of a site.
    #[error("{path}: is no site: it has no galley.toml, content/, posts/ or source/_posts/", path = .0.display())]
    NoSite(PathBuf),
    /// A file or folder can't be read.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The commit can't be read.
    #[error(transparent)]
    Revision(#[from] RevisionError),
}

/// What earlier readings found, and what may have changed since.
type Again<'k> = (&'k mut Kept, &'k Changes);

/// A folder of sources and where its files stand in the content: `source/_posts` is `posts`.
struct Root {
    folder: &'static str,
    at: &'static str,
}

/// The shapes a site's folder may have: galley's own, a Jekyll or Octopress site, and a bare folder of posts.
const SHAPES: &[&[Root]] = &[
    &[Root { folder: "content", at: "" }],
    &[Root { folder: "source/_posts", at: "posts" }, Root { folder: "source", at: "" }],
    &[Root { folder: "posts", at: "posts" }],
];

/// All folders of a site's own, whatever its shape.
pub const PARTS: [&str; 8] = ["content", "data", "posts", "sass", "source", "static", "templates", "themes"];

fn shape_of(files: &Files) -> Option<&'static [Root]> {
    // A rendered folder has posts/ as well, and an index.html, which no source has.
    let rendered = files.is_file("index.html");
    let fits = |roots: &&[Root]| files.is_dir(roots[0].folder) && !(rendered && roots[0].folder == "posts");
    SHAPES.iter().copied().find(fits)
}

/// Whether `folder` holds a site.
pub fn is_site(folder: &Path) -> bool {
    holds_site(&Files::folder(folder))
}

/// Where the site in `folder` keeps its posts.
pub fn posts_folder(folder: &Path) -> PathBuf {
    match shape_of(&Files::folder(folder)) {
        Some([Root { folder: root, at: "" }, ..]) => folder.join(root).join("posts"),
        Some([Root { folder: root, .. }, ..]) => folder.join(root),
        _ => folder.join("content/posts"),
    }
}

fn holds_site(files: &Files) -> bool {
    files.is_file(config::FILE) || shape_of(files).is_some()
}

/// Reads the site in `folder`. Everything that is wrong with single files is in its findings; an error is what leaves no
/// site at all.
pub fn load(folder: &Path, options: &Options) -> Result<Site, LoadError> {
    read(folder, options, None)
}

/// The same in a process that has read the site before: what `changes` does not name is taken from `kept`.
pub fn load_again(folder: &Path, options: &Options, kept: &mut Kept, changes: &Changes) -> Result<Site, LoadError> {
    read(folder, options, Some((kept, changes)))
}

fn read(folder: &Path, options: &Options, mut kept: Option<Again<'_>>) -> Result<Site, LoadError> {
    if !folder.is_dir() {
        return Err(LoadError::Missing(folder.to_path_buf()));
    }
    let files = match &options.revision {
        Some(revision) => Files::revision(folder, revision)?,
        None => Files::folder(folder),
    };
    if !holds_site(&files) {
        return Err(LoadError::NoSite(folder.to_path_buf()));
    }
    let (config, mut findings) = load_config(folder, &files, &mut kept)?;
    // A link out of the site in the place of a whole folder would else look like a site without that folder.
    let obstacles = PARTS.iter().filter_map(|part| Some((part, files.obstacle(part)?)));
    findings.extend(obstacles.map(|(part, error)| Finding::error(part, None, error.to_string())));
    let mut found = Gathered::default();
    for root in shape_of(&files).unwrap_or_default() {
        found.collect(&files, root.folder, root.at, &mut kept);
    }
    let statics = found.statics(&files, &mut kept);
    let data = data::read(&files, &mut findings);
    let sources = std::mem::take(&mut found.sources);
    findings.append(&mut found.findings);
    let pages = read_pages(sources, &files, &config, &mut kept, &mut findings);
    let (indexes, mut pages): (Vec<Arc<Page>>, Vec<Arc<Page>>) =
        pages.into_iter().partition(|page| is_section_index(&page.content_path));
    let (links, Order { sections, taxonomies }) = match &kept {
        Some((kept, _)) => {
            // What is kept is shared already; to be shared once more costs nothing.
            let (all, all_indexes) = (pages.clone(), indexes.clone());
            pages.retain(|page| is_wanted(page, options));
            kept.arrange(&mut pages);
            rayon::join(
                || links(&all, &all_indexes, &found.assets),
                || Order::of(&mut pages, indexes, &config, &mut findings),
            )
        }
        None => {
            let links = links(&pages, &indexes, &found.assets);
            pages.retain(|page| is_wanted(page, options));
            (links, Order::of(&mut pages, indexes, &config, &mut findings))
        }
    };
    let assets = place_assets(found.assets, &pages, &mut findings).into_iter().chain(statics).collect();
    findings.sort();
    Ok(Site {
        folder: folder.to_path_buf(),
        files,
        config,
        pages,
        sections,
        taxonomies,
        assets,
        links,
        data,
        head: None,
        findings,
    })
}

fn load_config(
    folder: &Path,
    files: &Files,
    kept: &mut Option<Again<'_>>,
) -> Result<(Config, Vec<Finding>), LoadError> {
    let bytes = match files.read(config::FILE, MAX_SOURCE) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(source) => return Err(LoadError::Io { path: folder.join(config::FILE), source }),
    };
    if let Some((kept, changes)) = kept {
        kept.begin(&bytes, changes);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Config::parse(folder, &text)),
        Err(_) => {
            let finding = Finding::error(config::FILE, None, "is not UTF-8; save it as UTF-8");
            Ok((Config::parse(folder, "").0, vec![finding]))
        }
    }
}

/// Tells the site its commit, and the pages what git knows of their files: nothing in a shallow clone and outside git.
pub fn attach_history(site: &mut Site, history: Option<&History>) {
    site.head = history.map(History::head);
    let indexes = site.sections.values_mut().filter_map(|section| section.index.as_mut());
    for page in site.pages.iter_mut().chain(indexes) {
        let known = history.and_then(|history| history.of(&page.source)).copied();
        // One that is kept from an earlier reading is copied only if git says something new.
        if page.history != known {
            Arc::make_mut(page).history = known;
        }
    }
}

fn is_wanted(page: &Page, options: &Options) -> bool {
    let from = page.publish.as_ref().or(page.date.as_ref());
    let future = from.is_some_and(|date| date.is_after(options.now));
    let expired = page.expiry.as_ref().is_some_and(|date| !date.is_after(options.now));
    (options.drafts || !page.draft) && (options.future || !future) && !expired
}

fn is_section_index(content_path: &str) -> bool {
    let name = content_path.rsplit('/').next().unwrap_or_default();
    matches!(name, "_index.md" | "_index.markdown")
}

fn is_markdown(path: &str) -> bool {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    ["md", "markdown"].iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// One file found below a root.
#[derive(Debug)]
struct Found {
    source: String,
    content_path: String,
    length: u64,
    seen: Option<u64>,
}

#[derive(Default)]
struct Gathered {
    sources: Vec<Found>,
    assets: Vec<Found>,
    findings: Vec<Finding>,
}

impl Gathered {
    /// Takes all files below the folder `root`, which stand at `at` in the content. Folders that begin with `_` are left
    /// out: Jekyll keeps its own things in them.
    fn collect(&mut self, files: &Files, root: &str, at: &str, kept: &mut Option<Again<'_>>) {
        let skip = |folder: &str| folder.starts_with('_');
        let listing = match kept {
            Some((kept, changes)) => kept.list(files, root, changes, skip),
            None => files.list(root, skip),
        };
        self.findings.extend(listing.faults());
        for file in listing.files {
            if let Some(finding) = file.left_out() {
                self.findings.push(finding);
                continue;
            }
            let below = file.path.strip_prefix(root).unwrap_or(&file.path).trim_start_matches('/');
            let content_path = if at.is_empty() { below.to_owned() } else { format!("{at}/{below}") };
            let seen = kept.as_ref().map(|(kept, _)| kept.seen(&file.path));
            let found = Found { content_path, length: file.length, source: file.path, seen };
            if is_markdown(&found.source) { self.sources.push(found) } else { self.assets.push(found) }
        }
    }

    /// The files of `static/`, which go to the top of the site.
    fn statics(&mut self, files: &Files, kept: &mut Option<Again<'_>>) -> Vec<Asset> {
        let mut found = Self::default();
        if files.is_dir("static") {
            found.collect(files, "static", "", kept);
        }
        self.findings.append(&mut found.findings);
        let statics = found.sources.into_iter().chain(found.assets);
        statics.filter_map(|found| asset(found, None, &mut self.findings)).collect()
    }
}

/// What came of one source file.
enum Outcome {
    /// It is as it was read before.
    AsBefore(Option<Arc<Page>>, Vec<Finding>),
    /// It was read now; the hash is that of its bytes.
    Read(String, u128, Option<Arc<Page>>, Vec<Finding>),
    /// It can't be read: the next reading tries again.
    Refused(String, Finding),
    /// It is gone since it was listed, as an editor's copy is that was put into the place of a file.
    Gone(String),
}

fn read_pages(
    sources: Vec<Found>,
    files: &Files,
    config: &Config,
    kept: &mut Option<Again<'_>>,
    findings: &mut Vec<Finding>,
) -> Vec<Arc<Page>> {
    let count = sources.len();
    let known = kept.as_ref().map(|(kept, changes)| (&**kept, *changes));
    let read: Vec<_> = sources.into_par_iter().map(|source| read_page(source, files, config, known)).collect();
    let mut pages = Vec::with_capacity(count);
    for outcome in read {
        match outcome {
            Outcome::AsBefore(page, faults) => {
                findings.extend(faults);
                pages.extend(page);
            }
            Outcome::Read(source, hash, page, faults) => {
                if let Some((kept, _)) = kept {
                    kept.keep(&source, Some(Read { hash, page: page.clone(), findings: faults.clone() }));
                }
                findings.extend(faults);
                pages.extend(page);
            }
            Outcome::Refused(source, fault) => {
                if let Some((kept, _)) = kept {
                    kept.keep(&source, None);
                }
                findings.push(fault);
            }
            Outcome::Gone(source) => {
                if let Some((kept, _)) = kept {
                    kept.keep(&source, None);
                }
            }
        }
    }
    if let Some((kept, _)) = kept {
        kept.sweep(count);
    }
    pages
}

fn read_page(found: Found, files: &Files, config: &Config, known: Option<(&Kept, &Changes)>) -> Outcome {
    let as_before = |read: &Read| Outcome::AsBefore(read.page.clone(), read.findings.clone());
    if let Some(read) = known.and_then(|(kept, changes)| kept.unchanged(&found.source, changes)) {
        return as_before(read);
    }
    let refuse = |message: &str| Outcome::Refused(found.source.clone(), Finding::error(&found.source, None, message));
    if found.length > MAX_SOURCE {
        return refuse("is longer than 16 MiB; split it, or put it into static/");
    }
    let bytes = match files.read_listed(&found.source, found.length, MAX_SOURCE) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Outcome::Gone(found.source),
        Err(error) => return refuse(&error.to_string()),
    };
    let hash = known.map_or(0, |_| xxh3_128(&bytes));
    if let Some(read) = known.and_then(|(kept, _)| kept.same(&found.source, hash)) {
        return as_before(read);
    }
    let Ok(text) = String::from_utf8(bytes) else { return refuse("is not UTF-8; save it as UTF-8") };
    let place = Place { source: found.source, content_path: found.content_path };
    let (page, findings) = Page::read(&place, &text, config);
    Outcome::Read(place.source, hash, page.map(Arc::new), findings)
}

/// Where links to source files lead, drafts included: a link to a draft is no broken link, only an early one.
fn links(pages: &[Arc<Page>], indexes: &[Arc<Page>], assets: &[Found]) -> HashMap<String, String> {
    let of_page = |page: &Arc<Page>| (page.content_path.clone(), page.permalink.url().to_owned());
    let of_index = |page: &Arc<Page>| {
        let folder = page.content_path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let url = section_permalink(folder).map(|permalink| permalink.url().to_owned()).unwrap_or_default();
        (page.content_path.clone(), url)
    };
    let bundles = bundles(pages);
    let of_asset = |found: &Found| {
        let output = TreePath::new(&asset_output(found, &bundles)).ok()?;
        Some((found.content_path.clone(), Permalink::of_file(output).url().to_owned()))
    };
    let mut links = HashMap::with_capacity(pages.len() + indexes.len() + assets.len());
    links.extend(pages.iter().map(of_page).chain(indexes.iter().map(of_index)));
    links.extend(assets.iter().filter_map(of_asset));
    links
}

/// The folders of pages written as `index.md`, each with the page's own folder in the output.
fn bundles(pages: &[Arc<Page>]) -> HashMap<String, String> {
    let bundle = |page: &Arc<Page>| {
        let (folder, name) = page.content_path.rsplit_once('/')?;
        let output = page.permalink.file().as_str().strip_suffix("index.html")?;
        name.starts_with("index.").then(|| (folder.to_owned(), output.to_owned()))
    };
    pages.iter().filter_map(bundle).collect()
}

/// A file beside an `index.md` goes where that page goes; others keep their place.
fn asset_output(found: &Found, bundles: &HashMap<String, String>) -> String {
    let path = found.content_path.as_str();
    let mut nearest_first = path.rmatch_indices('/').map(|(at, _)| path.split_at(at));
    let bundle = nearest_first.find_map(|(folder, rest)| Some((bundles.get(folder)?, &rest[1..])));
    bundle.map_or_else(|| path.to_owned(), |(output, rest)| format!("{output}{rest}"))
}

fn place_assets(assets: Vec<Found>, pages: &[Arc<Page>], findings: &mut Vec<Finding>) -> Vec<Asset> {
    let bundles = bundles(pages);
    assets
        .into_iter()
        .filter_map(|found| {
            let output = asset_output(&found, &bundles);
            asset(found, Some(&output), findings)
        })
        .collect()
}

fn asset(found: Found, output: Option<&str>, findings: &mut Vec<Finding>) -> Option<Asset> {
    match TreePath::new(output.unwrap_or(&found.content_path)) {
        Ok(output) => Some(Asset { source: found.source, length: found.length, output, seen: found.seen }),
        Err(error) => {
            findings.push(Finding::error(&found.source, None, error.to_string()));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_gone_since_it_was_listed_is_no_page_and_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let (config, mut findings) = Config::parse(folder.path(), "");
        let found =
            Found { source: "content/a.md".to_owned(), content_path: "a.md.md".to_owned(), length: 3, seen: None };
        let pages = read_pages(vec![found], &Files::folder(folder.path()), &config, &mut None, &mut findings);
        assert_eq!((pages.len(), findings), (0, Vec::new()));
    }
}
