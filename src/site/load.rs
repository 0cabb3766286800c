//! Reads a site: finds its files, reads each page, puts them in order.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rayon::prelude::*;

use super::data;
use super::files::{Files, RevisionError};
use super::history::History;
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
const PARTS: [&str; 8] = ["content", "data", "posts", "sass", "source", "static", "templates", "themes"];

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
    let (config, mut findings) = load_config(folder, &files)?;
    // A link out of the site in the place of a whole folder would else look like a site without that folder.
    let obstacles = PARTS.iter().filter_map(|part| Some((part, files.obstacle(part)?)));
    findings.extend(obstacles.map(|(part, error)| Finding::error(part, None, error.to_string())));
    let mut found = Gathered::default();
    for root in shape_of(&files).unwrap_or_default() {
        found.collect(&files, root.folder, root.at);
    }
    let statics = found.statics(&files);
    let data = data::read(&files, &mut findings);
    let sources = std::mem::take(&mut found.sources);
    let read: Vec<_> = sources.into_par_iter().map(|source| read_page(source, &files, &config)).collect();
    findings.append(&mut found.findings);
    let mut pages = Vec::new();
    for (page, mut faults) in read {
        findings.append(&mut faults);
        pages.extend(page);
    }
    let (indexes, mut pages): (Vec<Page>, Vec<Page>) =
        pages.into_iter().partition(|page| is_section_index(&page.content_path));
    let links = links(&pages, &indexes, &found.assets);
    pages.retain(|page| is_wanted(page, options));
    let assets = place_assets(found.assets, &pages, &mut findings).into_iter().chain(statics).collect();
    let Order { sections, taxonomies } = Order::of(&mut pages, indexes, &config, &mut findings);
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

fn load_config(folder: &Path, files: &Files) -> Result<(Config, Vec<Finding>), LoadError> {
    let bytes = match files.read(config::FILE, MAX_SOURCE) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(source) => return Err(LoadError::Io { path: folder.join(config::FILE), source }),
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Config::parse(folder, &text)),
        Err(_) => {
            let finding = Finding::error(config::FILE, None, "is not UTF-8; save it as UTF-8");
            Ok((Config::parse(folder, "").0, vec![finding]))
        }
    }
}

/// Tells the site its commit, and the pages what git knows of their files: in a shallow clone nothing.
pub fn attach_history(site: &mut Site, history: &History) {
    site.head = Some(history.head());
    let indexes = site.sections.values_mut().filter_map(|section| section.index.as_mut());
    for page in site.pages.iter_mut().chain(indexes) {
        page.history = history.of(&page.source).copied();
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
    matches!(ending.to_ascii_lowercase().as_str(), "md" | "markdown")
}

/// One file found below a root.
#[derive(Debug)]
struct Found {
    source: String,
    content_path: String,
    length: u64,
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
    fn collect(&mut self, files: &Files, root: &str, at: &str) {
        let listing = files.list(root, |folder| folder.starts_with('_'));
        for (path, error) in listing.errors {
            self.findings.push(Finding::error(&path, None, error.to_string()));
        }
        for file in listing.files {
            if let Some(finding) = file.left_out() {
                self.findings.push(finding);
                continue;
            }
            let below = file.path.strip_prefix(root).unwrap_or(&file.path).trim_start_matches('/');
            let content_path = if at.is_empty() { below.to_owned() } else { format!("{at}/{below}") };
            let found = Found { content_path, length: file.length, source: file.path };
            if is_markdown(&found.source) { self.sources.push(found) } else { self.assets.push(found) }
        }
    }

    /// The files of `static/`, which go to the top of the site.
    fn statics(&mut self, files: &Files) -> Vec<Asset> {
        let mut found = Self::default();
        if files.is_dir("static") {
            found.collect(files, "static", "");
        }
        self.findings.append(&mut found.findings);
        let statics = found.sources.into_iter().chain(found.assets);
        statics.filter_map(|found| asset(found, None, &mut self.findings)).collect()
    }
}

fn read_page(found: Found, files: &Files, config: &Config) -> (Option<Page>, Vec<Finding>) {
    let refuse = |message: String| (None, vec![Finding::error(&found.source, None, message)]);
    if found.length > MAX_SOURCE {
        return refuse("is longer than 16 MiB; split it, or put it into static/".to_owned());
    }
    let text = match files.read_listed(&found.source, found.length, MAX_SOURCE) {
        Ok(bytes) => String::from_utf8(bytes),
        Err(error) => return refuse(error.to_string()),
    };
    match text {
        Ok(text) => Page::read(&Place { source: found.source, content_path: found.content_path }, &text, config),
        Err(_) => refuse("is not UTF-8; save it as UTF-8".to_owned()),
    }
}

/// Where links to source files lead, drafts included: a link to a draft is no broken link, only an early one.
fn links(pages: &[Page], indexes: &[Page], assets: &[Found]) -> HashMap<String, String> {
    let of_page = |page: &Page| (page.content_path.clone(), page.permalink.url().to_owned());
    let of_index = |page: &Page| {
        let folder = page.content_path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let url = section_permalink(folder).map(|permalink| permalink.url().to_owned()).unwrap_or_default();
        (page.content_path.clone(), url)
    };
    let bundles = bundles(pages);
    let of_asset = |found: &Found| {
        let output = TreePath::new(&asset_output(found, &bundles)).ok()?;
        Some((found.content_path.clone(), Permalink::of_file(output).url().to_owned()))
    };
    pages.iter().map(of_page).chain(indexes.iter().map(of_index)).chain(assets.iter().filter_map(of_asset)).collect()
}

/// The folders of pages written as `index.md`, each with the page's own folder in the output.
fn bundles(pages: &[Page]) -> HashMap<String, String> {
    let bundle = |page: &Page| {
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

fn place_assets(assets: Vec<Found>, pages: &[Page], findings: &mut Vec<Finding>) -> Vec<Asset> {
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
        Ok(output) => Some(Asset { source: found.source, length: found.length, output }),
        Err(error) => {
            findings.push(Finding::error(&found.source, None, error.to_string()));
            None
        }
    }
}
