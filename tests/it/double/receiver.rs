//! A receiver of notices on a free port: it keeps what it was sent, and answers as it is told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver as Channel, Sender, channel};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;

use crate::support::PATIENCE;

/// What is answered.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// A status with a header field.
    Status(u16, &'static str, &'static str),
    /// Nothing, for ever.
    Silence,
}

/// What came.
#[derive(Debug)]
pub(crate) struct Received {
    /// Method and path with the query.
    pub(crate) line: String,
    headers: HeaderMap,
    pub(crate) body: String,
}

impl Received {
    /// A header's value; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The receiver; it answers 204 unless it is told something else.
pub(crate) struct Receiver {
    pub(crate) address: String,
    received: Channel<Received>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, received) = channel();
        let answers = Arc::new(Mutex::new(VecDeque::new()));
        let told = Arc::clone(&answers);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(accept(listener, &sender, &told));
        });
        Self { address, received, answers }
    }

    /// The next requests are answered so.
    pub(crate) fn answer(&self, answers: &[Answer]) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// The next request.
    #[track_caller]
    pub(crate) fn next(&self) -> Received {
        self.received.recv_timeout(PATIENCE).expect("nobody came")
    }

    /// Those that have come and nobody has looked at.
    pub(crate) fn rest(&self) -> Vec<Received> {
        self.received.try_iter().collect()
    }
}

async fn accept(listener: TcpListener, sender: &Sender<Received>, answers: &Arc<Mutex<VecDeque<Answer>>>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let (sender, answers) = (sender.clone(), Arc::clone(answers));
        tokio::spawn(async move {
            let service = service_fn(move |request| receive(request, sender.clone(), Arc::clone(&answers)));
            // A client that goes away is none of the test's business.
            let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn receive(
    request: Request<Incoming>,
    sender: Sender<Received>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let received = Received {
        line: format!("{} {}", parts.method, parts.uri),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let answer = answers.lock().unwrap().pop_front();
    // A test that has ended does not want it any more.
    let _ = sender.send(received);
    let response = match answer {
        None => Response::builder().status(204),
        Some(Answer::Status(status, name, value)) => Response::builder().status(status).header(name, value),
        Some(Answer::Silence) => std::future::pending().await,
    };
    Ok(response.body(Body::empty()).unwrap())
}
