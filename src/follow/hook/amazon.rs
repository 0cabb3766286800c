//! Amazon's ECR: EventBridge's envelope, CloudEvents, or what a rule passes on of them.

use serde_json::Value;

use super::content::Content;
use super::image::{Image, amazon};
use super::text;

/// The registry's host is not named: account and region are.
pub(super) fn read(body: &Value) -> Content {
    let envelope = if body["data"]["detail"].is_object() { &body["data"] } else { body };
    let details = [&envelope["detail"], &envelope["data"], envelope];
    let Some(detail) = details.into_iter().find(|detail| detail["repository-name"].is_string()) else {
        return Content::Nothing("no push of an image");
    };
    if text(detail, "/result").is_some_and(|result| result != "SUCCESS") {
        return Content::Nothing("a push that failed");
    }
    match text(detail, "/action-type") {
        Some("PUSH") => {}
        Some("DELETE") => return Content::Nothing("a deletion"),
        _ => return Content::Nothing("no push of an image"),
    }
    let named = |name: &str| text(envelope, name).or_else(|| text(detail, name)).filter(|text| !text.is_empty());
    let host = named("/account").zip(named("/region")).map(|(account, region)| amazon(account, region));
    let image = Image::of(host.as_deref(), text(detail, "/repository-name").unwrap_or_default());
    let image = image.and_then(|image| {
        // Amazon's own samples have shortened digests.
        image.with_digest(text(detail, "/image-digest")).with_tag(text(detail, "/image-tag").unwrap_or_default())
    });
    std::iter::once(image).collect()
}
