//! A script of one's own: `{"image": "registry.example/blog:latest", "digest": "sha256:…"}`.

use serde_json::Value;

use super::content::Content;
use super::image::Image;
use super::text;

/// Standard Webhooks put what they tell into `data`.
pub(super) fn read(body: &Value) -> Content {
    let inner = if body["data"]["image"].is_string() { &body["data"] } else { body };
    let Some(name) = text(inner, "/image").filter(|name| !name.is_empty()) else { return Content::Unknown };
    std::iter::once(Image::of_text(name).map(|image| image.with_digest(text(inner, "/digest")))).collect()
}
