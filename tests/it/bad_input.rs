//! What an author may write by mistake, and what somebody may write on purpose: each gets one clear message with its place,
//! and the output stays as it was.

use std::fs;
use std::time::{Duration, Instant};

use crate::render::files;
use crate::support::{Ran, TempSite, galley, run};

/// Some hundred times what any build here takes: only a time that grows with the square of the input comes near.
const BOUND: Duration = Duration::from_secs(60);

/// A site that has been built.
fn good() -> TempSite {
    let site = TempSite::new().file("content/posts/a.md", "---\ntitle: A\n---\nText.\n");
    assert_eq!(site.build().0.code, 0);
    site
}

/// Fails unless the site, which was good before, is refused with exactly these lines and its output left alone.
#[track_caller]
fn assert_refused(site: &TempSite, lines: &[&str]) {
    let before = files(&site.path().join("public"));
    let (ran, output) = site.build();
    assert_eq!(ran.code, 1, "{}", ran.errors);
    let said: Vec<&str> = ran.errors.lines().filter(|line| !line.starts_with("warning: ")).collect();
    assert_eq!(said.len(), lines.len() + 1, "{}", ran.errors);
    for (said, line) in said.iter().zip(lines) {
        assert!(said.starts_with(line), "{said}\nis not\n{line}");
    }
    let last = said.last().unwrap();
    assert!(last.starts_with("error: ") && last.ends_with("public was left as it was"), "{last}");
    assert_eq!(files(&output), before);
    assert_clean(site);
}

/// Fails if anything was left beside the site's own files.
#[track_caller]
fn assert_clean(site: &TempSite) {
    let names = fs::read_dir(site.path()).unwrap().map(|name| name.unwrap().file_name().into_string().unwrap());
    let hidden: Vec<String> = names.filter(|name| name.starts_with('.') && name != ".galley").collect();
    assert_eq!(hidden, [""; 0]);
}

/// One file that is refused with one line.
#[track_caller]
fn refused(path: &str, text: impl AsRef<[u8]>, line: &str) {
    let site = good();
    site.write(path, text);
    assert_refused(&site, &[line]);
}

#[test]
fn a_page_as_long_as_a_film_is_refused_unread() {
    let site = good();
    let film = fs::File::create(site.path().join("content/posts/film.md")).unwrap();
    film.set_len(200 << 20).unwrap();
    assert_refused(&site, &["content/posts/film.md: is longer than 16 MiB; split it, or put it into static/"]);
}

#[test]
fn what_is_not_utf_8_is_named() {
    const BYTES: &[u8] = b"a = \"\xff\"";
    for path in ["content/posts/b.md", "galley.toml", "templates/page.html", "data/b.toml", "sass/b.scss"] {
        refused(path, BYTES, &format!("{path}: is not UTF-8; save it as UTF-8"));
    }
    let site = good().file("galley.toml", "theme = 't'\n").file("themes/t/theme.toml", BYTES);
    assert_refused(&site, &["themes/t/theme.toml: is not UTF-8; save it as UTF-8"]);
}

#[test]
fn a_byte_order_mark_changes_nothing() {
    let texts = [
        ("galley.toml", "title = \"T\"\ntheme = \"t\"\n"),
        ("themes/t/theme.toml", "parent = \"default\"\n"),
        ("themes/t/sass/s.scss", "a { b { c: d } }\n"),
        ("content/posts/b.md", "---\ntitle: B\n---\nText.\n"),
        ("templates/page.html", "{% extends \"base.html\" %}{% block main %}{{ data | json }}{% endblock main %}"),
        ("data/t.toml", "a = 1\n"),
        ("data/y.yaml", "a: 1\n"),
        ("data/j.json", "{\"a\": 1}\n"),
    ];
    let (plain, marked) = (TempSite::new(), TempSite::new());
    for (path, text) in texts {
        plain.write(path, text);
        marked.write(path, format!("\u{feff}{text}"));
    }
    assert!(plain.built("posts/b/index.html").contains("{\"j\":{\"a\":1}"));
    marked.built("index.html");
    assert_eq!(files(&marked.path().join("public")), files(&plain.path().join("public")));
}

