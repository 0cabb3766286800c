//! Scaling down: a Lanczos filter in whole numbers.
//!
//! fast_image_resize is faster and adds 3.8 MB to the program; this adds a few kilobytes and gives the same bytes
//! everywhere. The weights are made of additions, multiplications and divisions of `f64` only, which IEEE 754 fixes to
//! the last bit: the sine of the C library is another one on each processor.

use super::pixels::Pixels;

/// How far the filter reaches, in pixels of the copy.
const LOBES: f64 = 3.0;

/// The bits after the point of a weight: with 8 bits of colour, a sum stays far below 31 bits.
const PRECISION: u32 = 14;

/// The weights for one row or column of the copy.
struct Taps {
    /// The first row or column of the original.
    start: usize,
    /// One weight for each from there; together they are 1.
    weights: Vec<i32>,
}

/// The image scaled to a size, each side at most the original's.
pub(super) fn resample(original: Pixels, width: u32, height: u32) -> Pixels {
    let original = original.without_idle_alpha();
    if (original.width, original.height) == (width, height) {
        return original;
    }
    // What is transparent has a colour, too, which must not bleed into what is not.
    let original = original.map_rgba(premultiply);
    let (alpha, channels) = (original.alpha, original.channels());
    let rows = vertical(original.data(), original.width as usize * channels, &taps(original.height, height));
    let columns = taps(original.width, width);
    let data = if alpha {
        horizontal::<4>(&rows, original.width as usize, &columns)
    } else {
        horizontal::<3>(&rows, original.width as usize, &columns)
    };
    // The length is right by construction.
    Pixels::new(width, height, alpha, data).map_or(original, |scaled| scaled.map_rgba(unmultiply))
}

fn premultiply([r, g, b, a]: [u8; 4]) -> [u8; 4] {
    let [r, g, b] = [r, g, b].map(|c| clamp((i32::from(c) * i32::from(a) + 127) / 255));
    [r, g, b, a]
}

fn unmultiply([r, g, b, a]: [u8; 4]) -> [u8; 4] {
    let alpha = i32::from(a).max(1);
    let [r, g, b] = [r, g, b].map(|c| clamp((i32::from(c) * 255 + alpha / 2) / alpha));
    [r, g, b, a]
}

/// A channel's value, cut to what 8 bits hold.
fn clamp(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}

/// Rows first, as whole rows can be added up many bytes at a time. `stride` is a row's bytes.
fn vertical(data: &[u8], stride: usize, taps: &[Taps]) -> Vec<u8> {
    let mut scaled = Vec::with_capacity(taps.len() * stride);
    let mut sums = vec![0_i32; stride];
    for tap in taps {
        sums.fill(1 << (PRECISION - 1));
        let rows = data.chunks_exact(stride).skip(tap.start);
        for (row, &weight) in rows.zip(&tap.weights) {
            for (sum, &byte) in sums.iter_mut().zip(row) {
                *sum += i32::from(byte) * weight;
            }
        }
        scaled.extend(sums.iter().map(|&sum| clamp(sum >> PRECISION)));
    }
    scaled
}

/// `width` is a row's pixels of `C` bytes each.
fn horizontal<const C: usize>(data: &[u8], width: usize, taps: &[Taps]) -> Vec<u8> {
    let (pixels, _) = data.as_chunks::<C>();
    let mut scaled = Vec::with_capacity(pixels.len() / width.max(1) * taps.len() * C);
    for row in pixels.chunks_exact(width) {
        for tap in taps {
            let mut sums = [1_i32 << (PRECISION - 1); C];
            for (pixel, &weight) in row.iter().skip(tap.start).zip(&tap.weights) {
                for (sum, &byte) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(byte) * weight;
                }
            }
            scaled.extend(sums.map(|sum| clamp(sum >> PRECISION)));
        }
    }
    scaled
}

/// The weights for each of `to` rows or columns out of `from`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "all are between 0 and the side")]
fn taps(from: u32, to: u32) -> Vec<Taps> {
    let scale = (f64::from(from) / f64::from(to)).max(1.0);
    let reach = LOBES * scale;
    (0..to)
        .map(|at| {
            let centre = (f64::from(at) + 0.5) * (f64::from(from) / f64::from(to));
            let first = (centre - reach).floor().max(0.0) as u32;
            let end = ((centre + reach).ceil() as u32).min(from);
            let exact: Vec<f64> =
                (first..end).map(|source| lanczos((f64::from(source) + 0.5 - centre) / scale)).collect();
            Taps { start: first as usize, weights: whole(&exact) }
        })
        .collect()
}

