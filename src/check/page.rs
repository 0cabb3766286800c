//! What one page refers to and what can be referred to in it, in one pass over its tags.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use super::nesting::{Fault, Nesting};
use super::text;
use crate::html::{Attribute, Tag, Token, Tokens, resolve_references};

/// Ids told of as double on one page.
const MAX_DOUBLE_IDS: usize = 20;

/// What a reference is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Leads the reader on: `a`, `area`.
    Link,
    /// An image: `img`, `srcset`, `poster`.
    Image,
    /// Any other thing that is loaded with the page: scripts, styles, media, frames.
    Part,
    /// `link` elements that load nothing: canonical, alternate.
    Relation,
}

/// One reference.
#[derive(Debug)]
pub(super) struct Reference<'a> {
    pub(super) role: Role,
    /// The URL, character references resolved.
    pub(super) url: Cow<'a, str>,
    /// Where its attribute stands in the page.
    pub(super) at: usize,
    /// How many references of the page to the same URL stand before it.
    pub(super) nth: usize,
}

/// An image and how it is described.
#[derive(Debug)]
pub(super) struct Image<'a> {
    pub(super) src: Cow<'a, str>,
    pub(super) at: usize,
    pub(super) nth: usize,
    /// `None` without `alt`; whether it has words in it.
    pub(super) described: Option<bool>,
}

/// A page, read.
#[derive(Debug, Default)]
pub(super) struct Page<'a> {
    pub(super) references: Vec<Reference<'a>>,
    /// Images that nobody described.
    pub(super) images: Vec<Image<'a>>,
    /// Ids and names that a fragment can name.
    pub(super) anchors: HashMap<Cow<'a, str>, usize>,
    pub(super) faults: Vec<Fault>,
    /// Where `<meta http-equiv=refresh>` forwards to.
    pub(super) forward: Option<Cow<'a, str>>,
    /// What relative references are relative to, if a `base` element says so.
    pub(super) base: Option<Cow<'a, str>>,
    seen: HashMap<Cow<'a, str>, usize>,
    seen_images: HashMap<Cow<'a, str>, usize>,
    double_ids: usize,
}

impl<'a> Page<'a> {
    /// Reads `html`.
    pub(super) fn of(html: &'a str) -> Self {
        let mut page = Self::default();
        let mut nesting = Nesting::new(html);
        for token in Tokens::new(html) {
            nesting.take(&token);
            if let Token::Start(tag) = &token {
                page.tag(tag);
            }
        }
        page.faults.extend(nesting.finish());
        page
    }

    fn tag(&mut self, tag: &Tag<'a>) {
        if tag.attributes.is_empty() {
            return;
        }
        self.ids(tag);
        match &*tag.name {
            "a" | "area" => self.refer(tag, &["href", "xlink:href"], Role::Link),
            "link" => self.link(tag),
            "img" => {
                self.refer(tag, &["src"], Role::Image);
                self.srcset(tag);
                self.image(tag);
            }
            "source" => {
                self.refer(tag, &["src"], Role::Part);
                self.srcset(tag);
            }
            "video" => {
                self.refer(tag, &["src"], Role::Part);
                self.refer(tag, &["poster"], Role::Image);
            }
            "script" | "audio" | "iframe" | "embed" | "track" => self.refer(tag, &["src"], Role::Part),
            "object" => self.refer(tag, &["data"], Role::Part),
            "use" | "image" => self.refer(tag, &["href", "xlink:href"], Role::Part),
            "base" if self.base.is_none() => self.base = tag.attribute("href").map(|href| text::url(href.value)),
            "meta" => self.meta(tag),
            _ => {}
        }
    }

    fn ids(&mut self, tag: &Tag<'a>) {
        let named = tag.attribute("name").filter(|_| tag.name == "a");
        if let Some(name) = named {
            self.anchors.entry(resolve_references(name.value)).or_insert(name.at);
        }
        let Some(id) = tag.attribute("id") else { return };
        let value = resolve_references(id.value);
        match self.anchors.entry(value) {
            Slot::Vacant(slot) => drop(slot.insert(id.at)),
            // `<a id="x" name="x">` is one anchor.
            Slot::Occupied(slot) if named.is_some_and(|name| name.at == *slot.get()) => {}
            Slot::Occupied(slot) => {
                self.double_ids += 1;
                if self.double_ids <= MAX_DOUBLE_IDS {
                    let shown = text::shown(slot.key());
                    let message = format!("the id '{shown}' is there twice; links lead to the first; rename one");
                    self.faults.push(Fault { tag: tag.at..tag.end, message });
                }
            }
        }
    }

    fn refer(&mut self, tag: &Tag<'a>, attributes: &[&str], role: Role) {
        if let Some(attribute) = attributes.iter().find_map(|name| tag.attribute(name)) {
            self.add(role, text::url(attribute.value), attribute.at);
        }
    }

    fn add(&mut self, role: Role, url: Cow<'a, str>, at: usize) {
        let count = self.seen.entry(url.clone()).or_default();
        let nth = *count;
        *count += 1;
        self.references.push(Reference { role, url, at, nth });
    }

