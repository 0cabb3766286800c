//! An image as senders name it, and whether that is the one that is followed.

use super::cut;
use crate::registry::Reference;
use crate::snapshot::Digest;

const DOCKER_HUB: &str = "docker.io";

/// A tag of a repository, as far as a sender names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The registry, if it is named.
    pub host: Option<String>,
    /// The repository, in lower case.
    pub repository: String,
    /// What the repository ends with at least: for senders that do not know where it is mounted.
    pub ending: Option<String>,
    /// The tag. Without one it may be any.
    pub tag: Option<String>,
    /// What the tag points at now. One that can't be read is left out: it is advice.
    pub digest: Option<Digest>,
}

/// In what an image is not the one that is followed; what is nearer to it is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Difference {
    Host,
    Repository,
    Tag,
}

impl Image {
    /// Any tag of `repository`, which owners may write in upper case though references can't.
    pub(super) fn of(host: Option<&str>, repository: &str) -> Result<Self, &'static str> {
        if repository.is_empty() {
            return Err("it names no repository");
        }
        let (host, repository) = (host.map(cut), cut(repository).to_lowercase());
        Ok(Self { host, repository, ending: None, tag: None, digest: None })
    }

    /// From a text like `registry.example/blog:latest@sha256:…`, of which all but the name may be missing.
    pub(super) fn of_text(text: &str) -> Result<Self, &'static str> {
        let (named, digest) = text.split_once('@').map_or((text, None), |(named, digest)| (named, Some(digest)));
        let (host, path) = match named.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
            _ => (None, named),
        };
        // The first colon of the last part: older Harbors write `blog:sha256:…`.
        let last = path.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match path[last..].split_once(':') {
            Some((_, tag)) => (&path[..path.len() - tag.len() - 1], Some(tag)),
            None => (path, None),
        };
        let image = Self::of(host, repository)?.with_digest(digest);
        tag.map_or(Ok(image.clone()), |tag| image.with_tag(tag))
    }

    /// With a tag, unless it is none that a person gives.
    pub(super) fn with_tag(mut self, tag: &str) -> Result<Self, &'static str> {
        if tag.is_empty() {
            return Err("an untagged push: a layer, or the manifest of one platform");
        }
        if tag.contains(':') || tag.starts_with("sha256__") {
            return Err("a push by digest: the manifest of one platform");
        }
        if is_about_another(tag) {
            return Err("a signature or an attestation");
        }
        self.tag = Some(cut(tag));
        Ok(self)
    }

    /// With a digest, if it can be read.
    pub(super) fn with_digest(mut self, digest: Option<&str>) -> Self {
        self.digest = digest.and_then(|digest| digest.parse().ok()).or(self.digest);
        self
    }

    /// In what it differs from what is followed.
    pub(super) fn compare(&self, reference: &Reference) -> Option<Difference> {
        // Docker Hub's own images are in a folder that nobody names.
        let is_named = self.repository == reference.repository()
            || self.may_be_on_docker_hub()
                && reference.repository().strip_prefix("library/") == Some(self.repository.as_str());
        let ends = |ending: &String| {
            let before = reference.repository().strip_suffix(ending.as_str());
            before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        if self.host.as_deref().is_some_and(|host| !may_be_the_same(host, reference.host())) {
            Some(Difference::Host)
        } else if !is_named && !self.ending.as_ref().is_some_and(ends) {
            Some(Difference::Repository)
        } else {
            self.tag.as_deref().is_some_and(|tag| tag != reference.tag()).then_some(Difference::Tag)
        }
    }

    fn may_be_on_docker_hub(&self) -> bool {
        self.host.as_deref().is_none_or(|host| canonical(host) == DOCKER_HUB)
    }
}

