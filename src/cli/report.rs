//! What a person reads on the terminal.

use std::collections::HashMap;
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::Instant;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::finding::Finding;

/// Prints to standard output and standard error. A closed pipe there is nobody's error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    quiet: bool,
    /// Whether standard output is for something else.
    output_is_taken: bool,
    started: Instant,
}

impl Report {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, output_is_taken: false, started: Instant::now() }
    }

    /// The same, which leaves standard output to something else.
    pub(super) fn without_output(self) -> Self {
        Self { output_is_taken: true, ..self }
    }

    /// What a program may want to read: on standard output, unless that is taken.
    pub(super) fn result(&self, line: impl Display) {
        if self.output_is_taken {
            return self.say(line);
        }
        let mut output = std::io::stdout();
        let _ = writeln!(output, "{line}").and_then(|()| output.flush());
    }

    /// What a person wants to know.
    pub(super) fn say(&self, line: impl Display) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }

    /// How far long work has come: on a terminal one line that is written over.
    pub(super) fn progress(&self, line: impl Display) {
        if self.quiet {
            return;
        }
        let mut output = std::io::stderr();
        let written = match output.is_terminal() {
            true => write!(output, "\r\x1b[K{line}").and_then(|()| output.flush()),
            false => writeln!(output, "{line}"),
        };
        drop(written);
    }

    /// Whether a line of progress can be written over.
    pub(super) fn is_on_terminal(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Clears the line of the progress.
    pub(super) fn progress_ends(&self) {
        let mut output = std::io::stderr();
        if !self.quiet && output.is_terminal() {
            let _ = write!(output, "\r\x1b[K").and_then(|()| output.flush());
        }
    }

    /// Why it did not work.
    pub(super) fn error(&self, error: &anyhow::Error) {
        let mut line = error.to_string();
        // Most messages hold their cause already; contexts do not.
        for cause in error.chain().skip(1).map(ToString::to_string) {
            if !line.contains(&cause) {
                line = format!("{line}: {cause}");
            }
        }
        let _ = writeln!(std::io::stderr(), "error: {line}");
    }

    /// Milliseconds since the command began.
    pub(super) fn elapsed(&self) -> String {
        let elapsed = self.started.elapsed();
        if elapsed.as_secs() < 10 { format!("{} ms", elapsed.as_millis()) } else { format!("{} s", elapsed.as_secs()) }
    }

    /// Prints findings, each message once: what 80 pages have in common is one line. Fails if one is an error.
    pub(super) fn findings(&self, findings: &[Finding], consequence: &str) -> anyhow::Result<()> {
        let mut counts: HashMap<(&str, bool), usize> = HashMap::new();
        for finding in findings {
            *counts.entry(kind(finding)).or_default() += 1;
        }
        for finding in findings.iter().filter(|finding| finding.is_error() || !self.quiet) {
            let Some(count) = counts.remove(&kind(finding)) else { continue };
            let more = if count > 1 { format!(" (and {} more like it)", count - 1) } else { String::new() };
            let severity = if finding.is_error() { "" } else { "warning: " };
            let _ = writeln!(std::io::stderr(), "{severity}{finding}{more}");
        }
        match findings.iter().filter(|finding| finding.is_error()).count() {
            0 => Ok(()),
            1 => anyhow::bail!("1 error in the site; {consequence}"),
            errors => anyhow::bail!("{errors} errors in the site; {consequence}"),
        }
    }
}

/// A line of the log looks like every other line: the level only where it matters. Time and host are the business of
/// whoever collects the lines.
pub(super) struct LogLine;

impl<S, N> FormatEvent<S, N> for LogLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let level = match *event.metadata().level() {
            Level::ERROR => "error: ",
            Level::WARN => "warning: ",
            Level::INFO => "",
            Level::DEBUG | Level::TRACE => "debug: ",
        };
        write!(writer, "{level}")?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// Errors are shown each; warnings are counted by their message.
fn kind(finding: &Finding) -> (&str, bool) {
    (&finding.message, finding.is_error())
}

/// `310 KB`, in steps of 1000.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} bytes"),
        1000..10_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        10_000..1_000_000 => format!("{:.0} KB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// `1 page`, `42 pages`.
pub(super) fn count(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}
