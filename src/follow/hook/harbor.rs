//! Harbor: its own bodies, and CloudEvents.

use http::HeaderMap;
use serde_json::Value;

use super::content::Content;
use super::image::Image;
use super::text;

/// A body may have several resources, and the same push comes more than once.
pub(super) fn read(headers: &HeaderMap, body: &Value) -> Content {
    let kind = text(body, "/type").or_else(|| headers.get("ce-type")?.to_str().ok()).unwrap_or_default();
    match kind {
        "PUSH_ARTIFACT" | "pushImage" | "harbor.artifact.pushed" => {}
        "DELETE_ARTIFACT" | "deleteImage" | "harbor.artifact.deleted" => return Content::Nothing("a deletion"),
        "PULL_ARTIFACT" | "pullImage" | "harbor.artifact.pulled" => return Content::Nothing("a pull"),
        _ => return Content::Nothing("no push of an image"),
    }
    // In a CloudEvent whose head is in headers the body is the data alone.
    let data = [&body["event_data"], &body["data"], body].into_iter().find(|data| data["resources"].is_array());
    let Some(data) = data else { return Content::Unknown };
    let resources = data["resources"].as_array().into_iter().flatten();
    resources.map(|resource| read_resource(resource, data)).collect()
}

/// The tag of a platform's manifest is its digest.
fn read_resource(resource: &Value, data: &Value) -> Result<Image, &'static str> {
    let url = text(resource, "/resource_url").unwrap_or_default();
    let tag = text(resource, "/tag");
    let image = match Image::of_text(url) {
        Ok(image) => image,
        Err(why) if url.is_empty() => Image::of(None, text(data, "/repository/repo_full_name").ok_or(why)?)?,
        Err(why) => return Err(why),
    };
    let image = image.with_digest(text(resource, "/digest"));
    match tag {
        Some(tag) => image.with_tag(tag),
        None if image.tag.is_some() => Ok(image),
        None => image.with_tag(""),
    }
}
