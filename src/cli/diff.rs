//! `galley diff`

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::RegistryArguments;
use super::image::{Asking, Name};
use super::kept::render_kept;
use super::report::{Report, count, size};
use super::source::{Source, folder_tree};
use crate::image::{Blob, Description, Descriptor, Platform, content_of, layout_images};
use crate::snapshot::{ContentRoot, Difference, Digest, Entry, Tree, TreePath};

/// Show what a push would change
///
/// Renders the site as `galley package` would and compares it with the content of an image: pages and files that are added,
/// changed or removed, by bytes and by date. Differences are a result and no failure.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley diff registry.example/blog\n  \
    galley diff registry.example/blog site --json\n  \
    galley diff oci:image site")]
pub(super) struct Arguments {
    /// What to compare with: an image in a registry, or oci:DIR for the one in an OCI layout
    #[arg(value_name = "REF|oci:DIR")]
    image: Name,
    /// The site's folder, or a rendered folder [default: the working folder, or site/ in it]
    site: Option<String>,
    /// Print one JSON object, for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    registry: RegistryArguments,
}

/// What is printed. As JSON it is public: fields are added, never changed.
#[derive(Serialize)]
struct Comparison {
    image: Compared,
    site: ContentRoot,
    added: Vec<Change>,
    changed: Vec<Change>,
    removed: Vec<Change>,
}

/// What the site is compared with.
#[derive(Serialize)]
struct Compared {
    source: String,
    digest: Digest,
    sequence: Option<u64>,
    content_root: ContentRoot,
}

#[derive(Serialize)]
struct Change {
    path: String,
    /// Of a page: where readers find it.
    url: Option<String>,
    /// In bytes, where it is there.
    size: Option<u64>,
    previous_size: Option<u64>,
    /// Whether the bytes are the same, and only the date of the page is another.
    date_only: bool,
}

/// An image and the tree in it.
struct Held {
    description: Description,
    tree: Tree,
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    let source = Source::resolve(arguments.site.as_deref())?;
    let held = match &arguments.image {
        Name::Registry(reference) => {
            let asking = Asking::new(reference, &arguments.registry)?;
            let root = asking.wait(asking.client.root())?;
            Held::read(&arguments.image, &root, |descriptor| Ok(asking.get(descriptor)?))?
        }
        Name::Layout(folder) => {
            let images = layout_images(folder)?;
            let [image] = &images.images[..] else {
                let names = images.images.iter().map(|image| image.name.as_deref().unwrap_or("one without a name"));
                let names: Vec<_> = names.collect();
                anyhow::bail!("{} holds several images: {}; name a folder with one", arguments.image, names.join(", "));
            };
            Held::read(&arguments.image, &image.root, |descriptor| Ok(images.blob(descriptor)?))?
        }
    };
    let tree = match &source {
        Source::Site(folder) => render_kept(folder, report, "nothing was compared")?.tree,
        _ => folder_tree(&source, report)?,
    };
    let comparison = Comparison::of(&arguments.image, &held, &tree);
    match arguments.json {
        true => report.result(serde_json::to_string_pretty(&comparison)?),
        false => report.result(comparison.text().trim_end()),
    }
    Ok(())
}

impl Held {
    fn read(source: &Name, root: &Blob, get: impl Fn(&Descriptor) -> anyhow::Result<Blob>) -> anyhow::Result<Self> {
        let description = Description::of(root, |descriptor| anyhow::Ok(get(descriptor)?.bytes))?;
        // All platforms have the same content.
        let image = description.image_for(Platform::of_this_program());
        let image = image.with_context(|| format!("{source} has no image in it"))?;
        let layers: anyhow::Result<Vec<Blob>> = image.manifest.content_to_pull()?.into_iter().map(get).collect();
        let tree = content_of(&source.to_string(), &description, &layers?)?;
        Ok(Self { description, tree })
    }
}

impl Comparison {
    fn of(source: &Name, held: &Held, tree: &Tree) -> Self {
        let Difference { added, changed, removed } = Difference::of_trees(&held.tree, tree);
        let changes = |paths: Vec<TreePath>| {
            let change = |path: &TreePath| Change::of(path, held.tree.get(path.as_str()), tree.get(path.as_str()));
            paths.iter().map(change).collect()
        };
        Self {
            image: Compared {
                source: source.to_string(),
                digest: held.description.digest,
                sequence: held.description.sequence,
                content_root: ContentRoot::of(&held.tree),
            },
            site: ContentRoot::of(tree),
            added: changes(added),
            changed: changes(changed),
            removed: changes(removed),
        }
    }

    fn kinds(&self) -> [(&'static str, &[Change]); 3] {
        [("changed", &self.changed), ("added", &self.added), ("removed", &self.removed)]
    }

    fn text(&self) -> String {
        let changes = self.kinds().into_iter().flat_map(|(kind, changes)| changes.iter().map(move |one| (kind, one)));
        let mut lines: Vec<String> = changes.map(|(kind, change)| format!("{kind:9}{change}")).collect();
        lines.push(self.summary());
        lines.join("\n")
    }

    /// `3 pages changed, 1 added; 2 files changed; 12 KB to be packed`.
    fn summary(&self) -> String {
        let parts = [("page", true), ("file", false)].map(|(noun, pages)| self.counts(noun, pages));
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            return format!("nothing differs: content {}", self.site);
        }
        let packed = self.changed.iter().chain(&self.added).filter_map(|change| change.size).sum();
        format!("{}; {} in what is changed or added, before compression", parts.join("; "), size(packed))
    }

    fn counts(&self, noun: &str, pages: bool) -> Option<String> {
        let mut parts = Vec::new();
        for (kind, changes) in self.kinds() {
            match changes.iter().filter(|change| change.url.is_some() == pages).count() {
                0 => {}
                number if parts.is_empty() => parts.push(format!("{} {kind}", count(number, noun))),
                number => parts.push(format!("{number} {kind}")),
            }
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl Change {
    fn of(path: &TreePath, before: Option<&Entry>, after: Option<&Entry>) -> Self {
        let date_only = matches!((before, after), (Some(before), Some(after)) if before.digest() == after.digest());
        Self {
            path: path.to_string(),
            url: url(path.as_str()),
            size: after.map(Entry::length),
            previous_size: before.map(Entry::length),
            date_only,
        }
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.url.as_ref().unwrap_or(&self.path);
        match (self.previous_size, self.size) {
            (Some(_), Some(_)) if self.date_only => write!(f, "{name}  (its date only)"),
            (Some(before), Some(after)) if before < after => {
                write!(f, "{name}  {} (+{})", size(after), size(after - before))
            }
            (Some(before), Some(after)) if before > after => {
                write!(f, "{name}  {} (−{})", size(after), size(before - after))
            }
            (before, after) => write!(f, "{name}  {}", size(after.or(before).unwrap_or_default())),
        }
    }
}

/// Where readers find the page in the file at `path`; `None` for what is no page.
fn url(path: &str) -> Option<String> {
    match path.strip_suffix("index.html") {
        Some(folder) if folder.is_empty() || folder.ends_with('/') => Some(format!("/{folder}")),
        _ => path.ends_with(".html").then(|| format!("/{path}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_named_as_readers_know_them() {
        for (path, expected) in [
            ("index.html", Some("/")),
            ("posts/hello/index.html", Some("/posts/hello/")),
            ("404.html", Some("/404.html")),
            ("posts/reindex.html", Some("/posts/reindex.html")),
            ("feed.xml", None),
            ("index.html.txt", None),
        ] {
            assert_eq!(url(path).as_deref(), expected, "{path}");
        }
    }
}
