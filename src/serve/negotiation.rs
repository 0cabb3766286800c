//! Which representation a request gets: RFC 9110 section 12.5.3.

use http::header::{ACCEPT_ENCODING, HeaderMap};

use crate::snapshot::{Coding, Representation};

/// The representation with the highest quality; among equals the smallest, which comes first. `None` is a 406.
pub(super) fn choose<'a>(representations: &'a [Representation], headers: &HeaderMap) -> Option<&'a Representation> {
    let mut best: Option<(&Representation, u16)> = None;
    for representation in representations {
        let quality = quality(headers, representation.coding);
        if quality > 0 && best.is_none_or(|(_, highest)| quality > highest) {
            best = Some((representation, quality));
        }
    }
    best.map(|(representation, _)| representation)
}

/// The quality of `coding` in thousandths, over all lines of the field.
fn quality(headers: &HeaderMap, coding: Coding) -> u16 {
    let mut lines = headers.get_all(ACCEPT_ENCODING).iter().peekable();
    // "If no Accept-Encoding header field is in the request, any content coding is considered acceptable": identity is
    // what every client understands, so nothing else is sent unasked.
    let identity = coding == Coding::Identity;
    if lines.peek().is_none() {
        return if identity { 1000 } else { 0 };
    }
    let (mut named, mut any) = (None, None);
    for item in lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')) {
        let mut parts = item.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let weight = weight(parts);
        if name == "*" {
            any = any.or(Some(weight));
        } else if is(name, coding) {
            named = named.or(Some(weight));
        }
    }
    match (named.or(any), identity) {
        (Some(weight), _) => weight,
        // Identity is acceptable unless excluded, but anything that was asked for by name goes first.
        (None, true) => 1,
        (None, false) => 0,
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
            let value = value.trim().parse::<f32>().ok().filter(|value| (0.0..=1.0).contains(value));
            // In range 0..=1000 after the check, so the cast cuts nothing off.
            return value.map_or(0, |value| (value * 1000.0).round() as u16);
        }
    }
    1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn representations() -> Vec<Representation> {
        let of = |coding| Representation {
            coding,
            bytes: Bytes::new(),
            headers: HeaderMap::new(),
            entity_tag: HeaderValue::from_static("\"x\""),
        };
        vec![of(Coding::Gzip), of(Coding::Identity)]
    }

    fn chosen(lines: &[&str]) -> Option<Coding> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        choose(&representations(), &headers).map(|representation| representation.coding)
    }

    #[test]
    fn codings_are_negotiated_as_the_rfc_says() {
        use Coding::{Gzip, Identity};
        for (lines, expected) in [
            (&[][..], Some(Identity)),
            (&["gzip"], Some(Gzip)),
            (&["GZip, deflate, br"], Some(Gzip)),
            (&["x-gzip"], Some(Gzip)),
            (&["gzip;q=0"], Some(Identity)),
            (&["gzip;q=0.5, identity"], Some(Identity)),
            (&["gzip;q=0.5, identity;q=0.5"], Some(Gzip)),
            (&["gzip;q=0.001"], Some(Gzip)),
            (&["*"], Some(Gzip)),
            (&["*;q=0"], None),
            (&["identity;q=0"], None),
            (&["identity;q=0, *;q=0.1"], Some(Gzip)),
            (&["br"], Some(Identity)),
            (&[""], Some(Identity)),
            (&["br", "gzip"], Some(Gzip)),
            (&["gzip;q=2"], Some(Identity)),
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
