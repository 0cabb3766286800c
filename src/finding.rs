//! What is wrong with a site, where, and what to do about it.

use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The page could not be read or rendered: nothing is written.
    Error,
    /// The page was rendered, but hardly as meant.
    Warning,
}

/// A place in a file: line and column count from 1; the column is in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column in it.
    pub column: usize,
}

impl Position {
    /// The position of the byte `offset` in `text`.
    pub fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }
}

/// One thing that is wrong, as `path:line:col: message`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, relative to the site's folder.
    pub path: String,
    /// Where in the file, if it is known.
    pub position: Option<Position>,
    /// What is wrong and how to mend it; lower case, one line.
    pub message: String,
    /// How bad it is.
    pub severity: Severity,
}

impl Finding {
    /// An error in the file at `path`.
    pub fn error(path: &str, position: Option<Position>, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), position, message: message.into(), severity: Severity::Error }
    }

    /// A warning about the file at `path`.
    pub fn warning(path: &str, position: Option<Position>, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), position, message: message.into(), severity: Severity::Warning }
    }

    /// Whether the page could not be rendered.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(Position { line, column }) => write!(f, "{}:{line}:{column}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

/// `unknown key 'tag' in PLACE; did you mean 'tags'?`, with the nearest of `known` if one is near.
pub(crate) fn unknown_key(key: &str, place: &str, known: &[&str]) -> String {
    // A key as long as a page is no misspelling, and comparing it would take long.
    let near = known.iter().filter(|_| key.len() < 100).map(|name| (distance(key, name), name)).min();
    match near {
        // Two typos in a short word make another word; a third of the letters is still the same one.
        Some((distance, name)) if distance <= (name.len() / 3).max(1) => {
            format!("unknown key '{key}' in {place}; did you mean '{name}'?")
        }
        _ => format!("unknown key '{key}' in {place}"),
    }
}

/// The number of letters to insert, delete, replace or swap with their neighbour to come from `a` to `b` (Damerau's
/// distance, each place touched once).
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = match (i, j) {
                (0, _) | (_, 0) => i + j,
                _ => {
                    let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    let swapped = if swapped { rows[i - 2][j - 2] + 1 } else { usize::MAX };
                    replaced.min(swapped).min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1)
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_key_is_suggested_and_a_far_one_is_not() {
        let known = ["title", "tags", "date"];
        assert_eq!(
            unknown_key("tag", "front matter", &known),
            "unknown key 'tag' in front matter; did you mean 'tags'?"
        );
        assert_eq!(unknown_key("titel", "x", &known), "unknown key 'titel' in x; did you mean 'title'?");
        assert_eq!(unknown_key("layout", "front matter", &known), "unknown key 'layout' in front matter");
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(Position::of("a\nüx", 4), Position { line: 2, column: 2 });
    }
}
