//! Quay.

use serde_json::Value;

use super::content::Content;
use super::image::Image;
use super::text;

/// Pushes have `updated_tags`, of which any may be ours; builds and scans have others.
pub(super) fn read(body: &Value) -> Content {
    let image = Image::of_text(text(body, "/docker_url").unwrap_or_default());
    let tags: Vec<&str> = match &body["updated_tags"] {
        Value::Array(tags) => tags.iter().filter_map(Value::as_str).collect(),
        // As older versions wrote them: each with its image.
        Value::Object(tags) => tags.keys().map(String::as_str).collect(),
        _ => return Content::Nothing("no push of a tag"),
    };
    if tags.is_empty() {
        return std::iter::once(image).collect();
    }
    tags.into_iter().map(|tag| image.clone()?.with_tag(tag)).collect()
}
