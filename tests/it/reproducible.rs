//! The same blog gives the same image, byte for byte, whoever packs it where and when.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use galley::image::Platform;
use galley::render::{Memory, Theme, render};
use galley::site::{self, Options};
use galley::snapshot::{ContentRoot, Digest, Tree};
use tempfile::TempDir;
use walkdir::WalkDir;

use crate::history::commit;
use crate::package::images;
use crate::support::{Ran, galley, program};

/// The files of a blog, and what its second release has otherwise.
struct Blog {
    files: Vec<(String, Vec<u8>)>,
    edits: Vec<(String, Vec<u8>)>,
}

/// A blog with what is made on several cores and from several folders: posts with tags and code, a picture, data, a style sheet.
fn blog() -> Blog {
    let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
    let post = |number: u32, text: &str| {
        let day = 1 + number % 28;
        let head = format!("title: P{number}\ndate: 2025-01-{day:02}T08:00:00\ntags: [t{}, all]\n", number % 5);
        let path = format!("content/posts/p{number}.md");
        file(&path, &format!("---\n{head}---\n{text}\n\n```rust\nfn p{number}() {{}}\n```\n"))
    };
    let config =
        "title = \"Test\"\nbase_url = \"https://blog.example\"\ntimezone = \"Europe/Berlin\"\nlanguage = \"tr\"\n";
    let mut files: Vec<_> = (0..40).map(|number| post(number, &words(number))).collect();
    files.extend([
        file("galley.toml", config),
        file("content/posts/bundle/index.md", "---\ntitle: Bundle\ndate: 2025-02-01\n---\n![A picture](pic.png)\n"),
        ("content/posts/bundle/pic.png".to_owned(), picture()),
        file("static/style/own.css", "p { color: red }\n"),
        file("static/İstanbul.txt", "x"),
        ("static/film.bin".to_owned(), (0..8_000u32).flat_map(|at| Digest::of(&at.to_le_bytes()).bytes()).collect()),
    ]);
    Blog { files, edits: vec![post(7, "Edited."), file("static/style/own.css", "p { color: blue }\n")] }
}

/// Digests, which don't get smaller by compression: an edit stays a small part of all.
fn words(number: u32) -> String {
    (0..80).map(|word| format!("{} ", Digest::of(format!("{number} {word}").as_bytes()))).collect()
}

/// Wide enough to be made smaller, in more than one size.
fn picture() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 1200, 300);
    encoder.set_color(png::ColorType::Grayscale);
    let pixels: Vec<u8> = (0..1200u32 * 300).map(|at| ((at % 1200 * 7) ^ (at / 1200 * 13)) as u8).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

/// Where somebody packs.
struct Desk {
    folder: TempDir,
    site: PathBuf,
}

impl Desk {
    fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap(), "site")
    }

    fn at(folder: TempDir, name: &str) -> Self {
        Platform::ALL.iter().for_each(|platform| {
            fs::write(folder.path().join(platform.folder()), program(*platform, "program 1")).unwrap();
        });
        let site = folder.path().join(name);
        Self { folder, site }
    }

    fn write<'f>(&self, files: impl IntoIterator<Item = &'f (String, Vec<u8>)>) {
        for (path, bytes) in files {
            let path = self.site.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            // What may not be written to may be replaced.
            let _ = fs::remove_file(&path);
            fs::write(path, bytes).unwrap();
        }
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// `galley package` of what lies at `site`, behind the words of `prefix`.
    fn command(&self, prefix: &[&str], site: &Path) -> Command {
        let own = galley();
        let mut words = prefix.iter().map(OsStr::new).chain([own.get_program()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words);
        for (name, value) in own.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let binaries = Platform::ALL
            .map(|platform| format!("--binary={platform}={}", self.folder.path().join(platform.folder()).display()));
        command.env_remove("GALLEY_PLATFORM").arg("package").arg(site).args(binaries).arg("--oci").arg(self.image());
        command
    }

    fn package(&self) -> String {
        packed(&mut self.command(&[], &self.site))
    }
}

/// The digest of the index.
fn packed(command: &mut Command) -> String {
    let ran = Ran::of(command);
    ran.says(0, "wrote oci:");
    ran.output.trim().to_owned()
}

/// The first two releases of the blog at a desk. The second is a layer on top of the first.
fn releases(desk: &Desk, blog: &Blog, run: impl Fn(&Desk) -> String) -> [String; 2] {
    let first = run(desk);
    desk.write(&blog.edits);
    let second = run(desk);
    assert_eq!(images(&desk.image()).1[0].layers.len(), 3, "program, base, delta");
    [first, second]
}

/// What everybody else's releases are compared with.
fn plain(blog: &Blog) -> &'static [String; 2] {
    static FOUND: OnceLock<[String; 2]> = OnceLock::new();
    FOUND.get_or_init(|| {
        let desk = Desk::new();
        desk.write(&blog.files);
        releases(&desk, blog, Desk::package)
    })
}

