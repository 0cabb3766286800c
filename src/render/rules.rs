//! How a site wants to be served: its own `_redirects` and `_headers`, checked, and the old addresses of pages.

use std::fmt::Write;

use bytes::Bytes;

use crate::finding::Finding;
use crate::finding::Position;
use crate::site::{Asset, Page, Site};
use crate::snapshot::{Entry, Fault, HEADERS, HeaderRules, REDIRECTS, Redirects, TreePath, file_at, leads_to_one};

/// The longest file of rules: hosts that read such files allow a tenth of it.
const MAX_RULES: u64 = 1024 * 1024;

/// What is made of a site's rules.
#[derive(Default)]
pub(super) struct Rules {
    /// `_redirects`, if there is anything in it.
    pub(super) redirects: Option<Entry>,
    pub(super) findings: Vec<Finding>,
    /// What was read of it, and where it comes from.
    parsed: Redirects,
    source: String,
}

impl Rules {
    pub(super) fn of(site: &Site) -> Self {
        let mut rules = Self::default();
        if let Some((source, text)) = rules.read(site, HEADERS) {
            let (_, faults) = HeaderRules::parse(&text);
            rules.tell(source, faults);
        }
        let own = rules.read(site, REDIRECTS);
        let mut text = own.as_ref().map(|(_, text)| text.clone()).unwrap_or_default();
        let indexes = site.sections.values().filter_map(|section| section.index.as_ref());
        for page in site.pages.iter().chain(indexes) {
            add_aliases(&mut text, page);
        }
        let (redirects, faults) = Redirects::parse(&text);
        // Addresses of pages alone have no faults: `aliases` were checked where they were read.
        let source = own.map_or(REDIRECTS, |(source, _)| source);
        rules.tell(source, faults);
        rules.parsed = redirects;
        rules.source = source.to_owned();
        if !text.is_empty() {
            rules.redirects = Some(Entry::new(Bytes::from(text), None));
        }
        rules
    }

    /// The redirects that lead in a circle, where there are `outputs`, in the order of their paths.
    pub(super) fn circles<T>(&self, outputs: &[(TreePath, T)]) -> impl Iterator<Item = Finding> {
        let is_output = |file: String| outputs.binary_search_by(|(path, _)| path.as_str().cmp(&file)).is_ok();
        let is_there = |place: &str| file_at(place).is_some_and(is_output);
        let circles = self.parsed.circles(|place| leads_to_one(place, is_there));
        circles.into_iter().map(|fault| finding(&self.source, fault))
    }

    /// The text of the file that goes to `output`, and where it comes from.
    fn read<'a>(&mut self, site: &'a Site, output: &str) -> Option<(&'a str, String)> {
        let Asset { source, .. } = site.assets.iter().find(|asset| asset.output.as_str() == output)?;
        let read = site.files.read(source, MAX_RULES).map(String::from_utf8);
        let message = match read {
            Ok(Ok(text)) => return Some((source, text)),
            Ok(Err(_)) => "is not UTF-8; save it as UTF-8".to_owned(),
            Err(error) => error.to_string(),
        };
        self.findings.push(Finding::error(source, None, message));
        None
    }

    fn tell(&mut self, source: &str, faults: impl IntoIterator<Item = Fault>) {
        self.findings.extend(faults.into_iter().map(|fault| finding(source, fault)));
    }
}

fn finding(source: &str, Fault { line, column, message }: Fault) -> Finding {
    Finding::error(source, Some(Position { line, column }), message)
}

fn add_aliases(text: &mut String, page: &Page) {
    for alias in &page.aliases {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        // In a pattern these two mean something; writing into a String gives no error.
        let from = alias.url().replace('*', "%2A").replace(':', "%3A");
        let _ = writeln!(text, "{from} {} 301", page.permalink.url());
    }
}
