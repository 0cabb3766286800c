//! What one page's Markdown sees of the site, with a note of everything it asked: the answers decide whether Markdown that
//! was rendered before is still right.

use std::cell::RefCell;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_128;

use super::images::Images;
use super::markdown::{Call, Hook, Image, Surroundings, Target, highlighted};
use super::theme::{Theme, value};
use crate::finding::Finding;
use crate::site::{Page, Site};

/// The longest file that `include` puts into a page.
const MAX_INCLUDE: u64 = 1024 * 1024;

/// Something that a page's Markdown asked of the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Question {
    Link(String),
    Image(String),
    Include(String),
}

/// A question with the hash of its answer.
pub(super) type Asked = (Question, u128);

/// The site as a page sees it.
pub(super) struct Scope<'a> {
    pub(super) site: &'a Site,
    pub(super) theme: &'a Theme,
    pub(super) images: &'a Images<'a>,
    pub(super) page: &'a Page,
    /// The variable `site` of templates.
    pub(super) site_value: &'a super::theme::Value,
    pub(super) asked: RefCell<Vec<Asked>>,
}

impl Scope<'_> {
    /// Whether all questions would be answered in the same way now.
    pub(super) fn still(&self, asked: &[Asked]) -> bool {
        asked.iter().all(|(question, answer)| self.answer(question) == *answer)
    }

    fn answer(&self, question: &Question) -> u128 {
        match question {
            Question::Link(url) => hash_target(&self.target(url)),
            Question::Image(url) => hash_image(self.images.find(url).as_ref()),
            Question::Include(path) => hash_file(self.included(path).ok().as_deref()),
        }
    }

    fn ask(&self, question: Question, answer: u128) {
        self.asked.borrow_mut().push((question, answer));
    }

    /// Links to source files, relative to the page's own or rooted at the content, lead to what becomes of those files.
    fn target(&self, url: &str) -> Target {
        let (path, suffix) = url.split_at(url.find(['#', '?']).unwrap_or(url.len()));
        // Zola's way to say that a path is rooted at the content.
        let path = path.strip_prefix('@').filter(|rest| rest.starts_with('/')).unwrap_or(path);
        let decoded = percent_decode_str(path).decode_utf8_lossy();
        let folder = self.page.content_path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let found = join(folder, &decoded).and_then(|path| self.site.links.get(&path));
        match found {
            Some(target) => Target::To(format!("{target}{suffix}")),
            None if [".md", ".markdown"].iter().any(|ending| path.ends_with(ending)) => Target::Missing,
            None => Target::AsWritten,
        }
    }

    /// A file of the site: beside the page, or from the site's folder.
    fn included(&self, path: &str) -> std::io::Result<Vec<u8>> {
        let found = places(&self.page.source, path).find(|path| self.site.files.is_file(path));
        let found = found.ok_or(std::io::ErrorKind::NotFound)?;
        self.site.files.read(&found, MAX_INCLUDE)
    }

    /// `{{ include(path="main.rs", language="rust") }}`: a file as code, or as HTML if it is some.
    fn include(&self, arguments: &Map<String, Value>) -> Result<String, String> {
        let path = arguments.get("path").and_then(Value::as_str).ok_or("include needs path=\"…\"")?;
        let bytes = self.included(path);
        // Also of a file that is not there: it may come.
        self.ask(Question::Include(path.to_owned()), hash_file(bytes.as_deref().ok()));
        let bytes = bytes.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                format!("include: there is no file '{path}' beside the page or in the site's folder")
            }
            _ => format!("include: {path}: {error}"),
        })?;
        let text = String::from_utf8(bytes).map_err(|_| format!("include: {path}: is not UTF-8; save it as UTF-8"))?;
        let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
        if ending == "html" && !arguments.contains_key("language") {
            return Ok(text);
        }
        let language = arguments.get("language").and_then(Value::as_str).unwrap_or(ending);
        Ok(highlighted(language, arguments.get("name").and_then(Value::as_str).unwrap_or_default(), &text))
    }

    /// Images named by a shortcode's arguments `src`, as one or a list.
    fn argument_images(&self, arguments: &Map<String, Value>) -> Vec<Image> {
        let sources: Vec<&str> = match arguments.get("src") {
            Some(Value::String(source)) => vec![source],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let image = |source: &&str| {
            let url = match self.resolve(source) {
                Target::To(url) => url,
                Target::AsWritten | Target::Missing => (*source).to_owned(),
            };
            self.image(&url).unwrap_or(Image { url, ..Image::default() })
        };
        sources.iter().map(image).collect()
    }
}

