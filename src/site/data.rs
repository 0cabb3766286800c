//! Data files: what templates read as `data.NAME`.

use std::io;

use serde_json::{Map, Value};
use toml::de::DeTable;

use super::files::{Files, Kind, Listed};
use super::load::MAX_SOURCE;
use crate::config::{one_line, toml_table};
use crate::finding::{Finding, Position};

/// The folder in the site's.
const FOLDER: &str = "data";

/// Reads `data/books.toml` as `books`, and `data/a/b.json` as `b` in `a`. TOML, YAML and JSON; what is broken or of no
/// known kind is a finding.
pub(super) fn read(files: &Files, findings: &mut Vec<Finding>) -> Map<String, Value> {
    let mut data = Map::new();
    if !files.is_dir(FOLDER) {
        return data;
    }
    let listing = files.list(FOLDER, |_| false);
    findings.extend(listing.faults());
    findings.extend(listing.files.iter().filter_map(Listed::left_out));
    for file in listing.files.iter().filter(|file| file.kind == Kind::Regular) {
        match read_one(files, &file.path) {
            // It is gone since it was listed.
            Ok(None) => {}
            Ok(Some(value)) => insert(&mut data, file.path[FOLDER.len()..].trim_start_matches('/'), value),
            Err((at, message)) => findings.push(Finding::error(&file.path, at, message)),
        }
    }
    data
}

fn read_one(files: &Files, path: &str) -> Result<Option<Value>, (Option<Position>, String)> {
    let bytes = match files.read(path, MAX_SOURCE) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err((None, error.to_string())),
    };
    let text = String::from_utf8(bytes).map_err(|_| (None, "is not UTF-8; save it as UTF-8".to_owned()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let value = match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "toml" => DeTable::parse(text)
            .map(|table| Value::Object(toml_table(table.get_ref())))
            .map_err(|error| (error.span().map(|span| Position::of(text, span.start)), one_line(error.message()))),
        "json" => serde_json::from_str(text).map_err(|error| {
            (Some(Position { line: error.line().max(1), column: error.column().max(1) }), one_line(&error.to_string()))
        }),
        "yaml" | "yml" => super::front_matter::yaml_value(text).map_err(|broken| (Some(broken.at), broken.message)),
        _ => Err((None, "is no data that galley reads; write it as .toml, .yaml or .json".to_owned())),
    };
    value.map(Some)
}

fn insert(data: &mut Map<String, Value>, path: &str, value: Value) {
    let (folder, rest) = path.split_once('/').unwrap_or(("", path));
    if folder.is_empty() {
        let name = path.rsplit_once('.').map_or(path, |(name, _)| name);
        data.insert(name.to_owned(), value);
        return;
    }
    let inner = data.entry(folder.to_owned()).or_insert_with(|| Value::Object(Map::new()));
    // A file of the same name as the folder has taken its place: the later one wins, as a file would.
    if !inner.is_object() {
        *inner = Value::Object(Map::new());
    }
    if let Some(inner) = inner.as_object_mut() {
        insert(inner, rest, value);
    }
}
