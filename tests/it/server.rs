//! A server within the test's own process, with settings that no flag has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use galley::serve::{Deployment, Handler, Listener, Public, Settings, bind, serve};
use galley::snapshot::{Entry, Tree, TreePath, freeze};
use tokio::sync::oneshot;

use crate::support::Connection;

pub(crate) struct Server {
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// Serves a page at `/` and 64 MiB at `/large.bin`.
    pub(crate) fn start(settings: Settings) -> Self {
        let mut tree = Tree::new();
        for (path, length) in [("index.html", 100), ("large.bin", 64 << 20)] {
            let entry = Entry::new(Bytes::from(vec![b'x'; length]), None);
            tree.insert(TreePath::new(path).unwrap(), entry).unwrap();
        }
        let deployment = Arc::new(Deployment::new(freeze(&tree, None).unwrap()));
        Self::with(Public::new(deployment, None), settings, Vec::new())
    }

    /// Serves what `handler` answers, on `more` listeners too.
    pub(crate) fn with(handler: impl Handler, settings: Settings, more: Vec<Listener>) -> Self {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let listeners: Vec<Listener> = std::iter::once(listener.into()).chain(more).collect();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let stopped = async {
                stopped.await.unwrap();
            };
            runtime.block_on(serve(listeners, handler, settings, stopped)).unwrap();
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn open(&self) -> Connection {
        Connection::open(&self.address)
    }

    /// Asks the server to stop, without waiting for it.
    pub(crate) fn begin_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until a server that was asked to stop is gone.
    pub(crate) fn join(&mut self) {
        self.thread.take().unwrap().join().unwrap();
    }

    /// Asks the server to stop; returns how long it took.
    pub(crate) fn stop(&mut self) -> Duration {
        let started = Instant::now();
        self.begin_stop();
        self.join();
        started.elapsed()
    }
}

/// An answer from a function, for what no content shows.
#[derive(Clone)]
pub(crate) struct Answering<F>(pub(crate) F);

impl<F> Handler for Answering<F>
where
    F: Fn(&::http::Request<hyper::body::Incoming>, &galley::serve::Peer) -> String + Clone + Send + 'static,
{
    fn answer(
        &self,
        request: ::http::Request<hyper::body::Incoming>,
        peer: &galley::serve::Peer,
    ) -> galley::serve::Answer {
        let text = (self.0)(&request, peer);
        let body = galley::serve::AnswerBody::Full(Some(text.into()));
        ::http::Response::new(body).into()
    }
}