#[test]
fn line_ends_of_windows_change_nothing() {
    let texts = [
        (
            "a",
            "---\ntitle: A\ntags: [x]\n---\nOne\ntwo  \nthree.\n\n```rust\nfn a() {\n\n}\n```\n\n    indented\n    code\n",
        ),
        (
            "b",
            "+++\ntitle = \"B\"\n+++\n# H\n\n> q\n> q\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<div>\n<b>x</b>\n</div>\n",
        ),
        (
            "c",
            "# C\n\n{% w() %}\n*in*\n\n```\na\n```\n{% end %}\n\n[^1]: note\n\ntext[^1]\n\n```console\n$ ls\na\n```\n",
        ),
    ];
    let shortcode = "<div>{{ body | safe }}</div>";
    let [unix, windows] = [(); 2].map(|()| TempSite::new().file("templates/shortcodes/w.html", shortcode));
    for (name, text) in texts {
        unix.write(&format!("content/posts/{name}.md"), text);
        windows.write(&format!("content/posts/{name}.md"), text.replace('\n', "\r\n"));
    }
    unix.built("index.html");
    windows.built("index.html");
    assert_eq!(files(&windows.path().join("public")), files(&unix.path().join("public")));
}

#[test]
fn broken_front_matter_has_its_place() {
    for (text, line) in [
        ("---\ntitle: B\n", "1:1: the front matter never ends; close it with a line ---"),
        ("+++\ntitle = \"B\"\n---\n", "1:1: the front matter never ends; close it with a line +++"),
        ("---\ntitle: a\ntitle: b\n---\n", "3:1: front matter: duplicate mapping key: title"),
        ("+++\ntitle = 'a'\ntitle = 'b'\n+++\n", "3:1: front matter: duplicate key"),
        ("---\naliases: [/posts/../../x]\n---\n", "2:10: `posts/../../x/index.html` can't be a path of the site"),
    ] {
        refused("content/posts/b.md", text, &format!("content/posts/b.md:{line}"));
    }
    let site = good().file("content/posts/b.md", "---\ntitle: a\ntitle: b\n---\n");
    assert!(!site.build().0.errors.contains("DuplicateKeyPolicy"));
}

