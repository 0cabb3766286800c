//! The size of AVIF images: boxes of a length, a name and a payload in one another.

use super::Dimensions;

/// Width and height as shown. The sizes of all the images in the file stand in one list (the tiles of a large one too, the
/// thumbnail, the transparency); the largest is the image shown.
pub(super) fn dimensions(bytes: &[u8]) -> Option<Dimensions> {
    let brands = inside(bytes, b"ftyp")?;
    brands.as_chunks::<4>().0.iter().any(|brand| brand == b"avif" || brand == b"avis").then_some(())?;
    // Four bytes of version and flags come first in `meta` and `ispe`.
    let properties = inside(inside(inside(bytes, b"meta")?.get(4..)?, b"iprp")?, b"ipco")?;
    let (width, height) = boxes(properties)
        .filter(|(name, _)| name == b"ispe")
        .filter_map(|(_, size)| Some((long(size, 4)?, long(size, 8)?)))
        .filter(|&(width, height)| width > 0 && height > 0)
        .max_by_key(|&(width, height)| u64::from(width) * u64::from(height))?;
    // Quarter turns.
    let turned = inside(properties, b"irot").and_then(|turns| turns.first()).is_some_and(|turns| turns & 1 == 1);
    let (width, height) = if turned { (height, width) } else { (width, height) };
    Some(Dimensions { width, height })
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The payload of the first box of a name.
fn inside<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find(|(found, _)| found == name).map(|(_, payload)| payload)
}

/// The boxes, name and payload; the last payload may be cut short.
fn boxes(mut rest: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let name = *rest.get(4..)?.first_chunk()?;
        let (start, length) = match long(rest, 0)? {
            // To the end of the file.
            0 => (8, rest.len()),
            // The length stands after the name, in 64 bits.
            1 => (16, usize::try_from(u64::from_be_bytes(*rest.get(8..)?.first_chunk()?)).ok()?),
            length => (8, usize::try_from(length).ok()?),
        };
        let end = length.min(rest.len());
        let payload = rest.get(start..end)?;
        rest = rest.get(end..)?;
        Some((name, payload))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bmff(name: &[u8; 4], payload: &[u8]) -> Vec<u8> {
        [&(payload.len() as u32 + 8).to_be_bytes()[..], name, payload].concat()
    }

    fn size(width: u32, height: u32) -> Vec<u8> {
        bmff(b"ispe", &[[0; 4], width.to_be_bytes(), height.to_be_bytes()].concat())
    }

    fn avif(properties: &[u8]) -> Vec<u8> {
        let meta = [&[0; 4][..], &bmff(b"hdlr", b"pict"), &bmff(b"iprp", &bmff(b"ipco", properties))].concat();
        [bmff(b"ftyp", b"avif\0\0\0\0mif1"), bmff(b"meta", &meta), bmff(b"mdat", &[0; 9])].concat()
    }

    #[test]
    fn the_largest_image_counts_and_is_turned() {
        let sizes = [size(160, 120), size(640, 480)].concat();
        assert_eq!(dimensions(&avif(&sizes)), Some(Dimensions { width: 640, height: 480 }));
        let turned = [sizes, bmff(b"irot", &[1])].concat();
        assert_eq!(dimensions(&avif(&turned)), Some(Dimensions { width: 480, height: 640 }));
        assert_eq!(dimensions(&avif(&[])), None);
        assert_eq!(dimensions(&bmff(b"ftyp", b"mp42")), None);
    }

    #[test]
    fn no_cut_panics() {
        let file = avif(&size(640, 480));
        for end in 0..file.len() {
            dimensions(&file[..end]);
        }
    }
}
