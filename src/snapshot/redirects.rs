//! `_redirects`, as users of other hosts know it: one redirect a line, `FROM TO [STATUS]`, `#` before what is not one.
//!
//! A part of what those hosts have: no conditions, no queries in FROM, no rewriting. Rules for one path are looked at
//! before patterns, and among patterns the first that fits counts.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use http::StatusCode;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::fault::Fault;
use super::pattern::{Captures, Pattern};

/// Where redirects stand in a tree.
pub const REDIRECTS: &str = "_redirects";

/// What may not stand as it is in the path of a location.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// One line.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// The paths that it is for.
    pub from: Pattern,
    /// Where it leads, as written.
    pub to: String,
    /// The status that goes with it; 404 and 410 say that there is nothing.
    pub status: StatusCode,
    /// The line and column at which it begins, from 1.
    pub line: usize,
    /// In characters.
    pub column: usize,
}

/// All redirects of a tree.
#[derive(Debug, Default)]
pub struct Redirects {
    rules: Vec<Redirect>,
    /// Numbers of the rules for one path, by that path without slashes at its ends.
    exact: HashMap<String, usize>,
    /// Numbers of the others, in their order.
    patterns: Vec<usize>,
}

impl Redirects {
    /// Reads `text`; what is wrong in it is told, and the line left out.
    pub fn parse(text: &str) -> (Self, Vec<Fault>) {
        let (mut redirects, mut faults) = (Self::default(), Vec::new());
        for (index, text) in text.lines().enumerate() {
            let indent = text.len() - text.trim_start().len();
            let (line, column) = (index + 1, text[..indent].chars().count() + 1);
            let words: Vec<&str> = text.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
            match rule(&words, line, column) {
                Ok(Some(rule)) => redirects.add(rule),
                Ok(None) => {}
                Err(message) => faults.push(Fault { line, column, message }),
            }
        }
        (redirects, faults)
    }

    fn add(&mut self, rule: Redirect) {
        let number = self.rules.len();
        if let Some(path) = rule.from.exact() {
            // The first line for a path is the one that counts.
            self.exact.entry(key(&path).to_owned()).or_insert(number);
        } else {
            self.patterns.push(number);
        }
        self.rules.push(rule);
    }

    /// All of them, in the order of their lines.
    pub fn rules(&self) -> &[Redirect] {
        &self.rules
    }

    /// Those for one path, with the paths that they are for: with and without a slash at the end. A rule that leads to its own
    /// path in another spelling is none: slashes and endings are put right without it.
    pub(super) fn exact(&self) -> impl Iterator<Item = (String, usize)> {
        let leads_on = |key: &str, number: usize| match own_path(&self.rules[number].to) {
            Some(path) => canonical(&path) != canonical(key) || !self.rules[number].status.is_redirection(),
            None => true,
        };
        self.exact.iter().filter(move |(key, number)| leads_on(key, **number)).flat_map(|(key, number)| {
            let paths = if key.is_empty() { vec!["/".to_owned()] } else { vec![format!("/{key}"), format!("/{key}/")] };
            paths.into_iter().map(|path| (path, *number))
        })
    }

    /// The rule for a decoded path, whether or not a file is there.
    pub fn find(&self, path: &str) -> Option<usize> {
        self.find_exact(path).or_else(|| self.find_pattern(path))
    }

    /// The rule for this decoded path alone, which goes before a file.
    pub fn find_exact(&self, path: &str) -> Option<usize> {
        self.exact.get(key(path)).copied().filter(|number| !self.leads_back(*number, path))
    }

    /// The first pattern that fits a decoded path and leads elsewhere.
    pub fn find_pattern(&self, path: &str) -> Option<usize> {
        let fits = |number: &usize| self.rules[*number].from.fits(path) && !self.leads_back(*number, path);
        self.patterns.iter().copied().find(fits)
    }

    /// Whether the rule leads to the path that it would be followed from.
    fn leads_back(&self, number: usize, path: &str) -> bool {
        let target = self.location(number, path, None).and_then(|location| own_path(&location));
        target.is_some_and(|target| canonical(&target) == canonical(path))
    }

    /// Where the rule of this number sends a reader who asked for `path`, with `query`. `None` for 404 and 410.
    pub(super) fn location(&self, number: usize, path: &str, query: Option<&str>) -> Option<String> {
        let rule = &self.rules[number];
        if !rule.status.is_redirection() {
            return None;
        }
        let captures = rule.from.captures(path).unwrap_or_default();
        let mut location = filled(&rule.to, &captures);
        if let Some(query) = query.filter(|_| !rule.to.contains('?')) {
            let fragment = location.find('#').map(|at| location.split_off(at));
            location.push('?');
            location.push_str(query);
            location.push_str(fragment.as_deref().unwrap_or_default());
        }
        Some(location)
    }

