//! The tables of galley.toml.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{FILE, toml_value};
use crate::finding::{Finding, Position, unknown_key};

/// Pages in one list before it continues on another.
const PAGINATE: usize = 20;

/// What feeds hold.
#[derive(Clone, Debug)]
pub struct Feeds {
    /// Whole posts; otherwise their summaries.
    pub full: bool,
    /// How many posts.
    pub length: usize,
    /// Whether sections and terms have feeds of their own.
    pub each: bool,
}

/// How Markdown is read.
#[derive(Clone, Debug)]
pub struct Markdown {
    /// Whether straight quotes, `--` and `...` become typographic ones.
    pub smart_punctuation: bool,
    /// Whether headings carry a link to themselves.
    pub heading_anchors: bool,
}

/// How code is coloured.
#[derive(Clone, Debug)]
pub struct Highlight {
    /// Whether it is at all.
    pub enabled: bool,
    /// Whether each block's lines are numbered that does not say otherwise.
    pub line_numbers: bool,
}

/// Which copies of images are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// Whether smaller copies are made.
    pub resize: bool,
    /// Their widths in pixels; those not smaller than the image itself are left out.
    pub widths: Vec<u32>,
    /// 1 to 100.
    pub quality: u8,
}

/// A way to group pages.
#[derive(Clone, Debug)]
pub struct TaxonomySettings {
    /// The title of the page that lists its terms; the name in words if none is given.
    pub title: Option<String>,
    /// Pages in one list.
    pub paginate: usize,
    /// Whether each term has a feed.
    pub feed: bool,
}

/// The order of a section's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Newest first; dateless pages last. A section without any date is ordered by weight and file name.
    Date,
    /// By `weight`, then by file name.
    Weight,
    /// By title.
    Title,
}

/// Settings of one section.
#[derive(Clone, Debug)]
pub struct SectionSettings {
    /// Where its pages live, as in `/:year/:month/:slug/`; by folder and slug if none is given.
    pub permalink: Option<String>,
    /// Pages in one list.
    pub paginate: usize,
    /// The order of its pages.
    pub sort: Sort,
    /// Whether it has a feed.
    pub feed: bool,
}

impl Default for Feeds {
    fn default() -> Self {
        Self { full: true, length: 20, each: true }
    }
}

impl Default for Markdown {
    fn default() -> Self {
        Self { smart_punctuation: false, heading_anchors: true }
    }
}

impl Default for Highlight {
    fn default() -> Self {
        Self { enabled: true, line_numbers: false }
    }
}

impl Default for Images {
    fn default() -> Self {
        Self { resize: true, widths: vec![480, 960, 1600], quality: 80 }
    }
}

impl Default for TaxonomySettings {
    fn default() -> Self {
        Self { title: None, paginate: PAGINATE, feed: true }
    }
}

impl Default for SectionSettings {
    fn default() -> Self {
        Self { permalink: None, paginate: PAGINATE, sort: Sort::Date, feed: true }
    }
}

/// Tags, categories and authors are there unless a site says which taxonomies it has.
pub(super) fn default_taxonomies() -> BTreeMap<String, TaxonomySettings> {
    ["tags", "categories", "authors"].map(|name| (name.to_owned(), TaxonomySettings::default())).into()
}

type Item<'a> = Spanned<DeValue<'a>>;
type Fault = &'static str;

/// The file being read.
pub(super) struct Reading<'a> {
    pub(super) text: &'a str,
    pub(super) findings: &'a mut Vec<Finding>,
}

impl Reading<'_> {
    fn refuse(&mut self, at: usize, name: &str, expected: &str) {
        let at = Position::of(self.text, at);
        self.findings.push(Finding::error(FILE, Some(at), format!("'{name}' must be {expected}")));
    }

    /// Gives each key of the table to `set`, whose error says what the value must be.
    fn table(
        &mut self,
        name: &str,
        item: &Item<'_>,
        keys: &[&str],
        mut set: impl FnMut(&str, &DeValue<'_>) -> Result<(), Fault>,
    ) {
        let Some(table) = self.as_table(name, item) else { return };
        for (key, value) in table {
            let (at, key) = (key.span().start, key.get_ref().as_ref());
            if !keys.contains(&key) {
                let message = unknown_key(key, &format!("[{name}]"), keys);
                self.findings.push(Finding::warning(FILE, Some(Position::of(self.text, at)), message));
            } else if let Err(expected) = set(key, value.get_ref()) {
                self.refuse(value.span().start, key, expected);
            }
        }
    }

    fn as_table<'t>(&mut self, name: &str, item: &'t Item<'_>) -> Option<&'t DeTable<'t>> {
        let table = item.get_ref().as_table();
        if table.is_none() {
            self.refuse(item.span().start, name, &format!("a table, as in [{name}]"));
        }
        table
    }
}

pub(super) fn truth(value: &DeValue<'_>) -> Result<bool, Fault> {
    value.as_bool().ok_or("true or false")
}

fn text(value: &DeValue<'_>) -> Result<String, Fault> {
    value.as_str().map(str::to_owned).ok_or("a text in quotes")
}

fn number(value: &DeValue<'_>, from: i64, to: i64, expected: Fault) -> Result<i64, Fault> {
    toml_value(value).as_i64().filter(|number| (from..=to).contains(number)).ok_or(expected)
}

fn length(value: &DeValue<'_>) -> Result<usize, Fault> {
    const EXPECTED: Fault = "a whole number from 1 to 10000";
    number(value, 1, 10_000, EXPECTED).and_then(|number| usize::try_from(number).map_err(|_| EXPECTED))
}

