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

/// A flag that the manual names exists, and one that exists is named there.
#[test]
fn manual_and_help_name_the_same_flags() {
    let manual: String =
        ["write", "serve", "ship", "how-a-swap-works"].map(|page| read(&format!("site/content/{page}.md"))).concat();
    let help: String = ["build", "serve", "package"].map(|verb| run(&[verb, "--help"]).output).concat();
    let general = ["--help", "--quiet", "--verbose", "--version"];
    for flag in flags(&help) {
        assert!(manual.contains(&flag) || general.contains(&flag.as_str()), "the manual does not name {flag}");
    }
    // Of other programs, in commands that the manual shows.
    let foreign = ["--rm", "--release"];
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

/// Keys of galley.toml and of front matter stand in the manual, each in a table of its own.
#[test]
fn the_manual_names_every_key() {
    let manual = read("site/content/write.md");
    let keys = |source: &str| -> Vec<String> {
        let text = read(source);
        let list = text.split("KEYS: &[&str] =").nth(1).unwrap().split("];").next().unwrap().to_owned();
        list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    };
    for key in keys("src/config.rs").into_iter().chain(keys("src/site/page.rs")) {
        assert!(manual.contains(&format!("`{key}`")) || manual.contains(&format!("\n{key} = ")), "{key}");
    }
}
