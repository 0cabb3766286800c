//! Which representation a request gets: RFC 9110 section 12.5.3.

use http::header::{ACCEPT_ENCODING, HeaderMap};

use crate::snapshot::{Coding, Representation};

/// The representation with the highest quality; among equals the smallest, which comes first. `None` is a 406.
pub(super) fn choose<'a>(representations: &'a [Representation], headers: &HeaderMap) -> Option<&'a Representation> {
    choose_as(representations, &Accepted::of(headers))
}

/// The same for a request that names these qualities.
pub(super) fn choose_as<'a>(representations: &'a [Representation], accepted: &Accepted) -> Option<&'a Representation> {
    best(representations, |representation| accepted.quality(representation.coding))
}

/// The first one of the highest quality, if that is not 0.
fn best<T>(all: &[T], quality: impl Fn(&T) -> u16) -> Option<&T> {
    let mut best: Option<(&T, u16)> = None;
    for one in all {
        let quality = quality(one);
        if quality > 0 && best.is_none_or(|(_, highest)| quality > highest) {
            best = Some((one, quality));
        }
    }
    best.map(|(one, _)| one)
}

/// The qualities that a request names, in thousandths.
#[derive(Default)]
pub(super) struct Accepted {
    /// Whether there is a field at all.
    asked: bool,
    /// By coding, as in [`Coding::ALL`].
    named: [Option<u16>; Coding::ALL.len()],
    /// Of `*`.
    any: Option<u16>,
}

impl Accepted {
    /// Reads all lines of the field. Of a coding that is named twice the first one counts.
    fn of(headers: &HeaderMap) -> Self {
        let mut accepted = Self::default();
        for line in headers.get_all(ACCEPT_ENCODING) {
            accepted.read(line.to_str().unwrap_or_default());
        }
        accepted
    }

    /// Reads a further line of the field.
    pub(super) fn read(&mut self, line: &str) {
        self.asked = true;
        for item in line.split(',') {
            let (name, parameters) = item.split_once(';').map_or((item, None), |(name, rest)| (name, Some(rest)));
            let name = name.trim();
            let place = match Coding::ALL.iter().position(|coding| is(name, *coding)) {
                Some(place) => &mut self.named[place],
                None if name == "*" => &mut self.any,
                None => continue,
            };
            place.get_or_insert_with(|| parameters.map_or(1000, |parameters| weight(parameters.split(';'))));
        }
    }

    fn quality(&self, coding: Coding) -> u16 {
        let identity = coding == Coding::Identity;
        if !self.asked {
            // "If no Accept-Encoding header field is in the request, any content coding is considered acceptable": identity
            // is what every client understands, so nothing else is sent unasked.
            return if identity { 1000 } else { 0 };
        }
        let named = Coding::ALL.iter().position(|other| *other == coding).and_then(|place| self.named[place]);
        // Identity is acceptable unless excluded, but anything that was asked for by name goes first.
        named.or(self.any).unwrap_or(u16::from(identity))
    }
}

/// "x-gzip" is the same coding (section 8.4.1.3).
fn is(name: &str, coding: Coding) -> bool {
    name.eq_ignore_ascii_case(coding.name()) || coding == Coding::Gzip && name.eq_ignore_ascii_case("x-gzip")
}

/// `q=0.5` in thousandths; 1000 without one; 0 for one that can't be read, so that nothing is sent against the request.
fn weight<'a>(parameters: impl Iterator<Item = &'a str>) -> u16 {
    for parameter in parameters {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        if name.trim().eq_ignore_ascii_case("q") {
            return thousandths(value.trim()).unwrap_or(0);
        }
    }
    1000
}

/// A qvalue (section 12.4.2): 0 or 1, a point, up to three digits, and no more than 1.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    let sound = matches!(whole, "0" | "1") && digits.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value = sound.then(|| format!("{whole}{digits:0<3}").parse().ok())??;
    Some(value).filter(|value| *value <= 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    /// Of what is there in all codings, Brotli being the smallest.
    fn chosen(lines: &[&str]) -> Option<Coding> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let accepted = Accepted::of(&headers);
        let there = [Coding::Brotli, Coding::Zstd, Coding::Gzip, Coding::Identity];
        best(&there, |coding| accepted.quality(*coding)).copied()
    }

    #[test]
    fn codings_are_negotiated_as_the_rfc_says() {
        use Coding::{Brotli, Gzip, Identity, Zstd};
        for (lines, expected) in [
            (&[][..], Some(Identity)),
            (&["gzip"], Some(Gzip)),
            (&["GZip, deflate"], Some(Gzip)),
            (&["gzip, deflate, br, zstd"], Some(Brotli)),
            (&["gzip, zstd"], Some(Zstd)),
            (&["gzip, zstd;q=0.9, br;q=0.8"], Some(Gzip)),
            (&["x-gzip"], Some(Gzip)),
            (&["gzip;q=0"], Some(Identity)),
            (&["gzip;q=0.5, identity"], Some(Identity)),
            (&["gzip;q=0.5, identity;q=0.5"], Some(Gzip)),
            (&["gzip;q=0.001"], Some(Gzip)),
            (&["*"], Some(Brotli)),
            (&["*;q=0"], None),
            (&["identity;q=0"], None),
            (&["identity;q=0, *;q=0.1"], Some(Brotli)),
            (&["*, br;q=0"], Some(Zstd)),
            (&["deflate"], Some(Identity)),
            (&[""], Some(Identity)),
            (&["deflate", "gzip"], Some(Gzip)),
            (&["gzip;q=2"], Some(Identity)),
            (&["gzip;q=1.001"], Some(Identity)),
            (&["gzip;q=1e-1"], Some(Identity)),
            (&["gzip;q=+1"], Some(Identity)),
            (&["gzip;q=0.0004"], Some(Identity)),
            (&["gzip;q=."], Some(Identity)),
            (&["gzip;q=0."], Some(Identity)),
            (&["gzip;q=1."], Some(Gzip)),
            (&["gzip ; Q=1.0"], Some(Gzip)),
        ] {
            assert_eq!(chosen(lines), expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn no_field_panics(line in "[ -~]{0,80}") {
            chosen(&[&line]);
        }
    }
}
