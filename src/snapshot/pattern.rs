//! Patterns of paths, as `_redirects` and `_headers` have them.

use percent_encoding::percent_decode_str;

/// A path with at most one `*`, which stands for anything, and names as `:name`, each of which stands for one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    /// The parts up to the `*`; the last one may be the beginning of a part.
    before: Vec<Part>,
    /// What stands behind the `*`; `None` if there is none.
    after: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Name(String),
}

/// What the names and the `*` of a pattern stood for: `(name, text)`; the name of `*` is `splat`.
pub(super) type Captures<'a> = Vec<(&'a str, String)>;

impl Pattern {
    /// Reads a pattern. Percent-encoded characters stand for themselves, `%2A` for an asterisk.
    ///
    /// # Errors
    /// Says what it breaks.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        if !text.starts_with('/') {
            return Err("must be a path that begins with '/'; hosts are not told apart");
        }
        let (before, after) = match text.split_once('*') {
            Some((before, after)) => (before, Some(after.to_owned())),
            None => (text, None),
        };
        if after.as_ref().is_some_and(|after| after.contains('*') || after.contains("/:")) {
            return Err("has something behind its '*' that is no plain text; one '*' is enough");
        }
        let part = |part: &str| match part.strip_prefix(':') {
            Some(name) if !name.is_empty() => Ok(Part::Name(name.to_owned())),
            _ => decoded(part).map(Part::Literal),
        };
        let before = before[1..].split('/').map(part).collect::<Result<Vec<_>, _>>()?;
        if after.is_some() && matches!(before.last(), Some(Part::Name(_))) {
            return Err("has a name right before its '*'; put a slash between them");
        }
        let after = after.map(|after| decoded(&after)).transpose()?;
        Ok(Self { text: text.to_owned(), before, after })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path, decoded, if it stands for one only.
    pub fn exact(&self) -> Option<String> {
        let literal = |part: &Part| match part {
            Part::Literal(text) => Some(text.clone()),
            Part::Name(_) => None,
        };
        let parts: Option<Vec<String>> = self.before.iter().map(literal).collect();
        parts.filter(|_| self.after.is_none()).map(|parts| format!("/{}", parts.join("/")))
    }

    /// A path that fits.
    pub(super) fn sample(&self) -> String {
        let part = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Name(_) => "x".to_owned(),
        };
        let path: Vec<String> = self.before.iter().map(part).collect();
        let rest = self.after.as_ref().map(|after| format!("x/y{after}")).unwrap_or_default();
        format!("/{}{rest}", path.join("/"))
    }

    /// What `path` gives for the names, if it fits. A slash at the end does not matter unless the `*` stands there.
    pub(super) fn captures(&self, path: &str) -> Option<Captures<'_>> {
        let mut captures = Captures::new();
        let mut rest = path.strip_prefix('/')?;
        let last = self.before.len() - 1;
        for (number, part) in self.before.iter().enumerate() {
            let open_end = number == last && self.after.is_some();
            rest = match part {
                Part::Literal(text) if open_end => rest.strip_prefix(text.as_str())?,
                Part::Literal(text) => {
                    next(rest, number == last).and_then(|(found, rest)| (found == text).then_some(rest))?
                }
                Part::Name(name) => {
                    let (found, rest) = next(rest, number == last)?;
                    if found.is_empty() {
                        return None;
                    }
                    captures.push((name, found.to_owned()));
                    rest
                }
            };
        }
        match &self.after {
            Some(after) => captures.push(("splat", rest.strip_suffix(after.as_str())?.to_owned())),
            None if !rest.is_empty() => return None,
            None => {}
        }
        Some(captures)
    }

    /// Whether `path` fits.
    pub fn fits(&self, path: &str) -> bool {
        self.captures(path).is_some()
    }
}

fn decoded(text: &str) -> Result<String, &'static str> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| "is not UTF-8 where it is decoded")?;
    Ok(text.into_owned())
}

/// The next part and what follows its slash. The last part takes a slash with it if nothing follows.
fn next(rest: &str, last: bool) -> Option<(&str, &str)> {
    if last {
        return Some((rest.strip_suffix('/').unwrap_or(rest), "")).filter(|(found, _)| !found.contains('/'));
    }
    rest.split_once('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn captures(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
        let pattern = Pattern::new(pattern).unwrap();
        let found = pattern.captures(path)?;
        Some(found.into_iter().map(|(name, text)| (name.to_owned(), text)).collect())
    }

    #[test]
    fn patterns_fit_part_by_part() {
        for (pattern, path, fits) in [
            ("/a", "/a", true),
            ("/a", "/a/", true),
            ("/a/", "/a/", true),
            ("/a", "/ab", false),
            ("/", "/", true),
            ("/", "/a", false),
            ("/a/*", "/a/", true),
            ("/a/*", "/a/b/c", true),
            ("/a/*", "/a", false),
            ("/a/*", "/ab", false),
            ("/*", "/", true),
            ("/*.jpg", "/x/y.jpg", true),
            ("/*.jpg", "/x/y.png", false),
            ("/a*", "/abc/d", true),
            ("/a%2A%3Ab", "/a*:b", true),
            ("/%C3%BC/*", "/ü/x", true),
            ("/:x", "/b", true),
            ("/:x", "/b/", true),
            ("/:x", "/", false),
            ("/:x", "/b/c", false),
            ("/:x/y", "/b/y", true),
            ("/:x/y", "/b/z", false),
        ] {
            assert_eq!(captures(pattern, path).is_some(), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn what_stood_for_names_is_told() {
        let found = captures("/:year/:name/*", "/2024/x/y/z/").unwrap();
        let expected = [("year", "2024"), ("name", "x"), ("splat", "y/z/")];
        assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "a", "https://x/", "/*/*", "/*/:x", "/:x*"] {
            assert!(Pattern::new(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(pattern in "[/:*a-cä]{0,12}", path in "[/:*a-cä]{0,20}") {
            if let Ok(pattern) = Pattern::new(&pattern) {
                pattern.captures(&path);
                prop_assert!(pattern.fits(&pattern.sample()));
            }
        }
    }
}
