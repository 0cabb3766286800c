//! Content that is not everybody's: a preview, for whoever carries its cookie.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, StatusCode};
use hyper::body::Incoming;

use super::answer::{content, set_cache, text};
use super::body::AnswerBody;
use super::handler::Answer;
use crate::snapshot::Snapshot;

/// The cookie's name. A request that carries it is none of the common kind.
pub const PREVIEW_COOKIE: &str = "galley-preview";

/// A preview on its way, or in words why there is none.
pub type Previewed = Pin<Box<dyn Future<Output = Result<Arc<Snapshot>, String>> + Send>>;

/// Those who know previews by their cookies.
pub trait Previews: Send + Sync {
    /// What the cookie with this value stands for; `None` if it stands for nothing, and everybody's content is meant.
    fn of_cookie(&self, value: &str) -> Option<Previewed>;
}

/// Whether a cookie field may name a preview. Read for each request that has such a field.
pub(super) fn may_name_preview(field: &[u8]) -> bool {
    field.windows(PREVIEW_COOKIE.len()).any(|part| part == PREVIEW_COOKIE.as_bytes())
}

/// The preview that the request's cookie names.
pub(super) fn previewed(previews: &dyn Previews, headers: &HeaderMap) -> Option<Previewed> {
    let fields = headers.get_all(header::COOKIE).iter().filter(|field| may_name_preview(field.as_bytes()));
    let texts = fields.filter_map(|field| field.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == PREVIEW_COOKIE).and_then(|(_, value)| previews.of_cookie(value))
}

/// The answer from a preview. Nobody keeps it, and no search engine lists it.
pub(super) fn answer(previewed: Previewed, request: Request<Incoming>) -> Answer {
    Answer::Routed(Box::pin(async move {
        let mut response = match previewed.await {
            Ok(snapshot) => content(&snapshot, &request),
            Err(message) => {
                let body = Bytes::from(message + "\n");
                let mut response = text(StatusCode::NOT_FOUND, "");
                response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
                *response.body_mut() = AnswerBody::Full(Some(body));
                response
            }
        };
        let headers = response.headers_mut();
        set_cache(headers, "no-store");
        headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow"));
        match Answer::after(request, response).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Known;

    impl Previews for Known {
        fn of_cookie(&self, value: &str) -> Option<Previewed> {
            (value == "right").then(|| -> Previewed { Box::pin(std::future::ready(Err(String::new()))) })
        }
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        for (fields, found) in [
            (&["galley-preview=right"][..], true),
            (&["a=b; galley-preview=right; c=d"], true),
            (&["a=b", "c; galley-preview=right"], true),
            (&["galley-preview=wrong"], false),
            (&["galley-previews=right", "a=galley-preview=right", "galley-preview", ""], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(header::COOKIE, field.parse().unwrap());
            }
            assert_eq!(previewed(&Known, &headers).is_some(), found, "{fields:?}");
        }
    }
}
