//! The heads of PNG, JPEG, GIF and WebP files: what can be known of an image without decoding it.

use super::exif::Orientation;
use super::{Dimensions, riff};

const PNG_MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The formats that are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Png,
    Jpeg,
    Gif,
    WebP,
}

impl Format {
    /// By the first bytes: file names lie.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(PNG_MAGIC) {
            Some(Self::Png)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
            Some(Self::Gif)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Self::WebP)
        } else {
            None
        }
    }

    /// The most pixels a byte of the file can stand for. A file that says it holds more is cut short or crafted, and is
    /// refused before memory is taken for it.
    pub(super) fn max_pixels_per_byte(self) -> u64 {
        match self {
            // Deflate packs at most 1032 bytes into one, of 8 pixels each.
            Self::Png => 1032 * 8,
            // A bit at least for each block of 8 by 8.
            Self::Jpeg => 8 * 64,
            // A code of 12 bits for at most 4096 pixels.
            Self::Gif => 4096 * 8 / 12,
            // A picture of one colour takes no bits a pixel at all.
            Self::WebP => u64::MAX,
        }
    }
}

/// What the head of an image says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// In pixels, as stored; not 0.
    pub(super) width: u32,
    /// In pixels, as stored; not 0.
    pub(super) height: u32,
    pub(super) orientation: Orientation,
    /// More than one picture.
    pub(super) animated: bool,
    /// A JPEG of four inks.
    pub(super) cmyk: bool,
    /// The end is missing. Only JPEG needs this: its decoder is lenient.
    pub(super) cut_short: bool,
}

impl Head {
    /// `None` for other formats, and if the size is not there or is empty.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let head = match Format::of(bytes)? {
            Format::Png => png(bytes),
            Format::Jpeg => jpeg(bytes),
            Format::Gif => gif(bytes),
            Format::WebP => webp(bytes),
        }?;
        (head.width > 0 && head.height > 0).then_some(head)
    }

    /// The size with the orientation applied.
    pub(super) fn shown(&self) -> Dimensions {
        let (width, height) =
            if self.orientation.swaps() { (self.height, self.width) } else { (self.width, self.height) };
        Dimensions { width, height }
    }

    fn still(width: u32, height: u32) -> Self {
        let orientation = Orientation::UPRIGHT;
        Self { width, height, orientation, animated: false, cmyk: false, cut_short: false }
    }
}

/// A big-endian number of 16 bits.
fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A big-endian number of 32 bits.
fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Chunks of a length, a name, a payload and a checksum. The header is the first; the orientation may stand at the end.
fn png(bytes: &[u8]) -> Option<Head> {
    let header = bytes.get(16..)?;
    if bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    let mut head = Head::still(long(header, 0)?, long(header, 4)?);
    let mut at = PNG_MAGIC.len();
    while let (Some(length), Some(name)) = (long(bytes, at), bytes.get(at + 4..at + 8)) {
        let start = at + 8;
        let Some(end) = usize::try_from(length).ok().and_then(|length| start.checked_add(length)) else { break };
        match name {
            b"acTL" => head.animated = true,
            b"eXIf" => head.orientation = Orientation::of(bytes.get(start..end).unwrap_or_default()),
            _ => {}
        }
        let Some(next) = end.checked_add(4) else { break };
        at = next;
    }
    Some(head)
}

/// Segments of a marker, a length and a payload, up to the first scan.
fn jpeg(bytes: &[u8]) -> Option<Head> {
    let mut head = None;
    let mut orientation = None;
    let mut at = 2;
    while let Some(marker) = next_marker(bytes, &mut at) {
        let length = usize::from(short(bytes, at)?);
        let end = at + length;
        let payload = bytes.get(at + 2..end.min(bytes.len())).unwrap_or_default();
        match marker {
            0xc4 | 0xc8 | 0xcc => {}
            0xc0..=0xcf => {
                let mut found = Head::still(short(payload, 3)?.into(), short(payload, 1)?.into());
                found.cmyk = *payload.get(5)? == 4;
                head = head.or(Some(found));
            }
            0xe1 if payload.starts_with(b"Exif\0\0") => {
                orientation = orientation.or_else(|| Some(Orientation::of(payload)));
            }
            0xda => {
                let scan = bytes.get(end..).unwrap_or_default();
                let cut_short = !scan.windows(2).any(|pair| pair == b"\xff\xd9");
                let orientation = orientation.unwrap_or(Orientation::UPRIGHT);
                return head.map(|head| Head { orientation, cut_short, ..head });
            }
            _ => {}
        }
        at = end;
    }
    // The size was there, the scan was not.
    head.map(|head| Head { orientation: orientation.unwrap_or(Orientation::UPRIGHT), cut_short: true, ..head })
}

