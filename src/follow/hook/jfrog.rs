//! JFrog Artifactory.

use serde_json::Value;

use super::content::Content;
use super::image::Image;
use super::{host_of_url, text};

/// Which host a repository is reached by, and whether its key is a part of the path, is the installation's choice: what
/// the followed repository ends with has to do.
pub(super) fn read(body: &Value) -> Content {
    let kind = text(body, "/event_type").or_else(|| text(body, "/data/event_type"));
    match kind.unwrap_or_default() {
        "pushed" | "promoted" => {}
        "deleted" => return Content::Nothing("a deletion"),
        _ => return Content::Nothing("no push of an image"),
    }
    let Some(name) = text(body, "/data/image_name").filter(|name| !name.is_empty()) else { return Content::Unknown };
    let repository = text(body, "/data/repo_key").map_or_else(|| name.to_owned(), |key| format!("{key}/{name}"));
    let digest = text(body, "/data/sha256").map(|digits| format!("sha256:{}", digits.trim_start_matches("sha256:")));
    let image = Image::of(text(body, "/jpd_origin").and_then(host_of_url), &repository).and_then(|image| {
        let image = Image { ending: Some(super::cut(name).to_lowercase()), ..image.with_digest(digest.as_deref()) };
        image.with_tag(text(body, "/data/tag").unwrap_or_default())
    });
    std::iter::once(image).collect()
}