/// Weights in whole numbers that add up to exactly 1, so that white stays white.
#[expect(clippy::cast_possible_truncation, reason = "a weight is about 1 at most")]
fn whole(exact: &[f64]) -> Vec<i32> {
    let one = 1_i32 << PRECISION;
    // Added up in order: a sum of floats depends on it.
    let sum = exact.iter().fold(0.0, |sum, weight| sum + weight);
    let mut weights: Vec<i32> = exact.iter().map(|weight| (weight / sum * f64::from(one)).round() as i32).collect();
    let missing = one - weights.iter().sum::<i32>();
    if let Some(largest) = weights.iter_mut().max_by_key(|weight| **weight) {
        *largest += missing;
    }
    weights
}

/// The filter at a distance, in pixels of the copy.
fn lanczos(x: f64) -> f64 {
    let x = x.abs();
    if x >= LOBES { 0.0 } else { sinc(x) * sinc(x / LOBES) }
}

fn sinc(x: f64) -> f64 {
    if x < 1e-9 { 1.0 } else { sin_pi(x) / (std::f64::consts::PI * x) }
}

/// The sine of π times `x`, from 0 to [`LOBES`], by its series: good to 12 digits.
fn sin_pi(x: f64) -> f64 {
    let whole = x.floor();
    let part = x - whole;
    let angle = std::f64::consts::PI * part.min(1.0 - part);
    let square = angle * angle;
    let (mut term, mut sum) = (angle, angle);
    for step in 1..10 {
        let n = f64::from(step);
        term = -term * square / (2.0 * n * (2.0 * n + 1.0));
        sum += term;
    }
    if whole % 2.0 == 1.0 { -sum } else { sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sine_is_one() {
        for step in 0..=300 {
            let x = f64::from(step) / 100.0;
            assert!((sin_pi(x) - (std::f64::consts::PI * x).sin()).abs() < 1e-12, "{x}");
        }
    }

    #[test]
    fn weights_add_up_to_one_and_stay_inside() {
        for (from, to) in [(1, 1), (2, 1), (7, 3), (4000, 1600), (16_383, 1), (16_383, 16_382), (101, 100)] {
            for tap in taps(from, to) {
                assert_eq!(tap.weights.iter().sum::<i32>(), 1 << PRECISION);
                assert!(tap.start + tap.weights.len() <= from as usize);
            }
        }
    }

    #[test]
    fn one_colour_stays_itself() {
        for colour in [[0, 0, 0], [255, 255, 255], [3, 128, 250]] {
            let original = Pixels::new(37, 23, false, colour.repeat(37 * 23)).expect("pixels");
            let scaled = resample(original, 10, 6);
            assert_eq!(scaled.data(), colour.repeat(60));
        }
    }

    #[test]
    fn transparent_colours_do_not_bleed() {
        let row: Vec<u8> = (0..64).flat_map(|x| if x < 32 { [255, 0, 0, 255] } else { [0, 255, 0, 0] }).collect();
        let scaled = resample(Pixels::new(64, 8, true, row.repeat(8)).expect("pixels"), 16, 2);
        assert!(scaled.alpha);
        for &[r, g, _, a] in scaled.data().as_chunks::<4>().0 {
            assert!(a == 0 || (r >= 250 && g == 0), "{r} {g} {a}");
        }
    }

    #[test]
    fn idle_alpha_goes() {
        let original = Pixels::new(4, 4, true, [1, 2, 3, 255].repeat(16)).expect("pixels");
        let scaled = resample(original, 2, 2);
        assert_eq!((scaled.alpha, scaled.data()), (false, &[1, 2, 3].repeat(4)[..]));
    }

    #[test]
    fn the_bytes_are_the_same_everywhere() {
        let noise = (0..60_u32 * 40 * 3).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let scaled = resample(Pixels::new(60, 40, false, noise).expect("pixels"), 7, 5);
        let sum = scaled.data().iter().fold(0_u32, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        assert_eq!(sum, 1_641_237_353);
    }
}
