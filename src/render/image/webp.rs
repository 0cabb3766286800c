//! WebP without libwebp: the one place that knows image-webp.
//!
//! It decodes, and packs the transparency of the copies. libwebp would do that, too, but weighs its choices in floats the
//! C compiler may contract on one processor and not on another.

use std::io::Cursor;

use image_webp::{ColorType, WebPDecoder, WebPEncoder};

use super::pixels::Pixels;
use super::{Decoded, ImageError, MAX_EXTRAS, MAX_PIXELS, riff};

/// How an `ALPH` payload begins whose values are losslessly packed, unfiltered and exact.
const PACKED: u8 = 1;

/// The head of a lossless image, which says what an `ALPH` payload need not: signature and size.
const LOSSLESS_HEAD: usize = 5;

/// A still WebP, lossy or lossless.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, ImageError> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(ImageError::broken)?;
    let pixels = usize::try_from(MAX_PIXELS * 4).unwrap_or(usize::MAX);
    decoder.set_memory_limit(pixels.saturating_add(MAX_EXTRAS));
    let (width, height) = decoder.dimensions();
    let size = decoder.output_buffer_size().ok_or_else(|| ImageError::broken("without a size"))?;
    let mut data = vec![0; size];
    decoder.read_image(&mut data).map_err(ImageError::broken)?;
    let pixels = Pixels::new(width, height, decoder.has_alpha(), data)
        .ok_or_else(|| ImageError::broken("pixels are missing"))?;
    Ok(Decoded { pixels, profile: decoder.icc_profile().map_err(ImageError::broken)? })
}

/// Transparency, a byte a pixel, as an `ALPH` payload: its values are the green of a lossless image.
pub(super) fn pack_alpha(plane: &[u8], width: u32, height: u32) -> Result<Vec<u8>, ImageError> {
    let mut file = Vec::new();
    WebPEncoder::new(&mut file).encode(plane, width, height, ColorType::L8).map_err(ImageError::broken)?;
    let image = riff::chunk(&file, b"VP8L").and_then(|image| image.get(LOSSLESS_HEAD..));
    let image = image.ok_or_else(|| ImageError::broken("its transparency cannot be packed"))?;
    Ok([&[PACKED], image].concat())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn encode(pixels: &Pixels) -> Vec<u8> {
        let mut file = Vec::new();
        let colour = if pixels.alpha { ColorType::Rgba8 } else { ColorType::Rgb8 };
        WebPEncoder::new(&mut file).encode(pixels.data(), pixels.width, pixels.height, colour).expect("pixels");
        file
    }
}
