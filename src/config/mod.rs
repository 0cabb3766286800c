//! galley.toml: read, checked and resolved once.

mod parts;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use self::parts::{Feeds, Highlight, Images, Markdown, SectionSettings, Sort, TaxonomySettings};
use crate::finding::{Finding, Position, unknown_key};

/// The file's name in the site's folder.
pub const FILE: &str = "galley.toml";

const KEYS: &[&str] = &[
    "title",
    "base_url",
    "language",
    "timezone",
    "description",
    "author",
    "theme",
    "menu",
    "edit_url",
    "minify",
    "feeds",
    "markdown",
    "highlight",
    "search",
    "images",
    "taxonomies",
    "sections",
    "theme_settings",
    "serve",
    "package",
    "extra",
];

/// What a site says of itself. Every key has a default, so a site without the file has one too.
#[derive(Clone, Debug)]
pub struct Config {
    /// The blog's name; the folder's if none is given.
    pub title: String,
    /// Where the blog will be found, without a slash at its end: for canonical links, feeds and the sitemap only.
    pub base_url: Option<String>,
    /// BCP 47 tag of the language of all pages.
    pub language: String,
    /// For dates written without an offset.
    pub timezone: TimeZone,
    /// One sentence for the home page and feeds.
    pub description: String,
    /// Who writes.
    pub author: Option<Author>,
    /// `themes/NAME` in the site's folder, or the theme in the binary.
    pub theme: String,
    /// Links at the top of each page.
    pub menu: Vec<MenuItem>,
    /// Where a reader may propose a change of a page's source, with `{path}` where its path goes.
    pub edit_url: Option<String>,
    /// Whether HTML, CSS and JavaScript are written without what only people read.
    pub minify: bool,
    /// What feeds hold.
    pub feeds: Feeds,
    /// How Markdown is read.
    pub markdown: Markdown,
    /// How code is coloured.
    pub highlight: Highlight,
    /// Whether there is a search page with its index.
    pub search: bool,
    /// Which copies of images are made.
    pub images: Images,
    /// Ways to group pages, by the key in the front matter.
    pub taxonomies: BTreeMap<String, TaxonomySettings>,
    /// Settings of sections, by folder below the content.
    pub sections: BTreeMap<String, SectionSettings>,
    /// Values for what the theme lets be set; the theme checks them. Each with its place in the file.
    pub theme_settings: BTreeMap<String, (Value, Position)>,
    /// The user's own values for templates.
    pub extra: Map<String, Value>,
}

/// Who writes the blog.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Author {
    /// The name as readers see it.
    pub name: String,
    /// An address for feeds, if any.
    pub email: Option<String>,
}

/// A link at the top of each page.
#[derive(Clone, Debug, serde::Serialize)]
pub struct MenuItem {
    /// The link's text.
    pub name: String,
    /// Where it leads.
    pub url: String,
}

impl Config {
    /// The configuration that `text`, the file's content, makes of the defaults, with what is wrong in it. `folder` names
    /// a site that has no title.
    pub fn parse(folder: &Path, text: &str) -> (Self, Vec<Finding>) {
        let mut config = Self::new(folder);
        let findings = config.read(text);
        (config, findings)
    }

    /// The settings of the section in `folder`, below the content; the defaults if none are given.
    pub fn section(&self, folder: &str) -> SectionSettings {
        self.sections.get(folder).cloned().unwrap_or_default()
    }

    fn new(folder: &Path) -> Self {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        let title = folder.file_name().map_or("A blog".into(), |name| name.to_string_lossy());
        Self {
            title: title.into_owned(),
            base_url: None,
            language: "en".to_owned(),
            timezone: TimeZone::UTC,
            description: String::new(),
            author: None,
            theme: "default".to_owned(),
            menu: Vec::new(),
            edit_url: None,
            minify: false,
            feeds: Feeds::default(),
            markdown: Markdown::default(),
            highlight: Highlight::default(),
            search: true,
            images: Images::default(),
            taxonomies: parts::default_taxonomies(),
            sections: BTreeMap::new(),
            theme_settings: BTreeMap::new(),
            extra: Map::new(),
        }
    }

