//! GIF: the one place that knows the `gif` crate.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, MemoryLimit};

use super::pixels::Pixels;
use super::{Decoded, ImageError, MAX_PIXELS};

/// The first picture of a GIF on its screen, which is transparent where the picture does not reach.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, ImageError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    options.check_frame_consistency(true);
    if let Some(limit) = NonZeroU64::new(MAX_PIXELS * 4) {
        options.set_memory_limit(MemoryLimit::Bytes(limit));
    }
    let mut decoder = options.read_info(bytes).map_err(ImageError::broken)?;
    let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
    let missing = || ImageError::broken("pixels are missing");
    let frame = decoder.read_next_frame().map_err(ImageError::broken)?.ok_or_else(missing)?;
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let row = usize::from(frame.width) * 4;
    let mut screen = vec![0; width * height * 4];
    for (y, pixels) in frame.buffer.chunks_exact(row.max(1)).enumerate() {
        let start = ((top + y) * width + left) * 4;
        // The frame is inside the screen: the decoder has checked it.
        if let Some(place) = screen.get_mut(start..start + row) {
            place.copy_from_slice(pixels);
        }
    }
    let (width, height) = (u32::try_from(width), u32::try_from(height));
    let (Ok(width), Ok(height)) = (width, height) else { return Err(missing()) };
    let pixels = Pixels::new(width, height, true, screen).ok_or_else(missing)?;
    Ok(Decoded { pixels, profile: None })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Each pixel in the palette's nearest grey; the last colour is transparent.
    pub(in super::super) fn encode(pixels: &Pixels, pictures: usize) -> Vec<u8> {
        let (width, height) = (pixels.width as u16, pixels.height as u16);
        let palette: Vec<u8> = (0..=255).flat_map(|grey| [grey; 3]).collect();
        let mut file = Vec::new();
        let mut encoder = gif::Encoder::new(&mut file, width, height, &palette).expect("a header");
        for _ in 0..pictures {
            let grey = pixels.data().chunks_exact(pixels.channels()).map(|pixel| pixel[0]).collect::<Vec<_>>();
            encoder.write_frame(&gif::Frame::from_indexed_pixels(width, height, grey, Some(255))).expect("a picture");
        }
        drop(encoder);
        file
    }

    #[test]
    fn a_picture_smaller_than_the_screen_keeps_its_place() {
        let mut file = Vec::new();
        let mut encoder = gif::Encoder::new(&mut file, 4, 3, &[1, 2, 3, 4, 5, 6]).expect("a header");
        let mut frame = gif::Frame::from_indexed_pixels(1, 1, vec![1], None);
        (frame.left, frame.top) = (2, 1);
        encoder.write_frame(&frame).expect("a picture");
        drop(encoder);
        let pixels = decode(&file).expect("an image").pixels;
        let shown: Vec<usize> = (0..12).filter(|at| pixels.data()[at * 4 + 3] > 0).collect();
        assert_eq!((shown, &pixels.data()[24..28]), (vec![6], &[4, 5, 6, 255][..]));
    }
}