#[test]
fn values_in_one_another_are_counted() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
    let yaml = format!("---\nextra: {}\n---\n", deep("{a: ", "}"));
    refused("content/posts/b.md", yaml, "content/posts/b.md:2:");
    let toml = format!("+++\nextra = {}\n+++\n", deep("{a=", "}"));
    refused("content/posts/b.md", toml, "content/posts/b.md:2:");
    refused("data/b.json", deep("[", "]"), "data/b.json:1:");
    refused("data/b.yaml", deep("[", "]"), "data/b.yaml:1:");
    refused("galley.toml", format!("[extra{}]\n", ".a".repeat(20_000)), "galley.toml:1:1: ");
    // Each list is nine of the one before: the last has 9^11 values.
    let lists: String =
        (1..12).map(|n| format!("  a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(","))).collect();
    refused("content/posts/b.md", format!("---\nextra:\n  a0: &a0 [x]\n{lists}---\n"), "content/posts/b.md:");
}

#[test]
fn ten_thousand_of_anything_take_no_time() {
    const MANY: usize = 10_000;
    let around = |open: &str, close: &str| format!("{}a{}", open.repeat(MANY), close.repeat(MANY));
    let site = TempSite::new().file("templates/shortcodes/w.html", "<i>{{ body | safe }}</i>");
    site.write("templates/shortcodes/y.html", "<b></b>");
    let rendered = [
        around("1. ", ""),
        around("> 1. ", ""),
        around("[", "]"),
        around("[", "](b)"),
        around("![", "](b)"),
        around("*a ", "*"),
        around("**a ", "**"),
        "*a **b ".repeat(MANY),
        around("<div>", "</div>"),
        around("x <b>", "</b>"),
        "<a ".repeat(MANY),
        "a <!-- ".repeat(MANY),
        (0..1000).map(|depth| format!("{}- a\n", "  ".repeat(depth))).collect(),
        "# a\n".repeat(10 * MANY),
        format!("a\n\n{}", around(": ", "")),
        format!("x[^1]\n\n{}", around("[^1]: ", "")),
        format!("{}{}", "[a]: b\n".repeat(MANY), "[a] ".repeat(MANY)),
        "{{ y() }}".repeat(MANY),
        "{% w() %}a{% end %}\n\n".repeat(MANY),
    ];
    for (number, text) in rendered.iter().enumerate() {
        site.write(&format!("content/posts/p{number}.md"), text);
    }
    let started = Instant::now();
    let (ran, output) = site.build();
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert!(output.join("posts/p13/index.html").exists());
    for (text, line) in [
        (around(">", ""), "1:1: 10000 quotes or lists in one another; 256 are the limit"),
        (around("- ", ""), "1:1: 10000 quotes or lists in one another; 256 are the limit"),
        (around("{% w() %}", "{% end %}"), "1:73: more than 8 shortcodes in one another; write it with fewer"),
        ("{% w() %}".repeat(MANY), "1:1: the shortcode 'w' is not closed; end it with {% end %} (and 9999 more"),
        ("{{ y(a=\"".repeat(MANY), "1:"),
    ] {
        site.write("content/posts/z.md", text);
        site.build().0.says(1, &format!("content/posts/z.md:{line}"));
    }
    assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
}

#[test]
fn shortcodes_are_closed_known_or_code() {
    let site = || good().file("templates/shortcodes/w.html", "<i>{{ body | safe }}</i>");
    for (text, line) in [
        ("a\n\n{% w() %}b\n", "3:1: the shortcode 'w' is not closed; end it with {% end %}"),
        ("a {{ nope(x=1) }}\n", "1:3: there is no shortcode 'nope'; put one into templates/shortcodes/nope.html, or"),
        ("{{ include(path=\"../../../etc/passwd\") }}", "1:1: include: there is no file '../../../etc/passwd' beside"),
    ] {
        let site = site().file("content/posts/b.md", text);
        assert_refused(&site, &[&format!("content/posts/b.md:{line}")]);
    }
    let text = "`{{ nope() }}`\n\n```\n{% w() %}\n```\n\n    {% end %}\n\n\\{{ nope() }}\n";
    let page = site().file("content/posts/b.md", text).built("posts/b/index.html");
    assert!(page.contains("<code>{{ nope() }}</code>") && page.contains("{% w() %}\n</code>"), "{page}");
    assert!(page.contains("{% end %}\n</code>") && page.contains("<p>{{ nope() }}</p>"), "{page}");
}

#[test]
fn an_address_belongs_to_one_page() {
    for (text, url) in [
        ("slug: a", "/posts/a/"),
        ("url: /posts/a", "/posts/a/"),
        ("aliases: [/posts/a/]", "/posts/a/"),
        ("aliases: [/posts/b/]", "/posts/b/"),
        ("aliases: [/x/, /x]", "/x/"),
    ] {
        let owner = if url == "/posts/a/" { "a" } else { "b" };
        let line =
            format!("content/posts/b.md: {url} is taken by content/posts/{owner}.md already; change 'slug', 'url'");
        refused("content/posts/b.md", format!("---\n{text}\n---\n"), &line);
    }
    let site = good().file("content/posts/b.md", "---\naliases: [/x]\n---\n");
    site.write("content/posts/c.md", "---\naliases: [/x/]\n---\n");
    assert_refused(&site, &["content/posts/c.md: /x/ is taken by content/posts/b.md already"]);
    refused(
        "content/posts/b.md",
        "---\nurl: /posts/A/\n---\n",
        "content/posts/a.md: `posts/A/index.html` and `posts/a/",
    );
    refused(
        "content/posts/b.md",
        "---\naliases: [/style.css]\n---\n",
        "content/posts/b.md: `style.css` and `style.css/",
    );
}

#[test]
fn templates_in_a_circle_are_named() {
    let component = "{% component c(a) %}{{ <c a={a} /> }}{% endcomponent c %}";
    for (page, other, line) in [
        ("{% include \"page.html\" %}", "", "templates/page.html: circular include"),
        ("{% extends \"page.html\" %}", "", "templates/page.html: circular extend"),
        ("{% include \"b.html\" %}", "{% include \"page.html\" %}", "templates/b.html: circular include"),
        ("{% extends \"b.html\" %}", "{% extends \"page.html\" %}", "templates/b.html: circular extend"),
        ("{{<c a={1} />}}", component, "templates/page.html: maximum render recursion depth"),
        ("\n{% for i in range(end=1000000000) %}x{% endfor %}", "", "templates/page.html:2:13: function `range` would"),
    ] {
        let site = good().file("templates/page.html", page).file("templates/b.html", other);
        assert_refused(&site, &[line]);
    }
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(10_000), ")".repeat(10_000));
    refused("templates/page.html", parens, "templates/page.html:1:");
    refused("templates/page.html", "{% if true %}".repeat(10_000), "templates/page.html:1:");
}

