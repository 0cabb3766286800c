//! A delivery in a file: its body alone, a request as it came over the wire, or JSON with headers and body.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// A delivery that was kept.
#[derive(Debug, Default)]
pub(super) struct Capture {
    /// Empty if only the body is there.
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Capture {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let bytes = fs::read(path).with_context(|| format!("{name}: can't be read"))?;
        if bytes.starts_with(b"POST ") {
            return Ok(Self::of_request(&bytes));
        }
        match serde_json::from_slice::<Value>(&bytes) {
            Ok(value) if value["headers"].is_object() && (!value["body"].is_null() || value["file"].is_string()) => {
                Self::of_json(&value, path)
            }
            _ => Ok(Self { headers: HeaderMap::new(), body: bytes }),
        }
    }

    /// `{"headers": {…}, "body": …}`, where the body is a text, JSON, or in another `file` beside this one.
    fn of_json(value: &Value, path: &Path) -> anyhow::Result<Self> {
        let headers = value["headers"].as_object().into_iter().flatten();
        let headers = headers.filter_map(|(name, value)| header(name, value.as_str()?)).collect();
        let body = match (&value["body"], value["file"].as_str()) {
            (Value::String(text), _) => text.clone().into_bytes(),
            (Value::Null, Some(file)) => {
                // Only a name: a capture that somebody sent may not have other files read.
                if file.contains(['/', '\\']) {
                    bail!("{}: 'file' must name a file in the same folder", path.display());
                }
                let beside = path.with_file_name(file);
                fs::read(&beside).with_context(|| format!("{}: can't be read", beside.display()))?
            }
            (body, _) => serde_json::to_vec(body)?,
        };
        Ok(Self { headers, body })
    }

    fn of_request(bytes: &[u8]) -> Self {
        let (head, body) = match bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            Some(end) => (&bytes[..end], &bytes[end + 4..]),
            None => match bytes.windows(2).position(|two| two == b"\n\n") {
                Some(end) => (&bytes[..end], &bytes[end + 2..]),
                None => (bytes, &[][..]),
            },
        };
        let head = String::from_utf8_lossy(head);
        let headers = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        Self { headers: headers.filter_map(|(name, value)| header(name, value)).collect(), body: body.to_vec() }
    }
}

/// What is no header is passed over, as a server would not have let it through.
fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((HeaderName::try_from(name.trim()).ok()?, HeaderValue::from_str(value.trim()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Capture {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("body.json"), "{}").unwrap();
        let path = folder.path().join("capture");
        fs::write(&path, text).unwrap();
        Capture::read(&path).unwrap()
    }

    #[test]
    fn each_kind_of_file_gives_headers_and_body() {
        for (text, event, body) in [
            (r#"{"push_data":{}}"#, None, r#"{"push_data":{}}"#),
            ("no json", None, "no json"),
            (r#"{"headers":{"X-GitHub-Event":"ping","bad name":"x"},"body":"{ }"}"#, Some("ping"), "{ }"),
            (r#"{"headers":{"X-GitHub-Event":"ping"},"body":{"a":1}}"#, Some("ping"), r#"{"a":1}"#),
            (r#"{"headers":{"X-GitHub-Event":"ping"},"file":"body.json"}"#, Some("ping"), "{}"),
            ("POST /x HTTP/1.1\r\nX-GitHub-Event: ping\r\n\r\n{}", Some("ping"), "{}"),
            ("POST /x HTTP/1.1\nx-github-event: ping\n\n{}", Some("ping"), "{}"),
            ("POST ", None, ""),
        ] {
            let capture = read(text);
            let found = capture.headers.get("x-github-event").map(|value| value.to_str().unwrap());
            assert_eq!((found, String::from_utf8(capture.body).unwrap().as_str()), (event, body), "{text}");
        }
    }
}
