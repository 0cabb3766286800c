//! Reading a site's folder.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rayon::prelude::*;
use walkdir::WalkDir;

use super::page::{Page, Place, TAXONOMIES};
use super::permalink::{Permalink, slug};
use super::{Asset, Section, Site, Taxonomy, Term};
use crate::config::{self, Config};
use crate::finding::Finding;
use crate::snapshot::TreePath;

/// The longest source file: some hundred times the longest real post, and small enough for a board's memory.
const MAX_SOURCE: u64 = 16 * 1024 * 1024;

/// Which pages are taken.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Also drafts.
    pub drafts: bool,
    /// Also pages dated after `now`.
    pub future: bool,
    /// The time of the build: rendering itself has no clock.
    pub now: Timestamp,
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

fn shape_of(folder: &Path) -> Option<&'static [Root]> {
    // A rendered folder has posts/ as well, and an index.html, which no source has.
    let rendered = folder.join("index.html").is_file();
    let fits = |roots: &&[Root]| folder.join(roots[0].folder).is_dir() && !(rendered && roots[0].folder == "posts");
    SHAPES.iter().copied().find(fits)
}

/// Whether `folder` holds a site.
pub fn is_site(folder: &Path) -> bool {
    folder.join(config::FILE).is_file() || shape_of(folder).is_some()
}

/// Reads the site in `folder`. Everything that is wrong with single files is in its findings; an error is what leaves no
/// site at all.
pub fn load(folder: &Path, options: Options) -> Result<Site, LoadError> {
    if !folder.is_dir() {
        return Err(LoadError::Missing(folder.to_path_buf()));
    }
    if !is_site(folder) {
        return Err(LoadError::NoSite(folder.to_path_buf()));
    }
    let (config, mut findings) =
        Config::load(folder).map_err(|source| LoadError::Io { path: folder.join(config::FILE), source })?;
    let mut files = Files::default();
    for root in shape_of(folder).unwrap_or_default() {
        files.collect(folder, root.folder, root.at);
    }
    let statics = files.statics(folder);
    let read: Vec<_> = files.sources.into_par_iter().map(|found| read_page(found, &config)).collect();
    findings.append(&mut files.findings);
    let mut pages = Vec::new();
    for (page, mut found) in read {
        findings.append(&mut found);
        pages.extend(page);
    }
    let (indexes, mut pages): (Vec<Page>, Vec<Page>) =
        pages.into_iter().partition(|page| is_section_index(&page.content_path));
    let links = links(&pages, &indexes, &files.assets);
    pages.retain(|page| is_wanted(page, options));
    let assets = place_assets(files.assets, &pages, &mut findings).into_iter().chain(statics).collect();
    let sections = sections(&mut pages, indexes, &mut findings);
    let taxonomies = taxonomies(&pages, &mut findings);
    findings.sort();
    Ok(Site { folder: folder.to_path_buf(), config, pages, sections, taxonomies, assets, links, findings })
}

fn is_wanted(page: &Page, options: Options) -> bool {
    let future = page.date.as_ref().is_some_and(|date| date.is_after(options.now));
    (options.drafts || !page.draft) && (options.future || !future)
}

fn is_section_index(content_path: &str) -> bool {
    let name = content_path.rsplit('/').next().unwrap_or_default();
    matches!(name, "_index.md" | "_index.markdown")
}

fn is_markdown(name: &OsStr) -> bool {
    let ending = Path::new(name).extension().and_then(OsStr::to_str).unwrap_or_default();
    matches!(ending.to_ascii_lowercase().as_str(), "md" | "markdown")
}

/// One file found below a root.
#[derive(Debug)]
struct Found {
    file: PathBuf,
    source: String,
    content_path: String,
}

#[derive(Default)]
struct Files {
    sources: Vec<Found>,
    assets: Vec<Found>,
    findings: Vec<Finding>,
}

impl Files {
    /// Takes all files of `folder/root`, which stand at `at` in the content. Names that begin with a dot are left out, and
    /// so are folders that begin with `_`, which Jekyll keeps its own things in.
    fn collect(&mut self, folder: &Path, root: &str, at: &str) {
        let hidden = |found: &walkdir::DirEntry| {
            let name = found.file_name().as_encoded_bytes();
            found.depth() > 0 && (name.starts_with(b".") || name.starts_with(b"_") && found.file_type().is_dir())
        };
        let walk = WalkDir::new(folder.join(root)).sort_by_file_name().into_iter();
        for found in walk.filter_entry(|found| !hidden(found)) {
            match found {
                Ok(found) if found.file_type().is_dir() => {}
                Ok(found) => self.take(folder, root, at, &found),
                Err(error) => {
                    let path = relative(folder, error.path().unwrap_or(folder));
                    let error = io::Error::from(error);
                    self.findings.push(Finding::error(&path, None, error.to_string()));
                }
            }
        }
    }

    fn take(&mut self, folder: &Path, root: &str, at: &str, found: &walkdir::DirEntry) {
        let file = found.path();
        let source = relative(folder, file);
        if !found.file_type().is_file() {
            let message = "is a symbolic link or special file, which is left out; put a copy of the file in its place";
            self.findings.push(Finding::warning(&source, None, message));
            return;
        }
        if file.to_str().is_none() {
            self.findings.push(Finding::error(&source, None, "its name is not UTF-8; rename it"));
            return;
        }
        let below = relative(&folder.join(root), file);
        let content_path = if at.is_empty() { below } else { format!("{at}/{below}") };
        let found_file = Found { file: file.to_path_buf(), source, content_path };
        if is_markdown(found.file_name()) { self.sources.push(found_file) } else { self.assets.push(found_file) }
    }

