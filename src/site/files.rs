//! Where a site's files are read from: a folder, or a commit without a checkout.

mod folder;
mod revision;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::{ErrorCode, ObjectType};

use super::history::{Commit, discover, place};
use crate::finding::Finding;
use revision::Tree;

/// What is said of a file or link whose way leads out of the site.
const OUTSIDE: &str = "leads out of the site's folder; put a copy of the file into it";

/// The files of a site: a folder, or a commit of the git repository that the folder lies in.
///
/// Paths are relative to the site's folder, with `/` between the parts; `""` is that folder. A clone reads the same files.
#[derive(Clone, Debug)]
pub struct Files(Arc<Source>);

#[derive(Debug)]
enum Source {
    Folder(PathBuf),
    Revision(Tree),
}

/// Why a revision's files can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// There is no repository.
    #[error("{folder}: lies in no git repository; name a folder that does, or leave the revision out", folder = .0.display())]
    NoRepository(PathBuf),
    /// git reads no repository of another user.
    #[error(
        "{folder}: its repository belongs to another user; if you trust it, run git config --global --add safe.directory \
         and the repository's path",
        folder = .0.display()
    )]
    Untrusted(PathBuf),
    /// The repository doesn't know the name, or no commit stands behind it.
    #[error("'{0}' is no commit of the repository; name a branch, a tag or a commit that it has, or fetch it first")]
    NoRevision(String),
    /// The commit has no such folder.
    #[error("{folder}: is not in revision '{revision}'; name a revision that has it", folder = .folder.display())]
    NoFolder {
        /// The site's folder.
        folder: PathBuf,
        /// The revision as it was given.
        revision: String,
    },
    /// The repository can't be read.
    #[error("git: {0}")]
    Git(#[from] git2::Error),
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file with content.
    Regular,
    /// A symbolic link, a submodule or a special file.
    Other,
}

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it lies.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// How long it is, in bytes; 0 if it is not regular.
    pub length: u64,
}

impl Listed {
    /// That it is left out, if it is no regular file.
    pub fn left_out(&self) -> Option<Finding> {
        let message = "is a symbolic link or special file, which is left out; put a copy of the file in its place";
        (self.kind != Kind::Regular).then(|| Finding::warning(&self.path, None, message))
    }
}

/// The files below a folder.
#[derive(Debug, Default)]
pub struct Listing {
    /// In bytewise order of their paths.
    pub files: Vec<Listed>,
    /// What could not be looked at, and why; odd bytes of a name that is not UTF-8 are shown as �.
    pub errors: Vec<(String, io::Error)>,
}

impl Listing {
    /// What could not be looked at, for the author. That the folder itself is gone since it was found is no fault.
    pub fn faults(&self) -> impl Iterator<Item = Finding> {
        let errors = self.errors.iter().filter(|(_, error)| error.kind() != io::ErrorKind::NotFound);
        errors.map(|(path, error)| Finding::error(path, None, error.to_string()))
    }
}

impl Files {
    /// The files as they lie in the folder at `path`, read anew each time.
    pub fn folder(path: &Path) -> Self {
        Self(Arc::new(Source::Folder(path.to_path_buf())))
    }

    /// The files of `folder` as they are in a revision: anything that `git rev-parse` takes for a commit, like `v1.2`,
    /// `HEAD~3` or a hash. They come from the repository as they were committed, without line endings changed and
    /// without large files fetched. `folder` may be a bare repository that has the site at its top.
    ///
    /// # Errors
    /// If there is no such repository or revision, or the folder is not in it.
    pub fn revision(folder: &Path, revision: &str) -> Result<Self, RevisionError> {
        let repository = match discover(folder) {
            Ok(repository) => repository.ok_or_else(|| RevisionError::NoRepository(folder.to_path_buf()))?,
            Err(error) if error.code() == ErrorCode::Owner => {
                return Err(RevisionError::Untrusted(folder.to_path_buf()));
            }
            Err(error) => return Err(error.into()),
        };
        let object = match repository.revparse_single(revision) {
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => None,
            object => Some(object?),
        };
        let commit = object.and_then(|object| object.peel_to_commit().ok());
        let commit = commit.ok_or_else(|| RevisionError::NoRevision(revision.to_owned()))?;
        let top = match place(&repository, folder).as_deref() {
            Some("") => Some(commit.tree_id()),
            Some(place) => match commit.tree()?.get_path(Path::new(place)) {
                Err(error) if error.code() == ErrorCode::NotFound => None,
                entry => Some(entry?).filter(|entry| entry.kind() == Some(ObjectType::Tree)).map(|entry| entry.id()),
            },
            None => None,
        };
        let no_folder = || RevisionError::NoFolder { folder: folder.to_path_buf(), revision: revision.to_owned() };
        let tree = Tree::read_from(&repository, Commit::new(&commit), top.ok_or_else(no_folder)?)?;
        Ok(Self(Arc::new(Source::Revision(tree))))
    }

