//! Redirects and forward pages that lead in a circle or nowhere.

use std::collections::{HashMap, HashSet};

use super::targets::{Place, Target, Targets};
use super::text;
use crate::finding::Finding;
use crate::finding::Position;
use crate::snapshot::{Fault, REDIRECTS, Redirect};

/// A fault of the file itself.
pub(super) fn finding(fault: Fault) -> Finding {
    Finding::error(REDIRECTS, Some(Position { line: fault.line, column: fault.column }), fault.message)
}

/// A step on the way of a reader who is sent on: a line of `_redirects`, or a page that forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Step {
    Rule(usize),
    Page(usize),
}

/// Redirects and forward pages that lead in a circle or nowhere. `forwards` has the URL by the number of the page.
pub(super) fn check(targets: &Targets<'_>, forwards: &HashMap<usize, String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let way = Way { targets, forwards };
    let mut pages: Vec<usize> = forwards.keys().copied().collect();
    pages.sort_unstable();
    let leads_on = |number: &usize| targets.redirects.rules()[*number].status.is_redirection();
    let rules = (0..targets.redirects.rules().len()).filter(leads_on);
    let steps = rules.map(Step::Rule).chain(pages.into_iter().map(Step::Page));
    findings.extend(targets.redirects.into_themselves().filter_map(|rule| way.endless(rule)));
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
    fn rule(&self, number: usize) -> &Redirect {
        &self.targets.redirects.rules()[number]
    }

    /// What `step` leads to; `None` if that is not known here.
    fn target(&self, step: Step) -> Option<Target> {
        let (from, url) = match step {
            Step::Rule(number) => ("", self.rule(number).to.as_str()),
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
            Step::Rule(number) => &self.rule(number).to,
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

    /// A pattern that fits what it leads to is followed where something is; here nothing can be.
    fn endless(&self, rule: &Redirect) -> Option<Finding> {
        let begin = rule.target_begins()?;
        let begins = |path: &str| path.strip_prefix('/').unwrap_or(path).starts_with(&begin[1..]);
        let mut rules = self.targets.redirects.rules().iter().filter_map(|other| other.from.exact());
        if self.targets.paths.iter().any(|path| begins(path)) || rules.any(|path| begins(&path)) {
            return None;
        }
        let (from, to) = (text::shown(rule.from.as_str()), text::shown(&rule.to));
        let message = format!(
            "'{from}' forwards to '{to}', which it fits again, and nothing is there where that would end; correct or remove it"
        );
        Some(finding(Fault { line: rule.line, column: rule.column, message }))
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
            Step::Rule(number) => {
                let Redirect { line, column, .. } = *self.rule(number);
                finding(Fault { line, column, message })
            }
            Step::Page(number) => Finding::error(self.targets.paths[number], None, message),
        }
    }

    fn name(&self, step: Step) -> String {
        match step {
            Step::Rule(number) => text::shown(self.rule(number).from.as_str()).into_owned(),
            Step::Page(number) => super::targets::url_of(self.targets.paths[number]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Redirects;
    use proptest::prelude::*;

    fn messages(redirects: &str, forwards: &[(&str, &str)]) -> Vec<String> {
        let paths = vec!["a/index.html", "b/index.html", "c/index.html"];
        let (redirects, faults) = Redirects::parse(redirects);
        let targets = Targets::new(paths, Some("https://x.example"), redirects);
        let number = |path: &str| targets.paths.iter().position(|it| *it == path).unwrap();
        let forwards = forwards.iter().map(|(path, url)| (number(path), (*url).to_owned())).collect();
        let findings = faults.into_iter().map(finding).chain(check(&targets, &forwards));
        findings.map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn redirects_that_lead_somewhere_are_sound() {
        let redirects = "# old\n/x /a/ 301\n/y/ /x\n/z https://else.example/\n/old/* /new/:splat\n/:y/f /a # c\n/a /a/\n\n/g /gone 410";
        assert_eq!(messages(redirects, &[("b/index.html", "/y"), ("c/index.html", "../b/")]), [] as [&str; 0]);
    }

    /// What a reader finds by one more redirect is there, and a line for one path goes before a file.
    #[test]
    fn what_is_there_is_what_readers_find() {
        assert_eq!(messages("/x /a.html\n/y /b/index.html\n/z /c\n", &[]), [""; 0]);
        let found = messages("/a/ /gone/\n", &[("b/index.html", "/a/")]);
        assert_eq!(found, ["_redirects:1:1: '/a/' forwards to '/gone/', which is not there; correct or remove it"]);
        let found = messages("/%61/* /d%65/:splat\n/de/* /de/x/:splat\n/d%65/x/y /a/\n", &[]);
        assert_eq!(found, [""; 0]);
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
    fn patterns_that_end_nowhere_are_told() {
        let found = messages("/a/* /blog/:splat\n/blog/* /blog/new/:splat\n", &[]);
        let expected = "_redirects:2:1: '/blog/*' forwards to '/blog/new/:splat', which it fits again, and nothing is there where that would end; \
                        correct or remove it";
        assert_eq!(found, [expected]);
        for sound in ["/* /a/:splat", "/* /:splat/a/", "/c/* /new/:splat\n/new/* /b/:splat", "/* /d/:splat\n/d/x /a/\n"]
        {
            assert_eq!(messages(sound, &[]), [""; 0], "{sound}");
        }
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

    proptest! {
        #[test]
        fn no_text_panics(text in "[/:*a-c# \\nä=%]{0,120}") {
            messages(&text, &[("b/index.html", "/a")]);
        }
    }
}
