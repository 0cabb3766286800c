use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::snapshot::Digest;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hooks")
}

fn index() -> Vec<Value> {
    let index: Value = serde_json::from_slice(&fs::read(fixtures().join("INDEX.json")).unwrap()).unwrap();
    index["entries"].as_array().unwrap().clone()
}

fn body(name: &str) -> Vec<u8> {
    fs::read(fixtures().join(name)).unwrap()
}

fn headers(entry: &Value) -> HeaderMap {
    let named = entry["headers"].as_object().unwrap().iter();
    named
        .map(|(name, value)| {
            let value = HeaderValue::from_str(value.as_str().unwrap()).unwrap();
            (HeaderName::try_from(name.as_str()).unwrap(), value)
        })
        .collect()
}

fn sender(vendor: &str) -> Sender {
    match vendor {
        "dockerhub" => Sender::DockerHub,
        "ghcr" => Sender::GitHub,
        "gitlab-registry" => Sender::Distribution,
        "acr" => Sender::Azure,
        "google-ar" => Sender::Google,
        other => other.parse().unwrap(),
    }
}

/// What is expected of a delivery, beside what was read.
fn check(entry: &Value, content: &Content) {
    let expected = &entry["expect"];
    match expected["kind"].as_str().unwrap() {
        "image" => {
            let Content::Images(images) = content else { panic!("{content:?}") };
            let targets = expected["targets"].as_array().unwrap();
            assert_eq!(images.len(), targets.len(), "{images:?}");
            for (image, target) in images.iter().zip(targets) {
                let digest = image.digest.map(|digest| digest.to_string());
                let read = json!({
                    "registry": image.host, "repository": image.repository, "tag": image.tag, "digest": digest,
                });
                assert_eq!(read, *target);
            }
        }
        "git" => {
            let Content::Push(push) = content else { panic!("{content:?}") };
            assert_eq!(push.repository, expected["repository"].as_str().unwrap());
            assert_eq!(push.reference, expected["ref"].as_str().unwrap());
            assert_eq!(push.commit.as_deref(), expected["after"].as_str());
        }
        "ignore" | "ping" => assert!(matches!(content, Content::Nothing(_)), "{content:?}"),
        other => panic!("{other}"),
    }
}

#[test]
fn each_sender_is_read_as_its_fixture_says() {
    for entry in index() {
        let name = entry["file"].as_str().unwrap();
        println!("{name}");
        let reading = read(&headers(&entry), &body(name));
        assert_eq!(reading.sender, sender(entry["vendor"].as_str().unwrap()));
        check(&entry, &reading.content);
    }
}

/// A file has no headers, and relays drop them.
#[test]
fn each_body_is_read_without_its_headers() {
    for entry in index() {
        let name = entry["file"].as_str().unwrap();
        println!("{name}");
        let reading = read(&HeaderMap::new(), &body(name));
        assert_eq!(reading.sender, sender(entry["vendor"].as_str().unwrap()));
        check(&entry, &reading.content);
    }
}

#[test]
fn the_followed_reference_alone_is_meant() {
    for entry in index() {
        let (name, vendor) = (entry["file"].as_str().unwrap(), entry["vendor"].as_str().unwrap());
        let content = read(&headers(&entry), &body(name)).content;
        let Some(target) = entry["expect"]["targets"].as_array().map(|targets| targets[0].clone()) else {
            let followed = "registry.example.test/exampleorg/blog:latest".parse().unwrap();
            assert!(matches!(meaning(&content, &followed), Meaning::Irrelevant(_)), "{name}");
            continue;
        };
        let (registry, repository) = (target["registry"].as_str().unwrap(), target["repository"].as_str().unwrap());
        let tag = target["tag"].as_str().unwrap();
        let means = |reference: String| meaning(&content, &reference.parse().unwrap());
        let digest = target["digest"].as_str().map(|digest| digest.parse::<Digest>().unwrap());
        assert_eq!(means(format!("{registry}/{repository}:{tag}")), Meaning::Look(digest), "{name}");
        let other = if vendor == "ghcr" { "docker.io" } else { "ghcr.io" };
        assert_eq!(means(format!("{other}/{repository}:{tag}")), Meaning::Irrelevant("a push to another registry"));
        assert_eq!(
            means(format!("{registry}/{repository}-other:{tag}")),
            Meaning::Irrelevant("a push to another repository")
        );
        assert_eq!(means(format!("{registry}/{repository}:other")), Meaning::Irrelevant("a push of another tag"));
    }
}

