//! The size of SVG images: attributes of the first element.

use super::Dimensions;

/// How far the first element is looked for, in bytes: some editors write long comments before it.
const HEAD: usize = 64 << 10;

/// The longest side believed, in pixels.
const MAX_SIDE: f64 = 1e6;

/// Width and height of `width` and `height`, or of `viewBox` where these are missing or relative.
pub(super) fn dimensions(bytes: &[u8]) -> Option<Dimensions> {
    let head = String::from_utf8_lossy(bytes.get(..HEAD.min(bytes.len()))?);
    let mut attributes = first_element(head.trim_start_matches('\u{feff}'))?;
    let (mut width, mut height, mut view) = (None, None, None);
    while let Some((name, value)) = attribute(&mut attributes) {
        match name {
            "width" => width = length(value),
            "height" => height = length(value),
            "viewBox" => view = view_box(value),
            _ => {}
        }
    }
    let (width, height) = match (width, height, view) {
        (Some(width), Some(height), _) => (width, height),
        (Some(width), None, Some((across, down))) => (width, width * down / across),
        (None, Some(height), Some((across, down))) => (height * across / down, height),
        (None, None, Some(view)) => view,
        _ => return None,
    };
    Some(Dimensions { width: pixels(width)?, height: pixels(height)? })
}

/// A side in whole pixels, at least one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "both ends are checked")]
fn pixels(side: f64) -> Option<u32> {
    (side > 0.0 && side <= MAX_SIDE).then(|| side.round().max(1.0) as u32)
}

/// What follows `<svg` if that is the first element; declarations and comments before it are skipped.
fn first_element(mut text: &str) -> Option<&str> {
    loop {
        text = text.trim_ascii_start();
        if let Some(comment) = text.strip_prefix("<!--") {
            text = comment.split_once("-->")?.1;
        } else if let Some(declaration) = text.strip_prefix("<?") {
            text = declaration.split_once("?>")?.1;
        } else if let Some(doctype) = text.strip_prefix("<!") {
            let end = doctype.find('>')?;
            let inner = doctype.find('[').is_some_and(|start| start < end);
            text = if inner { doctype.split_once("]")?.1.split_once('>')?.1 } else { &doctype[end + 1..] };
        } else {
            let attributes = text.strip_prefix("<svg").or_else(|| text.strip_prefix("<svg:svg"))?;
            return attributes.starts_with(|c: char| c.is_ascii_whitespace()).then_some(attributes);
        }
    }
}

/// The next attribute's name and value; `None` at the element's end.
fn attribute<'a>(rest: &mut &'a str) -> Option<(&'a str, &'a str)> {
    let text = rest.trim_ascii_start();
    if text.starts_with(['>', '/']) {
        return None;
    }
    let (name, after) = text.split_once('=')?;
    let after = after.trim_ascii_start();
    let quote = after.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
    let (value, after) = after[1..].split_once(quote)?;
    *rest = after;
    Some((name.trim_ascii_end(), value))
}

/// A length in pixels; `None` for what depends on the page, like `100%` and `10em`.
fn length(value: &str) -> Option<f64> {
    let value = value.trim_ascii();
    let unit = value.find(|c: char| c.is_ascii_alphabetic() || c == '%').unwrap_or(value.len());
    let (number, unit) = value.split_at(unit);
    // CSS has 96 pixels to the inch.
    let factor = match unit {
        "" | "px" => 1.0,
        "pt" => 96.0 / 72.0,
        "pc" => 16.0,
        "in" => 96.0,
        "cm" => 96.0 / 2.54,
        "mm" => 96.0 / 25.4,
        "Q" => 96.0 / 101.6,
        _ => return None,
    };
    number.trim_ascii_end().parse::<f64>().ok().map(|number| number * factor)
}

/// Width and height of a `viewBox`: four numbers, these are the last.
fn view_box(value: &str) -> Option<(f64, f64)> {
    let mut numbers = value.split([',', ' ', '\t', '\n', '\r']).filter(|number| !number.is_empty()).skip(2);
    let (width, height) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    (width > 0.0 && height > 0.0).then_some((width, height))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(svg: &str) -> Option<(u32, u32)> {
        dimensions(svg.as_bytes()).map(|size| (size.width, size.height))
    }

    #[test]
    fn sizes_come_from_attributes_or_the_view_box() {
        assert_eq!(size("<svg width=\"10\" height='20px'>"), Some((10, 20)));
        assert_eq!(size("<svg width='1in' height='72pt'/>"), Some((96, 96)));
        assert_eq!(size("<svg width='100%' height='100%' viewBox='0 0 24 12'>"), Some((24, 12)));
        assert_eq!(size("<svg height='48' viewBox='0,0,24,12'>"), Some((96, 48)));
        assert_eq!(size("<svg viewBox='-5 -5 0.4 7.6'>"), Some((1, 8)));
        assert_eq!(
            size(
                "\u{feff}<?xml version='1.0'?>\n<!-- <svg width='1'> -->\n<!DOCTYPE svg [<!ENTITY a \"b\">]>\n<svg xmlns=\"u\"\n width = \"3\" height=\"4\">"
            ),
            Some((3, 4))
        );
    }

    #[test]
    fn what_has_no_size_has_none() {
        for svg in ["", "<svg>", "<svg width='10'>", "<svg viewBox='0 0 0 5'>", "<svgs width='1' height='1'>"] {
            assert_eq!(size(svg), None, "{svg}");
        }
        for svg in ["<html><svg width='1' height='1'>", "<svg width='-1' height='nan'>", "<svg width='1e9' height='1'>"]
        {
            assert_eq!(size(svg), None, "{svg}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[<!?>=\"' a-zé0-9\\[\\]-]{0,60}") {
            dimensions(text.as_bytes());
            dimensions(format!("<svg {text}").as_bytes());
        }
    }
}
