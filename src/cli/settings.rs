//! `[serve]` and `[package]` of galley.toml: the flags of those verbs, where neither the command line nor the environment
//! says otherwise.
//!
//! The command line is read once for the site that it names, and once more with what that site's file adds. So a key of the
//! file takes what its flag takes, and no flag is listed twice.

use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;

use clap::error::ContextKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgGroup, ArgMatches, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::source::Source;
use crate::config::FILE;
use crate::finding::{Finding, Position, unknown_key};

/// Verbs whose flags the file may hold, and the argument that names the site.
const VERBS: [(&str, &str); 2] = [("serve", "source"), ("package", "site")];
/// Flags that are about the command line itself.
const NOT_IN_FILE: [&str; 4] = ["help", "version", "quiet", "verbose"];

/// What the file adds to the command line.
#[derive(Debug, Default)]
pub(super) struct Added {
    /// The file's name, as messages have it.
    file: String,
    flags: Vec<Flag>,
    /// Keys that no flag has.
    pub(super) warnings: Vec<Finding>,
}

#[derive(Debug)]
struct Flag {
    /// As on the command line: `--key` or `--key=value`.
    text: String,
    at: Position,
}

/// What the site that `arguments` name adds to them. What is wrong with the command line itself is left to those who parse it.
pub(super) fn added(command: &Command, arguments: &[OsString]) -> Result<Added, Finding> {
    // Without its file something that is required may be missing.
    let Ok(matches) = command.clone().ignore_errors(true).try_get_matches_from(arguments) else {
        return Ok(Added::default());
    };
    let Some((verb, given)) = matches.subcommand() else { return Ok(Added::default()) };
    let Some((_, place)) = VERBS.iter().find(|(name, _)| *name == verb) else { return Ok(Added::default()) };
    let (Some(flags), Some(file)) = (command.find_subcommand(verb), settings_file(given, place)) else {
        return Ok(Added::default());
    };
    // A site may have no file. One that can't be read, or is no TOML, keeps the site from being loaded, and that says why.
    let Ok(text) = fs::read_to_string(&file) else { return Ok(Added::default()) };
    let Ok(table) = DeTable::parse(&text) else { return Ok(Added::default()) };
    Reading { file: &file.display().to_string(), text: &text, verb }.read(table.get_ref(), flags, given)
}

/// The file of the site that is named, or of the one that is there; none if it is something else that is named.
fn settings_file(given: &ArgMatches, place: &str) -> Option<PathBuf> {
    let named = given.try_get_one::<String>(place).ok().flatten().map(String::as_str);
    let elsewhere = |id| given.try_contains_id(id).unwrap_or(false);
    if named.is_none() && elsewhere("follow") {
        return None;
    }
    match Source::resolve(named) {
        Ok(Source::Site(folder)) => Some(folder.join(FILE)),
        _ => None,
    }
}

struct Reading<'a> {
    file: &'a str,
    text: &'a str,
    verb: &'a str,
}

impl Reading<'_> {
    fn read(self, table: &DeTable<'_>, command: &Command, given: &ArgMatches) -> Result<Added, Finding> {
        let Some(table) = table.get(self.verb) else { return Ok(Added::default()) };
        let at = |offset| Position::of(self.text, offset);
        let Some(entries) = table.get_ref().as_table() else {
            let message = format!("'{}' must be a table", self.verb);
            return Err(self.error(at(table.span().start), message));
        };
        let known: Vec<(String, &Arg)> = command.get_arguments().filter_map(|arg| Some((key(arg)?, arg))).collect();
        let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
        let mut added = Added { file: self.file.to_owned(), ..Added::default() };
        for (name, value) in entries {
            let Some((_, arg)) = known.iter().find(|(known, _)| known == name.get_ref()) else {
                let message = unknown_key(name.get_ref(), &format!("[{}]", self.verb), &names);
                added.warnings.push(Finding::warning(self.file, Some(at(name.span().start)), message));
                continue;
            };
            if is_overruled(arg, command, given) {
                continue;
            }
            let texts = flag_texts(arg, value).map_err(|expected| {
                self.error(
                    at(value.span().start),
                    format!("'{}' in [{}] must be {expected}", name.get_ref(), self.verb),
                )
            })?;
            let flag = |text| Flag { text, at: at(value.span().start) };
            added.flags.extend(texts.into_iter().map(flag));
        }
        Ok(added)
    }

    fn error(&self, at: Position, message: String) -> Finding {
        Finding::error(self.file, Some(at), message)
    }
}

