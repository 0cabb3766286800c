//! What README and manual promise is what the program has.

use std::fs;
use std::path::Path;

use crate::support::run;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_readme_has_the_two_commands_and_the_files_that_it_names() {
    let readme = read("README.md");
    for command in ["\ncargo run --release -- serve site\n", "\ntests/run\n"] {
        assert!(readme.contains(command), "{command}");
    }
    for file in
        ["src/lib.rs", "tests/it/architecture.rs", "scripts/cross", "benches/serve", ".cargo/config.toml", "tests/run"]
    {
        assert!(readme.contains(file) && Path::new(env!("CARGO_MANIFEST_DIR")).join(file).exists(), "{file}");
    }
}

/// The pages of the manual, in the order of its menu.
const PAGES: [&str; 13] = [
    "_index",
    "write",
    "preview",
    "configuration",
    "templates",
    "check",
    "serve",
    "ship",
    "follow",
    "notices",
    "channels",
    "how-a-swap-works",
    "handover",
];

fn page(name: &str) -> String {
    read(&format!("site/content/{name}.md"))
}

/// A flag that the manual names exists, and one that exists is named there.
#[test]
fn manual_and_help_name_the_same_flags() {
    let manual = PAGES.map(page).concat();
    let verbs = [
        "new", "post", "preview", "build", "check", "serve", "package", "diff", "inspect", "health", "status",
        "releases", "rollback", "pin", "unpin", "deploy",
    ];
    let nested = [["hook", "url"], ["hook", "replay"], ["key", "new"], ["key", "show"]];
    let nested = nested.map(|[verb, second]| run(&[verb, second, "--help"]).output);
    let help: String = verbs.map(|verb| run(&[verb, "--help"]).output).into_iter().chain(nested).collect();
    let general = ["--help", "--quiet", "--verbose", "--version"];
    for flag in flags(&help) {
        assert!(manual.contains(&flag) || general.contains(&flag.as_str()), "the manual does not name {flag}");
    }
    // Of other programs, in commands that the manual shows.
    let foreign = ["--rm", "--release", "--file", "--tag", "--build-arg", "--key", "--insecure-ignore-tlog"];
    for flag in flags(&manual) {
        assert!(help.contains(&flag) || foreign.contains(&flag.as_str()), "galley has no {flag}");
    }
}

fn flags(text: &str) -> Vec<String> {
    let starts = text.match_indices("--").map(|(at, _)| &text[at..]);
    let word = |rest: &str| {
        let end = rest[2..].find(|c: char| !c.is_ascii_lowercase() && c != '-').map_or(rest.len(), |end| end + 2);
        rest[..end].to_owned()
    };
    starts.map(word).filter(|flag| flag.len() > 3 && flag[2..].starts_with(|c: char| c.is_ascii_lowercase())).collect()
}

/// The texts in quotes in `source`.
fn quoted(source: &str) -> impl Iterator<Item = &str> {
    source.split('"').skip(1).step_by(2)
}

/// The lists of keys in a source file, each with the source behind it.
fn key_lists(source: &str) -> Vec<(Vec<&str>, &str)> {
    let mut lists = Vec::new();
    for list in source.split("KEYS: &[&str] =").skip(1) {
        let (keys, behind) = list.split_once("];").unwrap();
        lists.push((quoted(keys).collect(), behind));
    }
    assert!(!lists.is_empty());
    lists
}

/// Asserts that `key` begins a row of a table, or stands in the first cell beside others.
fn has_row(text: &str, key: &str) {
    let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    assert!(cells.into_iter().any(|cell| cell.split(", ").any(|name| name == format!("`{key}`"))), "no row for {key}");
}

#[test]
fn the_manual_has_a_row_for_each_key_of_front_matter() {
    let (source, manual) = (read("src/site/page.rs"), page("write"));
    for key in &key_lists(&source)[0].0 {
        has_row(&manual, key);
    }
    let synonyms = source.split("SYNONYMS: &[(&str, &str)] =").nth(1).unwrap().split("];").next().unwrap();
    for name in quoted(synonyms) {
        assert!(manual.contains(&format!("`{name}`")), "{name}");
    }
}

/// Keys of tables stand below the heading of their own table: many of them have the same names.
#[test]
fn the_manual_has_a_row_for_each_key_of_the_configuration() {
    let manual = page("configuration");
    for key in &key_lists(&read("src/config/mod.rs"))[0].0 {
        has_row(&manual, key);
    }
    let below = |table: &str| {
        let text = manual.split(&format!("\n## `[{table}")).nth(1);
        text.unwrap_or_else(|| panic!("no heading for [{table}]")).split("\n## ").next().unwrap().to_owned()
    };
    let tables = read("src/config/parts.rs");
    let lists = key_lists(&tables);
    assert_eq!(lists.len(), tables.matches("KEYS: &[").count());
    for (keys, behind) in lists {
        // The first name behind a list of keys is that of its table.
        let text = below(quoted(behind).next().unwrap());
        keys.iter().for_each(|key| has_row(&text, key));
    }
    let theme = read("themes/default/theme.toml");
    let settings = below("theme_settings");
    for name in theme.split("\n[settings.").skip(1) {
        has_row(&settings, name.split(']').next().unwrap());
    }
}

#[test]
fn the_manual_has_a_row_for_each_part_of_a_theme_and_each_function() {
    let manual = page("templates");
    let settings = read("src/render/theme/settings.rs");
    let lists = key_lists(&settings);
    assert_eq!(lists.len(), 2);
    for key in lists.iter().flat_map(|(keys, _)| keys) {
        has_row(&manual, key);
    }
    let functions = read("src/render/theme/functions.rs");
    let mut names: Vec<&str> = Vec::new();
    for call in ["register_filter(", "register_function("] {
        names.extend(functions.split(call).skip(1).filter_map(|rest| quoted(rest).next()));
    }
    assert!(names.contains(&"slug") && names.contains(&"asset"), "{names:?}");
    names.iter().for_each(|name| has_row(&manual, name));
}

/// What templates see of a site, field by field.
#[test]
fn the_manual_names_every_variable() {
    let manual = page("templates");
    let (view, maker) = (read("src/render/view.rs"), read("src/render/maker.rs"));
    // Fields are the lines one step in that end with a comma; behind the shapes come the functions.
    let fields = view.split("\npub(super) fn ").next().unwrap().lines().filter_map(|line| {
        let field = line.strip_prefix("    ").filter(|field| !field.starts_with(' '))?.strip_suffix(',')?;
        Some(field.trim_start_matches("pub(super) ").split_once(": ")?.0)
    });
    let mut names: Vec<&str> = fields.collect();
    assert!(names.len() > 40 && names.contains(&"reading_minutes") && names.contains(&"newer"), "{names:?}");
    for call in ["sink.put(", "sink.items(", "sink.years("] {
        names.extend(maker.split(call).skip(1).filter_map(|rest| quoted(rest).next()).filter(|name| !name.is_empty()));
    }
    for name in names {
        assert!(manual.contains(&format!("`{name}`")), "the manual does not name {name}");
    }
}

#[test]
fn the_manual_has_a_row_for_each_shortcode() {
    let manual = page("write");
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("themes/default/templates/shortcodes")).unwrap()
    {
        has_row(&manual, file.unwrap().path().file_stem().unwrap().to_str().unwrap());
    }
    has_row(&manual, "include");
}
