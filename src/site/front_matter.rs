//! Front matter: YAML between `---`, TOML between `+++`, or none.

mod plain;

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use toml::de::DeTable;

use crate::config::{one_line, toml_value};
use crate::finding::Position;

/// One top-level key with its value and their places in the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) key: String,
    pub(super) at: Position,
    pub(super) value: Value,
    pub(super) value_at: Position,
}

/// A source file, split.
#[derive(Debug, PartialEq)]
pub(super) struct Source<'a> {
    pub(super) fields: Vec<Field>,
    pub(super) body: &'a str,
    /// The line on which the body begins, from 1.
    pub(super) body_line: usize,
}

/// Why front matter could not be read, and where.
#[derive(Debug, PartialEq)]
pub(super) struct Broken {
    pub(super) at: Position,
    pub(super) message: String,
}

#[derive(Clone, Copy)]
enum Format {
    Yaml,
    Toml,
}

/// Splits `text` and reads its front matter. A byte order mark and CRLF are allowed; a `---` within a line ends nothing.
pub(super) fn split(text: &str) -> Result<Source<'_>, Broken> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let format = match text.lines().next().map(str::trim_end) {
        Some("---") => Format::Yaml,
        Some("+++") => Format::Toml,
        _ => return Ok(Source { fields: Vec::new(), body: text, body_line: 1 }),
    };
    let start = text.find('\n').map_or(text.len(), |at| at + 1);
    let (end, body, lines) = find_end(text, start, format).ok_or_else(|| Broken {
        at: Position { line: 1, column: 1 },
        message: format!("the front matter never ends; close it with a line {}", format.mark()),
    })?;
    let inner = &text[start..end];
    let fields = match format {
        Format::Yaml => yaml_fields(inner),
        Format::Toml => toml_fields(inner),
    };
    // Positions within the front matter are one line below those in the file: the opening mark stands above.
    let fields = fields.map_err(|broken| Broken { at: below_mark(broken.at), ..broken })?;
    let fields = fields.into_iter().map(|field| Field {
        at: below_mark(field.at),
        value_at: below_mark(field.value_at),
        ..field
    });
    Ok(Source { fields: fields.collect(), body: &text[body..], body_line: lines + 1 })
}

fn below_mark(at: Position) -> Position {
    Position { line: at.line + 1, ..at }
}

impl Format {
    fn mark(self) -> &'static str {
        match self {
            Self::Yaml => "---",
            Self::Toml => "+++",
        }
    }

    /// YAML documents may end with `...` as well (YAML 1.2, section 9.1.2).
    fn ends(self, line: &str) -> bool {
        line == self.mark() || matches!(self, Self::Yaml) && line == "..."
    }
}

/// Where the front matter ends, where the body begins, and the number of the closing line.
fn find_end(text: &str, start: usize, format: Format) -> Option<(usize, usize, usize)> {
    let mut at = start;
    for (index, line) in text[start..].split_inclusive('\n').enumerate() {
        if format.ends(line.trim_end()) {
            return Some((at, at + line.len(), index + 2));
        }
        at += line.len();
    }
    None
}

/// Keeps the order and places of keys, which a map type of serde's would lose.
struct YamlFields(Vec<Field>);

