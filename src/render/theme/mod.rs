//! Themes and templates: the one place that knows Tera.

mod default;
mod functions;
mod sass;
mod settings;
mod sources;

use std::collections::HashMap;

use serde_json::{Map, Value as Json};
use tera::{Context, ErrorKind, ReportError, Tera};

use self::functions::Published;
use self::sources::Sources;
use crate::finding::{Finding, Position};
use crate::site::Site;
use crate::snapshot::{Entry, TreePath};

pub(super) use tera::Value;

/// The templates that every theme has.
const REQUIRED: [&str; 6] = ["404.html", "home.html", "page.html", "section.html", "taxonomy.html", "term.html"];

/// Values for a template, by name.
pub(super) type Values = Vec<(&'static str, Value)>;

/// Templates and static files of a theme and of those that it builds on, with the site's own templates in the place of
/// those of the same name.
#[derive(Debug)]
pub struct Theme {
    tera: Tera,
    /// Template name → the file it came from, for findings.
    origins: HashMap<String, String>,
    files: Vec<(TreePath, Entry)>,
    /// The theme's settings, with the site's values.
    settings: Map<String, Json>,
    settings_value: Value,
    digest: u128,
    /// What is hardly as meant.
    warnings: Vec<Finding>,
    /// The site's own style sheets and scripts, whose hashes templates may print.
    code: Vec<(TreePath, Option<u64>)>,
}

impl Theme {
    /// The theme that the site names: `themes/NAME` in its folder, or the default theme in the binary.
    pub fn load(site: &Site) -> Result<Self, Vec<Finding>> {
        let (mut sources, manifest) = Sources::gather(site);
        let settings = settings::resolve(&manifest.settings, &site.config.theme_settings, &mut sources.findings);
        let mut theme = Self {
            tera: Tera::new(),
            origins: sources.templates.iter().map(|(name, source)| (name.clone(), source.origin.clone())).collect(),
            files: Vec::new(),
            settings_value: value(&settings),
            settings,
            digest: 0,
            warnings: Vec::new(),
            code: functions::code(site),
        };
        theme.require(&mut sources);
        theme.parse(&mut sources);
        if sources.findings.iter().any(Finding::is_error) {
            return Err(sources.findings);
        }
        theme.make_files(site, &mut sources, manifest.fingerprint);
        if sources.findings.iter().any(Finding::is_error) {
            return Err(sources.findings);
        }
        theme.warnings = sources.findings;
        Ok(theme)
    }

    /// Whether the style sheets and scripts of `site` are those of the site that the theme was loaded for. What else a
    /// theme is made of is the caller's to know.
    pub fn fits(&self, site: &Site) -> bool {
        let code = functions::code(site);
        code.iter().all(|(_, seen)| seen.is_some()) && code == self.code
    }

    /// The static files, in no order.
    pub(super) fn files(&self) -> &[(TreePath, Entry)] {
        &self.files
    }

    /// What is hardly as meant in its files.
    pub(super) fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// Changes with every template, setting, and asset whose name or hash templates may print.
    pub(super) fn digest(&self) -> u128 {
        self.digest
    }

    /// The variable `settings`.
    pub(super) fn settings(&self) -> Value {
        self.settings_value.clone()
    }

    /// Whether there is a template of that name.
    pub(super) fn has(&self, template: &str) -> bool {
        self.origins.contains_key(template)
    }

    /// Renders one template; an error says in which template and line it arose.
    pub(super) fn render(&self, template: &str, values: Values) -> Result<String, Box<Finding>> {
        let mut context = Context::new();
        for (name, value) in values {
            context.insert_value(name, value);
        }
        self.tera.render(template, &context).map_err(|error| Box::new(finding(&error, template, &self.origins)))
    }

    fn require(&self, sources: &mut Sources) {
        // What is missing because a theme or its parent is not there needs no line each.
        if sources.findings.iter().any(Finding::is_error) {
            return;
        }
        for name in REQUIRED.iter().filter(|name| !self.has(name)) {
            let path = format!("themes/{}/templates/{name}", sources.name);
            sources.findings.push(Finding::error(&path, None, "is missing; a theme needs it"));
        }
    }

    fn parse(&mut self, sources: &mut Sources) {
        functions::register(&mut self.tera);
        // Stand-ins, so that templates which call them can be loaded before the files are known.
        functions::register_assets(&mut self.tera, &Published::default());
        // In one call: a template may extend another that comes after it.
        let texts = sources.templates.iter().map(|(name, source)| (name.as_str(), source.text.as_str()));
        if let Err(error) = self.tera.add_raw_templates(texts.collect::<Vec<_>>()) {
            sources.findings.push(finding(&error, "", &self.origins));
        }
    }

    /// Renders the files that are templates, compiles style sheets, and gives them their names.
    fn make_files(&mut self, site: &Site, sources: &mut Sources, fingerprint: bool) {
        for (name, template) in sources.rendered_files() {
            match self.render(&template, vec![("settings", self.settings()), ("site_title", value(&site.config.title))])
            {
                Ok(text) => sources.add_file(&name, text.into_bytes()),
                Err(finding) => sources.findings.push(*finding),
            }
        }
        sass::compile(sources);
        if site.config.minify {
            sources.minify();
        }
        let published = Published::of(site, sources, fingerprint);
        functions::register_assets(&mut self.tera, &published);
        self.digest = sources.digest(&self.settings, &published);
        self.files = published.into_files();
    }
}

/// Anything that can be serialized, for a template.
pub(super) fn value(value: &(impl serde::Serialize + ?Sized)) -> Value {
    Value::from_serializable(value)
}

/// Tera's error with the place in the theme's or the site's file, and the way there from the template that was rendered.
fn finding(error: &tera::Error, template: &str, origins: &HashMap<String, String>) -> Finding {
    let origin = |name: &str| origins.get(name).cloned().unwrap_or_else(|| name.to_owned());
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            let name = if report.filename().is_empty() { template } else { report.filename() };
            let way = if template.is_empty() || template == name {
                String::new()
            } else {
                format!(" (reached from {})", origin(template))
            };
            Finding::error(&origin(name), Some(position(report)), lower_first(report.message()) + &way)
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
