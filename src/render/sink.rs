//! The values that a template gets, described once and used twice: to tell by their hash whether an output has to be made
//! again, and to make it.

use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

use super::items::Items;
use super::pages::Pages;
use super::theme::{self, Value, Values, value};
use super::view::DateView;

/// Takes the values of one output.
pub(super) trait Sink {
    /// Whether a page's item is known by its hash, so that it need not be given once more.
    const KNOWS_ITEMS: bool;
    /// A value of the output's own.
    fn put<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T);
    /// The list items of pages.
    fn items(&mut self, name: &'static str, positions: &[usize]);
    /// What a page's values hold beside its item and that no other page changes, where only hashes are wanted.
    fn own(&mut self, position: usize);
    /// Links to pages, where only hashes are wanted.
    fn links(&mut self, name: &'static str, positions: &[usize]);
    /// The items by year: a list of `year` and `pages`.
    fn years(&mut self, name: &'static str, positions: &[usize]);
    /// The HTML of a page.
    fn html(&mut self, position: usize);
    /// The HTML of a section's `_index.md`.
    fn index_html(&mut self, folder: &str);
}

/// Hashes the values.
pub(super) struct HashSink<'a> {
    hasher: Xxh3,
    /// A value as JSON: hashing it as a whole takes less than hashing its many pieces.
    json: Vec<u8>,
    pages: &'a Pages<'a>,
    items: &'a Items<'a>,
}

/// Makes the values.
pub(super) struct ValueSink<'a> {
    pub(super) values: Values,
    pages: &'a Pages<'a>,
    items: &'a Items<'a>,
}

impl<'a> HashSink<'a> {
    /// `kind` tells outputs of different making apart that have the same values.
    pub(super) fn new(pages: &'a Pages<'a>, items: &'a Items<'a>, common: u128, kind: &str) -> Self {
        let mut hasher = Xxh3::new();
        hasher.update(&common.to_le_bytes());
        hasher.update(kind.as_bytes());
        Self { hasher, json: Vec::new(), pages, items }
    }

    pub(super) fn finish(self) -> u128 {
        self.hasher.digest128()
    }

    fn number(&mut self, number: u128) {
        self.hasher.update(&number.to_le_bytes());
    }
}

impl Sink for HashSink<'_> {
    const KNOWS_ITEMS: bool = true;

    fn put<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.hasher.update(name.as_bytes());
        self.json.clear();
        let written = serde_json::to_writer(&mut self.json, value);
        self.hasher.update(&self.json);
        // No value here has keys that are no texts; if one had, its output would be made anew each time.
        if written.is_err() {
            self.hasher.update(&std::process::id().to_le_bytes());
        }
    }

    fn items(&mut self, name: &'static str, positions: &[usize]) {
        self.hasher.update(name.as_bytes());
        for position in positions {
            self.number(self.items.hash(*position));
        }
    }

    fn own(&mut self, position: usize) {
        self.number(self.items.own_hash(position));
    }

    fn links(&mut self, name: &'static str, positions: &[usize]) {
        self.hasher.update(name.as_bytes());
        for position in positions {
            self.number(self.items.link_hash(*position));
        }
    }

    fn years(&mut self, name: &'static str, positions: &[usize]) {
        self.items(name, positions);
    }

    fn html(&mut self, position: usize) {
        self.number(self.pages.html_hash(position));
    }

    fn index_html(&mut self, folder: &str) {
        let (_, hash) = self.pages.index_html(folder);
        self.number(hash);
    }
}

impl<'a> ValueSink<'a> {
    pub(super) fn new(pages: &'a Pages<'a>, items: &'a Items<'a>) -> Self {
        Self { values: Vec::new(), pages, items }
    }

    fn list(&self, positions: &[usize]) -> Value {
        Value::from(positions.iter().map(|position| self.items.value(*position)).collect::<Vec<_>>())
    }
}

impl Sink for ValueSink<'_> {
    const KNOWS_ITEMS: bool = false;

    fn put<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.values.push((name, theme::value(value)));
    }

    fn items(&mut self, name: &'static str, positions: &[usize]) {
        let list = self.list(positions);
        self.values.push((name, list));
    }

    /// They stand in the page's values.
    fn own(&mut self, _position: usize) {}

    /// The same.
    fn links(&mut self, _name: &'static str, _positions: &[usize]) {}

    fn years(&mut self, name: &'static str, positions: &[usize]) {
        #[derive(Serialize)]
        struct Year {
            year: Option<i16>,
            pages: Value,
        }
        let year = |position: &usize| self.items.date(*position).map(crate::site::Date::year);
        let runs = positions.chunk_by(|a, b| year(a) == year(b));
        let years: Vec<Year> = runs.map(|run| Year { year: year(&run[0]), pages: self.list(run) }).collect();
        self.values.push((name, value(&years)));
    }

    fn html(&mut self, position: usize) {
        self.values.push(("content", value(self.pages.html(position))));
    }

    fn index_html(&mut self, folder: &str) {
        let (html, _) = self.pages.index_html(folder);
        self.values.push(("content", value(html)));
    }
}

/// A date for a template, if there is one.
pub(super) fn date(date: Option<&crate::site::Date>) -> Option<DateView> {
    date.map(DateView::of)
}
