//! Puts the preview's script into a page as it is answered.

use bytes::Bytes;
use http::header::HeaderValue;

use crate::html::Token;
use crate::html::Tokens;

/// The page with `tag` at the end of its head; of a page without tags for that at its end, where browsers accept it as well.
pub(super) fn inject(html: &Bytes, tag: &str) -> Bytes {
    let at = head_end(html).unwrap_or(html.len());
    let mut page = Vec::with_capacity(html.len() + tag.len());
    page.extend_from_slice(&html[..at]);
    page.extend_from_slice(tag.as_bytes());
    page.extend_from_slice(&html[at..]);
    Bytes::from(page)
}

/// Where the head ends, and not what only looks like its end in a comment or a script. Tags are read up to there, so that
/// the length of a page makes no difference. What is no UTF-8 ends the looking.
fn head_end(html: &[u8]) -> Option<usize> {
    let valid = std::str::from_utf8(html).map_or_else(|error| error.valid_up_to(), str::len);
    let text = std::str::from_utf8(&html[..valid]).ok()?;
    Tokens::new(text).find_map(|token| match token {
        Token::End { name, at, .. } if name == "head" => Some(at),
        // The end tag may be left out.
        Token::Start(tag) if tag.name == "body" => Some(tag.at),
        _ => None,
    })
}

/// A content security policy that lets the preview's script run and hear, and is else what it was.
pub(super) fn allow(policy: &HeaderValue) -> Option<HeaderValue> {
    let policy = policy.to_str().ok()?;
    let mut directives: Vec<(String, Vec<&str>)> = Vec::new();
    for directive in policy.split(';') {
        let mut words = directive.split_ascii_whitespace();
        let Some(name) = words.next() else { continue };
        directives.push((name.to_ascii_lowercase(), words.collect()));
    }
    let default = directives.iter().find(|(name, _)| name == "default-src").map(|(_, sources)| sources.clone());
    for needed in ["script-src", "connect-src"] {
        let at = match directives.iter().position(|(name, _)| name == needed) {
            Some(at) => at,
            None => {
                // Without a default, everything is allowed already.
                let Some(default) = &default else { continue };
                directives.push((needed.to_owned(), default.clone()));
                directives.len() - 1
            }
        };
        let sources = &mut directives[at].1;
        sources.retain(|source| *source != "'none'");
        if !sources.contains(&"'self'") {
            sources.push("'self'");
        }
    }
    let directives: Vec<String> = directives
        .iter()
        .map(|(name, sources)| format!("{name} {}", sources.join(" ")).trim_end().to_owned())
        .collect();
    HeaderValue::try_from(directives.join("; ")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_stands_in_the_head_or_at_the_end() {
        for (page, expected) in [
            ("<HEAD><title>x</title></HEAD ><body>", "<HEAD><title>x</title>+</HEAD ><body>"),
            ("<p>x", "<p>x+"),
            ("<!-- </head> --><title></head></title></head>", "<!-- </head> --><title></head></title>+</head>"),
            ("<script>'</head>'</script></head><body>", "<script>'</head>'</script>+</head><body>"),
            ("<title>x</title><body class=a><p></head>", "<title>x</title>+<body class=a><p></head>"),
            ("", "+"),
        ] {
            assert_eq!(inject(&Bytes::from_static(page.as_bytes()), "+"), expected);
        }
        let latin1 = Bytes::from_static(b"<head><title>\xe4</title></head><p>");
        assert_eq!(inject(&latin1, "+"), &b"<head><title>\xe4</title></head><p>+"[..]);
    }

    #[test]
    fn a_policy_lets_the_script_in_and_nothing_else() {
        for (policy, expected) in [
            ("default-src 'none'; img-src *", "default-src 'none'; img-src *; script-src 'self'; connect-src 'self'"),
            (
                "script-src 'sha256-x'; connect-src 'none'; upgrade-insecure-requests",
                "script-src 'sha256-x' 'self'; connect-src 'self'; upgrade-insecure-requests",
            ),
            ("img-src 'self'", "img-src 'self'"),
            ("default-src 'self'", "default-src 'self'; script-src 'self'; connect-src 'self'"),
        ] {
            assert_eq!(allow(&HeaderValue::from_static(policy)).unwrap(), expected, "{policy}");
        }
    }
}
