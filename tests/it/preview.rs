//! `galley preview` from outside: files change, pages and their events follow.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Instant;

use crate::incremental::{Model, Random, write};
use crate::render::files;
use crate::support::{Connection, Instance, PATIENCE, Ran, TempSite, galley};

fn site() -> TempSite {
    TempSite::new()
        .file("content/posts/a.md", "---\ntitle: A\ndate: 2024-01-01\n---\nText of a.\n")
        .file("content/posts/b.md", "---\ntitle: B\ndate: 2024-01-02\ndraft: true\n---\nText of b.\n")
        .file("static/style.css", "a { color: red }\n")
}

/// The value of an attribute of the script in a page.
fn attribute(page: &str, name: &str) -> String {
    let (_, tag) = page.split_once("<script src=\"/_galley/preview/script.js\"").unwrap_or_else(|| panic!("{page}"));
    let (_, value) = tag.split_once(&format!("data-{name}=\"")).unwrap();
    value.split('"').next().unwrap().to_owned()
}

/// What a page that is open in a browser hears.
struct Events(BufReader<TcpStream>);

impl Events {
    /// Opens the page at `path`, and then its event stream.
    fn of(preview: &Instance, path: &str) -> Self {
        let page = preview.get(path).text();
        let [path, version, run] = ["path", "version", "run"].map(|name| attribute(&page, name));
        Self::open(preview, &format!("path={path}&version={version}&run={run}"))
    }

