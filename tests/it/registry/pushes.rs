//! What a push sends and what it does not, and what keeps it from its end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use galley::image::{Blob, Descriptor, Manifest};
use galley::registry::{Client, Outgoing, Progress, RegistryError, Transport};
use galley::snapshot::Digest;

use super::client;
use super::cuts::layer;
use crate::double::{Account, Fault, Registry, THEIRS};
use crate::image::{image, tree};
use crate::support::wait;

fn manifest(image: &galley::image::Package) -> Manifest {
    serde_json::from_slice(&image.images[0].manifest.bytes).unwrap()
}

#[test]
fn a_push_of_an_edit_asks_for_nothing_that_it_knows() {
    let registry = Registry::start();
    let client = client(&registry);
    let (first, second) = (image(&tree("one"), 1), image(&tree("two"), 2));
    wait(async {
        client.push(&Outgoing::of(&first), None).await.unwrap();
        registry.take_log();
        let outgoing = Outgoing::of(&second).knowing([&manifest(&first)]);
        let pushed = client.push(&outgoing, Some(first.index.descriptor.digest)).await.unwrap();
        assert_eq!(pushed.kept, 1);
    });
    let mut log: Vec<_> = registry.take_log().iter().map(|line| line.split(['?']).next().unwrap().to_owned()).collect();
    let last = log.split_off(log.len() - 4);
    // Layer and config: a look, the start of an upload, the upload. Then the manifest, and the tag between two looks.
    assert_eq!(log.len(), 6, "{log:#?}");
    let own = format!("PUT /v2/blog/manifests/{}", second.images[0].manifest.descriptor.digest);
    let look = "HEAD /v2/blog/manifests/latest".to_owned();
    assert_eq!(last, [own, look.clone(), "PUT /v2/blog/manifests/latest".to_owned(), look]);
}

#[test]
fn what_was_swept_meanwhile_is_sent_again() {
    let registry = Registry::start();
    let client = client(&registry);
    let (first, second) = (image(&tree("one"), 1), image(&tree("two"), 2));
    let previous = Some(first.index.descriptor.digest);
    wait(async {
        client.push(&Outgoing::of(&first), None).await.unwrap();
        registry.sweep();
        let outgoing = Outgoing::of(&second).knowing([&manifest(&first)]);
        assert_eq!(client.push(&outgoing, previous).await.unwrap().kept, 2);
        client.blob(&second.images[0].layers[0].descriptor).await.unwrap();
    });
}

#[test]
fn a_layer_that_nobody_has_is_named_before_anything_is_sent() {
    let registry = Registry::start();
    let image = image(&tree("one"), 1);
    let mut outgoing = Outgoing::of(&image);
    outgoing.blobs[0].bytes = None;
    let error = wait(client(&registry).push(&outgoing, None)).unwrap_err().to_string();
    let digest = image.images[0].layers[0].descriptor.digest;
    assert!(error.ends_with(&format!("no longer has layer {digest} of the image before")), "{error}");
    outgoing.blobs[0].known = true;
    let error = wait(client(&registry).push(&outgoing, None)).unwrap_err();
    assert!(matches!(error, RegistryError::Gone { .. }), "{error}");
    assert!(!registry.take_log().iter().any(|line| line.contains("latest")));
}

#[test]
fn a_layer_of_another_repository_is_mounted_or_sent() {
    for (may_be_mounted, mounted) in [(true, 1), (false, 0)] {
        let registry = Registry::start().with_tokens(Account::default());
        let image = image(&tree("one"), 1);
        let layer = &image.images[0].layers[0];
        registry.put_elsewhere("me/base", layer.packed().unwrap(), may_be_mounted);
        let base = format!("{}/me/base", registry.address).parse().unwrap();
        let client = client(&registry).mounting_from(&base);
        let pushed = wait(client.push(&Outgoing::of(&image), None)).unwrap();
        assert_eq!(pushed.mounted, mounted);
        let sent = registry.take_log().iter().filter(|line| line.starts_with("PUT /v2/blog/blobs/")).count();
        assert_eq!(sent, 3 - mounted);
        // Both rights in one token, which is the only one.
        assert_eq!(registry.take_scopes(), ["repository:blog:pull,push repository:me/base:pull"]);
    }
}

