use proptest::prelude::*;

use super::*;

/// A page beside `b.md`, with one picture of its own.
struct Beside;

impl Surroundings for Beside {
    fn resolve(&self, url: &str) -> Target {
        match url {
            "b.md" => Target::To("/posts/b/".to_owned()),
            "gone.md" => Target::Missing,
            "pic.jpg" => Target::To("/posts/pic.jpg".to_owned()),
            _ => Target::AsWritten,
        }
    }

    fn image(&self, url: &str) -> Option<Image> {
        let srcset = "/posts/pic.jpg.480.webp 480w, /posts/pic.jpg 800w".to_owned();
        (url == "/posts/pic.jpg").then(|| Image { url: url.to_owned(), width: 800, height: 600, srcset })
    }

    fn hook(&self, _: &Hook<'_>) -> Result<Option<String>, Box<Finding>> {
        Ok(None)
    }

    fn shortcode(&self, call: &Call<'_>) -> Result<String, String> {
        match call.name {
            "box" => Ok(format!("<aside>{}</aside>", call.body.as_deref().unwrap_or("empty"))),
            name => Err(format!("there is no shortcode '{name}'")),
        }
    }
}

fn style() -> Style {
    Style { smart_punctuation: false, heading_anchors: false, highlight: true, line_numbers: false }
}

fn render_with(body: &str, take_title: bool) -> Rendered {
    render(&Request { body, take_title, style: style(), surroundings: &Beside })
}

fn html(body: &str) -> String {
    render_with(body, false).html
}

#[test]
fn code_comes_out_as_written() {
    let code = "{{ x }} {% raw %} {{ box() }} <b>&amp;\"'\n\ttab\n";
    let html = html(&format!("`{{{{< x >}}}} {{{{ box() }}}}` and\n\n```text {{linenos}}\n{code}```\n"));
    assert!(html.contains("<code>{{&lt; x &gt;}} {{ box() }}</code>"), "{html}");
    let escaped = code.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let first = escaped.lines().next().unwrap().replace('\'', "&#39;");
    assert!(html.contains(&format!("<span class=\"line\" data-line=\"1\">{first}\n</span>")), "{html}");
}

#[test]
fn the_first_heading_becomes_the_title() {
    let rendered = render_with("# A *b* `c`\n\nText.\n\n## More\n", true);
    assert_eq!(rendered.outline.title.as_deref(), Some("A b c"));
    assert!(!rendered.html.contains("<h1"));
    let rendered = render_with("Text.\n\n# Later\n", true);
    assert_eq!(rendered.outline.title.as_deref(), Some("Later"));
    assert!(rendered.html.contains("<h2 id=\"later\">Later</h2>"), "{}", rendered.html);
}

#[test]
fn headings_have_unique_ids_and_one_level_below_the_title() {
    let rendered = render_with("# A\n\n## A\n\n## B {#b .c}\n", false);
    assert!(rendered.html.contains("<h2 id=\"a\">A</h2>\n<h3 id=\"a-2\">A</h3>\n<h3 id=\"b\" class=\"c\">B</h3>"));
    let toc: Vec<_> = rendered.outline.toc.iter().map(|entry| (entry.level, entry.id.as_str())).collect();
    assert_eq!(toc, [(2, "a"), (3, "a-2"), (3, "b")]);
}

#[test]
fn headings_carry_a_link_to_themselves() {
    let style = Style { heading_anchors: true, ..style() };
    let html = render(&Request { body: "## A\n", take_title: false, style, surroundings: &Beside }).html;
    assert_eq!(html, "<h2 id=\"a\">A <a class=\"anchor\" href=\"#a\" aria-label=\"Link to this heading\">#</a></h2>\n");
}

#[test]
fn links_to_sources_lead_to_their_pages() {
    let rendered = render_with("[b](b.md) [c](gone.md) [d](/d/)\n", false);
    assert!(rendered.html.contains("href=\"/posts/b/\"") && rendered.html.contains("href=\"/d/\""));
    assert_eq!((rendered.faults.len(), rendered.faults[0].at), (1, 10));
}

