//! The rooms' table: who may import whom, and which third-party crate has which door.

use std::fs;
use std::path::Path;

use walkdir::WalkDir;

/// Each room with those that it may import. cli may import all.
const ROOMS: &[(&str, &[&str])] = &[
    ("cache", &[]),
    ("config", &["finding"]),
    ("finding", &[]),
    ("site", &["config", "finding", "snapshot"]),
    ("render", &["cache", "config", "finding", "site", "snapshot"]),
    ("check", &["finding", "html", "outbound", "snapshot"]),
    ("html", &[]),
    ("snapshot", &["html"]),
    ("serve", &["snapshot"]),
    ("image", &["snapshot"]),
    ("outbound", &[]),
    ("preview", &["config", "finding", "html", "site", "render", "snapshot", "serve"]),
    ("secret_file", &[]),
    ("registry", &["image", "outbound", "secret_file", "snapshot"]),
    ("engine", &["image", "outbound", "snapshot"]),
    ("follow", &["registry", "image", "outbound", "secret_file", "snapshot", "serve"]),
    ("supervise", &[]),
    (
        "cli",
        &[
            "cache",
            "config",
            "finding",
            "site",
            "render",
            "check",
            "snapshot",
            "serve",
            "image",
            "registry",
            "engine",
            "follow",
            "outbound",
            "preview",
            "secret_file",
            "supervise",
        ],
    ),
];

/// A crate and the places that may name it.
const DOORS: &[(&str, &[&str])] = &[
    ("pulldown_cmark", &["render/markdown/"]),
    ("tera", &["render/theme/"]),
    ("git2", &["site/files", "site/history"]),
    ("axum", &["serve/", "follow/http.rs", "follow/control/", "follow/channels/pages.rs", "preview/events.rs"]),
    ("tower_http", &["serve/routes.rs"]),
    ("hyper", &["serve/", "preview/handler.rs", "engine/transport.rs"]),
    ("httparse", &["serve/direct/request.rs"]),
    ("ipnet", &["serve/peer.rs", "cli/listening.rs"]),
    ("listenfd", &["serve/listen.rs"]),
    ("rcgen", &["serve/tls.rs"]),
    (
        "ring",
        &[
            "image/signature/",
            "serve/tls.rs",
            "follow/control/session.rs",
            "follow/secret.rs",
            "follow/notices/shapes.rs",
            "follow/channels/key.rs",
        ],
    ),
    ("rustls", &["serve/tls.rs", "outbound/", "image/signature/key.rs"]),
    ("sd_notify", &["cli/listening.rs"]),
    ("tokio_rustls", &["serve/tls.rs"]),
    ("hyper_util", &["serve/", "engine/transport.rs"]),
    ("hickory_resolver", &["outbound/"]),
    ("reqwest", &["outbound/", "registry/", "check/ask.rs", "cli/instance.rs", "follow/send.rs", "follow/notices/"]),
    ("bollard", &["engine/"]),
    ("futures_util", &["engine/", "registry/parallel.rs"]),
    ("clap", &["cli/"]),
    ("anyhow", &["cli/"]),
    ("object", &["image/binary.rs"]),
    ("tar", &["image/"]),
    ("grass", &["render/theme/sass.rs"]),
    ("minifier", &["render/minify.rs"]),
    ("webp", &["render/image/"]),
    ("png", &["render/image/"]),
    ("zune_jpeg", &["render/image/jpeg.rs"]),
    ("gif", &["render/image/"]),
    ("jiff", &["site/", "config/", "cli/", "follow/", "registry/token.rs", "serve/observe/line.rs"]),
    ("prometheus_client", &["serve/observe/metrics.rs"]),
    ("libc", &["supervise/mask.rs"]),
    ("notify", &["preview/watch"]),
    ("qrcode", &["cli/preview.rs"]),
];

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = WalkDir::new(&root).into_iter().map(|found| found.unwrap()).filter(|found| found.file_type().is_file());
    files
        .map(|found| {
            let name = found.path().strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            (name, fs::read_to_string(found.path()).unwrap())
        })
        .collect()
}

fn room_of(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The names that follow `prefix` in the code: `crate::render::x` gives `render`. Comments do not count.
fn names_after(text: &str, prefix: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut names = Vec::new();
    for line in code {
        for (at, _) in line.match_indices(prefix) {
            let bounded = !line[..at].ends_with(is_word);
            let rest = &line[at + prefix.len()..];
            let name = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
            if bounded && !name.is_empty() {
                names.push(name.to_owned());
            }
        }
    }
    names
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    let mut broken = Vec::new();
    for (file, text) in sources() {
        let room = room_of(&file);
        if ["main", "lib"].contains(&room) {
            continue;
        }
        let (_, allowed) =
            ROOMS.iter().find(|(name, _)| *name == room).unwrap_or_else(|| panic!("{file}: no such room"));
        for name in names_after(&text, "crate::") {
            if name != room && !allowed.contains(&name.as_str()) {
                broken.push(format!("{file}: imports {name}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Without this the scan above would pass over a list of rooms in braces.
#[test]
fn rooms_are_imported_one_a_line() {
    let grouped: Vec<_> = sources().into_iter().filter(|(_, text)| text.contains("use crate::{")).collect();
    assert!(grouped.is_empty(), "{:?}", grouped.iter().map(|(file, _)| file).collect::<Vec<_>>());
}

#[test]
fn each_crate_has_one_door() {
    let mut broken = Vec::new();
    for (file, text) in sources() {
        for (name, doors) in DOORS {
            let named = text.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| {
                line.match_indices(&format!("{name}::"))
                    .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
            });
            if named && !doors.iter().any(|door| file.starts_with(door)) {
                broken.push(format!("{file}: names {name}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Long files and functions are where understanding ends; the limits are those of the codebases that we learn from.
#[test]
fn files_and_functions_stay_short() {
    const FILE: usize = 450;
    const FUNCTION: usize = 60;
    let mut long = Vec::new();
    for (file, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > FILE {
            long.push(format!("{file}: {} lines", lines.len()));
        }
        for (start, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let indent = &line[..line.len() - code.len()];
            let is_function = ["fn ", "pub fn ", "pub(super) fn ", "pub(crate) fn ", "async fn ", "pub async fn "];
            if !is_function.iter().any(|begin| code.starts_with(begin)) {
                continue;
            }
            let end = lines[start..].iter().position(|line| *line == format!("{indent}}}")).unwrap_or(0);
            if end > FUNCTION {
                long.push(format!("{file}:{}: {end} lines: {code}", start + 1));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}
