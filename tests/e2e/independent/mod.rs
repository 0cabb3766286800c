//! What checks that others wrote find in what galley serves: of HTTP, of TLS, and of pages.
//!
//! `install`, which tests/run calls, puts them into a folder of the user's. Each test names the findings that it accepts and
//! why, and fails for any other one, and for one that is accepted and not found any more.

mod answers;
mod connections;
mod pages;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

pub(crate) use self::answers::{httplint, redbot};
pub(crate) use self::connections::{observatory, slowhttptest, testssl};
pub(crate) use self::pages::{axe, axe_in_the_preview, axe_on_the_control_page, html_validate, lighthouse};
use crate::parts::project;
use crate::support::TempSite;

/// Where `install` puts the checks of one kind, `python` or `node`.
fn folder(kind: &str) -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("galley-checks").join(kind)
}

/// Where this folder's files lie.
fn here() -> PathBuf {
    project().join("tests/e2e/independent")
}

/// Whether the checks of one kind are there, at the versions that the tests were written for.
pub(crate) fn is_installed(kind: &str) -> bool {
    let list = here().join(if kind == "python" { "requirements.txt" } else { "package-lock.json" });
    fs::read(folder(kind).join("installed")).is_ok_and(|installed| installed == fs::read(list).unwrap())
}

/// The first number of Node's version.
pub(crate) fn node_version() -> Option<u32> {
    let output = Command::new("node").arg("--version").output().ok()?;
    String::from_utf8(output.stdout).ok()?.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// A file of an npm package.
fn package(path: &str) -> PathBuf {
    folder("node").join("node_modules").join(path)
}

/// A command for what runs on this machine alone.
fn tool(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    command
}

/// Python with one of this folder's scripts.
fn python(script: &str) -> Command {
    let mut command = tool(folder("python").join("venv/bin/python"));
    command.arg(here().join(script));
    command
}

/// Runs a command; the JSON that it writes. Many of them end with an error where they find something.
#[track_caller]
fn json_of(command: &mut Command, input: &str) -> Value {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        panic!("{error}: {command:?}\n{}", said.concat())
    })
}

/// Something that a check has against a resource.
#[derive(Debug)]
struct Finding {
    /// The resource, or what was asked for.
    place: String,
    /// The check's own name for it.
    name: String,
    says: String,
}

/// A finding that stands: its name, the places where it may be, and why.
struct Accepted {
    name: &'static str,
    places: &'static [&'static str],
    why: &'static str,
}

/// Fails for findings that are not accepted, and for those that are accepted and not found.
#[track_caller]
fn settle(findings: &[Finding], accepted: &[Accepted]) {
    let fits = |finding: &Finding, name: &str, place: &str| {
        finding.name == name && ["*", finding.place.as_str()].contains(&place)
    };
    let is_accepted =
        |finding: &Finding| accepted.iter().any(|one| one.places.iter().any(|place| fits(finding, one.name, place)));
    let open = findings.iter().filter(|finding| !is_accepted(finding));
    let open: Vec<String> =
        open.map(|finding| format!("{}: {}: {}", finding.place, finding.name, finding.says)).collect();
    let mut gone = Vec::new();
    for one in accepted {
        let is_found = |place: &str| findings.iter().any(|finding| fits(finding, one.name, place));
        gone.extend(one.places.iter().filter(|place| !is_found(place)).map(|place| (place, one.name, one.why)));
    }
    assert!(open.is_empty() && gone.is_empty(), "found: {open:#?}\naccepted, but not found: {gone:#?}");
}

/// A blog with a page of each kind that the default theme has, and all that Markdown makes.
fn blog() -> TempSite {
    let post = "---\ntitle: Knots\ndescription: Three of them, and when to tie which\ndate: 2024-02-03\ntags: [rope, harbour]\n\
                series: Ropes\naliases: [/old/knots.html]\n---\nA [knot](/posts/sails/) in short.\n\n## Bowline\n\n```rust\n\
                fn tie() {}\n```\n\n## Cleat\n\n| knot | turns |\n|:--|--:|\n| cleat | 3 |\n\n- [x] tied\n- [ ] loose\n\n\
                > Said the *boatswain*.[^1]\n\n## Anchor\n\n![An anchor](/anchor.svg)\n\n[^1]: Once.\n";
    let other = "---\ntitle: Sails\ndate: 2024-01-02\ntags: [rope]\nseries: Ropes\n---\nOf [knots](/posts/knots/).\n\n1. up\n2. down\n";
    let anchor = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"64\" height=\"64\"><title>An anchor</title><circle r=\"9\" cx=\"32\" cy=\"32\"/></svg>\n";
    TempSite::new()
        .config("description = 'Of ships and ropes'\nauthor = 'Ada'\nmenu = [{ name = 'Posts', url = '/posts/' }]\ntheme = 'own'\n")
        .file("themes/own/theme.toml", "parent = 'default'\nfingerprint = true\n")
        .file("content/_index.md", "Welcome aboard.\n")
        .file("content/about.md", "---\ntitle: About\n---\nWho writes here.\n")
        .file("content/posts/knots.md", post)
        .file("content/posts/sails.md", other)
        .file("static/anchor.svg", anchor)
        .file("static/_redirects", "/moved /about/ 302\n/for-good /about/ 308\n/gone / 410\n")
        .file("static/words.txt", "rope sail mast anchor\n".repeat(400))
}
