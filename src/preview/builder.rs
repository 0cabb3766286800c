//! Renders the site again and again: the passes of a build over a memory that stays.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::problem::Problem;
use super::stage::Shown;
use super::version::Kinds;
use crate::config;
use crate::finding::Finding;
use crate::render::Memory;
use crate::render::Rendered;
use crate::render::Theme;
use crate::render::render;
use crate::site::Changes;
use crate::site::Files;
use crate::site::Kept;
use crate::site::LoadError;
use crate::site::Site;
use crate::snapshot::Freezing;
use crate::snapshot::Snapshot;
use crate::snapshot::Tree;
use crate::snapshot::freeze_with;

/// The bytes that media may take in memory; further ones are read when they are asked for.
const MEMORY: u64 = 256 * 1024 * 1024;

/// Passes over files that change while they are read, before what is wrong with the last one is shown.
const ATTEMPTS: usize = 3;

/// Reads the site with what was kept of earlier readings, and tells it what git knows.
pub type Load = Box<dyn FnMut(&mut Kept, &Changes) -> Result<Site, LoadError> + Send>;

/// What earlier passes found and made, and the way to another pass.
pub struct Builder {
    folder: PathBuf,
    load: Load,
    kept: Kept,
    memory: Memory,
    theme: Option<Theme>,
    tree: Tree,
    snapshot: Option<Arc<Snapshot>>,
    /// Whether a pass ended before everything that had changed was read.
    in_doubt: bool,
}

/// What a pass came to.
pub(super) struct Built {
    pub(super) shown: Shown,
    /// What is hardly as meant.
    pub(super) warnings: Vec<Finding>,
    /// Pages that are other ones than before.
    pub(super) pages: usize,
    /// Other such files.
    pub(super) others: usize,
    /// For [`Builder::settle`].
    pub(super) rest: Rest,
}

/// What is left to be put in order when nobody waits any more.
pub(super) struct Rest {
    site: Site,
    made: Vec<Rendered>,
}

/// Why there is no new site.
pub(super) struct Failed {
    pub(super) findings: Vec<Finding>,
    pub(super) problems: Vec<Problem>,
    /// Whether it may be due to a file that was another one, or gone, before the pass was over.
    is_stale: bool,
}

impl Builder {
    /// For the site in `folder`, which `load` reads.
    pub fn new(folder: &Path, load: Load, memory: Memory) -> Self {
        Self {
            folder: folder.to_path_buf(),
            load,
            kept: Kept::default(),
            memory,
            theme: None,
            tree: Tree::new(),
            snapshot: None,
            in_doubt: true,
        }
    }

    /// What was known of the files before this moment's changes.
    pub(super) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Files outside the site's own folders that its pages show.
    pub(super) fn included(&self) -> BTreeSet<String> {
        self.memory.included()
    }

    /// The site as it is now. After an error everything that was made before is still there.
    pub(super) fn pass(&mut self, changes: &Changes) -> Result<Built, Failed> {
        for _ in 1..ATTEMPTS {
            match self.attempt(changes) {
                // An error of a state that nobody left behind is nobody's to see.
                Err(Failed { is_stale: true, .. }) => self.in_doubt = true,
                result => return result,
            }
        }
        self.attempt(changes)
    }

    fn attempt(&mut self, changes: &Changes) -> Result<Built, Failed> {
        let changes = if std::mem::replace(&mut self.in_doubt, true) { &Changes::All } else { changes };
        let began = Instant::now();
        let mut site = (self.load)(&mut self.kept, changes).map_err(|error| self.failed(vec![unreadable(&error)]))?;
        let read = began.elapsed();
        // From here on all changes have been read.
        self.in_doubt = false;
        let mut findings = std::mem::take(&mut site.findings);
        let theme = self.theme.take().filter(|theme| !touches_theme(changes) && theme.fits(&site));
        let theme = match theme.map_or_else(|| Theme::load(&site), Ok) {
            Ok(theme) => theme,
            Err(faults) => {
                findings.extend(faults);
                return Err(self.failed(findings));
            }
        };
        let mut made = Vec::new();
        let rendered = render(&site, &theme, &self.memory, |rendered| {
            made.push(rendered);
            Ok::<(), std::convert::Infallible>(())
        });
        self.theme = Some(theme);
        findings.extend(rendered.unwrap_or_else(|never| match never {}));
        findings.sort();
        if findings.iter().any(Finding::is_error) {
            let is_stale = findings.iter().any(|finding| finding.is_error() && has_changed(&site, &finding.path));
            return Err(Failed { is_stale, ..self.failed(findings) });
        }
        let rendered_after = began.elapsed();
        let (pages, others) = self.take(&made).map_err(|finding| self.failed(vec![finding]))?;
        let freezing = Freezing { previous: self.snapshot.as_deref(), memory: Some(MEMORY), ..Freezing::default() };
        let snapshot = Arc::new(freeze_with(&self.tree, &freezing).map_err(|error| {
            self.in_doubt = true;
            Failed { is_stale: true, ..self.failed(vec![Finding::error("the site", None, error.to_string())]) }
        })?);
        self.snapshot = Some(Arc::clone(&snapshot));
        let shown = Shown { snapshot, kinds: Kinds::of(&self.tree) };
        tracing::debug!("read after {read:?}, rendered after {rendered_after:?}, frozen after {:?}", began.elapsed());
        Ok(Built { shown, warnings: findings, pages, others, rest: Rest { site, made } })
    }

