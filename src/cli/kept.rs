//! A rendered site, with its pages kept between runs: the next run reads of them only what it needs.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::report::Report;
use super::source::{Overrides, load_site, open_cache, render_site, rendered};
use crate::cache::Cache;
use crate::render::{Memory, Rendered};
use crate::site::Site;
use crate::snapshot::{Entry, FolderError, OutputFolder, Tree, TreePath};

/// The folder of the cache that holds what was rendered, as far as it does not lie in files elsewhere.
const FOLDER: &str = "rendered";

/// A site that was rendered.
pub(super) struct RenderedSite {
    pub(super) tree: Tree,
    pub(super) site: Site,
    /// While it lives, no other run replaces the files that entries of the tree lie in.
    pub(super) turn: Option<File>,
}

/// Renders the site in `folder`; what it was rendered to the last time and would be again is not made once more.
pub(super) fn render_kept(folder: &Path, report: &Report, consequence: &str) -> anyhow::Result<RenderedSite> {
    let cache = open_cache(folder);
    let mut keeping = cache.as_ref().and_then(Keeping::begin);
    let (site, memory) = rayon::join(
        || load_site(folder, &Overrides::default(), cache.as_ref()),
        || memory(cache.as_ref(), keeping.as_ref()),
    );
    let mut site = site?;
    let mut tree = Tree::new();
    render_site(&mut site, &memory, report, consequence, |rendered| {
        if let Some(keeping) = &mut keeping {
            keeping.take(&rendered);
        }
        Ok(tree.insert(rendered.path, rendered.entry)?)
    })?;
    let turn = keeping.and_then(|keeping| keeping.end(&memory));
    memory.sweep();
    report.say(rendered(folder, &site, tree.len(), tree.length(), report));
    Ok(RenderedSite { tree, site, turn })
}

fn memory(cache: Option<&Cache>, keeping: Option<&Keeping>) -> Memory {
    let folder = keeping.map(|keeping| keeping.folder.as_path());
    cache.map_or_else(Memory::none, |cache| Memory::open(cache.clone(), folder))
}

/// Pages on their way into the cache. What goes wrong there costs the next run some time and this one nothing.
struct Keeping {
    folder: PathBuf,
    turn: Option<File>,
    output: Result<OutputFolder, FolderError>,
    made: Vec<(TreePath, u128, Entry)>,
}

impl Keeping {
    fn begin(cache: &Cache) -> Option<Self> {
        let folder = cache.folder().join(FOLDER);
        let turn = Memory::turn(cache, &folder)?;
        let output = OutputFolder::begin(&folder);
        Some(Self { folder, turn: Some(turn), output, made: Vec::new() })
    }

    /// Media lie in files already, and are not copied.
    fn take(&mut self, rendered: &Rendered) {
        let Rendered { path, entry, context, .. } = rendered;
        let Ok(output) = &mut self.output else { return };
        if !entry.is_in_memory() && !entry.lies_at(&path.below(&self.folder)) {
            return;
        }
        match output.write(path, entry) {
            Ok(()) => self.made.push((path.clone(), *context, entry.without_bytes())),
            // Dropped, it takes what was written aside along.
            Err(error) => self.output = Err(error),
        }
    }

    fn end(self, memory: &Memory) -> Option<File> {
        let finished = self.output.and_then(|output| {
            memory.forget_outputs();
            output.finish(&memory.gone(&self.made))
        });
        match finished {
            Ok(_) => memory.keep_outputs(&self.made),
            Err(error) => tracing::debug!("the rendered pages can't be kept for the next run: {error}"),
        }
        self.turn
    }
}
