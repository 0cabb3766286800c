//! Lexers of languages that no row can describe.

mod console;
mod css;
mod data;
mod diff;
mod dockerfile;
mod http;
mod latex;
mod make;
mod markup;
mod outline;
mod prose;
mod shell;
mod yaml;

use std::ops::Range;

use super::painter::Painter;

/// A lexer of a range of the painter's text.
pub(super) type Lex = fn(&mut Painter<'_, '_>, Range<usize>);

/// No colours: names for text that is meant to have none.
fn plain(_: &mut Painter<'_, '_>, _: Range<usize>) {}

/// The languages, with all their names.
pub(super) static LEXERS: &[(&[&str], Lex)] = &[
    (&["text", "plain", "plaintext", "txt", "none", "nohighlight", ""], plain),
    (
        &["bash", "sh", "shell", "zsh", "ksh", "ash", "dash", "shellscript", "bashrc", "ebuild", "pkgbuild"],
        shell::script,
    ),
    (&["console", "shell-session", "sh-session", "shellsession", "bash-session", "terminal", "session"], console::lex),
    (&["pycon", "python-console", "python-repl"], console::python),
    (&["json", "jsonc", "json5", "geojson", "webmanifest", "ipynb", "jsonl", "ndjson", "topojson"], data::json),
    (&["yaml", "yml", "ansible", "docker-compose", "k8s", "openapi"], yaml::lex),
    (&["toml"], data::toml),
    (&["ini", "cfg", "conf", "config", "editorconfig", "gitconfig", "git-config", "inf", "dosini"], data::ini),
    (&["systemd", "unit", "service", "desktop", "timer"], data::ini),
    (&["properties", "java-properties", "jproperties", "dotenv", "env"], data::properties),
    (&["diff", "patch", "udiff"], diff::lex),
    (&["gitcommit", "git-commit", "commit"], diff::commit),
    (&["dockerfile", "docker", "containerfile"], dockerfile::lex),
    (&["html", "htm", "xhtml", "vue", "svelte", "astro"], markup::html),
    (
        &["xml", "svg", "xsl", "xslt", "rss", "atom", "xsd", "wsdl", "plist", "pom", "csproj", "xaml", "mathml", "rdf"],
        markup::xml,
    ),
    (
        &[
            "jinja",
            "jinja2",
            "django",
            "html+jinja",
            "html+django",
            "liquid",
            "twig",
            "nunjucks",
            "tera",
            "html+twig",
            "j2",
            "htmldjango",
        ],
        markup::jinja,
    ),
    (&["go-template", "gotmpl", "go-html-template", "html+gotmpl", "gohtml", "helm"], markup::braces),
    (&["handlebars", "hbs", "mustache", "html+handlebars"], markup::braces),
    (&["erb", "html+erb", "rhtml", "eex", "heex", "html+eex", "jsp"], markup::erb),
    (&["ejs"], markup::ejs),
    (&["php", "php3", "php4", "php5", "php7", "php8", "html+php"], markup::php),
    (&["css"], css::css),
    (&["scss"], css::scss),
    (&["less"], css::less),
    (&["sass"], css::indented),
    (&["stylus", "styl"], css::indented),
    (&["make", "makefile", "gnumake", "mf", "bsdmake"], make::lex),
    (&["markdown", "md", "mdx", "mkd", "commonmark", "gfm"], prose::markdown),
    (&["rst", "rest", "restructuredtext"], prose::rst),
    (&["asciidoc", "adoc"], prose::asciidoc),
    (&["org", "org-mode", "orgmode"], prose::org),
    (&["latex", "tex", "context", "bibtex", "bib"], latex::lex),
    (&["pug", "jade"], outline::pug),
    (&["haml"], outline::haml),
    (&["slim"], outline::slim),
    (&["http", "https"], http::lex),
    (&["csv", "tsv"], http::csv),
];
