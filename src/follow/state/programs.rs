//! `binaries/sha256/<hex>`: programs that were taken out of layers, to be handed over to.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, SealFlags, StatVfsMountFlags, fcntl_add_seals, fstatvfs, memfd_create};

use crate::follow::durable;
use crate::snapshot::Digest;

/// What owner, group and others may do with a program: all may run it, only its owner change it.
const MODE: u32 = 0o755;

/// Whether programs may be run where `file` lies.
fn may_be_run(file: &File) -> io::Result<bool> {
    Ok(!fstatvfs(file)?.f_flag.contains(StatVfsMountFlags::NOEXEC))
}

/// A program in a file that is in memory, for where nothing on a disk may be run.
fn in_memory(program: &[u8]) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 do not know the flag; later ones may want it.
    let made = memfd_create("galley", flags | MemfdFlags::EXEC).or_else(|_| memfd_create("galley", flags));
    let mut file = File::from(made?);
    file.write_all(program)?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(file)
}

/// The folder of programs.
#[derive(Debug)]
pub(super) struct Programs(PathBuf);

impl Programs {
    pub(super) fn at(state: &Path) -> Self {
        Self(state.join("binaries/sha256"))
    }

    /// Keeps a program, whose digest has been checked, and opens it to be run.
    pub(super) fn put(&self, digest: Digest, bytes: &[u8]) -> io::Result<File> {
        if let Some(file) = self.open(digest) {
            return Ok(file);
        }
        fs::create_dir_all(&self.0)?;
        let path = self.0.join(digest.hex());
        durable::write_with_mode(&path, bytes, MODE)?;
        let file = File::open(path)?;
        if may_be_run(&file)? { Ok(file) } else { in_memory(bytes) }
    }

    /// The program, if it is there and whole, to be run.
    pub(super) fn open(&self, digest: Digest) -> Option<File> {
        let path = self.0.join(digest.hex());
        let bytes = fs::read(&path).ok()?;
        if Digest::of(&bytes) != digest {
            tracing::warn!("{}: is damaged, and not run", path.display());
            return None;
        }
        let file = File::open(path).ok()?;
        if may_be_run(&file).ok()? { Some(file) } else { in_memory(&bytes).ok() }
    }

    /// Removes all that is not in `named`, and what a crash left half written.
    pub(super) fn sweep(&self, named: &HashSet<Digest>) -> io::Result<()> {
        let names: HashSet<String> = named.iter().map(Digest::hex).collect();
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if !names.contains(&*entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}
