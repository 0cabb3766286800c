//! What a log may show of a request's target: never a secret, however it is written.
//!
//! A webhook's secret stands in the path or in the query. A sender that writes the path in another way is refused, but the
//! secret that it sent is the right one all the same.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// The paths of galley's own.
const OWN: &[u8] = b"_galley";
/// The one that has secrets behind it.
const HOOK: &[u8] = b"/_galley/hook/";
/// Whoever encodes a path more often than this gets nothing of it shown.
const ROUNDS: usize = 4;

/// A piece of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// As it came.
    Shown(&'a [u8]),
    /// Something in place of which `…` is written.
    Hidden,
}

/// Hands on what may be shown of a path with its query, or of the URL that a `Referer` is.
pub(super) fn shown<'a>(target: &'a [u8], mut take: impl FnMut(Piece<'a>)) {
    let (path, query) = match target.iter().position(|byte| *byte == b'?') {
        Some(at) => (&target[..at], Some(&target[at + 1..])),
        None => (target, None),
    };
    if !show_path(path, &mut take) {
        return;
    }
    let Some(query) = query else { return };
    let mut before: &[u8] = b"?";
    for parameter in query.split(|byte| *byte == b'&') {
        take(Piece::Shown(before));
        show_parameter(parameter, &mut take);
        before = b"&";
    }
}

/// Whether the path could be shown in full.
fn show_path<'a>(path: &'a [u8], take: &mut impl FnMut(Piece<'a>)) -> bool {
    let Some(decoded) = decoded(path) else {
        take(Piece::Hidden);
        return false;
    };
    let Some(at) = find(&decoded, OWN) else {
        if names_token(&decoded) {
            take(Piece::Hidden);
            return false;
        }
        take(Piece::Shown(path));
        return true;
    };
    // Nothing is behind it: the secret is in the query.
    if decoded[at..] == HOOK[1..HOOK.len() - 1] && !names_token(&decoded) {
        take(Piece::Shown(path));
        return true;
    }
    let before = &path[..path.len().min(at.saturating_sub(1))];
    // Where nothing was encoded, the places are the same in both: the host of a Referer is kept.
    if matches!(decoded, Cow::Borrowed(_)) && !names_token(before) {
        take(Piece::Shown(before));
    }
    let behind = decoded[at + OWN.len()..].trim_ascii_start();
    let behind = behind.iter().position(|byte| !matches!(byte, b'/' | b'\\' | b'.')).map_or(behind, |at| &behind[at..]);
    take(Piece::Shown(if find(behind, b"hook") == Some(0) { HOOK } else { b"/_galley/" }));
    take(Piece::Hidden);
    false
}

fn show_parameter<'a>(parameter: &'a [u8], take: &mut impl FnMut(Piece<'a>)) {
    let decoded = decoded(parameter);
    if decoded.is_some_and(|decoded| find(&decoded, OWN).is_none() && !names_token(&decoded)) {
        take(Piece::Shown(parameter));
        return;
    }
    let name = parameter.iter().position(|byte| *byte == b'=').map_or(parameter, |at| &parameter[..=at]);
    // The value is behind the first `=`; what is encoded before it may hold a second one.
    if name.ends_with(b"=") && !name.contains(&b'%') && find(name, OWN).is_none() {
        take(Piece::Shown(name));
    }
    take(Piece::Hidden);
}

/// Whether a value stands behind a name with `token` or `secret` in it.
fn names_token(text: &[u8]) -> bool {
    let has = |name| find(text, name).is_some_and(|at| text[at..].contains(&b'='));
    has(b"token") || has(b"secret")
}

/// Percent-decoded until nothing is left to decode; `None` if that takes too long.
fn decoded(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..ROUNDS {
        let next = match Cow::from(percent_decode(&text)) {
            Cow::Borrowed(_) => None,
            Cow::Owned(next) => Some(next),
        };
        match next {
            Some(next) => text = Cow::Owned(next),
            None => return Some(text),
        }
    }
    None
}

