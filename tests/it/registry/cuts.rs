//! Cut connections, registries that are busy, silent, or have their blobs elsewhere.

use std::time::{Duration, Instant};

use bytes::Bytes;
use galley::image::{Blob, Descriptor};
use galley::registry::{Client, Outgoing, OutgoingBlob, Pushed, RegistryError, Transport};

use super::client;
use crate::double::{Fault, Ranges, Registry};
use crate::image::{image, tree};
use crate::support::{Instance, wait};

/// Long enough to be cut in the middle, and no two pieces alike.
pub(super) fn layer() -> Blob {
    let bytes: Bytes = (0..400_000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>().into();
    Blob { descriptor: Descriptor::of("application/vnd.oci.image.layer.v1.tar+gzip", &bytes), bytes }
}

/// A push of `layer`, which nothing refers to.
async fn push_layer(client: &Client, layer: &Blob) -> Result<Pushed, RegistryError> {
    let image = image(&tree("hello"), 1);
    let mut outgoing = Outgoing::of(&image);
    outgoing.blobs.push(OutgoingBlob { descriptor: &layer.descriptor, bytes: Some(&layer.bytes), known: false });
    client.push(&outgoing, None).await
}

fn count(log: &[String], part: &str) -> usize {
    log.iter().filter(|line| line.contains(part)).count()
}

#[test]
fn a_pull_that_is_cut_goes_on_where_it_was() {
    let (registry, layer) = (Registry::start(), layer());
    let client = client(&registry);
    let size = layer.descriptor.size;
    wait(async {
        push_layer(&client, &layer).await.unwrap();
        for (ranges, expected) in [
            (Ranges::Kept, vec![String::new(), format!(" bytes={}-{}", size / 2, size - 1)]),
            // A registry that knows no ranges sends all of it once more.
            (Ranges::Ignored, vec![String::new(), format!(" bytes={}-{}", size / 2, size - 1)]),
            // One that sends another range is asked for the whole.
            (Ranges::Wrong, vec![String::new(), format!(" bytes={}-{}", size / 2, size - 1), String::new()]),
        ] {
            registry.set_fault(Fault::CutDownload(1, ranges));
            registry.take_log();
            assert_eq!(client.blob(&layer.descriptor).await.unwrap().bytes, layer.bytes, "{ranges:?}");
            let expected: Vec<_> =
                expected.iter().map(|range| format!("GET /v2/blog/blobs/{}{range}", layer.descriptor.digest)).collect();
            assert_eq!(registry.take_log(), expected, "{ranges:?}");
        }
    });
}

#[test]
fn a_pull_that_is_cut_for_good_says_so() {
    let (registry, layer) = (Registry::start(), layer());
    let client = client(&registry);
    wait(async {
        push_layer(&client, &layer).await.unwrap();
        // From the start each time: no attempt gets further than the first half, and each brings less than a megabyte.
        registry.set_fault(Fault::CutDownload(1000, Ranges::Ignored));
        registry.take_log();
        let error = client.blob(&layer.descriptor).await.unwrap_err();
        assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
        assert_eq!(registry.take_log().len(), 4);
    });
}

#[test]
fn an_upload_that_is_cut_begins_anew() {
    let (registry, layer) = (Registry::start(), layer());
    let client = client(&registry);
    wait(async {
        registry.set_fault(Fault::CutUpload(2));
        let pushed = push_layer(&client, &layer).await.unwrap();
        assert_eq!(client.blob(&layer.descriptor).await.unwrap().bytes, layer.bytes);
        assert!(pushed.bytes > layer.descriptor.size);
    });
    let log = registry.take_log();
    // Three blobs and their config, two of which were cut; no Location was used twice.
    let puts: Vec<_> = log.iter().filter(|line| line.starts_with("PUT /v2/blog/blobs/uploads/")).collect();
    let mut places: Vec<_> = puts.iter().map(|line| line.split('?').next().unwrap()).collect();
    assert_eq!(places.len(), 6, "{log:#?}");
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 6, "{log:#?}");
}

#[test]
fn an_upload_that_arrived_without_an_answer_is_not_sent_again() {
    let (registry, layer) = (Registry::start(), layer());
    registry.set_fault(Fault::CutAnswer(1));
    wait(push_layer(&client(&registry), &layer)).unwrap();
    assert_eq!(count(&registry.take_log(), "PUT /v2/blog/blobs/uploads/"), 4);
}

#[test]
fn an_upload_that_the_registry_forgot_begins_anew() {
    let (registry, layer) = (Registry::start(), layer());
    registry.set_fault(Fault::ForgottenUpload(1));
    wait(push_layer(&client(&registry), &layer)).unwrap();
    assert_eq!(count(&registry.take_log(), "POST /v2/blog/blobs/uploads/"), 5);
}

#[test]
fn a_registry_that_wants_to_be_left_alone_is_left_alone() {
    let (registry, layer) = (Registry::start(), layer());
    let client = client(&registry);
    wait(async {
        registry.set_fault(Fault::Busy { times: 1, status: 429, retry_after: Some(1) });
        let started = Instant::now();
        push_layer(&client, &layer).await.unwrap();
        assert!(started.elapsed() >= Duration::from_secs(1));
        // Longer than anybody would wait: that is for the next poll.
        registry.set_fault(Fault::Busy { times: 1, status: 429, retry_after: Some(999_999) });
        let error = client.blob(&layer.descriptor).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
        assert!(error.to_string().ends_with("answers 429 to a pull of a blob; it wants to be left alone for 3600 s"));
        registry.set_fault(Fault::Busy { times: 2, status: 500, retry_after: None });
        client.blob(&layer.descriptor).await.unwrap();
    });
}

