//! `_redirects`: one redirect a line, `FROM TO [STATUS]`, `#` before what is not one. `*` at the end of FROM stands for
//! anything, `:name` for one part of a path.

use std::collections::{HashMap, HashSet};

use crate::finding::Finding;
use crate::finding::Position;

use super::targets::{Place, Target, Targets};
use super::text;

/// Where the redirects stand in the tree.
pub(super) const FILE: &str = "_redirects";

/// One line.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) from: String,
    pub(super) to: String,
    position: Position,
}

/// All redirects.
#[derive(Debug, Default)]
pub(super) struct Redirects {
    rules: Vec<Rule>,
    /// Lines that say no target.
    incomplete: Vec<Position>,
    /// Numbers by FROM, decoded, without slashes at its ends.
    exact: HashMap<String, usize>,
    /// Numbers of those with `*` or `:name` by their first part, which is empty if that is itself such a one.
    patterns: HashMap<String, Vec<usize>>,
}

impl Redirects {
    pub(super) fn parse(text: &str) -> Self {
        let mut redirects = Self::default();
        for (index, line) in text.lines().enumerate() {
            let begin = line.len() - line.trim_start().len();
            let position = Position { line: index + 1, column: line[..begin].chars().count() + 1 };
            let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
            let Some(from) = words.next() else { continue };
            let target = words.find(|word| word.starts_with('/') || word.contains("://"));
            // 404 and 410 say that there is nothing.
            let gone = words.next().is_some_and(|status| status.starts_with('4'));
            match target {
                Some(to) if !gone => redirects.add(from, to, position),
                Some(_) => {}
                None => redirects.incomplete.push(position),
            }
        }
        redirects
    }

    fn add(&mut self, from: &str, to: &str, position: Position) {
        let number = self.rules.len();
        if from.ends_with('*') || from.contains("/:") {
            let first = key(from).split('/').next().filter(|first| !first.starts_with([':', '*']));
            self.patterns.entry(first.unwrap_or_default().to_owned()).or_default().push(number);
        } else {
            // The first line for a path is the one that counts.
            self.exact.entry(key(&text::percent_decoded(from)).to_owned()).or_insert(number);
        }
        self.rules.push(Rule { from: from.to_owned(), to: to.to_owned(), position });
    }

    /// The redirect for a decoded path.
    pub(super) fn find(&self, path: &str) -> Option<usize> {
        let exact = self.exact.get(key(path)).copied();
        let matching = |first: &str| {
            let numbers = self.patterns.get(first)?.iter().copied();
            numbers.into_iter().find(|number| matches(&self.rules[*number].from, path))
        };
        exact.or_else(|| matching(key(path).split('/').next()?)).or_else(|| matching(""))
    }
}

fn key(path: &str) -> &str {
    path.trim_matches('/')
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut names = key(path).split('/');
    for part in key(pattern).split('/') {
        match (part, names.next()) {
            ("*", _) => return true,
            (part, Some(name)) if part.starts_with(':') || part == name => {}
            _ => return false,
        }
    }
    names.next().is_none()
}

/// A step on the way of a reader who is sent on: a line of `_redirects`, or a page that forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Step {
    Rule(usize),
    Page(usize),
}

/// Redirects and forward pages that lead in a circle or nowhere. `forwards` has the URL by the number of the page.
pub(super) fn check(targets: &Targets<'_>, forwards: &HashMap<usize, String>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = targets
        .redirects
        .incomplete
        .iter()
        .map(|at| Finding::error(FILE, Some(*at), "a redirect without a target; write 'FROM TO' in the line"))
        .collect();
    let way = Way { targets, forwards };
    let mut pages: Vec<usize> = forwards.keys().copied().collect();
    pages.sort_unstable();
    let steps = (0..targets.redirects.rules.len()).map(Step::Rule).chain(pages.into_iter().map(Step::Page));
    let mut walked = HashSet::new();
    for start in steps {
        findings.extend(way.missing(start));
        let (mut path, mut on_path) = (Vec::new(), HashSet::new());
        let mut next = Some(start);
        while let Some(step) = next {
            if on_path.contains(&step) {
                findings.extend(way.circle(&path, step));
                break;
            }
            if !walked.insert(step) {
                break;
            }
            on_path.insert(step);
            path.push(step);
            next = way.next(step);
        }
    }
    findings
}

struct Way<'a> {
    targets: &'a Targets<'a>,
    forwards: &'a HashMap<usize, String>,
}

