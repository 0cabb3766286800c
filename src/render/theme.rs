//! Themes and templates: the one place that knows Tera.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use bytes::Bytes;
use tera::{Context, ErrorKind, ReportError, Tera};
use walkdir::WalkDir;

use crate::finding::{Finding, Position};
use crate::snapshot::{Entry, TreePath};

pub(super) use tera::Value;

/// The files of `themes/default`, which are in the binary; a test holds the list complete.
const DEFAULT: &[(&str, &[u8])] = &[
    ("static/icon.svg", include_bytes!("../../themes/default/static/icon.svg")),
    ("static/style.css", include_bytes!("../../themes/default/static/style.css")),
    ("templates/404.html", include_bytes!("../../themes/default/templates/404.html")),
    ("templates/base.html", include_bytes!("../../themes/default/templates/base.html")),
    ("templates/home.html", include_bytes!("../../themes/default/templates/home.html")),
    ("templates/list.html", include_bytes!("../../themes/default/templates/list.html")),
    ("templates/page.html", include_bytes!("../../themes/default/templates/page.html")),
    ("templates/section.html", include_bytes!("../../themes/default/templates/section.html")),
    ("templates/taxonomy.html", include_bytes!("../../themes/default/templates/taxonomy.html")),
    ("templates/term.html", include_bytes!("../../themes/default/templates/term.html")),
    ("theme.toml", include_bytes!("../../themes/default/theme.toml")),
];

/// The templates that every theme has.
const REQUIRED: [&str; 6] = ["404.html", "home.html", "page.html", "section.html", "taxonomy.html", "term.html"];

/// Templates and static files of a theme, with the site's own templates in the place of those of the same name.
#[derive(Debug)]
pub struct Theme {
    tera: Tera,
    /// Template name → the file it came from, for findings.
    origins: HashMap<String, String>,
    files: Vec<(TreePath, Entry)>,
}

/// The files of a theme as they are read.
#[derive(Default)]
struct Sources {
    templates: HashMap<String, (String, String)>,
    files: Vec<(TreePath, Entry)>,
    findings: Vec<Finding>,
}

impl Theme {
    /// The theme called `name` for the site in `folder`: `themes/NAME` there, or the default theme in the binary.
    pub fn load(folder: &Path, name: &str) -> Result<Self, Vec<Finding>> {
        let own = folder.join("themes").join(name);
        let mut sources = Sources::default();
        if own.is_dir() {
            sources.take_folder(folder, &own.join("templates"));
            sources.take_static(folder, &own.join("static"));
        } else if name == "default" {
            sources.take_default();
        } else {
            let message = format!("there is no theme '{name}'; put one into themes/{name}, or take \"default\"");
            return Err(vec![Finding::error(crate::config::FILE, None, message)]);
        }
        sources.take_folder(folder, &folder.join("templates"));
        sources.parse(name)
    }

    /// The static files, in no order.
    pub(super) fn files(&self) -> &[(TreePath, Entry)] {
        &self.files
    }

    /// Renders one template; an error says in which template and line it arose.
    pub(super) fn render(&self, template: &str, values: Vec<(&'static str, Value)>) -> Result<String, Box<Finding>> {
        let mut context = Context::new();
        for (name, value) in values {
            context.insert_value(name, value);
        }
        self.tera.render(template, &context).map_err(|error| Box::new(finding(&error, template, &self.origins)))
    }
}

/// Anything that can be serialized, for a template.
pub(super) fn value(value: &impl serde::Serialize) -> Value {
    Value::from_serializable(value)
}

impl Sources {
    fn take_default(&mut self) {
        for (name, bytes) in DEFAULT {
            let origin = format!("themes/default/{name}");
            if let Some(template) = name.strip_prefix("templates/") {
                let text = String::from_utf8_lossy(bytes).into_owned();
                self.templates.insert(template.to_owned(), (origin, text));
            } else if let Some(path) = name.strip_prefix("static/")
                && let Ok(path) = TreePath::new(path)
            {
                self.files.push((path, Entry::new(Bytes::from_static(bytes), None)));
            }
        }
    }

