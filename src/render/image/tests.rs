//! Whole files through the module: every format, every orientation, and files that are not what they say.
//!
//! The images are made here. Each crate is known to one file, so the encoders are reached through it.

use proptest::prelude::*;

use super::pixels::Pixels;
use super::*;

/// A picture with slopes, edges and some noise; with transparency, a soft disc.
pub(super) fn picture(width: u32, height: u32, alpha: bool) -> Pixels {
    let mut data = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 28;
            data.extend([(x * 255 / width) as u8, (y * 255 / height) as u8, (((x / 8) ^ (y / 8)) * 40 + noise) as u8]);
            if alpha {
                data.push((255 - (x * 255 / width).abs_diff(y * 255 / height)) as u8);
            }
        }
    }
    Pixels::new(width, height, alpha, data).expect("a picture")
}

/// A file of each format, of 60 by 40 pixels.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let (opaque, clear) = (picture(60, 40, false), picture(60, 40, true));
    let wide = profile::sample(*b"RGB ", b"Display P3");
    vec![
        ("png", png::tests::encode(&opaque, None)),
        ("transparent png", png::tests::encode(&clear, Some(&wide))),
        ("jpeg", jpeg::tests::encode(&opaque, false, &[])),
        ("progressive jpeg", jpeg::tests::encode(&opaque, true, &exif::block(1, false))),
        ("gif", gif::tests::encode(&clear, 1)),
        ("webp", encode::webp(&opaque, 80, None).expect("webp")),
        ("transparent webp", encode::webp(&clear, 80, Some(&wide)).expect("webp")),
        ("lossless webp", webp::tests::encode(&clear)),
    ]
}

fn unpack(variant: &Variant) -> Pixels {
    let decoded = webp::decode(&variant.bytes).expect("a copy can be decoded").pixels;
    assert_eq!((decoded.width, decoded.height), (variant.width, variant.height));
    assert_eq!(dimensions(&variant.bytes), Some(Dimensions { width: variant.width, height: variant.height }));
    decoded
}

