//! What a delivery may speak of.

use super::image::Image;

/// What a delivery speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Tags that were pushed.
    Images(Vec<Image>),
    /// Commits that were pushed: they are no image yet.
    Push(GitPush),
    /// Nothing that changes an image, and why.
    Nothing(&'static str),
    /// It can't be told.
    Unknown,
}

/// A push to a git repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitPush {
    /// Where it can be cloned from, as its sender says.
    pub repository: String,
    /// The branch or tag, with `refs/` before it.
    pub reference: String,
    /// The commit that it points at now; `None` if it was deleted.
    pub commit: Option<String>,
}

/// What the events of one delivery come to: the tags among them, or why there are none.
impl FromIterator<Result<Image, &'static str>> for Content {
    fn from_iter<T: IntoIterator<Item = Result<Image, &'static str>>>(events: T) -> Self {
        let (mut images, mut reason) = (Vec::new(), None);
        for event in events {
            match event {
                Ok(image) => images.push(image),
                Err(why) => reason = reason.or(Some(why)),
            }
        }
        match images.is_empty() {
            false => Self::Images(images),
            true => Self::Nothing(reason.unwrap_or("it names no image")),
        }
    }
}
