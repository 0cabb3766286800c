//! HTML for readers elsewhere: rooted links get the base URL before them, links to places in the page the page's.

/// Attributes that hold one URL.
const URLS: [&str; 4] = ["href", "src", "poster", "data"];

/// A rooted URL with `base` before it; any other as it is.
pub(super) fn url(base: &str, url: &str) -> String {
    if url.starts_with('/') && !url.starts_with("//") { format!("{base}{url}") } else { url.to_owned() }
}

/// Makes the links in `html` absolute and leaves out the headings' links to themselves. `page` is the page's own URL.
pub(super) fn html(base: &str, page: &str, html: &str) -> String {
    let mut output = String::with_capacity(html.len() + html.len() / 8);
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        output.push_str(&rest[..start]);
        rest = &rest[start..];
        if let Some(after) = anchor_end(rest) {
            rest = after;
            output.truncate(output.trim_end_matches(' ').len());
            continue;
        }
        let end = tag_end(rest);
        let whole = &rest[..end];
        // Most tags of a post with code in it, and none of them has a link.
        let plain = whole.starts_with("</") || whole.starts_with("<span class=") && whole.matches('=').count() == 1;
        if plain {
            output.push_str(whole);
        } else {
            tag(base, page, whole, &mut output);
        }
        rest = &rest[end..];
    }
    output.push_str(rest);
    output
}

/// What follows a heading's link to itself, if one begins here.
fn anchor_end(rest: &str) -> Option<&str> {
    let inner = rest.strip_prefix("<a class=\"anchor\" ")?;
    inner.find("</a>").map(|end| &inner[end + 4..])
}

/// The end of a tag, past `>` in quotes. A comment's end is found as well enough: nothing in it has an effect.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if byte == open => quote = None,
            // A lone `<` in text opens nothing: another one ends the look-out.
            (None, b'<') => return at,
            _ => {}
        }
    }
    text.len()
}

/// Copies a tag with its URLs made absolute.
fn tag(base: &str, page: &str, tag: &str, output: &mut String) {
    let mut rest = tag;
    while let Some((before, name, value, after)) = next_attribute(rest) {
        output.push_str(before);
        if name.eq_ignore_ascii_case("srcset") {
            let sources = value.split(',').map(|source| {
                let trimmed = source.trim_start();
                format!("{}{}", &source[..source.len() - trimmed.len()], url(base, trimmed))
            });
            output.push_str(&sources.collect::<Vec<_>>().join(","));
        } else if URLS.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            if value.starts_with('#') {
                output.push_str(base);
                output.push_str(page);
            }
            output.push_str(&url(base, value));
        } else {
            output.push_str(value);
        }
        rest = after;
    }
    output.push_str(rest);
}

/// The next `name="value"`: what stands before the value, the name, the value, and the rest from the closing quote on.
fn next_attribute(tag: &str) -> Option<(&str, &str, &str, &str)> {
    let equals = tag.find('=')?;
    let name_start = tag[..equals].rfind([' ', '\n', '\t', '"', '\'', '<']).map_or(0, |at| at + 1);
    let after = &tag[equals + 1..];
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote else {
        return Some((&tag[..equals + 1], "", "", after));
    };
    let value = &after[1..];
    let end = value.find(quote)?;
    Some((&tag[..equals + 2], &tag[name_start..equals], &value[..end], &value[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_get_the_base_and_text_does_not() {
        let page = |text| html("https://b.example", "/p/", text);
        assert_eq!(
            page("<a href=\"/x/\">/x/ href=\"/y/\"</a>"),
            "<a href=\"https://b.example/x/\">/x/ href=\"/y/\"</a>"
        );
        assert_eq!(page("<a href='#n'>1</a>"), "<a href='https://b.example/p/#n'>1</a>");
        assert_eq!(
            page("<img srcset=\"/a 1w, /b 2w\">"),
            "<img srcset=\"https://b.example/a 1w, https://b.example/b 2w\">"
        );
        assert_eq!(page("<a href=\"//x/\" title=\"/t\">"), "<a href=\"//x/\" title=\"/t\">");
        assert_eq!(page("1 < 2 <b>"), "1 < 2 <b>");
    }

    #[test]
    fn links_of_headings_to_themselves_are_left_out() {
        let heading = "<h2 id=\"a\">A <a class=\"anchor\" href=\"#a\" aria-label=\"x\">#</a></h2>";
        assert_eq!(html("", "/p/", heading), "<h2 id=\"a\">A</h2>");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[<>\"'=a#/ ä]{0,60}") {
            html("https://b", "/p/", &text);
        }
    }
}
