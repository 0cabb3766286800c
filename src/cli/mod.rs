//! The command line: parse, resolve, call the rooms, say what came of it.
//!
//! Results go to standard output, everything else to standard error. Exit codes: 0 done; 1 the site, the registry or the
//! instance is at fault; 2 usage.

mod build;
mod check;
mod diff;
mod external;
mod health;
mod history;
mod hook;
mod image;
mod inspect;
mod instance;
mod kept;
mod key;
mod listening;
mod memory;
mod new;
mod package;
mod post;
mod preview;
mod report;
mod serve;
mod settings;
mod source;
mod transfer;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use self::report::{LogLine, Report};
use crate::finding::Finding;
use crate::registry::Transport;

/// One static binary that renders a Markdown blog, serves it from memory, packs itself with it into an image, and follows
/// the registry.
#[derive(Parser)]
#[command(
    name = "galley",
    version,
    after_help = "Examples:\n  \
        galley new my-blog                                  start a blog\n  \
        galley preview my-blog                              write it, and see each change at once\n  \
        galley serve site                                   render a site and serve it on http://127.0.0.1:8080\n  \
        galley build site -o public                         render it into a folder\n  \
        galley diff registry.example/blog site              see what a push would change\n  \
        galley package site --push registry.example/blog    push it as an image\n  \
        galley serve --follow registry.example/blog         serve what is pushed there, now and later"
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// Print errors and warnings only
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Print also what is passed over and tried again
    #[arg(long, short, global = true)]
    verbose: bool,
}

#[derive(Subcommand)]
enum Verb {
    New(new::Arguments),
    Post(post::Arguments),
    Preview(preview::Arguments),
    Build(build::Arguments),
    Check(check::Arguments),
    Serve(Box<serve::Arguments>),
    Package(Box<package::Arguments>),
    Diff(diff::Arguments),
    Inspect(inspect::Arguments),
    Health(health::Arguments),
    Status(instance::StatusArguments),
    Releases(instance::ReleasesArguments),
    Rollback(instance::RollbackArguments),
    Pin(instance::PinArguments),
    Unpin(instance::UnpinArguments),
    Deploy(instance::DeployArguments),
    Key(key::Arguments),
    Hook(hook::Arguments),
}

/// How registries are reached.
#[derive(Args, Clone)]
struct RegistryArguments {
    /// Certificates in PEM to trust beside the usual ones: a registry's own, or its CA's
    #[arg(long, value_name = "FILE", env = "GALLEY_REGISTRY_CA")]
    registry_ca: Option<PathBuf>,
    /// Speak plain HTTP to the registry; without this only to registries on this machine
    #[arg(long, env = "GALLEY_REGISTRY_PLAIN_HTTP", value_parser = clap::builder::FalseyValueParser::new())]
    registry_plain_http: bool,
}

impl RegistryArguments {
    fn transport(&self) -> Transport {
        Transport { plain_http: self.registry_plain_http, ca: self.registry_ca.clone(), ..Transport::default() }
    }
}

/// Runs the program with `arguments`, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let command = Cli::command();
    let added = match settings::added(&command, &arguments) {
        Ok(added) => added,
        Err(finding) => return at_fault(finding),
    };
    let parsed = command.try_get_matches_from(added.to(&arguments));
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            if let Some(finding) = added.blame(&error) {
                return at_fault(finding);
            }
            // Help and version are no errors, and go to standard output. Where even that is closed, nobody listens.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let report = Report::new(cli.quiet);
    if let Err(error) = report.findings(&added.warnings, "nothing was done") {
        report.error(&error);
        return ExitCode::FAILURE;
    }
    log_to_standard_error(&cli);
    let done = match cli.verb {
        Verb::New(arguments) => new::run(&arguments, &report),
        Verb::Post(arguments) => post::run(&arguments, &report),
        Verb::Preview(arguments) => preview::run(&arguments, &report),
        Verb::Build(arguments) => build::run(&arguments, &report),
        Verb::Check(arguments) => check::run(&arguments, &report),
        Verb::Serve(arguments) => serve::run(*arguments, &report),
        Verb::Package(arguments) => package::run(&arguments, &report),
        Verb::Diff(arguments) => diff::run(&arguments, &report),
        Verb::Inspect(arguments) => inspect::run(&arguments, &report),
        Verb::Health(arguments) => health::run(&arguments, &report),
        Verb::Status(arguments) => instance::status(&arguments, &report),
        Verb::Releases(arguments) => instance::releases(&arguments, &report),
        Verb::Rollback(arguments) => instance::rollback(&arguments, &report),
        Verb::Pin(arguments) => instance::pin(&arguments, &report),
        Verb::Unpin(arguments) => instance::unpin(&arguments, &report),
        Verb::Deploy(arguments) => instance::deploy(&arguments, &report),
        Verb::Key(arguments) => key::run(&arguments, &report),
        Verb::Hook(arguments) => hook::run(&arguments, &report),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report.error(&error);
            ExitCode::FAILURE
        }
    }
}

/// A site's own settings can't be used.
fn at_fault(finding: Finding) -> ExitCode {
    let report = Report::new(true);
    if let Err(error) = report.findings(&[finding], "nothing was done") {
        report.error(&error);
    }
    ExitCode::FAILURE
}

fn log_to_standard_error(cli: &Cli) {
    let level = match (cli.quiet, cli.verbose) {
        (true, _) => Level::WARN,
        (_, true) => Level::DEBUG,
        _ => Level::INFO,
    };
    // Libraries below are chatty at the same levels.
    let own = Targets::new().with_target("galley", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).event_format(LogLine);
    let log = tracing_subscriber::registry().with(lines).with(own);
    // A second call within one process, as in tests, keeps the first one's.
    if log.try_init().is_err() {
        tracing::debug!("a log is set up already");
    }
}
