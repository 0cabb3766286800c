//! What SITE and SOURCE mean, and how they become a tree.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;

use super::history::Histories;
use super::report::{Report, count, size};
use crate::cache::Cache;
use crate::registry::Reference;
use crate::render::{Memory, Rendered, Theme, render};
use crate::site::{self, Options, Site};
use crate::snapshot::{FolderError, Tree, read_folder, read_folder_to_ship};

/// What is to be served.
#[derive(Debug, PartialEq)]
pub(super) enum Source {
    /// A site's folder.
    Site(PathBuf),
    /// A rendered folder.
    Folder(PathBuf),
    /// An OCI image layout.
    Layout(PathBuf),
    /// An image in a registry.
    Reference(Reference),
}

impl Source {
    /// Resolves SOURCE; without one the working folder, or `site/` in it.
    pub(super) fn resolve(text: Option<&str>) -> anyhow::Result<Self> {
        let Some(text) = text else { return Self::local(&default_site()?) };
        if let Some(folder) = text.strip_prefix("oci:") {
            return Ok(Self::Layout(PathBuf::from(folder)));
        }
        let path = Path::new(text);
        if path.exists() {
            return Self::local(path);
        }
        // What is not there is a reference only if it looks like one: a typing error in a folder's name should not ask
        // Docker Hub.
        if text.starts_with(['.', '/']) || !text.contains(['/', ':']) {
            bail!("{text}: no such folder; name a site, a rendered folder, oci:DIR or an image reference");
        }
        text.parse().map(Self::Reference).with_context(|| format!("{text}: no such folder"))
    }

    fn local(path: &Path) -> anyhow::Result<Self> {
        if site::is_site(path) {
            return Ok(Self::Site(path.to_path_buf()));
        }
        if path.join("index.html").is_file() {
            return Ok(Self::Folder(path.to_path_buf()));
        }
        bail!(
            "{}: is neither a site (galley.toml, content/, posts/ or source/_posts/) nor a rendered folder (index.html)",
            path.display()
        );
    }
}

fn default_site() -> anyhow::Result<PathBuf> {
    let candidates = [".", "site"].map(PathBuf::from);
    let found = candidates.into_iter().find(|folder| site::is_site(folder));
    found.context("there is no site in this folder nor in site/; name one")
}

/// SITE of the verbs that render: the folder given, or the working folder, or `site/` in it.
pub(super) fn site_folder(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    given.map_or_else(default_site, |folder| Ok(folder.to_path_buf()))
}

/// What changes a site's own settings.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    pub(super) drafts: bool,
    pub(super) future: bool,
    pub(super) base_url: Option<String>,
    pub(super) minify: bool,
    /// The commit to read.
    pub(super) revision: Option<String>,
}

/// Loads a site, and what git knows of it.
pub(super) fn load_site(folder: &Path, overrides: &Overrides, cache: Option<&Cache>) -> anyhow::Result<Site> {
    let options = Options {
        drafts: overrides.drafts,
        future: overrides.future,
        now: Timestamp::now(),
        revision: overrides.revision.clone(),
    };
    let mut site = site::load(folder, &options)?;
    if overrides.base_url.is_some() {
        site.config.base_url.clone_from(&overrides.base_url);
    }
    site.config.minify |= overrides.minify;
    Histories::new(cache.cloned()).attach(&mut site);
    Ok(site)
}

/// The cache of the site in `folder`; without one everything is made anew.
pub(super) fn open_cache(folder: &Path) -> Option<Cache> {
    // A misspelled name is to be an error, not a new folder.
    if !site::is_site(folder) {
        return None;
    }
    match Cache::open(folder) {
        Ok(cache) => Some(cache),
        Err(error) => {
            tracing::debug!("{}: no cache can be kept there: {error}", folder.display());
            None
        }
    }
}

/// Renders a site; `take` gets each file. Prints all findings; if one is an error, fails.
pub(super) fn render_site(
    site: &mut Site,
    memory: &Memory,
    report: &Report,
    consequence: &str,
    mut take: impl FnMut(Rendered) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut findings = std::mem::take(&mut site.findings);
    match Theme::load(site) {
        Ok(theme) => findings.extend(render(site, &theme, memory, &mut take)?),
        Err(faults) => findings.extend(faults),
    }
    findings.sort();
    report.findings(&findings, consequence)
}

/// The tree of a site or a rendered folder, with one line that says what it is.
pub(super) fn local_tree(source: &Source, report: &Report, consequence: &str) -> anyhow::Result<Tree> {
    let Source::Site(folder) = source else { return read(source, report, read_folder) };
    let mut tree = Tree::new();
    let cache = open_cache(folder);
    let mut site = load_site(folder, &Overrides::default(), cache.as_ref())?;
    let memory = cache.map_or_else(Memory::none, |cache| Memory::open(cache, None));
    render_site(&mut site, &memory, report, consequence, |rendered| Ok(tree.insert(rendered.path, rendered.entry)?))?;
    memory.sweep();
    report.say(rendered(folder, &site, tree.len(), tree.length(), report));
    Ok(tree)
}

/// The tree of a rendered folder as it is shipped.
pub(super) fn folder_tree(source: &Source, report: &Report) -> anyhow::Result<Tree> {
    read(source, report, read_folder_to_ship)
}

fn read(source: &Source, report: &Report, read: impl Fn(&Path) -> Result<Tree, FolderError>) -> anyhow::Result<Tree> {
    let Source::Folder(folder) = source else { bail!("an image has been rendered already; name a site") };
    let tree = read(folder)?;
    report.say(format_args!("read {}: {}, {}", folder.display(), count(tree.len(), "file"), size(tree.length())));
    Ok(tree)
}

/// Does `work` with threads of its own, which end with it and take their free memory along: those that stay for the life of
/// the process would keep what rendering took.
pub(super) fn apart<T: Send>(work: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
    rayon::ThreadPoolBuilder::new().build()?.install(work)
}

/// What a site that will be published lacks.
pub(super) fn advise(site: &Site, report: &Report) {
    if site.config.base_url.is_none() {
        report.say(
            "no base_url is set: feed and sitemap have no absolute URLs, which their readers need; see galley.toml",
        );
    }
}

/// `rendered site: 6 pages, 42 files, 310 KB, 61 ms`.
pub(super) fn rendered(folder: &Path, site: &Site, files: usize, bytes: u64, report: &Report) -> String {
    let (pages, files) = (count(site.pages.len(), "page"), count(files, "file"));
    let commit = site.head.map(|commit| format!(" at {}", commit.short())).unwrap_or_default();
    format!("rendered {}{commit}: {pages}, {files}, {}, {}", folder.display(), size(bytes), report.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_known_by_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        assert!(Source::resolve(Some(path)).unwrap_err().to_string().contains("is neither a site"));
        std::fs::write(folder.path().join("index.html"), "x").unwrap();
        assert_eq!(Source::resolve(Some(path)).unwrap(), Source::Folder(path.into()));
        std::fs::create_dir(folder.path().join("content")).unwrap();
        assert_eq!(Source::resolve(Some(path)).unwrap(), Source::Site(path.into()));
        assert_eq!(Source::resolve(Some("oci:x")).unwrap(), Source::Layout("x".into()));
        assert!(matches!(Source::resolve(Some("registry.example/blog")).unwrap(), Source::Reference(_)));
    }

    #[test]
    fn a_typing_error_is_no_reference() {
        for text in ["sitte", "./sitte", "/no/such", "../x/y"] {
            let error = Source::resolve(Some(text)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text}: no such folder")), "{error}");
        }
    }
}
