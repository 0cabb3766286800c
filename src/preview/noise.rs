//! Which files of a site's folder count, and which are only traces of work: editors' copies, git's and galley's own.

use std::path::{Component, Path};

/// The path with `/` between its parts; `None` for a name that is not UTF-8, or leads elsewhere.
pub(super) fn relative(folder: &Path, path: &Path) -> Option<String> {
    let below = path.strip_prefix(folder).ok()?;
    let part = |part: Component<'_>| match part {
        Component::Normal(name) => name.to_str().map(str::to_owned),
        _ => None,
    };
    Some(below.components().map(part).collect::<Option<Vec<String>>>()?.join("/"))
}

/// Whether a file at `path` is nothing that an author means: what begins with a dot is never read, and editors leave
/// copies and write probes.
pub(super) fn is_noise(path: &str) -> bool {
    path.split('/').any(|name| {
        let hidden = name.starts_with('.') && name != ".well-known";
        let emacs = name.len() > 1 && name.starts_with('#') && name.ends_with('#');
        let jet_brains = name.ends_with("___jb_tmp___") || name.ends_with("___jb_old___");
        // vim makes a file of this name to see whether it may write into the folder.
        hidden || name.ends_with('~') || emacs || jet_brains || name == "4913"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_of_editors_are_no_files_of_the_site() {
        for path in
            [".git/HEAD", "content/.a.md.swp", "content/a.md~", "content/posts/4913", "content/#a.md#", ".galley/x"]
        {
            assert!(is_noise(path), "{path}");
        }
        for path in ["content/a.md", "static/.well-known/security.txt", "content/c#", "content/posts/2026/a.md"] {
            assert!(!is_noise(path), "{path}");
        }
    }

    #[test]
    fn paths_are_relative_to_the_folder() {
        let folder = Path::new("/srv/blog");
        assert_eq!(relative(folder, Path::new("/srv/blog/content/a.md")).as_deref(), Some("content/a.md"));
        assert_eq!(relative(folder, Path::new("/srv/blog")).as_deref(), Some(""));
        assert_eq!(relative(folder, Path::new("/srv/other")), None);
    }
}