#[test]
fn a_layer_that_is_only_elsewhere_needs_no_bytes() {
    let registry = Registry::start();
    let image = image(&tree("one"), 1);
    registry.put_elsewhere("base", image.images[0].layers[0].packed().unwrap(), true);
    let client = client(&registry).mounting_from(&format!("{}/base", registry.address).parse().unwrap());
    let mut outgoing = Outgoing::of(&image);
    outgoing.blobs[0].bytes = None;
    assert_eq!(wait(client.push(&outgoing, None)).unwrap().mounted, 1);
    let other = Registry::start();
    let client = super::client(&other).mounting_from(&format!("{}/base", other.address).parse().unwrap());
    assert!(matches!(wait(client.push(&outgoing, None)), Err(RegistryError::Gone { .. })));
}

#[test]
fn a_token_that_expires_during_a_push_is_renewed() {
    let registry = Registry::start().with_tokens(Account { expires_in: Some(300), ..Account::default() });
    let client = client(&registry);
    let (first, second) = (image(&tree("one"), 1), image(&tree("two"), 2));
    wait(async {
        client.push(&Outgoing::of(&first), None).await.unwrap();
        client.push(&Outgoing::of(&first), Some(first.index.descriptor.digest)).await.unwrap();
        assert_eq!(registry.take_scopes(), ["repository:blog:pull,push"]);
        // Earlier than it said that they would.
        registry.expire_tokens();
        client.push(&Outgoing::of(&second), Some(first.index.descriptor.digest)).await.unwrap();
        assert_eq!(registry.take_scopes(), ["repository:blog:pull,push"]);
    });
}

#[test]
fn a_token_is_used_until_it_expires() {
    // One that is good for no time at all is fetched anew for each request, and no request is answered by 401 but the first.
    for (expires_in, tokens) in [(Some(0), 3), (None, 1)] {
        let registry = Registry::start().with_tokens(Account { expires_in, ..Account::default() });
        let client = client(&registry);
        for _ in 0..3 {
            assert!(matches!(wait(client.index()), Err(RegistryError::NotFound(_))));
        }
        assert_eq!(registry.take_scopes(), vec!["repository:blog:pull"; tokens]);
        let asked = registry.take_log().iter().filter(|line| line.contains("/manifests/")).count();
        assert_eq!(asked, 4);
    }
}

#[test]
fn a_tag_that_moves_is_left_to_who_moved_it() {
    // While blobs are sent; and after ours was written.
    for part in ["PUT /v2/blog/manifests/sha256:", "PUT /v2/blog/manifests/latest"] {
        let registry = Registry::start();
        let client = client(&registry);
        let (first, second) = (image(&tree("one"), 1), image(&tree("two"), 2));
        wait(async {
            client.push(&Outgoing::of(&first), None).await.unwrap();
            registry.set_fault(Fault::TagMovesAfter(part));
            let error = client.push(&Outgoing::of(&second), Some(first.index.descriptor.digest)).await.unwrap_err();
            assert!(matches!(error, RegistryError::Overtaken(_)), "{error}");
            assert_eq!(client.index().await.unwrap().digest, Digest::of(THEIRS));
        });
    }
}

#[test]
fn a_tag_whose_answer_was_cut_is_looked_at_before_it_is_moved_again() {
    let registry = Registry::start();
    let (client, image) = (client(&registry), image(&tree("one"), 1));
    registry.set_fault(Fault::CutTag(1));
    wait(client.push(&Outgoing::of(&image), None)).unwrap();
    let puts = registry.take_log().iter().filter(|line| *line == "PUT /v2/blog/manifests/latest").count();
    assert_eq!(puts, 1);
}

#[test]
fn of_two_pushes_at_once_one_wins() {
    let registry = Registry::start();
    let (first, ours, theirs) = (image(&tree("one"), 1), image(&tree("ours"), 2), image(&tree("theirs"), 2));
    let client = client(&registry);
    wait(async {
        client.push(&Outgoing::of(&first), None).await.unwrap();
        let previous = Some(first.index.descriptor.digest);
        let (ours_out, theirs_out) = (Outgoing::of(&ours), Outgoing::of(&theirs));
        let (one, two) = tokio::join!(client.push(&ours_out, previous), client.push(&theirs_out, previous));
        let tag = client.index().await.unwrap().digest;
        // Whoever is told that it went well has the tag.
        for (pushed, image) in [(one, &ours), (two, &theirs)] {
            match pushed {
                Ok(_) => assert_eq!(image.index.descriptor.digest, tag),
                Err(error) => assert!(matches!(error, RegistryError::Overtaken(_)), "{error}"),
            }
        }
    });
}

