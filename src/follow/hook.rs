//! What webhooks say, read tolerantly: Docker Hub's and distribution's bodies.

use serde_json::Value;

use crate::registry::Reference;
use crate::snapshot::Digest;

/// What a hook means for one reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The reference may have changed, perhaps to this digest: look.
    Look(Option<Digest>),
    /// It speaks of something else.
    Irrelevant(&'static str),
}

/// Reads a body. One that galley does not know comes from somebody who knows the secret: that is a reason to look.
pub(super) fn meaning(body: &[u8], reference: &Reference) -> Meaning {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return Meaning::Look(None) };
    if let Some(events) = body["events"].as_array() {
        distribution(events, reference)
    } else if body["push_data"].is_object() {
        docker_hub(&body, reference)
    } else {
        Meaning::Look(None)
    }
}

/// A push of an index is many events (blobs, manifests of platforms, and our own pulls); only one has the tag.
fn distribution(events: &[Value], reference: &Reference) -> Meaning {
    let moves_tag = |event: &Value| {
        event["action"] == "push"
            && event["target"]["repository"] == reference.repository()
            && event["target"]["tag"] == reference.tag()
    };
    match events.iter().rfind(|event| moves_tag(event)) {
        Some(event) => Meaning::Look(event["target"]["digest"].as_str().and_then(|digest| digest.parse().ok())),
        None => Meaning::Irrelevant("no push of the followed tag"),
    }
}

/// A body without a tag has been seen: it may mean ours. `callback_url` is dead and a lure; it is never read.
fn docker_hub(body: &Value, reference: &Reference) -> Meaning {
    if body["repository"]["repo_name"].as_str().is_some_and(|name| name != reference.repository()) {
        return Meaning::Irrelevant("a push to another repository");
    }
    if body["push_data"]["tag"].as_str().is_some_and(|tag| !tag.is_empty() && tag != reference.tag()) {
        return Meaning::Irrelevant("a push of another tag");
    }
    Meaning::Look(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(body: &str) -> Meaning {
        meaning(body.as_bytes(), &"registry.example/exampleorg/blog:latest".parse().unwrap())
    }

    fn event(action: &str, repository: &str, tag: &str) -> String {
        format!(r#"{{"action":"{action}","target":{{"repository":"{repository}"{tag}}}}}"#)
    }

    #[test]
    fn only_a_push_of_the_followed_tag_counts() {
        let tag = r#","tag":"latest""#;
        let events = |events: &[String]| format!(r#"{{"events":[{}]}}"#, events.join(","));
        let blob = event("push", "exampleorg/blog", "");
        let index = event("push", "exampleorg/blog", tag);
        assert_eq!(read(&events(&[blob.clone(), index])), Meaning::Look(None));
        let digest = Digest::of(b"index");
        let announced = event("push", "exampleorg/blog", &format!(r#"{tag},"digest":"{digest}""#));
        assert_eq!(read(&events(&[announced, blob.clone()])), Meaning::Look(Some(digest)));
        for other in [
            events(&[]),
            events(&[blob]),
            events(&[event("pull", "exampleorg/blog", tag)]),
            events(&[event("delete", "exampleorg/blog", tag)]),
            events(&[event("push", "exampleorg/other", tag)]),
            events(&[event("push", "exampleorg/blog", r#","tag":"v1""#)]),
            r#"{"events":[1,null,{"target":3}]}"#.to_owned(),
        ] {
            assert!(matches!(read(&other), Meaning::Irrelevant(_)), "{other}");
        }
    }

    #[test]
    fn docker_hubs_body_is_understood() {
        let body = |name: &str, data: &str| format!(r#"{{"push_data":{data},"repository":{{"repo_name":"{name}"}}}}"#);
        assert_eq!(read(&body("exampleorg/blog", r#"{"tag":"latest","pushed_at":1.5e9}"#)), Meaning::Look(None));
        assert_eq!(read(&body("exampleorg/blog", "{}")), Meaning::Look(None));
        assert!(matches!(read(&body("exampleorg/blog", r#"{"tag":"v1"}"#)), Meaning::Irrelevant(_)));
        assert!(matches!(read(&body("exampleorg/other", r#"{"tag":"latest"}"#)), Meaning::Irrelevant(_)));
    }

    #[test]
    fn an_unknown_or_empty_body_is_a_reason_to_look() {
        for body in ["", "{}", "[]", "payload=1", r#"{"image":"x"}"#] {
            assert_eq!(read(body), Meaning::Look(None), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in "\\PC{0,200}") {
            read(&body);
        }
    }
}
