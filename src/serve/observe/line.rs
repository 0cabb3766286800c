//! One line of the access log.

use std::io::Write;
use std::net::IpAddr;
use std::time::SystemTime;

use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Version};
use jiff::Timestamp;

use super::counts::End;
use super::escape::{Escapes, escape};
use super::secrets::{Piece, shown};

/// How lines of the access log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// The combined format of Apache and nginx.
    Combined,
    /// One JSON object a line.
    Json,
}

/// The longest piece of a line that a client brings: one line may not fill the buffer of all.
const LONGEST: usize = 4096;

/// What is written in place of a secret, and behind what was too long.
const HIDDEN: &str = "…";

/// What a line says of its request.
pub(in crate::serve) struct Logged<'a> {
    pub(in crate::serve) method: &'a str,
    /// Path and query; of a CONNECT the host and port, which are all that it has.
    pub(in crate::serve) target: &'a str,
    pub(in crate::serve) version: Version,
    pub(in crate::serve) referer: Option<&'a [u8]>,
    pub(in crate::serve) user_agent: Option<&'a [u8]>,
}

impl<'a> Logged<'a> {
    pub(super) fn of<B>(request: &'a Request<B>) -> Self {
        let uri = request.uri();
        let field = |name: HeaderName| request.headers().get(name).map(HeaderValue::as_bytes);
        Self {
            method: request.method().as_str(),
            target: match (uri.path_and_query(), uri.authority()) {
                (None, Some(authority)) if *request.method() == Method::CONNECT => authority.as_str(),
                (target, _) => target.map_or("", |target| target.as_str()),
            },
            version: request.version(),
            referer: field(header::REFERER),
            user_agent: field(header::USER_AGENT),
        }
    }
}

/// A line, from the beginning of its request. What the request says is written at once, since the request is gone when
/// the answer ends; what the answer says comes between the two parts.
#[derive(Debug)]
pub(super) struct Line {
    text: Vec<u8>,
    /// Where the second part begins.
    middle: usize,
    format: LogFormat,
}

impl Line {
    /// Begins a line in `text`, which is used again.
    pub(super) fn begin(
        mut text: Vec<u8>,
        format: LogFormat,
        request: &Logged<'_>,
        client: Option<IpAddr>,
        time: SystemTime,
    ) -> Self {
        text.clear();
        let middle = match format {
            LogFormat::Combined => combined(&mut text, request, client, time),
            LogFormat::Json => json(&mut text, request, client, time),
        };
        Self { text, middle, format }
    }

    /// Appends the whole line to `lines`.
    pub(super) fn end(&self, end: &End, lines: &mut Vec<u8>) {
        let (first, second) = self.text.split_at(self.middle);
        lines.extend_from_slice(first);
        match self.format {
            LogFormat::Combined => {
                match end.status {
                    Some(status) => append(lines, format_args!("{status} {}", end.bytes)),
                    None => append(lines, format_args!("- {}", end.bytes)),
                };
            }
            LogFormat::Json => {
                match end.status {
                    Some(status) => append(lines, format_args!("{status}")),
                    None => append(lines, format_args!("null")),
                }
                let (bytes, seconds, coding) = (end.bytes, end.took.as_secs_f64(), end.coding.name());
                append(
                    lines,
                    format_args!(
                        r#","bytes":{bytes},"seconds":{seconds:.6},"coding":"{coding}","cut":{cut}"#,
                        cut = end.cut
                    ),
                );
            }
        }
        lines.extend_from_slice(second);
    }

    /// How long the whole line is at most.
    pub(super) fn length(&self) -> usize {
        /// Of what the answer says.
        const ANSWER: usize = 128;
        self.text.len() + ANSWER
    }

    /// The buffer, for the next line.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.text
    }
}