    fn read(&mut self, text: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                let at = Position::of(text, error.span().map_or(0, |span| span.start));
                return vec![Finding::error(FILE, Some(at), one_line(error.message()))];
            }
        };
        for (key, value) in table.get_ref() {
            let name = key.get_ref().as_ref();
            if !KEYS.contains(&name) {
                let at = Position::of(text, key.span().start);
                findings.push(Finding::warning(FILE, Some(at), unknown_key(name, FILE, KEYS)));
            } else if self.is_table(name) {
                self.set_table(name, value, &mut parts::Reading { text, findings: &mut findings });
            } else if let Err(expected) = self.set(name, value) {
                let at = Position::of(text, value.span().start);
                findings.push(Finding::error(FILE, Some(at), format!("'{name}' must be {expected}")));
            }
        }
        findings
    }

    fn is_table(&self, key: &str) -> bool {
        ["feeds", "markdown", "highlight", "images", "taxonomies", "sections", "theme_settings"].contains(&key)
    }

    fn set_table(&mut self, key: &str, value: &Spanned<DeValue<'_>>, reading: &mut parts::Reading<'_>) {
        match key {
            "feeds" => self.feeds.read(value, reading),
            "markdown" => self.markdown.read(value, reading),
            "highlight" => self.highlight.read(value, reading),
            "images" => self.images.read(value, reading),
            "taxonomies" => self.taxonomies = parts::taxonomies(value, reading),
            "sections" => self.sections = parts::sections(value, reading),
            _ => self.theme_settings = parts::places(value, reading),
        }
    }

    /// Sets one key; the error says what the value must be.
    fn set(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<(), &'static str> {
        let value = value.get_ref();
        match key {
            "title" => self.title = text_of(value)?,
            "base_url" => self.base_url = Some(base_url(&text_of(value)?)?),
            "language" => self.language = text_of(value)?,
            "timezone" => self.timezone = timezone(&text_of(value)?)?,
            "description" => self.description = text_of(value)?,
            "author" => self.author = Some(author(value)?),
            "theme" => self.theme = theme_name(text_of(value)?)?,
            "menu" => self.menu = menu(value)?,
            "edit_url" => self.edit_url = Some(edit_url(text_of(value)?)?),
            "minify" => self.minify = parts::truth(value)?,
            "search" => self.search = parts::truth(value)?,
            // Flags: the command line reads them, where they mean something.
            "serve" | "package" => drop(value.as_table().ok_or("a table")?),
            _ => self.extra = value.as_table().map(toml_table).ok_or("a table")?,
        }
        Ok(())
    }
}

fn text_of(value: &DeValue<'_>) -> Result<String, &'static str> {
    value.as_str().map(str::to_owned).ok_or("a text in quotes")
}

/// Checks an absolute http or https URL and takes the slash off its end.
pub fn base_url(text: &str) -> Result<String, &'static str> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let sound = |rest: &str| !rest.is_empty() && !rest.starts_with('/') && rest.chars().all(is_url_char);
    match rest {
        Some(rest) if sound(rest) => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err("an absolute URL, as in \"https://blog.example\""),
    }
}

fn is_url_char(c: char) -> bool {
    c.is_ascii_graphic() && !['"', '<', '>', '?', '#', '\\', '@'].contains(&c)
}

fn edit_url(url: String) -> Result<String, &'static str> {
    let sound = base_url(&url.replace("{path}", "x")).is_ok() && url.contains("{path}");
    if sound {
        Ok(url)
    } else {
        Err("an absolute URL with {path} in it, as in \"https://git.example/blog/edit/main/{path}\"")
    }
}

fn timezone(name: &str) -> Result<TimeZone, &'static str> {
    TimeZone::get(name).map_err(|_| "a time zone's name, as in \"Europe/Berlin\"")
}

/// A theme is a folder in `themes/`: a name with a slash would be a way out of it.
fn theme_name(name: String) -> Result<String, &'static str> {
    let sound = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
    if sound { Ok(name) } else { Err("the name of a folder in themes/") }
}

