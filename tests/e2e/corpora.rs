//! Three real blogs, where they lie beside the project: every post is rendered or has a finding, code comes out as it was
//! written, pages are where and when another generator puts them, and no link is dead without being reported.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::support::{TempSite, run};

/// Where the corpora lie. They are not part of the project, so even GALLEY_TEST_ALL does not make their absence a failure.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora").join(name)
}

struct Built {
    errors: String,
    pages: Vec<String>,
    _output: tempfile::TempDir,
}

fn build(name: &str) -> Built {
    // A copy: a build keeps its cache beside the sources.
    let site = copy(name, "");
    let output = tempfile::tempdir().unwrap();
    let target = output.path().join("public");
    let ran = run(&["build", site.str(), "-o", target.to_str().unwrap(), "--drafts"]);
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

fn without_spans(html: &str) -> String {
    let mut pieces = html.split("<span");
    let first = pieces.next().unwrap_or_default().to_owned();
    let text = pieces.fold(first, |text, piece| text + piece.split_once('>').map_or("", |(_, rest)| rest));
    text.replace("</span>", "")
}

#[track_caller]
fn assert_fences_survive(folder: &Path, built: &Built) -> usize {
    // What is coloured is in spans; the text of all code is the same without them.
    let all = without_spans(&built.pages.concat());
    let mut count = 0;
    for fence in sources(folder).iter().flat_map(|source| fences(source)) {
        assert!(all.contains(&format!(">{}</code></pre>", escape(&fence))), "a fence was changed:\n{fence}");
        count += 1;
    }
    count
}

pub(crate) fn rycus86_is_rendered_whole() {
    let folder = folder("rycus86-blog-content");
    let built = build("rycus86-blog-content");
    assert!(built.errors.contains(": 18 pages, "), "{}", built.errors);
    assert!(built.pages.iter().any(|page| page.contains("<title>Building and shipping open-source · ")));
    assert!(assert_fences_survive(&folder.join("posts"), &built) > 50);
}

pub(crate) fn nathanleclaire_is_rendered_whole() {
    let folder = folder("nathanleclaire-blog");
    let built = build("nathanleclaire-blog");
    // 80 posts, drafts among them, and one page.
    assert!(built.errors.contains(": 81 pages, "), "{}", built.errors);
    let url = "href=\"/blog/2013/02/06/learn-node-dot-js-the-troll-way/\"";
    assert!(built.pages.iter().any(|page| page.contains(url)));
    // Hugo's shortcodes and Go's templates are text in fences.
    assert!(assert_fences_survive(&folder.join("content"), &built) > 100);
}

pub(crate) fn brizzled_is_rendered() {
    let built = build("brizzled-octopress");
    assert!(built.errors.contains(": 79 pages, "), "{}", built.errors);
}

/// What `hugo list all` says of the blog (Hugo 0.168, with its own config.yaml): path, date, draft, permalink.
const HUGO: &str = include_str!("../data/nathanleclaire-hugo-list.csv");
const HUGO_BASE: &str = "https://nathanleclaire.com";

/// A copy of a blog with a configuration: nothing may be written into the original.
fn copy(name: &str, settings: &str) -> TempSite {
    let folder = folder(name);
    let site = TempSite::bare().file("galley.toml", settings);
    for found in
        WalkDir::new(&folder).into_iter().map(|found| found.unwrap()).filter(|found| found.file_type().is_file())
    {
        let path = found.path().strip_prefix(&folder).unwrap().to_str().unwrap();
        if !path.starts_with('.') {
            site.write(path, fs::read(found.path()).unwrap());
        }
    }
    site
}

fn nathanleclaire() -> TempSite {
    let permalink = "[sections.post]\npermalink = '/blog/:year/:month/:day/:slug/'\n";
    copy("nathanleclaire-blog", &format!("title = 'N'\nbase_url = '{HUGO_BASE}'\n{permalink}"))
}

/// All HTML pages by the path that answers with them: `/`, `/blog/a/`, `/404.html`.
fn pages(site: &TempSite, arguments: &[&str]) -> BTreeMap<String, String> {
    let output = tempfile::tempdir().unwrap();
    let target = output.path().join("public");
    let ran = run(&[&["build", site.str(), "-o", target.to_str().unwrap()], arguments].concat());
    assert_eq!(ran.code, 0, "{}", ran.errors);
    let found = WalkDir::new(&target).into_iter().map(|found| found.unwrap());
    let html = found.filter(|found| found.path().extension().is_some_and(|ending| ending == "html"));
    html.map(|found| {
        let path = found.path().strip_prefix(&target).unwrap().to_str().unwrap();
        let url = path.strip_suffix("index.html").unwrap_or(path);
        (format!("/{url}"), fs::read_to_string(found.path()).unwrap())
    })
    .collect()
}

/// What stands between two marks.
fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    text.split_once(start)?.1.split_once(end).map(|(inner, _)| inner)
}

