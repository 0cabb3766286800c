//! `galley check`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::report::{Report, count};
use super::source::{Overrides, load_site, open_cache, site_folder};
use crate::check::{self, Provenance, Source, external_links, format};
use crate::config;
use crate::finding::Finding;
use crate::render::{Memory, Theme, render};
use crate::site::{self, Site};
use crate::snapshot::Tree;

/// Look for what is wrong with a site
///
/// Renders the site into memory and looks at every page: links and anchors, images without a description, redirects in a
/// circle, the nesting of HTML, feeds and sitemap. All that is found is printed at once, sorted; with an error among it the
/// exit code is 1.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley check\n  \
    galley check site --external\n  \
    galley check --format github      annotations for a pull request")]
pub(super) struct Arguments {
    /// The site's folder [default: the working folder, or site/ in it]
    site: Option<PathBuf>,
    /// Also ask other hosts whether the pages that are linked to are there; what they answer is only advice
    #[arg(long)]
    external: bool,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Also check drafts
    #[arg(long)]
    drafts: bool,
    /// Where the blog will be found: absolute links to there are links into the site
    #[arg(long, value_name = "URL", value_parser = config::base_url, env = "GALLEY_BASE_URL")]
    base_url: Option<String>,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A line each, and one that counts them
    Text,
    /// An array of objects
    Json,
    /// Workflow commands of GitHub Actions
    Github,
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    let folder = site_folder(arguments.site.as_deref())?;
    let overrides =
        Overrides { drafts: arguments.drafts, base_url: arguments.base_url.clone(), ..Overrides::default() };
    let cache = open_cache(&folder);
    let mut site = load_site(&folder, &overrides, cache.as_ref())?;
    let memory = cache.map_or_else(Memory::none, |cache| Memory::open(cache, None));
    let mut findings = std::mem::take(&mut site.findings);
    findings.extend(site::dateless(&site));
    let (tree, provenance) = rendered(&site, &memory, &mut findings)?;
    let is_whole = !findings.iter().any(Finding::is_error);
    if is_whole {
        let options = check::Options { base_url: site.config.base_url.clone() };
        let found = check::check(&tree, &provenance, &options);
        // A link to a source that is not there was seen when it was rendered; the tree says it again, and louder.
        findings.retain(|finding| !found.iter().any(|other| same_line(finding, other)));
        findings.extend(found);
        if arguments.external {
            let links = external_links(&tree, &provenance, &options);
            report.say(format_args!("asking about {}", count(links.len(), "external link")));
            findings.extend(super::external::ask(&links, &folder, report)?);
        }
    }
    findings.sort();
    findings.dedup();
    let printed = match arguments.format {
        Format::Text => format::text(&findings),
        Format::Json => format::json(&findings),
        Format::Github => format::github(&from_here(&folder, &findings)),
    };
    report.result(printed.trim_end());
    match findings.iter().filter(|finding| finding.is_error()).count() {
        0 => Ok(()),
        _ if !is_whole => anyhow::bail!("the site can't be rendered, so its pages were not looked at"),
        errors => anyhow::bail!("{} in the site", count(errors, "error")),
    }
}

/// With paths from the working folder, which on GitHub's runners is the repository's.
fn from_here(folder: &Path, findings: &[Finding]) -> Vec<Finding> {
    let path = |finding: &Finding| match folder.is_relative() && folder != Path::new(".") {
        true => folder.join(&finding.path).to_string_lossy().into_owned(),
        false => finding.path.clone(),
    };
    findings.iter().map(|finding| Finding { path: path(finding), ..finding.clone() }).collect()
}

fn same_line(a: &Finding, b: &Finding) -> bool {
    let line = |finding: &Finding| finding.position.map(|at| at.line);
    a.path == b.path && line(a).is_some() && line(a) == line(b) && !a.is_error()
}

/// The site's tree, and which source each page came from.
fn rendered(site: &Site, memory: &Memory, findings: &mut Vec<Finding>) -> anyhow::Result<(Tree, Provenance)> {
    let (mut tree, mut provenance) = (Tree::new(), Provenance::new());
    let theme = match Theme::load(site) {
        Ok(theme) => theme,
        Err(faults) => {
            findings.extend(faults);
            return Ok((tree, provenance));
        }
    };
    findings.extend(render(site, &theme, memory, |rendered| {
        if let Some(position) = rendered.page {
            let path = site.pages[position].source.clone();
            let bytes = site.files.read(&path, u64::MAX)?;
            let text: Arc<str> = String::from_utf8_lossy(&bytes).into();
            provenance.insert(rendered.path.clone(), Source { path, text });
        }
        tree.insert(rendered.path, rendered.entry)?;
        anyhow::Ok(())
    })?);
    for section in site.sections.values() {
        if let Some(index) = &section.index {
            let bytes = site.files.read(&index.source, u64::MAX)?;
            let source = Source { path: index.source.clone(), text: String::from_utf8_lossy(&bytes).into() };
            provenance.insert(section.permalink.file().clone(), source);
        }
    }
    Ok((tree, provenance))
}
