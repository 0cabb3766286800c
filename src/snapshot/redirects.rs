//! `_redirects`, as users of other hosts know it: one redirect a line, `FROM TO [STATUS]`, `#` before what is not one.
//!
//! A part of what those hosts have: no conditions, no queries in FROM, no rewriting. Rules for one path are looked at
//! before patterns, and among patterns the first that fits counts.

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
        let exact = self.exact.get(key(path)).copied().filter(|number| !self.leads_back(*number, path));
        exact.or_else(|| self.find_pattern(path))
    }

    /// The first pattern that fits a decoded path and leads elsewhere.
    pub(super) fn find_pattern(&self, path: &str) -> Option<usize> {
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

    /// Rules that lead in a circle, or ever further, each circle once. `is_there` says whether a file answers at a path: a
    /// pattern gives way to it. Patterns are followed from a path that fits them.
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
                endless.iter().flat_map(|way| if is_last { &way[..] } else { &way[circle(way)] }).copied().collect();
            let rules = std::mem::take(&mut self).rules.into_iter().enumerate();
            rules.filter(|(number, _)| !left_out.contains(number)).for_each(|(_, rule)| self.add(rule));
        }
        (self, faults)
    }

    /// The ways that do not end within the steps that a browser goes, by the numbers of their rules.
    fn endless(&self, is_there: impl Fn(&str) -> bool) -> Vec<Vec<usize>> {
        let mut endless = Vec::new();
        for (start, rule) in self.rules.iter().enumerate() {
            let (mut path, mut way) = (rule.from.sample(), vec![start]);
            let mut next = Some(start);
            while let Some(number) = next.filter(|_| way.len() <= MAX_STEPS) {
                let Some(target) = self.location(number, &path, None).and_then(|location| own_path(&location)) else {
                    break;
                };
                path = target;
                next = self.find(&path).filter(|found| self.rules[*found].from.exact().is_some() || !is_there(&path));
                way.extend(next);
            }
            if way.len() > MAX_STEPS {
                endless.push(way);
            }
        }
        endless
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
        let again = circle(way).end;
        let names: Vec<&str> = way[..=again].iter().map(|number| self.rules[*number].from.as_str()).collect();
        let rule = &self.rules[way[0]];
        let message = format!("redirects lead in a circle: {}; let one of them lead out", names.join(" → "));
        Fault { line: rule.line, column: rule.column, message }
    }
}

/// Redirects in a row that a browser follows; Chromium and Firefox give up at 20.
const MAX_STEPS: usize = 10;

