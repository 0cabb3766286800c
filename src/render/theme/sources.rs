//! The files of a theme as they are read: its own over its parent's, the site's over both.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use bytes::Bytes;
use serde_json::{Map, Value};
use xxhash_rust::xxh3::Xxh3;

use super::default;
use super::functions::Published;
use super::settings::{self, Manifest};
use crate::config;
use crate::finding::Finding;
use crate::render::minify;
use crate::site::{Files, Kind, Listed, Site};

/// Themes that build on one another; more of them is a circle.
const MAX_PARENTS: usize = 8;
/// The longest file of a theme that is read as text; fonts and pictures are shorter too.
const MAX_FILE: u64 = 16 * 1024 * 1024;
/// The ending of static files that are templates: `style.css.tera` becomes `style.css`.
const TEMPLATE_ENDING: &str = ".tera";

const NOT_UTF_8: &str = "is not UTF-8; save it as UTF-8";

/// A template with the file that it came from.
pub(super) struct Source {
    pub(super) origin: String,
    pub(super) text: String,
}

/// All files, read.
#[derive(Default)]
pub(super) struct Sources {
    /// The theme's name.
    pub(super) name: String,
    pub(super) templates: BTreeMap<String, Source>,
    /// Static files by their path in the output.
    pub(super) files: BTreeMap<String, Bytes>,
    /// Style sheets to compile, by their path below `sass/`.
    pub(super) sass: BTreeMap<String, Source>,
    pub(super) findings: Vec<Finding>,
}

impl Sources {
    /// Reads the site's theme, its parents and the site's own templates. The manifest is that of the theme with what its
    /// parents add.
    pub(super) fn gather(site: &Site) -> (Self, Manifest) {
        let mut sources = Self { name: site.config.theme.clone(), ..Self::default() };
        let manifest = sources.theme(&site.files, &site.config.theme, config::FILE, 0);
        for (folder, take) in [("templates", Self::template as Take), ("sass", Self::sass as Take)] {
            sources.folder(&site.files, folder, take);
        }
        (sources, manifest)
    }

    /// Reads a theme over its parent.
    fn theme(&mut self, files: &Files, name: &str, named_in: &str, depth: usize) -> Manifest {
        let folder = format!("themes/{name}");
        let own = files.is_dir(&folder);
        if depth > MAX_PARENTS || !own && name != "default" {
            let message = match own {
                true => format!("the theme '{name}' builds on itself; take one of the parents out"),
                false => format!("there is no theme '{name}'; put one into themes/{name}, or take \"default\""),
            };
            self.findings.push(Finding::error(named_in, None, message));
            return Manifest::default();
        }
        let path = format!("{folder}/theme.toml");
        let text = match own {
            true => self.manifest_text(files, &path),
            false => default_text("theme.toml"),
        };
        let mut manifest = settings::manifest(&path, &text, &mut self.findings);
        if let Some(parent) = manifest.parent.clone() {
            // `default` over `default`: a site's own folder of that name builds on the one in the binary.
            let inherited = match parent == name && own && name == "default" {
                true => self.built_in(),
                false => self.theme(files, &parent, &path, depth + 1),
            };
            manifest.inherit(inherited);
        }
        if own {
            for (part, take) in
                [("templates", Self::template as Take), ("static", Self::file as Take), ("sass", Self::sass as Take)]
            {
                self.folder(files, &format!("{folder}/{part}"), take);
            }
        } else {
            self.built_in();
        }
        manifest
    }

    /// The text of a theme.toml; a theme without one has no parent and no settings.
    fn manifest_text(&mut self, files: &Files, path: &str) -> String {
        let refuse = match files.read(path, MAX_FILE).map(String::from_utf8) {
            Ok(Ok(text)) => return text,
            Ok(Err(_)) => NOT_UTF_8.to_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => return String::new(),
            Err(error) => error.to_string(),
        };
        self.findings.push(Finding::error(path, None, refuse));
        String::new()
    }

