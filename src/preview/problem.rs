//! What is wrong with a site, as the page shows it: with the line itself.

use serde::Serialize;

use crate::finding::Finding;
use crate::site::Files;

/// The longest line that is shown whole.
const MAX_LINE: usize = 400;
/// The longest file whose lines are shown: the longest that is read as a source.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// An error with the source line that it stands in.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Problem {
    /// `content/posts/a.md:3:7`
    place: String,
    message: String,
    /// The line as it is in the file now; empty if there is none.
    line: String,
    /// The number of the line, from 1.
    number: Option<usize>,
    /// How many characters of the line stand before the mark.
    before: usize,
}

impl Problem {
    /// The errors among `findings`; `files` are those of the site.
    pub(super) fn of(findings: &[Finding], files: &Files) -> Vec<Self> {
        findings.iter().filter(|finding| finding.is_error()).map(|finding| Self::one(finding, files)).collect()
    }

    fn one(finding: &Finding, files: &Files) -> Self {
        let Finding { path, position, message, .. } = finding;
        let Some(at) = position else {
            return Self {
                place: path.clone(),
                message: message.clone(),
                line: String::new(),
                number: None,
                before: 0,
            };
        };
        let text = files.read(path, MAX_FILE).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
        let (line, before) = cut(line, at.column.saturating_sub(1));
        Self {
            place: format!("{path}:{}:{}", at.line, at.column),
            message: message.clone(),
            line,
            number: Some(at.line),
            before,
        }
    }
}

/// Of a long line the part around the mark.
fn cut(line: &str, before: usize) -> (String, usize) {
    let from = before.saturating_sub(MAX_LINE / 2);
    let part: String = line.chars().skip(from).take(MAX_LINE).collect();
    (part, before - from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Position;

    #[test]
    fn an_error_comes_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.md"), "---\ntitle: [x\n---\n").unwrap();
        let findings = [
            Finding::error("a.md", Some(Position { line: 2, column: 8 }), "no end"),
            Finding::warning("a.md", None, "hardly as meant"),
            Finding::error("b.md", Some(Position { line: 9, column: 1 }), "is gone"),
        ];
        let problems = Problem::of(&findings, &Files::folder(folder.path()));
        assert_eq!(problems.len(), 2);
        assert_eq!(
            problems[0],
            Problem {
                place: "a.md:2:8".into(),
                message: "no end".into(),
                line: "title: [x".into(),
                number: Some(2),
                before: 7
            }
        );
        assert_eq!(problems[1].line, "");
    }

    #[test]
    fn of_a_long_line_the_part_around_the_mark_is_shown() {
        let line = format!("{}x{}", "ä".repeat(1000), "b".repeat(1000));
        let (part, before) = cut(&line, 1000);
        assert_eq!((part.chars().count(), part.chars().nth(before)), (MAX_LINE, Some('x')));
    }
}
