//! What a delivery means for one reference.

use super::content::Content;
use super::image::Difference;
use crate::registry::Reference;
use crate::snapshot::Digest;

/// What a hook means for one reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The reference may have changed, perhaps to this digest: look.
    Look(Option<Digest>),
    /// It speaks of something else.
    Irrelevant(&'static str),
}

/// What `content` means for `reference`. What is not understood comes from somebody who knows the secret: that is a reason
/// to look.
pub fn meaning(content: &Content, reference: &Reference) -> Meaning {
    let images = match content {
        Content::Unknown => return Meaning::Look(None),
        Content::Nothing(why) => return Meaning::Irrelevant(why),
        Content::Push(push) if push.commit.is_none() => {
            return Meaning::Irrelevant("a branch or tag of git was deleted");
        }
        Content::Push(_) => {
            return Meaning::Irrelevant(
                "a push to git; this instance follows a registry, and looks when an image is pushed",
            );
        }
        Content::Images(images) => images,
    };
    let mut difference = Difference::Host;
    // The last one counts: a body may tell of several pushes, in order.
    for image in images.iter().rev() {
        match image.compare(reference) {
            None => return Meaning::Look(image.digest),
            Some(found) => difference = difference.max(found),
        }
    }
    Meaning::Irrelevant(match difference {
        Difference::Host => "a push to another registry",
        Difference::Repository => "a push to another repository",
        Difference::Tag => "a push of another tag",
    })
}
