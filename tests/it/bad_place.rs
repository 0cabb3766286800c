//! Folders as they should not be: links out of the site, damaged caches, others at work, nothing to write to.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::render::files;
use crate::support::{Ran, TempSite, galley, galley_at, run};

/// A site of some pages that know of one another.
fn site() -> TempSite {
    let site = TempSite::new().file("static/a.txt", "a").file("content/posts/code.rs", "fn main() {}\n");
    for number in 0..30 {
        let text = format!("---\ntitle: Post {number}\ndate: 2024-01-{:02}\ntags: [a]\n---\nText.\n", number + 1);
        site.write(&format!("content/posts/p{number}.md"), text);
    }
    site.write("content/posts/q.md", "# Q\n\n{{ include(path=\"code.rs\") }}\n\n[p](p1.md)\n");
    site
}

/// What a build gives that knows nothing of earlier ones.
fn clean(site: &TempSite) -> BTreeMap<String, Vec<u8>> {
    let copy = TempSite::bare();
    for (path, bytes) in files(site.path()) {
        if !path.starts_with("public/") && !path.starts_with(".galley") {
            copy.write(&path, bytes);
        }
    }
    copy.built("index.html");
    files(&copy.path().join("public"))
}

#[track_caller]
fn assert_rebuilt(site: &TempSite) {
    let (ran, output) = site.build();
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert!(files(&output) == clean(site), "not what a clean build gives: {}", ran.errors);
}

#[test]
fn links_out_of_the_site_are_not_followed() {
    let outside = TempSite::bare().file("a.md", "# Secret\n").file("a.html", "secret").file("a.toml", "a = 'secret'\n");
    let site = TempSite::new().file("content/posts/b.md", "# B\n").file("templates/b.html", "").file("data/b.toml", "");
    let message = ": is a symbolic link or special file, which is left out; put a copy of the file in its place";
    let links =
        ["content/l.md", "content/folder", "static/l.txt", "static/folder", "templates/page.html", "data/l.toml"];
    site.write("static/b.txt", "b");
    for link in links {
        let to = if link.ends_with("folder") { outside.path().to_path_buf() } else { outside.path().join("a.html") };
        symlink(to, site.path().join(link)).unwrap();
        let (ran, output) = site.build();
        ran.says(0, &format!("warning: {link}{message}"));
        assert!(!files(&output).values().any(|bytes| String::from_utf8_lossy(bytes).to_lowercase().contains("secret")));
        fs::remove_file(site.path().join(link)).unwrap();
    }
    for folder in ["content", "data", "sass", "static", "templates", "themes"] {
        let aside = site.path().join("aside");
        let place = site.path().join(folder);
        let moved = fs::rename(&place, &aside).is_ok();
        symlink(outside.path(), &place).unwrap();
        site.build().0.says(1, &format!("{folder}: leads out of the site's folder; put a copy of the file into it"));
        fs::remove_file(&place).unwrap();
        if moved {
            fs::rename(&aside, &place).unwrap();
        }
    }
    fs::remove_file(site.path().join("galley.toml")).unwrap();
    symlink(outside.path().join("a.toml"), site.path().join("galley.toml")).unwrap();
    site.build().0.says(1, "galley.toml: leads out of the site's folder");
}

#[test]
fn a_pipe_is_not_waited_for() {
    let site = TempSite::new().file("content/posts/b.md", "# B\n").file("data/b.toml", "").file("templates/b.html", "");
    for path in ["content/posts/p.md", "templates/p.html", "data/p.toml"] {
        let made = Command::new("mkfifo").arg(site.path().join(path)).status().unwrap();
        assert!(made.success());
    }
    let (ran, _) = site.build();
    ran.says(0, "content/posts/p.md: is a symbolic link or special file, which is left out");
}

#[test]
fn a_damaged_cache_is_as_good_as_none() {
    let damage: [fn(&Path); 5] = [
        |file| fs::write(file, &fs::read(file).unwrap()[..7]).unwrap(),
        |file| fs::write(file, "").unwrap(),
        |file| fs::write(file, [0x5a; 5000]).unwrap(),
        |file| fs::remove_file(file).unwrap(),
        |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir_all(file.join("x")).unwrap();
        },
    ];
    let site = site();
    for damage in damage {
        site.built("index.html");
        let cache = site.path().join(".galley/cache");
        let records: Vec<_> = fs::read_dir(&cache).unwrap().map(|found| found.unwrap().path()).collect();
        let known = ["pages", "outputs-"].map(|start| {
            let starts = |path: &&std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(start);
            records.iter().find(starts).unwrap()
        });
        known.into_iter().for_each(|file| damage(file));
        site.write("content/posts/p3.md", "# Another\n");
        assert_rebuilt(&site);
        fs::remove_dir_all(&cache).unwrap();
        site.write("content/posts/p3.md", "# One\n");
    }
}

