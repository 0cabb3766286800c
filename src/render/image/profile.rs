//! ICC profiles: which of them a copy must carry along.

/// Where a profile says what its colours are made of.
const COLOUR_SPACE: std::ops::Range<usize> = 16..20;

/// Whether colours without the profile would look otherwise than with it: it is for RGB, and is not sRGB, which is what
/// an image without a profile is taken for. A profile for grey or CMYK does not fit the RGB of a copy.
pub(super) fn matters(profile: &[u8]) -> bool {
    profile.get(COLOUR_SPACE) == Some(b"RGB ") && !names_srgb(profile)
}

/// Whether the description says sRGB, in ASCII (version 2) or UTF-16 (version 4). Comparing the numbers instead would
/// need all the variants of sRGB that are around.
fn names_srgb(profile: &[u8]) -> bool {
    description(profile).is_some_and(|description| {
        let letters: Vec<u8> = description.iter().copied().filter(|&byte| byte != 0).collect();
        letters.windows(4).any(|name| name == b"sRGB")
    })
}

/// The `desc` tag's contents: the tag table stands after the header of 128 bytes.
fn description(profile: &[u8]) -> Option<&[u8]> {
    let long = |at: usize| Some(u32::from_be_bytes(*profile.get(at..)?.first_chunk()?) as usize);
    // A profile has some twenty tags; the bound is for crafted ones.
    (0..long(128)?.min(100)).map(|tag| 132 + tag * 12).find_map(|at| {
        let (start, length) = (long(at + 4)?, long(at + 8)?);
        (profile.get(at..at + 4)? == b"desc").then(|| profile.get(start..start.checked_add(length)?)).flatten()
    })
}

/// A profile with nothing but a description, enough for what is read here.
#[cfg(test)]
pub(super) fn sample(space: [u8; 4], description: &[u8]) -> Vec<u8> {
    let mut profile = vec![0; 128];
    profile[COLOUR_SPACE].copy_from_slice(&space);
    profile[36..40].copy_from_slice(b"acsp");
    profile.extend(1_u32.to_be_bytes());
    profile.extend(b"desc");
    profile.extend(144_u32.to_be_bytes());
    profile.extend((description.len() as u32).to_be_bytes());
    profile.extend(description);
    let length = profile.len() as u32;
    profile[..4].copy_from_slice(&length.to_be_bytes());
    profile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_srgb_is_kept() {
        assert!(matters(&sample(*b"RGB ", b"Display P3")));
        assert!(!matters(&sample(*b"RGB ", b"desc\0\0\0\0sRGB IEC61966-2.1")));
        assert!(!matters(&sample(*b"RGB ", b"\0s\0R\0G\0B\0 \0b\0u\0i\0l\0t")));
        assert!(!matters(&sample(*b"GRAY", b"Dot Gain 20%")));
        assert!(!matters(&sample(*b"CMYK", b"Fogra")));
        assert!(!matters(b""));
        let cut = &sample(*b"RGB ", b"Display P3")[..140];
        assert!(matters(cut), "an unnamed profile is kept");
    }
}
