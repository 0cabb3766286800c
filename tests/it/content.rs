//! What an author may write, and what becomes of it.

use std::fs;

use crate::support::{TempSite, run};

const FIVE_POSTS: [(&str, &str); 5] = [
    ("one", "2020-01-01"),
    ("two", "2020-02-01"),
    ("three", "2021-01-01"),
    ("four", "2021-02-01"),
    ("five", "2022-01-01"),
];

/// Posts `one` to `five`, a month or a year apart.
fn five_posts() -> TempSite {
    FIVE_POSTS.iter().fold(TempSite::new(), |site, (name, date)| {
        site.file(
            &format!("content/posts/{name}.md"),
            format!("---\ntitle: {name}\ndate: {date}\ntags: [x]\n---\nText.\n"),
        )
    })
}

#[test]
fn a_pattern_gives_the_posts_of_a_section_their_addresses() {
    let site = five_posts().config("[sections.posts]\npermalink = '/:year/:month/:slug/'\n");
    assert!(site.built("2021/02/four/index.html").contains("<h1>four</h1>"));
    let dateless =
        five_posts().config("[sections.posts]\npermalink = '/:year/:slug/'\n").file("content/posts/six.md", "# Six\n");
    let (ran, output) = dateless.build();
    ran.says(0, "content/posts/six.md: has no date, which the permalink '/:year/:slug/' needs");
    assert!(output.join("posts/six/index.html").is_file());
}

#[test]
fn a_pattern_may_take_the_title_as_hugo_does() {
    let site = five_posts().config("[sections.posts]\npermalink = '/:title/'\n");
    site.write("content/posts/six.md", "---\ntitle: The sixth, 6.1\n---\n");
    assert!(site.built("the-sixth-6-1/index.html").contains("<h1>The sixth, 6.1</h1>"));
}

#[test]
fn lists_are_numbered_from_the_oldest_page() {
    let site = five_posts().config("[sections.posts]\npaginate = 2\n[taxonomies.tags]\npaginate = 2\n");
    let newest = site.built("posts/index.html");
    assert!(newest.contains("href=\"/posts/five/\"") && newest.contains("href=\"/posts/page/1/\""), "{newest}");
    assert!(!newest.contains("href=\"/posts/two/\""));
    let oldest = site.built("posts/page/1/index.html");
    assert!(oldest.contains("href=\"/posts/one/\"") && oldest.contains("href=\"/posts/two/\""), "{oldest}");
    let before = fs::read(site.path().join("public/posts/page/1/index.html")).unwrap();
    site.write("content/posts/six.md", "---\ntitle: six\ndate: 2023-01-01\ntags: [x]\n---\n");
    assert!(site.built("posts/page/2/index.html").contains("href=\"/posts/four/\""));
    let after = fs::read_to_string(site.path().join("public/posts/page/1/index.html")).unwrap();
    let same = String::from_utf8(before).unwrap().replace("href=\"/posts/\"", "");
    assert_eq!(after.replace("href=\"/posts/page/2/\"", "").matches("<li>").count(), same.matches("<li>").count());
    assert!(site.built("tags/x/page/1/index.html").contains("href=\"/posts/one/\""));
}

#[test]
fn folders_below_a_section_are_its_own_only_with_an_index() {
    let site = TempSite::new()
        .file("content/posts/2017/a.md", "---\ntitle: A\ndate: 2017-01-01\n---\n")
        .file("content/posts/travel/_index.md", "---\ntitle: Journeys\n---\n")
        .file("content/posts/travel/b.md", "---\ntitle: B\ndate: 2018-01-01\n---\n");
    let posts = site.built("posts/index.html");
    assert!(posts.contains("href=\"/posts/2017/a/\"") && !posts.contains("href=\"/posts/travel/b/\""), "{posts}");
    assert!(posts.contains("<a href=\"/posts/travel/\">Journeys</a>"), "{posts}");
    assert!(site.built("posts/travel/index.html").contains("href=\"/posts/travel/b/\""));
    assert!(!site.path().join("public/posts/2017/index.html").exists());
}

#[test]
fn publish_and_expiry_decide_what_is_shown() {
    let site = TempSite::new()
        .file("content/posts/early.md", "---\ntitle: Early\ndate: 2020-01-01\npublish: 2999-01-01\n---\n")
        .file("content/posts/late.md", "---\ntitle: Late\ndate: 2020-01-01\nexpiryDate: 2021-01-01\n---\n")
        .file("content/posts/now.md", "---\ntitle: Now\ndate: 2020-01-01\nexpiry: 2999-01-01\n---\n");
    let (ran, output) = site.build();
    ran.says(0, "1 page,");
    assert!(output.join("posts/now/index.html").exists());
}