/// The captures of distribution 2.8.2 that the index does not list.
#[test]
fn captures_of_a_real_registry_are_read() {
    let followed = "127.0.0.1:15000/t/oci-gzip:v1".parse().unwrap();
    let means = |name: &str| meaning(&read(&HeaderMap::new(), &body(name)).content, &followed);
    let digest = "sha256:c799c02390838eac81bd4a78a9ace4573309f61f870501c26e525be6f7c968e3".parse().unwrap();
    assert_eq!(means("index-oci-push.json"), Meaning::Look(Some(digest)));
    for name in [
        "index-pull",
        "index-delete",
        "manifest-oci-push",
        "manifest-docker-push",
        "blob-push",
        "blob-mount",
        "tag-delete",
    ] {
        assert!(matches!(means(&format!("{name}.json")), Meaning::Irrelevant(_)), "{name}");
    }
    assert_eq!(means("docker-push-manifest.json"), Meaning::Irrelevant("a push to another repository"));
}

fn content(body: &Value) -> Content {
    read(&HeaderMap::new(), body.to_string().as_bytes()).content
}

fn image_of(content: &Content) -> &Image {
    match content {
        Content::Images(images) => &images[0],
        other => panic!("{other:?}"),
    }
}

/// Shapes that have been seen beside those of the fixtures.
#[test]
fn other_shapes_of_the_same_senders_are_read() {
    let harbor = json!({"specversion": "1.0", "type": "harbor.artifact.pushed", "id": "1", "data": {
        "resources": [{"tag": "latest", "resource_url": "harbor.example/library/blog:latest"}]}});
    let quay = json!({"docker_url": "quay.io/a/b", "updated_tags": {"v1": "x", "latest": "y"}});
    let bare_ecr = json!({"repository-name": "a/b", "image-tag": "latest", "image-digest": "sha256:12",
        "action-type": "PUSH", "result": "SUCCESS"});
    let cloud_ecr = json!({"specversion": "1.0", "source": "aws.ecr", "type": "x", "data": bare_ecr});
    let bare_google = json!({"action": "INSERT", "tag": "europe-docker.pkg.dev/p/r/blog:latest"});
    let event_grid = json!({"eventType": "Microsoft.ContainerRegistry.ImagePushed", "data": {
        "action": "push", "target": {"repository": "blog", "tag": "latest"}, "request": {"host": "a.azurecr.io"}}});
    let standard = json!({"type": "image.pushed", "data": {"image": "registry.example/blog:latest"}});
    for (body, repository) in [
        (&harbor, "library/blog"),
        (&bare_ecr, "a/b"),
        (&cloud_ecr, "a/b"),
        (&bare_google, "p/r/blog"),
        (&event_grid, "blog"),
        (&standard, "blog"),
    ] {
        let content = content(body);
        let image = image_of(&content);
        assert_eq!((image.repository.as_str(), image.tag.as_deref(), image.digest), (repository, Some("latest"), None));
    }
    assert_eq!(meaning(&content(&quay), &"quay.io/a/b:latest".parse().unwrap()), Meaning::Look(None));
}

#[test]
fn what_is_no_push_is_told() {
    for (body, why) in [
        (json!({"events": [{"action": "pull"}]}), "a pull"),
        (json!({"events": []}), "it names no image"),
        (json!({"events": [1, null, {"target": 3}]}), "no push of an image"),
        (json!({"id": "1", "action": "ping", "request": {"host": "a.azurecr.io"}}), "a ping"),
        (
            json!({"source": "aws.ecr", "detail": {"repository-name": "a", "action-type": "PUSH", "result": "FAILURE"}}),
            "a push that failed",
        ),
        (json!({"source": "aws.ecr", "detail": {"scan-status": "COMPLETE"}}), "no push of an image"),
        (json!({"type": "SCANNING_COMPLETED", "event_data": {}}), "no push of an image"),
    ] {
        assert_eq!(content(&body), Content::Nothing(why), "{body}");
    }
    let deleted = json!({"ref": "refs/heads/x", "after": "0".repeat(40), "object_kind": "push"});
    let followed = "a/b".parse().unwrap();
    assert_eq!(meaning(&content(&deleted), &followed), Meaning::Irrelevant("a branch or tag of git was deleted"));
}