impl Feeds {
    pub(super) fn read(&mut self, item: &Item<'_>, reading: &mut Reading<'_>) {
        const KEYS: &[&str] = &["full", "length", "each"];
        reading.table("feeds", item, KEYS, |key, value| {
            match key {
                "full" => self.full = truth(value)?,
                "length" => self.length = length(value)?,
                _ => self.each = truth(value)?,
            }
            Ok(())
        });
    }
}

impl Markdown {
    pub(super) fn read(&mut self, item: &Item<'_>, reading: &mut Reading<'_>) {
        const KEYS: &[&str] = &["smart_punctuation", "heading_anchors"];
        reading.table("markdown", item, KEYS, |key, value| {
            match key {
                "smart_punctuation" => self.smart_punctuation = truth(value)?,
                _ => self.heading_anchors = truth(value)?,
            }
            Ok(())
        });
    }
}

impl Highlight {
    pub(super) fn read(&mut self, item: &Item<'_>, reading: &mut Reading<'_>) {
        const KEYS: &[&str] = &["enabled", "line_numbers"];
        reading.table("highlight", item, KEYS, |key, value| {
            match key {
                "enabled" => self.enabled = truth(value)?,
                _ => self.line_numbers = truth(value)?,
            }
            Ok(())
        });
    }
}

impl Images {
    pub(super) fn read(&mut self, item: &Item<'_>, reading: &mut Reading<'_>) {
        const KEYS: &[&str] = &["resize", "widths", "quality"];
        reading.table("images", item, KEYS, |key, value| {
            match key {
                "resize" => self.resize = truth(value)?,
                "quality" => self.quality = number(value, 1, 100, "a whole number from 1 to 100")? as u8,
                _ => self.widths = widths(value)?,
            }
            Ok(())
        });
    }
}

fn widths(value: &DeValue<'_>) -> Result<Vec<u32>, Fault> {
    const EXPECTED: Fault = "a list of widths in pixels from 16 to 8192, as in [480, 960]";
    let one = |item: &Item<'_>| number(item.get_ref(), 16, 8192, EXPECTED).map(|width| width as u32);
    let mut widths: Vec<u32> = value.as_array().ok_or(EXPECTED)?.iter().map(one).collect::<Result<_, _>>()?;
    widths.sort_unstable();
    widths.dedup();
    Ok(widths)
}

/// The taxonomies that a site has, instead of the default ones: `[taxonomies.tags]`, each with its settings.
pub(super) fn taxonomies(item: &Item<'_>, reading: &mut Reading<'_>) -> BTreeMap<String, TaxonomySettings> {
    const KEYS: &[&str] = &["title", "paginate", "feed"];
    let mut taxonomies = BTreeMap::new();
    for (name, item) in reading.as_table("taxonomies", item).into_iter().flatten() {
        let mut settings = TaxonomySettings::default();
        let path = format!("taxonomies.{}", name.get_ref());
        reading.table(&path, item, KEYS, |key, value| {
            match key {
                "title" => settings.title = Some(text(value)?),
                "paginate" => settings.paginate = length(value)?,
                _ => settings.feed = truth(value)?,
            }
            Ok(())
        });
        taxonomies.insert(name.get_ref().to_string(), settings);
    }
    taxonomies
}

/// `[sections.posts]`, by folder below the content.
pub(super) fn sections(item: &Item<'_>, reading: &mut Reading<'_>) -> BTreeMap<String, SectionSettings> {
    const KEYS: &[&str] = &["permalink", "paginate", "sort", "feed"];
    let mut sections = BTreeMap::new();
    for (name, item) in reading.as_table("sections", item).into_iter().flatten() {
        let mut settings = SectionSettings::default();
        let path = format!("sections.{}", name.get_ref());
        reading.table(&path, item, KEYS, |key, value| {
            match key {
                "permalink" => settings.permalink = Some(pattern(text(value)?)?),
                "paginate" => settings.paginate = length(value)?,
                "sort" => settings.sort = sort(&text(value)?)?,
                _ => settings.feed = truth(value)?,
            }
            Ok(())
        });
        sections.insert(name.get_ref().trim_matches('/').to_owned(), settings);
    }
    sections
}

fn sort(name: &str) -> Result<Sort, Fault> {
    match name {
        "date" => Ok(Sort::Date),
        "weight" => Ok(Sort::Weight),
        "title" => Ok(Sort::Title),
        _ => Err("\"date\", \"weight\" or \"title\""),
    }
}

/// The tokens of a permalink pattern.
pub(crate) const TOKENS: [&str; 7] = ["year", "month", "day", "section", "slug", "title", "name"];

fn pattern(pattern: String) -> Result<String, Fault> {
    const EXPECTED: Fault =
        "a path of :year, :month, :day, :section, :slug, :title and :name, as in \"/:year/:month/:slug/\"";
    let tokens = pattern.split(':').skip(1);
    let known =
        |rest: &str| TOKENS.contains(&&rest[..rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len())]);
    let tells_pages_apart = [":slug", ":title", ":name"].iter().any(|token| pattern.contains(token));
    if pattern.starts_with('/') && tells_pages_apart && tokens.clone().all(known) { Ok(pattern) } else { Err(EXPECTED) }
}

/// Values with their places, for a check that comes later.
pub(super) fn places(item: &Item<'_>, reading: &mut Reading<'_>) -> BTreeMap<String, (Value, Position)> {
    let text = reading.text;
    let table = reading.as_table("theme_settings", item);
    let place = |value: &Item<'_>| (toml_value(value.get_ref()), Position::of(text, value.span().start));
    table.into_iter().flatten().map(|(key, value)| (key.get_ref().to_string(), place(value))).collect()
}
