//! What git knows of the site: the one place that opens a repository.

use std::path::Path;

use git2::{ErrorCode, Repository, StatusOptions};
use jiff::Timestamp;

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
    let repository = match Repository::discover(folder) {
        Ok(repository) => repository,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let commit = match repository.head() {
        Ok(head) => head.peel_to_commit()?,
        Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    let dirty = is_dirty(&repository, folder)?;
    let origin = repository.find_remote("origin").ok();
    Ok(Some(Revision {
        id: format!("{}{}", commit.id(), if dirty { "-dirty" } else { "" }),
        committed: Timestamp::from_second(commit.time().seconds()).ok().filter(|_| !dirty),
        origin: origin.and_then(|origin| origin.url().ok().map(without_credentials)),
    }))
}

/// Whether `folder` holds changed or new files; changes elsewhere in the repository don't make the site another one.
fn is_dirty(repository: &Repository, folder: &Path) -> Result<bool, git2::Error> {
    let mut options = StatusOptions::new();
    options.include_untracked(true);
    let (root, folder) = (repository.workdir().map(Path::canonicalize), folder.canonicalize());
    if let (Some(Ok(root)), Ok(folder)) = (root, folder)
        && let Ok(inside) = folder.strip_prefix(&root)
        && inside != Path::new("")
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
mod tests {
    use super::*;

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
