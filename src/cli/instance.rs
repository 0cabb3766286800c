//! `galley status`, `releases`, `rollback`, `pin`, `unpin` and `deploy`: a running instance is asked, and told.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::health::Target;
use super::report::{Report, count, size};
use crate::outbound::{Trust, client};
use crate::secret_file;

/// Where the instance is asked.
#[derive(Args)]
struct Where {
    /// The instance's control listener: http://HOST:PORT, HOST:PORT or unix:PATH
    #[arg(long, value_name = "URL", env = "GALLEY_CONTROL", default_value = "127.0.0.1:8081", hide_env_values = true)]
    control: Target,
}

/// What shows that something may be changed.
#[derive(Args)]
struct Permission {
    #[command(flatten)]
    place: Where,
    /// The file with the instance's token
    #[arg(long, value_name = "FILE", env = "GALLEY_CONTROL_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

/// Show what a running instance serves and follows
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley status\n  \
    galley status --control http://10.0.0.7:8081 --json")]
pub(super) struct StatusArguments {
    #[command(flatten)]
    place: Where,
    /// Print one JSON object, for programs
    #[arg(long)]
    json: bool,
}

/// List the releases that a running instance keeps
#[derive(Args)]
#[command(after_help = "Example:\n  galley releases --json")]
pub(super) struct ReleasesArguments {
    #[command(flatten)]
    place: Where,
    /// Print one JSON object, for programs
    #[arg(long)]
    json: bool,
}

/// Go back to an older release and stay there
///
/// Readers get it at once, without the registry. What is pushed afterwards is fetched and not served, until `galley unpin`.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley rollback --token-file token\n  \
    galley rollback 3f2a91 --token-file token")]
pub(super) struct RollbackArguments {
    /// The release, or the beginning of its digest [default: the one before]
    digest: Option<String>,
    #[command(flatten)]
    permission: Permission,
}

/// Stay at a release, whatever is pushed
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley pin --token-file token            stay at what is served\n  \
    galley pin 3f2a91 --token-file token")]
pub(super) struct PinArguments {
    /// The release, or the beginning of its digest [default: the one that is served]
    digest: Option<String>,
    #[command(flatten)]
    permission: Permission,
}

/// Follow the reference again after a pin or a rollback
#[derive(Args)]
#[command(after_help = "Example:\n  galley unpin --token-file token")]
pub(super) struct UnpinArguments {
    #[command(flatten)]
    permission: Permission,
}

/// Look at the followed reference now and serve what it points at
///
/// A release that was held, or that waits for a window, is served as well.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley deploy --token-file token\n  \
    galley deploy --dry-run --token-file token    fetch and check it, and say what would become of it")]
pub(super) struct DeployArguments {
    /// Fetch and check what the reference points at, and serve what was served
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    permission: Permission,
}

pub(super) fn status(arguments: &StatusArguments, report: &Report) -> anyhow::Result<()> {
    let status = arguments.place.ask(Method::GET, "/api/status", None, None)?;
    match arguments.json {
        true => report.result(serde_json::to_string_pretty(&status)?),
        false => report.result(status_text(&status).trim_end()),
    }
    Ok(())
}

pub(super) fn releases(arguments: &ReleasesArguments, report: &Report) -> anyhow::Result<()> {
    let answer = arguments.place.ask(Method::GET, "/api/releases", None, None)?;
    if arguments.json {
        report.result(serde_json::to_string_pretty(&answer)?);
        return Ok(());
    }
    for release in answer["releases"].as_array().into_iter().flatten() {
        report.result(listed(release));
    }
    Ok(())
}

pub(super) fn rollback(arguments: &RollbackArguments, report: &Report) -> anyhow::Result<()> {
    let answer = arguments.permission.change("/api/rollback", &json!({"digest": arguments.digest}))?;
    report.result(format!("serves {}; to follow again: galley unpin", line(&answer["serving"])));
    Ok(())
}

pub(super) fn pin(arguments: &PinArguments, report: &Report) -> anyhow::Result<()> {
    let answer = arguments.permission.change("/api/pin", &json!({"digest": arguments.digest}))?;
    report.result(format!("stays at {}", line(&answer["serving"])));
    Ok(())
}

pub(super) fn unpin(arguments: &UnpinArguments, report: &Report) -> anyhow::Result<()> {
    let answer = arguments.permission.change("/api/unpin", &json!({}))?;
    report.result(format!("follows again: {}", outcome(&answer)));
    Ok(())
}

pub(super) fn deploy(arguments: &DeployArguments, report: &Report) -> anyhow::Result<()> {
    let answer = arguments.permission.change("/api/deploy", &json!({"dry_run": arguments.dry_run}))?;
    if !arguments.dry_run {
        report.result(outcome(&answer));
        return Ok(());
    }
    let (decision, record) = (&answer["decision"], &answer["record"]);
    let would = match text(decision, "decision") {
        "install" => "would be served".to_owned(),
        "wait" => format!("would be kept and not served: {}", text(decision, "reason")),
        _ => format!("would not be served: {}", text(decision, "reason")),
    };
    report.result(format!("{} {would}; {}", line(record), changes(record)));
    Ok(())
}

impl Permission {
    fn change(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let token = self.token_file.as_ref().map(|file| {
            let text = secret_file::read(file).map_err(|error| match error {
                secret_file::SecretFileError::Io(error) => anyhow::anyhow!("{}: {error}", file.display()),
                secret_file::SecretFileError::WorldWritable => {
                    anyhow::anyhow!("{}: can be written by everybody; run `chmod o-w` on it", file.display())
                }
            })?;
            let first = text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
            first.with_context(|| format!("{}: is empty; write the token into it", file.display()))
        });
        self.place.ask(Method::POST, path, token.transpose()?.as_deref(), Some(body))
    }
}

impl Where {
    /// The answer of the instance, which is JSON.
    fn ask(&self, method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> anyhow::Result<Value> {
        let place = &self.control;
        let builder = client(&Trust { file: None })?.no_proxy();
        let (builder, base) = match place {
            Target::Tcp(host, port) => (builder, base(host, *port)),
            Target::Unix(path) => (builder.unix_socket(path.clone()), "http://localhost".to_owned()),
            Target::Nowhere(reason) => bail!("{reason}; name where to ask by --control"),
        };
        let mut request = builder.build()?.request(method, format!("{base}{path}"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(serde_json::to_vec(body)?);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (status, text) = runtime
            .block_on(async {
                let response = request.send().await?;
                Ok::<_, reqwest::Error>((response.status(), response.bytes().await?))
            })
            .map_err(reqwest::Error::without_url)
            .with_context(|| format!("{place}: no instance answers there"))?;
        let answer: Value = serde_json::from_slice(&text).unwrap_or_default();
        match (status, answer["error"].as_str()) {
            (StatusCode::OK, _) => Ok(answer),
            (_, Some(reason)) => bail!("{place}: {reason}"),
            (StatusCode::NOT_FOUND, None) => {
                bail!("{place}: there is no {path}: it is not the control listener of an instance that follows")
            }
            (status, None) => bail!("{place}: {path} answers {status}"),
        }
    }
}

/// A listener on all addresses is asked on the loopback.
fn base(host: &str, port: u16) -> String {
    let host = match host {
        "" | "0.0.0.0" | "localhost" => "127.0.0.1",
        "::" => "::1",
        other => other,
    };
    if host.contains(':') { format!("http://[{host}]:{port}") } else { format!("http://{host}:{port}") }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// `release 7 sha256:3f2a91… (confirmed)`
fn line(release: &Value) -> String {
    let status = text(release, "status");
    let reason = release["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!(
        "release {} {} of {}, {status}{reason}",
        release["sequence"],
        text(release, "digest"),
        text(release, "fetched").split('.').next().unwrap_or_default()
    )
}

/// The same with who brought it, the beginning of the commit that it was made from, and what changed by it.
fn listed(release: &Value) -> String {
    let revision: String = text(release, "revision").chars().take(12).collect();
    let revision = if revision.is_empty() { revision } else { format!("revision {revision}, ") };
    format!("{}; by {}, {revision}{}", line(release), text(release, "cause"), changes(release))
}

fn changes(release: &Value) -> String {
    let changes = &release["changes"];
    format!("{} added, {} changed, {} removed", changes["added"], changes["changed"], changes["removed"])
}

fn outcome(answer: &Value) -> String {
    match text(answer, "outcome") {
        "installed" => "the latest release is served".to_owned(),
        "same" => "the latest release is served already".to_owned(),
        "waiting" => format!("the latest release is kept and not served: {}", text(answer, "reason")),
        _ => format!("the latest release is refused: {}", text(answer, "reason")),
    }
}

fn status_text(status: &Value) -> String {
    let mut lines = vec![format!("follows {}", text(status, "reference"))];
    lines.push(match &status["serving"] {
        Value::Null => "serves content that it was started with".to_owned(),
        serving => {
            // A galley that came before says only who fetched it.
            let by = serving["installed_by"].as_str().unwrap_or_else(|| text(serving, "cause"));
            format!("serves {}, by {by}", line(serving))
        }
    });
    lines.push(format!("content {}", text(status, "content_root")));
    if let Some(baked) = status["baked"].as_u64() {
        lines.push(format!("the image holds release {baked}"));
    }
    if !status["pinned"].is_null() {
        let behind = usize::try_from(status["behind"].as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
        lines.push(format!("pinned, {} behind", count(behind, "release")));
    }
    if let Some(waiting) = status["waiting"].as_str() {
        lines.push(format!("the latest is not served: {waiting}"));
    }
    if let Some(program) = status["program"].as_str() {
        lines.push(program.to_owned());
    }
    if let Some(trouble) = status["trouble"].as_object() {
        let message = trouble.get("message").and_then(Value::as_str).unwrap_or_default();
        lines.push(format!("no look has gone well since {}: {message}", text(&status["trouble"], "since")));
    }
    if let Some(bytes) = status["crowded"].as_u64().filter(|bytes| *bytes > 0) {
        lines.push(format!(
            "{} of media beyond --memory are held: they could not be put on a disk; see the log",
            size(bytes)
        ));
    }
    lines.push(match status["state"].as_str() {
        Some(folder) => format!("state in {folder}"),
        None => "no state outlives a restart".to_owned(),
    });
    lines.join("\n")
}