impl<'de> Deserialize<'de> for YamlFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = YamlFields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("keys with values, as in `title: Hello`")
            }

            fn visit_unit<E>(self) -> Result<YamlFields, E> {
                Ok(YamlFields(Vec::new()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<YamlFields, A::Error> {
                use serde_saphyr::Spanned;
                let mut fields = Vec::new();
                while let Some((key, value)) = map.next_entry::<Spanned<String>, Spanned<Value>>()? {
                    let (at, value_at) = (yaml_position(&key.referenced), yaml_position(&value.referenced));
                    fields.push(Field { key: key.value, at, value: value.value, value_at });
                }
                Ok(YamlFields(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

fn yaml_position(location: &serde_saphyr::Location) -> Position {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
    Position { line: count(location.line()), column: count(location.column()) }
}

/// Any YAML document as one value.
pub(super) fn yaml_value(text: &str) -> Result<Value, Broken> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| Broken {
        at: error.location().map_or(Position { line: 1, column: 1 }, |location| yaml_position(&location)),
        message: plain(&one_line(&error.without_snippet().to_string())),
    })
}

fn yaml_fields(text: &str) -> Result<Vec<Field>, Broken> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Vec::new());
    }
    plain::fields(text).map_or_else(|| parsed_fields(text), Ok)
}

fn parsed_fields(text: &str) -> Result<Vec<Field>, Broken> {
    // YAML 1.2: only `true` and `false` are truth values, so that a tag `y` or a title `No` stays what it is.
    let options = serde_saphyr::options! { strict_booleans: true };
    match serde_saphyr::from_str_with_options::<YamlFields>(text, options) {
        Ok(fields) => Ok(fields.0),
        Err(error) => Err(Broken {
            at: error.location().map_or(Position { line: 1, column: 1 }, |location| yaml_position(&location)),
            message: format!("front matter: {}", plain(&one_line(&error.without_snippet().to_string()))),
        }),
    }
}

/// Without what the parser says for programmers. It names the place as well, counted from the front matter's first line.
fn plain(message: &str) -> String {
    let message = message.split_once(", set DuplicateKeyPolicy").map_or(message, |(before, _)| before);
    if message.starts_with("budget breached") {
        return "has too many values, or too many in one another".to_owned();
    }
    message.rsplit_once(" at line ").map_or(message, |(before, _)| before).to_owned()
}

fn toml_fields(text: &str) -> Result<Vec<Field>, Broken> {
    let table = DeTable::parse(text).map_err(|error| Broken {
        at: Position::of(text, error.span().map_or(0, |span| span.start)),
        message: format!("front matter: {}", one_line(error.message())),
    })?;
    let fields = table.get_ref().iter().map(|(key, value)| Field {
        key: key.get_ref().to_string(),
        at: Position::of(text, key.span().start),
        value: toml_value(value.get_ref()),
        value_at: Position::of(text, value.span().start),
    });
    let mut fields: Vec<Field> = fields.collect();
    // The table is in the order of its keys; findings come in that of the file.
    fields.sort_by_key(|field| field.at);
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn pairs<'a>(source: &'a Source<'_>) -> Vec<(&'a str, &'a Value, usize)> {
        source.fields.iter().map(|field| (field.key.as_str(), &field.value, field.at.line)).collect()
    }

    #[test]
    fn yaml_and_toml_say_the_same() {
        let yaml = split("---\ntitle: \"a --- b\"\ntags: [x, y]\ndate: 2012-01-17 11:03\n---\nbody\n").unwrap();
        let toml =
            split("+++\ntitle = \"a --- b\"\ntags = ['x', 'y']\ndate = 2012-01-17 11:03:00\n+++\nbody\n").unwrap();
        for source in [&yaml, &toml] {
            assert_eq!((source.body, source.body_line), ("body\n", 6));
            assert_eq!(pairs(source)[..2], [("title", &json!("a --- b"), 2), ("tags", &json!(["x", "y"]), 3)]);
        }
        assert_eq!(yaml.fields[2].value, json!("2012-01-17 11:03"));
        assert_eq!(toml.fields[2].value, json!("2012-01-17T11:03:00"));
    }

    #[test]
    fn a_byte_order_mark_and_crlf_are_allowed() {
        let source = split("\u{feff}---\r\ntitle: x\r\n---\r\nbody\r\n").unwrap();
        assert_eq!(pairs(&source), [("title", &json!("x"), 2)]);
        assert_eq!(source.body, "body\r\n");
    }

    #[test]
    fn no_or_empty_front_matter_is_none() {
        for text in ["# Title\n", "", "---\n---\n", "---\n# only a comment\n...\n"] {
            assert_eq!(split(text).unwrap().fields, [], "{text:?}");
        }
    }

    #[test]
    fn what_is_broken_has_a_place() {
        for (text, line, message) in [
            ("---\ntitle: x\n", 1, "never ends; close it with a line ---"),
            ("---\ntitle: x\ntags: [a\n---\n", 3, "front matter: unclosed bracket '['"),
            ("+++\ntitle = \n+++\n", 2, "front matter: "),
            ("---\ntitle: a\ntitle: b\n---\n", 3, "duplicate"),
            ("---\njust words\n---\n", 2, "front matter: "),
        ] {
            let broken = split(text).unwrap_err();
            assert_eq!(broken.at.line, line, "{text:?}: {}", broken.message);
            assert!(broken.message.contains(message), "{}", broken.message);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(inner in "[ -~\\n\\t:\\[\\]{}'\"#&*-]{0,200}") {
            for mark in ["---", "+++"] {
                let text = format!("{mark}\n{inner}\n{mark}\nbody");
                if let Ok(source) = split(&text) {
                    prop_assert!(source.body.ends_with("body"));
                }
            }
        }
    }
}
