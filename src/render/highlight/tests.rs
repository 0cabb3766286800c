//! What holds for every language, and the gaps where the languages of a text meet.

mod agreement;
mod dedicated;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::*;

/// The code that HTML stands for, and a check of the HTML on the way: spans are paired, don't nest, end with their
/// line.
fn code_of(html: &str) -> String {
    let mut code = String::new();
    for line in html.split_inclusive('\n') {
        let mut open = false;
        let mut rest = line;
        while let Some(at) = rest.find('<') {
            code.push_str(&rest[..at]);
            let end = rest[at..].find('>').unwrap() + at + 1;
            let tag = &rest[at..end];
            assert_eq!(open, tag == "</span>", "{tag} in {line}");
            assert!(open || tag.starts_with("<span class=\"") && tag.len() <= 17, "{tag} in {line}");
            open = !open;
            rest = &rest[end..];
        }
        assert!(!open, "{line}");
        code.push_str(rest);
    }
    for (entity, text) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] {
        code = code.replace(entity, text);
    }
    code
}

pub(super) fn html_of(language: &str, code: &str) -> String {
    let mut html = String::new();
    highlight(language, code, &mut html);
    html
}

/// Code with marks of classes, as in `k:fn nf:main`: blanks and what has no class are left out.
pub(super) fn tokens(language: &str, code: &str) -> String {
    let html = html_of(language, code);
    assert_eq!(code_of(&html), code, "{language}");
    let spans =
        html.split("<span class=\"").skip(1).map(|span| span.split("</span>").next().unwrap().replace("\">", ":"));
    let text = spans.collect::<Vec<_>>().join(" ");
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        .into_iter()
        .fold(text, |text, (entity, plain)| text.replace(entity, plain))
}

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// Beginnings and ends of what lexers look for.
const PIECES: &[&str] = &[
    "\"",
    "'",
    "`",
    "\"\"\"",
    "'''",
    "''",
    "/*",
    "*/",
    "//",
    "#",
    "--",
    "{-",
    "-}",
    "(*",
    "*)",
    "<!--",
    "-->",
    "<",
    ">",
    "</",
    "/>",
    "<script>",
    "</script>",
    "<style>",
    "{{",
    "}}",
    "{%",
    "%}",
    "${",
    "$(",
    "#{",
    "\\(",
    "\\",
    "\n",
    "\r\n",
    "\t",
    " ",
    "  ",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<<EOF",
    "<<<A",
    "<<-'x'",
    "EOF",
    "=begin",
    "=end",
    "---",
    "```",
    "```js",
    "~~~",
    "$",
    "@",
    "%",
    "&",
    "%w(",
    "s/a/b/",
    "r#\"",
    "\"#",
    "'a",
    "'a'",
    "é",
    "日本",
    "🦀",
    "\u{0}",
    "\u{7f}",
    "a",
    "A",
    "def",
    "class",
    "fn ",
    "if",
    "0x1f",
    "1.5e-3",
    "1",
    "..",
    ".",
    ":",
    "::",
    ";",
    "=",
    "==",
    "key:",
    "key = ",
    "|",
    ">\n  x",
    "&a",
    "*b",
    "!",
    "~",
    "^",
    "?",
    "rem ",
    "$ ls\n",
    ">>> ",
    "#+begin_src org\n",
    "\\begin{verbatim}",
    "--[[",
    "]]",
    "[==[",
    "#[",
    "@media",
    "url(",
    "///",
    "|||",
    "<?php",
    "?>",
    "<%",
    "%>",
];

fn pieces(random: &mut Random, count: usize) -> String {
    (0..count).map(|_| PIECES[random.below(PIECES.len())]).collect()
}

fn names() -> impl Iterator<Item = &'static str> {
    languages().map(|names| names[0])
}

#[test]
fn languages_are_many_and_their_names_their_own() {
    assert!(languages().count() >= 200, "{}", languages().count());
    let mut known = HashSet::new();
    for name in languages().flatten() {
        assert!(known.insert(name), "{name} is the name of two languages");
        assert!(!name.contains(char::is_uppercase), "{name}");
    }
    for name in ["Rust", "JS", "c++", "yml", "Dockerfile", "sh-session", "text", "plain", ""] {
        assert!(is_known(name), "{name}");
    }
    assert!(!is_known("klingon"));
}

#[test]
fn unknown_languages_are_escaped_only() {
    assert_eq!(html_of("klingon", "a<b> & \"c\" 'd'\n"), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;\n");
    assert_eq!(html_of("text", "if x"), "if x");
}

#[test]
fn spans_end_with_their_lines() {
    assert_eq!(html_of("c", "/* a\n b */"), "<span class=\"c\">/* a</span>\n<span class=\"c\"> b */</span>");
}

#[test]
fn any_input_comes_out_whole() {
    let mut random = Random(1);
    for language in names() {
        for round in 0..20 {
            let code = pieces(&mut random, 1 + round * 3);
            assert_eq!(code_of(&html_of(language, &code)), code, "{language}: {code:?}");
        }
    }
}

#[test]
fn code_that_is_cut_or_mixed_comes_out_whole() {
    let mut random = Random(2);
    for language in names() {
        for (_, sample) in agreement::SAMPLES {
            let mut cut = random.below(sample.len());
            while !sample.is_char_boundary(cut) {
                cut -= 1;
            }
            let code = format!("{}{}{}", &sample[cut..], pieces(&mut random, 3), &sample[..cut]);
            assert_eq!(code_of(&html_of(language, &code)), code, "{language}: {code:?}");
        }
    }
}

/// Time for a text against time for one of eight times its length, with room for a busy machine: a lexer that looks
/// back or on without bounds takes sixty times as long, and seconds. Short texts take no time worth measuring.
#[test]
fn time_grows_with_length() {
    let mut random = Random(3);
    for language in names() {
        let piece = pieces(&mut random, 2);
        let seconds = |length: usize| {
            let code = piece.repeat(length / piece.len());
            let start = Instant::now();
            html_of(language, &code);
            start.elapsed()
        };
        let long = seconds(240_000);
        if long > Duration::from_millis(800) {
            let short = seconds(30_000);
            assert!(long < short * 24, "{language}: {piece:?} takes {short:?}, then {long:?}");
        }
    }
}