    fn built_in(&mut self) -> Manifest {
        for (name, bytes) in default::FILES {
            let origin = format!("themes/default/{name}");
            if let Some(template) = name.strip_prefix("templates/") {
                self.template(template, origin, Bytes::from_static(bytes));
            } else if let Some(path) = name.strip_prefix("static/") {
                self.file(path, origin, Bytes::from_static(bytes));
            }
        }
        settings::manifest("themes/default/theme.toml", &default_text("theme.toml"), &mut self.findings)
    }

    /// Gives all files of `folder` to `take`, by their path in it.
    fn folder(&mut self, files: &Files, folder: &str, take: Take) {
        if !files.is_dir(folder) {
            return;
        }
        let listing = files.list(folder, |_| false);
        self.findings.extend(listing.faults());
        self.findings.extend(listing.files.iter().filter_map(Listed::left_out));
        for file in listing.files.into_iter().filter(|file| file.kind == Kind::Regular) {
            match files.read(&file.path, MAX_FILE) {
                Ok(bytes) => {
                    let name = file.path[folder.len()..].trim_start_matches('/').to_owned();
                    take(self, &name, file.path, Bytes::from(bytes));
                }
                // It is gone since it was listed.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => self.findings.push(Finding::error(&file.path, None, error.to_string())),
            }
        }
    }

    fn template(&mut self, name: &str, origin: String, bytes: Bytes) {
        match text(bytes) {
            Some(text) => drop(self.templates.insert(name.to_owned(), Source { origin, text })),
            None => self.findings.push(Finding::error(&origin, None, NOT_UTF_8)),
        }
    }

    fn file(&mut self, name: &str, origin: String, bytes: Bytes) {
        match name.strip_suffix(TEMPLATE_ENDING) {
            // A file over a template of the same name, or the other way round: the later one counts.
            Some(rendered) => {
                self.files.remove(rendered);
                self.template(&format!("static/{name}"), origin, bytes);
            }
            None => {
                self.templates.remove(&format!("static/{name}{TEMPLATE_ENDING}"));
                self.files.insert(name.to_owned(), bytes);
            }
        }
    }

    fn sass(&mut self, name: &str, origin: String, bytes: Bytes) {
        match text(bytes) {
            Some(text) => drop(self.sass.insert(name.to_owned(), Source { origin, text })),
            None => self.findings.push(Finding::error(&origin, None, NOT_UTF_8)),
        }
    }

    /// Static files that are templates: output path and template name.
    pub(super) fn rendered_files(&self) -> Vec<(String, String)> {
        let output = |name: &str| Some(name.strip_prefix("static/")?.strip_suffix(TEMPLATE_ENDING)?.to_owned());
        self.templates.keys().filter_map(|name| Some((output(name)?, name.clone()))).collect()
    }

    /// Adds a file that was made.
    pub(super) fn add_file(&mut self, path: &str, bytes: Vec<u8>) {
        self.files.insert(path.to_owned(), Bytes::from(bytes));
    }

    /// Takes what only people read out of style sheets and scripts.
    pub(super) fn minify(&mut self) {
        for (path, bytes) in &mut self.files {
            if let Some(small) = minify::asset(path, bytes) {
                *bytes = Bytes::from(small);
            }
        }
    }

    /// Changes with everything that a template may print.
    pub(super) fn digest(&self, settings: &Map<String, Value>, published: &Published) -> u128 {
        let mut hasher = Xxh3::new();
        for (name, source) in &self.templates {
            for part in [name, &source.text] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        hasher.update(Value::Object(settings.clone()).to_string().as_bytes());
        // Names and hashes of files reach pages only where templates print them.
        if self.templates.values().any(|source| ["asset", "integrity"].iter().any(|call| source.text.contains(call))) {
            published.hash(&mut hasher);
        }
        hasher.digest128()
    }
}

/// What is done with a file of a theme: its path in its folder, where it came from, its bytes.
type Take = fn(&mut Sources, &str, String, Bytes);

/// A file's text, without a byte order mark, which would stand in front of the page.
fn text(bytes: Bytes) -> Option<String> {
    let text = String::from_utf8(bytes.into()).ok()?;
    Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn default_text(name: &str) -> String {
    let found = default::FILES.iter().find(|(known, _)| *known == name);
    found.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}
