//! What git knows of the site: the commit that it is rendered from, and when each file was added and last changed.

mod repositories;
mod trees;
mod walk;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

use git2::{ErrorCode, Oid, Repository, StatusOptions};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub(super) use repositories::Repositories;
use walk::Earlier;

/// The id of a commit; shown as its 40 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub(super) Oid);

impl CommitId {
    /// The first 7 hex digits, as people write it. They need not be unique in a large repository.
    pub fn short(self) -> String {
        let mut digits = self.to_string();
        digits.truncate(7);
        digits
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for CommitId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CommitId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        // libgit2 takes fewer digits for an id that ends in zeros.
        let id = Oid::from_str(&digits).ok().filter(|_| digits.len() == 40);
        id.map(Self).ok_or_else(|| de::Error::custom("a commit's id has 40 hex digits"))
    }
}

/// A commit and the time that its committer gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Which one.
    pub id: CommitId,
    /// When it was committed, in seconds since 1970.
    pub seconds: i64,
    /// How far the committer's clock was ahead of UTC, in minutes.
    pub offset: i32,
}

impl Commit {
    pub(super) fn new(commit: &git2::Commit) -> Self {
        let time = commit.time();
        Self { id: CommitId(commit.id()), seconds: time.seconds(), offset: time.offset_minutes() }
    }
}

/// When a file came to be and when it was last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHistory {
    /// The commit that added it. A file that was deleted and came back is counted from when it came back; a renamed one
    /// from its new name.
    pub first: Commit,
    /// The last commit that changed it, as `git log -1` shows it.
    pub last: Commit,
}

/// The histories of a site's files at one commit. Changes that are not committed don't count, and renames are not
/// followed: under its new name a file is a new one.
#[derive(Clone, Debug)]
pub struct History {
    head: CommitId,
    place: String,
    is_shallow: bool,
    files: HashMap<String, FileHistory>,
}

impl History {
    /// Reads the histories of all files below `folder` at `commit`, or at HEAD; `None` outside git and before the first
    /// commit. With the result of an `earlier` run only the commits since then are walked; if it doesn't fit, all are.
    ///
    /// # Errors
    /// If the repository can't be read: it belongs to another user, it is damaged, or it was cloned without its trees.
    pub fn read(
        folder: &Path,
        commit: Option<CommitId>,
        earlier: Option<&Stored>,
    ) -> Result<Option<Self>, git2::Error> {
        let Some(repository) = discover(folder)? else { return Ok(None) };
        let head = match commit {
            Some(commit) => repository.find_commit(commit.0)?.id(),
            None => match head_commit(&repository)? {
                Some(commit) => commit.id(),
                None => return Ok(None),
            },
        };
        let mut history = Self {
            head: CommitId(head),
            place: place(&repository, folder).unwrap_or_default(),
            is_shallow: is_shallow(&repository),
            files: HashMap::new(),
        };
        if history.is_shallow {
            return Ok(Some(history));
        }
        let earlier = earlier.filter(|earlier| earlier.place == history.place);
        if let Some((earlier, files)) = earlier.and_then(|earlier| Some((earlier, earlier.files()?))) {
            if earlier.head == history.head {
                history.files = files;
                return Ok(Some(history));
            }
            let earlier = Earlier { head: earlier.head.0, files: &files };
            if let Some(files) = walk::walk(&repository, head, &history.place, Some(&earlier))? {
                history.files = files;
                return Ok(Some(history));
            }
        }
        history.files = walk::walk(&repository, head, &history.place, None)?.unwrap_or_default();
        Ok(Some(history))
    }

    /// The history of a file; `path` is relative to the site's folder, with `/` between the parts. `None` for a file that
    /// the commit doesn't have, and for all files of a shallow clone.
    pub fn of(&self, path: &str) -> Option<&FileHistory> {
        self.files.get(path)
    }

    /// The commit at which the files were looked at.
    pub fn head(&self) -> CommitId {
        self.head
    }

    /// Whether the repository is a shallow clone. Its oldest commits seem to have added all files, so that nothing is
    /// said of any; `git fetch --unshallow` brings the rest.
    pub fn is_shallow(&self) -> bool {
        self.is_shallow
    }

    /// What the next run needs in order to walk only what is new.
    pub fn to_stored(&self) -> Stored {
        let mut commits = Vec::new();
        let mut numbers = HashMap::new();
        let mut number = |commit: Commit| {
            *numbers.entry(commit.id).or_insert_with(|| {
                commits.push(commit);
                commits.len() - 1
            })
        };
        // In order, so that the same history is stored as the same bytes.
        let files: BTreeMap<_, _> = self.files.iter().collect();
        let files = files.into_iter();
        let files = files.map(|(path, file)| (path.clone(), (number(file.first), number(file.last)))).collect();
        Stored { head: self.head, place: self.place.clone(), commits, files }
    }
}

/// A [`History`] to be kept between runs, with any format that serde has. It belongs to one site of one repository; for
/// another it is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    head: CommitId,
    /// The site's folder in the repository.
    place: String,
    commits: Vec<Commit>,
    /// First and last commit of each file, as positions in `commits`.
    files: BTreeMap<String, (usize, usize)>,
}

