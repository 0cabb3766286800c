//! One page: what its front matter says, and its Markdown.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_128;

use super::date::{Date, split_from_name};
use super::front_matter::{Broken, Field, split};
use super::history::FileHistory;
use super::permalink::{Permalink, slug};
use crate::config::Config;
use crate::finding::{Finding, Position, unknown_key};

const KEYS: &[&str] = &[
    "title",
    "date",
    "updated",
    "publish",
    "expiry",
    "draft",
    "slug",
    "url",
    "aliases",
    "authors",
    "series",
    "description",
    "summary",
    "weight",
    "template",
    "taxonomies",
    "extra",
];

/// Other generators' names for the same keys.
const SYNONYMS: &[(&str, &str)] = &[
    ("lastmod", "updated"),
    ("redirect_from", "aliases"),
    ("author", "authors"),
    ("publishDate", "publish"),
    ("publishdate", "publish"),
    ("publish_date", "publish"),
    ("expiryDate", "expiry"),
    ("expirydate", "expiry"),
    ("expiry_date", "expiry"),
    ("sort_order", "weight"),
];

/// A page as its author left it.
#[derive(Clone, Debug)]
pub struct Page {
    /// The source file, relative to the site's folder, for findings: `content/posts/a.md`.
    pub source: String,
    /// The source file below the content, by which other pages link to it: `posts/a.md`.
    pub content_path: String,
    /// The title; `None` if the first heading is to be taken.
    pub title: Option<String>,
    /// The file's name without date, number and ending: the last resort for a title.
    pub name: String,
    /// Where it lives.
    pub permalink: Permalink,
    /// The folder it lies in, below the content; `""` for the top.
    pub folder: String,
    /// The folder of the section that it belongs to: its own or the nearest one above.
    pub section: String,
    /// When it was written.
    pub date: Option<Date>,
    /// When it was last changed, as its author says.
    pub updated: Option<Date>,
    /// From when it is shown, if that is not its date.
    pub publish: Option<Date>,
    /// From when it is no longer shown.
    pub expiry: Option<Date>,
    /// Whether it is left out unless drafts are asked for.
    pub draft: bool,
    /// Its place in a section without dates.
    pub weight: Option<i64>,
    /// Who wrote it, if not the site's author.
    pub authors: Vec<String>,
    /// The template that makes it, instead of `page.html`.
    pub template: Option<String>,
    /// One sentence for search engines.
    pub description: Option<String>,
    /// A text for lists instead of the first paragraph.
    pub summary: Option<String>,
    /// Terms by taxonomy, in the order written; the series that it is part of is a term of `series`.
    pub terms: BTreeMap<String, Vec<String>>,
    /// Old addresses that lead here.
    pub aliases: Vec<Permalink>,
    /// The user's own values for templates.
    pub extra: Map<String, Value>,
    /// The Markdown.
    pub body: String,
    /// The hash of the Markdown.
    pub body_hash: u128,
    /// The line on which the Markdown begins.
    pub body_line: usize,
    /// What git knows of the source file.
    pub history: Option<FileHistory>,
}

/// Where a source file lies and what its place says of it.
pub(super) struct Place {
    /// Relative to the site's folder.
    pub(super) source: String,
    /// Below the content.
    pub(super) content_path: String,
}

impl Place {
    /// The section's folder and the file's name without its ending; `index` takes its folder's name.
    fn split(&self) -> (&str, &str) {
        let stem = self.content_path.rsplit_once('.').map_or(self.content_path.as_str(), |(stem, _)| stem);
        let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
        if name != "index" || folder.is_empty() {
            return (folder, name);
        }
        folder.rsplit_once('/').unwrap_or(("", folder))
    }
}

impl Page {
    /// Reads a page. The findings hold what is wrong with it; without a page, one of them is an error.
    pub(super) fn read(place: &Place, text: &str, config: &Config) -> (Option<Self>, Vec<Finding>) {
        let source = match split(text) {
            Ok(source) => source,
            Err(Broken { at, message }) => return (None, vec![Finding::error(&place.source, Some(at), message)]),
        };
        let mut reading = Reading::new(place, config);
        for field in source.fields {
            reading.take(field);
        }
        let (body, body_line) = (source.body.to_owned(), source.body_line);
        let page = reading.permalink().map(|permalink| reading.page.build(place, permalink, body, body_line));
        let mut findings = reading.findings;
        if let Err(error) = &page {
            findings.push(Finding::error(&place.source, None, error.as_str()));
        }
        let broken = findings.iter().any(Finding::is_error);
        (page.ok().filter(|_| !broken), findings)
    }

    /// The date by which it is listed.
    pub(super) fn seconds(&self) -> Option<i64> {
        self.date.as_ref().map(Date::seconds)
    }
}