    /// Lines for one path that lead in a circle or on for too long, each circle once, be there patterns in it or not. `is_there` says whether a
    /// file answers at a path, in whatever spelling: a pattern gives way to it. Patterns are followed from a path that fits them.
    pub fn circles(&self, is_there: impl Fn(&str) -> bool) -> Vec<Fault> {
        self.tell(&self.endless(is_there))
    }

    /// The same without the rules that lead in a circle, and what was wrong with them.
    pub(super) fn without_circles(mut self, is_there: impl Fn(&str) -> bool) -> (Self, Vec<Fault>) {
        let mut faults = Vec::new();
        // Another pattern may stand behind one that is left out, and lead in a circle itself.
        for round in 1.. {
            let endless = self.endless(&is_there);
            if endless.is_empty() {
                break;
            }
            faults.extend(self.tell(&endless));
            // What only leads into a circle is as good as any other rule, unless this takes too long.
            let is_last = round >= MAX_STEPS;
            let left_out: HashSet<usize> =
                endless.iter().flat_map(|way| if is_last { &way[..] } else { &way[left_out(way)] }).copied().collect();
            let rules = std::mem::take(&mut self).rules.into_iter().enumerate();
            rules.filter(|(number, _)| !left_out.contains(number)).for_each(|(_, rule)| self.add(rule));
        }
        (self, faults)
    }

    /// The ways that lead in a circle or are too long, by the numbers of their rules. Patterns alone make no circle: what fits them is
    /// sent on only where that ends.
    fn endless(&self, is_there: impl Fn(&str) -> bool) -> Vec<Vec<usize>> {
        let ways = self.rules.iter().enumerate().map(|(start, rule)| self.way(start, rule.from.sample(), &is_there));
        let is_exact = |number: &usize| self.rules[*number].from.exact().is_some();
        ways.filter_map(|way| way.err().filter(|way| circle(way).is_none_or(|circle| way[circle].iter().any(is_exact))))
            .collect()
    }

    /// Patterns that fit what they lead to, by themselves or with others: they are good for what is there, and for nothing else.
    pub fn into_themselves(&self) -> impl Iterator<Item = &Redirect> {
        let patterns = self.rules.iter().enumerate().filter(|(_, rule)| rule.from.exact().is_none());
        let turns = |start, rule: &Redirect| {
            let way = self.way(start, rule.from.sample(), |_| false);
            way.is_err_and(|way| circle(&way).is_some_and(|circle| way[circle].contains(&start)))
        };
        patterns.filter(move |(start, rule)| turns(*start, rule)).map(|(_, rule)| rule)
    }

    /// Whether a reader who follows the rule of this number from `path` gets somewhere, if only to where nothing is.
    pub(super) fn ends(&self, number: usize, path: &str, is_there: impl Fn(&str) -> bool) -> bool {
        self.way(number, path.to_owned(), is_there).is_ok()
    }

    /// The rules that a reader follows from `path` on, beginning with `start`; an error if there are more than a browser follows, or the path
    /// grows longer than one may be asked for.
    fn way(&self, start: usize, mut path: String, is_there: impl Fn(&str) -> bool) -> Result<Vec<usize>, Vec<usize>> {
        let (mut way, mut next) = (vec![start], Some(start));
        while let Some(number) = next {
            if way.len() > MAX_STEPS || path.len() > MAX_PATH {
                return Err(way);
            }
            let Some(location) = self.location(number, &path, None) else { break };
            if location.len() > MAX_PATH {
                return Err(way);
            }
            let Some(target) = own_path(&location) else { break };
            path = target;
            next = self.find(&path).filter(|found| self.rules[*found].from.exact().is_some() || !is_there(&path));
            way.extend(next);
        }
        Ok(way)
    }

    fn tell(&self, endless: &[Vec<usize>]) -> Vec<Fault> {
        let mut told = HashSet::<usize>::new();
        let mut faults = Vec::new();
        for way in endless {
            if !way.iter().any(|number| told.contains(number)) {
                told.extend(way);
                faults.push(self.fault(way));
            }
        }
        faults
    }

    fn fault(&self, way: &[usize]) -> Fault {
        // A way that is too long at its first step has no second.
        let again = left_out(way).end.min(way.len() - 1);
        let names: Vec<&str> = way[..=again].iter().map(|number| self.rules[*number].from.as_str()).collect();
        let rule = &self.rules[way[0]];
        let message = match circle(way) {
            Some(_) => format!("redirects lead in a circle: {}; let one of them lead out", names.join(" → ")),
            None if way.len() > MAX_STEPS => format!(
                "this leads on by more than {MAX_STEPS} redirects, which browsers don't follow: {} → …; let it lead to where they end",
                names.join(" → ")
            ),
            None => "this leads to an address that is too long to be asked for; shorten it".to_owned(),
        };
        Fault { line: rule.line, column: rule.column, message }
    }
}

