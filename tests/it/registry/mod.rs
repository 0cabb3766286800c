//! Pushing and pulling against a registry that can misbehave.

mod credentials;
mod cuts;
mod pushes;
mod reach;

use galley::image::Platform;
use galley::registry::{Client, Outgoing, RegistryError, TagState, Transport};
use galley::snapshot::Digest;

use crate::double::{Fault, Registry};
use crate::image::{image, tree};
use crate::support::{run, wait};

pub(crate) fn client(registry: &Registry) -> Client {
    Client::new(format!("{}/blog", registry.address).parse().unwrap(), Transport::default()).unwrap()
}

fn platform() -> Platform {
    Platform::of_this_program().unwrap()
}

#[test]
fn what_is_pushed_can_be_pulled() {
    let registry = Registry::start();
    let (client, image) = (client(&registry), image(&tree("hello"), 1));
    wait(async {
        let pushed = client.push(&Outgoing::of(&image), None).await.unwrap();
        assert_eq!(pushed.kept, 0);
        let pulled = client.index().await.unwrap();
        assert_eq!(pulled.digest, image.index.descriptor.digest);
        let manifest = client.manifest(&pulled.index, platform()).await.unwrap();
        for layer in &manifest.layers {
            client.blob(layer).await.unwrap();
        }
        assert_eq!(client.tag_state(pulled.digest).await.unwrap(), TagState::Unchanged);
        assert_eq!(client.tag_state(Digest::of(b"other")).await.unwrap(), TagState::Changed);
    });
}

#[test]
fn blobs_come_before_the_manifest_and_the_tag_comes_last() {
    let registry = Registry::start();
    let image = image(&tree("hello"), 1);
    wait(client(&registry).push(&Outgoing::of(&image), None)).unwrap();
    let puts: Vec<_> = registry.take_log().into_iter().filter(|line| line.starts_with("PUT")).collect();
    let own = format!("PUT /v2/blog/manifests/{}", image.images[0].manifest.descriptor.digest);
    assert_eq!(puts[puts.len() - 2..], [own, "PUT /v2/blog/manifests/latest".to_owned()]);
}

#[test]
fn what_the_registry_has_is_not_pushed_again() {
    let registry = Registry::start();
    let client = client(&registry);
    let (first, second) = (image(&tree("one"), 1), image(&tree("two"), 2));
    wait(async {
        client.push(&Outgoing::of(&first), None).await.unwrap();
        let pushed = client.push(&Outgoing::of(&second), Some(first.index.descriptor.digest)).await.unwrap();
        assert_eq!(pushed.kept, 1);
    });
}

#[test]
fn a_tag_that_somebody_else_moved_is_left_alone() {
    let registry = Registry::start();
    let client = client(&registry);
    let (theirs, ours) = (image(&tree("theirs"), 1), image(&tree("ours"), 1));
    wait(async {
        client.push(&Outgoing::of(&theirs), None).await.unwrap();
        let error = client.push(&Outgoing::of(&ours), None).await.unwrap_err();
        assert!(matches!(error, RegistryError::Overtaken(_)), "{error}");
        assert_eq!(client.index().await.unwrap().digest, theirs.index.descriptor.digest);
    });
}

#[test]
fn a_registry_that_is_busy_is_asked_again() {
    let registry = Registry::start();
    let image = image(&tree("hello"), 1);
    registry.set_fault(Fault::Busy { times: 3, status: 503, retry_after: None });
    wait(client(&registry).push(&Outgoing::of(&image), None)).unwrap();
    registry.set_fault(Fault::Busy { times: 1000, status: 503, retry_after: None });
    let error = wait(client(&registry).index()).unwrap_err().to_string();
    assert!(error.contains("answers 503 to a pull of a manifest"), "{error}");
}

#[test]
fn bytes_that_are_not_what_was_asked_for_are_refused() {
    let registry = Registry::start();
    let (client, image) = (client(&registry), image(&tree("hello"), 1));
    wait(async {
        client.push(&Outgoing::of(&image), None).await.unwrap();
        let layer = &image.images[0].layers[1].descriptor;
        registry.set_fault(Fault::OtherBytes);
        assert!(matches!(client.blob(layer).await, Err(RegistryError::Mismatch { .. })));
        registry.set_fault(Fault::MoreBytes);
        assert!(matches!(client.blob(layer).await, Err(RegistryError::TooLong { .. })));
        registry.set_fault(Fault::FewerBytes);
        assert!(matches!(client.blob(layer).await, Err(RegistryError::TooShort { .. })));
        registry.set_fault(Fault::NoBlobs);
        assert!(matches!(client.blob(layer).await, Err(RegistryError::Status { status: 404, .. })));
    });
}

#[test]
fn an_index_without_this_platform_names_those_that_it_has() {
    let registry = Registry::start();
    let index = br#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":2,
        "platform":{"os":"windows","architecture":"amd64"}}]}"#;
    registry.put_manifest("blog/latest", "application/vnd.oci.image.index.v1+json", index);
    let reference = format!("{}/blog", registry.address);
    run(&["serve", &reference]).says(1, "it has windows/amd64");
    run(&["serve", &format!("{reference}:nothing")]).says(1, "blog:nothing: there is no such image in the registry");
    registry.put_manifest("blog/latest", "application/vnd.oci.image.index.v1+json", b"{");
    run(&["serve", &reference]).says(1, "answers an index with something that can't be read");
    let long = format!("{{\"padding\":\"{}\"}}", "x".repeat(5_000_000));
    registry.put_manifest("blog/latest", "application/vnd.oci.image.index.v1+json", long.as_bytes());
    run(&["serve", &reference]).says(1, "sent more than 4194304 bytes of a manifest; they were dropped");
}
