//! Output without what only people read, when a site asks for it.

use minifier::{css, js};

/// Elements whose text is not running text: every blank in them counts, or is a language of its own.
const KEPT: [&str; 4] = ["pre", "textarea", "script", "style"];

/// A style sheet or script made smaller; `None` for other files, and where the text is not understood.
pub(super) fn asset(path: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let small = match path.rsplit_once('.')?.1 {
        "css" => css::minify(text).ok()?.to_string().trim().to_owned(),
        "js" => js::minify(text).ok()?.to_string(),
        _ => return None,
    };
    (small.len() < text.len()).then(|| small.into_bytes())
}

/// HTML with each run of blanks in running text as one: a line break where there was one, so that lines stay readable and
/// short, else a blank. Comments go, but for conditional ones.
pub(super) fn html(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let start = rest.find('<').unwrap_or(rest.len());
        push_collapsed(&rest[..start], &mut output);
        rest = &rest[start..];
        if rest.starts_with("<!--") && !rest.starts_with("<!--[if") {
            rest = rest.find("-->").map_or("", |end| &rest[end + 3..]);
            continue;
        }
        let end = match kept_element(rest) {
            Some(end) => end,
            None => rest.bytes().position(|byte| byte == b'>').map_or(rest.len(), |at| at + 1),
        };
        output.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    output
}

/// The end of an element whose blanks count, if one begins here.
fn kept_element(text: &str) -> Option<usize> {
    let name = KEPT.into_iter().find(|name| {
        let after = text.get(1..1 + name.len()).filter(|found| found.eq_ignore_ascii_case(name));
        after.is_some() && text[1 + name.len()..].starts_with([' ', '>', '\n', '\t'])
    })?;
    let closes =
        |at: usize| text.get(at + 2..at + 2 + name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name));
    let close = text.match_indices("</").map(|(at, _)| at).find(|at| closes(*at));
    Some(close.map_or(text.len(), |at| at + 2 + name.len()))
}

fn push_collapsed(text: &str, output: &mut String) {
    let mut blanks: Option<bool> = None;
    for c in text.chars() {
        if matches!(c, ' ' | '\n' | '\t' | '\r') {
            blanks = Some(blanks.unwrap_or(false) || c == '\n');
            continue;
        }
        flush(&mut blanks, output);
        output.push(c);
    }
    flush(&mut blanks, output);
}

fn flush(blanks: &mut Option<bool>, output: &mut String) {
    if let Some(line) = blanks.take()
        && !output.ends_with(['\n', ' '])
    {
        output.push(if line { '\n' } else { ' ' });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_shrink_but_for_code() {
        let text = "<p>a  \n\n b</p>\n\n\n<pre>  x\n\n  y</pre>  <!-- c --><i>d</i>";
        assert_eq!(html(text), "<p>a\nb</p>\n<pre>  x\n\n  y</pre> <i>d</i>");
    }

    #[test]
    fn style_sheets_shrink() {
        let css = asset("a.css", b"/* why */\nbody {\n  color: red;\n}\n").unwrap();
        assert_eq!(String::from_utf8(css).unwrap(), "body{color:red;}");
        assert_eq!(asset("a.svg", b"<svg/>"), None);
    }
}
