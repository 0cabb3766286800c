//! What is sent: a notice in the words of each kind of receiver.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use ring::hmac;
use serde_json::json;

use super::notice::{Event, Notice};
use super::way::{Kind, Way};

/// GitHub refuses a longer description, in characters.
const MAX_DESCRIPTION: usize = 140;
/// The name that a status of a commit has among those of others.
const CONTEXT: &str = "galley";
/// Hex digits of a commit, by SHA-1 and by SHA-256.
const COMMIT: [usize; 2] = [40, 64];

/// What stands in a form as it is (URL standard, "application/x-www-form-urlencoded").
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');

/// One request, sent by POST.
pub(super) struct Message {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What tells a receiver of `notice`; empty if it has nothing to do with it.
pub(super) fn messages(way: &Way, notice: &Notice) -> Vec<Message> {
    let one = match way.kind {
        Kind::Webhook => webhook(way, notice),
        Kind::Slack => slack(way, notice),
        Kind::Ntfy => ntfy(way, notice),
        Kind::GitHub => return status(way, notice, "Bearer").map(github).into_iter().collect(),
        Kind::Gitea => return status(way, notice, "token").into_iter().collect(),
        Kind::WebSub => return notice.feeds.iter().map(|feed| publish(way, feed)).collect(),
    };
    vec![one]
}

fn message(url: Url, media_type: &'static str, body: impl Into<Bytes>) -> Message {
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))]);
    Message { url, headers, body: body.into() }
}

/// The whole notice; the signature covers the bytes as they are sent.
fn webhook(way: &Way, notice: &Notice) -> Message {
    // A notice has only texts for keys, and can be written.
    let body = serde_json::to_vec(notice).unwrap_or_default();
    let signature = way.token.as_ref().map(|key| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let hex: String = hmac::sign(&key, &body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256={hex}")
    });
    let mut message = message(way.url.clone(), "application/json", body);
    message.set("x-galley-delivery", &notice.id);
    message.set("x-galley-event", &event(notice.event));
    if let Some(signature) = signature {
        message.set("x-galley-signature-256", &signature);
    }
    message
}

fn event(event: Event) -> String {
    format!("{event:?}").to_lowercase()
}

/// Three characters have a meaning there (Slack, "Formatting text for app surfaces").
fn slack(way: &Way, notice: &Notice) -> Message {
    let text = format!("{} ({})", notice.text(), notice.reference);
    let mut text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    if let Some(url) = &notice.url {
        text = format!("{text} <{url}>");
    }
    message(way.url.clone(), "application/json", json!({"text": text}).to_string())
}

/// The title is ASCII, as a header field has to be (docs.ntfy.sh, "Publishing").
fn ntfy(way: &Way, notice: &Notice) -> Message {
    let (tag, priority) = match notice.event {
        Event::Swap | Event::Recovery => ("white_check_mark", "3"),
        Event::Rollback => ("rewind", "4"),
        Event::Hold => ("hourglass", "4"),
        Event::Refuse => ("no_entry", "4"),
        Event::Quarantine | Event::Trouble => ("warning", "4"),
    };
    let body = format!("{} ({})", notice.text(), notice.reference);
    let mut message = message(way.url.clone(), "text/plain; charset=utf-8", body);
    message.set("title", &format!("galley: {}", notice.title()));
    message.set("tags", tag);
    message.set("priority", priority);
    if let Some(url) = &notice.url {
        message.set("click", url);
    }
    message.authorize(way, "Bearer");
    message
}

