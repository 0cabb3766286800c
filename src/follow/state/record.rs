//! What is known of a release, and which one is served: `releases/<hex>.json` and `current.json`.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::snapshot::{Compared, ContentRoot, Digest, Tree};

/// A release as the state keeps it. The format is public (the manual's page on following): fields are added, never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The digest of the index.
    pub digest: Digest,
    /// What was asked for when it came.
    pub reference: String,
    /// The number that its maker gave it.
    pub sequence: u64,
    /// What its layers hold.
    pub content_root: ContentRoot,
    /// The commit that it was made from, if its maker said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The digest of the manifest for this platform.
    pub manifest: Digest,
    /// The digests of the layers that hold the content, lowest first.
    pub layers: Vec<Digest>,
    /// The digest of the layer that holds the program, if the image says which one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary: Option<Digest>,
    /// The digest of the program in it, once it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Digest>,
    /// Why the program is not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program_fault: Option<String>,
    /// The digests of its files that lie in the state, because memory has no room for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Digest>,
    /// Its files and their bytes, unpacked.
    pub size: Size,
    /// How it differs from what was served when it came.
    #[serde(default)]
    pub changes: Changes,
    /// What made the instance look.
    pub cause: Cause,
    /// When it was fetched and verified.
    pub fetched: Timestamp,
    /// When it was last put in the place of another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed: Option<Timestamp>,
    /// Why. A galley that came before did not write it down.
    #[serde(default)]
    pub installed_by: Option<Cause>,
    /// What became of it.
    #[serde(flatten)]
    pub status: Status,
}

/// How much a release holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// The number of its files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them have names that hold their own hashes.
    #[serde(default)]
    pub fingerprinted: u64,
}

impl Size {
    /// How much is in `tree`.
    pub fn of(tree: &Tree) -> Self {
        let fingerprinted = tree.count_fingerprinted() as u64;
        Self { files: tree.len() as u64, bytes: tree.length(), fingerprinted }
    }
}

/// How many files of a release are not those of the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Only in it.
    pub added: u64,
    /// With other bytes or another date.
    pub changed: u64,
    /// Only in the one before.
    pub removed: u64,
}

impl From<Compared> for Changes {
    fn from(compared: Compared) -> Self {
        let Compared { added, changed, removed } = compared;
        Self { added: added as u64, changed: changed as u64, removed: removed as u64 }
    }
}

/// Why an instance looked at its reference, or put a release in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// It had just begun.
    Start,
    /// The interval was over.
    Poll,
    /// A webhook.
    Hook,
    /// Somebody asked for it, at the control listener.
    Person,
    /// The release that was served did harm.
    Harm,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "the start",
            Self::Poll => "a poll",
            Self::Hook => "a hook",
            Self::Person => "a person",
            Self::Harm => "galley itself, because another one did harm",
        })
    }
}

/// What became of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", content = "reason", rename_all = "lowercase")]
pub enum Status {
    /// It is here and verified, and has not been served.
    Fetched,
    /// It waits for a person's word, for this reason.
    Held(String),
    /// It was put in place, and its first minute is not over, or was cut short.
    Installed,
    /// It was served for a minute without a fault.
    Confirmed,
    /// It is never served again, for this reason, unless a person asks for it.
    Quarantined(String),
}

impl Status {
    /// One word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Held(_) => "held",
            Self::Installed => "installed",
            Self::Confirmed => "confirmed",
            Self::Quarantined(_) => "quarantined",
        }
    }

    /// Whether it was served and did no harm so far.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Confirmed | Self::Installed)
    }

    /// Whether it is never to be served again: nothing is kept of it but its name.
    pub fn is_harmful(&self) -> bool {
        matches!(self, Self::Quarantined(_))
    }

    /// Why, where there is a reason.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Held(reason) | Self::Quarantined(reason) => Some(reason),
            Self::Fetched | Self::Installed | Self::Confirmed => None,
        }
    }
}

/// Which releases are which: the one commit point of the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// The one that is served.
    #[serde(default)]
    pub current: Option<Digest>,
    /// The one before.
    #[serde(default)]
    pub previous: Option<Digest>,
    /// The one that stays, whatever is pushed.
    #[serde(default)]
    pub pinned: Option<Digest>,
}

impl Current {
    /// All that it names.
    pub fn named(&self) -> impl Iterator<Item = Digest> {
        [self.current, self.previous, self.pinned].into_iter().flatten()
    }
}
