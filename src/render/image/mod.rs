//! Images: how large they are, and smaller WebP copies of them for `srcset`.
//!
//! The same file gives the same bytes on any machine and any number of threads: the decoders run without their SIMD
//! paths, the resampling is own integer arithmetic, and of libwebp only what is exact on every processor is used. Each
//! third-party crate has one file here that knows it: `jpeg` zune-jpeg, `png` png, `gif` gif, `webp` image-webp and
//! `encode` libwebp.

mod bmff;
mod encode;
mod exif;
mod gif;
mod head;
mod jpeg;
mod pixels;
mod png;
mod profile;
mod resample;
mod riff;
mod svg;
#[cfg(test)]
mod tests;
mod webp;

use std::panic::catch_unwind;

use self::head::{Format, Head};
use self::pixels::Pixels;

/// What a picture may hold, in pixels: more than any camera of a blog makes, and 300 MB when decoded (400 MB with
/// transparency; a progressive JPEG takes 600 MB more while it is decoded).
const MAX_PIXELS: u64 = 100_000_000;

/// The longest side, in pixels: what WebP has bits for.
const MAX_SIDE: u32 = 16_383;

/// What a decoder may take beside the pixels, in bytes: colour profiles and texts are compressed in PNG, and unpack to a
/// thousand times their size.
const MAX_EXTRAS: usize = 16 << 20;

/// An image's size as it is shown, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dimensions {
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A copy of an image.
#[derive(Debug)]
pub(super) struct Variant {
    /// In pixels.
    #[cfg(test)]
    pub(super) width: u32,
    /// In pixels.
    #[cfg(test)]
    pub(super) height: u32,
    /// A WebP file.
    pub(super) bytes: Vec<u8>,
}

/// Why there is no copy of an image.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum ImageError {
    /// Neither PNG, JPEG, GIF nor WebP by its first bytes.
    #[error("this is no PNG, JPEG, GIF or WebP image: check the file, or save it as one of these")]
    NotAnImage,
    /// An image, but of a kind that is left as it is.
    #[error("{0}")]
    Unsupported(&'static str),
    /// More pixels than are decoded.
    #[error(
        "the image has {width}×{height} pixels, and at most {MAX_SIDE} on a side and {} million in all are read: scale it down",
        MAX_PIXELS / 1_000_000
    )]
    TooLarge {
        /// In pixels, as stored.
        width: u32,
        /// In pixels, as stored.
        height: u32,
    },
    /// Cut short, or not what it says it is.
    #[error("the image is broken ({0}): save it again from where it came from")]
    Broken(String),
}

impl ImageError {
    fn broken(why: impl std::fmt::Display) -> Self {
        Self::Broken(why.to_string())
    }
}

/// An image out of its file.
struct Decoded {
    pixels: Pixels,
    /// The ICC profile as it stood in the file.
    profile: Option<Vec<u8>>,
}

/// Width and height as shown (EXIF orientation applied) of a PNG, JPEG, GIF, WebP, AVIF or SVG file, from its head alone:
/// nothing is decoded, and a file that is cut short later still has a size.
pub(super) fn dimensions(bytes: &[u8]) -> Option<Dimensions> {
    if let Some(head) = Head::read(bytes) {
        return Some(head.shown());
    }
    bmff::dimensions(bytes).or_else(|| svg::dimensions(bytes))
}

/// A copy of a PNG, JPEG, GIF or WebP file as WebP, `width` pixels wide as shown, but never larger than the original.
/// `quality` is WebP's, 0 to 100.
///
/// The EXIF orientation is applied. Colours are not converted: an ICC profile other than sRGB goes along.
///
/// # Errors
///
/// The file is no image, is animated or in CMYK, is too large, or is broken.
pub(super) fn resize(bytes: &[u8], width: u32, quality: u8) -> Result<Variant, ImageError> {
    let format = Format::of(bytes).ok_or(ImageError::NotAnImage)?;
    let head = Head::read(bytes).ok_or_else(|| ImageError::broken("its size cannot be read"))?;
    check(format, &head, bytes)?;
    // The decoders are not meant to panic; if one does on a crafted file, that is the file's fault and not the build's.
    let decoded = catch_unwind(|| decode(format, bytes)).unwrap_or_else(|_| Err(ImageError::broken("undecodable")))?;
    let (stored_width, stored_height) = (decoded.pixels.width, decoded.pixels.height);
    if (stored_width, stored_height) != (head.width, head.height) {
        return Err(ImageError::broken("it is not the size it says"));
    }
    let shown = head.shown();
    let width = width.clamp(1, shown.width);
    let height = scaled(shown.height, width, shown.width);
    let (to_width, to_height) = if head.orientation.swaps() { (height, width) } else { (width, height) };
    let small = resample::resample(decoded.pixels, to_width, to_height);
    let upright = head.orientation.apply(small);
    let bytes = encode::webp(&upright, quality, decoded.profile.as_deref().filter(|icc| profile::matters(icc)))?;
    Ok(Variant {
        #[cfg(test)]
        width,
        #[cfg(test)]
        height,
        bytes,
    })
}

/// Why no copy can be made of an image, as far as its head tells. One that is cut short is not refused here: it is broken
/// for readers too.
pub(super) fn refuse(bytes: &[u8]) -> Option<ImageError> {
    let (format, head) = (Format::of(bytes)?, Head::read(bytes)?);
    check(format, &head, bytes).err().filter(|error| !matches!(error, ImageError::Broken(_)))
}

/// `length * to / from`, rounded, at least 1.
fn scaled(length: u32, to: u32, from: u32) -> u32 {
    let (length, to, from) = (u64::from(length), u64::from(to), u64::from(from.max(1)));
    u32::try_from((length * to + from / 2) / from).unwrap_or(u32::MAX).max(1)
}

/// What can be refused before a pixel is decoded.
fn check(format: Format, head: &Head, bytes: &[u8]) -> Result<(), ImageError> {
    let (width, height) = (head.width, head.height);
    let pixels = u64::from(width) * u64::from(height);
    if width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS {
        return Err(ImageError::TooLarge { width, height });
    }
    if head.animated {
        return Err(ImageError::Unsupported("an animated image is left as it is: a smaller copy would stand still"));
    }
    if head.cmyk {
        return Err(ImageError::Unsupported("a CMYK image cannot be converted: save it in RGB"));
    }
    if head.cut_short || pixels / format.max_pixels_per_byte() > bytes.len() as u64 {
        return Err(ImageError::broken("it is cut short"));
    }
    Ok(())
}

fn decode(format: Format, bytes: &[u8]) -> Result<Decoded, ImageError> {
    match format {
        Format::Png => png::decode(bytes),
        Format::Jpeg => jpeg::decode(bytes),
        Format::Gif => gif::decode(bytes),
        Format::WebP => webp::decode(bytes),
    }
}
