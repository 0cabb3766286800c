//! Bare URLs in text become links, as in GitHub's Markdown (GFM specification, section 6.9): `https://…`, `http://…` and
//! `www.…` behind a blank, an opening parenthesis or a sign of emphasis.

use std::ops::Range;

use pulldown_cmark::Event;

use crate::render::escape::escape_html;

const SCHEMES: [&str; 2] = ["https://", "http://"];
const WWW: &str = "www.";

/// A bare URL in a text.
#[derive(Debug, PartialEq, Eq)]
struct Autolink {
    range: Range<usize>,
    /// Whether the scheme is left out, as in `www.example.org`.
    bare: bool,
}

/// Text with its bare URLs as links.
pub(super) fn linked_text<'a>(text: &str, output: &mut Vec<Event<'a>>) {
    let mut end = 0;
    for link in find(text) {
        output.push(Event::Text(text[end..link.range.start].to_owned().into()));
        let shown = &text[link.range.clone()];
        let scheme = if link.bare { "http://" } else { "" };
        output.push(Event::InlineHtml(format!("<a href=\"{scheme}{0}\">{0}</a>", escape_html(shown)).into()));
        end = link.range.end;
    }
    output.push(Event::Text(text[end..].to_owned().into()));
}

/// The bare URLs of a text, in order.
fn find(text: &str) -> Vec<Autolink> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some((start, length)) = next_start(text, from) {
        let begins = text[..start].chars().next_back().is_none_or(|c| c.is_whitespace() || "*_~(\"'“‘".contains(c));
        let end = start + url_length(&text[start..]);
        let bare = length == WWW.len();
        let domain = &text[start + if bare { 0 } else { length }..end];
        if begins && is_domain(domain) {
            found.push(Autolink { range: start..end, bare });
            from = end;
        } else {
            from = start + length;
        }
    }
    found
}

/// Where the next scheme or `www.` stands, and how long it is.
fn next_start(text: &str, from: usize) -> Option<(usize, usize)> {
    let starts = SCHEMES.iter().chain([&WWW]).filter_map(|start| Some((from + text[from..].find(start)?, start.len())));
    starts.min()
}

/// At least one dot, and in its last two parts no underscore. `localhost` and other single names are places too, if a
/// scheme stands before them, but hardly ones to link to.
fn is_domain(url: &str) -> bool {
    let domain = &url[..url.find(['/', '?', '#', ':']).unwrap_or(url.len())];
    let parts: Vec<&str> = domain.split('.').collect();
    let sound = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    parts.len() > 1 && parts.iter().all(sound) && !parts.iter().rev().take(2).any(|part| part.contains('_'))
}

/// Up to a blank or `<`, without the signs that end a sentence, and without a parenthesis that was opened before it.
fn url_length(text: &str) -> usize {
    let mut url = &text[..text.find(|c: char| c.is_whitespace() || c == '<').unwrap_or(text.len())];
    let (opened, mut closed) = (url.matches('(').count(), url.matches(')').count());
    loop {
        let shorter = match url.chars().next_back() {
            Some(')') if closed > opened => {
                closed -= 1;
                &url[..url.len() - 1]
            }
            Some(c @ ('?' | '!' | '.' | ',' | ':' | '*' | '_' | '~' | '"' | '\'' | ';' | '”' | '’' | ']')) => {
                &url[..url.len() - c.len_utf8()]
            }
            _ => return url.len(),
        };
        url = shorter;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn urls(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|link| &text[link.range]).collect()
    }

    #[test]
    fn a_url_ends_where_a_reader_ends_it() {
        for (text, expected) in [
            ("see https://a.example/x?y=1.", "https://a.example/x?y=1"),
            ("(www.a.example/x_(y))", "www.a.example/x_(y)"),
            ("http://a.example/b_c_d and", "http://a.example/b_c_d"),
            ("\"https://a.example/\"", "https://a.example/"),
            ("**https://a.example**", "https://a.example"),
        ] {
            assert_eq!(urls(text), [expected], "{text}");
        }
        for text in ["xhttps://a.example", "https://", "www.", "http://localhost:80", "https://a_b.c_d/", "www..a"] {
            assert!(urls(text).is_empty(), "{text}");
        }
        assert_eq!(urls("www.a.b https://c.d"), ["www.a.b", "https://c.d"]);
    }

    proptest! {
        #[test]
        fn ranges_are_in_order_and_on_characters(text in "(https?://|www\\.|[a-zä.()_ ]|\\*){0,30}") {
            let mut end = 0;
            for link in find(&text) {
                prop_assert!(link.range.start >= end && text.get(link.range.clone()).is_some());
                end = link.range.end;
            }
        }
    }
}
