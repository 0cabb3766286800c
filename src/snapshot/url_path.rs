//! Paths in URLs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use super::spelling::INDEX;
use super::tree::TreePath;

/// What a path keeps as it is in a URL: RFC 3986 section 3.3, `pchar` and `/`, less what HTML and XML would escape.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// `path` as it stands in a URL.
pub fn url_path(path: &str) -> PercentEncode<'_> {
    utf8_percent_encode(path, PATH)
}

/// Where the file at `path` answers, decoded: `/posts/a/` for `posts/a/index.html`.
pub fn place_of(path: &TreePath) -> String {
    let path = path.as_str();
    match path.strip_suffix(INDEX) {
        Some("") => "/".to_owned(),
        Some(folder) if folder.ends_with('/') => format!("/{folder}"),
        _ => format!("/{path}"),
    }
}

/// The path of the file that answers at `place`, a decoded path of a URL; `None` if none can: `/posts/a/index.html` is no place.
pub fn file_at(place: &str) -> Option<String> {
    let path = place.strip_prefix('/')?;
    match path.strip_suffix(INDEX) {
        Some(folder) if folder.is_empty() || folder.ends_with('/') => None,
        _ if path.is_empty() || path.ends_with('/') => Some(format!("{path}{INDEX}")),
        _ => Some(path.to_owned()),
    }
}