/// Tags of cosign and of registries without referrers: `sha256-<digits>`, perhaps with `.sig`, `.att` or `.sbom`. By the
/// specification other algorithms' names may stand there.
fn is_about_another(tag: &str) -> bool {
    let digits = tag
        .strip_prefix("sha256-")
        .or_else(|| tag.strip_prefix("sha512-"))
        .map(|rest| rest.split('.').next().unwrap_or_default());
    digits.is_some_and(|digits| digits.len() >= 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// Whether both names may be one registry's. A registry of one's own has as many names as there are networks to reach it
/// from: of two such names nothing can be told, and a look too many costs nothing. A public one is known by its name.
fn may_be_the_same(one: &str, other: &str) -> bool {
    let (one, other) = (canonical(one), canonical(other));
    one == other || !is_public(&one) && !is_public(&other)
}

/// Public registries whose hosts end like this.
const PUBLIC: [&str; 11] = [
    DOCKER_HUB,
    "quay.io",
    "ghcr.io",
    "gcr.io",
    "pkg.dev",
    "azurecr.io",
    "amazonaws.com",
    "amazonaws.com.cn",
    "aliyuncs.com",
    "registry.gitlab.com",
    "codeberg.org",
];

fn is_public(host: &str) -> bool {
    let ends = |end: &str| host.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    PUBLIC.iter().any(|end| ends(end))
}

/// One name for a registry that has several.
fn canonical(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(":443").unwrap_or(&host);
    let labels: Vec<&str> = host.split('.').collect();
    match labels[..] {
        _ if ["index.docker.io", "registry-1.docker.io", "hub.docker.com", "registry.hub.docker.com"]
            .contains(&host) =>
        {
            DOCKER_HUB.to_owned()
        }
        // Amazon: with FIPS, and with IPv6.
        [account, "dkr", "ecr" | "ecr-fips", region, "amazonaws", ..] => amazon(account, region),
        [account, "dkr-ecr" | "dkr-ecr-fips", region, "on", ..] => amazon(account, region),
        // Aliyun: from within its network, and a company's own registry.
        [first, region, .., "aliyuncs", "com"] if first.contains("registry") => {
            format!("registry.{region}.aliyuncs.com")
        }
        _ => host.to_owned(),
    }
}

/// The host of an account's registry.
pub(super) fn amazon(account: &str, region: &str) -> String {
    let country = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("{account}.dkr.ecr.{region}.amazonaws.com{country}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differs(image: &str, reference: &str) -> Option<Difference> {
        Image::of_text(image).unwrap().compare(&reference.parse().unwrap())
    }

    #[test]
    fn names_of_the_followed_image_are_known() {
        for (image, reference) in [
            ("exampleorg/blog:latest", "exampleorg/blog"),
            ("blog", "blog"),
            ("blog", "registry.example/blog"),
            ("index.docker.io/blog:latest", "docker.io/library/blog"),
            ("registry.hub.docker.com/exampleorg/blog", "exampleorg/blog:v1"),
            ("GHCR.io/ExampleOrg/Blog:latest", "ghcr.io/exampleorg/blog"),
            ("registry:5000/blog:latest", "registry.example/blog"),
            ("registry.example:443/blog:latest", "registry.example/blog"),
            ("1234.dkr.ecr.eu-west-1.amazonaws.com/blog:latest", "1234.dkr-ecr.eu-west-1.on.aws/blog"),
            ("1234.dkr.ecr.cn-north-1.amazonaws.com.cn/blog:latest", "1234.dkr.ecr.cn-north-1.amazonaws.com.cn/blog"),
            ("registry.cn-hangzhou.aliyuncs.com/a/blog:latest", "registry-vpc.cn-hangzhou.aliyuncs.com/a/blog"),
            ("registry.cn-hangzhou.aliyuncs.com/a/blog:latest", "own-registry.cn-hangzhou.cr.aliyuncs.com/a/blog"),
        ] {
            assert_eq!(differs(image, reference), None, "{image} {reference}");
        }
    }

    #[test]
    fn other_images_are_told_apart() {
        use Difference::{Host, Repository, Tag};
        for (image, reference, difference) in [
            ("quay.io/a/blog:latest", "ghcr.io/a/blog", Host),
            ("registry:5000/a/blog:latest", "ghcr.io/a/blog", Host),
            ("ghcr.io/a/blog:latest", "registry.example/a/blog", Host),
            ("1234.dkr.ecr.eu-west-1.amazonaws.com/a:latest", "1234.dkr.ecr.eu-west-2.amazonaws.com/a", Host),
            ("ghcr.io/a/blog:latest", "ghcr.io/b/blog", Repository),
            ("ghcr.io/a/blog:v1", "ghcr.io/a/blog", Tag),
            ("ghcr.io/a/blog:Latest", "ghcr.io/a/blog", Tag),
        ] {
            assert_eq!(differs(image, reference), Some(difference), "{image} {reference}");
        }
    }

    #[test]
    fn tags_that_nobody_gives_are_no_pushes() {
        let digits = "83e2ac635dd293d1946d4d3be7b926d74cb80177a850fb4a14f3766343f4b784";
        for tag in [
            String::new(),
            format!("sha256:{digits}"),
            format!("sha256-{digits}"),
            format!("sha256-{digits}.sig"),
            format!("sha256-{digits}.att"),
            format!("sha256-{digits}.sbom"),
        ] {
            assert!(Image::of(None, "a").unwrap().with_tag(&tag).is_err(), "{tag}");
        }
        for tag in ["latest", "sha256-blog", "v1.0"] {
            assert!(Image::of(None, "a").unwrap().with_tag(tag).is_ok(), "{tag}");
        }
        let old_harbor = Image::of_text(&format!("harbor.example/library/blog:sha256:{digits}"));
        assert_eq!(old_harbor, Err("a push by digest: the manifest of one platform"));
    }

    #[test]
    fn a_digest_that_cannot_be_read_is_left_out() {
        let image = Image::of_text("a/b:c@sha256:12").unwrap();
        assert_eq!((image.digest, image.tag.as_deref()), (None, Some("c")));
    }
}
