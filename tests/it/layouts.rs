//! OCI layouts made by hand, blob by blob: those that galley would not write.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use galley::image::Platform;
use galley::snapshot::Digest;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(crate) const TAR: &str = "application/vnd.oci.image.layer.v1.tar";

/// A layout in a temporary folder.
pub(crate) struct Layout(TempDir);

impl Layout {
    pub(crate) fn new() -> Self {
        let layout = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(layout.path().join("blobs/sha256")).unwrap();
        fs::write(layout.path().join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}").unwrap();
        layout
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// As verbs take it.
    pub(crate) fn source(&self) -> String {
        format!("oci:{}", self.path().display())
    }

    /// Where the blob of a descriptor lies.
    pub(crate) fn file(&self, descriptor: &Value) -> PathBuf {
        let digest = descriptor["digest"].as_str().unwrap();
        self.path().join("blobs/sha256").join(digest.strip_prefix("sha256:").unwrap())
    }

    /// Writes a blob and returns its descriptor.
    pub(crate) fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let descriptor = json!({"mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len()});
        fs::write(self.file(&descriptor), bytes).unwrap();
        descriptor
    }

    pub(crate) fn json(&self, media_type: &str, value: &Value) -> Value {
        self.blob(media_type, value.to_string().as_bytes())
    }

    /// A layer of a compressed archive with galley's role, and its diff_id.
    pub(crate) fn layer(&self, archive: &[u8], role: &str) -> (Value, Digest) {
        let mut descriptor = self.blob(GZIP, &gzip(archive));
        if !role.is_empty() {
            descriptor["annotations"] = json!({"dev.galley.role": role});
        }
        (descriptor, Digest::of(archive))
    }

    /// A manifest for this machine, with a config that promises `diff_ids`.
    pub(crate) fn image(&self, layers: &[Value], diff_ids: &[Digest]) -> Value {
        let platform = serde_json::to_value(Platform::of_this_program().unwrap().fields()).unwrap();
        self.image_for(&platform, layers, diff_ids)
    }

    pub(crate) fn image_for(&self, platform: &Value, layers: &[Value], diff_ids: &[Digest]) -> Value {
        let mut config = platform.clone();
        config["rootfs"] = json!({"type": "layers", "diff_ids": diff_ids});
        config["config"] = json!({"User": "65532:65532", "Entrypoint": ["/galley"], "Cmd": ["serve", "/site"]});
        let config = self.json(CONFIG, &config);
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        let mut descriptor = self.json(MANIFEST, &manifest);
        descriptor["platform"] = platform.clone();
        descriptor
    }

    /// An index with these manifests and annotations.
    pub(crate) fn index(&self, manifests: &[Value], annotations: &Value) -> Value {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, "annotations": annotations});
        self.json(INDEX, &index)
    }

    /// What the layout lists: the last step.
    pub(crate) fn list(&self, entries: &[Value]) {
        let index = json!({"schemaVersion": 2, "manifests": entries});
        fs::write(self.path().join("index.json"), index.to_string()).unwrap();
    }

    /// A whole image of one layer with the role "base".
    pub(crate) fn of_archive(archive: &[u8]) -> Self {
        let layout = Self::new();
        let (layer, diff_id) = layout.layer(archive, "base");
        layout.list(&[layout.index(&[layout.image(&[layer], &[diff_id])], &json!({}))]);
        layout
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An archive whose names are written past all checks, as an attacker would.
pub(crate) fn archive(entries: &[(&[u8], EntryType, &str)]) -> Vec<u8> {
    archive_with_mode(entries, 0o644)
}

pub(crate) fn archive_with_mode(entries: &[(&[u8], EntryType, &str)], mode: u32) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, kind, text) in entries {
        let mut header = Header::new_ustar();
        header.set_entry_type(*kind);
        header.set_mode(mode);
        header.as_old_mut().name[..path.len()].copy_from_slice(path);
        let is_file = kind.is_file() || kind.is_pax_local_extensions();
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name(text).unwrap();
        }
        let body = if is_file { text.as_bytes() } else { b"" };
        header.set_size(body.len() as u64);
        header.set_cksum();
        builder.append(&header, body).unwrap();
    }
    builder.into_inner().unwrap()
}

/// The text of a pax header that gives the entry behind it this path (pax(1)): with its own length, which it counts.
pub(crate) fn pax(path: &str) -> String {
    let record = |length: usize| format!("{length} path={path}\n");
    let length = (0..).find(|length| record(*length).len() == *length).unwrap();
    record(length)
}

/// One file of a site.
pub(crate) fn file<'a>(path: &'a str, text: &'a str) -> (&'a [u8], EntryType, &'a str) {
    (path.as_bytes(), EntryType::Regular, text)
}
