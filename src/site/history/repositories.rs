//! One repository opened several times: libgit2 lets only one thread at a time use an open one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use git2::{Error, Repository};

/// A thread takes an open repository for itself, and opens another if none is idle.
pub(in crate::site) struct Repositories {
    path: PathBuf,
    idle: Mutex<Vec<Repository>>,
}

impl Repositories {
    /// `path` is that of the repository itself, like `.git`.
    pub(in crate::site) fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf(), idle: Mutex::default() }
    }

    pub(in crate::site) fn with<T>(&self, read: impl FnOnce(&Repository) -> Result<T, Error>) -> Result<T, Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let repository = idle.map_or_else(|| Repository::open(&self.path), Ok)?;
        let result = read(&repository);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(repository);
        result
    }
}

impl fmt::Debug for Repositories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Repositories").field(&self.path).finish()
    }
}
