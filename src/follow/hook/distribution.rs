//! The `distribution` registry, and those that speak as it does: GitLab's registry in the same envelopes, Azure without.

use serde_json::Value;

use super::content::Content;
use super::image::Image;
use super::{host_of_url, text};

/// A push of an index is many events (blobs, the manifests of platforms, and our own pulls); only one has the tag.
pub(super) fn read(body: &Value) -> Content {
    body["events"].as_array().into_iter().flatten().map(event).collect()
}

/// One event for a push; by way of Event Grid it is the data of an event of its own.
pub(super) fn read_azure(body: &Value) -> Content {
    let inner = if body["data"].is_object() { &body["data"] } else { body };
    std::iter::once(event(inner)).collect()
}

fn event(event: &Value) -> Result<Image, &'static str> {
    match text(event, "/action").unwrap_or_default() {
        "push" => {}
        "pull" => return Err("a pull"),
        "delete" => return Err("a deletion"),
        "ping" => return Err("a ping"),
        _ => return Err("no push of an image"),
    }
    let host = text(event, "/request/host").or_else(|| host_of_url(text(event, "/target/url")?));
    let host = host.filter(|host| !host.is_empty());
    let image = Image::of(host, text(event, "/target/repository").unwrap_or_default())?;
    let image = image.with_digest(text(event, "/target/digest"));
    image.with_tag(text(event, "/target/tag").unwrap_or_default())
}