/// The mean difference of two images' bytes.
fn difference(one: &Pixels, other: &Pixels) -> f64 {
    assert_eq!((one.width, one.height, one.alpha), (other.width, other.height, other.alpha));
    let sum: u64 = one.data().iter().zip(other.data()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.data().len() as f64
}

#[test]
fn every_format_is_measured_and_scaled() {
    for (name, file) in files() {
        assert_eq!(dimensions(&file), Some(Dimensions { width: 60, height: 40 }), "{name}");
        let half = resize(&file, 30, 90).expect(name);
        assert_eq!((half.width, half.height), (30, 20), "{name}");
        let alpha = name.contains("transparent") || ["gif", "lossless webp"].contains(&name);
        let expected = resample::resample(picture(60, 40, alpha), 30, 20);
        if name != "gif" {
            assert!(difference(&unpack(&half), &expected) < 16.0, "{name} {}", difference(&unpack(&half), &expected));
        }
        assert_eq!(half.bytes, resize(&file, 30, 90).expect(name).bytes, "{name}: the same again");
    }
}

/// The sums were the same on x86_64 with and without SSE2 and on aarch64 with NEON: what changes them on one machine only is a fault, what
/// changes them everywhere is a new version of a crate.
#[test]
fn the_bytes_are_the_same_everywhere() {
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u32, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let sums = [(300, 200, false), (301, 199, true)].map(|(width, height, alpha)| {
        let file = png::tests::encode(&picture(width, height, alpha), None);
        sum(&resize(&file, 150, 80).expect("a copy").bytes)
    });
    assert_eq!(sums, [554_587_656, 576_139_348]);
}

#[test]
fn transparency_is_exact() {
    let file = png::tests::encode(&picture(61, 43, true), None);
    let copy = unpack(&resize(&file, 61, 50).expect("a copy"));
    assert_eq!(copy.alpha_plane(), picture(61, 43, true).alpha_plane());
}

#[test]
fn a_copy_is_never_larger() {
    let file = jpeg::tests::encode(&picture(33, 7, false), false, &[]);
    for (width, expected) in [(0, (1, 1)), (1, (1, 1)), (16, (16, 3)), (33, (33, 7)), (5000, (33, 7))] {
        let copy = resize(&file, width, 255).expect("a copy");
        assert_eq!((copy.width, copy.height), expected);
        unpack(&copy);
    }
}

#[test]
fn orientations_are_applied_and_dropped() {
    let stored = picture(48, 32, false);
    for value in 1..=8 {
        let exif = exif::block(value, value % 2 == 0);
        let upright = exif::Orientation::of(&exif).apply(stored.clone());
        for file in [jpeg::tests::encode(&stored, false, &exif), png::tests::encode_exif(&stored, &exif[6..])] {
            let shown = Dimensions { width: upright.width, height: upright.height };
            assert_eq!(dimensions(&file), Some(shown));
            let copy = resize(&file, 100, 95).expect("a copy");
            assert!(difference(&unpack(&copy), &upright) < 16.0, "{value}");
        }
    }
}

#[test]
fn profiles_other_than_srgb_go_along() {
    let wide = profile::sample(*b"RGB ", b"Display P3");
    let usual = profile::sample(*b"RGB ", b"sRGB IEC61966-2.1");
    for alpha in [false, true] {
        let file = png::tests::encode(&picture(20, 20, alpha), Some(&wide));
        let copy = resize(&file, 10, 80).expect("a copy");
        assert_eq!(riff::chunk(&copy.bytes, b"ICCP"), Some(&wide[..]));
        unpack(&copy);
        let file = png::tests::encode(&picture(20, 20, alpha), Some(&usual));
        assert_eq!(riff::chunk(&resize(&file, 10, 80).expect("a copy").bytes, b"ICCP"), None);
    }
}

#[test]
fn what_moves_is_left_alone() {
    let gif = gif::tests::encode(&picture(60, 40, false), 2);
    assert_eq!(dimensions(&gif), Some(Dimensions { width: 60, height: 40 }));
    for file in [gif, png::tests::encode_animated(&picture(60, 40, false))] {
        assert!(matches!(resize(&file, 10, 80), Err(ImageError::Unsupported(_))));
    }
}

#[test]
fn what_is_no_image_is_refused() {
    for bytes in [&b""[..], b"<svg width='1' height='1'>", b"\x7fELF", b"RIFF\0\0\0\0WAVE"] {
        assert_eq!(resize(bytes, 10, 80).expect_err("no image"), ImageError::NotAnImage);
    }
}

#[test]
fn sizes_that_lie_are_refused_before_memory_is_taken() {
    let mut png = png::tests::encode(&picture(60, 40, false), None);
    for (width, height, large) in [(60_000_u32, 1_u32, true), (16_000, 16_000, true), (9000, 9000, false)] {
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let error = resize(&png, 10, 80).expect_err("a lie");
        assert_eq!(matches!(error, ImageError::TooLarge { .. }), large, "{error}");
        assert_eq!(matches!(error, ImageError::Broken(_)), !large, "{error}");
    }
    let text = ImageError::TooLarge { width: 16_000, height: 16_000 }.to_string();
    assert!(text.contains("16000×16000") && text.contains("100 million"), "{text}");
}

#[test]
fn what_is_cut_short_is_refused_and_still_measured() {
    for (name, file) in files() {
        for end in [file.len() / 4, file.len() / 2, file.len() * 3 / 4, file.len() - 40] {
            assert!(resize(&file[..end], 30, 80).is_err(), "{name} cut at {end} of {}", file.len());
        }
        assert!(dimensions(&file[..file.len() * 3 / 4]).is_some(), "{name}");
        for end in 0..file.len().min(1200) {
            dimensions(&file[..end]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_panic(which in 0..6_usize, tail in proptest::collection::vec(any::<u8>(), 0..400)) {
        let magics: [&[u8]; 6] =
            [b"", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\x10\0\0WEBPVP8 ", b"RIFF\0\x10\0\0WEBPVP8L"];
        let bytes = [magics[which], &tail].concat();
        dimensions(&bytes);
        let _ = resize(&bytes, 20, 80);
    }

    #[test]
    fn no_flip_panics(which in 0..8_usize, flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut file = files().swap_remove(which).1;
        for (at, bits) in flips {
            let at = at.index(file.len());
            file[at] ^= bits;
        }
        dimensions(&file);
        if let Ok(copy) = resize(&file, 20, 80) {
            unpack(&copy);
        }
    }
}