#[test]
fn another_versions_cache_is_not_read() {
    let site = site();
    site.built("index.html");
    for version in ["galley cache 0, 0.0.1, x\n", "", "\u{0}\u{1}"] {
        site.write(".galley/cache/version", version);
        site.write(".galley/cache/left-over", "x");
        assert_rebuilt(&site);
        assert!(!site.path().join(".galley/cache/left-over").exists());
    }
}

#[test]
fn a_file_in_the_place_of_the_cache_costs_only_time() {
    let site = site().file(".galley", "not a folder");
    assert_rebuilt(&site);
    assert_rebuilt(&site);
    assert_eq!(fs::read_to_string(site.path().join(".galley")).unwrap(), "not a folder");
}

#[test]
fn an_output_that_somebody_changed_is_mended() {
    let site = site();
    site.built("index.html");
    let output = site.path().join("public");
    fs::write(output.join("index.html"), "by hand").unwrap();
    fs::remove_file(output.join("style.css")).unwrap();
    fs::remove_dir_all(output.join("tags")).unwrap();
    assert_rebuilt(&site);
    fs::remove_dir_all(&output).unwrap();
    assert_rebuilt(&site);
    fs::remove_dir_all(&output).unwrap();
    fs::create_dir(&output).unwrap();
    assert_rebuilt(&site);
}

#[test]
fn a_file_that_was_missing_is_found_when_it_comes() {
    let site = site();
    site.built("index.html");
    fs::remove_file(site.path().join("content/posts/code.rs")).unwrap();
    let missing = "content/posts/q.md:3:1: include: there is no file 'code.rs' beside the page or in the site's folder";
    site.build().0.says(1, missing);
    site.write("content/posts/code.rs", "fn other() {}\n");
    assert_rebuilt(&site);
    // An empty file is not the same as none.
    site.write("content/posts/code.rs", "");
    assert_rebuilt(&site);
    fs::remove_file(site.path().join("content/posts/code.rs")).unwrap();
    site.build().0.says(1, missing);
}

#[test]
fn a_link_in_the_place_of_the_output_stays_a_link() {
    let (site, target) = (site(), TempSite::bare());
    let output = site.path().join("public");
    symlink(target.path().join("blog"), &output).unwrap();
    fs::create_dir(target.path().join("blog")).unwrap();
    assert_rebuilt(&site);
    site.write("content/posts/p3.md", "# Another\n");
    assert_rebuilt(&site);
    assert!(output.is_symlink());
    assert!(target.path().join("blog/posts/p3/index.html").exists());
}

#[test]
fn only_an_output_of_galleys_is_replaced() {
    let site = site().file("file", "x");
    let at = |output: &str| Ran::of(galley().args(["build", ".", "-o", output]).current_dir(site.path()));
    for folder in [".", "content", "content/posts", "/"] {
        at(folder).says(1, &format!("error: {folder}: is not empty and was not written by galley; empty it or choose"));
    }
    at("file").says(1, "error: file: ");
    at("file/below").says(1, "error: file");
    assert_eq!(at("").code, 2);
    assert_eq!(fs::read_to_string(site.path().join("file")).unwrap(), "x");
    at("new/below").says(0, "rendered ");
}

