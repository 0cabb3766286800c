//! Docker Hub, and Aliyun's registry, whose bodies look alike.

use serde_json::Value;

use super::content::Content;
use super::image::Image;
use super::text;

/// A body without a tag has been seen: it may mean ours. `callback_url` is dead and a lure; it is never read.
pub(super) fn read(body: &Value) -> Content {
    let whole = text(body, "/repository/repo_name").map(str::to_owned);
    let parts = || Some(format!("{}/{}", text(body, "/repository/namespace")?, text(body, "/repository/name")?));
    let Some(repository) = whole.or_else(parts) else { return Content::Unknown };
    one(Image::of(Some("docker.io"), &repository), body)
}

pub(super) fn read_aliyun(body: &Value) -> Content {
    let host = text(body, "/repository/region").map(|region| format!("registry.{region}.aliyuncs.com"));
    one(Image::of(host.as_deref(), text(body, "/repository/repo_full_name").unwrap_or_default()), body)
}

fn one(image: Result<Image, &'static str>, body: &Value) -> Content {
    let image = image.map(|image| image.with_digest(text(body, "/push_data/digest")));
    let tagged = image.and_then(|image| match text(body, "/push_data/tag") {
        None | Some("") => Ok(image),
        Some(tag) => image.with_tag(tag),
    });
    std::iter::once(tagged).collect()
}