/// The names in a folder in the order in which the system gives them.
fn order(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|found| found.unwrap().file_name().into_string().unwrap()).collect()
}

/// A file system in memory gives names in the order in which they were made, one on a disk in that of a hash.
#[test]
fn the_order_of_names_in_a_folder_does_not_matter() {
    let blog = blog();
    let memory = Path::new("/dev/shm");
    let folders = [None, Some(memory).filter(|folder| folder.is_dir())];
    let (mut orders, mut found) = (BTreeSet::new(), BTreeSet::new());
    for folder in folders {
        for backwards in [false, true] {
            let folder = folder.map_or_else(tempfile::tempdir, tempfile::tempdir_in).unwrap();
            let desk = Desk::at(folder, "site");
            match backwards {
                false => desk.write(&blog.files),
                true => desk.write(blog.files.iter().rev()),
            }
            orders.insert(order(&desk.site.join("content/posts")));
            found.insert(releases(&desk, &blog, Desk::package));
        }
    }
    assert_eq!(found.len(), 1, "{found:#?}");
    if orders.len() == 1 {
        eprintln!("skipped: needs two file systems, or one, that give names in another order");
    }
}

/// Sets the time and the rights of all that lies in the site.
fn touch(site: &Path, time: SystemTime, file_mode: u32, folder_mode: u32) {
    for found in WalkDir::new(site).contents_first(true) {
        let found = found.unwrap();
        let mode = if found.file_type().is_dir() { folder_mode } else { file_mode };
        fs::File::open(found.path()).unwrap().set_modified(time).unwrap();
        fs::set_permissions(found.path(), fs::Permissions::from_mode(mode)).unwrap();
    }
}

#[test]
fn times_and_rights_of_files_do_not_matter() {
    let blog = blog();
    let expected = plain(&blog);
    let year = Duration::from_secs(365 * 86_400);
    let now = SystemTime::now();
    for (time, file_mode, folder_mode) in
        [(SystemTime::UNIX_EPOCH + year, 0o600, 0o700), (now + 50 * year, 0o777, 0o777), (now, 0o444, 0o755)]
    {
        let desk = Desk::new();
        desk.write(&blog.files);
        let found = releases(&desk, &blog, |desk| {
            touch(&desk.site, time, file_mode, folder_mode);
            desk.package()
        });
        assert_eq!(&found, expected, "{file_mode:o} {folder_mode:o}");
    }
}

/// What new files may be done with is the user's own setting, and a layout in a folder shows it; the image does not.
#[test]
fn the_umask_does_not_matter() {
    let blog = blog();
    let expected = plain(&blog);
    for umask in ["umask 000; exec \"$@\"", "umask 077; exec \"$@\""] {
        let desk = Desk::new();
        desk.write(&blog.files);
        let found = releases(&desk, &blog, |desk| packed(&mut desk.command(&["sh", "-c", umask, "sh"], &desk.site)));
        assert_eq!(&found, expected, "{umask}");
    }
}

#[test]
fn the_number_of_cores_does_not_matter() {
    let blog = blog();
    let expected = plain(&blog);
    let has_taskset = Command::new("taskset").args(["-c", "0", "true"]).status().is_ok_and(|status| status.success());
    let one_core: &[&str] = if has_taskset { &["taskset", "-c", "0"] } else { &[] };
    for (prefix, threads) in [(&[][..], "1"), (&[], "3"), (&[], "16"), (one_core, "16"), (one_core, "")] {
        let desk = Desk::new();
        desk.write(&blog.files);
        let found = releases(&desk, &blog, |desk| {
            let mut command = desk.command(prefix, &desk.site);
            if !threads.is_empty() {
                command.env("RAYON_NUM_THREADS", threads);
            }
            packed(&mut command)
        });
        assert_eq!(&found, expected, "{prefix:?} {threads}");
    }
}

#[test]
fn where_the_site_lies_and_how_it_is_named_does_not_matter() {
    let blog = blog();
    let expected = plain(&blog);
    let long = format!("{}/my blög", "a/deep/place/".repeat(8));
    for (name, argument) in [(long.as_str(), None), ("other", Some(".")), ("other", Some("../other/"))] {
        let desk = Desk::at(tempfile::tempdir().unwrap(), name);
        desk.write(&blog.files);
        let found = releases(&desk, &blog, |desk| match argument {
            None => desk.package(),
            Some(argument) => packed(desk.command(&[], Path::new(argument)).current_dir(&desk.site)),
        });
        assert_eq!(&found, expected, "{name} {argument:?}");
    }
}