/// A status of the commit that the release was made from; none if it names no commit: one that was made from a folder with
/// changes does not.
fn status(way: &Way, notice: &Notice, scheme: &str) -> Option<Message> {
    let commit = notice.revision.as_deref()?;
    if !COMMIT.contains(&commit.len()) || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let state = match notice.event {
        Event::Swap | Event::Rollback => "success",
        Event::Hold => "pending",
        Event::Refuse | Event::Quarantine => "failure",
        // It is no commit's fault.
        Event::Trouble | Event::Recovery => return None,
    };
    let description: String = notice.text().chars().take(MAX_DESCRIPTION).collect();
    let mut body = json!({"state": state, "context": CONTEXT, "description": description});
    if let Some(url) = &notice.url {
        body["target_url"] = url.as_str().into();
    }
    let url = way.url.join(commit).ok()?;
    let mut message = message(url, "application/json", body.to_string());
    message.authorize(way, scheme);
    Some(message)
}

/// What GitHub wants to be asked with ("Create a commit status").
fn github(mut message: Message) -> Message {
    message.set("accept", "application/vnd.github+json");
    message.set("x-github-api-version", "2022-11-28");
    message
}

/// Says that a feed has changed. W3C WebSub leaves the words to hubs (section 7); these are the ones that all of them know, from
/// PubSubHubbub 0.4, section 7. One feed a request: some hubs read no more.
fn publish(way: &Way, feed: &str) -> Message {
    let body = format!("hub.mode=publish&hub.url={}", utf8_percent_encode(feed, FORM));
    message(way.url.clone(), "application/x-www-form-urlencoded", body)
}

impl Message {
    /// Sets a header field, unless its value is none: addresses come from content.
    fn set(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }

