//! Colours for code in posts.
//!
//! No regular expressions and no grammar files: a language is a row of a table, for one engine, or a function where a
//! row can't say it. Either way a lexer goes over the text once and forwards, so that time grows with length and
//! nothing else. It never fails: code in posts is often a fragment, or wrong on purpose. Token kinds follow Pygments, a
//! yardstick rather than a truth, and have its short names as classes, so that style sheets made for Pygments, Rouge
//! and Chroma apply.
//!
//! Tables of words are made when a language is first asked for and kept. Nothing else is kept between two calls.

mod class;
mod cursor;
mod engine;
mod lexers;
mod painter;
mod row;
mod rows;
#[cfg(test)]
mod tests;
mod words;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use lexers::{LEXERS, Lex};
use painter::Painter;
use row::{Language, Row};
use rows::ROWS;

/// Whether a language has colours, or is known to want none, as `text`. Names are those that follow fences, in any
/// case.
pub(super) fn is_known(language: &str) -> bool {
    find(language).is_some()
}

/// Appends code as HTML: escaped, with `<span class="k">…</span>` around what has a class. Spans don't nest, and none
/// goes over a line's end, so that callers can cut the HTML into lines. Code of an unknown language is only escaped.
pub(super) fn highlight(language: &str, code: &str, html: &mut String) {
    let mut painter = Painter::new(code, html);
    lex_as(language, &mut painter, 0..code.len());
    painter.finish();
}

/// All languages, each with its names: the usual one, then the others, in lower case. The empty name is one of `text`.
pub(super) fn languages() -> impl Iterator<Item = &'static [&'static str]> {
    let dedicated = LEXERS.iter().map(|(names, _)| *names);
    dedicated.chain(ROWS.iter().copied().flatten().map(|row| row.names))
}

/// How a language is lexed.
enum Grammar {
    Dedicated(Lex),
    /// The table of words is made at first use: sites have few of the languages.
    Row(&'static Row, OnceLock<Box<Language>>),
}

struct Catalogue {
    grammars: Vec<Grammar>,
    /// Where in `grammars` a name leads.
    names: HashMap<&'static str, usize>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let mut grammars: Vec<Grammar> = LEXERS.iter().map(|&(_, lex)| Grammar::Dedicated(lex)).collect();
    grammars.extend(ROWS.iter().copied().flatten().map(|row| Grammar::Row(row, OnceLock::new())));
    let named = |(index, names): (usize, &'static [&'static str])| names.iter().map(move |&name| (name, index));
    Catalogue { grammars, names: languages().enumerate().flat_map(named).collect() }
});

fn find(language: &str) -> Option<&'static Grammar> {
    let catalogue = &*CATALOGUE;
    let index = match catalogue.names.get(language) {
        Some(index) => *index,
        None => *catalogue.names.get(language.to_ascii_lowercase().as_str())?,
    };
    catalogue.grammars.get(index)
}

/// Languages in languages (scripts in pages in Markdown, say) deeper than this have no colours: each goes over the text
/// once more.
const DEEPEST: usize = 4;

/// Lexes a range in a language, also for languages that embed others. Does nothing if the language is unknown.
fn lex_as(language: &str, out: &mut Painter<'_, '_>, range: Range<usize>) {
    if out.depth == DEEPEST {
        return;
    }
    out.depth += 1;
    match find(language) {
        Some(Grammar::Dedicated(lex)) => lex(out, range),
        Some(Grammar::Row(row, ready)) => engine::lex(ready.get_or_init(|| Box::new(Language::new(row))), out, range),
        None => {}
    }
    out.depth -= 1;
}
