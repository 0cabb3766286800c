//! Lossy WebP: the one place that knows libwebp.

use webp::{Encoder, WebPConfig};

use super::pixels::Pixels;
use super::{ImageError, riff, webp as lossless};

/// How hard libwebp tries, of 0 to 6; its own default. 6 takes half as long again and more, for 8 % fewer bytes, which are
/// in part quality.
const EFFORT: i32 = 4;

/// A WebP file of pixels, with the transparency they have and an ICC profile. `quality` is 0 to 100.
///
/// The colours go through libwebp's lossy coder, which counts in whole numbers, but for one step from the quality to the
/// quantizer whose results lie far from where rounding could differ. The transparency is packed apart, see [`lossless`].
pub(super) fn webp(pixels: &Pixels, quality: u8, profile: Option<&[u8]>) -> Result<Vec<u8>, ImageError> {
    let mut config = WebPConfig::new().map_err(|()| ImageError::broken("libwebp is of another version"))?;
    config.quality = f32::from(quality.min(100));
    config.method = EFFORT;
    // Not to be packed here: it is replaced below.
    config.alpha_compression = 0;
    let (width, height) = (pixels.width, pixels.height);
    let encoder = if pixels.alpha {
        // With it, libwebp keeps the colour of what is transparent out of its neighbours'.
        Encoder::from_rgba(pixels.data(), width, height)
    } else {
        Encoder::from_rgb(pixels.data(), width, height)
    };
    let file = encoder.encode_advanced(&config).map_err(|error| ImageError::broken(format!("{error:?}")))?;
    let image = riff::chunk(&file, b"VP8 ").ok_or_else(|| ImageError::broken("it cannot be encoded"))?;
    let alpha = pixels.alpha_plane().map(|plane| lossless::pack_alpha(&plane, width, height)).transpose()?;
    riff::assemble((width, height), image, alpha.as_deref(), profile)
}