    fn open(preview: &Instance, query: &str) -> Self {
        let mut stream = TcpStream::connect(&preview.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /_galley/preview/events?{query} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut events = Self(BufReader::new(stream));
        while events.line() != ":" {}
        events
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The next event and its data. Between them stand the lengths of chunks, and heartbeats.
    fn next(&mut self) -> (String, String) {
        loop {
            if let Some(name) = self.line().strip_prefix("event: ") {
                return (name.to_owned(), self.line().strip_prefix("data: ").unwrap().to_owned());
            }
        }
    }

    #[track_caller]
    fn hears(&mut self, name: &str) -> String {
        let (heard, data) = self.next();
        assert_eq!(heard, name, "{data}");
        data
    }
}

/// Waits until the answer at `path` has that status and text.
#[track_caller]
fn wait(preview: &Instance, path: &str, status: u16, text: &str) {
    let started = Instant::now();
    loop {
        let answer = preview.get(path);
        if answer.status == status && answer.text().contains(text) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{path}: {}\n{}", answer.status, answer.text());
    }
}

/// Saves a file as many editors do: beside it, and then in its place.
fn save_aside(site: &TempSite, path: &str, text: &str) {
    site.write(&format!("{path}.new"), text);
    fs::rename(site.path().join(format!("{path}.new")), site.path().join(path)).unwrap();
}

#[test]
fn an_edit_is_on_its_page_and_only_that_page_changes() {
    let site = site();
    let preview = Instance::preview(&[site.str()]);
    // Drafts are shown.
    assert!(preview.get("/posts/b/").text().contains("Text of b."));
    let (mut a, mut b) = (Events::of(&preview, "/posts/a/"), Events::of(&preview, "/posts/b/"));
    site.write("content/posts/a.md", "---\ntitle: A\ndate: 2024-01-01\n---\nAnother text.\n");
    a.hears("html");
    assert!(preview.get("/posts/a/").text().contains("Another text."));
    site.write("static/style.css", "a { color: blue }\n");
    // The first that b hears of is the style sheet.
    let data = b.hears("styles");
    assert!(data.contains("\"sheets\":[\"/style.css\"]"), "{data}");
    a.hears("styles");
    site.write("static/x.js", "1\n");
    b.hears("reload");
    let said = preview.stop();
    assert!(said.contains("1 file changed, ") && said.contains(" made, ") && said.ends_with("stopped\n"), "{said}");
}

#[test]
fn a_style_sheet_that_is_named_by_its_hash_is_swapped_too() {
    let site = TempSite::new()
        .config("theme = \"own\"\n")
        .file("content/posts/a.md", "---\ntitle: A\n---\nText of a.\n")
        .file("themes/own/theme.toml", "parent = \"default\"\nfingerprint = true\n")
        .file("sass/style.scss", "a { b { color: red } }\n");
    let preview = Instance::preview(&[site.str()]);
    let mut events = Events::of(&preview, "/posts/a/");
    site.write("sass/style.scss", "a { b { color: blue } }\n");
    let data = events.hears("styles");
    let name = data.split("\"sheets\":[\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(preview.get(name).text().contains("blue"), "{data}");
}

#[test]
fn templates_data_settings_and_included_files_reach_the_pages_that_use_them() {
    let site = site()
        .file("templates/shortcodes/word.html", "{{ args.of }} one")
        .file(
            "templates/page.html",
            "<html><head></head><body>{{ data.w.x }} {{ site.title }} {{ content | safe }}</body></html>",
        )
        .file("data/w.toml", "x = \"first\"\n")
        .file("examples/a.txt", "old lines\n")
        .file(
            "content/posts/c.md",
            "---\ntitle: C\n---\n{{ word(of=\"say\") }}\n\n{{ include(path=\"examples/a.txt\") }}\n",
        );
    let preview = Instance::preview(&[site.str()]);
    let mut events = Events::of(&preview, "/posts/c/");
    for (file, text, expected) in [
        ("templates/shortcodes/word.html", "{{ args.of }} two", "say two"),
        ("data/w.toml", "x = \"second\"\n", "second"),
        ("examples/a.txt", "new lines\n", "new lines"),
        ("galley.toml", "title = \"Renamed\"\n", "Renamed"),
        ("templates/page.html", "<html><head></head><body>plain {{ content | safe }}</body></html>", "plain"),
    ] {
        site.write(file, text);
        events.hears("html");
        let page = preview.get("/posts/c/").text();
        assert!(page.contains(expected), "{file}: {page}");
    }
}

#[test]
fn what_is_wrong_stands_over_the_last_good_page_until_it_is_mended() {
    let site = site();
    let preview = Instance::preview(&[site.str()]);
    let mut events = Events::of(&preview, "/posts/a/");
    site.write("content/posts/b.md", "---\ntitle: [x\n---\n");
    let data = events.hears("problems");
    for part in ["\"place\":\"content/posts/b.md:2:8\"", "\"line\":\"title: [x\"", "\"number\":2", "\"before\":7"] {
        assert!(data.contains(part), "{part}: {data}");
    }
    assert!(preview.get("/posts/b/").text().contains("Text of b."));
    // A page that is opened now hears of it at once.
    Events::of(&preview, "/posts/b/").hears("problems");
    site.write("templates/page.html", "\n{{ nothing.of.it }}\n");
    assert!(events.hears("problems").contains("b.md"));
    site.write("content/posts/b.md", "---\ntitle: B\n---\nMended.\n");
    // The new folder and the file in it may be two changes.
    let data = loop {
        let data = events.hears("problems");
        if !data.contains("b.md") {
            break data;
        }
    };
    assert!(data.contains("templates/page.html:2:4"), "{data}");
    fs::remove_file(site.path().join("templates/page.html")).unwrap();
    assert_eq!(events.hears("problems"), "[]");
    assert!(preview.get("/posts/b/").text().contains("Mended."));
    let said = preview.stop();
    assert!(
        said.contains("\n1 error in the site; the last good site stays\n") && said.contains("\nmended: "),
        "{said}"
    );
}

#[test]
fn a_site_that_was_never_good_says_so_until_it_is() {
    let site = site().file("content/posts/a.md", "---\ntitle: [x\n---\n");
    let preview = Instance::preview(&[site.str()]);
    let page = preview.get("/anything/");
    assert_eq!(page.status, 503);
    assert_eq!(page.header("content-length"), page.body.len().to_string());
    let mut events = Events::of(&preview, "/posts/a/");
    events.hears("problems");
    site.write("content/posts/a.md", "---\ntitle: A\n---\nGood.\n");
    assert_eq!(events.hears("problems"), "[]");
    events.hears("reload");
    assert_eq!(preview.get("/posts/a/").status, 200);
}

#[test]
fn a_page_that_is_gone_is_a_404_that_still_hears() {
    let site = site();
    let preview = Instance::preview(&[site.str()]);
    let mut events = Events::of(&preview, "/posts/a/");
    fs::rename(site.path().join("content/posts/a.md"), site.path().join("content/posts/z.md")).unwrap();
    events.hears("html");
    let page = preview.get("/posts/a/");
    assert_eq!((page.status, attribute(&page.text(), "path")), (404, "%2Fposts%2Fa%2F".to_owned()));
    let mut events = Events::of(&preview, "/posts/a/");
    fs::rename(site.path().join("content/posts/z.md"), site.path().join("content/posts/a.md")).unwrap();
    events.hears("html");
    assert_eq!(preview.get("/posts/a/").status, 200);
}

#[test]
fn folders_may_be_moved_removed_and_made_again() {
    let site = site().file("content/notes/n.md", "---\ntitle: N\n---\nNote.\n");
    let preview = Instance::preview(&[site.str()]);
    let path = |name: &str| site.path().join(name);
    fs::rename(path("content/notes"), path("content/essays")).unwrap();
    wait(&preview, "/essays/n/", 200, "Note.");
    assert_eq!(preview.get("/notes/n/").status, 404);
    // In its new place it is watched.
    site.write("content/essays/n.md", "---\ntitle: N\n---\nNote two.\n");
    wait(&preview, "/essays/n/", 200, "Note two.");
    site.write("content/deep/er/still/d.md", "---\ntitle: D\n---\nDeep.\n");
    wait(&preview, "/deep/er/still/d/", 200, "Deep.");
    fs::rename(path("content"), path("elsewhere")).unwrap();
    wait(&preview, "/essays/n/", 404, "");
    site.write("content/new.md", "---\ntitle: N\n---\nNew.\n");
    wait(&preview, "/new/", 200, "New.");
    fs::remove_dir_all(path("content")).unwrap();
    fs::rename(path("elsewhere"), path("content")).unwrap();
    wait(&preview, "/deep/er/still/d/", 200, "Deep.");
    site.write("content/deep/er/still/d.md", "---\ntitle: D\n---\nDeeper.\n");
    wait(&preview, "/deep/er/still/d/", 200, "Deeper.");
}

#[test]
fn a_whole_site_may_be_replaced_at_once() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    for name in ["site", "other"] {
        fs::create_dir_all(path(name).join("content")).unwrap();
        fs::write(path(name).join("content/a.md"), format!("---\ntitle: A\n---\nThat of {name}.\n")).unwrap();
    }
    let preview = Instance::preview(&[path("site").to_str().unwrap()]);
    fs::rename(path("site"), path("aside")).unwrap();
    fs::rename(path("other"), path("site")).unwrap();
    wait(&preview, "/a/", 200, "That of other.");
    fs::remove_dir_all(path("aside")).unwrap();
    fs::write(path("site/content/a.md"), "---\ntitle: A\n---\nAn edit.\n").unwrap();
    wait(&preview, "/a/", 200, "An edit.");
}

#[test]
fn a_site_may_begin_without_its_configuration() {
    let site = TempSite::bare().file("content/posts/a.md", "---\ntitle: A\n---\nText.\n");
    let preview = Instance::preview(&[site.str()]);
    assert!(!preview.get("/").text().contains("Later"));
    save_aside(&site, "galley.toml", "title = \"Later\"\n");
    wait(&preview, "/", 200, "Later");
    fs::remove_file(site.path().join("galley.toml")).unwrap();
    // Without a title of its own it has the folder's.
    let name = site.path().file_name().unwrap().to_str().unwrap();
    wait(&preview, "/", 200, &format!("<title>{name}"));
}

/// Each way of saving is one change: no state in between is shown.
#[test]
fn editors_save_in_many_ways() {
    let site = site();
    let preview = Instance::preview(&[site.str()]);
    let mut events = Events::of(&preview, "/posts/a/");
    let path = |name: &str| site.path().join("content/posts").join(name);
    let text = |word: &str| format!("---\ntitle: A\ndate: 2024-01-01\n---\n{word}\n");
    let shows = |word: &str| assert!(preview.get("/posts/a/").text().contains(word), "{word}");
    save_aside(&site, "content/posts/a.md", &text("aside"));
    events.hears("html");
    shows("aside");
    // vim: a probe, the old file put aside, the new one written, the old one removed.
    fs::write(path("4913"), "").unwrap();
    fs::remove_file(path("4913")).unwrap();
    fs::rename(path("a.md"), path("a.md~")).unwrap();
    fs::write(path("a.md"), text("vim")).unwrap();
    fs::remove_file(path("a.md~")).unwrap();
    events.hears("html");
    shows("vim");
    // emacs: a lock, and a copy that stays.
    std::os::unix::fs::symlink("me@here.1", path(".#a.md")).unwrap();
    fs::copy(path("a.md"), path("a.md~")).unwrap();
    fs::write(path("a.md"), text("emacs")).unwrap();
    fs::remove_file(path(".#a.md")).unwrap();
    events.hears("html");
    shows("emacs");
    // Written in two goes: what counts is the end.
    let mut file = fs::File::create(path("a.md")).unwrap();
    file.write_all(b"---\ntitle: A\n").unwrap();
    file.sync_all().unwrap();
    file.write_all(b"date: 2024-01-01\n---\nslow\n").unwrap();
    drop(file);
    events.hears("html");
    shows("slow");
    fs::write(path("h.txt"), text("linked")).unwrap();
    fs::remove_file(path("a.md")).unwrap();
    fs::hard_link(path("h.txt"), path("a.md")).unwrap();
    events.hears("html");
    shows("linked");
}

#[test]
fn a_thousand_files_at_once_are_all_there_in_the_end() {
    let site = site();
    let preview = Instance::preview(&[site.str()]);
    for number in 0..1000 {
        site.write(&format!("content/many/p{number}.md"), format!("---\ntitle: P{number}\n---\nMany {number}.\n"));
    }
    wait(&preview, "/many/p999/", 200, "Many 999.");
    for number in (0..1000).step_by(37) {
        wait(&preview, &format!("/many/p{number}/"), 200, &format!("Many {number}."));
    }
    fs::remove_dir_all(site.path().join("content/many")).unwrap();
    wait(&preview, "/many/p5/", 404, "");
}

#[test]
fn what_is_no_source_wakes_nothing() {
    let site = site();
    let preview = Instance::preview(&[site.str()]);
    Ran::of(galley().args(["build", site.str()])).says(0, "rendered");
    site.write(".git/index", "x");
    site.write(".galley/x", "x");
    site.write("notes.txt", "x");
    site.write("content/.a.md.swp", "x");
    site.write("content/posts/a.md~", "x");
    fs::read(site.path().join("content/posts/a.md")).unwrap();
    // What counts is seen after all that, and first.
    site.write("content/posts/a.md", "---\ntitle: A\n---\nSeen.\n");
    wait(&preview, "/posts/a/", 200, "Seen.");
    let said = preview.stop();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(
        lines[0].starts_with("rendered ") && lines[1].starts_with("1 file changed, ") && lines[2] == "stopped",
        "{said}"
    );
}

#[test]
fn pages_are_answered_with_the_script_and_without_what_names_other_bytes() {
    let site = site();
    let preview = Instance::preview(&[site.str()]);
    let page = preview.request("GET", "/posts/a/", &[("if-none-match", "*"), ("accept-encoding", "gzip, br")], "");
    assert_eq!((page.status, page.header("etag"), page.header("last-modified")), (200, "", ""));
    assert_eq!((page.header("content-encoding"), page.header("cache-control")), ("", "no-store"));
    assert_eq!(page.header("content-length"), page.body.len().to_string());
    assert!(page.text().contains("data-path=\"%2Fposts%2Fa%2F\"") && page.text().contains("defer></script>\n</head>"));
    let head = preview.request("HEAD", "/posts/a/", &[], "");
    assert_eq!((head.status, head.header("content-length")), (200, page.header("content-length")));
    let policy = page.header("content-security-policy");
    assert!(
        policy.is_empty() || policy.contains("script-src 'self'") && policy.contains("connect-src 'self'"),
        "{policy}"
    );
    let sheet = preview.get("/style.css");
    assert_eq!((sheet.status, sheet.header("cache-control")), (200, "no-cache"));
    let known = preview.request("GET", "/style.css", &[("if-none-match", sheet.header("etag"))], "");
    assert_eq!(known.status, 304);
    assert!(preview.get("/_galley/preview/script.js").header("content-type").starts_with("text/javascript"));
    assert_eq!(preview.get("/_galley/other").status, 404);
    assert_eq!(preview.get("/_galley/preview/events").status, 400);
    // Nothing of the script is in what is built.
    Ran::of(galley().args(["build", site.str()])).says(0, "rendered");
    let built = fs::read_to_string(site.path().join("public/posts/a/index.html")).unwrap();
    assert!(!built.contains("_galley"), "{built}");
}

#[test]
fn a_name_that_another_could_have_is_refused() {
    let site = site();
    let preview = Instance::preview(&[site.str()]);
    for (host, status) in [("evil.example:80", 403), ("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:80", 200)] {
        let mut stream = TcpStream::connect(&preview.address).unwrap();
        write!(stream, "GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {line}");
    }
}

#[test]
fn a_page_of_an_earlier_run_reloads() {
    let site = site();
    let preview = Instance::preview(&[site.str()]);
    let page = preview.get("/posts/a/").text();
    let [path, version] = ["path", "version"].map(|name| attribute(&page, name));
    Events::open(&preview, &format!("path={path}&version={version}&run=1")).hears("reload");
}

/// The variable is that of `galley serve`, and means the same.
#[test]
fn a_preview_is_at_every_address_that_it_is_given() {
    let site = site();
    let mut command = galley();
    command.args(["preview", site.str()]).env("GALLEY_LISTEN", "127.0.0.1:0,localhost:0,127.0.0.2:0,:0");
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut hosts = Vec::new();
    // localhost may stand for one address or two: the last one is the one on all.
    while hosts.iter().filter(|host| *host == "127.0.0.1").count() < 3 {
        let line = lines.next().expect("it has ended").unwrap();
        let address = line.strip_prefix("http://").unwrap();
        assert_eq!(Connection::open(address).request("GET", "/posts/a/", &[], "").status, 200, "{line}");
        hosts.push(address.rsplit_once(':').unwrap().0.to_owned());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(hosts[0], "127.0.0.1");
    assert!(hosts.contains(&"127.0.0.2".to_owned()), "{hosts:?}");
}

#[test]
fn a_place_that_is_taken_and_a_folder_that_is_none_are_said() {
    let site = site();
    let preview = Instance::preview(&[site.str()]);
    let taken = Ran::of(galley().args(["preview", site.str(), "--listen", &preview.address]));
    taken.says(1, "can't listen there; choose another address with --listen");
    let socket = Ran::of(galley().args(["preview", site.str(), "--listen", "unix:/run/x"]));
    socket.says(2, "a browser can't go there; expected host:port or :port");
    Ran::of(galley().args(["preview", "/no/such"])).says(1, "/no/such: no such folder");
    let bare = TempSite::bare();
    Ran::of(galley().args(["preview", bare.str()])).says(1, "is no site");
}

/// A browser's own command is not run in a test; that it is asked for is seen where there is none.
#[test]
fn a_browser_that_can_not_be_opened_is_no_error() {
    let site = site();
    let mut command = galley();
    command.args(["preview", site.str(), "--open"]).env("PATH", "/nonexistent");
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("the browser was not opened") {
        assert!(errors.read_line(&mut said).unwrap() > 0, "{said}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said.contains("yourself"), "{said}");
}

/// All files of a build, as the preview answers them.
fn differs(preview: &Instance, cold: &Path) -> Option<String> {
    for (name, bytes) in files(cold) {
        if name.starts_with('.') || name == "_redirects" || name == "_headers" {
            continue;
        }
        let answer = preview.get(&format!("/{}", name.strip_suffix("index.html").unwrap_or(&name)));
        let mut text = answer.text();
        if let Some((before, after)) = text.clone().split_once("<script src=\"/_galley/preview/") {
            text = format!("{before}{}", after.split_once("</script>\n").unwrap().1);
        }
        let expected =
            if name.ends_with(".html") { String::from_utf8_lossy(&bytes).into_owned() } else { String::new() };
        // What forwards from an old address is a page for hosts that know no redirects.
        if answer.status == 301 && expected.contains("http-equiv=\"refresh\"") {
            continue;
        }
        let same = if name.ends_with(".html") { text == expected } else { answer.body == bytes };
        if !same {
            return Some(format!("{name} ({})\n--- previewed\n{text}\n--- built\n{expected}", answer.status));
        }
    }
    None
}

fn edits_show_what_a_build_makes(seed: u64) {
    const STEPS: usize = 25;
    let mut random = Random(0x51ce_b00c ^ seed.wrapping_mul(0x1000_0001));
    let place = tempfile::tempdir().unwrap();
    let site = place.path().join("site");
    fs::create_dir(&site).unwrap();
    let mut states = vec![Model::start(&mut random)];
    let mut on_disk = states[0].all();
    write(&site, &Default::default(), &on_disk);
    let preview = Instance::preview(&[site.to_str().unwrap()]);
    let (mut edits, mut before) = (Vec::new(), BTreeSet::new());
    for step in 0..STEPS {
        let cold = place.path().join(format!("cold-{step}"));
        let output = place.path().join(format!("output-{step}"));
        write(&cold, &Default::default(), &on_disk);
        let output_name = output.to_str().unwrap();
        let ran = Ran::of(galley().args(["build", ".", "--drafts", "--future", "-o", output_name]).current_dir(&cold));
        if ran.code == 0 {
            let started = Instant::now();
            while let Some(difference) = differs(&preview, &output) {
                assert!(started.elapsed() < PATIENCE, "seed {seed}, after {edits:?}: {difference}");
            }
            let names: BTreeSet<String> =
                files(&output).into_keys().filter(|name| name.ends_with("/index.html")).collect();
            for gone in before.difference(&names) {
                let status = preview.get(&format!("/{}", gone.trim_end_matches("index.html"))).status;
                assert!([301, 404].contains(&status), "seed {seed}, after {edits:?}: {gone} is still there ({status})");
            }
            before = names;
        }
        if ran.code != 0 && states.len() > 1 || states.len() > 2 && random.below(6) == 0 {
            states.pop();
            edits.push("all that undone");
        } else {
            let mut next = states.last().unwrap().clone();
            for _ in 0..=random.below(3) {
                edits.push(next.edit(&mut random, step));
            }
            states.push(next);
        }
        let all = states.last().unwrap().all();
        write(&site, &on_disk, &all);
        on_disk = all;
    }
}

#[test]
fn a_preview_shows_what_a_build_makes_whatever_was_edited() {
    // More of them by hand: GALLEY_TEST_SEEDS=10..50.
    let seeds = std::env::var("GALLEY_TEST_SEEDS").unwrap_or_else(|_| "1..3".to_owned());
    let (from, to) = seeds.split_once("..").unwrap();
    (from.parse().unwrap()..to.parse().unwrap()).for_each(edits_show_what_a_build_makes);
}
