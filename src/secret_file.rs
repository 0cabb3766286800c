//! Files with secrets in them, as Docker and Kubernetes mount them: readable by all, perhaps, and never to be changed by all.
//! Private keys are stricter: who can read one can sign.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

/// Nothing that is read here is longer, in bytes: what has no end, such as a device, is not read to it.
const MAX_LENGTH: u64 = 1 << 20;

/// Why a file with a secret is no use. Who asked for it words it.
#[derive(Debug)]
pub(crate) enum SecretFileError {
    /// It can't be read.
    Io(io::Error),
    /// Anybody on the machine could change it.
    WorldWritable,
}

/// Why a file with a private key is no use. Who asked for it words it.
#[derive(Debug)]
pub(crate) enum PrivateFileError {
    /// It can't be read.
    Io(io::Error),
    /// Anybody on the machine could read or change it.
    OpenToAll,
}

/// The text of the file at `path`, which everybody may read and not everybody may change.
pub(crate) fn read(path: &Path) -> Result<String, SecretFileError> {
    let (file, metadata) = open(path).map_err(SecretFileError::Io)?;
    if others_may(&metadata, WRITE) {
        return Err(SecretFileError::WorldWritable);
    }
    text(file, &metadata).map_err(SecretFileError::Io)
}

/// The text of the file at `path`, which not everybody may read.
pub(crate) fn read_private(path: &Path) -> Result<String, PrivateFileError> {
    let (file, metadata) = open(path).map_err(PrivateFileError::Io)?;
    if others_may(&metadata, READ | WRITE) {
        return Err(PrivateFileError::OpenToAll);
    }
    text(file, &metadata).map_err(PrivateFileError::Io)
}

/// The file itself is asked who may do what, not its name: that may mean another one by then.
fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

/// In one piece, so that no copy of a secret stays behind in memory that is freed.
fn text(file: File, metadata: &Metadata) -> io::Result<String> {
    let length = usize::try_from(metadata.len().min(MAX_LENGTH)).unwrap_or_default();
    let mut text = String::with_capacity(length + 1);
    file.take(MAX_LENGTH + 1).read_to_string(&mut text)?;
    match text.len() as u64 > MAX_LENGTH {
        true => Err(io::Error::other(format!("is longer than {MAX_LENGTH} bytes, which no secret is"))),
        false => Ok(text),
    }
}

const READ: u32 = 0o004;
const WRITE: u32 = 0o002;

#[cfg(unix)]
fn others_may(metadata: &Metadata, access: u32) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & access != 0
}

#[cfg(not(unix))]
fn others_may(_: &Metadata, _: u32) -> bool {
    false
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn others_may_read_a_secret_and_no_private_key() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "secret").unwrap();
        for (mode, secret, private) in
            [(0o600, true, true), (0o640, true, true), (0o644, true, false), (0o602, false, false)]
        {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(file.path()).is_ok(), secret, "{mode:o}");
            assert_eq!(read_private(file.path()).is_ok(), private, "{mode:o}");
        }
    }

    #[test]
    fn what_has_no_end_is_not_read_to_it() {
        assert!(matches!(read_private(Path::new("/dev/zero")), Err(PrivateFileError::OpenToAll)));
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_LENGTH + 1).unwrap();
        let Err(SecretFileError::Io(error)) = read(file.path()) else { panic!("it was read") };
        assert!(error.to_string().contains("is longer than"), "{error}");
    }
}
