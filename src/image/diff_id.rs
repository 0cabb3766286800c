//! What a layer is called before and after compression, without unpacking it.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::unpack::{MAX_RATIO, RATIO_FREE};
use crate::snapshot::{Digest, Hasher};

/// A layer that was read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerArchive {
    /// Of its bytes as they are.
    pub digest: Digest,
    /// How many these are.
    pub length: u64,
    /// Of the archive before compression; `None` if it has a compression that galley does not read, or is no archive.
    pub diff_id: Option<Digest>,
}

/// Why a layer can't be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is damaged, or its file is.
    #[error("can't be read to its end: {0}")]
    Broken(#[from] io::Error),
    /// It would unpack to far more than it may.
    #[error("unpacks to more than {MAX_RATIO} times its size, as no layer of a site or a program does")]
    Bomb,
}

/// Reads the layer in `source`, of the type `media_type`, piece by piece: it may be longer than memory.
pub fn read_archive(media_type: &str, source: impl Read) -> Result<LayerArchive, ArchiveError> {
    let mut raw = BufReader::new(Hashing { inner: source, hasher: Hasher::default(), length: 0 });
    let ending = media_type.rsplit(['.', '+']).next().unwrap_or_default();
    let diff_id = match ending {
        "gzip" => Some(unpacked(&mut raw)?),
        _ => None,
    };
    // All that is left of it: for what is not compressed, everything.
    io::copy(&mut raw, &mut io::sink())?;
    let Hashing { hasher, length, .. } = raw.into_inner();
    let digest = hasher.finish();
    Ok(LayerArchive { digest, length, diff_id: diff_id.or((ending == "tar").then_some(digest)) })
}

fn unpacked<R: Read>(raw: &mut BufReader<Hashing<R>>) -> Result<Digest, ArchiveError> {
    let mut archive = MultiGzDecoder::new(raw);
    let (mut hasher, mut length) = (Hasher::default(), 0);
    let mut piece = vec![0; 64 << 10];
    loop {
        match archive.read(&mut piece) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => {
                hasher.update(&piece[..count]);
                length += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
        if length > archive.get_ref().get_ref().length.saturating_mul(MAX_RATIO).max(RATIO_FREE) {
            return Err(ArchiveError::Bomb);
        }
    }
}

/// Hashes what is read through it.
struct Hashing<R> {
    inner: R,
    hasher: Hasher,
    length: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.length += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_layer_has_two_digests() {
        // Two members are one stream, RFC 1952 section 2.2.
        let bytes = [gzip(b"one "), gzip(b"two")].concat();
        let (digest, length) = (Digest::of(&bytes), bytes.len() as u64);
        let read = |media_type: &str| read_archive(media_type, bytes.as_slice()).unwrap();
        assert_eq!(read(GZIP), LayerArchive { digest, length, diff_id: Some(Digest::of(b"one two")) });
        assert_eq!(read("application/x.tar+zstd"), LayerArchive { digest, length, diff_id: None });
        assert_eq!(
            read("application/vnd.oci.image.layer.v1.tar"),
            LayerArchive { digest, length, diff_id: Some(digest) }
        );
    }

    #[test]
    fn a_layer_that_is_cut_padded_or_a_bomb_says_so() {
        let whole = gzip(&b"text ".repeat(1000));
        for broken in [whole[..whole.len() - 1].to_vec(), [&whole[..], b"more"].concat(), b"no gzip".to_vec()] {
            assert!(matches!(read_archive(GZIP, broken.as_slice()), Err(ArchiveError::Broken(_))));
        }
        let bomb = gzip(&vec![0; 40 << 20]);
        assert!(matches!(read_archive(GZIP, bomb.as_slice()), Err(ArchiveError::Bomb)));
    }
}