    /// Keeps for the next pass what a good one found and made.
    pub(super) fn settle(&mut self, rest: Rest) {
        let Rest { site, made } = rest;
        let indexes = site.sections.values().filter_map(|section| section.index.as_ref());
        self.kept.settle(site.pages.iter().chain(indexes));
        self.memory.hold(made.into_iter().map(|rendered| (rendered.path, rendered.context, rendered.entry)));
    }

    /// Puts what was made into the tree; how many pages and other files are not as before.
    fn take(&mut self, made: &[Rendered]) -> Result<(usize, usize), Finding> {
        let same_names = self.tree.len() == made.len()
            && self.tree.iter().zip(made).all(|((path, _), rendered)| *path == rendered.path);
        let (mut pages, mut others) = (0, 0);
        let mut count = |path: &str| if path.ends_with(".html") { pages += 1 } else { others += 1 };
        if same_names {
            for ((path, entry), rendered) in self.tree.iter_mut().zip(made) {
                if !entry.is_same(&rendered.entry) {
                    *entry = rendered.entry.clone();
                    count(path.as_str());
                }
            }
        } else {
            let mut tree = Tree::new();
            for rendered in made {
                if !self.tree.get(rendered.path.as_str()).is_some_and(|entry| entry.is_same(&rendered.entry)) {
                    count(rendered.path.as_str());
                }
                tree.insert(rendered.path.clone(), rendered.entry.clone())
                    .map_err(|error| Finding::error(rendered.path.as_str(), None, error.to_string()))?;
            }
            self.tree
                .iter()
                .filter(|(path, _)| tree.get(path.as_str()).is_none())
                .for_each(|(path, _)| count(path.as_str()));
            self.tree = tree;
        }
        Ok((pages, others))
    }

    fn failed(&self, findings: Vec<Finding>) -> Failed {
        let problems = Problem::of(&findings, &Files::folder(&self.folder));
        Failed { findings, problems, is_stale: false }
    }
}

/// Whether the file that goes out as it is, at `path`, is no longer the one that was found.
fn has_changed(site: &Site, path: &str) -> bool {
    let mut assets = site.assets.iter().filter(|asset| asset.source == path);
    assets.any(|asset| {
        let now = site.files.on_disk(path).and_then(|file| file.symlink_metadata().ok());
        now.is_none_or(|now| now.len() != asset.length)
    })
}

fn touches_theme(changes: &Changes) -> bool {
    changes.may_be(config::FILE) || ["themes", "templates", "sass"].iter().any(|folder| changes.touch(folder))
}

/// The message names the path itself.
fn unreadable(error: &LoadError) -> Finding {
    let message = error.to_string();
    let (path, message) = message.split_once(": ").unwrap_or(("the site", &message));
    Finding::error(path, None, message)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Mutex;

    use super::*;
    use crate::site::{Options, load_again};

    /// A site with an asset that is gone, the first `times` that the site is read, before it is taken into memory; how often
    /// the site was read, and what came of it.
    fn vanishing(times: usize) -> (usize, Result<Built, Failed>) {
        let folder = tempfile::tempdir().unwrap();
        let asset = folder.path().join("content/a.md.new");
        fs::create_dir(folder.path().join("content")).unwrap();
        fs::write(folder.path().join("content/a.md"), "---\ntitle: A\n---\nText.\n").unwrap();
        let count = Arc::new(Mutex::new(0));
        let (read, counted) = (folder.path().to_path_buf(), Arc::clone(&count));
        let load: Load = Box::new(move |kept, changes| {
            let options = Options { drafts: true, future: true, now: Default::default(), revision: None };
            let mut count = counted.lock().unwrap();
            *count += 1;
            if *count > times {
                return load_again(&read, &options, kept, changes);
            }
            fs::write(&asset, "new").unwrap();
            let site = load_again(&read, &options, kept, changes);
            fs::remove_file(&asset).unwrap();
            site
        });
        let built = Builder::new(folder.path(), load, Memory::in_process(None)).pass(&Changes::All);
        let count = *count.lock().unwrap();
        (count, built)
    }

    #[test]
    fn a_file_that_vanishes_while_the_site_is_read_is_no_error_of_it() {
        let (readings, built) = vanishing(1);
        let built = built.unwrap_or_else(|failed| panic!("{:?}", failed.findings));
        assert_eq!((readings, built.warnings), (2, Vec::new()));
    }

    #[test]
    fn a_site_that_is_never_still_says_what_is_wrong_in_the_end() {
        let (readings, built) = vanishing(usize::MAX);
        let failed = built.err().unwrap();
        assert_eq!((readings, failed.findings.len()), (ATTEMPTS, 1));
        assert_eq!(failed.findings[0].path, "content/a.md.new");
    }
}