#[test]
fn images_have_their_size_and_copies_and_later_ones_are_lazy() {
    let rendered = render_with("![A *b*](pic.jpg)\n\n![c](pic.jpg \"Why\")\n", false);
    let first = "<p><img src=\"/posts/pic.jpg\" alt=\"A b\" srcset=\"/posts/pic.jpg.480.webp 480w, /posts/pic.jpg 800w\" \
                 sizes=\"(min-width: 46rem) 44rem, 100vw\" width=\"800\" height=\"600\"></p>";
    assert!(rendered.html.contains(first), "{}", rendered.html);
    assert!(rendered.html.contains("loading=\"lazy\""));
    assert!(rendered.html.contains("<figcaption>Why</figcaption></figure>"));
    assert_eq!(rendered.outline.image.as_deref(), Some("/posts/pic.jpg"));
}

#[test]
fn footnotes_stand_at_the_bottom_with_ways_back() {
    let html = html("A[^x] and[^y] again[^x].\n\n[^y]: Why.\n[^x]: Ex\n\nEnd.\n");
    let text = html.find("End.").unwrap();
    let (ex, why) = (html.find("Ex").unwrap(), html.find("Why.").unwrap());
    assert!(text < ex && ex < why, "{html}");
    assert!(html.contains("<li id=\"fn-1\" value=\"1\">"), "{html}");
    assert!(html.contains("id=\"fnref-1-2\" href=\"#fn-1\"") && html.contains("href=\"#fnref-1-2\""), "{html}");
    assert!(html.contains("Why. <a class=\"footnote-back\" href=\"#fnref-2\""), "{html}");
    assert_eq!(self::html("A[^nothing].\n"), "<p>A[^nothing].</p>\n");
}

#[test]
fn alerts_lists_of_terms_and_tasks_are_known() {
    assert!(
        html("> [!WARNING]\n> Hot.\n").contains("<p class=\"markdown-alert-title\">Warning</p>\n<p>Hot.</p>\n</div>")
    );
    assert!(html("Term\n: What it means\n").contains("<dt>Term</dt>\n<dd>"));
    assert!(html("- [x] done\n").contains("<input type=\"checkbox\" disabled checked aria-label=\"done\">"));
}

#[test]
fn bare_urls_become_links_but_for_those_in_links_and_code() {
    assert_eq!(
        html("See https://a.example/b_c_d.\n"),
        "<p>See <a href=\"https://a.example/b_c_d\">https://a.example/b_c_d</a>.</p>\n"
    );
    assert_eq!(html("[x www.a.example](/y/)\n"), "<p><a href=\"/y/\">x www.a.example</a></p>\n");
    assert_eq!(html("`https://a.example`\n"), "<p><code>https://a.example</code></p>\n");
    assert_eq!(html("<https://a.example>\n"), "<p><a href=\"https://a.example\">https://a.example</a></p>\n");
}

#[test]
fn smart_punctuation_is_an_option() {
    assert_eq!(html("\"a\" -- b...\n"), "<p>\"a\" -- b...</p>\n");
    let style = Style { smart_punctuation: true, ..style() };
    let html = render(&Request { body: "\"a\" -- b...\n", take_title: false, style, surroundings: &Beside }).html;
    assert_eq!(html, "<p>“a” – b…</p>\n");
}

#[test]
fn shortcodes_stand_alone_or_in_text_and_in_one_another() {
    assert_eq!(html("{{ box() }}\n"), "<aside>empty</aside>\n");
    assert_eq!(html("{{ box() }} {{ box() }}\n"), "<aside>empty</aside> <aside>empty</aside>\n");
    assert_eq!(html("a {{ box() }} b\n"), "<p>a <aside>empty</aside> b</p>\n");
    assert_eq!(
        html("{% box() %}\n*x* {{ box() }}\n{% end %}\n"),
        "<aside><p><em>x</em> <aside>empty</aside></p>\n</aside>\n"
    );
    assert_eq!(html("\\{{ box() }}\n"), "<p>{{ box() }}</p>\n");
}