#[test]
fn broken_data_and_style_sheets_have_their_lines() {
    refused("data/b.toml", "a = 1\nb = \n", "data/b.toml:2:5: ");
    refused("data/b.json", "{\"a\":\n 1,}", "data/b.json:2:4: ");
    refused("data/b.yaml", "a: 1\nb: [\n", "data/b.yaml:2:4: ");
    refused("data/b.csv", "a;b\n", "data/b.csv: is no data that galley reads; write it as .toml, .yaml or .json");
    refused("sass/b.scss", "a {\n  color: ;\n", "sass/b.scss:2:");
    refused("sass/b.scss", "@import \"nothing\";\n", "sass/b.scss:1:9: ");
    refused("sass/b.scss", "@import \"b\";\n", "sass/b.scss:1:9: ");
}

#[test]
fn settings_of_the_wrong_kind_have_their_places() {
    for key in ["feeds", "markdown", "highlight", "images", "taxonomies", "sections", "theme_settings"] {
        let line = format!("galley.toml:2:{}: '{key}' must be a table, as in [{key}]", key.len() + 4);
        refused("galley.toml", format!("\n{key} = 1\n"), &line);
    }
    for (table, key) in [
        ("feeds", "full"),
        ("feeds", "length"),
        ("feeds", "each"),
        ("markdown", "smart_punctuation"),
        ("markdown", "heading_anchors"),
        ("highlight", "enabled"),
        ("highlight", "line_numbers"),
        ("images", "resize"),
        ("images", "widths"),
        ("images", "quality"),
        ("taxonomies.x", "title"),
        ("taxonomies.x", "paginate"),
        ("taxonomies.x", "feed"),
        ("sections.x", "permalink"),
        ("sections.x", "paginate"),
        ("sections.x", "sort"),
        ("sections.x", "feed"),
    ] {
        let line = format!("galley.toml:2:{}: '{key}' must be ", key.len() + 4);
        refused("galley.toml", format!("[{table}]\n{key} = {{}}\n"), &line);
    }
    for key in [
        "title",
        "base_url",
        "language",
        "timezone",
        "description",
        "author",
        "theme",
        "menu",
        "edit_url",
        "minify",
        "search",
    ] {
        refused("galley.toml", format!("{key} = [1]\n"), &format!("galley.toml:1:{}: '{key}' must be ", key.len() + 4));
    }
}

#[test]
fn a_pattern_that_needs_a_date_says_so() {
    let settings = "base_url = 'https://blog.example'\n[sections.posts]\npermalink = '/:year/:slug/'\n";
    let site = good().file("galley.toml", settings).file("content/posts/b.md", "---\ndate: 2020-01-02\n---\n");
    let (ran, output) = site.build();
    ran.says(0, "warning: content/posts/a.md: has no date, which the permalink '/:year/:slug/' needs; its place gives");
    assert!(output.join("posts/a/index.html").exists() && output.join("2020/b/index.html").exists());
    refused(
        "galley.toml",
        "[sections.posts]\npermalink = '/:year/'\n",
        "galley.toml:2:13: 'permalink' must be a path of",
    );
}

#[test]
fn a_theme_is_there_and_builds_on_another() {
    let theme = |text: &str| good().file("galley.toml", "theme = 't'\n").file("themes/t/theme.toml", text);
    assert_refused(
        &theme("parent = 't'"),
        &["themes/t/theme.toml: the theme 't' builds on itself; take one of the parents"],
    );
    assert_refused(&theme("parent = 'u'"), &["themes/t/theme.toml: there is no theme 'u'; put one into themes/u, or"]);
    assert_refused(&theme("parent = 1"), &["themes/t/theme.toml:1:10: 'parent' has a value of the wrong kind"]);
    assert_refused(&theme("[settings.a]\ntype = 'x'"), &["themes/t/theme.toml:1:2: the setting 'a' needs a type"]);
    let unknown = "galley.toml:2:8: unknown key 'nope' in [theme_settings]";
    refused("galley.toml", "[theme_settings]\nnope = 1\n", unknown);
    refused("galley.toml", "[theme_settings]\naccent = 1\n", "galley.toml:2:10: 'accent' must be a color");
}