    fn authorize(&mut self, way: &Way, scheme: &str) {
        let value = way.token.as_ref().and_then(|token| HeaderValue::from_str(&format!("{scheme} {}", **token)).ok());
        if let Some(mut value) = value {
            value.set_sensitive(true);
            self.headers.insert(header::AUTHORIZATION, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::state::tests::record;

    const COMMIT_ID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn notice(event: Event, reason: Option<&str>) -> Notice {
        let mut record = record(43);
        record.reference = "registry.example/blog:latest".to_owned();
        record.revision = Some(COMMIT_ID.to_owned());
        (record.changes.added, record.changes.changed) = (1, 2);
        let url = Some("https://blog.example/".to_owned());
        Notice {
            id: "id".to_owned(),
            time: "2026-11-21T10:00:00Z".parse().unwrap(),
            url,
            ..Notice::of(&record, event, reason)
        }
    }

    fn one(way: &str, notice: &Notice) -> Message {
        let mut made = messages(&Way::parse_line(way).unwrap(), notice);
        assert_eq!(made.len(), 1, "{way}");
        made.remove(0)
    }

    fn text(message: &Message) -> &str {
        std::str::from_utf8(&message.body).unwrap()
    }

    #[test]
    fn a_webhook_gets_the_notice_and_its_signature() {
        let notice = notice(Event::Rollback, Some("release 44 did harm"));
        let made = one("webhook=https://a.example/x key", &notice);
        let golden = format!(
            r#"{{"id":"id","event":"rollback","time":"2026-11-21T10:00:00Z","reference":"registry.example/blog:latest","sequence":43,"digest":"{}","content_root":"{}","revision":"{COMMIT_ID}","changes":{{"added":1,"changed":2,"removed":0}},"reason":"release 44 did harm","url":"https://blog.example/"}}"#,
            notice.digest.unwrap(),
            notice.content_root
        );
        assert_eq!(text(&made), golden);
        assert_eq!(made.headers["x-galley-delivery"], "id");
        assert_eq!(made.headers["x-galley-event"], "rollback");
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        let hex = made.headers["x-galley-signature-256"].to_str().unwrap().strip_prefix("sha256=").unwrap();
        let bytes: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect();
        hmac::verify(&key, golden.as_bytes(), &bytes).unwrap();
        let unsigned = one("webhook=https://a.example/x", &notice);
        assert!(!unsigned.headers.contains_key("x-galley-signature-256"));
    }

    #[test]
    fn people_get_one_line() {
        let swap = notice(Event::Swap, None);
        let slack = one("slack=https://a.example/x", &swap);
        let line = "release 43 is live: 1 added, 2 changed, 0 removed (registry.example/blog:latest)";
        assert_eq!(text(&slack), format!(r#"{{"text":"{line} <https://blog.example/>"}}"#));
        let ntfy = one("ntfy=https://a.example/topic tk_1", &swap);
        assert_eq!(text(&ntfy), line);
        for (name, value) in [
            ("title", "galley: release 43 is live"),
            ("tags", "white_check_mark"),
            ("priority", "3"),
            ("click", "https://blog.example/"),
            ("authorization", "Bearer tk_1"),
        ] {
            assert_eq!(ntfy.headers[name], value);
        }
        let odd = notice(Event::Quarantine, Some("<b> & ä\nnext"));
        assert!(text(&one("slack=https://a.example/x", &odd)).contains("quarantine: &lt;b&gt; &amp; ä next ("));
        let ntfy = one("ntfy=https://a.example/topic", &odd);
        assert_eq!(
            (&ntfy.headers["tags"], &ntfy.headers["priority"]),
            (&"warning".parse().unwrap(), &"4".parse().unwrap())
        );
        assert!(!ntfy.headers.contains_key("authorization"));
    }

    #[test]
    fn commits_get_a_status() {
        for (event, state) in [
            (Event::Swap, "success"),
            (Event::Rollback, "success"),
            (Event::Hold, "pending"),
            (Event::Refuse, "failure"),
            (Event::Quarantine, "failure"),
        ] {
            let notice = notice(event, Some(&"why ".repeat(99)));
            let made = one("github=ada/blog t0k", &notice);
            assert_eq!(made.url.as_str(), format!("https://api.github.com/repos/ada/blog/statuses/{COMMIT_ID}"));
            let body: serde_json::Value = serde_json::from_slice(&made.body).unwrap();
            assert_eq!((&body["state"], &body["context"]), (&state.into(), &"galley".into()));
            assert_eq!(body["target_url"], "https://blog.example/");
            assert_eq!(body["description"].as_str().unwrap().chars().count(), 140);
            assert_eq!(made.headers["authorization"], "Bearer t0k");
            assert!(made.headers["authorization"].is_sensitive());
            assert_eq!(made.headers["accept"], "application/vnd.github+json");
            let made = one("gitea=https://git.example/ada/blog t0k", &notice);
            assert_eq!(made.url.as_str(), format!("https://git.example/api/v1/repos/ada/blog/statuses/{COMMIT_ID}"));
            assert_eq!(made.headers["authorization"], "token t0k");
        }
    }

    #[test]
    fn what_is_no_commit_gets_none() {
        let mut notice = notice(Event::Swap, None);
        let dirty = format!("{COMMIT_ID}-dirty");
        let climbing = format!("../../../{}", &COMMIT_ID[9..]);
        for revision in [None, Some("v1"), Some(""), Some(dirty.as_str()), Some(climbing.as_str())] {
            notice.revision = revision.map(str::to_owned);
            assert!(messages(&Way::parse_line("github=ada/blog t").unwrap(), &notice).is_empty(), "{revision:?}");
        }
    }

    #[test]
    fn hubs_are_told_of_each_feed() {
        let mut notice = notice(Event::Swap, None);
        let hub = Way::parse("websub=https://hub.example/").unwrap();
        assert!(messages(&hub, &notice).is_empty());
        notice.feeds =
            vec!["https://blog.example/feed.xml".to_owned(), "https://blog.example/a&b/feed.json".to_owned()];
        let made = messages(&hub, &notice);
        assert_eq!(made[0].headers["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(text(&made[0]), "hub.mode=publish&hub.url=https%3A%2F%2Fblog.example%2Ffeed.xml");
        assert_eq!(text(&made[1]), "hub.mode=publish&hub.url=https%3A%2F%2Fblog.example%2Fa%26b%2Ffeed.json");
    }
}