/// Redirects in a row that a browser follows; Chromium and Firefox give up at 20.
const MAX_STEPS: usize = 10;

/// What is longer can't be asked for: it is the longest address that is answered.
const MAX_PATH: usize = 8 * 1024;

/// Where the circle lies in a way that does not end; it may also be too long without one.
fn circle(way: &[usize]) -> Option<Range<usize>> {
    let first = |at: usize| way[..at].iter().position(|number| *number == way[at]);
    (1..way.len()).find_map(|at| Some(first(at)?..at))
}

/// The rules of such a way that are left out. Without a circle it is the first step that is too many.
fn left_out(way: &[usize]) -> Range<usize> {
    circle(way).unwrap_or(0..1)
}

/// The rule that the words of a line make; nothing for a line without words.
fn rule(words: &[&str], line: usize, column: usize) -> Result<Option<Redirect>, String> {
    let (from, to, status) = match words {
        [] => return Ok(None),
        [_] => return Err("a redirect without a target; write 'FROM TO' in the line".to_owned()),
        [from, to] => (from, to, None),
        [from, to, status] => (from, to, Some(status.trim_end_matches('!'))),
        [_, _, _, more, ..] => return Err(format!("'{more}' is one word too many; write 'FROM TO STATUS'")),
    };
    if from.len() > MAX_PATH {
        return Err(format!("the path is longer than {MAX_PATH} bytes, and can't be asked for; shorten it"));
    }
    let from = Pattern::new(from).map_err(|why| format!("'{from}' {why}"))?;
    let is_own = to.starts_with('/') && !to.starts_with("//");
    if !is_own && !to.starts_with("https://") && !to.starts_with("http://") {
        return Err(format!("'{to}' is no target; write a path that begins with '/', or an absolute URL"));
    }
    if to.len() > MAX_PATH {
        return Err(format!("the target of '{}' is longer than the 8 KB that may be asked for", from.as_str()));
    }
    let status = match status {
        None => StatusCode::MOVED_PERMANENTLY,
        Some(text) => status_of(text).ok_or_else(|| {
            format!("'{text}' is no status that is known here; take 301, 302, 303, 307, 308, 404 or 410")
        })?,
    };
    Ok(Some(Redirect { from, to: (*to).to_owned(), status, line, column }))
}

fn status_of(text: &str) -> Option<StatusCode> {
    const KNOWN: [u16; 7] = [301, 302, 303, 307, 308, 404, 410];
    let code = text.parse().ok().filter(|code| KNOWN.contains(code))?;
    StatusCode::from_u16(code).ok()
}

fn key(path: &str) -> &str {
    path.trim_matches('/')
}

/// The decoded path of a target on this site.
fn own_path(to: &str) -> Option<String> {
    let path = to.split(['?', '#']).next().filter(|path| path.starts_with('/'))?;
    percent_decode_str(path).decode_utf8().ok().map(Cow::into_owned)
}

impl Redirect {
    /// With what its target begins, whatever its names stand for, decoded; `None` if that is no path of this site.
    pub fn target_begins(&self) -> Option<String> {
        own_path(self.to.split(':').next().unwrap_or_default())
    }
}

/// A path without what is put right by itself: slashes at its ends, `index.html`, `.html`.
fn canonical(path: &str) -> &str {
    let path = key(path);
    let path = path.strip_suffix("index.html").filter(|rest| rest.is_empty() || rest.ends_with('/')).unwrap_or(path);
    key(path.strip_suffix(".html").unwrap_or(path))
}

/// The target with what stood for its names, encoded: nothing of a request can end a header's line or name a host.
fn filled(to: &str, captures: &Captures<'_>) -> String {
    let mut location = String::new();
    let mut rest = to;
    // What is too long is not followed, and need not be written to its end.
    while let Some(at) = rest.find(':').filter(|_| location.len() <= MAX_PATH) {
        let (before, name) = rest.split_at(at);
        let end = name[1..].find(|c: char| !c.is_alphanumeric() && c != '_').map_or(name.len(), |end| end + 1);
        location.extend(utf8_percent_encode(before, CONTROLS));
        match captures.iter().find(|(known, _)| *known == &name[1..end]) {
            Some((_, text)) => location.extend(utf8_percent_encode(text, ENCODED)),
            None => location.extend(utf8_percent_encode(&name[..end], CONTROLS)),
        }
        rest = &name[end..];
    }
    // What an author wrote beyond ASCII is encoded as well.
    location.extend(utf8_percent_encode(rest, CONTROLS));
    if location.starts_with('/') {
        // `//` would begin a host.
        let path = location.trim_start_matches('/');
        return format!("/{path}");
    }
    location
}
