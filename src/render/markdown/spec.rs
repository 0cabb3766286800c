//! The examples of the CommonMark specification, version 0.31.2.
//!
//! galley's own additions are taken out before the comparison: ids and anchors of headings, the box around code, the
//! heading level below the page's title.

use std::path::Path;

use super::tests::plain;

#[derive(serde::Deserialize)]
struct Example {
    example: usize,
    markdown: String,
    html: String,
}

/// Examples in which CommonMark leaves a URL alone that GitHub's Markdown makes a link.
const AUTOLINKS: [usize; 3] = [602, 608, 611];
/// Examples that galley renders otherwise on purpose: an image with a title that stands alone is a figure with a caption.
const FIGURES: [usize; 10] = [572, 573, 576, 577, 584, 585, 586, 588, 589, 591];

#[test]
fn the_examples_of_commonmark_come_out_as_specified() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/commonmark-0.31.json");
    let examples: Vec<Example> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(examples.len(), 652);
    let mut failed = Vec::new();
    for Example { example, markdown, html } in &examples {
        let made = normalized(&plain(markdown));
        let same = made == normalized(html);
        let is_figure = FIGURES.contains(example) && made.starts_with("<figure>");
        let is_link = AUTOLINKS.contains(example) && made.contains("<a href=");
        if same == (is_figure || is_link) {
            failed.push(format!("{example}: {markdown:?}\n  made     {made:?}\n  expected {:?}", normalized(html)));
        }
    }
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), examples.len(), failed.join("\n"));
}

/// Line breaks beside tags mean nothing, a quote in text may be escaped or not, and a slash closes nothing in HTML.
fn normalized(html: &str) -> String {
    html.replace(" />", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace(">\n", ">")
        .replace("\n<", "<")
        .trim()
        .to_owned()
}