/// The key of a flag: its name with underscores, as all keys of the file have them.
fn key(arg: &Arg) -> Option<String> {
    let long = arg.get_long().filter(|long| !NOT_IN_FILE.contains(long))?;
    Some(long.replace('-', "_"))
}

/// Whether the command line or the environment says something else: the same flag, one that excludes it, or another one of
/// those of which one is needed.
fn is_overruled(arg: &Arg, command: &Command, given: &ArgMatches) -> bool {
    let id = arg.get_id();
    // Which of the two names the other one is a matter of taste.
    let excludes =
        |one, other: &Arg| command.get_arg_conflicts_with(one).iter().any(|arg| arg.get_id() == other.get_id());
    let excluding =
        command.get_arguments().filter(|other| excludes(arg, other) || excludes(other, arg)).map(Arg::get_id);
    let needed =
        command.get_groups().filter(|group| group.is_required_set() && group.get_args().any(|other| other == id));
    let alternatives = needed.flat_map(ArgGroup::get_args);
    std::iter::once(id).chain(excluding).chain(alternatives).any(|id| is_said(given, id.as_str()))
}

/// Whether the command line or the environment says it.
fn is_said(given: &ArgMatches, id: &str) -> bool {
    // An id that is unknown here belongs to the program's own flags.
    given.try_contains_id(id).is_ok()
        && matches!(given.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}

/// A value as its flag is written, once for each item of a list; the error says what it must be.
fn flag_texts(arg: &Arg, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, &'static str> {
    let long = arg.get_long().unwrap_or_default();
    if !arg.get_action().takes_values() {
        let wanted = value.get_ref().as_bool().ok_or("true or false")?;
        return Ok(wanted.then(|| format!("--{long}")).into_iter().collect());
    }
    let scalar = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Ok(format!("--{long}={text}")),
        DeValue::Integer(number) => Ok(format!("--{long}={}", number.as_str())),
        // A flag that may stand without a value is one of yes and no.
        DeValue::Boolean(value) if arg.get_num_args().is_some_and(|range| range.min_values() == 0) => {
            Ok(format!("--{long}={value}"))
        }
        _ => Err("a text in quotes or a number"),
    };
    match value.get_ref() {
        DeValue::Array(items) if arg.get_value_delimiter().is_some() => {
            items.iter().map(|item| scalar(item.get_ref())).collect()
        }
        value => Ok(vec![scalar(value)?]),
    }
}

impl Added {
    /// The command line with what the file adds, right behind the verb: what follows may be a `--`, behind which nothing is a
    /// flag.
    pub(super) fn to(&self, arguments: &[OsString]) -> Vec<OsString> {
        let is_verb = |argument: &OsString| VERBS.iter().any(|(verb, _)| argument == OsStr::new(verb));
        let behind = arguments.iter().skip(1).position(is_verb).map_or(arguments.len(), |at| at + 2);
        let (before, after) = arguments.split_at(behind);
        let added = self.flags.iter().map(|flag| OsString::from(&flag.text));
        before.iter().cloned().chain(added).chain(after.iter().cloned()).collect()
    }