    fn link(&mut self, tag: &Tag<'a>) {
        let relation = tag.attribute("rel").map_or("", |rel| rel.value).to_ascii_lowercase();
        let mut relations = relation.split_ascii_whitespace();
        // What these name is a host, not a file.
        if relation.split_ascii_whitespace().any(|it| matches!(it, "preconnect" | "dns-prefetch")) {
            return;
        }
        let loads = |it| matches!(it, "stylesheet" | "icon" | "preload" | "modulepreload" | "manifest");
        self.refer(tag, &["href"], if relations.any(loads) { Role::Part } else { Role::Relation });
    }

    /// `a.png 1x, b.png 2x`: a URL goes up to white space, a comma at its end is none of it.
    fn srcset(&mut self, tag: &Tag<'a>) {
        let Some(Attribute { value, at, .. }) = tag.attribute("srcset") else { return };
        let mut rest = *value;
        loop {
            rest = rest.trim_start_matches([' ', '\t', '\n', '\r', ',']);
            if rest.is_empty() {
                return;
            }
            let end = rest.find([' ', '\t', '\n', '\r']).unwrap_or(rest.len());
            let (candidate, after) = rest.split_at(end);
            let url = candidate.trim_end_matches(',');
            self.add(Role::Image, text::url(url), *at);
            rest = match url.len() == candidate.len() {
                true => after.split_once(',').map_or("", |(_, next)| next),
                false => after,
            };
        }
    }

    fn image(&mut self, tag: &Tag<'a>) {
        let Some(src) = tag.attribute("src") else { return };
        let described = tag.attribute("alt").map(|alt| !alt.value.trim().is_empty());
        let hidden = tag.attribute("aria-hidden").is_some_and(|hidden| hidden.value == "true")
            || tag.attribute("role").is_some_and(|role| matches!(role.value, "presentation" | "none"));
        if described != Some(true) && !hidden {
            let src = text::url(src.value);
            let count = self.seen_images.entry(src.clone()).or_default();
            let nth = *count;
            *count += 1;
            self.images.push(Image { src, at: tag.at, nth, described });
        }
    }

    fn meta(&mut self, tag: &Tag<'a>) {
        let refreshes = tag.attribute("http-equiv").is_some_and(|it| it.value.eq_ignore_ascii_case("refresh"));
        let Some(content) = tag.attribute("content").filter(|_| refreshes && self.forward.is_none()) else { return };
        // `0; url=/a/`, with or without quotes; without a URL the page reloads itself.
        let Some((_, target)) = content.value.split_once([';', ',']) else { return };
        let target = target.trim_start();
        let named = target.get(..3).is_some_and(|it| it.eq_ignore_ascii_case("url"));
        let target = if named { target[3..].trim_start().trim_start_matches('=').trim() } else { target };
        let target = target.trim_matches(['"', '\'']);
        if !target.is_empty() {
            self.forward = Some(text::url(target));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn urls(html: &str) -> Vec<String> {
        Page::of(html).references.into_iter().map(|it| it.url.into_owned()).collect()
    }

    #[test]
    fn all_kinds_of_references_are_found() {
        let html = "<a href=1><area href=2><link rel=icon href=3><img src=4 srcset='5 1x, 6, 7 2x,8'><script src=9></script>\
            <source srcset=10><video src=11 poster=12></video><audio src=13></audio><iframe src=14></iframe>\
            <object data=15></object><svg><use href=16 /></svg><form action=no><link rel=preconnect href=no>";
        let expected: Vec<_> = (1..=16).map(|number| number.to_string()).collect();
        assert_eq!(urls(html), expected);
        let page = Page::of("<a href='/x?a&amp;b'></a><a href='/x?a&amp;b'></a>");
        assert_eq!((page.references[1].url.as_ref(), page.references[1].nth), ("/x?a&b", 1));
    }

    #[test]
    fn ids_are_anchors_and_not_to_be_doubled() {
        let page = Page::of("<h2 id=a></h2><a name=b></a><a name=c id=c></a>");
        assert!(["a", "b", "c"].iter().all(|id| page.anchors.contains_key(*id)));
        assert_eq!(page.faults, []);
        let page = Page::of("<h2 id=a></h2><p id=a></p><p id=A></p>");
        assert_eq!(page.faults.len(), 1);
        assert_eq!(page.faults[0].message, "the id 'a' is there twice; links lead to the first; rename one");
        assert_eq!(page.faults[0].tag, 14..22);
    }

    #[test]
    fn forward_pages_say_where_to() {
        let forward = |content: &str| {
            let html = format!("<meta http-equiv=Refresh content=\"{content}\">");
            Page::of(&html).forward.map(Cow::into_owned)
        };
        assert_eq!(forward("0; url=/a/").as_deref(), Some("/a/"));
        assert_eq!(forward("0;URL='/a/?b&amp;c'").as_deref(), Some("/a/?b&c"));
        assert_eq!(forward("30"), None);
        assert_eq!(forward("0; ü"), Some("ü".to_owned()));
    }

    #[test]
    fn images_without_words_are_remembered() {
        let page = Page::of("<img src=a><img src=b alt><img src=c alt=c><img src=d role=presentation>");
        let images: Vec<_> = page.images.iter().map(|image| (image.src.as_ref(), image.described)).collect();
        assert_eq!(images, [("a", None), ("b", Some(false))]);
    }

    proptest! {
        #[test]
        fn no_text_panics(value in "[ -~ä]{0,40}", name in "srcset|content|href|id|name|alt|src") {
            Page::of(&format!("<img {name}='{value}'><meta http-equiv=refresh {name}={value}><a {name}={value}>"));
        }
    }
}