    /// Takes all templates in `templates`, below the site's `folder`.
    fn take_folder(&mut self, folder: &Path, templates: &Path) {
        self.each_file(folder, templates, |sources, name, file, origin| {
            let text = fs::read_to_string(file)?;
            sources.templates.insert(name, (origin, text));
            Ok(())
        });
    }

    fn take_static(&mut self, folder: &Path, statics: &Path) {
        self.each_file(folder, statics, |sources, name, file, _| {
            let path = TreePath::new(&name).map_err(io::Error::other)?;
            sources.files.push((path, Entry::file(file.to_path_buf(), None)?));
            Ok(())
        });
    }

    fn each_file(
        &mut self,
        site: &Path,
        folder: &Path,
        take: impl Fn(&mut Self, String, &Path, String) -> io::Result<()>,
    ) {
        if !folder.is_dir() {
            return;
        }
        for found in WalkDir::new(folder).sort_by_file_name() {
            let found = match found {
                Ok(found) if !found.file_type().is_file() => continue,
                Ok(found) => found,
                Err(error) => {
                    self.findings.push(Finding::error(&error.to_string(), None, "can't be read"));
                    continue;
                }
            };
            let name = relative(folder, found.path());
            let origin = relative(site, found.path());
            if let Err(error) = take(self, name, found.path(), origin.clone()) {
                self.findings.push(Finding::error(&origin, None, error.to_string()));
            }
        }
    }

    fn parse(mut self, theme: &str) -> Result<Theme, Vec<Finding>> {
        for name in REQUIRED.iter().filter(|name| !self.templates.contains_key(**name)) {
            let path = format!("themes/{theme}/templates/{name}");
            self.findings.push(Finding::error(&path, None, "is missing; a theme needs it"));
        }
        let mut tera = Tera::new();
        let origins = self.templates.iter().map(|(name, (origin, _))| (name.clone(), origin.clone())).collect();
        // In one call: a template may extend another that comes after it.
        let texts: Vec<_> = self.templates.iter().map(|(name, (_, text))| (name.as_str(), text.as_str())).collect();
        if let Err(error) = tera.add_raw_templates(texts) {
            self.findings.push(finding(&error, "", &origins));
        }
        if self.findings.is_empty() { Ok(Theme { tera, origins, files: self.files }) } else { Err(self.findings) }
    }
}

fn relative(folder: &Path, file: &Path) -> String {
    let names = file.strip_prefix(folder).unwrap_or(file).iter();
    names.map(|name| name.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Tera's error with the place in the theme's or the site's file.
fn finding(error: &tera::Error, template: &str, origins: &HashMap<String, String>) -> Finding {
    let origin = |name: &str| origins.get(name).cloned().unwrap_or_else(|| name.to_owned());
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            let name = if report.filename().is_empty() { template } else { report.filename() };
            Finding::error(&origin(name), Some(position(report)), lower_first(report.message()))
        }
        ErrorKind::CircularExtend { tpl, .. } | ErrorKind::CircularInclude { tpl, .. } => {
            Finding::error(&origin(tpl), None, lower_first(&error.to_string()))
        }
        ErrorKind::MissingParent { current, .. } => {
            Finding::error(&origin(current), None, lower_first(&error.to_string()))
        }
        _ => {
            let name = if template.is_empty() { "templates".to_owned() } else { origin(template) };
            Finding::error(&name, None, lower_first(&crate::config::one_line(&error.to_string())))
        }
    }
}

fn position(report: &ReportError) -> Position {
    // Tera counts lines from 1 and columns from 0.
    Position { line: report.span().start_line, column: report.span().start_col + 1 }
}

fn lower_first(message: &str) -> String {
    let mut letters = message.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_holds_every_file_of_the_default_theme() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("themes/default");
        let files = WalkDir::new(&folder).sort_by_file_name().into_iter().map(|found| found.unwrap());
        let names: Vec<String> =
            files.filter(|found| found.file_type().is_file()).map(|found| relative(&folder, found.path())).collect();
        let held: Vec<&str> = DEFAULT.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, held);
    }
}
