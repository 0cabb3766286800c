//! `galley serve --notify`: who is told of swaps.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::Args;

use crate::config;
use crate::follow::{Counts, Kind, Notices, Way};
use crate::secret_file::{self, SecretFileError};

#[derive(Args)]
pub(super) struct NoticeArguments {
    /// Tell of swaps, rollbacks and what is not served: webhook=URL, slack=URL, ntfy=URL, github=OWNER/REPO, gitea=URL/OWNER/REPO or websub=URL; may be repeated
    #[arg(
        long,
        value_name = "WAY",
        value_delimiter = ',',
        env = "GALLEY_NOTIFY",
        hide_env_values = true,
        requires = "follow"
    )]
    notify: Vec<String>,
    /// A file with one such way a line, and behind a space its token: for addresses that are secrets themselves
    #[arg(long, value_name = "FILE", env = "GALLEY_NOTIFY_FILE", requires = "follow")]
    notify_file: Option<PathBuf>,
    /// The file with the token of a kind of way, as github=FILE, or with the key that a webhook is signed with
    #[arg(
        long,
        value_name = "KIND=FILE",
        value_delimiter = ',',
        env = "GALLEY_NOTIFY_TOKEN_FILE",
        requires = "follow"
    )]
    notify_token_file: Vec<String>,
    /// Where readers find the blog, for notices [default: what its feed says]
    #[arg(long, value_name = "URL", value_parser = config::base_url, env = "GALLEY_PUBLIC_URL", requires = "follow")]
    public_url: Option<String>,
}

/// Who is to be told.
pub(super) struct Telling {
    ways: Vec<Way>,
    place: Option<String>,
}

impl NoticeArguments {
    /// Reads all ways with their tokens; `None` if there are none. No message holds an address or a token.
    pub(super) fn read(&self) -> anyhow::Result<Option<Telling>> {
        let mut ways = Vec::new();
        for (number, text) in self.notify.iter().enumerate() {
            ways.push(Way::parse(text).with_context(|| format!("--notify, way {}", number + 1))?);
        }
        if let Some(path) = &self.notify_file {
            for (number, line) in read(path)?.lines().enumerate() {
                if !line.trim().is_empty() && !line.starts_with('#') {
                    ways.push(Way::parse_line(line).with_context(|| format!("{}:{}", path.display(), number + 1))?);
                }
            }
        }
        for text in &self.notify_token_file {
            let (kind, path) = text.split_once('=').context("--notify-token-file wants KIND=FILE, as github=token")?;
            let kind: Kind = kind.parse().map_err(|_| {
                anyhow!("--notify-token-file: `{kind}` is no kind of way; write webhook, ntfy, github or gitea")
            })?;
            let path = Path::new(path);
            let token = read(path)?;
            let token = token.lines().map(str::trim).find(|line| !line.is_empty());
            let token = token.with_context(|| format!("{}: is empty; write the token into it", path.display()))?;
            if !ways.iter().any(|way| way.kind() == kind) {
                bail!("{}: there is no way of the kind {} that it is for; add one", path.display(), kind.name());
            }
            // A line that has a token of its own keeps it.
            let with_token =
                |way: Way| if way.kind() == kind && !way.has_token() { way.with_token(token) } else { Ok(way) };
            ways = ways.into_iter().map(with_token).collect::<Result<_, _>>()?;
        }
        let ways = ways.into_iter().map(Way::complete).collect::<Result<Vec<_>, _>>()?;
        Ok((!ways.is_empty()).then(|| Telling { ways, place: self.public_url.clone() }))
    }
}

impl Telling {
    /// The ways, for a line at the start.
    pub(super) fn line(&self) -> String {
        self.ways.iter().map(Way::to_string).collect::<Vec<_>>().join(", ")
    }

    /// Begins; in a runtime.
    pub(super) fn start(self, counts: &Counts) -> anyhow::Result<Notices> {
        Notices::start(self.ways, self.place, counts).map_err(|error| anyhow!("nobody can be told of swaps: {error}"))
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    secret_file::read(path).map_err(|error| match error {
        SecretFileError::Io(error) => anyhow!("{}: {error}", path.display()),
        SecretFileError::WorldWritable => {
            anyhow!("{}: can be written by everybody; run `chmod o-w` on it", path.display())
        }
    })
}
