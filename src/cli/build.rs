//! `galley build`

use std::path::PathBuf;

use clap::Args;

use super::report::Report;
use super::source::{Overrides, advise, render_site, rendered, site_folder};
use crate::config;
use crate::snapshot::OutputFolder;

/// Render a site into a folder
///
/// The folder is written aside and put in place by one rename: a build that fails leaves the old one as it was.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley build\n  \
    galley build site -o /srv/blog --base-url https://blog.example\n  \
    galley build --drafts --future -o /tmp/preview")]
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
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    let folder = site_folder(arguments.site.as_deref())?;
    let target = arguments.output.clone().unwrap_or_else(|| folder.join("public"));
    let overrides =
        Overrides { drafts: arguments.drafts, future: arguments.future, base_url: arguments.base_url.clone() };
    let mut output = None;
    let (mut files, mut bytes) = (0, 0);
    let consequence = format!("{} was left as it was", target.display());
    let site = render_site(&folder, &overrides, report, &consequence, |path, entry| {
        let output = match &mut output {
            Some(output) => output,
            // Begun with the first file, so that a site that is missing or broken touches nothing.
            None => output.insert(OutputFolder::begin(&target)?),
        };
        (files, bytes) = (files + 1, bytes + entry.length());
        Ok(output.write(&path, &entry)?)
    })?;
    if let Some(output) = output {
        output.finish()?;
    }
    report.say(rendered(&folder, &site, files, bytes, report));
    advise(&site, report);
    report.say(format_args!("look at it: galley serve {}", target.display()));
    Ok(())
}
