//! What machines read: the Atom feed, the sitemap, robots.txt and the pages that forward from old addresses.

use super::escape::{escape_html, escape_xml};
use crate::config::Config;
use crate::site::{Date, Permalink};

/// How many posts a feed holds.
pub(super) const FEED_LENGTH: usize = 20;

/// One post of a feed.
pub(super) struct FeedEntry<'a> {
    pub(super) title: &'a str,
    pub(super) permalink: &'a Permalink,
    pub(super) published: &'a Date,
    pub(super) updated: &'a Date,
    pub(super) summary: &'a str,
    /// The whole post as HTML with absolute links.
    pub(super) html: String,
}

/// An Atom feed, RFC 4287. Ids are the posts' URLs, which stay.
pub(super) fn atom(config: &Config, entries: &[FeedEntry<'_>]) -> String {
    let base = config.base_url.as_deref().unwrap_or_default();
    let newest = entries.iter().max_by_key(|entry| entry.updated.seconds());
    // `updated` must be there (section 4.1.1), also in a feed without entries; a clock would make each build another one.
    let updated = newest.map_or_else(|| "1970-01-01T00:00:00Z".to_owned(), |entry| entry.updated.rfc3339());
    let author = config.author.as_ref().map_or(config.title.as_str(), |author| &author.name);
    let email = config.author.as_ref().and_then(|author| author.email.as_deref());
    let email = email.map(|email| format!("<email>{}</email>", escape_xml(email))).unwrap_or_default();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{language}\">\n\
         <title>{title}</title>\n<id>{base}/</id>\n<updated>{updated}</updated>\n\
         <link rel=\"self\" type=\"application/atom+xml\" href=\"{base}/feed.xml\"/>\n<link href=\"{base}/\"/>\n\
         <author><name>{author}</name>{email}</author>\n<generator uri=\"{home}\">galley</generator>\n",
        language = escape_xml(&config.language),
        title = escape_xml(&config.title),
        author = escape_xml(author),
        home = env!("CARGO_PKG_REPOSITORY"),
    );
    for entry in entries {
        let url = format!("{base}{}", escape_xml(entry.permalink.url()));
        xml.push_str(&format!(
            "<entry>\n<title>{}</title>\n<id>{url}</id>\n<link href=\"{url}\"/>\n<published>{}</published>\n\
             <updated>{}</updated>\n<summary>{}</summary>\n<content type=\"html\" xml:base=\"{url}\">{}</content>\n</entry>\n",
            escape_xml(entry.title),
            entry.published.rfc3339(),
            entry.updated.rfc3339(),
            escape_xml(entry.summary),
            escape_xml(&entry.html),
        ));
    }
    xml.push_str("</feed>\n");
    xml
}

/// A sitemap (sitemaps.org, protocol 0.9) of `pages` with their dates.
pub(super) fn sitemap<'a>(base: &str, pages: impl Iterator<Item = (&'a Permalink, Option<&'a Date>)>) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    for (permalink, date) in pages {
        let date = date.map(|date| format!("<lastmod>{}</lastmod>", date.rfc3339())).unwrap_or_default();
        xml.push_str(&format!("<url><loc>{base}{}</loc>{date}</url>\n", escape_xml(permalink.url())));
    }
    xml.push_str("</urlset>\n");
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
        "<!doctype html>\n<html lang=\"{}\">\n<meta charset=\"utf-8\">\n<title>{base}{url}</title>\n\
         <link rel=\"canonical\" href=\"{base}{url}\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={url}\">\n<p><a href=\"{url}\">{base}{url}</a></p>\n</html>\n",
        escape_html(&config.language),
    )
}