/// The signature, the head and some pixels of a PNG file that says it is so large; `animated` says it has two pictures.
fn png(width: u32, height: u32, animated: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    if animated {
        encoder.set_animated(2, 0).unwrap();
    }
    let mut writer = encoder.write_header().unwrap();
    for _ in 0..if animated { 2 } else { 1 } {
        writer.write_image_data(&vec![7; (width * height) as usize]).unwrap();
    }
    drop(writer);
    bytes
}

#[test]
fn an_image_that_is_none_is_named() {
    let site = |bytes: &[u8]| good().file("content/posts/x.png", bytes).file("content/posts/b.md", "![](x.png)\n");
    let none = site(b"text");
    let (ran, output) = none.build();
    ran.says(0, "warning: content/posts/x.png: is shown by a page, but is no image: check the file, or save it again");
    assert_eq!(fs::read(output.join("posts/x.png")).unwrap(), b"text");
    // The next build knows the page, and says it again.
    none.build().0.says(0, "warning: content/posts/x.png: is shown by a page, but is no image");
    let broken = "content/posts/x.png: the image is broken (";
    let whole = png(1000, 20, false);
    for length in [whole.len() - 1, whole.len() / 2, 60] {
        assert_refused(&site(&whole[..whole.len().min(length) - 12]), &[broken]);
    }
    // Says it has 100 million pixels, in a few bytes.
    let mut bomb = whole.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0x27, 0x10, 0, 0, 0x27, 0x10]);
    assert_refused(&site(&bomb), &[broken]);
}

#[test]
fn an_image_without_copies_is_published_as_it_is() {
    let site = |bytes: &[u8]| good().file("content/posts/x.png", bytes).file("content/posts/b.md", "![](x.png)\n");
    let mut bomb = png(1000, 20, false);
    bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let animated = png(1000, 20, true);
    for (bytes, message) in [
        (&bomb, "the image has 60000×60000 pixels, and at most 16383 on a side"),
        (&animated, "an animated image is left as it is"),
    ] {
        let site = site(bytes);
        let (ran, output) = site.build();
        ran.says(0, &format!("warning: content/posts/x.png: gets no smaller copies: {message}"));
        assert_eq!(&fs::read(output.join("posts/x.png")).unwrap(), bytes);
        assert!(!site.built("posts/b/index.html").contains("srcset"));
    }
}

#[test]
fn a_revision_that_is_not_there_is_named() {
    let site = good();
    let build = |revision: &str| run(&["build", site.str(), "--rev", revision]);
    build("v1").says(1, "lies in no git repository; name a folder that does, or leave the revision out");
    git2::Repository::init(site.path()).unwrap();
    for revision in ["v1", "", ":/x", "HEAD", "HEAD~1"] {
        build(revision)
            .says(1, &format!("error: '{revision}' is no commit of the repository; name a branch, a tag or"));
    }
}

#[test]
fn new_blogs_and_posts_overwrite_nothing() {
    let site = good();
    run(&["new", site.str()]).says(1, "is not empty; choose a folder that is empty or not there yet");
    let post = |title: &str| Ran::of(galley().args(["post", "--site", site.str(), "--", title]));
    post("A").says(1, "content/posts/a.md: is there already; choose another title");
    post("¿ …!").says(1, "the title has no letter or digit to make a file's name of; write it in words");
    post("Index").says(1, "a file called index.md is the page of its folder; choose another title");
    for (title, name) in [("../../x", "x"), ("--- # \"q\\\": [", "q"), ("日本 Ü\nb", "日本-ü-b")] {
        let ran = post(title);
        ran.says(0, "it is a draft");
        assert!(ran.output.trim_end().ends_with(&format!("content/posts/{name}.md")), "{}", ran.output);
    }
    let ran = run(&["build", "--drafts", site.str()]);
    assert_eq!((ran.code, ran.errors.contains("warning")), (0, false), "{}", ran.errors);
    let page = fs::read_to_string(site.path().join("public/posts/q/index.html")).unwrap();
    assert!(page.contains("<title>--- # &quot;q\\&quot;: [ · Test</title>"), "{page}");
}
