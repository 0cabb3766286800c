//! Who sends a delivery.

use std::fmt;
use std::str::FromStr;

use http::HeaderMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::text;

/// Those whose webhooks are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Docker Hub.
    DockerHub,
    /// Quay, Red Hat's and one's own.
    Quay,
    /// GitHub, with its registry ghcr.io.
    GitHub,
    /// GitLab; its registry sends what distribution does.
    GitLab,
    /// The registry of the CNCF, `registry:2` and `registry:3`.
    Distribution,
    /// Harbor.
    Harbor,
    /// Azure Container Registry.
    Azure,
    /// Amazon's ECR, by EventBridge.
    Amazon,
    /// Google's Artifact Registry, by Pub/Sub.
    Google,
    /// Gitea.
    Gitea,
    /// Forgejo, and with it Codeberg.
    Forgejo,
    /// JFrog Artifactory.
    JFrog,
    /// Aliyun Container Registry.
    Aliyun,
    /// A script of one's own: galley's or the Standard Webhooks' signature.
    Generic,
    /// Nobody that is known.
    Unknown,
}

/// A name that no sender has.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` sends no hooks that galley knows; name one of {known}", known = Sender::ALL.map(Sender::name).join(", "))]
pub struct SenderError(String);

impl Sender {
    /// All that are known.
    pub const ALL: [Self; 14] = [
        Self::DockerHub,
        Self::GitHub,
        Self::GitLab,
        Self::Distribution,
        Self::Harbor,
        Self::Quay,
        Self::Gitea,
        Self::Forgejo,
        Self::Amazon,
        Self::Azure,
        Self::Google,
        Self::JFrog,
        Self::Aliyun,
        Self::Generic,
    ];

    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::DockerHub => "docker-hub",
            Self::Quay => "quay",
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Distribution => "distribution",
            Self::Harbor => "harbor",
            Self::Azure => "azure",
            Self::Amazon => "ecr",
            Self::Google => "google",
            Self::Gitea => "gitea",
            Self::Forgejo => "forgejo",
            Self::JFrog => "jfrog",
            Self::Aliyun => "aliyun",
            Self::Generic => "generic",
            Self::Unknown => "unknown",
        }
    }

    /// Who sent this. Forgejo pretends to be Gitea as well, and both pretend to be GitHub.
    pub(super) fn of(headers: &HeaderMap, body: &Value) -> Self {
        let by_header = [
            ("x-forgejo-event", Self::Forgejo),
            ("x-gitea-event", Self::Gitea),
            ("x-gogs-event", Self::Gitea),
            ("x-github-event", Self::GitHub),
            ("x-gitlab-event", Self::GitLab),
        ];
        let found = by_header.iter().find(|(name, _)| headers.contains_key(*name)).map(|(_, sender)| *sender);
        found.unwrap_or_else(|| Self::of_body(headers, body))
    }

    /// Most have no header of their own.
    fn of_body(headers: &HeaderMap, body: &Value) -> Self {
        let has = |place: &str| body.pointer(place).is_some_and(|value| !value.is_null());
        let said = |place: &str| text(body, place).unwrap_or_default();
        let kind = headers.get("ce-type").and_then(|kind| kind.to_str().ok()).unwrap_or(said("/type"));
        if body["events"].is_array() {
            Self::Distribution
        } else if said("/domain") == "docker" || headers.contains_key("x-jfrog-event-auth") {
            Self::JFrog
        } else if has("/event_data") || kind.starts_with("harbor.") {
            Self::Harbor
        } else if ["/source", "/data/source"].iter().any(|place| said(place) == "aws.ecr")
            || ["/repository-name", "/detail/repository-name", "/data/repository-name", "/data/detail/repository-name"]
                .iter()
                .any(|place| has(place))
        {
            Self::Amazon
        } else if has("/message/data") || ["INSERT", "DELETE"].contains(&said("/action")) {
            Self::Google
        } else if has("/push_data") {
            let aliyun = has("/repository/repo_full_name") && !has("/repository/repo_name");
            if aliyun { Self::Aliyun } else { Self::DockerHub }
        } else if has("/docker_url") {
            Self::Quay
        } else if has("/target") || has("/data/target") || has("/request/host") {
            Self::Azure
        } else {
            Self::of_forge(body).unwrap_or(match has("/image") || has("/data/image") {
                true => Self::Generic,
                false => Self::Unknown,
            })
        }
    }

    /// A forge whose header was lost: in a file, or behind a relay.
    fn of_forge(body: &Value) -> Option<Self> {
        let has = |place: &str| body.pointer(place).is_some();
        if has("/registry_package")
            || has("/package/package_version")
            || has("/package/package_type")
            || has("/hook_id")
        {
            Some(Self::GitHub)
        } else if has("/object_kind") {
            Some(Self::GitLab)
        } else if has("/package/owner") || has("/after") && has("/compare_url") {
            Some(Self::Gitea)
        } else {
            (has("/ref") && has("/after")).then_some(Self::GitHub)
        }
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Sender {
    type Err = SenderError;

    fn from_str(name: &str) -> Result<Self, SenderError> {
        let known = Self::ALL.into_iter().find(|sender| sender.name() == name);
        known.ok_or_else(|| SenderError(name.chars().take(100).collect()))
    }
}

impl Serialize for Sender {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