fn author(value: &DeValue<'_>) -> Result<Author, &'static str> {
    const EXPECTED: &str = "a name, or { name = \"…\", email = \"…\" }";
    if let Some(name) = value.as_str() {
        return Ok(Author { name: name.to_owned(), email: None });
    }
    let mut table = value.as_table().map(toml_table).ok_or(EXPECTED)?;
    let mut text = |key| match table.remove(key) {
        Some(Value::String(text)) => Ok(Some(text)),
        None => Ok(None),
        Some(_) => Err(EXPECTED),
    };
    let author = Author { name: text("name")?.ok_or(EXPECTED)?, email: text("email")? };
    if table.is_empty() { Ok(author) } else { Err(EXPECTED) }
}

fn menu(value: &DeValue<'_>) -> Result<Vec<MenuItem>, &'static str> {
    const EXPECTED: &str = "a list of { name = \"…\", url = \"/…/\" }";
    let item = |item: &Spanned<DeValue<'_>>| {
        let table = item.get_ref().as_table().ok_or(EXPECTED)?;
        let text = |key| table.get(key).and_then(|value| value.get_ref().as_str()).map(str::to_owned).ok_or(EXPECTED);
        Ok(MenuItem { name: text("name")?, url: text("url")? })
    };
    value.as_array().ok_or(EXPECTED)?.iter().map(item).collect()
}

/// TOML as JSON, which templates read: a date becomes the text of it.
pub(crate) fn toml_value(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix()).ok();
            parsed.map_or_else(|| Value::String(number.as_str().to_owned()), Value::from)
        }
        DeValue::Float(number) => {
            let parsed = number.as_str().parse::<f64>().ok().and_then(serde_json::Number::from_f64);
            parsed.map_or_else(|| Value::String(number.as_str().to_owned()), Value::Number)
        }
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Array(items) => items.iter().map(|item| toml_value(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(toml_table(table)),
    }
}

/// A TOML table as a JSON object.
pub(crate) fn toml_table(table: &DeTable<'_>) -> Map<String, Value> {
    table.iter().map(|(key, value)| (key.get_ref().to_string(), toml_value(value.get_ref()))).collect()
}

/// Parsers explain over several lines; the first one says what is wrong.
pub(crate) fn one_line(message: &str) -> String {
    message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("can't be read").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Config, Vec<String>) {
        let (config, findings) = Config::parse(Path::new("/tmp"), text);
        (config, findings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_file_with_every_key_is_read() {
        let (config, findings) = read(
            "title = 'A'\nbase_url = 'https://a.example/'\nlanguage = 'de'\ntimezone = 'Europe/Berlin'\n\
             description = 'd'\nauthor = { name = 'N', email = 'e@x' }\ntheme = 't'\n\
             menu = [{ name = 'Posts', url = '/posts/' }]\n[extra]\na = 1\n",
        );
        assert_eq!(findings, [""; 0]);
        assert_eq!((config.title.as_str(), config.base_url.as_deref()), ("A", Some("https://a.example")));
        assert_eq!((config.menu[0].url.as_str(), &config.extra["a"]), ("/posts/", &Value::from(1)));
    }

    #[test]
    fn each_fault_has_its_place_and_remedy() {
        for (text, expected) in [
            ("titel = 'x'", "galley.toml:1:1: unknown key 'titel' in galley.toml; did you mean 'title'?"),
            ("\ntitle = 3", "galley.toml:2:9: 'title' must be a text in quotes"),
            ("base_url = 'blog.example'", "galley.toml:1:12: 'base_url' must be an absolute URL"),
            ("timezone = 'Mars'", "galley.toml:1:12: 'timezone' must be a time zone's name"),
            ("theme = '../x'", "galley.toml:1:9: 'theme' must be the name of a folder in themes/"),
            ("menu = ['a']", "galley.toml:1:8: 'menu' must be a list"),
            ("title = ", "galley.toml:1:"),
            ("[feeds]\nlenght = 3", "galley.toml:2:1: unknown key 'lenght' in [feeds]; did you mean 'length'?"),
            ("[images]\nquality = 300", "galley.toml:2:11: 'quality' must be a whole number from 1 to 100"),
            ("feeds = 1", "galley.toml:1:9: 'feeds' must be a table"),
            ("[sections.posts]\nsort = 'size'", "galley.toml:2:8: 'sort' must be"),
            ("[sections.posts]\npermalink = '/:jahr/'", "galley.toml:2:13: 'permalink' must be"),
            ("edit_url = 'https://x.example/'", "galley.toml:1:12: 'edit_url' must be"),
        ] {
            let (_, findings) = read(text);
            assert_eq!(findings.len(), 1, "{text}: {findings:?}");
            assert!(findings[0].starts_with(expected), "{}", findings[0]);
        }
    }
}