/// Two runners of one commit: the tag is what both wanted.
#[test]
fn two_pushes_of_the_same_both_go_well() {
    let registry = Registry::start();
    let (client, first, same) = (client(&registry), image(&tree("one"), 1), image(&tree("two"), 2));
    wait(async {
        client.push(&Outgoing::of(&first), None).await.unwrap();
        let previous = Some(first.index.descriptor.digest);
        client.push(&Outgoing::of(&same), previous).await.unwrap();
        client.push(&Outgoing::of(&same), previous).await.unwrap();
        assert_eq!(client.index().await.unwrap().digest, same.index.descriptor.digest);
    });
}

#[test]
fn a_registry_whose_servers_agree_late_has_not_been_overtaken() {
    let registry = Registry::start();
    let client = client(&registry);
    let (first, second) = (image(&tree("one"), 1), image(&tree("two"), 2));
    wait(async {
        client.push(&Outgoing::of(&first), None).await.unwrap();
        registry.set_fault(Fault::Settles(3));
        client.push(&Outgoing::of(&second), Some(first.index.descriptor.digest)).await.unwrap();
    });
}

#[test]
fn what_the_registry_has_no_room_for_is_said_once() {
    let full =
        r#"{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":{"Enclosed":{"Op":"write","Err":28}}}]}"#;
    let quota = r#"{"errors":[{"code":"DENIED","message":"adding 10 MiB of storage resource, which when updated to current usage of 90 MiB will exceed the configured upper limit of 95 MiB."}]}"#;
    for (status, body, expected) in [
        (507, "", "is full: it answers 507 to an upload of a blob"),
        (500, full, "is full: it answers 500 to an upload of a blob: unknown unknown error; delete what is not needed"),
        (
            429,
            r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"storage quota exceeded"}]}"#,
            "is full: it answers 429",
        ),
        (412, quota, "is full: it answers 412 to an upload of a blob: denied adding 10 MiB"),
        (413, "<html>", "finds an upload of a blob too large (413); raise its limit"),
    ] {
        let registry = Registry::start();
        registry.set_fault(Fault::Refuses(status, body));
        let error = wait(client(&registry).push(&Outgoing::of(&image(&tree("one"), 1)), None)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let log = registry.take_log();
        assert!(log.iter().all(|line| !line.contains("manifests")), "{log:#?}");
        let mut posts: Vec<_> = log.iter().filter(|line| line.starts_with("POST")).collect();
        posts.dedup();
        assert!(posts.len() <= 3, "{log:#?}");
    }
}