#[test]
fn language_and_time_zone_of_a_machine_do_not_matter() {
    let blog = blog();
    let expected = plain(&blog);
    for (zone, language) in [("Pacific/Kiritimati", "tr_TR.UTF-8"), ("America/Adak", "C"), ("nowhere", "")] {
        let desk = Desk::new();
        desk.write(&blog.files);
        let found = releases(&desk, &blog, |desk| {
            let mut command = desk.command(&[], &desk.site);
            let variables = ["LANG", "LC_ALL", "LANGUAGE"].map(|name| (name, language));
            // What other programs take for the time, galley does not: its times come from the pages and from git.
            command.envs(variables).env("TZ", zone).env("SOURCE_DATE_EPOCH", "86400");
            packed(&mut command)
        });
        assert_eq!(&found, expected, "{zone} {language}");
    }
}

/// The clock decides which pages are published. With the same pages there is nothing that it changes.
#[test]
fn the_day_does_not_matter() {
    let desk = Desk::new();
    desk.write(&blog().files);
    let root = |now: &str| {
        let options = Options { drafts: false, future: false, now: now.parse().unwrap(), revision: None };
        let site = site::load(&desk.site, &options).unwrap();
        let theme = Theme::load(&site).unwrap();
        let mut tree = Tree::new();
        render(&site, &theme, &Memory::none(), |rendered| tree.insert(rendered.path, rendered.entry)).unwrap();
        ContentRoot::of(&tree)
    };
    let today = root("2025-02-02T00:00:00Z");
    assert_eq!(root("2025-12-31T23:59:59Z"), today);
    assert_eq!(root("2096-02-29T12:00:00Z"), today);
    // The test would notice: before the last post it is another blog.
    assert_ne!(root("2025-01-31T00:00:00Z"), today);
}

/// Two clones of one commit: the time in the image is the commit's.
#[test]
fn two_clones_give_the_same_image() {
    let blog = blog();
    let clone = |name: &str| {
        let desk = Desk::at(tempfile::tempdir().unwrap(), name);
        desk.write(&blog.files);
        commit(&desk.site, 1_700_000_000);
        let repository = git2::Repository::open(&desk.site).unwrap();
        repository.remote("origin", "https://git.example/me/blog").unwrap();
        let digest = desk.package();
        let index = images(&desk.image()).0;
        assert_eq!(index.annotations["org.opencontainers.image.created"], "2023-11-14T22:13:20Z");
        (digest, index.revision().unwrap().to_owned())
    };
    assert_eq!(clone("one"), clone("another"));
}

/// The layers of a full image come from the site alone, and its index from that and the number: whatever was there before.
#[test]
fn a_full_image_knows_no_history() {
    let blog = blog();
    let full = |desk: &Desk| packed(desk.command(&[], &desk.site).arg("--full"));
    let one = Desk::new();
    one.write(&blog.files);
    releases(&one, &blog, Desk::package);
    let third = full(&one);
    // By another way to the same number.
    let other = Desk::new();
    other.write(&blog.files);
    other.package();
    other.write(&[("static/style/own.css".to_owned(), b"p { color: green }\n".to_vec())]);
    full(&other);
    other.write(&blog.edits);
    assert_eq!(full(&other), third);
    // The same layers with another number.
    let new = Desk::new();
    new.write(&blog.files);
    new.write(&blog.edits);
    assert_ne!(new.package(), third);
    let layers = |desk: &Desk| images(&desk.image()).1.into_iter().map(|manifest| manifest.layers).collect::<Vec<_>>();
    assert_eq!(layers(&new), layers(&one));
}

/// A folder that another program rendered, so that no theme is in it: what anybody gets from these files on any day, also if they are
/// written anew, and after an edit on top of it. A change here is a change of the format, made on purpose.
#[test]
fn the_releases_of_a_folder_are_golden() {
    let found = ["oci", "docker"].map(|format| {
        let desk = Desk::new();
        let page = |number: u32, text: &str| {
            (format!("posts/p{number}/index.html"), format!("{text}{}", words(number)).into_bytes())
        };
        let index = |text: &str| ("index.html".to_owned(), text.as_bytes().to_vec());
        let files = (0..20).map(|number| page(number, "")).chain([index("<p>one</p>")]).collect();
        let blog = Blog { files, edits: vec![page(7, "edited"), index("<p>two</p>")] };
        desk.write(&blog.files);
        releases(&desk, &blog, |desk| packed(desk.command(&[], &desk.site).args(["--format", format])))
    });
    let oci = [
        "sha256:c2c91563d469dfea411831a40175dce2428783fcc20bdeec90688015ceaba58c",
        "sha256:6647fa4e28099488e1a081ffae86de084269bb06fbc5da927222be2dca4df14d",
    ];
    let docker = [
        "sha256:fd1a9d90e337276814820532b80ef697d228b83021a08c0a448f574aa4e9121b",
        "sha256:622d35371e4f44c5d3762a5b84094eb7165c62101abb7d07c3dde8e392511fcd",
    ];
    assert_eq!(found, [oci, docker].map(|releases| releases.map(str::to_owned)));
}