#[test]
fn forgejo_gitea_and_github_are_told_apart() {
    let mut headers = HeaderMap::new();
    for (name, expected) in
        [("x-github-event", Sender::GitHub), ("x-gitea-event", Sender::Gitea), ("x-forgejo-event", Sender::Forgejo)]
    {
        headers.insert(name, HeaderValue::from_static("package"));
        assert_eq!(read(&headers, b"{}").sender, expected);
    }
}

#[test]
fn githubs_forms_are_read() {
    let body = String::from_utf8(body("ghcr-package-published.json")).unwrap();
    let encoded = percent_encoding::utf8_percent_encode(&body, percent_encoding::NON_ALPHANUMERIC).to_string();
    let reading = read(&HeaderMap::new(), format!("payload={}&x=y", encoded.replace("%20", "+")).as_bytes());
    assert_eq!(image_of(&reading.content).repository, "exampleorg/blog");
}

#[test]
fn deliveries_have_the_names_that_their_senders_give() {
    for (name, id) in [
        ("ghcr-package-published.json", "5c7ffebd-6a96-57e0-8503-0d8b1929b367"),
        ("gitea-package-created.json", "4ac02316-1a4b-5816-910b-5c8b4812094b"),
        ("gar-pubsub-insert-tag.json", "7000000000000001"),
        ("acr-push.json", "f6cb3c89-7e52-586f-af4b-b966e4e9ebbc"),
        ("distribution-v1-pull.json", "31d8925427f4ef4bdf3dabd245d4df26"),
        ("generic-native.json", "01JADEMO"),
    ] {
        let entry = index().into_iter().find(|entry| entry["file"] == name).unwrap();
        assert_eq!(read(&headers(&entry), &body(name)).id.as_deref(), Some(id), "{name}");
    }
}

#[test]
fn an_unknown_or_empty_body_is_a_reason_to_look() {
    let followed = "registry.example/exampleorg/blog:latest".parse().unwrap();
    for body in ["", "{}", "[]", "null", "payload=1", "payload=%", r#"{"image":""}"#, r#"{"message":{"data":"?"}}"#] {
        let content = read(&HeaderMap::new(), body.as_bytes()).content;
        assert_eq!(meaning(&content, &followed), Meaning::Look(None), "{body}");
    }
}

/// A body in which one value is another than its sender ever writes.
fn broken(mut body: Value, mut at: usize, value: &Value) -> Value {
    fn walk(body: &mut Value, at: &mut usize, value: &Value) {
        if *at == 0 {
            *body = value.clone();
        }
        *at = at.wrapping_sub(1);
        match body {
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, at, value)),
            Value::Object(fields) => fields.values_mut().for_each(|field| walk(field, at, value)),
            _ => {}
        }
    }
    walk(&mut body, &mut at, value);
    body
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "[a-z/:@.]{0,300}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({"repository-name": 1})),
    ]
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), form: bool) {
        let bytes = if form { [b"payload=", &bytes[..]].concat() } else { bytes };
        read(&HeaderMap::new(), &bytes);
    }

    #[test]
    fn no_value_in_the_place_of_another_panics(entry in 0..index().len(), at in 0usize..120, value in any_value(), named: bool) {
        let entry = &index()[entry];
        let whole: Value = serde_json::from_slice(&body(entry["file"].as_str().unwrap())).unwrap();
        let headers = if named { headers(entry) } else { HeaderMap::new() };
        let reading = read(&headers, broken(whole, at, &value).to_string().as_bytes());
        meaning(&reading.content, &"registry.example.test/exampleorg/blog:latest".parse().unwrap());
        if let Content::Images(images) = reading.content {
            prop_assert!(images.iter().all(|image| image.repository.len() <= 4 * LONGEST_TEXT));
        }
    }

    #[test]
    fn no_message_of_pubsub_panics(message in "\\PC{0,100}") {
        content(&json!({"message": {"data": STANDARD.encode(message)}}));
    }

    #[test]
    fn no_name_of_an_image_panics(name in "[a-zA-Z0-9:/@.\u{e9}-]{0,40}") {
        if let Ok(image) = Image::of_text(&name) {
            image.compare(&"registry.example/blog".parse().unwrap());
        }
    }
}
