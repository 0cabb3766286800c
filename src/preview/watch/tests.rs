//! Folders that change under a watch.

use std::fs;

use notify::event::Flag;

use super::*;

fn files(changes: &Changes) -> Vec<&str> {
    let Changes::Files(files) = changes else { panic!("{changes:?}") };
    files.iter().map(String::as_str).collect()
}

/// A site's folder, watched by `method`.
fn watched(method: Method) -> (tempfile::TempDir, Watch) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("content/posts")).unwrap();
    fs::create_dir(folder.path().join("examples")).unwrap();
    fs::write(folder.path().join("content/posts/a.md"), "one").unwrap();
    let watch = Watch::by(folder.path(), method).unwrap();
    (folder, watch)
}

/// What is heard next. A watch that hears nothing is ended, so that the test fails and does not wait for ever.
#[track_caller]
fn next(watch: &mut Watch) -> Changes {
    let (heard, waits) = channel::<()>();
    let stopper = watch.stopper();
    let guard = std::thread::spawn(move || {
        if waits.recv_timeout(Duration::from_secs(10)) == Err(RecvTimeoutError::Timeout) {
            stopper.stop();
        }
    });
    let changes = watch.next(&Kept::default(), false);
    drop(heard);
    guard.join().unwrap();
    changes.expect("nothing was heard").0
}

#[test]
fn a_saved_file_is_heard_of_and_a_read_one_is_not() {
    let (folder, mut watch) = watched(Method::Reported);
    let file = folder.path().join("content/posts/a.md");
    fs::read(&file).unwrap();
    fs::write(folder.path().join("content/posts/a.md~"), "two").unwrap();
    fs::write(folder.path().join("elsewhere.txt"), "two").unwrap();
    fs::write(&file, "two").unwrap();
    let (changes, _) = watch.next(&Kept::default(), false).unwrap();
    assert_eq!(files(&changes), ["content/posts/a.md"]);
    fs::create_dir(folder.path().join("content/new")).unwrap();
    assert_eq!(watch.next(&Kept::default(), false).unwrap().0, Changes::All);
    fs::write(folder.path().join("content/new/b.md"), "three").unwrap();
    assert_eq!(files(&watch.next(&Kept::default(), false).unwrap().0), ["content/new/b.md"]);
    watch.stopper().stop();
    assert!(watch.next(&Kept::default(), false).is_none());
}

/// As on a network: of the same length and at the same second, only the contents tell.
#[test]
fn by_looking_again_a_change_is_seen_as_well() {
    let (folder, mut watch) = watched(Method::Network);
    assert_eq!((watch.method(), watch.tells_closing), (Method::Network, false));
    fs::write(folder.path().join("content/posts/a.md"), "two").unwrap();
    let (changes, _) = watch.next(&Kept::default(), false).unwrap();
    assert!(changes.may_be("content/posts/a.md"), "{changes:?}");
}

#[test]
fn files_that_pages_include_are_watched_wherever_they_lie() {
    let (folder, mut watch) = watched(Method::Reported);
    watch.include(BTreeSet::from(["examples/a.rs".to_owned(), "content/posts/examples/a.rs".to_owned()]));
    fs::write(folder.path().join("examples/b.rs"), "x").unwrap();
    fs::write(folder.path().join("examples/a.rs"), "x").unwrap();
    assert_eq!(files(&watch.next(&Kept::default(), false).unwrap().0), ["examples/a.rs"]);
}

#[test]
fn a_folder_that_is_gone_is_watched_again_when_it_is_back() {
    let (folder, mut watch) = watched(Method::Reported);
    let aside = folder.path().with_extension("aside");
    fs::rename(folder.path(), &aside).unwrap();
    assert_eq!(watch.next(&Kept::default(), false).unwrap().0, Changes::All);
    fs::rename(&aside, folder.path()).unwrap();
    assert_eq!(watch.next(&Kept::default(), false).unwrap().0, Changes::All);
    fs::write(folder.path().join("content/posts/a.md"), "two").unwrap();
    assert_eq!(files(&watch.next(&Kept::default(), false).unwrap().0), ["content/posts/a.md"]);
}

/// The second folder is there before the move of the first is heard of: at no time is there none.
#[test]
fn a_folder_that_is_replaced_at_once_is_watched_and_the_old_one_is_not() {
    let (folder, mut watch) = watched(Method::Reported);
    let (aside, other) = (folder.path().with_extension("aside"), folder.path().with_extension("other"));
    fs::create_dir_all(other.join("content/posts")).unwrap();
    fs::rename(folder.path(), &aside).unwrap();
    fs::rename(&other, folder.path()).unwrap();
    assert_eq!(next(&mut watch), Changes::All);
    // What becomes of the old one is no news, and takes nothing from the new one.
    fs::remove_dir_all(&aside).unwrap();
    fs::write(folder.path().join("content/posts/a.md"), "two").unwrap();
    assert_eq!(files(&next(&mut watch)), ["content/posts/a.md"]);
}

#[test]
fn folders_whose_news_was_lost_are_watched_again() {
    let (folder, mut watch) = watched(Method::Reported);
    // As after a queue that was full: nobody knows of the folder.
    watch.watcher.unwatch(&folder.path().join("content")).unwrap();
    let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
    watch.stop.0.send(Signal::Heard(0, Ok(overflow))).unwrap();
    assert_eq!(next(&mut watch), Changes::All);
    fs::write(folder.path().join("content/posts/a.md"), "two").unwrap();
    assert_eq!(files(&next(&mut watch)), ["content/posts/a.md"]);
}

#[test]
fn what_was_read_beside_a_save_is_in_doubt_and_read_again() {
    let (folder, mut watch) = watched(Method::Reported);
    let path = folder.path().join("content/posts/a.md");
    assert_eq!(watch.beacon.is_some(), watch.tells_closing);
    assert!(watch.is_still(false));
    fs::read(&path).unwrap();
    fs::write(folder.path().join("content/posts/a.md~"), "two").unwrap();
    assert!(watch.is_still(false));
    fs::write(&path, "two").unwrap();
    assert!(!watch.is_still(false));
    assert_eq!(files(&next(&mut watch)), ["content/posts/a.md"]);
    // Half written, for longer than is waited for.
    let mut file = fs::File::create(&path).unwrap();
    std::io::Write::write_all(&mut file, b"three").unwrap();
    assert!(!watch.is_still(false));
    assert!(files(&next(&mut watch)).is_empty());
    assert!(watch.is_still(false));
    drop(file);
    assert_eq!(files(&next(&mut watch)), ["content/posts/a.md"]);
    // What came and went is read again too: the last pass may have seen it.
    fs::write(folder.path().join("content/posts/b.md"), "two").unwrap();
    fs::remove_file(folder.path().join("content/posts/b.md")).unwrap();
    assert!(!watch.is_still(false));
    assert!(files(&next(&mut watch)).is_empty());
    assert!(watch.is_still(false));
}