impl Stored {
    /// `None` if a position is out of bounds: then somebody else wrote it.
    fn files(&self) -> Option<HashMap<String, FileHistory>> {
        let files = self.files.iter().map(|(path, (first, last))| {
            let (first, last) = (*self.commits.get(*first)?, *self.commits.get(*last)?);
            Some((path.clone(), FileHistory { first, last }))
        });
        files.collect()
    }
}

/// The commit that a site is rendered from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The commit's 40 hex digits, with `-dirty` behind it if the site's folder holds changes that are not committed.
    pub id: String,
    /// When it was committed; `None` for a dirty one, which no commit describes.
    pub committed: Option<Timestamp>,
    /// The URL of the remote `origin`, without any user name or password.
    pub origin: Option<String>,
}

/// The revision of the site in `folder`; `None` outside git and before the first commit.
pub fn revision(folder: &Path) -> Result<Option<Revision>, git2::Error> {
    let Some(repository) = discover(folder)? else { return Ok(None) };
    let Some(commit) = head_commit(&repository)? else { return Ok(None) };
    let dirty = is_dirty(&repository, folder)?;
    Ok(Some(Revision {
        id: format!("{}{}", commit.id(), if dirty { "-dirty" } else { "" }),
        committed: Timestamp::from_second(commit.time().seconds()).ok().filter(|_| !dirty),
        origin: origin(&repository),
    }))
}

/// The revision of a site that is read from `commit`, whatever lies in `folder`; `None` outside git.
pub fn revision_at(folder: &Path, commit: Commit) -> Result<Option<Revision>, git2::Error> {
    let revision = |repository: Repository| Revision {
        id: commit.id.to_string(),
        committed: Timestamp::from_second(commit.seconds).ok(),
        origin: origin(&repository),
    };
    Ok(discover(folder)?.map(revision))
}

/// The commit that is checked out where `folder` lies; `None` outside git and before the first commit.
pub fn head(folder: &Path) -> Result<Option<CommitId>, git2::Error> {
    let Some(repository) = discover(folder)? else { return Ok(None) };
    Ok(head_commit(&repository)?.map(|commit| CommitId(commit.id())))
}