impl Surroundings for Scope<'_> {
    fn resolve(&self, url: &str) -> Target {
        let elsewhere = url.is_empty()
            || url.starts_with(['#', '?'])
            || url.starts_with("//")
            || url.split('/').next().is_some_and(|first| first.contains(':'));
        if elsewhere {
            return Target::AsWritten;
        }
        let target = self.target(url);
        self.ask(Question::Link(url.to_owned()), hash_target(&target));
        target
    }

    fn image(&self, url: &str) -> Option<Image> {
        let elsewhere = !url.starts_with('/') || url.starts_with("//");
        if elsewhere {
            return None;
        }
        let image = self.images.find(url);
        self.ask(Question::Image(url.to_owned()), hash_image(image.as_ref()));
        image
    }

    fn hook(&self, hook: &Hook<'_>) -> Result<Option<String>, Box<Finding>> {
        let template = match hook {
            Hook::Link { .. } => "hooks/link.html",
            Hook::Image { .. } => "hooks/image.html",
            Hook::CodeBlock { .. } => "hooks/codeblock.html",
        };
        if !self.theme.has(template) {
            return Ok(None);
        }
        let mut values = vec![("site", self.site_value.clone()), ("settings", self.theme.settings())];
        match hook {
            Hook::Link { url, title, content } => {
                values.extend([("url", value(url)), ("title", value(title)), ("content", value(content))]);
            }
            Hook::Image { image, title, alt } => {
                values.extend([("image", value(image)), ("title", value(title)), ("alt", value(alt))]);
            }
            Hook::CodeBlock { language, name, code, content } => values.extend([
                ("language", value(language)),
                ("name", value(name)),
                ("code", value(code)),
                ("content", value(content)),
            ]),
        }
        self.theme.render(template, values).map(|html| Some(html.trim_end().to_owned()))
    }

    fn shortcode(&self, call: &Call<'_>) -> Result<String, String> {
        if call.name == "include" {
            return self.include(call.arguments);
        }
        let template = format!("shortcodes/{}.html", call.name);
        if !self.theme.has(&template) {
            let name = call.name;
            return Err(format!(
                "there is no shortcode '{name}'; put one into templates/{template}, or write \\ before it"
            ));
        }
        let values = vec![
            ("site", self.site_value.clone()),
            ("settings", self.theme.settings()),
            ("args", value(call.arguments)),
            ("body", value(call.body.as_deref().unwrap_or_default())),
            ("source", value(call.source)),
            ("number", value(&call.number)),
            ("images", value(&self.argument_images(call.arguments))),
        ];
        let html = self.theme.render(&template, values).map_err(|finding| finding.to_string())?;
        Ok(html.trim().to_owned())
    }
}

fn hash_target(target: &Target) -> u128 {
    match target {
        Target::AsWritten => 1,
        Target::Missing => 2,
        Target::To(url) => xxh3_128(url.as_bytes()),
    }
}

/// An empty file is another answer than none.
fn hash_file(bytes: Option<&[u8]>) -> u128 {
    bytes.map_or(0, xxh3_128)
}

fn hash_image(image: Option<&Image>) -> u128 {
    image.map_or(0, |image| {
        let Image { url, width, height, srcset } = image;
        xxh3_128(format!("{url} {width} {height} {srcset}").as_bytes())
    })
}

/// Where a file may lie that the page of `source` includes: beside it, or seen from the site's folder.
pub(super) fn places(source: &str, path: &str) -> impl Iterator<Item = String> {
    let beside = source.rsplit_once('/').map_or("", |(folder, _)| folder);
    [join(beside, path), join("", path)].into_iter().flatten()
}

/// `path` seen from `folder`; `None` if it leads out of the content.
fn join(folder: &str, path: &str) -> Option<String> {
    let start = if path.starts_with('/') { "" } else { folder };
    let mut names: Vec<&str> = Vec::new();
    for name in start.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()?),
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}