#[test]
fn a_series_leads_from_part_to_part() {
    let post = |part: usize, date: &str| format!("---\ntitle: Part {part}\ndate: {date}\nseries: Home lab\n---\n");
    let site = TempSite::new()
        .file("content/posts/a.md", post(1, "2020-01-01"))
        .file("content/posts/b.md", post(2, "2020-01-02"))
        .file("content/posts/c.md", post(3, "2020-01-03"));
    let second = site.built("posts/b/index.html");
    assert!(second.contains("href=\"/series/home-lab/\""), "{second}");
    assert!(second.contains("href=\"/posts/a/\"") && second.contains("href=\"/posts/c/\""));
    let list = site.built("series/home-lab/index.html");
    assert!(list.find("Part 1").unwrap() < list.find("Part 3").unwrap());
}

#[test]
fn terms_that_differ_in_signs_only_are_told_apart() {
    let site = TempSite::new().file("content/posts/a.md", "---\ntitle: A\ntags: [C, C++, 'C#']\n---\n");
    for folder in ["c", "cpp", "csharp"] {
        assert!(site.built(&format!("tags/{folder}/index.html")).contains("href=\"/posts/a/\""));
    }
}

#[test]
fn a_site_names_its_own_taxonomies() {
    let site = TempSite::new()
        .config("[taxonomies.ingredients]\ntitle = 'What is in it'\n")
        .file("content/posts/soup.md", "---\ntitle: Soup\ningredients: [Leek]\ntags: [x]\n---\n");
    let (ran, _) = site.build();
    ran.says(0, "content/posts/soup.md:4:1: unknown key 'tags' in front matter");
    assert!(site.built("ingredients/index.html").contains("What is in it"));
    assert!(site.built("ingredients/leek/index.html").contains("href=\"/posts/soup/\""));
}

#[test]
fn related_posts_are_older_ones() {
    let site = five_posts();
    assert!(site.built("posts/five/index.html").contains("Related"));
    assert!(!site.built("posts/one/index.html").contains("Related"));
}

#[test]
fn feeds_of_both_kinds_hold_whole_posts() {
    let site = five_posts();
    let feed: serde_json::Value = serde_json::from_str(&site.built("feed.json")).unwrap();
    assert_eq!(feed["version"], "https://jsonfeed.org/version/1.1");
    assert_eq!(feed["items"][0]["id"], "https://blog.example/posts/five/");
    assert_eq!(feed["items"][0]["content_html"], "<p>Text.</p>\n");
    assert_eq!(feed["items"].as_array().unwrap().len(), 5);
    assert!(
        site.built("tags/x/feed.xml").contains(
            "<link rel=\"self\" type=\"application/atom+xml\" href=\"https://blog.example/tags/x/feed.xml\"/>"
        )
    );
    let short = five_posts().config("[feeds]\nfull = false\nlength = 2\neach = false\n");
    let feed: serde_json::Value = serde_json::from_str(&short.built("feed.json")).unwrap();
    assert_eq!((feed["items"].as_array().unwrap().len(), &feed["items"][0]["content_text"]), (2, &"Text.".into()));
    assert!(!short.path().join("public/posts/feed.xml").exists());
}

#[test]
fn a_new_post_changes_one_sitemap_and_one_part_of_the_index() {
    let site = five_posts();
    let read = |name: &str| fs::read(site.path().join("public").join(name)).unwrap();
    site.built("sitemap.xml");
    let before = (read("sitemap.xml"), read("sitemap/2021.xml"), read("sitemap/2022.xml"));
    site.write("content/posts/six.md", "---\ntitle: six\ndate: 2022-02-01\ntags: [x]\n---\n");
    site.built("sitemap.xml");
    assert_eq!((read("sitemap.xml"), read("sitemap/2021.xml")), (before.0, before.1));
    assert_ne!(read("sitemap/2022.xml"), before.2);
}

#[test]
fn markdown_has_what_writers_expect() {
    let site = TempSite::new().file(
        "content/posts/a.md",
        "---\ntitle: A\n---\nOne[^1].\n\n```rust {linenos, hl_lines=2, name=main.rs}\nfn main() {\n    // why\n}\n```\n\n\
         > [!TIP]\n> Do.\n\n[^1]: Note.\n",
    );
    let page = site.built("posts/a/index.html");
    assert!(page.contains("<p class=\"filename\">main.rs</p>"), "{page}");
    assert!(
        page.contains("<span class=\"line hl\" data-line=\"2\">    <span class=\"c\">// why</span>\n</span>"),
        "{page}"
    );
    assert!(page.contains("markdown-alert-tip") && page.contains("id=\"fn-1\""));
}