pub(crate) fn nathanleclaire_is_where_hugo_puts_it() {
    let site = nathanleclaire();
    let (public, all) = (pages(&site, &[]), pages(&site, &["--drafts"]));
    let mut named_by_title = 0;
    for row in HUGO.lines().skip(1) {
        let [path, date, draft, permalink] = row.split(',').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let hugos = format!("{}/", permalink.strip_prefix(HUGO_BASE).unwrap().trim_end_matches('/'));
        let name = path.rsplit('/').next().unwrap().trim_end_matches(".markdown").replace('.', "-").to_lowercase();
        // Hugo's `:title` is the title as a path; galley's `:slug` comes from the file's name, which an author changes
        // less often. Where both are the same words, or the page has a `url`, the addresses are the same.
        let url = if all.contains_key(&hugos) {
            hugos
        } else {
            named_by_title += 1;
            format!("{}/{name}/", hugos.trim_end_matches('/').rsplit_once('/').unwrap().0)
        };
        let page = all.get(&url).unwrap_or_else(|| panic!("{path}: not at {url}"));
        assert_eq!(public.contains_key(&url), draft == "false", "{path}: draft");
        let shown = between(page, "<time datetime=\"", "\"").unwrap_or("0001-01-01T00:00:00Z");
        assert_eq!(shown.replace("+00:00", "Z"), date, "{path}: date");
    }
    assert_eq!(named_by_title, 14);
}

pub(crate) fn nathanleclaires_front_matter_keeps_its_meaning() {
    let all = pages(&nathanleclaire(), &["--drafts"]);
    // `redirect_from`, once with and once without a slash before it, both with a file's name behind.
    for (old, new) in [
        ("/blog/2013/12/07/dont-fear-directives-in-angular-dot-js/", "dont-fear-directives-in-angular-js"),
        (
            "/blog/2013/11/30/fear-and-loathing-with-golang-and-angular-dot-js/",
            "fear-and-loathing-with-golang-and-angular-js",
        ),
    ] {
        let forward = between(&all[old], "content=\"0; url=", "\"").unwrap();
        assert!(forward.ends_with(&format!("/{new}/")) && all.contains_key(forward), "{forward}");
    }
    for source in sources(&folder("nathanleclaire-blog").join("content")) {
        let matter = between(&source, "---", "\n---").unwrap();
        let Some(title) = between(matter, "\ntitle: \"", "\"\n") else { continue };
        // One goes over two lines, which YAML joins; one has two blanks, one has quotes.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let title = escape(&title.replace("\\\"", "\""));
        let is_its = |page: &&String| {
            between(page, "<title>", " · N</title>").is_some_and(|shown| words(shown) == words(&title))
        };
        let page = all.values().find(is_its);
        assert!(page.is_some(), "no page has the title {title}");
        let categories = between(matter, "\ncategories: [", "]").unwrap_or_default();
        let categories =
            categories.split(',').map(|name| name.trim().trim_matches('"')).filter(|name| !name.is_empty());
        for category in categories {
            let heading = format!("<title>{} · N</title>", escape(category)).to_lowercase();
            let mut lists = all.iter().filter(|(path, _)| path.starts_with("/categories/"));
            let list = lists.find(|(_, list)| list.to_lowercase().contains(&heading));
            let (_, list) = list.unwrap_or_else(|| panic!("{title}: no list {category}"));
            assert!(words(list).contains(&words(&title)), "{title} is not in {category}");
        }
    }
}

/// Links and images of the site's own that lead to no output and that `galley check` does not name.
fn unreported(site: &TempSite) -> BTreeSet<String> {
    let output = tempfile::tempdir().unwrap();
    let target = output.path().join("public");
    assert_eq!(run(&["build", site.str(), "-o", target.to_str().unwrap()]).code, 0);
    let report = run(&["check", site.str()]);
    let found = WalkDir::new(&target).into_iter().map(|found| found.unwrap());
    let html = found.filter(|found| found.path().extension().is_some_and(|ending| ending == "html"));
    let pages = html.map(|found| fs::read_to_string(found.path()).unwrap()).collect::<String>();
    let tags =
        pages.split('<').filter(|tag| tag.starts_with("a ") || tag.starts_with("img ") || tag.starts_with("link "));
    let tags = tags.filter_map(|tag| tag.split_once('>')).map(|(tag, _)| tag);
    let link = |tag| between(tag, " href=\"/", "\"").or_else(|| between(tag, " src=\"/", "\""));
    let links: BTreeSet<String> = tags.filter_map(link).map(|rest| format!("/{rest}")).collect();
    assert!(links.len() > 20, "only {} links", links.len());
    let is_dead = |link: &&String| {
        let path = link.split(['#', '?']).next().unwrap();
        let file = target.join(path.trim_start_matches('/'));
        !link.starts_with("//") && !file.is_file() && !file.join("index.html").is_file()
    };
    let dead = links.iter().filter(is_dead);
    dead.filter(|link| !report.output.contains(&format!("'{link}'"))).cloned().collect()
}

pub(crate) fn no_dead_link_is_passed_over() {
    assert_eq!(unreported(&nathanleclaire()), BTreeSet::new());
    let rycus86 = copy("rycus86-blog-content", "title = 'R'\nbase_url = 'https://blog.viktoradam.net'\n");
    assert_eq!(unreported(&rycus86), BTreeSet::new());
}

/// What is no longer dead when posts live where their author had them: no false alarm is left among the links.
pub(crate) fn links_between_posts_are_no_false_alarms() {
    let report = run(&["check", nathanleclaire().str()]);
    let dead = report.output.lines().filter(|line| line.contains(": the link to '"));
    let dead: Vec<&str> = dead.map(|line| between(line, "the link to '", "'").unwrap()).collect();
    // One lacks its scheme, and one is a word.
    assert_eq!(dead, ["twitter.com/fixworthy", "fig"]);
}
