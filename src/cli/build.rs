//! `galley build`

use std::path::PathBuf;

use clap::Args;

use super::report::{Report, count};
use super::source::{Overrides, advise, load_site, open_cache, render_site, rendered, site_folder};
use crate::config;
use crate::render::{Memory, Rendered};
use crate::snapshot::OutputFolder;

/// Render a site into a folder
///
/// The folder is written aside and put in place by one rename: a build that fails leaves the old one as it was.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley build\n  \
    galley build site -o /srv/blog --base-url https://blog.example\n  \
    galley build --drafts --future -o /tmp/preview\n  \
    galley build --rev v1.2 site -o /tmp/as-it-was")]
pub(super) struct Arguments {
    /// The site's folder [default: the working folder, or site/ in it]
    site: Option<PathBuf>,
    /// Where the rendered files go [default: public/ in the site's folder]
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Also render drafts
    #[arg(long)]
    drafts: bool,
    /// Also render pages with a date in the future
    #[arg(long)]
    future: bool,
    /// Where the blog will be found: for canonical links, feeds and the sitemap
    #[arg(long, value_name = "URL", value_parser = config::base_url, env = "GALLEY_BASE_URL")]
    base_url: Option<String>,
    /// Write HTML, CSS and JavaScript without what only people read
    #[arg(long)]
    minify: bool,
    /// Read the site from this commit, tag or branch instead of the folder
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    let folder = site_folder(arguments.site.as_deref())?;
    let target = arguments.output.clone().unwrap_or_else(|| folder.join("public"));
    // A symbolic link stays one: what it leads to is replaced.
    let target = if target.is_symlink() { target.canonicalize().unwrap_or(target) } else { target };
    let overrides = Overrides {
        drafts: arguments.drafts,
        future: arguments.future,
        base_url: arguments.base_url.clone(),
        minify: arguments.minify,
        revision: arguments.rev.clone(),
    };
    let cache = open_cache(&folder);
    // Before anything is read: who comes later sees later sources.
    let turn = cache.as_ref().and_then(|cache| Memory::turn(cache, &target));
    let (site, memory) = rayon::join(
        || load_site(&folder, &overrides, cache.as_ref()),
        || cache.as_ref().map_or_else(Memory::none, |cache| Memory::open(cache.clone(), Some(&target))),
    );
    let mut site = site?;
    let mut output = None;
    let (mut made, mut bytes) = (Vec::new(), 0);
    let consequence = format!("{} was left as it was", target.display());
    render_site(&mut site, &memory, report, &consequence, |rendered| {
        let output = match &mut output {
            Some(output) => output,
            // Begun with the first file, so that a site that is missing or broken touches nothing.
            None => output.insert(OutputFolder::begin(&target)?),
        };
        let Rendered { path, entry, context, .. } = rendered;
        bytes += entry.length();
        output.write(&path, &entry)?;
        made.push((path, context, entry.without_bytes()));
        Ok(())
    })?;
    let changed = output.as_ref().map_or(0, OutputFolder::changed);
    if let Some(output) = output {
        memory.forget_outputs();
        output.finish(&memory.gone(&made))?;
        memory.keep_outputs(&made);
    }
    memory.sweep();
    report.say(rendered(&folder, &site, made.len(), bytes, report));
    if changed < made.len() {
        report.say(format_args!("{} of them changed", count(changed, "file")));
    }
    advise(&site, report);
    report.say(format_args!("look at it: galley serve {}", target.display()));
    // What the system takes back in one step is not given back piece by piece.
    std::mem::forget((site, memory, made, turn));
    Ok(())
}
