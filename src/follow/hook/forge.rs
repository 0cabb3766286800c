//! Forges, which tell of packages and of pushes to git: GitHub, Gitea, Forgejo, GitLab.

use http::HeaderMap;
use serde_json::Value;

use super::content::{Content, GitPush};
use super::image::Image;
use super::{cut, host_of_url, text};

const NO_IMAGE: &str = "an event that is about no image";

/// Packages of all kinds come by the same event, one for each manifest of an image.
pub(super) fn read_github(headers: &HeaderMap, body: &Value) -> Content {
    let package = [&body["package"], &body["registry_package"]].into_iter().find(|package| package.is_object());
    match (header(headers, "x-github-event"), package) {
        (Some("ping"), _) => Content::Nothing("a ping"),
        (None, _) if body["hook_id"].is_number() => Content::Nothing("a ping"),
        (Some("package" | "registry_package") | None, Some(package)) => read_github_package(body, package),
        (Some("push") | None, _) => git_push(body, text(body, "/repository/clone_url")),
        _ => Content::Nothing(NO_IMAGE),
    }
}

fn read_github_package(body: &Value, package: &Value) -> Content {
    if !["published", "updated"].contains(&text(body, "/action").unwrap_or("published")) {
        return Content::Nothing("no push of an image");
    }
    let kind = text(package, "/package_type").or_else(|| text(package, "/ecosystem")).unwrap_or_default();
    if !["container", "docker"].contains(&kind.to_lowercase().as_str()) {
        return Content::Nothing("a package that is no image");
    }
    std::iter::once(github_image(package)).collect()
}

/// Version and name hold the digest, never the tag. An empty tag is that of a platform's manifest.
fn github_image(package: &Value) -> Result<Image, &'static str> {
    let version = &package["package_version"];
    let url = text(version, "/package_url").filter(|url| !url.is_empty());
    // With an empty tag the text ends in a colon.
    let named = url.map(|url| Image::of_text(url.trim_end_matches(':')));
    let image = named.unwrap_or_else(|| {
        let owner = text(package, "/namespace").or_else(|| text(package, "/owner/login")).unwrap_or_default();
        Image::of(Some("ghcr.io"), &format!("{owner}/{}", text(package, "/name").unwrap_or_default()))
    })?;
    let metadata = &version["container_metadata"];
    let image = image.with_digest(text(metadata, "/tag/digest"));
    match metadata.is_object() {
        true => image.with_tag(text(metadata, "/tag/name").unwrap_or_default()),
        false => Ok(image),
    }
}

/// Gitea and Forgejo. The repository is null unless the package was linked to one; the version may be a digest.
pub(super) fn read_gitea(headers: &HeaderMap, body: &Value) -> Content {
    let names = ["x-forgejo-event", "x-gitea-event", "x-gogs-event"];
    let event = names.iter().find_map(|name| header(headers, name));
    let package = &body["package"];
    match event {
        Some("package") | None if package.is_object() => {}
        Some("push") | None => return git_push(body, text(body, "/repository/clone_url")),
        _ => return Content::Nothing(NO_IMAGE),
    }
    if text(body, "/action") == Some("deleted") {
        return Content::Nothing("a deletion");
    }
    if text(package, "/type") != Some("container") {
        return Content::Nothing("a package that is no image");
    }
    let owner = text(package, "/owner/login").or_else(|| text(package, "/owner/username")).unwrap_or_default();
    let host = text(package, "/html_url").and_then(host_of_url);
    let image = Image::of(host, &format!("{owner}/{}", text(package, "/name").unwrap_or_default()));
    let tagged = image.and_then(|image| image.with_tag(text(package, "/version").unwrap_or_default()));
    std::iter::once(tagged).collect()
}

/// GitLab itself; its registry sends the envelopes of distribution.
pub(super) fn read_gitlab(body: &Value) -> Content {
    match text(body, "/object_kind").or_else(|| text(body, "/event_name")) {
        Some("push" | "tag_push") => {
            let clone_url = text(body, "/project/git_http_url").or_else(|| text(body, "/repository/git_http_url"));
            git_push(body, clone_url)
        }
        _ => Content::Nothing(NO_IMAGE),
    }
}

/// What was deleted points at nothing, which is written with zeros.
fn git_push(body: &Value, clone_url: Option<&str>) -> Content {
    let (Some(reference), Some(after)) = (text(body, "/ref"), text(body, "/after")) else {
        return Content::Nothing(NO_IMAGE);
    };
    let commit = Some(after).filter(|after| !after.bytes().all(|digit| digit == b'0')).map(cut);
    Content::Push(GitPush { repository: cut(clone_url.unwrap_or_default()), reference: cut(reference), commit })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
