//! The default theme, which is in the binary.

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../../themes/default/", $name)))),*]
    };
}

/// The files of `themes/default`; a test holds the list complete.
pub(super) const FILES: &[(&str, &[u8])] = files![
    "static/copy.js",
    "static/icon.svg.tera",
    "static/search.js",
    "static/style.css.tera",
    "static/theme.js",
    "templates/404.html",
    "templates/base.html",
    "templates/copy.html",
    "templates/home.html",
    "templates/list.html",
    "templates/page.html",
    "templates/paginator.html",
    "templates/picture.html",
    "templates/search-form.html",
    "templates/search.html",
    "templates/section.html",
    "templates/shortcodes/figure.html",
    "templates/shortcodes/gallery.html",
    "templates/shortcodes/image.html",
    "templates/shortcodes/quote.html",
    "templates/shortcodes/vimeo.html",
    "templates/shortcodes/youtube.html",
    "templates/taxonomy.html",
    "templates/term.html",
    "theme.toml",
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use walkdir::WalkDir;

    #[test]
    fn the_binary_holds_every_file_of_the_default_theme() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("themes/default");
        let files = WalkDir::new(&folder).sort_by_file_name().into_iter().map(|found| found.unwrap());
        let name = |found: &walkdir::DirEntry| {
            let names = found.path().strip_prefix(&folder).unwrap().iter().map(|name| name.to_str().unwrap());
            names.collect::<Vec<_>>().join("/")
        };
        let names: Vec<String> = files.filter(|found| found.file_type().is_file()).map(|found| name(&found)).collect();
        let held: Vec<&str> = super::FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, held);
    }
}
