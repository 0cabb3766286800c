//! Which part of a representation a request asks for: RFC 9110 section 14.

use std::ops::Range;

use http::header::{HeaderMap, IF_RANGE, RANGE};

use crate::snapshot::Representation;

/// Ranges in one request. Readers of PDF files ask for a handful; more of them is how servers are made to work for nothing.
const MAX_RANGES: usize = 16;

/// What stands before a part of several at most: boundary, media type, place.
const PART_HEAD: u64 = 250;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it: there is no range, or none that is understood and worth it.
    Whole,
    /// One part.
    One(Range<u64>),
    /// Several, in the order asked for.
    Many(Vec<Range<u64>>),
    /// Nothing of it is there.
    Unsatisfiable,
}

/// What `headers` ask for of a representation.
pub(super) fn asked(headers: &HeaderMap, representation: &Representation) -> Asked {
    let mut lines = headers.get_all(RANGE).iter();
    let (Some(range), None) = (lines.next(), lines.next()) else { return Asked::Whole };
    if !still(headers, representation) {
        return Asked::Whole;
    }
    // Section 14.2: what is not understood is ignored.
    range.to_str().map_or(Asked::Whole, |text| parse(text, representation.body.length()))
}

/// Whether the part that the client has is of this representation, by strong comparison (section 13.1.5). A date never says
/// so: the modification date is the one that the author wrote, and bytes may change without it.
fn still(headers: &HeaderMap, representation: &Representation) -> bool {
    let mut lines = headers.get_all(IF_RANGE).iter();
    match (lines.next(), lines.next()) {
        (None, _) => true,
        (Some(validator), None) => validator.as_bytes().trim_ascii() == representation.fields.entity_tag(),
        (Some(_), Some(_)) => false,
    }
}

/// `bytes=0-99,-5`, of `length` bytes.
fn parse(text: &str, length: u64) -> Asked {
    let Some((unit, set)) = text.split_once('=') else { return Asked::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Asked::Whole;
    }
    let mut ranges = Vec::new();
    let mut count = 0;
    // Empty elements of a list are passed over (section 5.6.1.2).
    for spec in set.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|spec| !spec.is_empty()) {
        count += 1;
        match one(spec, length) {
            _ if count > MAX_RANGES => return Asked::Whole,
            Err(NotUnderstood) => return Asked::Whole,
            Ok(range) => ranges.extend(range),
        }
    }
    match ranges.len() {
        _ if count == 0 => Asked::Whole,
        0 => Asked::Unsatisfiable,
        1 => ranges.pop().map_or(Asked::Whole, Asked::One),
        // Section 17.15: never more than the whole.
        _ if ranges.iter().map(|range| range.end - range.start + PART_HEAD).sum::<u64>() > length => Asked::Whole,
        _ => Asked::Many(ranges),
    }
}

/// A range that breaks the grammar.
struct NotUnderstood;

/// One range; `None` if nothing of it is there.
fn one(spec: &str, length: u64) -> Result<Option<Range<u64>>, NotUnderstood> {
    let (first, last) = spec.split_once('-').ok_or(NotUnderstood)?;
    if first.is_empty() {
        let suffix = number(last)?;
        let start = length.saturating_sub(suffix);
        return Ok((suffix > 0 && length > 0).then_some(start..length));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX - 1 } else { number(last)? };
    if last < first {
        return Err(NotUnderstood);
    }
    Ok((first < length).then(|| first..length.min(last.saturating_add(1))))
}

/// Digits only; what is too large for the type is as good as the largest number.
fn number(text: &str) -> Result<u64, NotUnderstood> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotUnderstood);
    }
    Ok(text.parse().unwrap_or(u64::MAX - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        use Asked::{Many, One, Unsatisfiable, Whole};
        for (text, expected) in [
            ("bytes=0-0", One(0..1)),
            ("bytes=0-", One(0..1000)),
            ("bytes=999-", One(999..1000)),
            ("bytes=1000-", Unsatisfiable),
            ("bytes=0-5000", One(0..1000)),
            ("bytes=-5", One(995..1000)),
            ("bytes=-5000", One(0..1000)),
            ("bytes=-0", Unsatisfiable),
            ("BYTES = 0-1", One(0..2)),
            ("bytes= 0-1 , ", One(0..2)),
            ("bytes=5-1", Whole),
            ("bytes=a-b", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=", Whole),
            ("bytes=-", Whole),
            ("bytes", Whole),
            ("lines=0-1", Whole),
            ("bytes=0-0,-1", Many(vec![0..1, 999..1000])),
            ("bytes=0-99,100-199,300-399,400-499,600-600", Whole),
            ("bytes=0-0,2000-", One(0..1)),
            ("bytes=3000-,2000-", Unsatisfiable),
            ("bytes=0-,0-", Whole),
            ("bytes=0-99999999999999999999999", One(0..1000)),
            ("bytes=99999999999999999999999-", Unsatisfiable),
        ] {
            assert_eq!(parse(text, 1000), expected, "{text}");
        }
        assert_eq!(parse("bytes=0-", 0), Unsatisfiable);
        let many = vec!["1-1"; MAX_RANGES + 1].join(",");
        assert_eq!(parse(&format!("bytes={many}"), 1000), Whole);
        assert_eq!(parse(&format!("bytes={}", vec!["0-"; 1300].join(",")), 1000), Whole);
    }

    proptest! {
        #[test]
        fn a_range_lies_in_the_body_and_all_are_not_more_than_it(text in "bytes=[0-9,\\- ]{0,40}|\\PC{0,20}", length in 0u64..40) {
            let ranges = match parse(&text, length) {
                Asked::One(range) => vec![range],
                Asked::Many(ranges) => ranges,
                _ => Vec::new(),
            };
            prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= length));
            prop_assert!(ranges.iter().map(|range| range.end - range.start).sum::<u64>() <= length);
        }
    }
}