/// `127.0.0.1 - - [02/Jan/2025:00:00:00 +0000] "GET / HTTP/1.1" ` and ` "referer" "user agent"`.
fn combined(text: &mut Vec<u8>, request: &Logged<'_>, client: Option<IpAddr>, time: SystemTime) -> usize {
    match client {
        Some(client) => append(text, format_args!("{}", client.to_canonical())),
        None => text.push(b'-'),
    }
    append(text, format_args!(" - - [{}] \"", timestamp(time).strftime("%d/%b/%Y:%H:%M:%S +0000")));
    escape(text, request.method.as_bytes(), Escapes::Hex);
    text.push(b' ');
    without_secrets(text, request.target.as_bytes(), Escapes::Hex);
    append(text, format_args!(" {}\" ", protocol(request.version)));
    let middle = text.len();
    // A `Referer` may be the address of a hook.
    text.extend_from_slice(b" \"");
    match request.referer {
        Some(referer) => without_secrets(text, referer, Escapes::Hex),
        None => text.push(b'-'),
    }
    text.extend_from_slice(b"\" \"");
    match request.user_agent {
        Some(agent) => bounded(text, agent, &mut Some(LONGEST), Escapes::Hex),
        None => text.push(b'-'),
    }
    text.push(b'"');
    text.push(b'\n');
    middle
}

