//! JPEG: the one place that knows zune-jpeg.
//!
//! Its SIMD paths are left out by the features it is built with: they are not sure to give the same bytes as the plain
//! one, and that one takes 70 ms for 9 megapixels.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::pixels::Pixels;
use super::{Decoded, ImageError, MAX_SIDE};

/// How often a progressive JPEG may refine itself: encoders do it ten times, crafted files as often as they can, and each
/// time goes over all the pixels.
const MAX_SCANS: usize = 64;

/// A JPEG, in colour or grey.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, ImageError> {
    let options = DecoderOptions::default()
        .set_max_width(MAX_SIDE as usize)
        .set_max_height(MAX_SIDE as usize)
        .jpeg_set_max_scans(MAX_SCANS)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let data = decoder.decode().map_err(|error| ImageError::broken(format!("{error:?}")))?;
    let info = decoder.info().ok_or_else(|| ImageError::broken("without a header"))?;
    let pixels = Pixels::new(info.width.into(), info.height.into(), false, data)
        .ok_or_else(|| ImageError::broken("pixels are missing"))?;
    Ok(Decoded { pixels, profile: decoder.icc_profile() })
}

/// The encoder is another crate's, for tests only.
#[cfg(test)]
pub(super) mod tests {
    use jpeg_encoder::{ColorType, Encoder};

    use super::*;

    pub(in super::super) fn encode(pixels: &Pixels, progressive: bool, exif: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 95);
        encoder.set_progressive(progressive);
        if !exif.is_empty() {
            encoder.add_app_segment(1, exif).expect("a segment");
        }
        let (width, height) = (pixels.width as u16, pixels.height as u16);
        encoder.encode(pixels.data(), width, height, ColorType::Rgb).expect("pixels");
        file
    }

    #[test]
    fn grey_is_decoded_and_cmyk_is_refused() {
        let mut grey = Vec::new();
        Encoder::new(&mut grey, 95).encode(&[90; 64], 8, 8, ColorType::Luma).expect("pixels");
        let decoded = decode(&grey).expect("an image");
        assert!(decoded.pixels.data().iter().all(|byte| byte.abs_diff(90) < 3));

        let mut inks = Vec::new();
        Encoder::new(&mut inks, 95).encode(&[90; 256], 8, 8, ColorType::Cmyk).expect("pixels");
        assert!(matches!(super::super::resize(&inks, 4, 80), Err(ImageError::Unsupported(_))));
    }
}
