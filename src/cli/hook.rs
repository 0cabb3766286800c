//! `galley hook`

mod capture;
mod forms;
mod replay;
mod target;
mod url;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::report::Report;

/// Set up webhooks, and see what becomes of them
///
/// The instance is told by a webhook that an image was pushed. `url` prints what to enter where the registry is set up; `replay`
/// says how a delivery is read, and sends it once more.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley hook url --host https://blog.example --secret-file hook-secret --sender github\n  \
    galley hook replay delivery.json --follow ghcr.io/me/blog")]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Url(url::Arguments),
    Replay(replay::Arguments),
}

/// Where the secrets are.
#[derive(Args)]
struct SecretArguments {
    /// A file with one secret a line: that of `galley serve --hook-secret-file`; the first one is used
    #[arg(long, value_name = "FILE", env = "GALLEY_HOOK_SECRET_FILE")]
    secret_file: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    match &arguments.verb {
        Verb::Url(arguments) => url::run(arguments, report),
        Verb::Replay(arguments) => replay::run(arguments, report),
    }
}
