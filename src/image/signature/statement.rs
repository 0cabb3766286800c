//! The bytes that a signature covers.

use serde_json::{Value, json};

use crate::image::manifest::Index;

/// What a signature of `index` for `repository` covers, as canonical JSON (RFC 8785): keys in order, no white space.
///
/// ```text
/// {"content_root":"sha256:…","manifests":[{"digest":"sha256:…","platform":{"architecture":"arm64","os":"linux","variant":
/// "v8"}},…],"repository":"me/blog","sequence":42}
/// ```
///
/// The content root is the annotation's text, `null` where there is none; manifests stand in the order of the index, all of them,
/// `null` where one has no platform. The repository is the path without its host, because a mirror may have another; it is empty
/// for what is pushed nowhere. A manifest's digest covers its layers, so program and pages, and its config.
///
/// Title, revision, source and time in the other annotations are not covered: nothing is decided by them.
pub fn statement(repository: &str, index: &Index) -> Vec<u8> {
    // `PlatformFields` has its fields in this order, too.
    let manifest = |(digest, platform): (String, Value)| json!({"digest": digest, "platform": platform});
    let manifests = index.manifests.iter().map(|listed| (listed.digest.to_string(), json!(listed.platform)));
    let manifests: Vec<Value> = manifests.map(manifest).collect();
    let statement = json!({
        "content_root": index.content_root(),
        "manifests": manifests,
        "repository": repository,
        "sequence": index.sequence(),
    });
    statement.to_string().into_bytes()
}
