//! Content codings (RFC 9110 section 8.4.1) and the making of them.

use std::io;

use brotli::enc::BrotliEncoderParams;

use super::gzip::gzip;

/// Below this an answer fits one packet anyway, and a coding's own header costs more than it saves.
pub(super) const MIN_LENGTH: usize = 200;

/// Levels for codings that are made once and sent many times. Of 15 KB pages, ms a page on one core and ratio: gzip 12 some
/// 1.5 and 3.40, zstd 19 3.6 and 3.43, brotli 11 18.7 and 4.13 (brotli 9: 5.7 and 3.61).
const ZSTD_LEVEL: i32 = 19;
const BROTLI_LEVEL: i32 = 11;
/// For what is longer than any page: an index of 8 MB takes three seconds instead of ten.
const BROTLI_LEVEL_LONG: i32 = 9;
const LONG: usize = 1024 * 1024;

/// A content coding that representations are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Coding {
    /// The bytes as they are.
    Identity,
    /// gzip, RFC 1952.
    Gzip,
    /// Brotli, RFC 7932.
    Brotli,
    /// Zstandard, RFC 8878.
    Zstd,
}

impl Coding {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Identity, Self::Gzip, Self::Brotli, Self::Zstd];
    /// Those that are made, in the order of what they bring for the time they take: gzip is understood by all and quick to
    /// make, Brotli is what browsers get, Zstandard is for those who ask for nothing else.
    pub const MADE: [Self; 3] = [Self::Gzip, Self::Brotli, Self::Zstd];

    /// The name in `Accept-Encoding` and `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The coding of `bytes` at the best level, if it saves anything. Nothing of the clock or the machine goes into it: equal
    /// bytes give an equal entity tag.
    pub(super) fn make(self, bytes: &[u8]) -> Option<Vec<u8>> {
        if bytes.len() < MIN_LENGTH {
            return None;
        }
        let coded = match self {
            Self::Identity => return None,
            Self::Gzip => gzip(bytes),
            Self::Brotli => brotli(bytes),
            Self::Zstd => zstd(bytes),
        };
        // Writing into memory gives no error; a coding that failed all the same is one that saves nothing.
        coded.ok().filter(|coded| coded.len() < bytes.len())
    }
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut coded = Vec::with_capacity(bytes.len() / 4);
    // The smallest window that holds all of it (RFC 7932 section 9.1 takes 16 bytes off): the tables of the largest one are
    // 32 MB, and filling them takes longer than coding a page.
    let bits = (usize::BITS - (bytes.len() + 16).leading_zeros()).clamp(10, 22);
    let quality = if bytes.len() > LONG { BROTLI_LEVEL_LONG } else { BROTLI_LEVEL };
    let lgwin = i32::try_from(bits).unwrap_or(22);
    let parameters = BrotliEncoderParams { quality, lgwin, size_hint: bytes.len(), ..Default::default() };
    brotli::BrotliCompress(&mut &bytes[..], &mut coded, &parameters)?;
    Ok(coded)
}

fn zstd(bytes: &[u8]) -> io::Result<Vec<u8>> {
    // With the length in its header, so that a client allocates once.
    zstd::bulk::compress(bytes, ZSTD_LEVEL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Read;

    fn decoded(coding: Coding, coded: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match coding {
            Coding::Identity => plain.extend_from_slice(coded),
            Coding::Gzip => drop(flate2::read::GzDecoder::new(coded).read_to_end(&mut plain).unwrap()),
            Coding::Brotli => drop(brotli::Decompressor::new(coded, 4096).read_to_end(&mut plain).unwrap()),
            Coding::Zstd => plain = zstd::decode_all(coded).unwrap(),
        }
        plain
    }

    #[test]
    fn what_saves_nothing_is_no_coding() {
        let noise: Vec<u8> = (0..4000u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        for coding in Coding::MADE {
            assert_eq!(coding.make(b"short"), None);
            assert_eq!(coding.make(&noise[..300]), None, "{coding:?}");
        }
    }

    proptest! {
        #[test]
        fn a_coding_decodes_to_what_was_coded(word in "[a-z ]{1,20}", times in 20usize..200) {
            let bytes = word.repeat(times).into_bytes();
            for coding in Coding::MADE {
                if let Some(coded) = coding.make(&bytes) {
                    prop_assert_eq!(decoded(coding, &coded), bytes.clone());
                }
            }
        }
    }
}
