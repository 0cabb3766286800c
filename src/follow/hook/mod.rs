//! What webhooks say, read tolerantly: who sends them, and of which image they speak.
//!
//! Each file beside this one knows the bodies of one family of senders. Whatever they say is compared with the reference
//! that the operator configured and goes no further: no address in a body is ever opened.

mod amazon;
mod content;
mod distribution;
mod docker_hub;
mod forge;
mod generic;
mod google;
mod harbor;
mod image;
mod jfrog;
mod meaning;
mod quay;
mod sender;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde_json::Value;

pub use self::content::{Content, GitPush};
pub use self::image::Image;
pub use self::meaning::{Meaning, meaning};
pub use self::sender::{Sender, SenderError};

/// The longest text that is kept of a body: no repository's name is longer.
const LONGEST_TEXT: usize = 255;

/// What a delivery says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Who sent it.
    pub sender: Sender,
    /// What its sender calls it: the same once more is a delivery that was repeated.
    pub id: Option<String>,
    /// What it speaks of.
    pub content: Content,
}

/// Reads a delivery. Nothing is an error: what is not understood comes from somebody who knows the secret all the same.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Reading {
    let Some(body) = json(body) else {
        return Reading { sender: Sender::Unknown, id: id(headers, &Value::Null), content: Content::Unknown };
    };
    let sender = Sender::of(headers, &body);
    let content = match sender {
        Sender::DockerHub => docker_hub::read(&body),
        Sender::Aliyun => docker_hub::read_aliyun(&body),
        Sender::Quay => quay::read(&body),
        Sender::GitHub => forge::read_github(headers, &body),
        Sender::GitLab => forge::read_gitlab(&body),
        Sender::Gitea | Sender::Forgejo => forge::read_gitea(headers, &body),
        Sender::Distribution => distribution::read(&body),
        Sender::Azure => distribution::read_azure(&body),
        Sender::Harbor => harbor::read(headers, &body),
        Sender::Amazon => amazon::read(&body),
        Sender::Google => google::read(&body),
        Sender::JFrog => jfrog::read(&body),
        Sender::Generic => generic::read(&body),
        Sender::Unknown => Content::Unknown,
    };
    Reading { sender, id: id(headers, &body), content }
}

/// The body as JSON. GitHub and others send it as a field of a form as well.
fn json(body: &[u8]) -> Option<Value> {
    let body = match body.strip_prefix(b"payload=") {
        None => Cow::Borrowed(body),
        Some(field) => {
            let field = field.split(|byte| *byte == b'&').next().unwrap_or_default();
            let spaced = String::from_utf8_lossy(field).replace('+', " ");
            Cow::Owned(percent_decode_str(&spaced).collect())
        }
    };
    serde_json::from_slice(&body).ok()
}

/// Headers in which senders name their deliveries.
const IDS: [&str; 8] = [
    "x-forgejo-delivery",
    "x-gitea-delivery",
    "x-github-delivery",
    "x-galley-delivery",
    "webhook-id",
    "idempotency-key",
    "x-gitlab-event-uuid",
    "ce-id",
];

/// The delivery's name: in a header, or in the body of those who have no header for it.
fn id(headers: &HeaderMap, body: &Value) -> Option<String> {
    let in_header = IDS.iter().find_map(|name| headers.get(*name)?.to_str().ok());
    let in_body = ["/message/messageId", "/events/0/id", "/id"].iter().find_map(|place| text(body, place));
    in_header.or(in_body).filter(|id| !id.is_empty()).map(cut)
}

/// The text at `place`, a JSON pointer.
fn text<'a>(body: &'a Value, place: &str) -> Option<&'a str> {
    body.pointer(place)?.as_str()
}

/// No more of `text` than is ever of use, and nothing that a terminal would obey.
fn cut(text: &str) -> String {
    let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().take(LONGEST_TEXT).map(shown).collect()
}

/// The host of a URL, with its port.
fn host_of_url(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    Some(host).filter(|host| !host.is_empty())
}
