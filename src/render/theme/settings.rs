//! theme.toml: what a theme builds on, and what a site may set.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use crate::config::{self, one_line, toml_table};
use crate::finding::{Finding, Position, unknown_key};

const KEYS: &[&str] = &["name", "description", "parent", "fingerprint", "settings"];
const SETTING_KEYS: &[&str] = &["type", "default", "description", "choices"];

/// What theme.toml says.
#[derive(Default)]
pub(super) struct Manifest {
    /// The theme whose files stand where this one has none.
    pub(super) parent: Option<String>,
    /// Whether style sheets and scripts carry their hash in their names.
    pub(super) fingerprint: bool,
    pub(super) settings: BTreeMap<String, Setting>,
}

/// What a setting may be.
#[derive(Clone, Debug, PartialEq)]
enum Type {
    Text,
    Color,
    Boolean,
    Number,
    Choice(Vec<String>),
}

/// One thing that a site may set.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    of: Type,
    default: Value,
}

impl Manifest {
    /// Takes over what the parent lets be set.
    pub(super) fn inherit(&mut self, parent: Self) {
        for (name, setting) in parent.settings {
            self.settings.entry(name).or_insert(setting);
        }
    }
}

/// Reads theme.toml.
pub(super) fn manifest(path: &str, text: &str, findings: &mut Vec<Finding>) -> Manifest {
    let mut manifest = Manifest::default();
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let at = Position::of(text, error.span().map_or(0, |span| span.start));
            findings.push(Finding::error(path, Some(at), one_line(error.message())));
            return manifest;
        }
    };
    for (key, value) in table.get_ref() {
        let (name, at) = (key.get_ref().as_ref(), Position::of(text, value.span().start));
        let done = match (name, value.get_ref()) {
            ("parent", DeValue::String(parent)) => {
                manifest.parent = Some(parent.to_string());
                Ok(())
            }
            ("fingerprint", DeValue::Boolean(truth)) => {
                manifest.fingerprint = *truth;
                Ok(())
            }
            ("settings", DeValue::Table(table)) => read_settings(table).map(|settings| manifest.settings = settings),
            ("name" | "description", DeValue::String(_)) => Ok(()),
            (known, _) if KEYS.contains(&known) => Err(format!("'{known}' has a value of the wrong kind")),
            (unknown, _) => Err(unknown_key(unknown, "theme.toml", KEYS)),
        };
        if let Err(message) = done {
            findings.push(Finding::error(path, Some(at), message));
        }
    }
    manifest
}

fn read_settings(table: &DeTable<'_>) -> Result<BTreeMap<String, Setting>, String> {
    let setting = |(name, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let name: &std::borrow::Cow<'_, str> = name.get_ref();
        let table = value.get_ref().as_table().map(toml_table);
        let table = table.ok_or_else(|| format!("the setting '{name}' must be a table with 'type' and 'default'"))?;
        Ok((name.to_string(), read_setting(name, &table)?))
    };
    table.iter().map(setting).collect()
}

fn read_setting(name: &str, table: &Map<String, Value>) -> Result<Setting, String> {
    if let Some(key) = table.keys().find(|key| !SETTING_KEYS.contains(&key.as_str())) {
        return Err(unknown_key(key, &format!("the setting '{name}'"), SETTING_KEYS));
    }
    let of = match table.get("type").and_then(Value::as_str) {
        Some("text") => Type::Text,
        Some("color") => Type::Color,
        Some("boolean") => Type::Boolean,
        Some("number") => Type::Number,
        Some("choice") => {
            let choices = table.get("choices").and_then(Value::as_array).into_iter().flatten();
            Type::Choice(choices.filter_map(Value::as_str).map(str::to_owned).collect())
        }
        _ => {
            return Err(format!("the setting '{name}' needs a type: text, color, boolean, number or choice"));
        }
    };
    let default = table.get("default").cloned().unwrap_or_default();
    match of.refuse(&default) {
        None => Ok(Setting { of, default }),
        Some(expected) => Err(format!("the default of the setting '{name}' must be {expected}")),
    }
}

impl Type {
    /// What the value must be, if it is not.
    fn refuse(&self, value: &Value) -> Option<String> {
        let (fits, expected) = match self {
            Self::Text => (value.is_string(), "a text in quotes".to_owned()),
            Self::Color => (value.as_str().is_some_and(is_color), "a color, as in \"#a33\" or \"teal\"".to_owned()),
            Self::Boolean => (value.is_boolean(), "true or false".to_owned()),
            Self::Number => (value.is_number(), "a number".to_owned()),
            Self::Choice(choices) => {
                let fits = value.as_str().is_some_and(|value| choices.iter().any(|choice| choice == value));
                (fits, format!("one of \"{}\"", choices.join("\", \"")))
            }
        };
        (!fits).then_some(expected)
    }
}

/// Only what can stand in a style sheet without ending the declaration that it stands in.
fn is_color(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "#()%., /-".contains(c);
    !text.is_empty() && text.len() <= 64 && text.chars().all(allowed)
}

/// The settings with the site's values; what the theme does not know or can't take is a finding in galley.toml.
pub(super) fn resolve(
    settings: &BTreeMap<String, Setting>,
    given: &BTreeMap<String, (Value, Position)>,
    findings: &mut Vec<Finding>,
) -> Map<String, Value> {
    let mut values: Map<String, Value> =
        settings.iter().map(|(name, setting)| (name.clone(), setting.default.clone())).collect();
    for (name, (value, at)) in given {
        let Some(setting) = settings.get(name) else {
            let known: Vec<&str> = settings.keys().map(String::as_str).collect();
            let message = unknown_key(name, "[theme_settings]", &known);
            findings.push(Finding::error(config::FILE, Some(*at), message));
            continue;
        };
        match setting.of.refuse(value) {
            None => drop(values.insert(name.clone(), value.clone())),
            Some(expected) => {
                findings.push(Finding::error(config::FILE, Some(*at), format!("'{name}' must be {expected}")));
            }
        }
    }
    values
}
