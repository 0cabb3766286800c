//! Images of all makers, described.

use serde_json::{Value, json};

use super::reading::{CONFIG_TYPES, REFERENCE_DIGEST, REFERENCE_TYPE};
use super::*;
use crate::image::manifest::ROLE;

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Blobs by digest.
#[derive(Default)]
struct Store(HashMap<Digest, Bytes>);

impl Store {
    fn put(&mut self, media_type: &str, value: &Value) -> Value {
        let bytes = Bytes::from(value.to_string());
        let digest = Digest::of(&bytes);
        self.0.insert(digest, bytes.clone());
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// A manifest with a config and layers of these texts.
    fn image(&mut self, architecture: &str, layers: &[Value], config: &Value) -> Value {
        let mut config = config.clone();
        config["os"] = "linux".into();
        config["architecture"] = architecture.into();
        let config = self.put(CONFIG_TYPES[0], &config);
        self.put(OCI_MANIFEST, &json!({"schemaVersion": 2, "config": config, "layers": layers}))
    }

    fn describe(&self, media_type: &str, root: &Value) -> Result<Description, DescriptionError> {
        let bytes = Bytes::from(root.to_string());
        let root = Blob { descriptor: Descriptor::of(media_type, &bytes), bytes };
        Description::of(&root, |descriptor| Ok(self.0[&descriptor.digest].clone()))
    }
}

fn layer(text: &str, role: Option<&str>) -> Value {
    let mut layer = json!({"mediaType": OCI_LAYER, "digest": Digest::of(text.as_bytes()), "size": text.len()});
    if let Some(role) = role {
        layer["annotations"] = json!({ROLE: role});
    }
    layer
}

fn index(manifests: &[Value]) -> Value {
    json!({"schemaVersion": 2, "manifests": manifests})
}

fn on(mut descriptor: Value, platform: Value) -> Value {
    descriptor["platform"] = platform;
    descriptor
}

#[test]
fn an_image_of_galleys_shows_roles_and_what_is_shared() {
    let mut store = Store::default();
    let config = json!({"config": {"User": "65532:65532", "Entrypoint": ["/galley"], "Cmd": ["serve", "/site"],
        "ExposedPorts": {"8080/tcp": {}}, "Labels": {"org.opencontainers.image.title": "A blog"}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:1"]}});
    let base = layer("base of all", Some("base"));
    let images = ["amd64", "arm64"].map(|name| {
        let image = store.image(name, &[layer(&format!("program for {name}"), Some("binary")), base.clone()], &config);
        on(image, json!({"os": "linux", "architecture": name}))
    });
    let mut root = index(&images);
    root["annotations"] = json!({CONTENT_ROOT: "sha256:22", SEQUENCE: "7", SIGNATURE: "c2ln",
        "org.opencontainers.image.revision": "4d4f173"});
    let found = store.describe(OCI_INDEX, &root).unwrap();
    assert_eq!((found.content_root.as_deref(), found.sequence, found.signed), (Some("sha256:22"), Some(7), true));
    assert_eq!((found.origin.title.as_deref(), found.origin.revision.as_deref()), (Some("A blog"), Some("4d4f173")));
    assert_eq!(found.shared, 11);
    let [amd64, arm64] = &found.platforms[..] else { panic!("{found:?}") };
    assert_eq!((amd64.platform.as_deref(), arm64.platform.as_deref()), (Some("linux/amd64"), Some("linux/arm64")));
    let layers: Vec<_> = amd64.layers.iter().map(|layer| (layer.role, layer.platforms)).collect();
    assert_eq!(layers, [(Some("binary"), 1), (Some("base"), 2)]);
    assert_eq!(
        (amd64.user.as_deref(), &amd64.command[..]),
        (Some("65532:65532"), &["serve".into(), "/site".into()][..])
    );
    assert_eq!((&amd64.ports[..], &amd64.diff_ids[..]), (&["8080/tcp".to_owned()][..], &["sha256:1".to_owned()][..]));
    // What is shared is moved with each platform, and lies in the registry once.
    assert_eq!(found.size, root.to_string().len() as u64 + amd64.size + arm64.size - 11);
}

#[test]
fn dockers_types_and_its_nulls_are_read() {
    let mut store = Store::default();
    let config = json!({"os": "linux", "architecture": "arm", "variant": "v7", "created": "2020-01-02T03:04:05Z",
        "config": {"User": "", "Entrypoint": null, "Cmd": ["sh"], "ExposedPorts": null, "Labels": null}});
    let config = store.put(CONFIG_TYPES[1], &config);
    let manifest = json!({"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": [
        {"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "digest": Digest::of(b"x"), "size": 1}]});
    let listed =
        on(store.put(DOCKER_MANIFEST, &manifest), json!({"os": "linux", "architecture": "arm", "variant": "v7"}));
    for found in [store.describe(DOCKER_LIST, &index(&[listed])), store.describe(DOCKER_MANIFEST, &manifest)] {
        let found = found.unwrap();
        let [image] = &found.platforms[..] else { panic!("{found:?}") };
        assert_eq!((image.platform.as_deref(), image.layers[0].role), (Some("linux/arm/v7"), None));
        assert_eq!((found.origin.created.as_deref(), found.content_root), (Some("2020-01-02T03:04:05Z"), None));
        assert_eq!(image.command, ["sh"]);
    }
}

#[test]
fn what_is_no_image_in_an_index_is_named_as_what_it_is() {
    let mut store = Store::default();
    let image =
        on(store.image("amd64", &[layer("x", None)], &json!({})), json!({"os": "linux", "architecture": "amd64"}));
    let about = image["digest"].clone();
    let nowhere = json!({"os": "unknown", "architecture": "unknown"});
    let mut attestation = on(store.image("unknown", &[layer("statement", None)], &json!({})), nowhere.clone());
    attestation["annotations"] = json!({REFERENCE_TYPE: "attestation-manifest", REFERENCE_DIGEST: about});
    let unknown = on(store.image("none", &[], &json!({})), nowhere);
    let inner = store.put(OCI_INDEX, &index(&[]));
    let foreign = store.put("application/x-thing", &json!(1));
    let found = store.describe(OCI_INDEX, &index(&[image, attestation, unknown, inner, foreign])).unwrap();
    let kinds: Vec<_> = found.others.iter().map(|other| other.kind).collect();
    assert_eq!(kinds, [OtherKind::Attestation, OtherKind::Unknown, OtherKind::Index, OtherKind::Unknown]);
    assert_eq!(found.others[0].about.as_deref(), about.as_str());
    assert!(found.others[0].size > 9, "its layers count, too: {:?}", found.others[0]);
    assert_eq!(found.platforms.len(), 1);
}

#[test]
fn an_artifact_with_a_config_of_its_own_is_no_fault() {
    let mut store = Store::default();
    let config = store.put("application/vnd.cncf.helm.config.v1+json", &json!(["anything"]));
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": [], "annotations": {SEQUENCE: "3"}});
    // Known by its shape: nothing says what it is.
    let found = store.describe("", &manifest).unwrap();
    assert_eq!((found.platforms[0].platform.as_deref(), found.sequence), (None, Some(3)));
}

#[test]
fn what_is_no_image_or_far_too_large_is_refused() {
    let mut store = Store::default();
    let says = |found: Result<Description, DescriptionError>, part: &str| {
        let error = found.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    says(
        store.describe("application/vnd.docker.distribution.manifest.v1+prettyjws", &json!({})),
        "is no image: its type",
    );
    says(store.describe("", &json!({"hello": 1})), "is no image");
    says(store.describe(OCI_INDEX, &json!([])), "can't be read: ");
    let entry = layer("x", None);
    says(store.describe(OCI_INDEX, &index(&vec![entry; MAX_MANIFESTS + 1])), "lists 201 manifests");
    let mut image = store.image("amd64", &[], &json!({}));
    image["size"] = (5 << 20).into();
    says(store.describe(OCI_INDEX, &index(&[image])), "it has 5242880 bytes");
    let huge = json!({"mediaType": OCI_LAYER, "digest": Digest::of(b"1"), "size": u64::MAX});
    let image = store.image("amd64", &[huge.clone(), huge, layer("x", None)], &json!({}));
    assert_eq!(store.describe(OCI_INDEX, &index(&[image])).unwrap().size, u64::MAX);
}
