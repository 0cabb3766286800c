//! Paths that mean a file and are not the one that it answers at.

/// The file that answers for a folder.
pub(super) const INDEX: &str = "index.html";
/// The ending of pages, which readers may leave out.
const ENDING: &str = ".html";

/// How a path differs from the one that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// A folder's path without its slash.
    MissesSlash,
    /// The file behind a folder's path: what is meant lies at the path without `index.html`.
    NamesIndex,
    /// A page's path without its `.html`.
    MissesEnding,
    /// A folder's path with `.html` in the place of the slash.
    HasEnding,
}

/// How `path`, at which nothing is, differs from one at which something is, and that one.
pub fn spelled(path: &str, is_there: impl Fn(&str) -> bool) -> Option<(Spelling, String)> {
    if path.ends_with('/') {
        return None;
    }
    let meant = |spelling, meant: String| is_there(&meant).then_some((spelling, meant));
    let folder = path.strip_suffix(INDEX).filter(|folder| folder.ends_with('/'));
    meant(Spelling::MissesSlash, format!("{path}/"))
        .or_else(|| meant(Spelling::NamesIndex, folder?.to_owned()))
        .or_else(|| match path.strip_suffix(ENDING) {
            Some(stem) if stem.ends_with('/') => None,
            Some(stem) => meant(Spelling::HasEnding, format!("{stem}/")),
            None => meant(Spelling::MissesEnding, format!("{path}{ENDING}")),
        })
}

/// Whether who asks for `path` gets to a file, if by one redirect.
pub fn leads_to_one(path: &str, is_there: impl Fn(&str) -> bool) -> bool {
    is_there(path) || spelled(path, is_there).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_is_known() {
        let files = ["/", "/a/", "/b.html", "/c/d.txt", "/e.html.html"];
        for (path, expected) in [
            ("/a", Some((Spelling::MissesSlash, "/a/"))),
            ("/a/index.html", Some((Spelling::NamesIndex, "/a/"))),
            ("/index.html", Some((Spelling::NamesIndex, "/"))),
            ("/a.html", Some((Spelling::HasEnding, "/a/"))),
            ("/b", Some((Spelling::MissesEnding, "/b.html"))),
            ("/b/", None),
            ("/e.html", None),
            ("/aindex.html", None),
            ("/.html", None),
            ("/c", None),
            ("/c/d", None),
        ] {
            let found = spelled(path, |path| files.contains(&path));
            assert_eq!(found, expected.map(|(spelling, meant)| (spelling, meant.to_owned())), "{path}");
        }
    }
}
