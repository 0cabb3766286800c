//! Files with keys: who may read them, and how they are written.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::image::{KeyError, SigningKey, VerifyingKey};
use crate::secret_file::{self, PrivateFileError, SecretFileError};

/// The private key in `path`, which nobody but its owner and the owner's group may read.
pub(in crate::cli) fn signing_key(path: &Path) -> anyhow::Result<SigningKey> {
    let of_file = |error: KeyError| anyhow!("{}: {error}", path.display());
    let text = secret_file::read_private(path).map_err(|error| match error {
        PrivateFileError::Io(error) => anyhow!("{}: {error}", path.display()),
        // Of a public key nobody wants that.
        PrivateFileError::OpenToAll if verifying_keys(&[path.to_path_buf()]).is_ok() => of_file(KeyError::Public),
        PrivateFileError::OpenToAll => {
            anyhow!("{}: a private key that everybody may read or change; run `chmod 600` on it", path.display())
        }
    });
    SigningKey::from_pem(&Zeroizing::new(text?)).map_err(of_file)
}

/// The public keys in `paths`. Everybody may read them, and not everybody may change them.
pub(in crate::cli) fn verifying_keys(paths: &[PathBuf]) -> anyhow::Result<Vec<VerifyingKey>> {
    let mut keys = Vec::new();
    for path in paths {
        let text = read(path)?;
        keys.extend(VerifyingKey::all_from_pem(&text).map_err(|error| anyhow!("{}: {error}", path.display()))?);
    }
    Ok(keys)
}

/// The public keys in `path`, or the one that belongs to the private key there.
pub(super) fn public_keys(path: &Path) -> anyhow::Result<Vec<VerifyingKey>> {
    if read(path)?.contains("PRIVATE KEY-----") {
        return Ok(vec![signing_key(path)?.verifying_key()]);
    }
    verifying_keys(&[path.to_path_buf()])
}

fn read(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let text = secret_file::read(path).map_err(|error| match error {
        SecretFileError::Io(error) => anyhow!("{}: {error}", path.display()),
        SecretFileError::WorldWritable => anyhow!("{}: everybody may change it; run `chmod o-w` on it", path.display()),
    });
    text.map(Zeroizing::new)
}

/// Where the public key of the private one in `path` is written.
pub(super) fn public_file(path: &Path) -> PathBuf {
    with_ending(path, ".pub")
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// Writes a private key into `path` and the public one beside it, both or none, and neither over something.
pub(super) fn write_pair(path: &Path, private: &str, public: &str) -> anyhow::Result<()> {
    let public_path = public_file(path);
    // Before anything is written; what appears meanwhile is not written over either.
    for path in [path, &public_path] {
        if path.symlink_metadata().is_ok() {
            bail!("{}: is there already, and a key is never written over; choose another name", path.display());
        }
    }
    publish(&public_path, public, 0o644)?;
    publish(path, private, 0o600).inspect_err(|_| {
        // A public key without its private one is of no use; where it can't be removed, the error says enough.
        let _ = fs::remove_file(&public_path);
    })
}

/// Written aside, synced, renamed.
fn publish(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let aside = with_ending(path, &format!(".galley-{}", std::process::id()));
    let written = write_new(&aside, text, mode).and_then(|()| rename_new(&aside, path));
    if written.is_err() {
        // Half a key is of no use; where it can't be removed either, that is the same fault.
        let _ = fs::remove_file(&aside);
    }
    written.with_context(|| path.display().to_string())
}

/// The mode is there before the content is.
fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Renames over nothing. File systems that can't promise that have been asked whether something is there.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => fs::rename(from, to),
        renamed => Ok(renamed?),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_pair_is_written_once_and_its_private_half_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blog.key");
        let pem = SigningKey::generate().unwrap();
        let public = SigningKey::from_pem(&pem).unwrap().verifying_key();
        write_pair(&path, &pem, &public.pem()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(verifying_keys(&[public_file(&path)]).unwrap(), [public]);
        assert_eq!(public_keys(&path).unwrap(), [public]);
        let error = write_pair(&path, &pem, "").unwrap_err().to_string();
        assert!(error.contains("blog.key: is there already"), "{error}");
        // The public half alone is in the way as well.
        fs::remove_file(&path).unwrap();
        let error = write_pair(&path, &pem, "").unwrap_err().to_string();
        assert!(error.contains("blog.key.pub: is there already"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn keys_that_others_may_read_or_change_are_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let pem = SigningKey::generate().unwrap();
        let public = SigningKey::from_pem(&pem).unwrap().verifying_key().pem();
        let set = |text: &str, mode| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        };
        for (mode, accepted) in [(0o600, true), (0o400, true), (0o640, true), (0o644, false), (0o602, false)] {
            set(&pem, mode);
            let read = signing_key(file.path());
            assert_eq!(read.is_ok(), accepted, "{mode:o}");
            let said = read.map_or_else(|error| error.to_string(), |key| format!("{key:?}"));
            assert!(accepted || said.contains("run `chmod 600` on it"), "{said}");
        }
        set(&public, 0o444);
        assert!(verifying_keys(&[file.path().into()]).is_ok());
        set(&public, 0o666);
        let error = verifying_keys(&[file.path().into()]).unwrap_err().to_string();
        assert!(error.contains("everybody may change it"), "{error}");
    }
}