#[test]
fn shortcodes_of_the_theme_and_of_the_site() {
    let site = TempSite::new()
        .file("templates/shortcodes/shout.html", "<b>{{ args.text | upper }}</b>\n")
        .file("snippets/a.rs", "fn a() {}\n")
        .file(
            "content/posts/a/index.md",
            "# A\n\n{{ shout(text=\"hey\") }} and `{{ shout() }}`\n\n{{ include(path=\"snippets/a.rs\") }}\n\n\
             {% quote(author=\"Me\") %}\nSo *said*.\n{% end %}\n\n{{ youtube(id=\"x1\") }}\n",
        );
    let page = site.built("posts/a/index.html");
    assert!(page.contains("<p><b>HEY</b> and <code>{{ shout() }}</code></p>"), "{page}");
    assert!(page.contains("<span class=\"k\">fn</span>"), "{page}");
    assert!(page.contains("<em>said</em>") && page.contains("Me"), "{page}");
    assert!(page.contains("youtube") && !page.contains("<iframe"), "{page}");
    site.write("content/posts/a/index.md", "# A\n\n{{ gone() }}\n");
    let (ran, _) = site.build();
    ran.says(1, "content/posts/a/index.md:3:1: there is no shortcode 'gone'");
}

#[test]
fn hooks_render_links_images_and_code() {
    let site = TempSite::new()
        .file("templates/hooks/link.html", "<a class=\"hooked\" href=\"{{ url }}\">{{ content | safe }}</a>")
        .file("templates/hooks/image.html", "<img class=\"hooked\" src=\"{{ image.url }}\" alt=\"{{ alt }}\">")
        .file("templates/hooks/codeblock.html", "<div class=\"hooked\">{{ code }}</div>")
        .file("content/posts/a.md", "# A\n\n[*x*](/y/) ![z](/z.png)\n\n```sh\nls <\n```\n");
    let page = site.built("posts/a/index.html");
    assert!(
        page.contains(
            "<a class=\"hooked\" href=\"/y/\"><em>x</em></a> <img class=\"hooked\" src=\"/z.png\" alt=\"z\">"
        ),
        "{page}"
    );
    assert!(page.contains("<div class=\"hooked\">ls &lt;\n</div>"), "{page}");
}

#[test]
fn data_files_reach_templates() {
    let site = TempSite::new()
        .file("data/books.toml", "[[list]]\ntitle = 'One'\n")
        .file("data/more/x.json", "{\"a\": [1, 2]}")
        .file("data/more/y.yaml", "b: yes\n")
        .file(
            "templates/404.html",
            "{% for book in data.books.list %}{{ book.title }}{% endfor %} {{ data.more.x.a[1] }} {{ data.more.y.b }}",
        );
    assert_eq!(site.built("404.html"), "One 2 yes");
    site.write("data/broken.toml", "a = \n");
    let (ran, _) = site.build();
    ran.says(1, "data/broken.toml:1:");
}

#[test]
fn links_lead_to_where_a_page_can_be_edited() {
    let site = five_posts().config("edit_url = 'https://git.example/edit/main/{path}'\n");
    assert!(site.built("posts/one/index.html").contains("href=\"https://git.example/edit/main/content/posts/one.md\""));
}

#[test]
fn new_and_post_start_a_blog() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("my-blog");
    let folder = folder.to_str().unwrap();
    run(&["new", folder]).says(0, "look at it: galley preview");
    run(&["new", folder]).says(1, "is not empty; choose a folder that is empty or not there yet");
    let ran = run(&["post", "Über \"quotes\": yes", "--site", folder]);
    assert_eq!(
        (ran.code, ran.output.trim().ends_with("content/posts/über-quotes-yes.md")),
        (0, true),
        "{}",
        ran.output
    );
    let text = fs::read_to_string(ran.output.trim()).unwrap();
    assert!(
        text.starts_with("---\ntitle: \"Über \\\"quotes\\\": yes\"\ndate: ") && text.contains("\ndraft: true\n"),
        "{text}"
    );
    run(&["post", "Über \"quotes\": yes", "--site", folder]).says(1, "is there already; choose another title");
    let ran = run(&["build", folder, "--drafts"]);
    assert!(ran.code == 0 && !ran.errors.contains("warning"), "{}", ran.errors);
    run(&["check", folder]).says(0, "");
}