/// The next marker that has a payload; `at` is then where its length stands. `None` at the end of the image.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        // Between segments there may be any number of fill bytes, and what is no marker is skipped as decoders do.
        while *bytes.get(*at)? != 0xff {
            *at += 1;
        }
        while *bytes.get(*at)? == 0xff {
            *at += 1;
        }
        let marker = *bytes.get(*at)?;
        *at += 1;
        match marker {
            0xd9 => return None,
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            marker => return Some(marker),
        }
    }
}

/// A screen, then blocks; each picture is one. The blocks are walked to see whether there is a second picture.
fn gif(bytes: &[u8]) -> Option<Head> {
    let side = |at: usize| Some(u32::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)));
    let mut head = Head::still(side(6)?, side(8)?);
    let mut at = 13 + palette(*bytes.get(10)?);
    let mut pictures = 0_u8;
    while let Some(&block) = bytes.get(at) {
        at = match block {
            0x21 => sub_blocks(bytes, at + 2),
            0x2c => {
                pictures += 1;
                head.animated = pictures > 1;
                sub_blocks(bytes, at + 11 + bytes.get(at + 9).map_or(0, |&flags| palette(flags)))
            }
            _ => break,
        };
        if head.animated {
            break;
        }
    }
    Some(head)
}

/// How many bytes a colour table takes, by the flags that announce it.
fn palette(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Where a row of sub-blocks ends: each has its length before it, the last is empty.
fn sub_blocks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&length) = bytes.get(at) {
        at += 1 + usize::from(length);
        if length == 0 {
            break;
        }
    }
    at
}

fn webp(bytes: &[u8]) -> Option<Head> {
    let mut head: Option<Head> = None;
    let mut orientation = Orientation::UPRIGHT;
    for (name, payload) in riff::chunks(bytes) {
        let size = match &name {
            b"VP8X" => extended(payload),
            b"VP8 " => lossy(payload),
            b"VP8L" => lossless(payload),
            b"EXIF" => {
                orientation = Orientation::of(payload);
                None
            }
            _ => None,
        };
        head = head.or(size);
    }
    head.map(|head| Head { orientation, ..head })
}

/// The header of files with more than an image in them: flags, and sides less one in 24 bits each.
fn extended(payload: &[u8]) -> Option<Head> {
    let side = |at: usize| {
        let &[a, b, c] = payload.get(at..)?.first_chunk()?;
        Some(u32::from_le_bytes([a, b, c, 0]) + 1)
    };
    let animated = payload.first()? & 0x02 != 0;
    Some(Head { animated, ..Head::still(side(4)?, side(7)?) })
}

/// A key frame's header: a tag of three bytes, three more that are always the same, and sides in 14 bits each.
fn lossy(payload: &[u8]) -> Option<Head> {
    let side = |at: usize| Some(u32::from(u16::from_le_bytes(*payload.get(at..)?.first_chunk()?) & 0x3fff));
    (payload.get(3..6)? == b"\x9d\x01\x2a").then_some(())?;
    Some(Head::still(side(6)?, side(8)?))
}

/// A byte that is always the same, then sides less one in 14 bits each.
fn lossless(payload: &[u8]) -> Option<Head> {
    let (&signature, rest) = payload.split_first()?;
    let bits = u32::from_le_bytes(*rest.first_chunk()?);
    (signature == 0x2f).then(|| Head::still((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
}
