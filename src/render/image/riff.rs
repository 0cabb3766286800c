//! WebP's container: chunks of a name, a length and a payload.

use super::ImageError;

/// An ICC profile is in the file.
const HAS_PROFILE: u8 = 0x20;

/// There is transparency.
const HAS_ALPHA: u8 = 0x10;

/// The chunks of a WebP file, name and payload; the last payload may be cut short.
pub(super) fn chunks(webp: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = webp.get(12..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, payload) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let end = length.min(payload.len());
        // Payloads are padded to an even length.
        rest = payload.get(end.saturating_add(end % 2)..).unwrap_or_default();
        payload.get(..end).map(|payload| (*name, payload))
    })
}

/// The first chunk of a name.
pub(super) fn chunk<'a>(webp: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    chunks(webp).find(|(found, _)| found == name).map(|(_, payload)| payload)
}

/// A still lossy WebP file of its image data (a `VP8 ` payload), its transparency (an `ALPH` payload) and an ICC profile.
pub(super) fn assemble(
    (width, height): (u32, u32),
    image: &[u8],
    alpha: Option<&[u8]>,
    profile: Option<&[u8]>,
) -> Result<Vec<u8>, ImageError> {
    let mut body = b"WEBP".to_vec();
    if alpha.is_some() || profile.is_some() {
        let flags = alpha.map_or(0, |_| HAS_ALPHA) | profile.map_or(0, |_| HAS_PROFILE);
        let mut header = vec![flags, 0, 0, 0];
        header.extend_from_slice(&(width - 1).to_le_bytes()[..3]);
        header.extend_from_slice(&(height - 1).to_le_bytes()[..3]);
        push(&mut body, *b"VP8X", &header)?;
    }
    if let Some(profile) = profile {
        push(&mut body, *b"ICCP", profile)?;
    }
    if let Some(alpha) = alpha {
        push(&mut body, *b"ALPH", alpha)?;
    }
    push(&mut body, *b"VP8 ", image)?;
    let mut file = Vec::with_capacity(body.len() + 8);
    push(&mut file, *b"RIFF", &body)?;
    Ok(file)
}

fn push(to: &mut Vec<u8>, name: [u8; 4], payload: &[u8]) -> Result<(), ImageError> {
    let length = u32::try_from(payload.len()).map_err(ImageError::broken)?;
    to.extend_from_slice(&name);
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(payload);
    if payload.len() % 2 == 1 {
        to.push(0);
    }
    Ok(())
}