    /// Whether [`read`](Self::read) finds a regular file there.
    pub fn is_file(&self, path: &str) -> bool {
        match &*self.0 {
            Source::Folder(folder) => folder::locate(folder, path).is_ok_and(|(_, metadata)| metadata.is_file()),
            Source::Revision(tree) => tree.resolve(path).is_ok_and(|path| tree.is_file(&path)),
        }
    }

    /// Whether there is a folder. A revision has none that are empty.
    pub fn is_dir(&self, path: &str) -> bool {
        match &*self.0 {
            Source::Folder(folder) => folder::locate(folder, path).is_ok_and(|(_, metadata)| metadata.is_dir()),
            Source::Revision(tree) => tree.resolve(path).is_ok_and(|path| tree.is_folder(&path)),
        }
    }

    /// Why nothing at `path` can be looked at, though something may be there.
    pub fn obstacle(&self, path: &str) -> Option<io::Error> {
        let found = match &*self.0 {
            Source::Folder(folder) => folder::locate(folder, path).map(drop),
            Source::Revision(tree) => tree.resolve(path).map(drop),
        };
        found.err().filter(|error| error.kind() != io::ErrorKind::NotFound)
    }

    /// Reads a file that [`list`](Self::list) found to be a regular one, `length` bytes long, without looking once more at
    /// each folder on the way; one that has become a symbolic link since is refused.
    ///
    /// # Errors
    /// As of [`read`](Self::read).
    pub fn read_listed(&self, path: &str, length: u64, max: u64) -> io::Result<Vec<u8>> {
        match &*self.0 {
            Source::Folder(folder) => folder::read_listed(folder, path, length, max),
            Source::Revision(tree) => tree.read(path, max),
        }
    }

    /// Reads a file of at most `max` bytes. Symbolic links are followed if they stay inside the site's folder.
    ///
    /// # Errors
    /// `NotFound` if there is no such file, `FileTooLarge` if it is longer, which is seen before it is read,
    /// `PermissionDenied` if the way there leads out of the folder, `IsADirectory` or `InvalidInput` if it is something
    /// else than a regular file.
    pub fn read(&self, path: &str, max: u64) -> io::Result<Vec<u8>> {
        match &*self.0 {
            Source::Folder(folder) => folder::read(folder, path, max),
            Source::Revision(tree) => tree.read(path, max),
        }
    }

    /// All files below the folder `below`, to any depth. Names that begin with a dot are left out, but for `.well-known`
    /// (RFC 8615), and so are folders
    /// whose name `skip` takes; symbolic links are listed, but not followed.
    pub fn list(&self, below: &str, skip: impl Fn(&str) -> bool) -> Listing {
        let mut listing = Listing::default();
        let listed = match &*self.0 {
            Source::Folder(folder) => folder::list(folder, below, &skip, &mut listing),
            Source::Revision(tree) => tree.list(below, &skip, &mut listing),
        };
        if let Err(error) = listed {
            listing.errors.push((below.to_owned(), error));
        }
        listing.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        listing.errors.sort_by(|(a, _), (b, _)| a.cmp(b));
        listing
    }

    /// Where the file lies on disk; `None` for a revision, and for a path that no file can have. Whether there is one is
    /// not looked at.
    pub fn on_disk(&self, path: &str) -> Option<PathBuf> {
        match &*self.0 {
            Source::Folder(folder) => parts(path).ok().map(|parts| folder.join(parts.join("/"))),
            Source::Revision(_) => None,
        }
    }

    /// The commit that the files are of; `None` for a folder.
    pub fn commit(&self) -> Option<Commit> {
        match &*self.0 {
            Source::Folder(_) => None,
            Source::Revision(tree) => Some(tree.commit),
        }
    }
}