/// Starts builds of one site at once and waits for all.
fn at_once(commands: &mut [Command]) {
    let start = |command: &mut Command| command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let children: Vec<_> = commands.iter_mut().map(start).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn two_builds_at_once_are_two_builds() {
    let (site, elsewhere) = (site(), TempSite::bare());
    let build = |output: &Path| {
        let mut command = galley();
        command.args(["build", site.str(), "-o"]).arg(output);
        command
    };
    let outputs = ["one", "two", "three"].map(|name| elsewhere.path().join(name));
    for round in 0..5 {
        site.write(&format!("content/posts/p{round}.md"), "# Another\n");
        at_once(&mut outputs.each_ref().map(|output| build(output)));
        let clean = clean(&site);
        for output in &outputs {
            assert!(files(output) == clean, "round {round}");
        }
    }
}

#[test]
fn two_builds_into_one_folder_leave_one_whole_output() {
    let site = site();
    let build = || {
        let mut command = galley();
        command.args(["build", site.str()]);
        command
    };
    for round in 0..5 {
        for number in 0..round * 5 {
            site.write(&format!("content/posts/p{number}.md"), format!("# Round {round}\n"));
        }
        at_once(&mut [build(), build(), build()]);
        assert!(files(&site.path().join("public")) == clean(&site), "round {round}");
        assert_rebuilt(&site);
        let names = fs::read_dir(site.path()).unwrap().map(|name| name.unwrap().file_name().into_string().unwrap());
        assert_eq!(names.filter(|name| name.starts_with(".public")).count(), 0);
    }
}

#[test]
fn two_different_builds_into_one_folder_do_not_mix() {
    let (site, place) = (site(), TempSite::bare());
    for number in 0..30 {
        let text = format!("---\ntitle: Draft {number}\ndate: 2024-02-01\ndraft: true\n---\n");
        site.write(&format!("content/posts/d{number}.md"), text);
    }
    let build = |output: &Path, drafts: bool| {
        let mut command = galley();
        command.args(["build", site.str(), "-o"]).arg(output).args(drafts.then_some("--drafts"));
        command
    };
    let whole = [false, true].map(|drafts| {
        let output = place.path().join(drafts.to_string());
        at_once(&mut [build(&output, drafts)]);
        files(&output)
    });
    let shared = place.path().join("shared");
    for round in 0..10 {
        at_once(&mut [build(&shared, true), build(&shared, false), build(&shared, true), build(&shared, false)]);
        assert!(whole.contains(&files(&shared)), "a mixture in round {round}");
        at_once(&mut [build(&shared, false)]);
        assert!(files(&shared) == whole[0], "not mended in round {round}");
    }
}

/// The program without the rights of root, who may read and write everything. It runs from a copy in `place`: others may
/// not look into the folder in which cargo puts it.
pub(crate) fn unprivileged(place: &TempSite) -> Command {
    if !rustix::process::geteuid().is_root() {
        return galley();
    }
    let program = place.path().join("galley");
    if !program.exists() {
        // By a process of its own: a file that a thread of this one has open for writing can't be run.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_galley")).arg(&program).status().unwrap();
        assert!(copied.success());
        set_mode(place.path(), 0o755);
    }
    let mut command = galley_at(&program);
    command.uid(65534).gid(65534);
    command
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_site_that_nobody_may_write_to_is_built_elsewhere() {
    let (site, elsewhere, place) = (site(), TempSite::bare(), TempSite::bare());
    set_mode(elsewhere.path(), 0o777);
    set_mode(site.path(), 0o555);
    let output = elsewhere.path().join("public");
    for _ in 0..2 {
        let ran = Ran::of(unprivileged(&place).args(["build", site.str(), "-o"]).arg(&output));
        ran.says(0, "rendered ");
    }
    let ran = Ran::of(unprivileged(&place).args(["build", site.str()]));
    set_mode(site.path(), 0o755);
    ran.says(1, "ermission denied");
    assert!(files(&output) == clean(&site));
    assert!(!site.path().join(".galley").exists() && !site.path().join("public").exists());
}

#[test]
fn what_may_not_be_read_is_named() {
    let (site, elsewhere, place) = (site(), TempSite::bare(), TempSite::bare());
    set_mode(elsewhere.path(), 0o777);
    set_mode(site.path(), 0o755);
    let output = elsewhere.path().join("public");
    for path in [
        "content/posts/s.md",
        "content/posts/s.txt",
        "static/s/t.txt",
        "templates/s.html",
        "data/s.toml",
        "sass/s.scss",
    ] {
        site.write(path, "");
        let locked = if path.starts_with("static") { "static/s" } else { path };
        set_mode(&site.path().join(locked), 0);
        let ran = Ran::of(unprivileged(&place).args(["build", site.str(), "-o"]).arg(&output));
        set_mode(&site.path().join(locked), 0o755);
        ran.says(1, &format!("{locked}: "));
        assert!(ran.errors.contains("ermission denied"), "{}", ran.errors);
        assert!(!output.exists());
        fs::remove_file(site.path().join(path)).unwrap();
    }
    set_mode(&site.path().join("galley.toml"), 0);
    let ran = Ran::of(unprivileged(&place).args(["build", site.str(), "-o"]).arg(&output));
    ran.says(1, "galley.toml: ");
    assert_eq!(run(&["build", site.str(), "-o", output.to_str().unwrap(), "--quiet"]).output, "");
}