/// The values read so far.
#[derive(Default)]
struct Values {
    title: Option<String>,
    name: String,
    slug: Option<String>,
    url: Option<String>,
    date: Option<Date>,
    updated: Option<Date>,
    publish: Option<Date>,
    expiry: Option<Date>,
    draft: bool,
    weight: Option<i64>,
    authors: Vec<String>,
    template: Option<String>,
    description: Option<String>,
    summary: Option<String>,
    terms: BTreeMap<String, Vec<String>>,
    aliases: Vec<Permalink>,
    extra: Map<String, Value>,
}

impl Values {
    fn build(self, place: &Place, permalink: Permalink, body: String, body_line: usize) -> Page {
        Page {
            source: place.source.clone(),
            content_path: place.content_path.clone(),
            title: self.title,
            name: self.name,
            permalink,
            folder: place.split().0.to_owned(),
            section: place.split().0.to_owned(),
            date: self.date,
            updated: self.updated,
            publish: self.publish,
            expiry: self.expiry,
            draft: self.draft,
            weight: self.weight,
            authors: self.authors,
            template: self.template,
            description: self.description,
            summary: self.summary,
            terms: self.terms,
            aliases: self.aliases,
            extra: self.extra,
            body_hash: xxh3_128(body.as_bytes()),
            body,
            body_line,
            history: None,
        }
    }
}

/// The reading of one front matter.
struct Reading<'a> {
    place: &'a Place,
    config: &'a Config,
    page: Values,
    findings: Vec<Finding>,
}

impl<'a> Reading<'a> {
    fn new(place: &'a Place, config: &'a Config) -> Self {
        let (_, name) = place.split();
        let mut page = Values::default();
        let mut rest = name;
        if let Some((day, after)) = split_from_name(name) {
            page.date = Date::parse(day, &config.timezone);
            rest = after;
        } else if let Some((number, after)) = split_number(name) {
            page.weight = Some(number);
            rest = after;
        }
        page.name = rest.to_owned();
        Self { place, config, page, findings: Vec::new() }
    }

    fn take(&mut self, field: Field) {
        let Field { key, at, value, value_at } = field;
        let name = SYNONYMS.iter().find(|(other, _)| *other == key).map_or(key.as_str(), |(_, name)| name);
        if !KEYS.contains(&name) && !self.config.taxonomies.contains_key(name) {
            let taxonomies = self.config.taxonomies.keys().map(String::as_str);
            let known: Vec<&str> = KEYS.iter().copied().chain(taxonomies).collect();
            let message = unknown_key(&key, "front matter", &known);
            self.findings.push(Finding::warning(&self.place.source, Some(at), message));
        } else if !value.is_null()
            && let Err(expected) = self.set(name, value, value_at)
        {
            let message = format!("'{key}' must be {expected}");
            self.findings.push(Finding::error(&self.place.source, Some(value_at), message));
        }
    }