impl Way<'_> {
    /// What `step` leads to; `None` if that is not known here.
    fn target(&self, step: Step) -> Option<Target> {
        let (from, url) = match step {
            Step::Rule(number) => ("", self.targets.redirects.rules[number].to.as_str()),
            Step::Page(number) => (self.targets.paths[number], self.forwards[&number].as_str()),
        };
        let depends = matches!(step, Step::Rule(_)) && url.contains("/:");
        match self.targets.place(url) {
            Place::Own { rest, .. } if !depends => Some(self.targets.resolve(from, rest)),
            _ => None,
        }
    }

    fn next(&self, step: Step) -> Option<Step> {
        match self.target(step)? {
            Target::File(number) => self.forwards.contains_key(&number).then_some(Step::Page(number)),
            Target::Redirect(number) => Some(Step::Rule(number)),
            Target::Missing(_) => None,
        }
    }

    fn missing(&self, step: Step) -> Option<Finding> {
        let Target::Missing(path) = self.target(step)? else { return None };
        let to = match step {
            Step::Rule(number) => &self.targets.redirects.rules[number].to,
            Step::Page(number) => &self.forwards[&number],
        };
        let (begin, to) = (self.name(step), text::shown(to));
        Some(self.finding(
            step,
            match self.targets.nearest(&path) {
                Some(near) => format!("'{begin}' forwards to '{to}', which is not there; did you mean '{near}'?"),
                None => format!("'{begin}' forwards to '{to}', which is not there; correct or remove it"),
            },
        ))
    }

    fn circle(&self, path: &[Step], again: Step) -> Option<Finding> {
        const SHOWN: usize = 5;
        let begin = path.iter().position(|step| *step == again)?;
        let circle = &path[begin..];
        let mut names: Vec<String> = circle.iter().take(SHOWN).map(|step| format!("'{}'", self.name(*step))).collect();
        if circle.len() > SHOWN {
            names.push("…".to_owned());
        }
        names.push(format!("'{}'", self.name(again)));
        let message = format!("redirects lead in a circle: {}; let one of them lead out", names.join(" → "));
        Some(self.finding(again, message))
    }

    fn finding(&self, step: Step, message: String) -> Finding {
        match step {
            Step::Rule(number) => Finding::error(FILE, Some(self.targets.redirects.rules[number].position), message),
            Step::Page(number) => Finding::error(self.targets.paths[number], None, message),
        }
    }

    fn name(&self, step: Step) -> String {
        match step {
            Step::Rule(number) => text::shown(&self.targets.redirects.rules[number].from).into_owned(),
            Step::Page(number) => super::targets::url_of(self.targets.paths[number]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn messages(redirects: &str, forwards: &[(&str, &str)]) -> Vec<String> {
        let paths = vec!["a/index.html", "b/index.html", "c/index.html"];
        let targets = Targets::new(paths, Some("https://x.example"), Redirects::parse(redirects));
        let number = |path: &str| targets.paths.iter().position(|it| *it == path).unwrap();
        let forwards = forwards.iter().map(|(path, url)| (number(path), (*url).to_owned())).collect();
        check(&targets, &forwards).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn redirects_that_lead_somewhere_are_sound() {
        let redirects = "# old\n/x /a/ 301\n/y/ /x\n/z https://else.example/\n/old/* /new/:splat\n/:y/f /a # c\n/a /a/\n\n/g /gone 410";
        assert_eq!(messages(redirects, &[("b/index.html", "/y"), ("c/index.html", "../b/")]), [] as [&str; 0]);
    }

    #[test]
    fn redirects_to_nowhere_are_told() {
        let found = messages("/x /aa/\n  /y\n", &[("b/index.html", "https://x.example/gone/gone/")]);
        let expected = [
            "_redirects:2:3: a redirect without a target; write 'FROM TO' in the line",
            "_redirects:1:1: '/x' forwards to '/aa/', which is not there; correct or remove it",
            "b/index.html: '/b/' forwards to 'https://x.example/gone/gone/', which is not there; correct or remove it",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn circles_are_told_once() {
        let found = messages("/x /y\n/y /z\n/z /y/\n", &[("b/index.html", "/c/"), ("c/index.html", "/b")]);
        let expected = [
            "_redirects:2:1: redirects lead in a circle: '/y' → '/z' → '/y'; let one of them lead out",
            "b/index.html: redirects lead in a circle: '/b/' → '/c/' → '/b/'; let one of them lead out",
        ];
        assert_eq!(found, expected);
        assert_eq!(messages("/p /p/\n", &[]).len(), 1);
        assert_eq!(messages("/* /q\n", &[]).len(), 1);
    }

    #[test]
    fn patterns_match_by_part() {
        assert!(matches("/old/*", "old/a/b") && matches("/old/*", "old/") && matches("/:a/x", "b/x/"));
        assert!(!matches("/old/*", "older") && !matches("/:a/x", "b/y") && !matches("/:a", "b/c"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[/:*a-c# \\nä=%]{0,120}") {
            messages(&text, &[("b/index.html", "/a")]);
        }
    }
}
