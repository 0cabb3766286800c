//! What the HTML standard says of single elements. All names are in lower case.

/// Elements without content and end tag.
pub(crate) fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "param"
            | "source"
            | "track"
            | "wbr"
    )
}

/// Elements whose content is text up to their end tag.
pub(crate) fn is_raw(name: &str) -> bool {
    matches!(name, "script" | "style" | "textarea" | "title" | "iframe" | "noembed" | "noframes" | "xmp")
}

/// Elements that need no end tag.
pub(crate) fn may_stay_open(name: &str) -> bool {
    matches!(
        name,
        "html"
            | "head"
            | "body"
            | "p"
            | "li"
            | "dt"
            | "dd"
            | "tr"
            | "td"
            | "th"
            | "thead"
            | "tbody"
            | "tfoot"
            | "caption"
            | "colgroup"
            | "option"
            | "optgroup"
            | "rb"
            | "rt"
            | "rtc"
            | "rp"
    )
}

/// Elements that end an open paragraph.
pub(crate) fn ends_paragraph(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "center"
            | "details"
            | "dialog"
            | "dd"
            | "dir"
            | "div"
            | "dl"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hgroup"
            | "hr"
            | "li"
            | "listing"
            | "main"
            | "menu"
            | "nav"
            | "ol"
            | "p"
            | "pre"
            | "search"
            | "section"
            | "summary"
            | "table"
            | "ul"
            | "xmp"
    )
}

/// `h1` to `h6`.
pub(crate) fn is_heading(name: &str) -> bool {
    matches!(name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6")
}

/// What an end tag can't reach over: what is outside a table's cell is out of reach inside it.
pub(crate) fn is_fence(name: &str) -> bool {
    matches!(name, "html" | "table" | "td" | "th" | "caption" | "template" | "marquee" | "applet")
}

/// Parts of a table: their end tags reach over cells, but not out of the table.
pub(crate) fn is_table_part(name: &str) -> bool {
    matches!(name, "table" | "tr" | "td" | "th" | "thead" | "tbody" | "tfoot" | "caption" | "colgroup")
}

/// The open elements that the start tag `name` ends, and those that it does not look beyond.
pub(crate) fn implied_ends(name: &str) -> Option<(&'static [&'static str], &'static [&'static str])> {
    Some(match name {
        "li" => (
            &["li"],
            &["ul", "ol", "menu", "dl", "blockquote", "section", "article", "aside", "nav", "details", "figure"],
        ),
        "dt" | "dd" => (&["dt", "dd"], &["dl", "ul", "ol", "blockquote", "section", "article", "aside", "details"]),
        "option" => (&["option"], &["select", "datalist", "optgroup"]),
        "optgroup" => (&["option", "optgroup"], &["select"]),
        "td" | "th" => (&["td", "th"], &["tr", "table"]),
        "tr" => (&["td", "th", "tr", "caption", "colgroup"], &["tbody", "thead", "tfoot", "table"]),
        "thead" | "tbody" | "tfoot" => {
            (&["td", "th", "tr", "caption", "colgroup", "thead", "tbody", "tfoot"], &["table"])
        }
        "rb" | "rt" | "rtc" | "rp" => (&["rb", "rt", "rp"], &["ruby", "rtc"]),
        "body" => (&["head"], &["html"]),
        _ => return None,
    })
}

/// Elements of SVG and MathML that hold HTML again.
pub(crate) fn is_island(name: &str) -> bool {
    matches!(name, "foreignobject" | "desc" | "title" | "annotation-xml" | "mi" | "mo" | "mn" | "ms" | "mtext")
}

/// Elements of HTML that end a drawing which somebody forgot to end.
pub(crate) fn leaves_foreign(name: &str) -> bool {
    matches!(
        name,
        "b" | "big"
            | "blockquote"
            | "body"
            | "br"
            | "center"
            | "code"
            | "dd"
            | "div"
            | "dl"
            | "dt"
            | "em"
            | "embed"
            | "head"
            | "hr"
            | "i"
            | "img"
            | "li"
            | "listing"
            | "menu"
            | "meta"
            | "nobr"
            | "ol"
            | "p"
            | "pre"
            | "ruby"
            | "s"
            | "small"
            | "span"
            | "strong"
            | "strike"
            | "sub"
            | "sup"
            | "table"
            | "tt"
            | "u"
            | "ul"
            | "var"
    ) || is_heading(name)
}

/// All that the HTML standard has or had; names with a hyphen are anybody's.
pub(crate) fn is_known(name: &str) -> bool {
    name.contains('-') || KNOWN.binary_search(&name).is_ok()
}

/// In bytewise order.
const KNOWN: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "address",
    "applet",
    "area",
    "article",
    "aside",
    "audio",
    "b",
    "base",
    "basefont",
    "bdi",
    "bdo",
    "bgsound",
    "big",
    "blink",
    "blockquote",
    "body",
    "br",
    "button",
    "canvas",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "data",
    "datalist",
    "dd",
    "del",
    "details",
    "dfn",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "em",
    "embed",
    "fieldset",
    "figcaption",
    "figure",
    "font",
    "footer",
    "form",
    "frame",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hgroup",
    "hr",
    "html",
    "i",
    "iframe",
    "img",
    "input",
    "ins",
    "kbd",
    "label",
    "legend",
    "li",
    "link",
    "listing",
    "main",
    "map",
    "mark",
    "marquee",
    "math",
    "menu",
    "meta",
    "meter",
    "nav",
    "nobr",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "ol",
    "optgroup",
    "option",
    "output",
    "p",
    "param",
    "picture",
    "plaintext",
    "pre",
    "progress",
    "q",
    "rb",
    "rp",
    "rt",
    "rtc",
    "ruby",
    "s",
    "samp",
    "script",
    "search",
    "section",
    "select",
    "slot",
    "small",
    "source",
    "span",
    "strike",
    "strong",
    "style",
    "sub",
    "summary",
    "sup",
    "svg",
    "table",
    "tbody",
    "td",
    "template",
    "textarea",
    "tfoot",
    "th",
    "thead",
    "time",
    "title",
    "tr",
    "track",
    "tt",
    "u",
    "ul",
    "var",
    "video",
    "wbr",
    "xmp",
];

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_in_order() {
        assert!(super::KNOWN.is_sorted());
        assert!(super::is_known("div") && super::is_known("x-y") && !super::is_known("string"));
    }
}
