//! Findings for people, for programs and for GitHub's runners.

use std::collections::HashSet;
use std::fmt::Write;

use serde_json::json;

use crate::finding::Finding;

/// One line each and a line that counts them.
pub fn text(findings: &[Finding]) -> String {
    let line = |finding: &Finding| format!("{}{finding}\n", if finding.is_error() { "" } else { "warning: " });
    let mut text: String = findings.iter().map(line).collect();
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let pages: HashSet<&str> = findings.iter().map(|finding| finding.path.as_str()).collect();
    let (errors, warnings) = (count(errors, "error"), count(findings.len() - errors, "warning"));
    if findings.is_empty() {
        text.push_str("no errors, no warnings\n");
    } else {
        text.push_str(&format!("{errors}, {warnings} in {}\n", count(pages.len(), "page")));
    }
    text
}

fn count(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

/// An array of objects with `path`, `line`, `column`, `severity` and `message`; `line` and `column` are null where the
/// place is not known.
pub fn json(findings: &[Finding]) -> String {
    let findings = findings.iter().map(|finding| {
        json!({
            "path": finding.path,
            "line": finding.position.map(|at| at.line),
            "column": finding.position.map(|at| at.column),
            "severity": severity(finding),
            "message": finding.message,
        })
    });
    format!("{:#}\n", serde_json::Value::Array(findings.collect()))
}

/// Workflow commands, which GitHub shows at the lines of a pull request. Its runners cut paths at the repository's folder,
/// so paths must be relative to that.
pub fn github(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let mut properties = format!("file={}", escape(&finding.path, true));
        if let Some(at) = finding.position {
            let _ = write!(properties, ",line={},col={}", at.line, at.column);
        }
        let _ = writeln!(text, "::{} {properties}::{}", severity(finding), escape(&finding.message, false));
    }
    text
}

fn severity(finding: &Finding) -> &'static str {
    if finding.is_error() { "error" } else { "warning" }
}

fn escape(text: &str, property: bool) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    if property { text.replace(':', "%3A").replace(',', "%2C") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Position;

    fn findings() -> Vec<Finding> {
        let at = Some(Position { line: 2, column: 3 });
        vec![Finding::error("a:b,c%.md", at, "100% wrong: x,\ny"), Finding::warning("b.md", None, "odd")]
    }

    #[test]
    fn people_read_lines_and_a_count() {
        assert_eq!(
            text(&findings()),
            "a:b,c%.md:2:3: 100% wrong: x,\ny\nwarning: b.md: odd\n1 error, 1 warning in 2 pages\n"
        );
        assert_eq!(text(&[]), "no errors, no warnings\n");
    }

    #[test]
    fn programs_read_objects() {
        let value: serde_json::Value = serde_json::from_str(&json(&findings())).unwrap();
        let first =
            json!({"path": "a:b,c%.md", "line": 2, "column": 3, "severity": "error", "message": "100% wrong: x,\ny"});
        assert_eq!(value[0], first);
        assert!(value[1]["line"].is_null() && value[1]["severity"] == "warning");
        assert_eq!(json(&[]), "[]\n");
    }

    #[test]
    fn github_reads_commands() {
        let expected = "::error file=a%3Ab%2Cc%25.md,line=2,col=3::100%25 wrong: x,%0Ay\n::warning file=b.md::odd\n";
        assert_eq!(github(&findings()), expected);
    }
}
