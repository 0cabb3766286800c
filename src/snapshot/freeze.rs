//! Freezing: a tree becomes the one immutable value that requests read.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use rayon::prelude::*;

use super::coding::Coding;
use super::codings::Codings;
use super::digest::Digest;
use super::media_type;
use super::root::ContentRoot;
use super::tree::{Entry, Modified, Tree, TreePath};

/// The page that answers requests for what is not there.
const NOT_FOUND: &str = "/404.html";
/// The file that a folder's URL stands for.
const INDEX: &str = "index.html";

/// Pages are asked for again each time and mostly answered by 304.
const CACHE_PAGE: &str = "no-cache";
/// Feeds and the sitemap are polled by machines.
const CACHE_FEED: &str = "public, max-age=600";
/// Other files under a stable name.
const CACHE_ASSET: &str = "public, max-age=3600, stale-while-revalidate=86400";
/// Files whose name holds their own hash.
const CACHE_IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// One coding of a resource, with all header fields of its 200 answer.
#[derive(Debug)]
pub struct Representation {
    /// The content coding.
    pub coding: Coding,
    /// The coded bytes.
    pub bytes: Bytes,
    /// The fields of a 200 answer, `Content-Length` among them.
    pub headers: HeaderMap,
    /// Its strong entity tag, quotes included.
    pub entity_tag: HeaderValue,
}

/// What one path answers with.
#[derive(Debug)]
pub struct Resource {
    /// By size, the smallest first: among equally acceptable codings the first one is sent.
    pub representations: Vec<Representation>,
    /// The modification date, which `Last-Modified` carries.
    pub modified: Option<Modified>,
    digest: Digest,
}

/// What a path leads to.
#[derive(Debug)]
pub enum Lookup<'a> {
    /// A resource.
    Found(&'a Resource),
    /// A folder's path without its slash: the resource is at the path with one.
    MissesSlash,
    /// The file behind a folder's path: the resource is at the path without `index.html`.
    NamesIndex,
    /// Nothing.
    Missing,
}

/// All resources of one content root, immutable.
#[derive(Debug)]
pub struct Snapshot {
    root: ContentRoot,
    resources: HashMap<String, Arc<Resource>>,
    not_found: Option<Arc<Resource>>,
}

impl Snapshot {
    /// The content root of the tree that was frozen.
    pub fn root(&self) -> ContentRoot {
        self.root
    }

    /// What `path`, percent-decoded and beginning with `/`, leads to.
    pub fn lookup(&self, path: &str) -> Lookup<'_> {
        if let Some(resource) = self.resources.get(path) {
            return Lookup::Found(resource);
        }
        if !path.ends_with('/') && self.resources.contains_key(&format!("{path}/")) {
            return Lookup::MissesSlash;
        }
        match path.strip_suffix(INDEX) {
            Some(folder) if folder.ends_with('/') && self.resources.contains_key(folder) => Lookup::NamesIndex,
            _ => Lookup::Missing,
        }
    }

    /// The 404 page, if the tree has one.
    pub fn not_found(&self) -> Option<&Resource> {
        self.not_found.as_deref()
    }

    /// All resources, in no order.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.values().map(Arc::as_ref)
    }

    /// The number of paths that answer.
    pub fn len(&self) -> usize {
        self.resources.len()
    }

    /// Whether no path answers.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// The bytes held, of all codings.
    pub fn length(&self) -> usize {
        let representations = self.resources.values().flat_map(|resource| &resource.representations);
        representations.map(|representation| representation.bytes.len()).sum()
    }
}

/// Freezes `tree`. Resources that are the same in `previous` are shared with it and not made again.
pub fn freeze(tree: &Tree, previous: Option<&Snapshot>) -> io::Result<Snapshot> {
    freeze_with(tree, previous, &Codings::default())
}

/// The same with codings that were made before.
pub fn freeze_with(tree: &Tree, previous: Option<&Snapshot>, codings: &Codings) -> io::Result<Snapshot> {
    let root = ContentRoot::of(tree);
    let entries: Vec<_> = tree.iter().filter(|(path, _)| is_public(path)).collect();
    let resources = entries
        .into_par_iter()
        .map(|(path, entry)| {
            let url = url_of(path);
            let kept = previous.and_then(|previous| previous.resources.get(&url)).filter(|kept| kept.is(entry));
            match kept {
                Some(kept) => Ok((url, Arc::clone(kept))),
                None => Ok((url, Arc::new(Resource::of(path, entry, codings)?))),
            }
        })
        .collect::<io::Result<HashMap<_, _>>>()?;
    let not_found = resources.get(NOT_FOUND).cloned();
    Ok(Snapshot { root, resources, not_found })
}

/// Dot files are kept from readers; `.well-known` is what RFC 8615 reserves for them.
fn is_public(path: &TreePath) -> bool {
    path.names().all(|name| !name.starts_with('.') || name == ".well-known")
}