    /// The place in the file that `error` is about, if it is about a value from there.
    pub(super) fn blame(&self, error: &clap::Error) -> Option<Finding> {
        let about = error.get(ContextKind::InvalidArg)?.to_string();
        let long = about.split([' ', '=']).next()?;
        let value = error.get(ContextKind::InvalidValue).map(ToString::to_string);
        let flag = self.flags.iter().find(|flag| match &value {
            Some(value) => flag.text == format!("{long}={value}"),
            None => flag.text.split('=').next() == Some(long),
        })?;
        let said = error.source().map_or_else(|| first_line(error), ToString::to_string);
        let message = format!("'{}': {said}", long.trim_start_matches('-').replace('-', "_"));
        Some(Finding::error(&self.file, Some(flag.at), message))
    }
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    /// The flags that `text`, the file of a site, adds to `galley VERB SITE` and `more`.
    fn flags(text: &str, verb: &str, more: &[&str]) -> Result<Vec<String>, String> {
        let site = tempfile::tempdir().unwrap();
        fs::write(site.path().join(FILE), text).unwrap();
        let folder = site.path().to_str().unwrap();
        let arguments: Vec<OsString> =
            ["galley", verb, folder].iter().chain(more).map(|argument| (*argument).into()).collect();
        let command = Cli::command();
        let told = |finding: &Finding| finding.to_string().trim_start_matches(folder).to_owned();
        let added = added(&command, &arguments).map_err(|finding| told(&finding))?;
        if let Err(error) = command.try_get_matches_from(added.to(&arguments)) {
            return Err(added.blame(&error).map_or_else(|| error.to_string(), |finding| told(&finding)));
        }
        let mut lines: Vec<String> = added.flags.into_iter().map(|flag| flag.text).collect();
        lines.extend(added.warnings.iter().map(told));
        Ok(lines)
    }

    #[test]
    fn a_key_is_what_its_flag_is() {
        for (text, verb, more, expected) in [
            ("", "serve", &[][..], &[][..]),
            ("[serve]\nlog = 'json'\nmemory = '64M'", "serve", &[], &["--log=json", "--memory=64M"]),
            ("[serve]\nlisten = [':1', 'unix:/x']", "serve", &[], &["--listen=:1", "--listen=unix:/x"]),
            ("[serve]\nmemory = 1024", "serve", &[], &["--memory=1024"]),
            ("[serve]\ntls_self_signed = true", "serve", &[], &["--tls-self-signed"]),
            ("[serve]\ntls_self_signed = false", "serve", &[], &[]),
            // The command line is nearer, also where it says the contrary.
            ("[serve]\nlog = 'json'", "serve", &["--log", "off"], &[]),
            ("[serve]\ntls_cert = 'c'\ntls_key = 'k'", "serve", &["--tls-self-signed"], &[]),
            // What is required may stand in the file.
            ("[package]\npush = 'localhost:5000/blog'", "package", &[], &["--push=localhost:5000/blog"]),
            ("[package]\npush = 'localhost:5000/blog'", "package", &["--oci", "x"], &[]),
            ("[package]\npush = 'localhost:5000/blog'", "serve", &[], &[]),
        ] {
            let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
            assert_eq!(flags(text, verb, more), Ok(expected), "{text} {more:?}");
        }
        let warned = "/galley.toml:2:1: unknown key 'lisen' in [serve]; did you mean 'listen'?".to_owned();
        assert_eq!(flags("[serve]\nlisen = ':1'", "serve", &[]), Ok(vec![warned]));
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, expected) in [
            ("serve = 1", "/galley.toml:1:9: 'serve' must be a table"),
            ("[serve]\nlisten = 1.5", "/galley.toml:2:10: 'listen' in [serve] must be a text in quotes or a number"),
            ("[serve]\nlog = ['json']", "/galley.toml:2:7: 'log' in [serve] must be a text in quotes or a number"),
            (
                "[serve]\ntls_self_signed = 'yes'",
                "/galley.toml:2:19: 'tls_self_signed' in [serve] must be true or false",
            ),
            ("[serve]\nmemory = 'much'", "/galley.toml:2:10: 'memory': `much` is no size"),
            ("[serve]\n\nlisten = ['8080']", "/galley.toml:3:10: 'listen': expected host:port"),
            ("[serve]\nlog = 'xml'", "/galley.toml:2:7: 'log': invalid value 'xml'"),
        ] {
            let said = flags(text, "serve", &[]).unwrap_err();
            assert!(said.starts_with(expected), "{text}: {said}");
        }
    }
}
