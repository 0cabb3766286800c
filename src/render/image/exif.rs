//! The one thing EXIF is read for: which way up the image is.

use super::pixels::Pixels;

/// The tag of the orientation in the first directory.
const ORIENTATION: u16 = 0x0112;

/// How the stored rows and columns are shown, as EXIF counts it: 1 is as stored, 6 is turned a quarter clockwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orientation(u8);

impl Orientation {
    /// As stored.
    pub(super) const UPRIGHT: Self = Self(1);

    /// Of an EXIF block (a TIFF file, with or without `Exif\0\0` before it). What cannot be read is upright: cameras and
    /// editors write much that is not quite EXIF.
    pub(super) fn of(exif: &[u8]) -> Self {
        let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
        read(tiff).unwrap_or(Self::UPRIGHT)
    }

    /// Whether width and height change places.
    pub(super) fn swaps(self) -> bool {
        self.0 >= 5
    }

    /// The image as it is shown.
    pub(super) fn apply(self, stored: Pixels) -> Pixels {
        let (right, bottom) = (stored.width.saturating_sub(1), stored.height.saturating_sub(1));
        let (width, height) = if self.swaps() { (stored.height, stored.width) } else { (stored.width, stored.height) };
        let from: fn(u32, u32, u32, u32) -> (u32, u32) = match self.0 {
            2 => |x, y, right, _| (right - x, y),
            3 => |x, y, right, bottom| (right - x, bottom - y),
            4 => |x, y, _, bottom| (x, bottom - y),
            5 => |x, y, _, _| (y, x),
            6 => |x, y, _, bottom| (y, bottom - x),
            7 => |x, y, right, bottom| (right - y, bottom - x),
            8 => |x, y, right, _| (right - y, x),
            _ => return stored,
        };
        stored.rearranged(width, height, |x, y| from(x, y, right, bottom))
    }
}

fn read(tiff: &[u8]) -> Option<Orientation> {
    let little = match tiff.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = tiff.get(at..)?.first_chunk()?;
        Some(if little { u16::from_le_bytes(*bytes) } else { u16::from_be_bytes(*bytes) })
    };
    let long = |at: usize| {
        let bytes = tiff.get(at..)?.first_chunk()?;
        Some(if little { u32::from_le_bytes(*bytes) } else { u32::from_be_bytes(*bytes) })
    };
    let directory = usize::try_from(long(4)?).ok()?;
    for entry in 0..usize::from(short(directory)?) {
        let at = directory.checked_add(2 + entry * 12)?;
        if short(at)? == ORIENTATION {
            // A short (type 3) stands in the first two bytes of the value; some writers make a long (4) of it.
            let value = if short(at + 2)? == 4 { long(at + 8)? } else { u32::from(short(at + 8)?) };
            return u8::try_from(value).ok().filter(|value| (1..=8).contains(value)).map(Orientation);
        }
    }
    None
}

/// An EXIF block with nothing but an orientation.
#[cfg(test)]
pub(super) fn block(orientation: u8, little: bool) -> Vec<u8> {
    let mut block = b"Exif\0\0".to_vec();
    if little {
        block.extend(b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0");
        block.extend([orientation, 0, 0, 0]);
    } else {
        block.extend(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01");
        block.extend([0, orientation, 0, 0]);
    }
    block.extend([0; 4]);
    block
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn orientations_are_read_in_both_byte_orders() {
        for little in [true, false] {
            for value in 1..=8 {
                assert_eq!(Orientation::of(&block(value, little)), Orientation(value));
            }
            for value in [0, 9, 255] {
                assert_eq!(Orientation::of(&block(value, little)), Orientation::UPRIGHT);
            }
        }
    }

    #[test]
    fn turning_follows_the_standard() {
        // A B
        // C D
        // E F
        let stored = Pixels::new(2, 3, false, b"ABCDEF".iter().flat_map(|&c| [c, c, c]).collect()).expect("six pixels");
        let shown = [
            (1, "ABCDEF"),
            (2, "BADCFE"),
            (3, "FEDCBA"),
            (4, "EFCDAB"),
            (5, "ACEBDF"),
            (6, "ECAFDB"),
            (7, "FDBECA"),
            (8, "BDFACE"),
        ];
        for (value, expected) in shown {
            let turned = Orientation(value).apply(stored.clone());
            let letters: String = turned.data().iter().step_by(3).map(|&c| char::from(c)).collect();
            assert_eq!(letters, expected, "{value}");
            assert_eq!((turned.width, turned.height), if value < 5 { (2, 3) } else { (3, 2) });
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(little in any::<bool>(), tail in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut tiff = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
            tiff.extend(&tail);
            Orientation::of(&tiff);
            Orientation::of(&tail);
        }
    }
}
