//! The YAML that nearly all front matter is, read in a tenth of the time that a whole YAML parser takes: one `key: value`
//! a line, the value a plain or quoted text or a list of plain texts on the same line.
//!
//! Whatever is not clearly of that kind is left to the parser, and a property test holds the two to the same result.

use serde_json::Value;

use super::Field;
use crate::finding::Position;

/// The fields of `text`, if it is of the simple kind.
pub(super) fn fields(text: &str) -> Option<Vec<Field>> {
    let mut fields: Vec<Field> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let colon = line.find(':')?;
        let (key, rest) = (&line[..colon], &line[colon + 1..]);
        let value = rest.strip_prefix(' ')?.trim_matches(' ');
        if !is_key(key) || value.is_empty() || fields.iter().any(|field| field.key == key) {
            return None;
        }
        // Columns count characters, and a key is ASCII.
        let column = colon + 2 + (rest.len() - rest.trim_start_matches(' ').len());
        let at = Position { line: index + 1, column: 1 };
        fields.push(Field { key: key.to_owned(), at, value: self::value(value)?, value_at: Position { column, ..at } });
    }
    Some(fields)
}

fn is_key(key: &str) -> bool {
    let starts = key.starts_with(|c: char| c.is_ascii_lowercase());
    starts && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && plain(key).is_some()
}

fn value(text: &str) -> Option<Value> {
    if text.chars().any(char::is_control) {
        return None;
    }
    match text.as_bytes() {
        [b'[', b']'] => Some(Value::Array(Vec::new())),
        // A comma in quotes leaves a piece that is no item, and the whole to the parser.
        [b'[', .., b']'] => text[1..text.len() - 1].split(',').map(|item| self::text(item.trim_matches(' '))).collect(),
        b"true" => Some(Value::Bool(true)),
        b"false" => Some(Value::Bool(false)),
        _ => self::text(text),
    }
}

/// A text in quotes, with nothing in it that has to be undone, or a plain one.
fn text(text: &str) -> Option<Value> {
    match text.as_bytes() {
        [b'"', inner @ .., b'"'] if !inner.iter().any(|byte| matches!(byte, b'"' | b'\\')) => {
            Some(Value::from(&text[1..text.len() - 1]))
        }
        [b'\'', inner @ .., b'\''] if !inner.contains(&b'\'') => Some(Value::from(&text[1..text.len() - 1])),
        _ => plain(text),
    }
}

/// A plain text that means nothing but itself: no sign of YAML's in it, and nothing that is a number, a truth value or
/// nothing at all. A day, with a time or without, is a text.
fn plain(text: &str) -> Option<Value> {
    let mut bytes = text.bytes();
    let first = bytes.next()?;
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/' | '+' | '(' | ')' | '\'');
    let is_day = first.is_ascii_digit() && is_day(text);
    let words = !text.contains("  ") && text.chars().all(|c| is_plain(c) || is_day && c == ':');
    if !words || text.ends_with(':') {
        return None;
    }
    let is_word = text.starts_with(char::is_alphabetic) && !is_special(text);
    (is_day || is_word).then(|| Value::from(text))
}

/// `2026-11-21`, and whatever of a time follows a blank or `T`.
fn is_day(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits =
        |range: std::ops::Range<usize>| bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let day =
        bytes.len() >= 10 && digits(0..4) && bytes[4] == b'-' && digits(5..7) && bytes[7] == b'-' && digits(8..10);
    // ": " would begin a mapping.
    day && matches!(bytes.get(10), None | Some(b' ' | b'T')) && !text.contains(": ") && text.is_ascii()
}

/// Words that some YAML takes for more than words.
fn is_special(text: &str) -> bool {
    const WORDS: [&str; 12] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parsed_fields;
    use super::*;

    #[test]
    fn usual_front_matter_is_of_the_simple_kind() {
        let text = "title: A post of mine\ndate: 2024-01-02\ntags: [a, b c, \"d\"]\nslug: \"x: y\"\ndraft: true\n";
        assert_eq!(fields(text).unwrap().len(), 5);
        for other in
            ["a: 1", "a: b: c", "a: &x b", "a:\n  - b", "a: b # c", "a: {b: c}", "a: [1]", "a: null", "a: |\n  b"]
        {
            assert_eq!(fields(other), None, "{other}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_parser_says_the_same(
            text in "([a-c_]{1,3}: ?(['\"]?[a-zA-Zä 0-9:.#,+'\"\\[\\]~-]{0,12}['\"]?|2024-01-02[ T:0-9Z+-]{0,12}|\\[[a-z, 1'\"-]{0,9}\\]|\\[\"[a-z, ]{0,4}\"(, ?'[a-z]{0,2}')?\\])\r?\n?){0,4}",
        ) {
            if let Some(fields) = fields(&text) {
                let expected = parsed_fields(&text).map_err(|broken| broken.message);
                prop_assert_eq!(Ok(fields), expected);
            }
        }
    }
}