fn json(text: &mut Vec<u8>, request: &Logged<'_>, client: Option<IpAddr>, time: SystemTime) -> usize {
    append(text, format_args!(r#"{{"time":"{:.3}","client":"#, timestamp(time)));
    match client {
        Some(client) => append(text, format_args!("\"{}\"", client.to_canonical())),
        None => text.extend_from_slice(b"null"),
    }
    text.extend_from_slice(br#","method":""#);
    escape(text, request.method.as_bytes(), Escapes::Json);
    text.extend_from_slice(br#"","path":""#);
    without_secrets(text, request.target.as_bytes(), Escapes::Json);
    append(text, format_args!(r#"","protocol":"{}","status":"#, protocol(request.version)));
    let middle = text.len();
    text.extend_from_slice(br#","referer":"#);
    // A `Referer` may be the address of a hook.
    or_null(text, request.referer, |text, referer| without_secrets(text, referer, Escapes::Json));
    text.extend_from_slice(br#","user_agent":"#);
    or_null(text, request.user_agent, |text, agent| bounded(text, agent, &mut Some(LONGEST), Escapes::Json));
    text.extend_from_slice(b"}\n");
    middle
}

fn append(text: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    // Writing to a Vec gives no error.
    let _ = text.write_fmt(arguments);
}

/// A clock beyond the year 9999 shows the beginning of time.
fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

fn or_null(text: &mut Vec<u8>, value: Option<&[u8]>, write: impl FnOnce(&mut Vec<u8>, &[u8])) {
    let Some(value) = value else { return text.extend_from_slice(b"null") };
    text.push(b'"');
    write(text, value);
    text.push(b'"');
}

fn without_secrets(text: &mut Vec<u8>, target: &[u8], escapes: Escapes) {
    let mut room = Some(LONGEST);
    shown(target, |piece| match piece {
        Piece::Shown(bytes) => bounded(text, bytes, &mut room, escapes),
        Piece::Hidden => text.extend_from_slice(HIDDEN.as_bytes()),
    });
}

/// Appends what there is room for; `None` after something had to be left out.
fn bounded(text: &mut Vec<u8>, bytes: &[u8], room: &mut Option<usize>, escapes: Escapes) {
    let Some(left) = *room else { return };
    escape(text, &bytes[..bytes.len().min(left)], escapes);
    *room = left.checked_sub(bytes.len());
    if room.is_none() {
        text.extend_from_slice(HIDDEN.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::observe::counts::CodingColumn;
    use http::Uri;
    use proptest::prelude::*;
    use std::time::Duration;

    const TIME: u64 = 1_735_776_000;

    fn end() -> End {
        let coding = CodingColumn::of(b"gzip");
        End { status: Some(200), coding, bytes: 1234, cut: false, took: Duration::from_micros(1_500) }
    }

    fn line(format: LogFormat, request: &Request<()>, client: Option<IpAddr>, end: &End) -> String {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(TIME * 1000 + 250);
        let line = Line::begin(Vec::new(), format, &Logged::of(request), client, time);
        let mut lines = Vec::new();
        line.end(end, &mut lines);
        assert!(lines.len() <= line.length());
        String::from_utf8(lines).unwrap()
    }

    fn request(target: &str, fields: &[(&str, &[u8])]) -> Request<()> {
        let mut request = Request::builder().uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_combined_line_is_what_nginx_writes() {
        let client = Some("192.0.2.7".parse().unwrap());
        let full = request("/a/?b=c", &[("referer", b"https://x.example/"), ("user-agent", b"Agent \"1\"")]);
        assert_eq!(
            line(LogFormat::Combined, &full, client, &end()),
            "192.0.2.7 - - [02/Jan/2025:00:00:00 +0000] \"GET /a/?b=c HTTP/1.1\" 200 1234 \"https://x.example/\" \
             \"Agent \\x221\\x22\"\n"
        );
        let none = End { status: None, bytes: 0, ..end() };
        assert_eq!(
            line(LogFormat::Combined, &request("/", &[]), None, &none),
            "- - - [02/Jan/2025:00:00:00 +0000] \"GET / HTTP/1.1\" - 0 \"-\" \"-\"\n"
        );
    }

    #[test]
    fn a_json_line_has_all_fields() {
        let client = Some("::ffff:192.0.2.7".parse().unwrap());
        let full = request("/a/?b=c", &[("referer", b"https://x.example/"), ("user-agent", "Agent \"é\"".as_bytes())]);
        let text = line(LogFormat::Json, &full, client, &end());
        let found: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "time": "2025-01-02T00:00:00.250Z", "client": "192.0.2.7", "method": "GET", "path": "/a/?b=c",
            "protocol": "HTTP/1.1", "status": 200, "bytes": 1234, "seconds": 0.0015, "coding": "gzip", "cut": false,
            "referer": "https://x.example/", "user_agent": "Agent \"é\"",
        });
        assert_eq!(found, expected);
        let none = End { status: None, cut: true, ..end() };
        let text = line(LogFormat::Json, &request("/", &[]), None, &none);
        let found: serde_json::Value = serde_json::from_str(&text).unwrap();
        for key in ["client", "status", "referer", "user_agent"] {
            assert!(found[key].is_null(), "{text}");
        }
        assert_eq!(found["cut"], true);
    }

    #[test]
    fn what_a_client_brings_is_cut_to_a_length() {
        let long = "x".repeat(20_000);
        let request = request(&format!("/{long}?{long}&token=secret"), &[("user-agent", long.as_bytes())]);
        for format in [LogFormat::Combined, LogFormat::Json] {
            let text = line(format, &request, None, &end());
            assert!(text.len() < 2 * LONGEST + 300 && text.contains("xxx…") && !text.contains("secret"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_client_can_forge_a_line(
            target in "/[!-\"$-~]{0,60}",
            agent in prop::collection::vec(prop_oneof![Just(b'\t'), 32..=126u8, 128..=255u8], 0..60),
            referer in prop::collection::vec(prop_oneof![Just(b'\t'), 32..=126u8, 128..=255u8], 0..60),
        ) {
            let Ok(uri) = target.parse::<Uri>() else { return Ok(()) };
            let mut request = request("/", &[("user-agent", &agent), ("referer", &referer)]);
            *request.uri_mut() = uri;
            let printable = |text: &str| text.trim_end_matches('\n').chars().all(|c| c == '…' || (' '..='~').contains(&c));
            let combined = line(LogFormat::Combined, &request, None, &end());
            prop_assert!(printable(&combined) && combined.matches('\n').count() == 1, "{}", combined);
            prop_assert_eq!(combined.matches('"').count(), 6, "{}", combined);
            let json = line(LogFormat::Json, &request, None, &end());
            prop_assert!(printable(&json), "{}", json);
            let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(object.len(), 12);
            if let Ok(agent) = std::str::from_utf8(&agent) {
                prop_assert_eq!(&object["user_agent"], agent);
            }
        }
    }
}
