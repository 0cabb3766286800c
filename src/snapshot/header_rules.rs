//! `_headers`, as users of other hosts know it: a path, and below it, indented, the fields that answers there carry.
//!
//! ```text
//! /fonts/*
//!   Cache-Control: public, max-age=31536000
//!   ! X-Frame-Options
//! ```
//!
//! A field that a rule names takes the place of galley's own; two rules that name the same one are joined by a comma; `!`
//! takes a field away, galley's own or that of a rule above. Rules are applied when a tree is frozen, never at a request.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::fault::Fault;
use super::pattern::Pattern;

/// Where header rules stand in a tree.
pub const HEADERS: &str = "_headers";

/// Fields that say how a message is sent, or that have to agree with what is sent: no rule may set them.
const OWN: [HeaderName; 20] = [
    header::ACCEPT_RANGES,
    header::AGE,
    header::ALLOW,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::DATE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::LOCATION,
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::VARY,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// What a line below a path asks for.
#[derive(Clone, Debug)]
enum Action {
    Set(HeaderName, HeaderValue),
    Remove(HeaderName),
}

/// The rules of a tree, in their order.
#[derive(Debug, Default)]
pub struct HeaderRules(Vec<(Pattern, Vec<Action>)>);

impl HeaderRules {
    /// Reads `text`; what is wrong in it is told, and the line left out.
    pub fn parse(text: &str) -> (Self, Vec<Fault>) {
        let (mut rules, mut faults) = (Vec::<(Pattern, Vec<Action>)>::new(), Vec::new());
        for (index, line) in text.lines().enumerate() {
            let content = line.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            let read = if indent == 0 {
                Pattern::new(content)
                    .map(|pattern| rules.push((pattern, Vec::new())))
                    .map_err(|why| format!("'{content}' {why}"))
            } else {
                action(content).and_then(|action| match rules.last_mut() {
                    Some((_, actions)) => {
                        actions.push(action);
                        Ok(())
                    }
                    None => Err(format!(
                        "'{content}' belongs to no path; write the path above it, without a space before it"
                    )),
                })
            };
            if let Err(message) = read {
                faults.push(Fault { line: index + 1, column: line[..indent].chars().count() + 1, message });
            }
        }
        (Self(rules), faults)
    }

    fn actions(&self, path: &str) -> impl Iterator<Item = &Action> {
        self.0.iter().filter(move |(pattern, _)| pattern.fits(path)).flat_map(|(_, actions)| actions)
    }

    /// Whether galley's own field of this name is not what an answer at `path` carries.
    pub fn replaces(&self, path: &str, field: &HeaderName) -> bool {
        self.actions(path).any(|action| match action {
            Action::Set(name, _) | Action::Remove(name) => name == field,
        })
    }

    /// Changes the fields of what answers at `path`.
    pub(super) fn apply(&self, path: &str, fields: &mut HeaderMap) {
        let mut set: Vec<HeaderName> = Vec::new();
        for action in self.actions(path) {
            match action {
                Action::Remove(name) => drop(fields.remove(name)),
                // Its values hold commas of their own (RFC 9110 section 5.3).
                Action::Set(name, value) if set.contains(name) && *name == header::SET_COOKIE => {
                    fields.append(name, value.clone());
                }
                Action::Set(name, value) if set.contains(name) => {
                    let joined = fields.get(name).and_then(|before| joined(before, value));
                    fields.insert(name, joined.unwrap_or_else(|| value.clone()));
                }
                Action::Set(name, value) => {
                    set.push(name.clone());
                    fields.insert(name, value.clone());
                }
            }
        }
    }
}

fn joined(before: &HeaderValue, value: &HeaderValue) -> Option<HeaderValue> {
    HeaderValue::from_bytes(&[before.as_bytes(), b", ", value.as_bytes()].concat()).ok()
}

fn action(line: &str) -> Result<Action, String> {
    let name = |text: &str| {
        let name = HeaderName::try_from(text.trim()).map_err(|_| format!("'{}' is no name of a field", text.trim()))?;
        match OWN.contains(&name) {
            true => Err(format!("'{name}' is galley's own; take the line out")),
            false => Ok(name),
        }
    };
    if let Some(removed) = line.strip_prefix('!') {
        let name = name(removed)?;
        if name == header::STRICT_TRANSPORT_SECURITY {
            return Err(format!("'{name}' comes with TLS; write '{name}: max-age=0' to take it back"));
        }
        return Ok(Action::Remove(name));
    }
    let Some((field, value)) = line.split_once(':') else {
        return Err(format!("'{line}' is no field; write 'Name: value'"));
    };
    let value = HeaderValue::from_bytes(value.trim().as_bytes())
        .map_err(|_| format!("the value of '{field}' has a control character in it"))?;
    name(field).map(|name| Action::Set(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(text: &str, path: &str) -> Vec<String> {
        let (rules, faults) = HeaderRules::parse(text);
        assert!(faults.is_empty(), "{faults:?}");
        let mut fields = HeaderMap::new();
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        rules.apply(path, &mut fields);
        let mut lines: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn rules_change_what_answers_at_their_paths() {
        let text =
            "# comment\n/*\n  X-A: 1\n\n/a/*\n  X-A: 2\n  Cache-Control: max-age=1\n/b\n\t! cache-control\n  ! x-a\n";
        assert_eq!(fields(text, "/"), ["cache-control: no-cache", "x-a: 1"]);
        assert_eq!(fields(text, "/a/x"), ["cache-control: max-age=1", "x-a: 1, 2"]);
        assert_eq!(fields(text, "/b/"), [""; 0]);
        let cookies = fields("/*\n  Set-Cookie: a=1\n/c\n  Set-Cookie: b=ä\n  ! Cache-Control", "/c");
        assert_eq!(cookies, ["set-cookie: a=1", "set-cookie: b=ä"]);
    }

    #[test]
    fn each_fault_has_its_place_and_remedy() {
        for (text, expected) in [
            ("  X: 1", "1:3: 'X: 1' belongs to no path; write the path above it"),
            ("/a\n  X", "2:3: 'X' is no field; write 'Name: value'"),
            ("/a\n  X Y: 1", "2:3: 'X Y' is no name of a field"),
            ("/a\n  Content-Length: 1", "2:3: 'content-length' is galley's own; take the line out"),
            ("/a\n  ! ETag", "2:3: 'etag' is galley's own"),
            ("/a\n  ! Strict-Transport-Security", "2:3: 'strict-transport-security' comes with TLS"),
            ("/a\n  X: a\u{1}b", "2:3: the value of 'X' has a control character in it"),
            ("a", "1:1: 'a' must be a path that begins with '/'"),
        ] {
            let (_, faults) = HeaderRules::parse(text);
            assert!(faults.len() == 1 && faults[0].to_string().starts_with(expected), "{text:?}: {faults:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[/*a-c:! #\\nä=\\t]{0,120}") {
            let (rules, _) = HeaderRules::parse(&text);
            rules.apply("/a/b", &mut HeaderMap::new());
        }
    }
}