#[test]
fn a_fault_in_a_shortcode_is_placed_in_the_original() {
    let body = "One {{ box() }}.\n\n{{ gone() }}\n\n[x](gone.md)\n\n{% box() %} open\n";
    let places: Vec<&str> = render_with(body, false).faults.iter().map(|fault| &body[fault.at..fault.at + 6]).collect();
    let mut sorted = places.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["[x](go", "{% box", "{{ gon"], "{places:?}");
}

#[test]
fn shortcodes_without_end_in_one_another_are_refused() {
    let body = format!("{}x{}", "{% box() %}".repeat(20), "{% end %}".repeat(20));
    let faults = render_with(&body, false).faults;
    assert!(faults.iter().any(|fault| fault.message.contains("more than 8 shortcodes in one another")), "{faults:?}");
}

#[test]
fn cells_are_aligned_by_class() {
    let html = html("| a | b |\n|--:|:-:|\n| 1 | 2 |\n");
    assert!(html.contains("<th class=\"right\">a</th><th class=\"center\">b</th></tr></thead>"), "{html}");
    assert!(html.contains("<tr><td class=\"right\">1</td><td class=\"center\">2</td></tr>\n</tbody></table></div>"));
    assert!(!html.contains("style="));
}

#[test]
fn the_summary_is_the_first_paragraph_or_what_stands_before_the_marker() {
    let summary = |body| render_with(body, false).outline.summary;
    assert_eq!(summary("## H\n\nOne *two*.\n\nThree.\n"), "One two.");
    assert_eq!(summary("One.\n\nTwo.\n\n<!-- more -->\n\nThree.\n"), "One. Two.");
    assert_eq!(summary("![A drawing](a.png)\n\nTwo.\n"), "Two.");
    assert_eq!(summary("{{ box() }}\n\nTwo.\n"), "Two.");
    assert!(summary(&"word ".repeat(200)).ends_with("word…"));
}

#[test]
fn words_of_all_scripts_are_counted() {
    assert_eq!(render_with("One `two` three.\n\n```\nnot these\n```\n", false).outline.words, 3);
    assert_eq!(render_with("日本語 text\n", false).outline.words, 4);
}

/// Time grows with the length of the text and not with its square.
#[test]
fn thousands_of_marks_are_rendered_or_refused() {
    for mark in ["[", "(", "![", "*", "_", "`", "<", "| ", "[^a]", "{{ box(", "{% box() %}"] {
        let html = html(&mark.repeat(10_000));
        assert!(html.len() < 2_000_000, "{mark}");
    }
    let quotes = render_with(&format!("{} x\n", ">".repeat(10_000)), false);
    assert!(quotes.faults[0].message.contains("quotes or lists in one another"));
    assert!(!html(&format!("{}\n", "-".repeat(10_000))).is_empty());
}

proptest! {
    #[test]
    fn no_text_panics(body in "[ -~\\nä|`#<>\\[\\]()*_{}%^:-]{0,300}", take_title: bool) {
        render_with(&body, take_title);
    }
}

/// The HTML without what galley adds to that of CommonMark.
pub(super) fn plain(markdown: &str) -> String {
    let style = Style { highlight: false, ..style() };
    let events: Vec<_> = Parser::new_ext(markdown, Options::empty()).into_offset_iter().collect();
    let request = Request { body: markdown, take_title: false, style, surroundings: &Beside };
    let mut writer = Writer::new(&request, Rendered::default(), &[], false);
    let output = writer.write(events);
    let mut made = String::new();
    html::push_html(&mut made, output.into_iter());
    let mut plain = String::new();
    let mut rest = made.as_str();
    while let Some(start) = rest.find('<') {
        plain.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find('>').map_or(rest.len(), |at| at + 1);
        let tag = &rest[..end];
        let heading = tag.len() > 3 && tag.starts_with("<h") && tag.as_bytes()[2].is_ascii_digit();
        match tag {
            _ if heading => plain.push_str(&format!("{}>", &tag[..3])),
            _ if tag.starts_with("<div class=\"highlight\"") => {}
            "<pre class=\"chroma\" tabindex=\"0\">" => plain.push_str("<pre>"),
            tag => plain.push_str(tag),
        }
        rest = &rest[end..];
        if let Some(after) = rest.strip_prefix("</div>\n").filter(|_| tag == "</pre>") {
            plain.push('\n');
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}
