//! Large files of images that are followed: on a disk where memory has no room for them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use galley::image::write_layout;
use galley::snapshot::{Digest, Entry, Tree, TreePath};

use crate::control::Observed;
use crate::failures::{Mounted, until};
use crate::image::{image, tree};
use crate::releases::{Fleet, Followed};
use crate::support::{TempSite, galley};

/// Longer than any piece in which files are read, and than all that an instance takes beside its content.
const FILM: usize = 64 << 20;
const PICTURE: usize = 100_000;

/// Bytes that no compression makes less.
fn noise(length: usize) -> Bytes {
    let mut state = 1u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).to_le_bytes()[..4].to_vec()
    };
    (0..length.div_ceil(4)).flat_map(next).take(length).collect()
}

fn site(text: &str, files: &[(&str, &Bytes)]) -> Tree {
    let mut tree = tree(text);
    for (path, bytes) in files {
        tree.insert(TreePath::new(path).unwrap(), Entry::new((*bytes).clone(), None)).unwrap();
    }
    tree
}

fn media(fleet: &Fleet) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(fleet.state().join("media/sha256")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The most memory that the process has had, in bytes.
fn peak(followed: &Followed) -> usize {
    peak_of(&followed.observed)
}

fn peak_of(observed: &Observed) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", observed.id().as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

fn name_of(bytes: &[u8]) -> String {
    Digest::of(bytes).hex()
}

#[track_caller]
fn is(path: &Path, name: &str) {
    assert_eq!(path.file_name().unwrap(), name);
}

#[test]
fn what_memory_has_no_room_for_lies_in_the_state_and_goes_with_its_release() {
    let (film, picture, icon) = (noise(FILM), noise(PICTURE), noise(1000));
    let all = [("film.mp4", &film), ("picture.png", &picture), ("icon.png", &icon)];
    let mut fleet = Fleet::new();
    fleet.push_tree(&site("with a film", &all));
    let arguments = ["--memory", "0", "--keep", "0"];
    let followed = fleet.start(&arguments);
    let answers_all = |followed: &Followed| {
        assert!(followed.page().contains("with a film"));
        for (path, bytes) in all {
            let response = followed.observed.get(&format!("/{path}"), &[]);
            assert!(response.status == 200 && response.body == **bytes, "{path}");
        }
        let part = followed.observed.get("/film.mp4", &[("range", "bytes=67108860-")]);
        assert_eq!((part.status, &part.body[..]), (206, &film[FILM - 4..]));
    };
    answers_all(&followed);
    let mut names = [name_of(&film), name_of(&picture)];
    names.sort();
    let there = media(&fleet);
    assert_eq!(there.len(), 2);
    there.iter().zip(&names).for_each(|(path, name)| is(path, name));
    // Neither the layer nor the film was ever in memory.
    assert!(peak(&followed) < FILM, "{}", peak(&followed));
    followed.observed.stop();

    // A restart without the registry writes none of it again.
    let inodes = |files: &[PathBuf]| files.iter().map(|file| file.metadata().unwrap().ino()).collect::<Vec<_>>();
    let before = inodes(&there);
    let followed = fleet.start(&arguments);
    answers_all(&followed);
    assert_eq!(inodes(&media(&fleet)), before);
    assert!(peak(&followed) < FILM, "{}", peak(&followed));

    // The next release has the picture only; one may go back to the one before.
    fleet.push_tree(&site("without", &[("picture.png", &picture)]));
    followed.does(&["deploy"], "the latest release is served");
    assert_eq!(followed.observed.get("/film.mp4", &[]).status, 404);
    assert_eq!(media(&fleet).len(), 2);
    followed.does(&["rollback"], "serves release");
    answers_all(&followed);
    followed.does(&["unpin"], "the latest release is served");
    fleet.push_tree(&site("still without", &[("picture.png", &picture)]));
    followed.does(&["deploy"], "the latest release is served");
    assert_eq!(followed.observed.get("/picture.png", &[]).body, picture[..]);
    let left = media(&fleet);
    assert_eq!(left.len(), 1);
    is(&left[0], &name_of(&picture));
}

#[test]
fn what_pages_of_earlier_releases_ask_for_stays_on_the_disk() {
    let film = noise(FILM);
    let name = format!("film.{}.mp4", &name_of(&film)[..16]);
    let mut fleet = Fleet::new();
    fleet.push_tree(&site("with a film", &[(&name, &film)]));
    let arguments = ["--memory", "0", "--keep", "0"];
    let followed = fleet.start(&arguments);
    fleet.push_tree(&site("without", &[]));
    followed.does(&["deploy"], "the latest release is served");
    followed.observed.stop();
    let followed = fleet.start(&arguments);
    let answers = |followed: &Followed| {
        let part = followed.observed.get(&format!("/{name}"), &[("range", "bytes=67108860-")]);
        assert_eq!((part.status, &part.body[..]), (206, &film[FILM - 4..]));
    };
    answers(&followed);
    assert!(peak(&followed) < FILM, "{}", peak(&followed));
    // Its release is no longer kept.
    fleet.push_tree(&site("still without", &[]));
    followed.does(&["deploy"], "the latest release is served");
    answers(&followed);
}

/// What the process has in its temporary folder.
fn temporary(place: &TempSite) -> usize {
    fs::read_dir(place.path()).unwrap().count()
}

/// One that follows without a place of its own, and one that is given a layout, which may be compressed.
#[test]
fn without_a_state_media_lie_in_a_temporary_folder() {
    let film = noise(FILM);
    let mut fleet = Fleet::new();
    let writer = fleet.start(&[]);
    fleet.push_tree(&site("with a film", &[("film.mp4", &film)]));
    let (place, layout) = (TempSite::bare(), TempSite::bare());
    let last_part = |observed: &Observed| {
        let part = observed.get("/film.mp4", &[("range", "bytes=67108860-")]);
        assert_eq!((part.status, &part.body[..]), (206, &film[FILM - 4..]));
        assert!(peak_of(observed) < FILM, "{}", peak_of(observed));
        assert_eq!(temporary(&place), 1);
    };
    let command = || {
        let mut command = galley();
        command.env("TMPDIR", place.path());
        command
    };
    // The first one has the state.
    let reader = fleet.start_by(command(), &["--memory", "0"]);
    reader.observed.hear("another galley keeps its state there");
    reader.does(&["deploy"], "the latest release is served");
    last_part(&reader.observed);
    assert_eq!(reader.status()["crowded"], 0);
    // Back to what the state has, and to the film again.
    reader.does(&["rollback"], "serves release 1 ");
    reader.does(&["unpin"], "the latest release is served");
    last_part(&reader.observed);
    drop(reader);
    writer.observed.stop();
    // Killed, it leaves the folder to the next one.
    assert_eq!(temporary(&place), 1);
    let image = image(&site("with a film", &[("film.mp4", &film)]), 1);
    write_layout(layout.path(), &image).unwrap();
    let source = format!("oci:{}", layout.str());
    let observed = Observed::of(command(), &["--memory", "0", &source]).serving();
    last_part(&observed);
    observed.stop();
    assert_eq!(temporary(&place), 0);
}

#[test]
fn a_film_that_can_not_be_put_away_is_held() {
    const FILM: usize = 12 << 20;
    let film = noise(FILM);
    let mut fleet = Fleet::new();
    let Some(_disk) = Mounted::of_size(fleet.state(), "size=20m") else {
        eprintln!("skipped: only root may make a file system");
        return;
    };
    fleet.push_tree(&site("with a film", &[("film.mp4", &film)]));
    let followed = fleet.start(&["--memory", "100M"]);
    assert_eq!(followed.observed.get("/film.mp4", &[]).status, 200);
    assert_eq!(followed.status()["crowded"], 0);
    followed.observed.stop();
    fleet.registry.stop();
    // Of the disk its layer has taken more than half.
    let followed = fleet.start(&["--memory", "0"]);
    followed.observed.hear("film.mp4 stays in memory, 12582912 bytes: ");
    followed.observed.hear("from the state: release 2");
    assert!(followed.page().contains("with a film"));
    assert!(followed.observed.get("/film.mp4", &[]).body == film);
    assert_eq!(followed.status()["crowded"], FILM as u64);
    followed.does(&["status"], "12.6 MB of media beyond --memory are held: they could not be put on a disk");
}

#[test]
fn codings_outlive_a_restart() {
    let text = Bytes::from("<p>words that compress</p>\n".repeat(200));
    let mut fleet = Fleet::new();
    fleet.push_tree(&site("coded", &[("long.html", &text)]));
    let followed = fleet.start(&[]);
    followed.observed.hear("all codings are made");
    let coded = |followed: &Followed| followed.observed.get("/long.html", &[("accept-encoding", "br")]);
    let made = coded(&followed);
    assert_eq!(made.header("content-encoding"), "br");
    followed.observed.stop();
    let folder = fleet.state().join("codings");
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let written = files[0].metadata().unwrap().mtime_nsec();
    let followed = fleet.start(&[]);
    until(|| coded(&followed).header("content-encoding") == "br");
    assert_eq!(coded(&followed).body, made.body);
    followed.observed.hear("all codings are made");
    followed.observed.stop();
    // None was made again.
    assert_eq!(files[0].metadata().unwrap().mtime_nsec(), written);
}
