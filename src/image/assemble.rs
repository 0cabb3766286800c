//! From a binary and a tree to an image: config, manifest, index.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use super::binary::Binary;
use super::layer::Layer;
use super::manifest::{Blob, CONTENT_ROOT, Descriptor, Index, Manifest, MediaType, SEQUENCE};
use super::platform::Platform;
use crate::snapshot::{ContentRoot, Digest, Tree};

/// The port that an image listens on.
const PORT: u16 = 8080;
/// Where it answers probes.
const CONTROL_PORT: u16 = 8081;

/// Where the content comes from, for labels and annotations (annotations.md, "Pre-Defined Annotation Keys").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The blog's title.
    pub title: String,
    /// The commit.
    pub revision: Option<String>,
    /// Where its repository is.
    pub source: Option<String>,
    /// When it was committed, RFC 3339.
    pub created: Option<String>,
}

impl Origin {
    fn annotations(&self) -> BTreeMap<String, String> {
        let pairs = [("revision", &self.revision), ("source", &self.source), ("created", &self.created)];
        let pairs = pairs.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        pairs.map(|(name, value)| (format!("org.opencontainers.image.{name}"), value)).collect()
    }
}

/// An image with all its blobs, ready to be pushed or written.
#[derive(Clone, Debug)]
pub struct Image {
    /// The layers, lowest first.
    pub layers: Vec<Layer>,
    /// The config.
    pub config: Blob,
    /// The manifest.
    pub manifest: Blob,
    /// The index: its digest is the release's name.
    pub index: Blob,
    /// The content root of the tree.
    pub root: ContentRoot,
    /// The release's number.
    pub sequence: u64,
    /// What it runs on.
    pub platform: Platform,
}

impl Image {
    /// All blobs in the order in which a registry must get them: what is referred to comes first.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.layers.iter().map(|layer| &layer.blob).chain([&self.config])
    }

    /// Whether `manifest` has the same layers: the same binary and the same content, whatever commit they come from.
    pub fn has_layers_of(&self, manifest: &Manifest) -> bool {
        let own = self.layers.iter().map(|layer| layer.blob.descriptor.digest);
        own.eq(manifest.layers.iter().map(|layer| layer.digest))
    }
}

#[derive(Serialize)]
struct Config<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<&'a str>,
    architecture: &'a str,
    os: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'a str>,
    config: Execution<'a>,
    rootfs: RootFs,
}

