//! What templates may call beyond Tera's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use tera::{Error, Kwargs, State, Tera, TeraResult, Value};
use xxhash_rust::xxh3::Xxh3;

use super::sources::Sources;
use crate::site::{Date, Site, slug};
use crate::snapshot::{Digest, Entry, TreePath};

/// Hexadecimal digits of a file's hash in its name: what makes it immutable for the server.
const FINGERPRINT: usize = 16;

/// Style sheets, scripts and other static files as they are published.
#[derive(Default)]
pub(super) struct Published {
    /// Path as the theme names it → path as published and digest.
    paths: BTreeMap<String, (String, Digest)>,
    files: Vec<(TreePath, Entry)>,
}

impl Published {
    /// The theme's files and, so that their hashes can be had too, the style sheets and scripts of the site.
    pub(super) fn of(site: &Site, sources: &mut Sources, fingerprint: bool) -> Self {
        let mut published = Self::default();
        for (path, bytes) in std::mem::take(&mut sources.files) {
            let entry = Entry::new(bytes, None);
            let name = if fingerprint { fingerprinted(&path, entry.digest()) } else { path.clone() };
            match TreePath::new(&name) {
                Ok(output) => {
                    published.paths.insert(path, (name, entry.digest()));
                    published.files.push((output, entry));
                }
                Err(error) => {
                    let path = format!("themes/{}/static/{path}", sources.name);
                    sources.findings.push(crate::finding::Finding::error(&path, None, error.to_string()));
                }
            }
        }
        for asset in site.assets.iter().filter(|asset| is_code(asset.output.as_str())) {
            if let Ok(bytes) = site.files.read(&asset.source, asset.length) {
                let path = asset.output.as_str().to_owned();
                published.paths.insert(path.clone(), (path, Digest::of(&Bytes::from(bytes))));
            }
        }
        published
    }

    pub(super) fn hash(&self, hasher: &mut Xxh3) {
        for (path, (name, digest)) in &self.paths {
            hasher.update(format!("{path} {name} {digest}\n").as_bytes());
        }
    }

    pub(super) fn into_files(self) -> Vec<(TreePath, Entry)> {
        self.files
    }
}

/// The site's style sheets and scripts, each with the reading in which it was looked at.
pub(super) fn code(site: &Site) -> Vec<(TreePath, Option<u64>)> {
    let code = site.assets.iter().filter(|asset| is_code(asset.output.as_str()));
    code.map(|asset| (asset.output.clone(), asset.seen)).collect()
}

fn is_code(path: &str) -> bool {
    [".css", ".js"].iter().any(|ending| path.ends_with(ending))
}

/// `style.css` with 16 digits of its hash is `style.0123456789abcdef.css`; pictures and fonts keep their names.
fn fingerprinted(path: &str, digest: Digest) -> String {
    match path.rsplit_once('.') {
        Some((stem, ending)) if is_code(path) => format!("{stem}.{}.{ending}", &digest.hex()[..FINGERPRINT]),
        _ => path.to_owned(),
    }
}

/// Registers what needs nothing of the site.
pub(super) fn register(tera: &mut Tera) {
    tera.register_filter("slug", |text: &str, _: Kwargs, _: &State<'_>| slug(text));
    tera.register_filter("date", |text: &str, arguments: Kwargs, _: &State<'_>| date(text, &arguments));
    tera.register_filter("json", |value: &Value, _: Kwargs, _: &State<'_>| json(value));
    tera.register_filter("markdown", |text: &str, _: Kwargs, _: &State<'_>| {
        Value::safe_string(&super::super::markdown::inline(text))
    });
    tera.register_filter("absolute", absolute);
}

/// `{{ page.date.iso | date(format="%d.%m.%Y") }}`.
fn date(text: &str, arguments: &Kwargs) -> TeraResult<String> {
    let format = arguments.get::<&str>("format")?.unwrap_or("%Y-%m-%d");
    let date = Date::parse_utc(text).ok_or_else(|| Error::message(format!("'{text}' is no date")))?;
    date.format(format).map_err(|error| Error::message(format!("the format '{format}': {error}")))
}

/// JSON for a script element: `<` would end it, or begin a comment.
fn json(value: &Value) -> TeraResult<Value> {
    let json = serde_json::to_string(value).map_err(|error| Error::message(error.to_string()))?;
    Ok(Value::safe_string(&json.replace('<', "\\u003c")))
}

/// A rooted URL with the site's `base_url` before it, where there is one.
fn absolute(url: &str, _: Kwargs, state: &State<'_>) -> TeraResult<String> {
    let base = state.get::<Value>("site")?;
    let base = base.as_ref().and_then(|site| site.get_from_path("base_url")).and_then(Value::as_str);
    Ok(if url.starts_with('/') && !url.starts_with("//") {
        format!("{}{url}", base.unwrap_or_default())
    } else {
        url.to_owned()
    })
}

/// Registers `asset` and `integrity`.
pub(super) fn register_assets(tera: &mut Tera, published: &Published) {
    let paths = Arc::new(published.paths.clone());
    let of = Arc::clone(&paths);
    tera.register_function("asset", move |arguments: Kwargs, _: &State<'_>| -> TeraResult<String> {
        let path = arguments.must_get::<&str>("path")?;
        let known = of.get(path.trim_start_matches('/'));
        Ok(known.map_or_else(|| format!("/{}", path.trim_start_matches('/')), |(name, _)| format!("/{name}")))
    });
    tera.register_function("integrity", move |arguments: Kwargs, _: &State<'_>| -> TeraResult<String> {
        let path = arguments.must_get::<&str>("path")?;
        let (_, digest) = paths.get(path.trim_start_matches('/')).ok_or_else(|| {
            Error::message(format!("there is no style sheet or script '{path}' in the theme or in static/"))
        })?;
        // Subresource Integrity, section 3.1: the hash in base64.
        Ok(format!("sha256-{}", BASE64_STANDARD.encode(digest.bytes())))
    });
}
