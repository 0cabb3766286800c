//! PNG: the one place that knows the `png` crate.

use std::io::Cursor;

use png::{ColorType, Decoder, Limits, Transformations};

use super::pixels::Pixels;
use super::{Decoded, ImageError, MAX_EXTRAS};

/// A still PNG; 16 bits a channel become 8.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, ImageError> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: MAX_EXTRAS });
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info().map_err(ImageError::broken)?;
    let size = reader.output_buffer_size().ok_or_else(|| ImageError::broken("without a size"))?;
    let mut data = vec![0; size];
    let frame = reader.next_frame(&mut data).map_err(ImageError::broken)?;
    data.truncate(frame.buffer_size());
    let (width, height) = (frame.width, frame.height);
    let pixels = match frame.color_type {
        ColorType::Rgb => Pixels::new(width, height, false, data),
        ColorType::Rgba => Pixels::new(width, height, true, data),
        ColorType::Grayscale => Pixels::from_grey(width, height, false, &data),
        ColorType::GrayscaleAlpha => Pixels::from_grey(width, height, true, &data),
        // The transformations leave none.
        ColorType::Indexed => None,
    };
    let pixels = pixels.ok_or_else(|| ImageError::broken("pixels are missing"))?;
    Ok(Decoded { pixels, profile: reader.info().icc_profile.as_ref().map(|profile| profile.to_vec()) })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn encode(pixels: &Pixels, profile: Option<&[u8]>) -> Vec<u8> {
        let mut info = png::Info::with_size(pixels.width, pixels.height);
        info.icc_profile = profile.map(|profile| profile.to_vec().into());
        written(info, pixels)
    }

    pub(in super::super) fn encode_exif(pixels: &Pixels, exif: &[u8]) -> Vec<u8> {
        let mut info = png::Info::with_size(pixels.width, pixels.height);
        info.exif_metadata = Some(exif.to_vec().into());
        written(info, pixels)
    }

    pub(in super::super) fn encode_animated(pixels: &Pixels) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, pixels.width, pixels.height);
        encoder.set_color(ColorType::Rgb);
        encoder.set_animated(2, 0).expect("two pictures");
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(pixels.data()).expect("a picture");
        writer.write_image_data(pixels.data()).expect("a picture");
        writer.finish().expect("an end");
        file
    }

    fn written(mut info: png::Info<'_>, pixels: &Pixels) -> Vec<u8> {
        let mut file = Vec::new();
        info.color_type = if pixels.alpha { ColorType::Rgba } else { ColorType::Rgb };
        info.bit_depth = png::BitDepth::Eight;
        let encoder = png::Encoder::with_info(&mut file, info).expect("a header");
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(pixels.data()).expect("pixels");
        writer.finish().expect("an end");
        file
    }

    #[test]
    fn grey_palettes_and_sixteen_bits_become_colour() {
        for (colour, depth, data, expected) in [
            (ColorType::Grayscale, png::BitDepth::One, &[0x40][..], [[0, 0, 0], [255, 255, 255]]),
            (ColorType::Grayscale, png::BitDepth::Sixteen, &[7, 0, 9, 0], [[7, 7, 7], [9, 9, 9]]),
            (ColorType::Indexed, png::BitDepth::Eight, &[1, 0], [[4, 5, 6], [1, 2, 3]]),
        ] {
            let mut file = Vec::new();
            let mut encoder = png::Encoder::new(&mut file, 2, 1);
            encoder.set_color(colour);
            encoder.set_depth(depth);
            encoder.set_palette(&[1, 2, 3, 4, 5, 6][..]);
            let mut writer = encoder.write_header().expect("a header");
            writer.write_image_data(data).expect("pixels");
            writer.finish().expect("an end");
            let decoded = decode(&file).expect("an image");
            assert_eq!(decoded.pixels.data(), expected.as_flattened());
        }
    }
}