fn url_of(path: &TreePath) -> String {
    let path = path.as_str();
    match path.strip_suffix(INDEX) {
        Some("") => "/".to_owned(),
        Some(folder) if folder.ends_with('/') => format!("/{folder}"),
        _ => format!("/{path}"),
    }
}

impl Resource {
    /// The SHA-256 of the bytes as they are.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    fn of(path: &TreePath, entry: &Entry, codings: &Codings) -> io::Result<Self> {
        let identity = entry.read()?;
        let media_type = media_type::of(path.names().last().unwrap_or_default());
        let gzip = if media_type.compressible { codings.gzip(entry.digest(), &identity) } else { None };
        let mut common = HeaderMap::with_capacity(8);
        common.insert(header::CONTENT_TYPE, media_type.name);
        common.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_policy(path, entry)));
        if let Some(modified) = entry.modified() {
            common.insert(header::LAST_MODIFIED, http_date(modified));
        }
        if gzip.is_some() {
            common.insert(header::VARY, HeaderValue::from_name(header::ACCEPT_ENCODING));
        }
        let gzip = gzip.map(|bytes| Representation::of(Coding::Gzip, bytes, common.clone()));
        let identity = Representation::of(Coding::Identity, identity, common);
        let representations = gzip.into_iter().chain([identity]).collect();
        Ok(Self { representations, modified: entry.modified(), digest: entry.digest() })
    }

    /// The path is the same where this is asked, so only bytes and date can differ.
    fn is(&self, entry: &Entry) -> bool {
        self.digest == entry.digest() && self.modified == entry.modified()
    }
}

impl Representation {
    fn of(coding: Coding, bytes: Bytes, mut headers: HeaderMap) -> Self {
        let entity_tag = header_value(&format!("\"{}\"", Digest::of(&bytes).short()));
        if coding != Coding::Identity {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        headers.insert(header::ETAG, entity_tag.clone());
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        Self { coding, bytes, headers, entity_tag }
    }

    /// The fields of a 304 answer: those that a 200 would have sent and a cache may need (RFC 9110 section 15.4.5).
    pub fn not_modified_headers(&self) -> HeaderMap {
        const KEPT: [HeaderName; 4] = [header::CACHE_CONTROL, header::ETAG, header::VARY, header::LAST_MODIFIED];
        let kept = KEPT.into_iter().filter_map(|name| Some((name.clone(), self.headers.get(name)?.clone())));
        kept.collect()
    }
}

fn cache_policy(path: &TreePath, entry: &Entry) -> &'static str {
    let name = path.names().last().unwrap_or_default();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "html" => CACHE_PAGE,
        "xml" | "json" if name.starts_with("feed.") || name.starts_with("sitemap") => CACHE_FEED,
        _ if name.contains(&entry.digest().short()) => CACHE_IMMUTABLE,
        _ => CACHE_ASSET,
    }
}

fn http_date(modified: Modified) -> HeaderValue {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(modified.seconds().min(LATEST_SECOND));
    header_value(&httpdate::fmt_http_date(time))
}

/// 9999-12-31T23:59:59Z: `httpdate` formats no later time.
const LATEST_SECOND: u64 = 253_402_300_799;

/// For texts made of visible ASCII here.
fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::new();
        for (path, text) in files {
            let entry = Entry::new(Bytes::copy_from_slice(text.as_bytes()), None);
            tree.insert(TreePath::new(path).unwrap(), entry).unwrap();
        }
        tree
    }

    #[test]
    fn a_resource_that_did_not_change_is_shared() {
        let old = freeze(&tree(&[("a.txt", "same"), ("b.txt", "old")]), None).unwrap();
        let new = freeze(&tree(&[("a.txt", "same"), ("b.txt", "new")]), Some(&old)).unwrap();
        assert!(Arc::ptr_eq(&old.resources["/a.txt"], &new.resources["/a.txt"]));
        assert!(!Arc::ptr_eq(&old.resources["/b.txt"], &new.resources["/b.txt"]));
        assert_ne!(old.root(), new.root());
    }

    #[test]
    fn only_a_file_named_by_its_own_hash_is_immutable() {
        let own = format!("main.{}.css", Digest::of(b"x").short());
        let other = format!("main.{}.css", Digest::of(b"y").short());
        let snapshot = freeze(&tree(&[(&own, "x"), (&other, "x")]), None).unwrap();
        let policy = |name: &str| {
            let resource = &snapshot.resources[&format!("/{name}")];
            resource.representations[0].headers[header::CACHE_CONTROL].clone()
        };
        assert_eq!(policy(&own), CACHE_IMMUTABLE);
        assert_eq!(policy(&other), CACHE_ASSET);
    }

    #[test]
    fn dot_files_are_not_answered() {
        let snapshot = freeze(&tree(&[(".env", "KEY=1"), (".well-known/security.txt", "Contact:")]), None).unwrap();
        assert!(matches!(snapshot.lookup("/.env"), Lookup::Missing));
        assert!(matches!(snapshot.lookup("/.well-known/security.txt"), Lookup::Found(_)));
    }
}
