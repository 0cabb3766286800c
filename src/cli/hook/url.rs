//! `galley hook url`

use anyhow::bail;
use clap::Args;

use super::super::report::Report;
use super::SecretArguments;
use super::forms::{Form, form};
use super::target::Target;
use crate::follow::{Secrets, Sender};

/// Print what to enter where a registry's webhook is set up
///
/// For each sender: where its form is, and what belongs into which field. The secret is printed with it.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley hook url --host https://blog.example --secret-file hook-secret\n  \
    galley hook url --host https://blog.example --secret-file hook-secret --sender github")]
pub(super) struct Arguments {
    /// Where the blog is reached from outside
    #[arg(long, value_name = "URL")]
    host: Target,
    #[command(flatten)]
    secret: SecretArguments,
    /// Only this sender: docker-hub, github, gitlab, distribution, harbor, quay, gitea, forgejo, ecr, azure, google, jfrog,
    /// aliyun or generic
    #[arg(long, value_name = "NAME")]
    sender: Option<Sender>,
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    let Some(file) = &arguments.secret.secret_file else {
        bail!("there is no secret to print; name the file of `galley serve --hook-secret-file` with --secret-file");
    };
    let secrets = Secrets::read(file)?;
    if arguments.host.is_clear() {
        report.say("over http:// the secret can be read on the way; use https:// outside of your own network");
    }
    let all = Sender::ALL;
    let senders = arguments.sender.as_ref().map_or(&all[..], std::slice::from_ref);
    let forms =
        senders.iter().map(|sender| in_words(*sender, &form(*sender, &arguments.host, secrets.first().reveal())));
    report.result(forms.collect::<Vec<_>>().join("\n\n"));
    Ok(())
}

/// A line a field, and what has several lines below its name.
fn in_words(sender: Sender, form: &Form) -> String {
    let width = form.fields.iter().map(|(name, _)| name.chars().count() + 1).max().unwrap_or(0);
    let mut lines = vec![format!("{sender}: {}", form.place)];
    for (name, value) in &form.fields {
        let name = format!("{name}:");
        match value.contains('\n') {
            false => lines.push(format!("  {name:width$} {value}")),
            true => {
                lines.push(format!("  {name}"));
                lines.extend(value.lines().map(|line| format!("    {line}")));
            }
        }
    }
    lines.extend(form.note.map(|note| format!("  ({note})")));
    lines.join("\n")
}
