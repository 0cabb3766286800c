//! Themes: what they build on, what a site may set, what becomes of their files.

use crate::support::TempSite;

fn site() -> TempSite {
    TempSite::new().file("content/posts/a.md", "---\ntitle: A\ndate: 2024-01-01\n---\nText.\n")
}

#[test]
fn a_theme_builds_on_another_and_a_site_on_both() {
    let site = site()
        .config("theme = 'mine'\n")
        .file("themes/mine/theme.toml", "parent = 'default'\n")
        .file("themes/mine/templates/404.html", "{% extends 'base.html' %}{% block main %}Mine.{% endblock main %}")
        .file("themes/mine/static/extra.txt", "x")
        .file("static/icon.svg", "<svg>own</svg>");
    let page = site.built("404.html");
    assert!(page.contains("Mine.") && page.contains("href=\"/style.css\""), "{page}");
    assert_eq!(site.built("extra.txt"), "x");
    assert_eq!(site.built("icon.svg"), "<svg>own</svg>");
    assert!(site.built("posts/a/index.html").contains("<h1>A</h1>"));
}

#[test]
fn settings_reach_the_style_sheet_and_are_checked() {
    let site = site().config("[theme_settings]\naccent = '#0a7'\n");
    assert!(site.built("style.css").contains("#0a7"));
    for (line, message) in [
        ("accent = 3", "galley.toml:4:10: 'accent' must be a color"),
        ("accent = 'red;}body{display:none'", "galley.toml:4:10: 'accent' must be a color"),
        ("acent = '#0a7'", "galley.toml:4:9: unknown key 'acent' in [theme_settings]; did you mean 'accent'?"),
    ] {
        let (ran, _) = self::site().config(&format!("[theme_settings]\n{line}\n")).build();
        ran.says(1, message);
    }
}

#[test]
fn sass_is_compiled() {
    let site = site()
        .file("sass/_parts.scss", "$wide: 10px * 2;\n")
        .file("sass/own.scss", "@use 'parts';\na { b { width: parts.$wide; } }\n");
    assert!(site.built("own.css").contains("a b {\n  width: 20px;\n}"));
    assert!(!site.path().join("public/_parts.css").exists());
    site.write("sass/own.scss", "a {\n  width: ;\n}\n");
    let (ran, _) = site.build();
    ran.says(1, "sass/own.scss:2:");
}

#[test]
fn fingerprints_are_a_themes_choice() {
    let plain = site();
    assert!(plain.built("posts/a/index.html").contains("href=\"/style.css\""));
    let site = site()
        .config("theme = 'mine'\n")
        .file("themes/mine/theme.toml", "parent = 'default'\nfingerprint = true\n")
        .file("templates/404.html", "{{ integrity(path='style.css') }}");
    let page = site.built("posts/a/index.html");
    let name = page.split("href=\"/style.").nth(1).unwrap().split('"').next().unwrap();
    let digits = name.strip_suffix(".css").unwrap();
    assert!(digits.len() == 16 && digits.chars().all(|c| c.is_ascii_hexdigit()), "{name}");
    assert!(!site.built(&format!("style.{name}")).is_empty());
    assert!(site.built("404.html").starts_with("sha256-"));
    assert!(!site.path().join("public/style.css").exists());
}

#[test]
fn functions_and_filters_of_templates() {
    let template = "{{ '2026-11-21T10:00:00+01:00' | date(format='%d.%m.%Y') }} {{ 'Ä b' | slug }} \
                    {{ 'a *b*' | markdown }} {{ '/x/' | absolute }} {{ ['<'] | json }} {{ asset(path='style.css') }}";
    let made = site().file("templates/404.html", template).built("404.html");
    assert_eq!(made, "21.11.2026 ä-b a <em>b</em> https://blog.example/x/ [\"\\u003c\"] /style.css");
}

#[test]
fn an_error_names_the_template_and_the_way_there() {
    let site = site().file("templates/list.html", "<ol>\n{{ nothing.at_all }}\n</ol>");
    let (ran, _) = site.build();
    ran.says(1, "templates/list.html:2:4: ");
    ran.says(1, "(reached from ");
}

#[test]
fn minified_output_says_the_same_in_fewer_bytes() {
    let plain = site();
    let site = site().config("minify = true\n").file("static/own.js", "// why\nlet  a =  1;\n");
    for file in ["posts/a/index.html", "style.css"] {
        assert!(site.built(file).len() < plain.built(file).len(), "{file}");
    }
    assert!(site.built("posts/a/index.html").contains("<p>Text.</p>"));
}
