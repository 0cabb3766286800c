//! What goes into the images beside the programs.

use std::fs::File;

use super::super::kept::{RenderedSite, render_kept};
use super::super::report::Report;
use super::super::source::{Source, advise, folder_tree, open_cache};
use super::Arguments;
use crate::cache::Cache;
use crate::image::Origin;
use crate::site::{Site, revision};
use crate::snapshot::Tree;

/// What goes into the images beside the programs.
pub(super) struct Material {
    pub(super) tree: Option<Tree>,
    pub(super) origin: Origin,
    pub(super) cache: Option<Cache>,
}

/// While it is held, the files that entries of a rendered site lie in stay what they are.
pub(super) type Turn = Option<File>;

impl Material {
    pub(super) fn of(arguments: &Arguments, report: &Report) -> anyhow::Result<(Self, Turn)> {
        if arguments.no_site {
            let origin = Origin { title: "galley".to_owned(), ..Origin::default() };
            return Ok((Self { tree: None, origin, cache: None }, None));
        }
        let source = Source::resolve(arguments.site.as_deref())?;
        let Source::Site(folder) = &source else {
            let tree = folder_tree(&source, report)?;
            let origin = origin(&source, None);
            return Ok((Self { tree: Some(tree), origin, cache: None }, None));
        };
        let RenderedSite { tree, site, turn } = render_kept(folder, report, "nothing was packed")?;
        advise(&site, report);
        let origin = origin(&source, Some(&site));
        Ok((Self { tree: Some(tree), origin, cache: open_cache(folder) }, turn))
    }
}

/// Title, commit and repository; what git does not tell is left out, with a word on why.
fn origin(source: &Source, site: Option<&Site>) -> Origin {
    let (Source::Site(folder) | Source::Folder(folder) | Source::Layout(folder)) = source else {
        return Origin::default();
    };
    let title = site.map(|site| site.config.title.clone()).unwrap_or_default();
    let found = revision(folder).unwrap_or_else(|error| {
        tracing::warn!("{}: git: {}; the image says no revision", folder.display(), error.message());
        None
    });
    let Some(found) = found else { return Origin { title, ..Origin::default() } };
    let created = found.committed.map(|time| time.to_string());
    Origin { title, revision: Some(found.id), source: found.origin, created }
}
