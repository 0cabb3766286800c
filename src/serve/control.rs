//! The control listener: is the process alive, can it answer, and what has it counted.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use super::accept::{Farewell, Settings, serve};
use super::body::AnswerBody;
use super::handler::{Answer, Handler};
use super::limits::Limits;
use super::listen::Listener;
use super::observe::{CONTENT_TYPE, Counted, Metrics, Observer};
use super::peer::Peer;
use super::readiness::Readiness;
use super::routes::Routes;

/// Probes and scrapers are few.
const CONNECTIONS: usize = 32;
/// Nobody is worth waiting for at the stop.
const STOP: Duration = Duration::from_millis(500);

/// The paths of probes and scrapers.
const OWN: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
const PLAIN: &str = "text/plain; charset=utf-8";
const ELSEWHERE: &str = "not found; there are /healthz, /readyz and /metrics\n";

/// Answers on the control listener. None of its own paths changes anything; those of `routes` may.
#[derive(Clone)]
pub struct Control {
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
    routes: Option<Routes>,
}

impl Control {
    /// Tells of an instance what `observer`, `readiness` and the counters of other rooms know.
    pub fn new(observer: Observer, readiness: Arc<Readiness>, counted: Vec<Counted>) -> Self {
        let metrics = Arc::new(Metrics::new(observer, Arc::clone(&readiness), counted));
        Self { readiness, metrics, routes: None }
    }

    /// The same with further paths.
    #[must_use]
    pub fn with_routes(self, routes: Option<Routes>) -> Self {
        Self { routes, ..self }
    }

    /// Serves on `listeners` in a thread of its own: however much the public listeners have to do, a probe is answered.
    pub fn start(self, listeners: Vec<Listener>) -> io::Result<ControlThread> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<Farewell>();
        let limits = Limits { connections: CONNECTIONS, stop: STOP, ..Limits::default() };
        let settings = Settings { limits, threads: Some(NonZeroUsize::MIN), ..Settings::default() };
        // Both mean the stop: the word for it, and that nobody is left to say it.
        let stopped = async { stopped.await.unwrap_or_default() };
        let thread = std::thread::Builder::new().name("control".to_owned());
        let thread = thread.spawn(move || runtime.block_on(serve(listeners, self, settings, stopped)))?;
        Ok(ControlThread { stop: Some(stop), parted: None, thread })
    }

    fn respond(&self, method: &Method, path: &str) -> Response<AnswerBody> {
        if *method != Method::GET && *method != Method::HEAD {
            let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET and HEAD are allowed\n");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/healthz" => respond(StatusCode::OK, PLAIN, "ok\n"),
            "/readyz" => match self.readiness.lacks() {
                None => respond(StatusCode::OK, PLAIN, "ok\n"),
                Some(reason) => respond(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{reason}\n")),
            },
            "/metrics" => match self.metrics.text() {
                Ok(text) => respond(StatusCode::OK, CONTENT_TYPE, text),
                Err(error) => respond(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("the metrics: {error}\n")),
            },
            _ => respond(StatusCode::NOT_FOUND, PLAIN, ELSEWHERE),
        }
    }
}

impl Handler for Control {
    fn answer(&self, request: Request<Incoming>, _peer: &Peer) -> Answer {
        if let Some(routes) = self.routes.clone().filter(|_| !OWN.contains(&request.uri().path())) {
            return Answer::routed(routes, request);
        }
        let response = self.respond(request.method(), request.uri().path());
        let bodiless = *request.method() == Method::HEAD;
        if bodiless { response.map(|_| AnswerBody::empty()).into() } else { response.into() }
    }
}

fn respond(status: StatusCode, media_type: &'static str, text: impl Into<Bytes>) -> Response<AnswerBody> {
    let text = text.into();
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    let mut response = Response::new(AnswerBody::Full(Some(text)));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The control listener's thread.
pub struct ControlThread {
    /// `None` once it has parted.
    stop: Option<oneshot::Sender<Farewell>>,
    /// Gone when what it parted with has its time no longer.
    parted: Option<oneshot::Sender<()>>,
    thread: JoinHandle<io::Result<()>>,
}

impl ControlThread {
    /// Closes the listeners and waits for the thread's end: a request that has come is answered.
    pub fn stop(self) -> io::Result<()> {
        let Self { stop, parted, thread } = self;
        if let Some(stop) = stop {
            // The error means that it has stopped already, which the thread's result tells.
            let _ = stop.send(Farewell::Brief);
        }
        drop(parted);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the control listener's thread broke")))
    }

    /// Takes no more connections, which another process does, and leaves those that are open to the thread until it is stopped.
    pub fn part(&mut self) {
        let Some(stop) = self.stop.take() else { return };
        let (parted, ends) = oneshot::channel::<()>();
        self.parted = Some(parted);
        let ends = async {
            // It is never told anything: the other end goes.
            let _ = ends.await;
        };
        // The error means that it has stopped already.
        let _ = stop.send(Farewell::Patient(Box::pin(ends)));
    }
}
