//! Where a page lives: slugs and rooted URL paths.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::snapshot::{TreeError, TreePath, url_path};

/// A rooted URL path together with the file of the tree that answers it: `/posts/a/` and `posts/a/index.html`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permalink {
    url: String,
    file: TreePath,
}

impl Permalink {
    /// From an unencoded path with or without slashes at its ends. `/a` and `/a/` are the folder `a`; a last part with an
    /// ending that a page may have (`/a.html`) is a file.
    pub fn new(path: &str) -> Result<Self, TreeError> {
        let inner = path.trim_matches('/');
        let is_file = !path.ends_with('/') && [".html", ".htm", ".xml", ".txt"].iter().any(|end| inner.ends_with(end));
        let file = match (inner, is_file) {
            ("", _) => TreePath::new("index.html")?,
            (inner, true) => TreePath::new(inner)?,
            (inner, false) => TreePath::new(&format!("{inner}/index.html"))?,
        };
        Ok(Self::of_file(file))
    }

    /// The permalink of the file at `file`.
    pub fn of_file(file: TreePath) -> Self {
        let path = match file.as_str().strip_suffix("index.html") {
            Some(folder) if folder.is_empty() || folder.ends_with('/') => folder,
            _ => file.as_str(),
        };
        let url = format!("/{}", url_path(path));
        Self { url, file }
    }

    /// The percent-encoded rooted path.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file of the tree.
    pub fn file(&self) -> &TreePath {
        &self.file
    }
}

impl fmt::Display for Permalink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// The slug of a title or name: lower case, letters and digits of any script, everything else one `-`.
pub fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    // Most are ASCII, and need none of Unicode's tables.
    if text.is_ascii() {
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() {
                slug.push(char::from(byte.to_ascii_lowercase()));
            } else if !slug.ends_with('-') && !slug.is_empty() {
                slug.push('-');
            }
        }
        slug.truncate(slug.trim_end_matches('-').len());
        return slug;
    }
    for c in text.nfc().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            slug.push(c);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug.nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_lower_case_words_with_hyphens() {
        for (text, expected) in
            [("Hello, World!", "hello-world"), ("Über C++ & co.", "über-c-co"), ("--", ""), ("node.js", "node-js")]
        {
            assert_eq!(slug(text), expected, "{text}");
        }
    }

    #[test]
    fn a_permalink_is_a_folder_unless_it_names_a_file() {
        for (path, url, file) in [
            ("/about", "/about/", "about/index.html"),
            ("posts/ü b/", "/posts/%C3%BC%20b/", "posts/ü b/index.html"),
            ("/", "/", "index.html"),
            ("/old/page.html", "/old/page.html", "old/page.html"),
            ("/v1.2", "/v1.2/", "v1.2/index.html"),
        ] {
            let permalink = Permalink::new(path).unwrap();
            assert_eq!((permalink.url(), permalink.file().as_str()), (url, file));
        }
        assert!(Permalink::new("/../etc/").is_err());
    }
}
