//! Three real blogs, where they lie beside the project: every post is rendered or has a finding, and code comes out as it
//! was written.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::support::run;

/// Where the corpora lie. They are not part of the project, so even GALLEY_TEST_ALL does not make their absence a failure.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora").join(name)
}

struct Built {
    errors: String,
    pages: Vec<String>,
    _output: tempfile::TempDir,
}

fn build(folder: &Path) -> Built {
    let output = tempfile::tempdir().unwrap();
    let target = output.path().join("public");
    let ran = run(&["build", folder.to_str().unwrap(), "-o", target.to_str().unwrap(), "--drafts"]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
    let found = WalkDir::new(&target).into_iter().map(|found| found.unwrap());
    let pages = found.filter(|found| found.file_name() == "index.html");
    let pages = pages.map(|found| fs::read_to_string(found.path()).unwrap()).collect();
    Built { errors: ran.errors, pages, _output: output }
}

fn sources(folder: &Path) -> Vec<String> {
    let found = WalkDir::new(folder).into_iter().map(|found| found.unwrap());
    let markdown = found.filter(|found| {
        let ending = found.path().extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        found.file_type().is_file() && ["md", "markdown"].contains(&ending)
    });
    markdown.map(|found| fs::read_to_string(found.path()).unwrap()).collect()
}

/// What stands in fences that begin at the margin, line ends as HTML has them.
fn fences(source: &str) -> Vec<String> {
    let mut fences = Vec::new();
    let mut open: Option<(&str, String)> = None;
    for line in source.lines() {
        match &mut open {
            None if line.starts_with("```") => {
                let mark = &line[..line.len() - line.trim_start_matches('`').len()];
                // An info string with a backtick in it is a code span, no fence.
                if !line[mark.len()..].contains('`') {
                    open = Some((mark, String::new()));
                }
            }
            Some((mark, _)) if line.starts_with(*mark) && line.trim_end().trim_matches('`').is_empty() => {
                fences.extend(open.take().map(|(_, text)| text));
            }
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    fences
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

#[track_caller]
fn assert_fences_survive(folder: &Path, built: &Built) -> usize {
    let all = built.pages.concat();
    let mut count = 0;
    for fence in sources(folder).iter().flat_map(|source| fences(source)) {
        assert!(all.contains(&format!(">{}</code></pre>", escape(&fence))), "a fence was changed:\n{fence}");
        count += 1;
    }
    count
}

pub(crate) fn rycus86_is_rendered_whole() {
    let folder = folder("rycus86-blog-content");
    let built = build(&folder);
    assert!(built.errors.contains(": 18 pages, "), "{}", built.errors);
    assert!(built.pages.iter().any(|page| page.contains("<title>Building and shipping open-source · ")));
    assert!(assert_fences_survive(&folder.join("posts"), &built) > 50);
}

pub(crate) fn nathanleclaire_is_rendered_whole() {
    let folder = folder("nathanleclaire-blog");
    let built = build(&folder);
    // 80 posts, drafts among them, and one page.
    assert!(built.errors.contains(": 81 pages, "), "{}", built.errors);
    let url = "href=\"/blog/2013/02/06/learn-node-dot-js-the-troll-way/\"";
    assert!(built.pages.iter().any(|page| page.contains(url)));
    // Hugo's shortcodes and Go's templates are text in fences.
    assert!(assert_fences_survive(&folder.join("content"), &built) > 100);
}

pub(crate) fn brizzled_is_rendered() {
    let built = build(&folder("brizzled-octopress"));
    assert!(built.errors.contains(": 79 pages, "), "{}", built.errors);
}