    /// Sets one key; the error says what the value must be.
    fn set(&mut self, key: &str, value: Value, at: Position) -> Result<(), &'static str> {
        match key {
            "aliases" => {
                self.page.aliases = self.addresses(value, at)?;
                return Ok(());
            }
            "taxonomies" => return self.taxonomies(value, at),
            _ => {}
        }
        let zone = &self.config.timezone;
        let page = &mut self.page;
        match key {
            "title" => page.title = Some(text(value)?).filter(|title| !title.is_empty()),
            "date" => page.date = date(value, zone)?.or(page.date.take()),
            "updated" => page.updated = date(value, zone)?,
            "publish" => page.publish = date(value, zone)?,
            "expiry" => page.expiry = date(value, zone)?,
            "draft" => page.draft = truth(&value)?,
            "slug" => page.slug = Some(text(value)?).filter(|slug| !slug.is_empty()),
            "url" => page.url = Some(text(value)?).filter(|url| !url.is_empty()),
            "description" => page.description = Some(text(value)?),
            "summary" => page.summary = Some(text(value)?),
            "weight" => page.weight = Some(value.as_i64().ok_or("a whole number")?),
            "extra" => page.extra = object(value)?,
            "template" => page.template = Some(text(value)?).filter(|name| !name.is_empty()),
            "authors" => {
                page.authors = texts(value)?;
                if self.config.taxonomies.contains_key("authors") {
                    page.terms.insert("authors".to_owned(), page.authors.clone());
                }
            }
            taxonomy => drop(page.terms.insert(taxonomy.to_owned(), texts(value)?)),
        }
        Ok(())
    }

    /// `taxonomies: { tags: [a] }`, as some write it, is the same as `tags: [a]`.
    fn taxonomies(&mut self, value: Value, at: Position) -> Result<(), &'static str> {
        for (key, value) in object(value)? {
            self.take(Field { key, at, value, value_at: at });
        }
        Ok(())
    }

    /// The page's address; the error says why it has none.
    fn permalink(&mut self) -> Result<Permalink, String> {
        let checked = |path: &str| Permalink::new(path).map_err(|error| error.to_string());
        if let Some(url) = &self.page.url {
            return checked(url);
        }
        let (section, name) = self.place.split();
        if section.is_empty() && name == "index" {
            return checked("/");
        }
        let last = slug(self.page.slug.as_deref().unwrap_or(&self.page.name));
        if last.is_empty() {
            return Err("has no letter or digit to make an address of; set 'slug' or 'url'".to_owned());
        }
        let folders = section.split('/').map(slug).filter(|part| !part.is_empty());
        let by_place: Vec<String> = folders.chain([last.clone()]).collect();
        let Some(pattern) = self.pattern(section) else { return checked(&format!("/{}/", by_place.join("/"))) };
        match self.fill(pattern, section, &last) {
            Some(path) => checked(&path),
            None => {
                let message =
                    format!("has no date, which the permalink '{pattern}' needs; its place gives the address");
                self.findings.push(Finding::warning(&self.place.source, None, message));
                checked(&format!("/{}/", by_place.join("/")))
            }
        }
    }

    /// The pattern of the nearest folder that has one.
    fn pattern(&self, section: &str) -> Option<&'a str> {
        let ancestors =
            std::iter::successors(Some(section), |folder| folder.rsplit_once('/').map(|(parent, _)| parent));
        ancestors.filter_map(|folder| self.config.sections.get(folder)).find_map(|found| found.permalink.as_deref())
    }

    /// `None` if the pattern asks for a date and there is none.
    fn fill(&self, pattern: &str, section: &str, slug_of_page: &str) -> Option<String> {
        let mut path = String::new();
        let mut pieces = pattern.split(':');
        path.push_str(pieces.next()?);
        for piece in pieces {
            let (token, rest) = piece.split_at(piece.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(piece.len()));
            match token {
                "slug" => path.push_str(slug_of_page),
                "title" => {
                    let title = slug(self.page.title.as_deref().unwrap_or_default());
                    path.push_str(if title.is_empty() { slug_of_page } else { &title });
                }
                "name" => path.push_str(&slug(&self.page.name)),
                "section" => path.push_str(&section.split('/').map(slug).collect::<Vec<_>>().join("/")),
                date => path.push_str(&self.page.date.as_ref()?.token(date)?),
            }
            path.push_str(rest);
        }
        Some(path)
    }

    fn addresses(&mut self, value: Value, at: Position) -> Result<Vec<Permalink>, &'static str> {
        let mut addresses = Vec::new();
        for path in texts(value)? {
            match Permalink::new(&path) {
                Ok(address) => addresses.push(address),
                Err(error) => self.findings.push(Finding::error(&self.place.source, Some(at), error.to_string())),
            }
        }
        Ok(addresses)
    }
}

/// `001_Intro` is the first page of a series: a number with a leading zero orders, and is no part of the slug.
fn split_number(name: &str) -> Option<(i64, &str)> {
    let (number, rest) = name.split_at(name.find(['_', '-'])?);
    let rest = &rest[1..];
    let padded = number.starts_with('0') && number.len() > 1 && number.bytes().all(|byte| byte.is_ascii_digit());
    if padded && !rest.is_empty() { Some((number.parse().ok()?, rest)) } else { None }
}

fn text(value: Value) -> Result<String, &'static str> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        _ => Err("a text"),
    }
}

/// A list of texts, or one.
fn texts(value: Value) -> Result<Vec<String>, &'static str> {
    const EXPECTED: &str = "a text or a list of texts";
    let texts: Result<Vec<String>, _> = match value {
        Value::Array(items) => items.into_iter().filter(|item| !item.is_null()).map(text).collect(),
        one => text(one).map(|text| vec![text]),
    };
    let mut texts = texts.map_err(|_| EXPECTED)?;
    texts.iter_mut().for_each(|text| *text = text.trim().to_owned());
    texts.retain(|text| !text.is_empty());
    Ok(texts)
}

fn truth(value: &Value) -> Result<bool, &'static str> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::String(text) if text == "true" => Ok(true),
        Value::String(text) if text == "false" => Ok(false),
        _ => Err("true or false"),
    }
}

fn date(value: Value, zone: &TimeZone) -> Result<Option<Date>, &'static str> {
    let text = text(value)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    Date::parse(&text, zone).map(Some).ok_or("a date, as in 2026-11-21 or 2026-11-21 10:00 +01:00")
}

fn object(value: Value) -> Result<Map<String, Value>, &'static str> {
    match value {
        Value::Object(map) => Ok(map),
        _ => Err("a table of keys and values"),
    }
}