/// The repository that `folder` lies in, if it lies in any.
pub(super) fn discover(folder: &Path) -> Result<Option<Repository>, git2::Error> {
    match Repository::discover(folder) {
        Ok(repository) => Ok(Some(repository)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The commit that is checked out; `None` before the first one.
fn head_commit(repository: &Repository) -> Result<Option<git2::Commit<'_>>, git2::Error> {
    match repository.head() {
        Ok(head) => head.peel_to_commit().map(Some),
        Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where `folder` lies in its repository, with `/` between the parts: `""` at the top, and in a bare repository, which
/// has no folders. `None` if the folder doesn't lie in the work tree or its path there is not UTF-8.
pub(super) fn place(repository: &Repository, folder: &Path) -> Option<String> {
    let Some(root) = repository.workdir() else { return Some(String::new()) };
    let (root, folder) = (root.canonicalize().ok()?, folder.canonicalize().ok()?);
    let parts: Option<Vec<&str>> = folder.strip_prefix(root).ok()?.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}

/// libgit2 alone would not see it from a linked work tree.
fn is_shallow(repository: &Repository) -> bool {
    let grafts = repository.commondir().join("shallow");
    grafts.metadata().is_ok_and(|metadata| metadata.len() > 0)
}

fn origin(repository: &Repository) -> Option<String> {
    let origin = repository.find_remote("origin").ok()?;
    origin.url().ok().map(without_credentials)
}

/// Whether `folder` holds changed or new files; changes elsewhere in the repository don't make the site another one.
fn is_dirty(repository: &Repository, folder: &Path) -> Result<bool, git2::Error> {
    let mut options = StatusOptions::new();
    options.include_untracked(true);
    if let Some(inside) = place(repository, folder)
        && !inside.is_empty()
    {
        options.pathspec(inside).disable_pathspec_match(true);
    }
    Ok(!repository.statuses(Some(&mut options))?.is_empty())
}

/// Takes `user:password@` out of a URL: what becomes a label of an image is public.
fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit('@').next().unwrap_or(authority);
            format!("{scheme}://{host}{path}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use git2::build::TreeUpdateBuilder;
    use git2::{FileMode, Signature, Time};

    use super::*;

    /// Commits exactly `files`, without a checkout; contents that begin with `->` become symbolic links.
    pub(in crate::site) fn commit(
        repository: &Repository,
        seconds: i64,
        parents: &[Oid],
        files: &BTreeMap<String, String>,
    ) -> Oid {
        let mut tree = TreeUpdateBuilder::new();
        for (path, content) in files {
            let target = content.strip_prefix("->");
            let mode = if target.is_some() { FileMode::Link } else { FileMode::Blob };
            tree.upsert(path, repository.blob(target.unwrap_or(content).as_bytes()).unwrap(), mode);
        }
        let nothing = repository.find_tree(repository.treebuilder(None).unwrap().write().unwrap()).unwrap();
        let tree = repository.find_tree(tree.create_updated(repository, &nothing).unwrap()).unwrap();
        let author = Signature::new("a", "a@example", &Time::new(seconds, 60)).unwrap();
        let parents: Vec<_> = parents.iter().map(|id| repository.find_commit(*id).unwrap()).collect();
        let parents: Vec<_> = parents.iter().collect();
        repository.commit(None, &author, &author, "a change", &tree, &parents).unwrap()
    }

    pub(in crate::site) fn files(files: &[(&str, &str)]) -> BTreeMap<String, String> {
        files.iter().map(|(path, content)| ((*path).to_owned(), (*content).to_owned())).collect()
    }

    #[test]
    fn an_earlier_run_is_taken_as_it_was_stored() {
        let folder = tempfile::tempdir().unwrap();
        assert!(History::read(folder.path(), None, None).unwrap().is_none());
        let repository = Repository::init(folder.path()).unwrap();
        assert!(History::read(folder.path(), None, None).unwrap().is_none());
        let first = commit(&repository, 1_000, &[], &files(&[("site/a.md", "1"), ("site/b.md", "1"), ("b.md", "1")]));
        let second =
            commit(&repository, 2_000, &[first], &files(&[("site/a.md", "2"), ("site/b.md", "1"), ("c", "1")]));
        repository.reference("refs/heads/main", second, true, "").unwrap();
        repository.set_head("refs/heads/main").unwrap();
        let site = folder.path().join("site");
        std::fs::create_dir(&site).unwrap();
        let history = History::read(&site, None, None).unwrap().unwrap();
        let seconds = |path: &str| history.of(path).map(|file| (file.first.seconds, file.last.seconds));
        assert_eq!(
            (seconds("a.md"), seconds("b.md"), seconds("c")),
            (Some((1_000, 2_000)), Some((1_000, 1_000)), None)
        );
        assert_eq!(history.of("a.md").unwrap().last.offset, 60);
        assert_eq!((history.head().to_string(), history.is_shallow()), (second.to_string(), false));

        let stored = serde_json::to_string(&history.to_stored()).unwrap();
        let stored: Stored = serde_json::from_str(&stored).unwrap();
        assert_eq!(stored, history.to_stored());
        // That it is taken shows in a change to it.
        let mut changed = stored.clone();
        changed.commits.iter_mut().for_each(|commit| commit.seconds += 1);
        let taken = History::read(&site, None, Some(&changed)).unwrap().unwrap();
        assert_eq!(taken.of("b.md").unwrap().first.seconds, 1_001);
        let mut before = History::read(&site, Some(CommitId(first)), None).unwrap().unwrap().to_stored();
        before.commits.iter_mut().for_each(|commit| commit.seconds += 1);
        let continued = History::read(&site, None, Some(&before)).unwrap().unwrap();
        assert_eq!(continued.of("a.md").map(|file| (file.first.seconds, file.last.seconds)), Some((1_001, 2_000)));
        // Of another site, or damaged, it is not.
        let top = History::read(folder.path(), None, Some(&changed)).unwrap().unwrap();
        assert_eq!(top.of("site/b.md").unwrap().first.seconds, 1_000);
        changed.commits.clear();
        let anew = History::read(&site, None, Some(&changed)).unwrap().unwrap();
        assert_eq!(anew.to_stored(), stored);

        std::fs::write(repository.path().join("shallow"), format!("{first}\n")).unwrap();
        let shallow = History::read(&site, None, Some(&stored)).unwrap().unwrap();
        assert!(shallow.is_shallow() && shallow.of("a.md").is_none());
    }

    #[test]
    fn a_password_in_the_remotes_url_is_left_out() {
        for (url, expected) in [
            ("https://me:secret@git.example/a/b.git", "https://git.example/a/b.git"),
            ("https://token@git.example/a@b", "https://git.example/a@b"),
            ("ssh://git@git.example:22/a", "ssh://git.example:22/a"),
            ("git@git.example:a/b.git", "git@git.example:a/b.git"),
        ] {
            assert_eq!(without_credentials(url), expected);
        }
    }

    #[test]
    fn a_commit_a_change_and_no_repository_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(revision(folder.path()).unwrap(), None);
        let repository = Repository::init(folder.path()).unwrap();
        assert_eq!(revision(folder.path()).unwrap(), None);
        let author = git2::Signature::new("a", "a@example", &git2::Time::new(1_000_000_000, 60)).unwrap();
        let tree = repository.index().unwrap().write_tree().unwrap();
        let tree = repository.find_tree(tree).unwrap();
        let id = repository.commit(Some("HEAD"), &author, &author, "first", &tree, &[]).unwrap();
        let clean = revision(folder.path()).unwrap().unwrap();
        assert_eq!((clean.id, clean.committed), (id.to_string(), Timestamp::from_second(1_000_000_000).ok()));
        std::fs::write(folder.path().join("new.md"), "x").unwrap();
        let dirty = revision(folder.path()).unwrap().unwrap();
        assert_eq!((dirty.id, dirty.committed), (format!("{id}-dirty"), None));
    }
}