/// The parts of a path that can only lie below the folder that it is relative to.
fn parts(path: &str) -> io::Result<Vec<&str>> {
    let is_part = |part: &&str| !matches!(*part, "" | "." | "..") && !part.contains('\0');
    let parts = path.split('/').filter(|_| !path.is_empty());
    parts.map(|part| Some(part).filter(is_part)).collect::<Option<_>>().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "is no path below the site's folder; write it relative to that folder",
        )
    })
}

fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn outside() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, OUTSIDE)
}

fn not_utf8() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "its name is not UTF-8; rename it")
}

fn too_large(max: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("is longer than {max} bytes"))
}

/// Whether a file or folder of that name is nobody's to see.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') && name != ".well-known"
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;

    use git2::Repository;
    use tempfile::TempDir;

    use super::*;
    use crate::site::history::tests::{commit, files};

    const CONTENT: &[(&str, &str)] = &[
        ("site/content/posts/a.md", "A"),
        ("site/content/posts-b.md", "BB"),
        ("site/content/_drafts/c.md", "C"),
        ("site/content/.hidden/d.md", "D"),
        ("site/content/.dot.md", "D"),
        ("site/content/inner.md", "->posts/../posts/a.md"),
        ("site/content/outer.md", "->../../secret.md"),
        ("site/content/absolute.md", "->/etc/passwd"),
        ("site/content/round.md", "->round.md"),
        ("site/content/dangling.md", "->nowhere.md"),
        ("site/shortcut", "->content/posts"),
        ("site/outside", "->.."),
        ("secret.md", "secret"),
    ];

    /// The same site as a folder and as a revision.
    fn both() -> (TempDir, [Files; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path()).unwrap();
        let id = commit(&repository, 1_000, &[], &files(CONTENT));
        for (path, content) in CONTENT {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            match content.strip_prefix("->") {
                Some(target) => symlink(target, file).unwrap(),
                None => fs::write(file, content).unwrap(),
            }
        }
        let site = folder.path().join("site");
        let revision = Files::revision(&site, &id.to_string()).unwrap();
        assert_eq!(
            revision.commit().map(|commit| (commit.id.to_string(), commit.seconds)),
            Some((id.to_string(), 1_000))
        );
        (folder, [Files::folder(&site), revision])
    }

    fn paths(listing: &Listing) -> Vec<&str> {
        listing.files.iter().map(|file| file.path.as_str()).collect()
    }

    #[test]
    fn a_listing_is_in_the_order_of_bytes_and_follows_no_link() {
        let (_folder, both) = both();
        for files in both {
            let listing = files.list("content", |name| name.starts_with('_'));
            assert!(listing.errors.is_empty(), "{listing:?}");
            let others = ["absolute.md", "dangling.md", "inner.md", "outer.md", "posts-b.md", "posts/a.md", "round.md"];
            assert_eq!(paths(&listing), others.map(|name| format!("content/{name}")));
            let lengths: Vec<_> = listing.files.iter().map(|file| (file.kind, file.length)).collect();
            let other = (Kind::Other, 0);
            let (a, b) = ((Kind::Regular, 1), (Kind::Regular, 2));
            assert_eq!(lengths, [other, other, other, other, b, a, other]);
            assert_eq!(paths(&files.list("content/_drafts", |_| true)), ["content/_drafts/c.md"]);
            assert_eq!(paths(&files.list("shortcut", |_| false)), ["shortcut/a.md"]);
            let top = files.list("", |name| name == "content");
            assert_eq!(paths(&top), ["outside", "shortcut"]);
            for (below, kind) in [
                ("missing", io::ErrorKind::NotFound),
                ("content/posts-b.md", io::ErrorKind::NotADirectory),
                ("outside", io::ErrorKind::PermissionDenied),
                ("../site", io::ErrorKind::InvalidInput),
            ] {
                let listing = files.list(below, |_| false);
                assert_eq!(listing.errors.iter().map(|(_, error)| error.kind()).collect::<Vec<_>>(), [kind], "{below}");
            }
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_limit_and_only_from_the_sites_folder() {
        let (_folder, both) = both();
        for files in both {
            assert_eq!(files.read("content/posts-b.md", 2).unwrap(), b"BB");
            for path in ["content/inner.md", "shortcut/a.md", "content/.hidden/d.md"] {
                assert!(files.read(path, 1).is_ok() && files.is_file(path) && !files.is_dir(path), "{path}");
            }
            for (path, kind) in [
                ("content/posts-b.md", io::ErrorKind::FileTooLarge),
                ("content/missing.md", io::ErrorKind::NotFound),
                ("content/dangling.md", io::ErrorKind::NotFound),
                ("content/posts", io::ErrorKind::IsADirectory),
                ("content/outer.md", io::ErrorKind::PermissionDenied),
                ("content/absolute.md", io::ErrorKind::PermissionDenied),
                ("outside/secret.md", io::ErrorKind::PermissionDenied),
                ("../secret.md", io::ErrorKind::InvalidInput),
                ("/etc/passwd", io::ErrorKind::InvalidInput),
            ] {
                assert_eq!(files.read(path, 1).unwrap_err().kind(), kind, "{path}");
            }
            for path in ["content/outer.md", "content/missing.md", "content/posts", "../secret.md", "content/round.md"]
            {
                assert!(!files.is_file(path), "{path}");
            }
            assert!(files.is_dir("") && files.is_dir("content/posts") && files.is_dir("shortcut"));
            assert!(!files.is_dir("outside") && !files.is_dir("content/post"));
            let message = files.read("content/outer.md", 1).unwrap_err().to_string();
            assert_eq!(message, "leads out of the site's folder; put a copy of the file into it");
        }
    }

    #[test]
    fn only_a_folder_is_on_disk_and_a_name_that_is_not_utf8_is_named() {
        let (folder, [on_disk, revision]) = both();
        let site = folder.path().join("site");
        assert_eq!(on_disk.on_disk("content/a"), Some(site.join("content/a")));
        assert_eq!((on_disk.on_disk("../a"), revision.on_disk("content/a"), on_disk.commit()), (None, None, None));
        fs::write(site.join("content").join(std::ffi::OsStr::from_bytes(b"\xff.md")), "x").unwrap();
        let listing = on_disk.list("content", |_| false);
        let errors: Vec<_> = listing.errors.iter().map(|(path, error)| (path.as_str(), error.to_string())).collect();
        assert_eq!(errors, [("content/\u{fffd}.md", "its name is not UTF-8; rename it".to_owned())]);
    }

    #[test]
    fn a_revision_is_found_by_any_name_and_in_a_bare_repository() {
        let folder = tempfile::tempdir().unwrap();
        let error = Files::revision(folder.path(), "HEAD").unwrap_err().to_string();
        assert!(error.ends_with("lies in no git repository; name a folder that does, or leave the revision out"));
        let repository = Repository::init_bare(folder.path()).unwrap();
        let error = Files::revision(folder.path(), "HEAD").unwrap_err().to_string();
        assert!(error.starts_with("'HEAD' is no commit of the repository; name a branch"), "{error}");
        let first = commit(&repository, 1_000, &[], &files(&[("a.md", "1")]));
        let second = commit(&repository, 2_000, &[first], &files(&[("a.md", "2")]));
        let object = repository.find_object(second, None).unwrap();
        repository.tag("v1", &object, &object.as_commit().unwrap().author(), "a tag", false).unwrap();
        for (name, content) in [("v1", b"2"), ("v1~1", b"1"), (&first.to_string()[..9], b"1")] {
            assert_eq!(Files::revision(folder.path(), name).unwrap().read("a.md", 1).unwrap(), content, "{name}");
        }
        for name in ["v2", "v1:a.md", "v1~2", "", ":/nothing", "v1..v1"] {
            let error = Files::revision(folder.path(), name).unwrap_err();
            assert!(matches!(&error, RevisionError::NoRevision(shown) if shown == name), "{name}: {error:?}");
        }
        let parent = tempfile::tempdir().unwrap();
        let elsewhere = parent.path().join("linked");
        let mut options = git2::WorktreeAddOptions::new();
        repository.reference("refs/heads/main", second, true, "").unwrap();
        let main = repository.find_reference("refs/heads/main").unwrap();
        repository.worktree("linked", &elsewhere, Some(options.reference(Some(&main)))).unwrap();
        assert_eq!(Files::revision(&elsewhere, "HEAD~1").unwrap().read("a.md", 1).unwrap(), b"1");
        fs::create_dir(elsewhere.join("new")).unwrap();
        let error = Files::revision(&elsewhere.join("new"), "HEAD").unwrap_err().to_string();
        assert!(error.ends_with("new: is not in revision 'HEAD'; name a revision that has it"), "{error}");
    }
}
