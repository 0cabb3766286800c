//! What machines read: feeds, sitemaps, robots.txt, and the pages that forward from old addresses.

use std::fmt::Write;

use serde::Serialize;

use super::absolute;
use super::escape::{escape_html, escape_xml};
use crate::config::Config;
use crate::site::{Date, Permalink};

/// The two forms of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Format {
    Atom,
    Json,
}

impl Format {
    pub(super) const BOTH: [Self; 2] = [Self::Atom, Self::Json];

    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Atom => "feed.xml",
            Self::Json => "feed.json",
        }
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Atom => "application/atom+xml",
            Self::Json => "application/feed+json",
        }
    }
}

/// What a feed is of.
#[derive(Serialize)]
pub(super) struct Channel {
    pub(super) title: String,
    /// The page that lists the same posts.
    pub(super) url: String,
    pub(super) format: Format,
}

/// One post of a feed.
#[derive(Serialize)]
pub(super) struct FeedEntry<'a> {
    pub(super) title: &'a str,
    pub(super) url: &'a str,
    pub(super) published: String,
    pub(super) updated: String,
    /// Seconds since 1970, to find the newest.
    pub(super) seconds: i64,
    pub(super) summary: &'a str,
    pub(super) authors: Vec<&'a str>,
    pub(super) terms: Vec<String>,
    /// The whole post as HTML; empty where feeds hold summaries.
    #[serde(skip)]
    pub(super) html: &'a str,
}

/// The feed's text.
pub(super) fn feed(config: &Config, channel: &Channel, entries: &[FeedEntry<'_>]) -> String {
    match channel.format {
        Format::Atom => atom(config, channel, entries),
        Format::Json => json_feed(config, channel, entries),
    }
}

/// An Atom feed, RFC 4287. Ids are the posts' URLs, which stay.
fn atom(config: &Config, channel: &Channel, entries: &[FeedEntry<'_>]) -> String {
    let base = config.base_url.as_deref().unwrap_or_default();
    let newest = entries.iter().max_by_key(|entry| entry.seconds);
    // `updated` must be there (section 4.1.1), also in a feed without entries; a clock would make each build another one.
    let updated = newest.map_or("1970-01-01T00:00:00Z", |entry| &entry.updated);
    let author = config.author.as_ref().map_or(config.title.as_str(), |author| &author.name);
    let email = config.author.as_ref().and_then(|author| author.email.as_deref());
    let email = email.map(|email| format!("<email>{}</email>", escape_xml(email))).unwrap_or_default();
    let page = format!("{base}{}", escape_xml(&channel.url));
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{language}\">\n\
         <title>{title}</title>\n<id>{page}</id>\n<updated>{updated}</updated>\n\
         <link rel=\"self\" type=\"application/atom+xml\" href=\"{page}feed.xml\"/>\n<link href=\"{page}\"/>\n\
         <author><name>{author}</name>{email}</author>\n<generator uri=\"{home}\">galley</generator>\n",
        language = escape_xml(&config.language),
        title = escape_xml(&channel.title),
        author = escape_xml(author),
        home = env!("CARGO_PKG_REPOSITORY"),
    );
    for entry in entries {
        atom_entry(base, entry, &mut xml);
    }
    xml.push_str("</feed>\n");
    xml
}

fn atom_entry(base: &str, entry: &FeedEntry<'_>, xml: &mut String) {
    let url = format!("{base}{}", escape_xml(entry.url));
    // Writing to a String can't fail.
    let _ = write!(
        xml,
        "<entry>\n<title>{}</title>\n<id>{url}</id>\n<link href=\"{url}\"/>\n<published>{}</published>\n\
         <updated>{}</updated>\n",
        escape_xml(entry.title),
        entry.published,
        entry.updated,
    );
    for author in &entry.authors {
        let _ = writeln!(xml, "<author><name>{}</name></author>", escape_xml(author));
    }
    for term in &entry.terms {
        let _ = writeln!(xml, "<category term=\"{}\"/>", escape_xml(term));
    }
    if !entry.summary.is_empty() {
        let _ = writeln!(xml, "<summary>{}</summary>", escape_xml(entry.summary));
    }
    if !entry.html.is_empty() {
        let html = absolute::html(base, entry.url, entry.html);
        let _ = writeln!(xml, "<content type=\"html\" xml:base=\"{url}\">{}</content>", escape_xml(&html));
    }
    xml.push_str("</entry>\n");
}

/// A JSON feed, version 1.1 (jsonfeed.org).
#[derive(Serialize)]
struct JsonFeed<'a> {
    version: &'static str,
    title: &'a str,
    home_page_url: String,
    feed_url: String,
    language: &'a str,
    items: Vec<JsonItem<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authors: Vec<JsonAuthor<'a>>,
}