#[test]
fn whoever_waits_is_told_what_for() {
    let (registry, layer) = (Registry::start(), layer());
    wait(push_layer(&client(&registry), &layer)).unwrap();
    registry.set_fault(Fault::Busy { times: 1, status: 503, retry_after: Some(1) });
    let instance = Instance::start(&[&format!("{}/blog", registry.address)]);
    let said = instance.stop();
    assert!(
        said.contains("answers 503 to a pull of a manifest; it wants to be left alone for 1 s; trying again in 1 s\n")
    );
    assert!(said.contains(&format!("\npulled {}/blog:latest: release 1, ", registry.address)), "{said}");
}

#[test]
fn what_is_refused_is_not_asked_for_twice() {
    let (registry, layer) = (Registry::start(), layer());
    let client = client(&registry);
    for status in [400, 403, 404, 405, 416] {
        registry.set_fault(Fault::Busy { times: 1000, status, retry_after: None });
        assert!(wait(client.blob(&layer.descriptor)).is_err());
        assert_eq!(registry.take_log().len(), 1, "{status}");
    }
}

#[test]
fn a_registry_that_says_nothing_is_given_up() {
    let (registry, layer) = (Registry::start(), layer());
    let transport = Transport { patience: Duration::from_millis(200), ..Transport::default() };
    let client = Client::new(format!("{}/blog", registry.address).parse().unwrap(), transport).unwrap();
    wait(async {
        registry.set_fault(Fault::Silent(1));
        push_layer(&client, &layer).await.unwrap();
        registry.set_fault(Fault::Silent(1000));
        let error = client.index().await.unwrap_err().to_string();
        assert!(error.contains("has not said a word for 0.2 s"), "{error}");
    });
}

#[test]
fn blobs_may_lie_on_another_host_which_learns_no_secret() {
    let registry = Registry::start().with_tokens(crate::double::Account::default());
    let (client, layer) = (client(&registry), layer());
    wait(async {
        push_layer(&client, &layer).await.unwrap();
        let storage = registry.move_blobs_elsewhere();
        registry.take_log();
        assert_eq!(client.blob(&layer.descriptor).await.unwrap().bytes, layer.bytes);
        assert_eq!(storage.requests(), [format!("GET /{}?signature=x", layer.descriptor.digest)]);
        // What was cut there is asked for here again: the way there is good for a while only.
        storage.set_fault(Fault::CutDownload(1, Ranges::Kept));
        registry.take_log();
        assert_eq!(client.blob(&layer.descriptor).await.unwrap().bytes, layer.bytes);
        assert_eq!(registry.take_log().len(), 2);
        assert!(storage.requests()[1].ends_with(&format!("bytes={0}-{1}", 800_000, 1_599_999)));
    });
}

/// Chunked: how much there is shows only as it comes.
#[test]
fn what_has_no_length_is_read_as_far_as_it_may_be() {
    let (registry, layer) = (Registry::start(), layer());
    let client = client(&registry);
    wait(async {
        push_layer(&client, &layer).await.unwrap();
        registry.set_fault(Fault::Endless);
        let error = client.blob(&layer.descriptor).await.unwrap_err();
        assert!(matches!(error, RegistryError::TooLong { limit, .. } if limit == layer.descriptor.size), "{error}");
        let error = client.index().await.unwrap_err();
        assert!(matches!(error, RegistryError::TooLong { limit: 4_194_304, .. }), "{error}");
        // An end that came too early may be a cut that a proxy tidied up.
        registry.set_fault(Fault::Unannounced(1));
        registry.take_log();
        assert_eq!(client.blob(&layer.descriptor).await.unwrap().bytes, layer.bytes);
        assert!(registry.take_log()[1].ends_with(&format!("bytes={0}-{1}", 800_000, 1_599_999)));
    });
}

#[test]
fn a_way_that_leads_in_circles_is_left() {
    let (registry, layer) = (Registry::start(), layer());
    let client = client(&registry);
    wait(async {
        push_layer(&client, &layer).await.unwrap();
        registry.set_fault(Fault::Circles);
        registry.take_log();
        let error = client.blob(&layer.descriptor).await.unwrap_err().to_string();
        assert!(error.contains("it sends us from one place to the next"), "{error}");
        assert_eq!(registry.take_log().len(), 5);
    });
}

/// Several at a time, and in the order that they were wanted in.
#[test]
fn blobs_come_side_by_side() {
    let registry = Registry::start();
    let client = client(&registry);
    let blobs: Vec<Descriptor> = (0..4u8)
        .map(|number| {
            registry.put_blob(&[number]);
            Descriptor::of("application/octet-stream", &[number])
        })
        .collect();
    registry.answer_together(blobs.iter().map(|blob| format!("GET /v2/blog/blobs/{}", blob.digest)));
    let found = wait(client.blobs(blobs.into_iter().map(|blob| (blob, None)).collect())).unwrap();
    assert_eq!(found.into_iter().flatten().map(|bytes| bytes[0]).collect::<Vec<_>>(), [0, 1, 2, 3]);
}