#[test]
fn whoever_may_only_read_is_told_so() {
    let registry = Registry::start().with_tokens(Account { reads_only: true, ..Account::default() });
    let error = wait(client(&registry).push(&Outgoing::of(&image(&tree("one"), 1)), None)).unwrap_err().to_string();
    let expected = "refuses access to blog with no credentials: denied requested access is denied; set GALLEY_";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn an_upload_that_is_taken_for_something_else_is_noticed() {
    let registry = Registry::start();
    registry.set_fault(Fault::Garbled);
    let error = wait(client(&registry).push(&Outgoing::of(&image(&tree("one"), 1)), None)).unwrap_err();
    assert!(matches!(error, RegistryError::Garbled { .. }), "{error}");
}

#[test]
fn a_blob_of_another_length_is_not_taken_for_ours() {
    let registry = Registry::start();
    let client = client(&registry);
    let image = image(&tree("one"), 1);
    wait(async {
        client.push(&Outgoing::of(&image), None).await.unwrap();
        registry.set_fault(Fault::OtherLength);
        let pushed = client.push(&Outgoing::of(&image), Some(image.index.descriptor.digest)).await.unwrap();
        assert_eq!(pushed.kept, 0);
    });
}

/// Registries differ in how they take pieces, and some take none.
#[test]
fn blobs_are_sent_in_one_piece_and_side_by_side() {
    let registry = Registry::start();
    let image = image(&tree("one"), 1);
    let mut blobs: Vec<_> = image.images[0].layers.iter().map(|layer| layer.descriptor.digest).collect();
    blobs.push(image.images[0].config.descriptor.digest);
    let uploads = blobs.iter().map(|digest| format!("digest={}", digest.to_string().replace(':', "%3A")));
    let uploads: Vec<_> = uploads.collect();
    registry.answer_together(uploads.clone());
    wait(client(&registry).push(&Outgoing::of(&image), None)).unwrap();
    let log = registry.take_log();
    for upload in uploads {
        assert_eq!(log.iter().filter(|line| line.contains(&upload)).count(), 1, "{log:#?}");
    }
    assert!(log.iter().all(|line| !line.starts_with("PATCH")), "{log:#?}");
}

/// distribution-spec, "Pulling manifests": a registry SHOULD name the digest, and need not know conditions.
#[test]
fn a_registry_that_names_no_digests_is_asked_for_the_bytes() {
    let registry = Registry::start();
    registry.set_fault(Fault::Silence);
    let client = client(&registry);
    let (first, second) = (image(&tree("one"), 1), image(&tree("two"), 2));
    wait(async {
        client.push(&Outgoing::of(&first), None).await.unwrap();
        client.push(&Outgoing::of(&second), Some(first.index.descriptor.digest)).await.unwrap();
        let error = client.push(&Outgoing::of(&first), Some(first.index.descriptor.digest)).await.unwrap_err();
        assert!(matches!(error, RegistryError::Overtaken(_)), "{error}");
        assert_eq!(client.tag_digest().await.unwrap(), Some(second.index.descriptor.digest));
    });
}

/// What was heard: blobs by their greatest number of bytes, and attempts.
#[derive(Debug, Default)]
struct Heard {
    planned: Mutex<u64>,
    moved: Mutex<Vec<(Digest, u64)>>,
    again: Mutex<Vec<String>>,
}

impl Progress for Heard {
    fn planned(&self, _: Digest, size: u64) {
        *self.planned.lock().unwrap() += size;
    }

    fn moved(&self, blob: Digest, done: u64) {
        self.moved.lock().unwrap().push((blob, done));
    }

    fn again(&self, reason: &str, _: Duration) {
        self.again.lock().unwrap().push(reason.to_owned());
    }
}

#[test]
fn how_far_it_has_come_can_be_heard() {
    let (registry, layer) = (Registry::start(), layer());
    let heard = Arc::new(Heard::default());
    let reference = format!("{}/blog", registry.address).parse().unwrap();
    let client = Client::new(reference, Transport::default()).unwrap().with_progress(heard.clone());
    let image = image(&tree("one"), 1);
    let mut outgoing = Outgoing::of(&image);
    outgoing.blobs =
        vec![galley::registry::OutgoingBlob { descriptor: &layer.descriptor, bytes: Some(&layer.bytes), known: false }];
    let index = Blob { descriptor: Descriptor::of(&image.index.descriptor.media_type, THEIRS), bytes: THEIRS.into() };
    (outgoing.manifests, outgoing.index) = (Vec::new(), &index);
    registry.set_fault(Fault::CutUpload(1));
    wait(client.push(&outgoing, None)).unwrap();
    let moved = std::mem::take(&mut *heard.moved.lock().unwrap());
    let steps: Vec<u64> =
        moved.iter().filter(|(blob, _)| *blob == layer.descriptor.digest).map(|(_, done)| *done).collect();
    assert_eq!(*heard.planned.lock().unwrap(), layer.descriptor.size);
    assert_eq!(steps.last(), Some(&layer.descriptor.size));
    // It began twice, and came further with each piece.
    assert_eq!(steps.iter().filter(|done| **done == 65_536).count(), 2, "{steps:?}");
    assert_eq!(heard.again.lock().unwrap().len(), 1);
    wait(client.blob(&layer.descriptor)).unwrap();
    let moved = heard.moved.lock().unwrap();
    assert_eq!((moved.first().unwrap().1, moved.last().unwrap().1), (0, layer.descriptor.size));
    assert!(moved.is_sorted_by_key(|(_, done)| *done));
}