/// Where `part` begins in `text`, without regard to case.
fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(target: &str) -> String {
        let mut text = Vec::new();
        shown(target.as_bytes(), |piece| match piece {
            Piece::Shown(bytes) => text.extend_from_slice(bytes),
            Piece::Hidden => text.extend_from_slice("…".as_bytes()),
        });
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn secrets_are_hidden_and_everything_else_is_shown() {
        for (target, expected) in [
            ("/", "/"),
            ("/posts/a/?q=tokenizer&page=2", "/posts/a/?q=tokenizer&page=2"),
            ("/caf%C3%A9/?a=%26", "/caf%C3%A9/?a=%26"),
            ("*", "*"),
            ("", ""),
            ("/_galley/hook", "/_galley/hook"),
            ("/_galley/hook/s3cret", "/_galley/hook/…"),
            ("/_galley/preview/spring/s3cret/", "/_galley/…"),
            ("/_galley/hook/s3cret?x=s3cret", "/_galley/hook/…"),
            ("/_galley/hook/a/s3cret", "/_galley/hook/…"),
            ("/_galley/%68ook/s3cret", "/_galley/hook/…"),
            ("//_galley/hook/s3cret", "//_galley/hook/…"),
            ("/_galley//hook/s3cret", "/_galley/hook/…"),
            ("/_galley/./hook/s3cret", "/_galley/hook/…"),
            ("/_GALLEY/Hook/s3cret", "/_galley/hook/…"),
            ("/%5Fgalley%2fhook%2Fs3cret", "/_galley/hook/…"),
            ("/%255Fgalley%252fhook%252Fs3cret", "/_galley/hook/…"),
            ("/_galley\\hook\\s3cret", "/_galley/hook/…"),
            ("/_galley/hok/s3cret", "/_galley/…"),
            ("/_galley/s3cret", "/_galley/…"),
            ("/blog/_galley/hook/s3cret", "/blog/_galley/hook/…"),
            ("/_galley/hook?token=s3cret", "/_galley/hook?token=…"),
            ("/_galley/hook?a=1&Token=s3cret&b=2", "/_galley/hook?a=1&Token=…&b=2"),
            ("/_galley/hook?tok%65n=s3cret", "/_galley/hook?…"),
            ("/_galley/hook?token%3Ds3cret", "/_galley/hook?…"),
            ("/_galley/hook?token%3Ds3cret=1", "/_galley/hook?…"),
            ("/_galley/hook?token=s3;cret", "/_galley/hook?token=…"),
            ("/any/?access_token=s3cret", "/any/?access_token=…"),
            ("/any/?token=", "/any/?token=…"),
            ("/any/?next=%2F_galley%2Fhook%2Fs3cret", "/any/?next=…"),
            ("/any/?next=https://x/?token=s3cret", "/any/?next=…"),
            ("/any/?/_galley/hook/s3cret", "/any/?…"),
            ("/any%3Ftoken=s3cret", "…"),
            ("https://blog.example/_galley/hook/s3cret", "https://blog.example/_galley/hook/…"),
            ("https://blog.example/?token=s3cret#x", "https://blog.example/?token=…"),
            ("https://blog.example/a/?b=c", "https://blog.example/a/?b=c"),
        ] {
            assert_eq!(text(target), expected, "{target}");
        }
    }

    /// Encodes some of the bytes, `rounds` times.
    fn encode(target: &str, choices: &[bool], rounds: usize) -> String {
        let mut target = target.to_owned();
        for _ in 0..rounds {
            let coded = target.bytes().zip(choices.iter().cycle()).map(|(byte, encode)| match (encode, byte) {
                (true, _) | (_, b'%') => format!("%{byte:02X}"),
                _ => char::from(byte).to_string(),
            });
            target = coded.collect();
        }
        target
    }

    proptest! {
        #[test]
        fn no_way_of_encoding_shows_a_secret(
            before in "(/[a-z]{0,3}){0,3}",
            shape in 0..3usize,
            choices in prop::collection::vec(any::<bool>(), 1..40),
            rounds in 0..7usize,
        ) {
            let behind = ["/_galley/hook/", "/_galley/hook?token=", "/page?a=b&token="][shape];
            let secret = "S3cretS3cret";
            let target = encode(&format!("{before}{behind}{secret}"), &choices, rounds);
            let shown = text(&target);
            let decoded = decoded(shown.as_bytes()).unwrap_or_default().into_owned();
            prop_assert!(find(&decoded, b"s3cret").is_none(), "{target} became {shown}");
        }

        #[test]
        fn no_target_panics(target in "[/%_?&=a-z0-9]{0,60}") {
            text(&target);
        }
    }
}
