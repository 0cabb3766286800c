//! Foreign bytes in a line of the log. Nothing that a client sends may end the line, a quoted string in it, or steer the
//! terminal that shows it: what comes out is printable ASCII.

/// Which escapes a format has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// nginx's: `\x22`.
    Hex,
    /// JSON's: `\"`, `\u00e9`.
    Json,
}

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// Appends `text` to `line`.
pub(super) fn escape(line: &mut Vec<u8>, text: &[u8], escapes: Escapes) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| !is_plain(*byte)) {
        line.extend_from_slice(&rest[..at]);
        rest = match escapes {
            Escapes::Hex => {
                hex(line, rest[at]);
                &rest[at + 1..]
            }
            Escapes::Json => json(line, &rest[at..]),
        };
    }
    line.extend_from_slice(rest);
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

fn hex(line: &mut Vec<u8>, byte: u8) {
    line.extend_from_slice(b"\\x");
    line.extend([byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]));
}

/// Escapes the first character and returns the rest.
fn json<'a>(line: &mut Vec<u8>, text: &'a [u8]) -> &'a [u8] {
    if let b'"' | b'\\' = text[0] {
        line.extend_from_slice(&[b'\\', text[0]]);
        return &text[1..];
    }
    // A character has four bytes at most: no more needs to be looked at.
    let start = &text[..text.len().min(4)];
    let valid = match std::str::from_utf8(start) {
        Ok(valid) => valid,
        Err(error) => std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default(),
    };
    let (character, length) = valid.chars().next().map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, c.len_utf8()));
    for unit in character.encode_utf16(&mut [0; 2]) {
        line.extend_from_slice(b"\\u");
        line.extend([12, 8, 4, 0].map(|shift| DIGITS[usize::from(*unit >> shift & 15)]));
    }
    &text[length..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(text: &[u8], escapes: Escapes) -> String {
        let mut line = Vec::new();
        escape(&mut line, text, escapes);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn foreign_bytes_are_escaped_as_the_formats_have_it() {
        for (text, hex, json) in [
            (&b"plain text/1.0"[..], "plain text/1.0", "plain text/1.0"),
            (b"a\"b\\c", "a\\x22b\\x5Cc", "a\\\"b\\\\c"),
            (b"a\r\nb\x1b[2J\x7f", "a\\x0D\\x0Ab\\x1B[2J\\x7F", "a\\u000D\\u000Ab\\u001B[2J\\u007F"),
            ("é\u{9b}😀".as_bytes(), "\\xC3\\xA9\\xC2\\x9B\\xF0\\x9F\\x98\\x80", "\\u00E9\\u009B\\uD83D\\uDE00"),
            (b"\xff\xc3", "\\xFF\\xC3", "\\uFFFD\\uFFFD"),
        ] {
            assert_eq!(escaped(text, Escapes::Hex), hex);
            assert_eq!(escaped(text, Escapes::Json), json);
        }
    }

    proptest! {
        #[test]
        fn what_comes_out_is_printable_and_ends_no_string(text in prop::collection::vec(any::<u8>(), 0..80)) {
            let hex = escaped(&text, Escapes::Hex);
            prop_assert!(hex.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"'), "{}", hex);
            let json = escaped(&text, Escapes::Json);
            prop_assert!(json.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", json);
            let back: String = serde_json::from_str(&format!("\"{json}\"")).unwrap();
            if let Ok(text) = std::str::from_utf8(&text) {
                prop_assert_eq!(back, text);
            }
        }
    }
}