/// config.md, "config": how a container is started.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Execution<'a> {
    user: &'a str,
    exposed_ports: BTreeMap<String, BTreeMap<(), ()>>,
    env: [String; 2],
    entrypoint: [&'a str; 1],
    cmd: [&'a str; 2],
    labels: BTreeMap<String, String>,
    stop_signal: &'a str,
}

#[derive(Serialize)]
struct RootFs {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<Digest>,
}

/// Assembles the image of `binary` with `tree`. The same arguments give the same bytes on any machine and day.
pub fn assemble(binary: &Binary, tree: &Tree, origin: &Origin, sequence: u64) -> io::Result<Image> {
    let root = ContentRoot::of(tree);
    let layers = vec![Layer::of_binary(&binary.bytes)?, Layer::of_tree(tree)?];
    let config = Blob::json(MediaType::CONFIG, &config(binary, origin, root, &layers))?;
    let descriptors = layers.iter().map(|layer| layer.blob.descriptor.clone()).collect();
    let manifest = Manifest {
        schema_version: 2,
        media_type: MediaType::MANIFEST.to_owned(),
        config: config.descriptor.clone(),
        layers: descriptors,
    };
    let manifest = Blob::json(MediaType::MANIFEST, &manifest)?;
    let mut annotations = origin.annotations();
    annotations.insert(CONTENT_ROOT.to_owned(), root.to_string());
    annotations.insert(SEQUENCE.to_owned(), sequence.to_string());
    let index = Index {
        schema_version: 2,
        media_type: MediaType::INDEX.to_owned(),
        manifests: vec![Descriptor { platform: Some(binary.platform.fields()), ..manifest.descriptor.clone() }],
        annotations,
    };
    let index = Blob::json(MediaType::INDEX, &index)?;
    Ok(Image { layers, config, manifest, index, root, sequence, platform: binary.platform })
}

fn config_labels(origin: &Origin, root: ContentRoot) -> BTreeMap<String, String> {
    let mut labels = origin.annotations();
    labels.insert("org.opencontainers.image.title".to_owned(), origin.title.clone());
    labels.insert(CONTENT_ROOT.to_owned(), root.to_string());
    labels
}

fn config(binary: &Binary, origin: &Origin, root: ContentRoot, layers: &[Layer]) -> serde_json::Value {
    let platform = binary.platform.fields();
    let config = Config {
        created: origin.created.as_deref(),
        architecture: &platform.architecture,
        os: &platform.os,
        variant: platform.variant.as_deref(),
        config: Execution {
            user: "65532:65532",
            exposed_ports: BTreeMap::from([(format!("{PORT}/tcp"), BTreeMap::new())]),
            // The container's own loopback: what is in the container may ask, nobody else.
            env: [format!("GALLEY_LISTEN=0.0.0.0:{PORT}"), format!("GALLEY_CONTROL=127.0.0.1:{CONTROL_PORT}")],
            entrypoint: ["/galley"],
            cmd: ["serve", "/site"],
            labels: config_labels(origin, root),
            stop_signal: "SIGTERM",
        },
        rootfs: RootFs { kind: "layers", diff_ids: layers.iter().map(|layer| layer.diff_id).collect() },
    };
    serde_json::to_value(config).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Platform;
    use crate::snapshot::{Entry, TreePath};
    use bytes::Bytes;

    fn image(text: &'static str, sequence: u64) -> Image {
        let mut tree = Tree::new();
        let entry = Entry::new(Bytes::from_static(text.as_bytes()), None);
        tree.insert(TreePath::new("index.html").unwrap(), entry).unwrap();
        let binary = Binary { bytes: Bytes::from_static(b"program"), platform: Platform::Arm64 };
        let origin = Origin {
            title: "A blog".to_owned(),
            revision: Some("0".repeat(46)),
            source: Some("https://git.example/somebody/a-blog-of-a-usual-name.git".to_owned()),
            created: Some("2026-11-21T10:00:00Z".to_owned()),
        };
        assemble(&binary, &tree, &origin, sequence).unwrap()
    }

    #[test]
    fn the_same_input_gives_the_same_index() {
        assert_eq!(image("a", 1).index.bytes, image("a", 1).index.bytes);
        assert_ne!(image("a", 1).index.bytes, image("a", 2).index.bytes);
        assert_ne!(image("a", 1).index.bytes, image("b", 1).index.bytes);
    }

    #[test]
    fn a_release_is_known_again_by_its_layers() {
        let manifest: Manifest = serde_json::from_slice(&image("a", 1).manifest.bytes).unwrap();
        assert!(image("a", 7).has_layers_of(&manifest));
        assert!(!image("b", 1).has_layers_of(&manifest));
    }

    /// They are pushed at every edit (formats.md).
    #[test]
    fn the_annotations_of_an_index_stay_short() {
        let index: Index = serde_json::from_slice(&image("a", 123_456).index.bytes).unwrap();
        let length = serde_json::to_vec(&index.annotations).unwrap().len();
        assert!(length < 600, "{length}");
        assert_eq!(index.sequence(), 123_456);
    }

    #[test]
    fn the_config_says_how_to_run_it() {
        let config: serde_json::Value = serde_json::from_slice(&image("a", 1).config.bytes).unwrap();
        assert_eq!((&config["architecture"], &config["variant"]), (&"arm64".into(), &"v8".into()));
        assert_eq!(config["config"]["User"], "65532:65532");
        assert_eq!(config["config"]["Cmd"], serde_json::json!(["serve", "/site"]));
        let env = serde_json::json!(["GALLEY_LISTEN=0.0.0.0:8080", "GALLEY_CONTROL=127.0.0.1:8081"]);
        assert_eq!(config["config"]["Env"], env);
        assert_eq!(config["config"]["ExposedPorts"], serde_json::json!({"8080/tcp": {}}));
        assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
    }
}
