//! What is wrong with the references and images of a page.

use std::collections::HashMap;

use crate::finding::Finding;
use crate::finding::Severity;
use crate::finding::distance;

use super::page::{Page, Reference, Role};
use super::spot::Spots;
use super::targets::{Place, Target, Targets};
use super::text;

/// References told of as wrong on one page.
pub(super) const MAX_LINKS: usize = 100;
/// The longest fragment that another one is suggested for, and the most anchors that are compared with it.
const MAX_COMPARED: usize = 200;

/// A link to an anchor in another page, to be looked at when all pages are known.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) target: usize,
    fragment: String,
    url: String,
    at: usize,
    nth: usize,
}

/// The anchors of each page by its number; `None` for a page that only forwards.
pub(super) type Anchors = HashMap<usize, Option<Vec<Box<str>>>>;

/// What is known of the page.
pub(super) struct Context<'a> {
    pub(super) targets: &'a Targets<'a>,
    pub(super) path: &'a str,
    pub(super) page: &'a Page<'a>,
    pub(super) spots: &'a Spots<'a>,
}

impl Context<'_> {
    /// All that can be said without knowing other pages.
    pub(super) fn check(&self, pending: &mut Vec<Pending>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for reference in &self.page.references {
            let verdict = self.reference(reference, pending);
            if let Some((severity, message)) = verdict {
                if findings.len() == MAX_LINKS {
                    let message = format!("more than {MAX_LINKS} links of the page are at fault; mend the first ones");
                    findings.push(self.spots.page().finding(Severity::Error, message));
                    break;
                }
                let spot = self.spots.link(&reference.url, reference.at, reference.nth);
                findings.push(spot.finding(severity, message));
            }
        }
        self.images(&mut findings);
        findings
    }

    fn reference(&self, reference: &Reference<'_>, pending: &mut Vec<Pending>) -> Option<(Severity, String)> {
        let url = &*reference.url;
        let shown = text::shown(url);
        let warning = |message: String| Some((Severity::Warning, message));
        if url.is_empty() {
            return warning(match reference.role {
                Role::Link => "a link leads nowhere: its target is empty; write one or remove the link".to_owned(),
                _ => "an element has an empty 'src' or 'href': browsers load the page itself; name a file".to_owned(),
            });
        }
        match self.targets.place(url) {
            Place::Other(scheme) if scheme.eq_ignore_ascii_case("todo") => {
                warning(format!("the link to '{shown}' is still to be written; give it a target"))
            }
            Place::Other(scheme) if scheme.eq_ignore_ascii_case("javascript") => {
                warning(format!("the link to '{shown}' does nothing without scripts; use a button or a real target"))
            }
            Place::Other(_) => None,
            Place::Local => warning(format!(
                "'{shown}' leads to the reader's own machine; put it in backticks or name a public host"
            )),
            Place::Elsewhere => {
                let loaded = matches!(reference.role, Role::Image | Role::Part);
                let plain = url.get(..5).is_some_and(|begin| begin.eq_ignore_ascii_case("http:"));
                (loaded && plain && self.targets.secure).then(|| {
                    (Severity::Warning, format!("'{shown}' is not loaded on a page with https; write 'https:'"))
                })
            }
            Place::Own { rest, absolute } => self.own(reference, rest, absolute, pending),
        }
    }

    fn own(
        &self,
        reference: &Reference<'_>,
        rest: &str,
        absolute: bool,
        pending: &mut Vec<Pending>,
    ) -> Option<(Severity, String)> {
        let shown = text::shown(&reference.url);
        let relative = !absolute && !rest.starts_with('/');
        let target = match &self.page.base {
            Some(base) if relative => match self.targets.place(base) {
                Place::Own { rest: base, .. } => {
                    let folder = &base[..base.rfind('/').map_or(0, |at| at + 1)];
                    self.targets.resolve(self.path, &format!("{folder}{rest}"))
                }
                _ => return None,
            },
            _ => self.targets.resolve(self.path, rest),
        };
        match target {
            Target::Missing(path) => {
                return Some((Severity::Error, self.missing(reference, &path)));
            }
            Target::File(number) => {
                let verdict = self.fragment(reference, rest, number, pending);
                if verdict.is_some() {
                    return verdict;
                }
            }
            Target::Redirect(_) => {}
        }
        let should_be_rooted = absolute && reference.role != Role::Relation && self.page.forward.is_none();
        should_be_rooted.then(|| {
            let message =
                format!("'{shown}' breaks under any other address of the site; write '{}' instead", text::shown(rest));
            (Severity::Warning, message)
        })
    }

    fn missing(&self, reference: &Reference<'_>, path: &str) -> String {
        let what = match reference.role {
            Role::Link => "the link to",
            Role::Image => "the image",
            Role::Part | Role::Relation => "the file",
        };
        let shown = text::shown(&reference.url);
        if names_host(&reference.url) {
            return format!("{what} '{shown}' leads nowhere: it is taken for a path; write 'https://{shown}'");
        }
        match self.targets.nearest(path) {
            Some(near) => format!("{what} '{shown}' leads nowhere; did you mean '{near}'?"),
            None => format!("{what} '{shown}' leads nowhere: there is no such file; correct or remove it"),
        }
    }

    fn fragment(
        &self,
        reference: &Reference<'_>,
        rest: &str,
        target: usize,
        pending: &mut Vec<Pending>,
    ) -> Option<(Severity, String)> {
        let fragment = text::split(rest).1?;
        // What follows `:~:` is for the browser: a text to look for.
        let fragment = fragment.split_once(":~:").map_or(fragment, |(fragment, _)| fragment);
        let path = self.targets.paths[target];
        if fragment.is_empty() || fragment.eq_ignore_ascii_case("top") || !is_page(path) {
            return None;
        }
        let fragment = fragment.to_owned();
        if path != self.path {
            let (url, at, nth) = (reference.url.clone().into_owned(), reference.at, reference.nth);
            pending.push(Pending { target, fragment, url, at, nth });
            return None;
        }
        let anchors = &self.page.anchors;
        let there = anchors.contains_key(&*fragment) || anchors.contains_key(&*text::percent_decoded(&fragment));
        (!there).then(|| {
            let message = missing_anchor(&reference.url, &fragment, anchors.keys().map(|anchor| &**anchor));
            (Severity::Error, message)
        })
    }

    fn images(&self, findings: &mut Vec<Finding>) {
        const ADVICE: &str = "has no description for those who can't see it";
        for image in self.page.images.iter().take(MAX_LINKS) {
            let src = text::shown(&image.src);
            let spot = match image.described {
                // Written by hand, an empty one says that the image is an ornament; Markdown has no way to say that.
                Some(_) => self.spots.bare_image(&image.src, image.at, image.nth),
                None => Some(self.spots.link(&image.src, image.at, image.nth)),
            };
            let remedy = match image.described {
                Some(_) => "write one into the '[]'",
                None => "add 'alt', empty if the image is an ornament",
            };
            let message = format!("the image '{src}' {ADVICE}; {remedy}");
            findings.extend(spot.map(|spot| spot.finding(Severity::Warning, message)));
        }
    }
}

