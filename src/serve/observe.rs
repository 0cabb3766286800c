//! What happened, for those who operate an instance.

use http::{Request, Response};

use super::peer::Peer;

/// Takes note of every request. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Observer;

impl Observer {
    /// A request has begun.
    pub(super) fn begin<B>(&self, _request: &Request<B>, _peer: &Peer) -> Exchange {
        Exchange
    }
}

/// One request and its answer; dropped when the answer is finished.
#[derive(Debug)]
pub(super) struct Exchange;

impl Exchange {
    /// The answer's head is known.
    pub(super) fn answered<B>(&mut self, _response: &Response<B>) {}

    /// So many bytes of the body were handed on.
    pub(super) fn sent(&mut self, _bytes: usize) {}
}