/// Where the circle lies in a way that does not end. A way may also be too long without one: then it is its first step that is
/// too many.
fn circle(way: &[usize]) -> Range<usize> {
    let first = |at: usize| way[..at].iter().position(|number| *number == way[at]);
    let circle = (1..way.len()).find_map(|at| Some(first(at)?..at));
    circle.unwrap_or(0..1)
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
    let from = Pattern::new(from).map_err(|why| format!("'{from}' {why}"))?;
    let is_own = to.starts_with('/') && !to.starts_with("//");
    if !is_own && !to.starts_with("https://") && !to.starts_with("http://") {
        return Err(format!("'{to}' is no target; write a path that begins with '/', or an absolute URL"));
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
    while let Some(at) = rest.find(':') {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redirects(text: &str) -> Redirects {
        let (redirects, faults) = Redirects::parse(text);
        assert!(faults.is_empty(), "{faults:?}");
        redirects
    }

    fn location(text: &str, path: &str, query: Option<&str>) -> Option<String> {
        let redirects = redirects(text);
        redirects.location(redirects.find(path)?, path, query)
    }

    #[test]
    fn a_path_leads_where_its_line_says() {
        let text = "# old\n/a /b/\n/x/* /y/:splat 302\n/:year/:name /posts/:name/?y=:year # by name\n/z https://else.example/#top\n/gone / 410\n/%C3%BC /ä/\n/c /c/\n/v/:w/:wx /:w/:wx/v";
        for (path, query, expected) in [
            ("/a", None, Some("/b/")),
            ("/a/", Some("q=1"), Some("/b/?q=1")),
            ("/x/1/2", None, Some("/y/1/2")),
            ("/x//evil.example", None, Some("/y//evil.example")),
            ("/x/ü\r\nset-cookie: a", None, Some("/y/%C3%BC%0D%0Aset-cookie:%20a")),
            ("/2024/n", Some("q"), Some("/posts/n/?y=2024")),
            ("/ü", None, Some("/%C3%A4/")),
            ("/z", Some("q"), Some("https://else.example/?q#top")),
            ("/gone", None, None),
            ("/none/of/them", None, None),
            // Its own path, which is put right without a rule.
            ("/c", None, None),
            ("/c/", None, None),
            ("/posts/n/", None, None),
            ("/v/evil/:w", None, Some("/evil/:w/v")),
        ] {
            assert_eq!(location(text, path, query).as_deref(), expected, "{path}");
        }
        assert_eq!(location("/d /d/index.html", "/d/index.html", None), None);
        assert_eq!(redirects("/a /b\n/a /c\n").find("/a"), Some(0));
        assert_eq!(redirects("/* /:splat").location(0, "//evil.example", None).as_deref(), Some("/evil.example"));
    }

    #[test]
    fn each_fault_has_its_place_and_remedy() {
        for (text, expected) in [
            ("\n  /a", "2:3: a redirect without a target; write 'FROM TO' in the line"),
            ("/a /b 200", "1:1: '200' is no status that is known here; take 301"),
            ("/a /b 301 Country=de", "1:1: 'Country=de' is one word too many"),
            ("a /b", "1:1: 'a' must be a path that begins with '/'"),
            ("/a b", "1:1: 'b' is no target; write a path that begins with '/'"),
            ("/a //b", "1:1: '//b' is no target"),
            ("/a javascript:x", "1:1: 'javascript:x' is no target"),
            ("/*/* /b", "1:1: '/*/*' has something behind its '*'"),
        ] {
            let (redirects, faults) = Redirects::parse(text);
            assert!(redirects.rules().is_empty());
            assert!(faults.len() == 1 && faults[0].to_string().starts_with(expected), "{text}: {faults:?}");
        }
    }

    #[test]
    fn circles_are_told_once() {
        let told = |text: &str| {
            let circles = redirects(text).circles(|path| path == "/there/");
            circles.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let expected = "1:1: redirects lead in a circle: /x → /y → /x; let one of them lead out";
        assert_eq!(told("/x /y\n/y /x/\n/z /x"), [expected]);
        for text in [
            "/* /new/:splat",
            "/blog/* /blog/new/:splat",
            "/:a/* /:a/x/:splat",
            "/a/* /b/:splat\n/b/* /a/:splat",
            "/q/* /q/?a=:splat\n/q /q/x",
        ] {
            assert_eq!(told(text).len(), 1, "{text}");
        }
        for text in
            ["/* /there/", "/a /b", "/c /c/", "/about/ /about", "/page.html /page", "/:y/:n/ /posts/:n/", "/q /q?y=1"]
        {
            assert_eq!(told(text), [] as [&str; 0], "{text}");
        }
    }

    #[test]
    fn what_leads_in_a_circle_is_left_out() {
        for (text, kept) in [
            ("/x /y\n/y /x/\n/z /x\n/a /b", &["/z", "/a"][..]),
            ("/blog/* /blog/new/:splat\n/a /b", &["/a"]),
            ("/a/* /b/:splat\n/b/* /a/:splat\n/c /a/", &["/c"]),
            // The second one has come into effect by then.
            ("/d/* /d/x/:splat\n/:e/* /d/y/:splat", &[]),
            ("/a /b\n/b /c", &["/a", "/b"]),
            // Twelve steps, and no circle.
            (
                "/1 /2\n/2 /3\n/3 /4\n/4 /5\n/5 /6\n/6 /7\n/7 /8\n/8 /9\n/9 /A\n/A /B\n/B /C\n/C /",
                &["/3", "/4", "/5", "/6", "/7", "/8", "/9", "/A", "/B", "/C"],
            ),
        ] {
            let (found, faults) = redirects(text).without_circles(|_| false);
            let names: Vec<_> = found.rules().iter().map(|rule| rule.from.as_str()).collect();
            assert_eq!(names, kept, "{text}");
            assert!(
                found.circles(|_| false).is_empty() && faults.is_empty() == text.starts_with("/a /b\n"),
                "{faults:?}"
            );
        }
        // Very many that come into effect one after the other.
        let many: String = (0..300).map(|number| format!("/:a{number}/* /b/x/:splat\n")).collect();
        assert!(redirects(&many).without_circles(|_| false).0.circles(|_| false).is_empty());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[/:*a-c# \\nä=%!0-9]{0,120}", path in "/[/a-c]{0,20}") {
            let (redirects, _) = Redirects::parse(&text);
            let (redirects, _) = redirects.without_circles(|_| false);
            if let Some(number) = redirects.find(&path) {
                let location = redirects.location(number, &path, Some("q"));
                prop_assert!(location.is_none_or(|location| !location.starts_with("//")));
            }
        }
    }
}