impl Pending {
    /// The finding if the anchor is not there.
    pub(super) fn verdict(&self, anchors: &Anchors) -> Option<String> {
        // A page that only forwards has no anchors; its target may.
        let anchors = anchors.get(&self.target)?.as_ref()?;
        let there = |name: &str| anchors.binary_search_by(|anchor| (**anchor).cmp(name)).is_ok();
        let found = there(&self.fragment) || there(&text::percent_decoded(&self.fragment));
        (!found).then(|| missing_anchor(&self.url, &self.fragment, anchors.iter().map(|anchor| &**anchor)))
    }

    /// The finding with `message` at the link's place.
    pub(super) fn finding(&self, spots: &Spots<'_>, message: String) -> Finding {
        spots.link(&self.url, self.at, self.nth).finding(Severity::Error, message)
    }
}

/// Whether the file at `path` is HTML.
pub(super) fn is_page(path: &str) -> bool {
    [".html", ".htm", ".xhtml"].iter().any(|ending| path.ends_with(ending))
}

/// Whether a path was meant as `twitter.com/me`.
fn names_host(url: &str) -> bool {
    let Some((host, _)) = url.split_once('/') else { return url.starts_with("www.") };
    let top = host.rsplit_once('.').map_or("", |(name, top)| if name.is_empty() { "" } else { top });
    top.len() > 1 && top.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn missing_anchor<'a>(url: &str, fragment: &str, anchors: impl Iterator<Item = &'a str>) -> String {
    let wanted = text::percent_decoded(fragment);
    let limit = wanted.chars().count() / 3;
    let near = anchors.take(MAX_COMPARED).filter(|anchor| {
        wanted.len() <= MAX_COMPARED && anchor.len().abs_diff(wanted.len()) <= 4 * limit && anchor.len() <= MAX_COMPARED
    });
    let near = near.map(|anchor| (distance(&wanted, anchor), anchor)).min().filter(|(distance, _)| *distance <= limit);
    let (shown, fragment) = (text::shown(url), text::shown(fragment));
    match near {
        Some((_, near)) => format!("'{shown}' names an anchor that its page does not have; did you mean '#{near}'?"),
        None => format!("'{shown}' names an anchor that its page does not have; give a heading the id '{fragment}'"),
    }
}
