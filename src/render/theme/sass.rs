//! Sass: the one place that knows grass. `sass/style.scss` becomes `style.css`; names that begin with `_` are parts.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use grass::{Fs, Options};

use super::sources::{Source, Sources};
use crate::finding::{Finding, Position};

/// The files of `sass/`, of whichever theme they came.
#[derive(Debug)]
struct Sheets<'a>(BTreeMap<PathBuf, &'a str>);

impl Fs for Sheets<'_> {
    fn is_dir(&self, path: &Path) -> bool {
        self.0.keys().any(|file| file.starts_with(path) && file != path)
    }

    fn is_file(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(text.as_bytes().to_vec())
    }
}

/// Compiles the style sheets and adds them to the files.
pub(super) fn compile(sources: &mut Sources) {
    let sass = std::mem::take(&mut sources.sass);
    let sheets = Sheets(sass.iter().map(|(name, source)| (PathBuf::from(name), source.text.as_str())).collect());
    let options = Options::default().fs(&sheets);
    for (name, source) in &sass {
        let Some(output) = output_of(name) else { continue };
        match grass::from_path(name, &options) {
            Ok(css) => sources.add_file(&output, css.into_bytes()),
            Err(error) => sources.findings.push(finding(&error, &sass, source)),
        }
    }
}

fn output_of(name: &str) -> Option<String> {
    let file = name.rsplit('/').next()?;
    let stem = name.strip_suffix(".scss").or_else(|| name.strip_suffix(".sass"))?;
    (!file.starts_with('_')).then(|| format!("{stem}.css"))
}

fn finding(error: &grass::Error, sass: &BTreeMap<String, Source>, source: &Source) -> Finding {
    match error.clone().kind() {
        grass::ErrorKind::ParseError { message, loc, .. } => {
            let origin = sass.get(loc.file.name()).map_or(source.origin.as_str(), |source| source.origin.as_str());
            let at = Position { line: loc.begin.line + 1, column: loc.begin.column + 1 };
            Finding::error(origin, Some(at), message.trim_end_matches('.'))
        }
        _ => Finding::error(&source.origin, None, crate::config::one_line(&error.to_string())),
    }
}
