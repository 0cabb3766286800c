//! The arguments of a shortcode: `key="text", n=3, on=true, list=["a", "b"]` between parentheses.

use serde_json::{Map, Number, Value};

use super::Fault;

/// The arguments that begin at `at`, behind the opening parenthesis of the shortcode `name`, up to `closing` behind the
/// other one; or the first fault in them. And how far was read: behind `closing`, unless there is a fault.
pub(super) fn parse(
    markdown: &str,
    at: usize,
    name: &str,
    closing: &'static str,
) -> (Result<Map<String, Value>, Fault>, usize) {
    let mut reader = Reader { text: markdown, at, shortcode: name };
    let arguments = reader.arguments().and_then(|arguments| reader.closing(closing).map(|()| arguments));
    (arguments, reader.at)
}

/// The name that `text` begins with: `[a-z_][a-z0-9_]*`.
pub(super) fn name(text: &str) -> Option<&str> {
    let is_part = |c: char| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit();
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    (end > 0 && !text.starts_with(|c: char| c.is_ascii_digit())).then(|| &text[..end])
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    shortcode: &'a str,
}

impl<'a> Reader<'a> {
    fn arguments(&mut self) -> Result<Map<String, Value>, Fault> {
        let mut arguments = Map::new();
        loop {
            self.skip_blank();
            if self.eat(')') {
                return Ok(arguments);
            }
            let at = self.at;
            let key = self.key()?;
            if arguments.contains_key(key) {
                return fault(at, format!("the argument '{key}' of '{}' is given twice; keep one", self.shortcode));
            }
            let value_at = self.at;
            let value = self.value(key, true)?;
            // Text over several lines with more behind it lacks its quote where it begins, not where another one is.
            let has_lost_quote = value.is_string() && self.text[value_at..self.at].contains('\n');
            arguments.insert(key.to_owned(), value);
            self.skip_blank();
            if !self.eat(',') && !self.rest().starts_with(')') {
                if has_lost_quote {
                    return fault(value_at, format!("the text of '{key}' has no end; close it with its quote"));
                }
                return self.unfinished(format!("expected ',' or ')' after the value of '{key}'; text needs quotes"));
            }
        }
    }

    /// A key with its `=`.
    fn key(&mut self) -> Result<&'a str, Fault> {
        let at = self.at;
        let Some(key) = name(self.rest()) else {
            let message = format!("expected an argument of '{}' like key=\"text\"", self.shortcode);
            return self.unfinished(format!("{message}; if it is no shortcode, put a backslash before it"));
        };
        self.at += key.len();
        self.skip_blank();
        if !self.eat('=') {
            return fault(
                at,
                format!("the argument '{key}' of '{}' has no value; write {key}=\"text\"", self.shortcode),
            );
        }
        self.skip_blank();
        Ok(key)
    }

    fn value(&mut self, key: &str, list_allowed: bool) -> Result<Value, Fault> {
        let at = self.at;
        match self.rest().chars().next() {
            Some(quote @ ('"' | '\'' | '`')) => self.string(key, quote),
            Some('-' | '0'..='9') => self.number(key),
            Some('[') if list_allowed => self.list(key),
            Some('[') => fault(at, format!("the list of '{key}' holds a list; it can hold text, numbers and booleans")),
            _ => match name(self.rest()) {
                Some(word @ ("true" | "false")) => {
                    self.at += word.len();
                    Ok(Value::Bool(word == "true"))
                }
                _ => self.unfinished(format!(
                    "the value of '{key}' is not text in quotes, a number, true, false or a list; text needs quotes"
                )),
            },
        }
    }

    fn list(&mut self, key: &str) -> Result<Value, Fault> {
        self.at += 1;
        let mut list = Vec::new();
        loop {
            self.skip_blank();
            if self.eat(']') {
                return Ok(Value::Array(list));
            }
            list.push(self.value(key, false)?);
            self.skip_blank();
            if !self.eat(',') && !self.rest().starts_with(']') {
                return self.unfinished(format!("expected ',' or ']' in the list of '{key}'; text needs quotes"));
            }
        }
    }

    /// A backslash escapes quotes and itself; before anything else it stands for itself, so that paths need no care.
    fn string(&mut self, key: &str, quote: char) -> Result<Value, Fault> {
        let start = self.at;
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = self.rest();
            let Some(end) = rest.find([quote, '\\']) else {
                self.at = self.text.len();
                return fault(start, format!("the text of '{key}' is not closed; end it with {quote}"));
            };
            string.push_str(&rest[..end]);
            self.at += end + 1;
            if rest[end..].starts_with(quote) {
                return Ok(Value::String(string));
            }
            match self.rest().chars().next() {
                Some(escaped @ ('"' | '\'' | '`' | '\\')) => {
                    string.push(escaped);
                    self.at += 1;
                }
                _ => string.push('\\'),
            }
        }
    }

    fn number(&mut self, key: &str) -> Result<Value, Fault> {
        let at = self.at;
        let rest = self.rest();
        let end = rest.find(|c: char| !matches!(c, '-' | '.' | '0'..='9')).unwrap_or(rest.len());
        self.at += end;
        let number = &rest[..end];
        let digits = number.strip_prefix('-').unwrap_or(number);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) {
            return fault(at, format!("the value of '{key}' is not a number like -1 or 2.5; text needs quotes"));
        }
        let value = match digits.contains('.') {
            true => number.parse().ok().and_then(Number::from_f64),
            false => number.parse::<i64>().ok().map(Number::from),
        };
        match value {
            Some(value) => Ok(Value::Number(value)),
            None => fault(at, format!("the number of '{key}' is too large; put it in quotes")),
        }
    }

    fn closing(&mut self, closing: &'static str) -> Result<(), Fault> {
        let behind = self.rest().trim_start_matches([' ', '\t']);
        self.at = self.text.len() - behind.len();
        if !behind.starts_with(closing) {
            let message = format!("expected {closing} after the arguments of '{}'", self.shortcode);
            return fault(self.at, format!("{message}; if it is no shortcode, put a backslash before it"));
        }
        self.at += closing.len();
        Ok(())
    }

    /// A fault here, or the one that is behind it if nothing more comes.
    fn unfinished<T>(&self, message: String) -> Result<T, Fault> {
        if self.rest().is_empty() {
            let message = format!("the arguments of '{}' are not closed; end them with ')'", self.shortcode);
            return fault(self.at, message);
        }
        fault(self.at, message)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn eat(&mut self, expected: char) -> bool {
        let found = self.rest().starts_with(expected);
        self.at += if found { expected.len_utf8() } else { 0 };
        found
    }

    fn skip_blank(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
    }
}

fn fault<T>(at: usize, message: String) -> Result<T, Fault> {
    Err(Fault { at, message })
}
