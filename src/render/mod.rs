//! A site and a theme become a tree: a function without clock, network or environment.
//!
//! First all Markdown is read, because titles and summaries of every page stand in lists of others. Then the outputs are
//! planned, so that each path is known to be free before anything is made. Then they are made, some at a time on all cores,
//! and handed on in path order: the caller collects them or writes them as they come. What earlier builds made is an
//! argument, [`Memory`]: Markdown is remembered by its content, an output by the exact values that it was made from.

mod absolute;
mod escape;
mod feed;
mod highlight;
mod image;
mod images;
mod items;
mod maker;
mod markdown;
mod memory;
mod minify;
mod orders;
mod pages;
mod paginate;
mod plan;
mod related;
mod rules;
mod scope;
mod search;
mod shortcode;
mod sink;
mod sitemaps;
mod theme;
mod view;

use std::collections::BTreeMap;

use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3;

use self::images::Images;
use self::items::Items;
use self::maker::Maker;
pub use self::memory::{Made, Memory};
use self::orders::Orders;
use self::pages::Pages;
use self::plan::{Output, Plan};
use self::rules::Rules;
pub use self::theme::Theme;
use crate::finding::Finding;
use crate::site::Site;
use crate::snapshot::{Entry, TreePath};

/// Outputs made at a time: enough for all cores, few enough that not the whole site is in memory twice.
const CHUNK: usize = 64;
/// The same where nearly all are there already.
const LARGEST_CHUNK: usize = 4096;

/// One file of the rendered site.
pub struct Rendered {
    /// Where it goes.
    pub path: TreePath,
    /// What it holds.
    pub entry: Entry,
    /// The hash of what it was made from, for [`Memory::keep_outputs`].
    pub context: u128,
    /// The position of the page in [`Site::pages`] that it shows, if it is one page's.
    pub page: Option<usize>,
}

/// Renders `site`; `take` gets each file in bytewise path order. The findings hold what is wrong: if one of them is an
/// error, the files so far are not the whole site and must be dropped.
pub fn render<E>(
    site: &Site,
    theme: &Theme,
    memory: &Memory,
    mut take: impl FnMut(Rendered) -> Result<(), E>,
) -> Result<Vec<Finding>, E> {
    let images = Images::new(site, memory);
    let site_value = view::site(site, &section_titles(site));
    let pages = Pages::new(site, theme, &images, memory, &site_value);
    let rules = Rules::of(site);
    let mut findings = pages.findings();
    findings.extend_from_slice(&rules.findings);
    findings.extend_from_slice(theme.warnings());
    findings.extend(images.findings());
    let (items, ()) = rayon::join(
        || Items::new(site, &pages, memory),
        || {
            memory.keep_pages(pages.records());
            memory.keep_included(|| pages.included());
        },
    );
    let (plan, maker) = rayon::join(
        || Plan::of(site, theme, &images, &rules, memory),
        || maker(site, theme, memory, &pages, &items, &site_value),
    );
    findings.extend(plan.findings);
    findings.extend(rules.circles(&plan.outputs));
    memory.keep_hashes(|| items.known());
    let mut outputs = plan.outputs.into_iter();
    let mut chunk = CHUNK;
    while !outputs.as_slice().is_empty() && !findings.iter().any(Finding::is_error) {
        let next: Vec<_> = outputs.by_ref().take(chunk).collect();
        let made: Vec<Result<Rendered, Box<Finding>>> = next
            .into_par_iter()
            .map(|(path, output)| {
                let page = if let Output::Page(position) = output { Some(position) } else { None };
                let (context, made) = maker.make(&path, &output)?;
                let entry = memory.best(&path, made);
                Ok(Rendered { path, entry, context, page })
            })
            .collect();
        // What is there already takes no more memory, and there will be more of it.
        let new = made.iter().flatten().filter(|rendered| !memory.has(&rendered.path, &rendered.entry)).count();
        chunk = if new > CHUNK / 8 { CHUNK } else { (chunk * 2).min(LARGEST_CHUNK) };
        for made in made {
            match made {
                Ok(rendered) => take(rendered)?,
                Err(finding) => findings.push(*finding),
            }
        }
    }
    findings.sort();
    // One fault in a template shows in every page that it makes.
    findings.dedup();
    Ok(findings)
}

fn maker<'a>(
    site: &'a Site,
    theme: &'a Theme,
    memory: &'a Memory,
    pages: &'a Pages<'a>,
    items: &'a Items<'a>,
    site_value: &'a serde_json::Value,
) -> Maker<'a> {
    let mut common = Xxh3::new();
    common.update(&theme.digest().to_le_bytes());
    for text in [site_value.to_string(), serde_json::Value::Object(site.data.clone()).to_string()] {
        common.update(text.as_bytes());
    }
    common.update(format!("{:?} {}", site.config.feeds, site.config.minify).as_bytes());
    Maker {
        site,
        theme,
        memory,
        pages,
        items,
        site_value,
        orders: Orders::of(site, items, memory),
        common: common.digest128(),
    }
}

/// The titles of sections as far as their front matter and folders tell.
fn section_titles(site: &Site) -> BTreeMap<&str, String> {
    let title = |(folder, section): (&'_ String, &crate::site::Section)| {
        let name = folder.rsplit('/').next().unwrap_or_default();
        section.title.clone().unwrap_or_else(|| view::name_as_title(name))
    };
    site.sections.iter().map(|(folder, section)| (folder.as_str(), title((folder, section)))).collect()
}
