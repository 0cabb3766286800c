//! `galley hook replay`

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, bail};
use clap::Args;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue};

use super::super::report::Report;
use super::SecretArguments;
use super::capture::Capture;
use super::target::Target;
use crate::follow::{Content, Image, Meaning, Reading, Secrets, Sender, headers_of, meaning, read, send, shows_secret};
use crate::registry::Reference;

/// Say how a delivery is read, and send it once more
///
/// FILE holds the body of a delivery, as the registry's page shows it; a whole request; or JSON with "headers" and "body". It
/// says who sent it, of which image it speaks, and with --follow what it means for an instance. With --to it is sent there,
/// signed as its sender does it, and the answer is printed.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley hook replay delivery.json\n  \
    galley hook replay delivery.json --follow ghcr.io/me/blog\n  \
    galley hook replay delivery.json --to https://blog.example --secret-file hook-secret")]
pub(super) struct Arguments {
    /// A delivery that was kept
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The image that an instance follows
    #[arg(long, value_name = "REF", env = "GALLEY_FOLLOW")]
    follow: Option<Reference>,
    /// Send it to the instance that is reached there
    #[arg(long, value_name = "URL", requires = "secret_file")]
    to: Option<Target>,
    #[command(flatten)]
    secret: SecretArguments,
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    let capture = Capture::read(&arguments.file)?;
    let reading = read(&capture.headers, &capture.body);
    describe(&reading, report);
    if let Some(reference) = &arguments.follow {
        let meant = match meaning(&reading.content, reference) {
            Meaning::Look(_) => "look at it",
            Meaning::Irrelevant(why) => &format!("nothing to do: {why}"),
        };
        report.result(format_args!("for {reference}: {meant}"));
    }
    match (&arguments.to, &arguments.secret.secret_file) {
        (Some(target), Some(file)) => post(target, &Secrets::read(file)?, capture, reading.sender, report),
        _ => Ok(()),
    }
}

fn describe(reading: &Reading, report: &Report) {
    report.result(format_args!("sender: {}", reading.sender));
    if let Some(id) = &reading.id {
        report.result(format_args!("delivery: {id}"));
    }
    match &reading.content {
        Content::Images(images) => {
            for image in images {
                report.result(format_args!("image: {}", name(image)));
            }
        }
        Content::Push(push) => {
            let commit = push.commit.as_deref().unwrap_or("deleted");
            report.result(format_args!("push to git: {} {} {commit}", push.repository, push.reference));
        }
        Content::Nothing(why) => report.result(format_args!("no image: {why}")),
        Content::Unknown => report.result("not understood: an instance looks, if the sender knows its secret"),
    }
}

fn name(image: &Image) -> String {
    let host = image.host.as_ref().map(|host| format!("{host}/")).unwrap_or_default();
    let tag = image.tag.as_ref().map_or(", any tag".to_owned(), |tag| format!(":{tag}"));
    let digest = image.digest.map(|digest| format!("@{digest}")).unwrap_or_default();
    format!("{host}{}{tag}{digest}", image.repository)
}

fn post(target: &Target, secrets: &Secrets, capture: Capture, sender: Sender, report: &Report) -> anyhow::Result<()> {
    let secret = secrets.first();
    let mut headers = passed_on(&capture.headers);
    let url = match headers_of(sender, secret, &capture.body, SystemTime::now()) {
        None => target.with_secret(secret.reveal()),
        Some(shown) => {
            for (name, value) in shown {
                let mut value =
                    HeaderValue::try_from(value).context("the secret has characters that no header can hold")?;
                value.set_sensitive(true);
                headers.insert(name, value);
            }
            target.plain()
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (status, said) = runtime.block_on(send(&url, headers, capture.body))?;
    report.result(format_args!("answer: {status} {said}"));
    match status {
        200..300 => Ok(()),
        401 => bail!("the instance does not know the secret; compare --secret-file with its --hook-secret-file"),
        404 => bail!("there are no hooks at that address; is it an instance with --hook-secret-file?"),
        _ => bail!("the instance did not take the delivery"),
    }
}

/// What the delivery said of itself; what belongs to the connection, or shows a secret, is made anew.
fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let of_connection = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING];
    let kept = headers.iter().filter(|(name, _)| !of_connection.contains(name) && !shows_secret(name.as_str()));
    let mut kept: HeaderMap = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    kept.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    kept
}
