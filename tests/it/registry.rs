//! Pushing and pulling against a registry that can misbehave.

use galley::image::Platform;
use galley::registry::{Client, Outgoing, RegistryError, TagState, Transport};
use galley::snapshot::Digest;

use crate::double::{Fault, Registry};
use crate::image::{image, tree};
use crate::support::{Ran, galley, run};

fn client(registry: &Registry) -> Client {
    Client::new(format!("{}/blog", registry.address).parse().unwrap(), Transport::default()).unwrap()
}

fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn platform() -> Platform {
    Platform::of_this_program().unwrap()
}

#[test]
fn what_is_pushed_can_be_pulled() {
    let registry = Registry::start();
    let (client, image) = (client(&registry), image(&tree("hello"), 1));
    wait(async {
        let pushed = client.push(Outgoing::of(&image).unwrap(), None).await.unwrap();
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
    wait(client(&registry).push(Outgoing::of(&image).unwrap(), None)).unwrap();
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
        client.push(Outgoing::of(&first).unwrap(), None).await.unwrap();
        let pushed = client.push(Outgoing::of(&second).unwrap(), Some(first.index.descriptor.digest)).await.unwrap();
        assert_eq!(pushed.kept, 1);
    });
}

#[test]
fn a_tag_that_somebody_else_moved_is_left_alone() {
    let registry = Registry::start();
    let client = client(&registry);
    let (theirs, ours) = (image(&tree("theirs"), 1), image(&tree("ours"), 1));
    wait(async {
        client.push(Outgoing::of(&theirs).unwrap(), None).await.unwrap();
        let error = client.push(Outgoing::of(&ours).unwrap(), None).await.unwrap_err();
        assert!(matches!(error, RegistryError::Overtaken(_)), "{error}");
        assert_eq!(client.index().await.unwrap().digest, theirs.index.descriptor.digest);
    });
}

#[test]
fn a_registry_that_is_busy_is_asked_again() {
    let registry = Registry::start();
    let image = image(&tree("hello"), 1);
    registry.set_fault(Fault::Unavailable(3));
    wait(client(&registry).push(Outgoing::of(&image).unwrap(), None)).unwrap();
    registry.set_fault(Fault::Unavailable(1000));
    let error = wait(client(&registry).index()).unwrap_err().to_string();
    assert!(error.contains("answers 503 to a pull of a manifest"), "{error}");
}

#[test]
fn bytes_that_are_not_what_was_asked_for_are_refused() {
    let registry = Registry::start();
    let (client, image) = (client(&registry), image(&tree("hello"), 1));
    wait(async {
        client.push(Outgoing::of(&image).unwrap(), None).await.unwrap();
        let layer = &image.images[0].layers[1].descriptor;
        registry.set_fault(Fault::OtherBytes);
        assert!(matches!(client.blob(layer).await, Err(RegistryError::Mismatch { .. })));
        registry.set_fault(Fault::MoreBytes);
        assert!(matches!(client.blob(layer).await, Err(RegistryError::TooLong { .. })));
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
}

#[test]
fn a_registry_that_asks_for_tokens_gets_the_credentials_and_nobody_sees_them() {
    let registry = Registry::start();
    wait(client(&registry).push(Outgoing::of(&image(&tree("hello"), 1)).unwrap(), None)).unwrap();
    let registry = registry.with_account("me", "hunter2-secret");
    let reference = format!("{}/blog", registry.address);
    run(&["serve", &reference]).says(1, "refuses access to blog with no credentials; set GALLEY_REGISTRY_USER");
    let with = |password: &str| {
        let mut command = galley();
        command.args(["-v", "serve", &reference, "--listen", "127.0.0.1:1"]);
        Ran::of(command.env("GALLEY_REGISTRY_USER", "me").env("GALLEY_REGISTRY_PASSWORD", password))
    };
    let wrong = with("wrong-password");
    assert_eq!(wrong.code, 1);
    assert!(!wrong.errors.contains("wrong-password"), "{}", wrong.errors);
    let instance = crate::support::Instance::with(
        &[&reference],
        &[("GALLEY_REGISTRY_USER", "me"), ("GALLEY_REGISTRY_PASSWORD", "hunter2-secret")],
    );
    assert_eq!(instance.get("/").text(), "<p>hello</p>");
    assert!(!instance.stop().contains("hunter2"));
}