#[derive(Serialize)]
struct JsonItem<'a> {
    id: String,
    url: String,
    title: &'a str,
    date_published: &'a str,
    date_modified: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_html: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authors: Vec<JsonAuthor<'a>>,
}

#[derive(Serialize)]
struct JsonAuthor<'a> {
    name: &'a str,
}

fn json_feed(config: &Config, channel: &Channel, entries: &[FeedEntry<'_>]) -> String {
    let base = config.base_url.as_deref().unwrap_or_default();
    let items = entries.iter().map(|entry| {
        let url = format!("{base}{}", entry.url);
        let whole = !entry.html.is_empty();
        JsonItem {
            id: url.clone(),
            url,
            title: entry.title,
            date_published: &entry.published,
            date_modified: &entry.updated,
            content_text: (!whole).then_some(entry.summary),
            content_html: whole.then(|| absolute::html(base, entry.url, entry.html)),
            summary: whole.then_some(entry.summary),
            tags: &entry.terms,
            authors: entry.authors.iter().map(|name| JsonAuthor { name }).collect(),
        }
    });
    let feed = JsonFeed {
        version: "https://jsonfeed.org/version/1.1",
        title: &channel.title,
        home_page_url: format!("{base}{}", channel.url),
        feed_url: format!("{base}{}feed.json", channel.url),
        language: &config.language,
        items: items.collect(),
        authors: config.author.iter().map(|author| JsonAuthor { name: &author.name }).collect(),
    };
    // Only maps with other keys than texts can't be written; here are none.
    serde_json::to_string(&feed).unwrap_or_default() + "\n"
}

/// A sitemap (sitemaps.org, protocol 0.9) of pages with their dates.
pub(super) fn sitemap<'a>(base: &str, pages: impl Iterator<Item = (&'a Permalink, Option<&'a Date>)>) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    for (permalink, date) in pages {
        let date = date.map(|date| format!("<lastmod>{}</lastmod>", date.rfc3339())).unwrap_or_default();
        // Writing to a String can't fail.
        let _ = writeln!(xml, "<url><loc>{base}{}</loc>{date}</url>", escape_xml(permalink.url()));
    }
    xml.push_str("</urlset>\n");
    xml
}

/// The index of sitemaps. Without dates: one would change with each post, and the sitemap that it names says it too.
pub(super) fn sitemap_index<'a>(base: &str, parts: impl Iterator<Item = &'a str>) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<sitemapindex xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    for part in parts {
        // Writing to a String can't fail.
        let _ = writeln!(xml, "<sitemap><loc>{base}/{part}</loc></sitemap>");
    }
    xml.push_str("</sitemapindex>\n");
    xml
}

/// Lets every robot in; names the sitemap where its absolute URL is known (RFC 9309 section 2.2.4).
pub(super) fn robots(config: &Config) -> String {
    let sitemap = config.base_url.as_ref().map(|base| format!("Sitemap: {base}/sitemap.xml\n"));
    format!("User-agent: *\nAllow: /\n{}", sitemap.unwrap_or_default())
}

/// A page at an old address that forwards to `target`, on any host and without script.
pub(super) fn forward(config: &Config, target: &Permalink) -> String {
    let (url, base) = (escape_html(target.url()), config.base_url.as_deref().unwrap_or_default());
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<title>{base}{url}</title>\n\
         <link rel=\"canonical\" href=\"{base}{url}\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={url}\">\n</head>\n<body>\n<p><a href=\"{url}\">{base}{url}</a></p>\n\
         </body>\n</html>\n",
        escape_html(&config.language),
    )
}
