//! Requests of the common kind: whatever is not surely one is left to hyper.

use std::mem::MaybeUninit;

use http::header::{self, HeaderName};

use super::super::alternative::may_name_preview;
use super::super::request::is_of_host;

/// Header lines that browsers send are half as many.
const MAX_LINES: usize = 32;

/// A GET or HEAD of HTTP/1.1 for a path, without a body, on a connection that goes on, with nothing in it that only few
/// requests have.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plain<'a> {
    pub(super) is_head: bool,
    /// Path and query.
    pub(super) target: &'a str,
    pub(super) accept_encoding: Option<&'a str>,
    pub(super) if_none_match: Option<&'a [u8]>,
    pub(super) referer: Option<&'a [u8]>,
    pub(super) user_agent: Option<&'a [u8]>,
    /// Bytes of the head: the next request begins behind them.
    pub(super) length: usize,
    has_host: bool,
    /// Whether there is an If-Modified-Since.
    is_dated: bool,
}

impl<'a> Plain<'a> {
    /// Reads a head that lies in `bytes` whole; `None` if it is of another kind, or not whole, or no head at all.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut lines = [const { MaybeUninit::uninit() }; MAX_LINES];
        let mut head = httparse::Request::new(&mut []);
        let httparse::Status::Complete(length) = head.parse_with_uninit_headers(bytes, &mut lines).ok()? else {
            return None;
        };
        let is_head = match head.method? {
            "GET" => false,
            "HEAD" => true,
            _ => return None,
        };
        let target = head.path.filter(|target| target.starts_with('/') && target.bytes().all(is_of_target))?;
        if head.version != Some(1) {
            return None;
        }
        let mut plain = Self { is_head, target, length, ..Self::default() };
        if !head.headers.iter().all(|line| plain.take(line)) {
            return None;
        }
        // Beside a tag the date does not count (RFC 9110 section 13.1.3).
        let counts = plain.is_dated && plain.if_none_match.is_none();
        (plain.has_host && !counts).then_some(plain)
    }

    /// Takes one line of the head; whether it is one that common requests have.
    fn take(&mut self, line: &httparse::Header<'a>) -> bool {
        let is = |name: HeaderName| line.name.eq_ignore_ascii_case(name.as_str());
        let value = line.value;
        // By length first: most lines are of no interest, and none takes more than two comparisons.
        match line.name.len() {
            2 => !is(header::TE),
            4 if is(header::HOST) => {
                !std::mem::replace(&mut self.has_host, true) && value.iter().all(|byte| is_of_host(*byte))
            }
            5 => !is(header::RANGE),
            6 if is(header::COOKIE) => !may_name_preview(value),
            6 => !is(header::EXPECT),
            7 if is(header::REFERER) => self.referer.replace(value).is_none(),
            7 => !is(header::UPGRADE) && !is(header::TRAILER),
            8 => !is(header::IF_MATCH) && !is(header::IF_RANGE),
            10 if is(header::CONNECTION) => value.eq_ignore_ascii_case(b"keep-alive"),
            10 if is(header::USER_AGENT) => self.user_agent.replace(value).is_none(),
            13 if is(header::IF_NONE_MATCH) => self.if_none_match.replace(value).is_none(),
            14 => !is(header::CONTENT_LENGTH),
            15 if is(header::ACCEPT_ENCODING) => {
                let text = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(is_visible));
                text.is_some_and(|text| self.accept_encoding.replace(text).is_none())
            }
            17 if is(header::IF_MODIFIED_SINCE) => {
                self.is_dated = true;
                true
            }
            17 => !is(header::TRANSFER_ENCODING),
            19 => !is(header::IF_UNMODIFIED_SINCE),
            _ => true,
        }
    }

    /// The path, as it came.
    pub(super) fn path(&self) -> &'a str {
        self.target.split_once('?').map_or(self.target, |(path, _)| path)
    }
}

/// RFC 3986 section 3.3 and 3.4: what path and query may have. Browsers send more in queries; such are left to hyper.
fn is_of_target(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@?".contains(&byte)
}

fn is_visible(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &[&str]) -> Option<(bool, String)> {
        let text = format!("{}\r\n\r\n", lines.join("\r\n"));
        let plain = Plain::parse(text.as_bytes())?;
        assert_eq!(plain.length, text.len());
        Some((plain.is_head, plain.path().to_owned()))
    }

    #[test]
    fn common_requests_are_read() {
        let get = "GET /a/?b=c HTTP/1.1";
        for lines in [
            &[get, "host: a"][..],
            &[get, "Host: a:80", "Connection: keep-alive", "Accept-Encoding: gzip, br", "User-Agent: x", "Referer: y"],
            &[get, "host: a", "if-none-match: \"x\"", "if-modified-since: Thu, 02 Jan 2025 00:00:00 GMT"],
            &[get, "host: a", "cookie: a", "cookie: b", "te2: x", "x-range: y"],
        ] {
            assert_eq!(parse(lines), Some((false, "/a/".to_owned())), "{lines:?}");
        }
        assert_eq!(parse(&["HEAD / HTTP/1.1", "host: a"]), Some((true, "/".to_owned())));
    }

    #[test]
    fn all_else_is_left() {
        for first in [
            "GET / HTTP/1.0",
            "POST / HTTP/1.1",
            "GET http://a/ HTTP/1.1",
            "GET /\u{fc} HTTP/1.1",
            "GET /#a HTTP/1.1",
            "OPTIONS * HTTP/1.1",
            "CONNECT a:80 HTTP/1.1",
            "GET /",
        ] {
            assert_eq!(parse(&[first, "host: a"]), None, "{first}");
        }
        for more in [
            "host: b",
            "te: trailers",
            "Range: bytes=0-1",
            "expect: 100-continue",
            "upgrade: h2c",
            "trailer: x",
            "if-match: *",
            "if-range: x",
            "connection: close",
            "connection: keep-alive, upgrade",
            "content-length: 0",
            "transfer-encoding: chunked",
            "if-modified-since: Thu, 02 Jan 2025 00:00:00 GMT",
            "if-unmodified-since: Thu, 02 Jan 2025 00:00:00 GMT",
            "accept-encoding: \u{fc}",
            "cookie: a=b; galley-preview=x",
            "a b: c",
        ] {
            assert_eq!(parse(&["GET / HTTP/1.1", "host: a", more]), None, "{more}");
        }
        for twice in ["accept-encoding: gzip", "if-none-match: *", "referer: a", "user-agent: a"] {
            assert_eq!(parse(&["GET / HTTP/1.1", "host: a", twice, twice]), None, "{twice}");
        }
        assert_eq!(parse(&["GET / HTTP/1.1"]), None);
        assert_eq!(parse(&["GET / HTTP/1.1", "host: a/b"]), None);
        let many: Vec<_> =
            std::iter::once("GET / HTTP/1.1").chain(std::iter::repeat_n("host: a", MAX_LINES + 1)).collect();
        assert_eq!(parse(&many), None);
        for part in ["", "G", "GET / HTTP/1.1\r\nhost: a\r\n", "\u{16}\u{3}"] {
            assert_eq!(Plain::parse(part.as_bytes()), None, "{part:?}");
        }
    }
}