    /// The files of `static/`, which go to the top of the site.
    fn statics(&mut self, folder: &Path) -> Vec<Asset> {
        let mut found = Self::default();
        if folder.join("static").is_dir() {
            found.collect(folder, "static", "");
        }
        self.findings.append(&mut found.findings);
        let statics = found.sources.into_iter().chain(found.assets);
        statics.filter_map(|found| asset(found, None, &mut self.findings)).collect()
    }
}

/// With `/` between the parts on every system; a name that is not UTF-8 shows its odd bytes as �.
fn relative(folder: &Path, file: &Path) -> String {
    let inner = file.strip_prefix(folder).unwrap_or(file);
    let names: Vec<_> = inner.iter().map(OsStr::to_string_lossy).collect();
    names.join("/")
}

fn read_page(found: Found, config: &Config) -> (Option<Page>, Vec<Finding>) {
    let refuse = |message: String| (None, vec![Finding::error(&found.source, None, message)]);
    match fs::metadata(&found.file) {
        Ok(metadata) if metadata.len() > MAX_SOURCE => {
            return refuse("is longer than 16 MiB; split it, or put it into static/".to_owned());
        }
        Ok(_) => {}
        Err(error) => return refuse(error.to_string()),
    }
    match fs::read_to_string(&found.file) {
        Ok(text) => {
            let place = Place { source: found.source, content_path: found.content_path };
            Page::read(&place, &text, &config.timezone)
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => refuse("is not UTF-8; save it as UTF-8".to_owned()),
        Err(error) => refuse(error.to_string()),
    }
}

/// Where links to source files lead, drafts included: a link to a draft is no broken link, only an early one.
fn links(pages: &[Page], indexes: &[Page], assets: &[Found]) -> HashMap<String, String> {
    let of_page = |page: &Page| (page.content_path.clone(), page.permalink.url().to_owned());
    let of_index = |page: &Page| {
        let url = section_permalink(&page.section).map(|permalink| permalink.url().to_owned()).unwrap_or_default();
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
        Ok(output) => Some(Asset { file: found.file, source: found.source, output }),
        Err(error) => {
            findings.push(Finding::error(&found.source, None, error.to_string()));
            None
        }
    }
}

fn section_permalink(folder: &str) -> Result<Permalink, crate::snapshot::TreeError> {
    let parts: Vec<String> = folder.split('/').map(slug).filter(|part| !part.is_empty()).collect();
    Permalink::new(&parts.join("/"))
}

/// Groups the pages by folder and sorts them; afterwards the positions in `pages` hold.
fn sections(pages: &mut [Page], indexes: Vec<Page>, findings: &mut Vec<Finding>) -> BTreeMap<String, Section> {
    let mut indexes: BTreeMap<String, Page> =
        indexes.into_iter().map(|page| (index_folder(&page.content_path), page)).collect();
    let mut folders: Vec<String> =
        pages.iter().map(|page| page.section.clone()).chain(indexes.keys().cloned()).collect();
    folders.push(String::new());
    folders.sort();
    folders.dedup();
    sort_pages(pages);
    let mut sections = BTreeMap::new();
    for folder in folders {
        let index = indexes.remove(&folder);
        let permalink = match section_permalink(&folder) {
            Ok(permalink) => permalink,
            Err(error) => {
                findings.push(Finding::error(&folder, None, error.to_string()));
                continue;
            }
        };
        let members = pages.iter().enumerate().filter(|(_, page)| page.section == folder);
        let members = members.map(|(position, _)| position).collect();
        let title = index.as_ref().and_then(|index| index.title.clone());
        sections.insert(folder, Section { title, permalink, index, pages: members });
    }
    sections
}

fn index_folder(content_path: &str) -> String {
    content_path.rsplit_once('/').map(|(folder, _)| folder.to_owned()).unwrap_or_default()
}

/// By section; within one the newest first and dateless pages last, or by weight and file name where no page has a date.
fn sort_pages(pages: &mut [Page]) {
    pages.sort_by(|a, b| {
        let newest_first = b.seconds().cmp(&a.seconds());
        let weight = |page: &Page| page.weight.unwrap_or(i64::MAX);
        (a.section.cmp(&b.section))
            .then(newest_first)
            .then_with(|| weight(a).cmp(&weight(b)))
            .then_with(|| a.content_path.cmp(&b.content_path))
    });
}

fn taxonomies(pages: &[Page], findings: &mut Vec<Finding>) -> Vec<Taxonomy> {
    let mut taxonomies = Vec::new();
    for name in TAXONOMIES {
        let mut terms: BTreeMap<String, (String, Vec<usize>)> = BTreeMap::new();
        for (position, page) in pages.iter().enumerate() {
            for term in page.terms.get(name).into_iter().flatten() {
                let slug = slug(term);
                if slug.is_empty() {
                    let message =
                        format!("'{term}' in '{name}' has no letter or digit and gets no page; write it in words");
                    findings.push(Finding::warning(&page.source, None, message));
                    continue;
                }
                let (_, members) = terms.entry(slug).or_insert_with(|| (term.clone(), Vec::new()));
                if members.last() != Some(&position) {
                    members.push(position);
                }
            }
        }
        let terms = terms.into_iter().filter_map(|(slug, (term, pages))| {
            Some(Term { name: term, permalink: Permalink::new(&format!("/{name}/{slug}/")).ok()?, pages })
        });
        let mut terms: Vec<Term> = terms.collect();
        for term in &mut terms {
            // Pages of several sections: by date alone. The sort is stable, so dateless ones keep their order.
            term.pages.sort_by_key(|position| std::cmp::Reverse(pages[*position].seconds()));
        }
        if let Ok(permalink) = Permalink::new(name)
            && !terms.is_empty()
        {
            taxonomies.push(Taxonomy { name, permalink, terms });
        }
    }
    taxonomies
}
