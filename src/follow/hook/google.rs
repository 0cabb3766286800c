//! Google's Artifact Registry, by way of Pub/Sub.
//!
//! Pub/Sub can sign its requests with a token of OpenID Connect. It is not looked at: to be worth anything the operator
//! would have to name the account and the audience, and galley would have to fetch Google's keys because somebody unknown
//! has asked it to. The secret in the URL, which a push subscription keeps to itself, says the same with less.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::Value;

use super::content::Content;
use super::image::Image;
use super::text;

/// In an envelope, base64, or without one, as the subscription was made.
pub(super) fn read(body: &Value) -> Content {
    let Some(data) = text(body, "/message/data") else { return read_message(body) };
    let decoded = STANDARD.decode(data).or_else(|_| URL_SAFE.decode(data)).ok();
    let message = decoded.and_then(|data| serde_json::from_slice::<Value>(&data).ok());
    message.map_or(Content::Unknown, |message| read_message(&message))
}

/// Both `tag` and `digest` are references with everything in them.
fn read_message(message: &Value) -> Content {
    match text(message, "/action") {
        Some("INSERT") => {}
        Some("DELETE") => return Content::Nothing("a deletion"),
        Some(_) => return Content::Nothing("no push of an image"),
        None => return Content::Unknown,
    }
    let digest = text(message, "/digest").and_then(|digest| digest.split_once('@')).map(|(_, digest)| digest);
    let Some(tag) = text(message, "/tag") else {
        return Content::Nothing("an untagged push: a layer, or the manifest of one platform");
    };
    std::iter::once(Image::of_text(tag).map(|image| image.with_digest(digest))).collect()
}
