//! Files with secrets in them, as Docker and Kubernetes mount them: readable by all, perhaps, and never to be changed by all.

use std::fs;
use std::io;
use std::path::Path;

/// Why a file with a secret is no use. Who asked for it words it.
#[derive(Debug)]
pub(crate) enum SecretFileError {
    /// It can't be read.
    Io(io::Error),
    /// Anybody on the machine could change it.
    WorldWritable,
}

/// The text of the file at `path`.
pub(crate) fn read(path: &Path) -> Result<String, SecretFileError> {
    let text = fs::read_to_string(path).map_err(SecretFileError::Io)?;
    if is_world_writable(&fs::metadata(path).map_err(SecretFileError::Io)?) {
        return Err(SecretFileError::WorldWritable);
    }
    Ok(text)
}

#[cfg(unix)]
fn is_world_writable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o002 != 0
}

#[cfg(not(unix))]
fn is_world_writable(_: &fs::Metadata) -> bool {
    false
}
