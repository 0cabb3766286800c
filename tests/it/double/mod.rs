//! A registry on a free port: the pull and push half of the distribution specification over real HTTP, and the faults that
//! a well-behaved one never shows.

mod fault;
mod receiver;
mod store;
mod tokens;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{Response, StatusCode, header};
use galley::snapshot::Digest;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

pub(crate) use self::fault::{Fault, Ranges};
pub(crate) use self::receiver::{Answer, Received, Receiver};
pub(crate) use self::store::THEIRS;
use self::tokens::Token;
pub(crate) use self::tokens::{Account, Forbids};

#[derive(Default)]
struct Store {
    blobs: HashMap<String, Bytes>,
    /// By `repository/tag` and `repository/digest`.
    manifests: HashMap<String, (String, Bytes)>,
    /// What somebody else moves the tag to, if it is not [`THEIRS`].
    theirs: Option<Bytes>,
    /// Where the tag pointed before.
    stale: Option<(String, Bytes)>,
    fault: Fault,
    account: Option<Account>,
    tokens: Vec<Token>,
    tokens_given: u32,
    /// The scopes that tokens were asked for.
    scopes_asked: Vec<String>,
    uploads: u32,
    /// Another repository, what lies there, and whether it may be mounted from.
    elsewhere: HashMap<String, Bytes>,
    mounts_from: Option<String>,
    /// What contains one of these is answered when all of them have been asked for.
    together: Vec<String>,
    /// Blobs whose next answer is cut in the middle.
    cut_once: HashSet<String>,
    /// Another host, where blobs are.
    storage: Option<String>,
    /// Method, path and query of each request; the range, if one was asked for.
    log: Vec<String>,
    address: String,
}

/// The connection is cut instead of an answer.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut here")
    }
}

impl std::error::Error for Cut {}

/// A registry, running in a thread of its own.
pub(crate) struct Registry {
    store: Arc<Mutex<Store>>,
    pub(crate) address: String,
    stop: Option<oneshot::Sender<()>>,
}

/// Where blobs lie that the registry sends its clients to; nobody may show it what the registry gave.
pub(crate) struct Storage(Registry);

impl Storage {
    /// How many requests came.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.0.take_log()
    }

    pub(crate) fn set_fault(&self, fault: Fault) {
        self.0.set_fault(fault);
    }
}

impl Registry {
    pub(crate) fn start() -> Self {
        Self::with(None, answer)
    }

    /// One that speaks TLS with what is in these files.
    pub(crate) fn start_tls(certificate: &Path, key: &Path) -> Self {
        let chain = CertificateDer::pem_file_iter(certificate).unwrap().map(|found| found.unwrap()).collect();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let settings = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let settings = settings.unwrap().with_no_client_auth();
        let settings = settings.with_single_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap();
        Self::with(Some(TlsAcceptor::from(Arc::new(settings))), answer)
    }

    fn with<F>(tls: Option<TlsAcceptor>, answer: fn(Arc<Mutex<Store>>, axum::http::Request<Incoming>) -> F) -> Self
    where
        F: Future<Output = Result<Response<Body>, Cut>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let store = Arc::new(Mutex::new(Store { address: address.clone(), ..Store::default() }));
        let served = Arc::clone(&store);
        let (stop, stopped) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                tokio::select! {
                    () = accept(listener, tls, served, answer) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { store, address, stop: Some(stop) }
    }

    /// From now on nobody answers there.
    pub(crate) fn stop(&mut self) {
        self.stop = None;
    }

    /// With tokens for `account`.
    pub(crate) fn with_tokens(self, account: Account) -> Self {
        self.set_account(account);
        self
    }

    /// From now on `account` is who gets in.
    pub(crate) fn set_account(&self, account: Account) {
        self.store.lock().unwrap().account = Some(account);
    }

    /// All tokens that were given out are worth nothing from now on.
    pub(crate) fn expire_tokens(&self) {
        self.store.lock().unwrap().tokens.clear();
    }

    /// The scopes that tokens were asked for since the last call.
    pub(crate) fn take_scopes(&self) -> Vec<String> {
        std::mem::take(&mut self.store.lock().unwrap().scopes_asked)
    }

    pub(crate) fn set_fault(&self, fault: Fault) {
        self.store.lock().unwrap().fault = fault;
    }

    /// Blobs of `repository` that may be mounted from there, or may not.
    pub(crate) fn put_elsewhere(&self, repository: &str, blob: &[u8], may_be_mounted: bool) {
        let mut store = self.store.lock().unwrap();
        let digest = Digest::of(blob).to_string();
        store.elsewhere.insert(digest, Bytes::copy_from_slice(blob));
        store.mounts_from = may_be_mounted.then(|| repository.to_owned());
    }

    /// Blobs lie on another host from now on.
    pub(crate) fn move_blobs_elsewhere(&self) -> Storage {
        let storage = Self::with(None, answer_as_storage);
        let mut store = self.store.lock().unwrap();
        storage.store.lock().unwrap().blobs = store.blobs.clone();
        store.storage = Some(storage.address.clone());
        Storage(storage)
    }

    /// Lets a blob be found, and returns its digest.
    pub(crate) fn put_blob(&self, blob: &[u8]) -> String {
        let digest = Digest::of(blob).to_string();
        self.store.lock().unwrap().blobs.insert(digest.clone(), Bytes::copy_from_slice(blob));
        digest
    }

    /// The next answer with each of these blobs is cut in the middle.
    pub(crate) fn cut_once(&self, digests: impl IntoIterator<Item = Digest>) {
        self.store.lock().unwrap().cut_once = digests.into_iter().map(|digest| digest.to_string()).collect();
    }

    /// From now on this blob comes with one byte changed.
    pub(crate) fn spoil(&self, digest: Digest) {
        let mut store = self.store.lock().unwrap();
        let blob = store.blobs.get_mut(&digest.to_string()).unwrap();
        let mut bytes = blob.to_vec();
        bytes[0] ^= 1;
        *blob = bytes.into();
    }

    /// What contains one of `parts` is answered when all of them have been asked for: only who does not wait for one before he asks
    /// for the next gets them.
    pub(crate) fn answer_together(&self, parts: impl IntoIterator<Item = String>) {
        self.store.lock().unwrap().together = parts.into_iter().collect();
    }

    /// Drops all blobs.
    pub(crate) fn sweep(&self) {
        self.store.lock().unwrap().blobs.clear();
    }

    /// Method, path and query of each request since the last call.
    pub(crate) fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.store.lock().unwrap().log)
    }

    /// Waits until somebody has asked for what contains `part`.
    #[track_caller]
    pub(crate) fn wait_for_request(&self, part: &str) {
        let begun = Instant::now();
        while !self.store.lock().unwrap().log.iter().any(|line| line.contains(part)) {
            assert!(begun.elapsed() < crate::support::PATIENCE, "nobody asked for {part}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What is found by this tag or digest is there no more.
    pub(crate) fn forget(&self, name: &str) {
        self.store.lock().unwrap().manifests.remove(name).unwrap();
    }

    /// Somebody else moves the tag to this index when a request has been answered that contains `part`.
    pub(crate) fn move_tag_after(&self, part: &'static str, index: &[u8]) {
        let mut store = self.store.lock().unwrap();
        store.theirs = Some(Bytes::copy_from_slice(index));
        store.fault = Fault::TagMovesAfter(part);
    }

    /// The bytes under a name.
    pub(crate) fn manifest(&self, name: &str) -> Vec<u8> {
        self.store.lock().unwrap().manifests[name].1.to_vec()
    }

    /// Lets a manifest be found by a tag.
    pub(crate) fn put_manifest(&self, name: &str, media_type: &str, bytes: &[u8]) {
        let stored = (media_type.to_owned(), Bytes::copy_from_slice(bytes));
        self.store.lock().unwrap().manifests.insert(name.to_owned(), stored);
    }
}

async fn accept<F>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    store: Arc<Mutex<Store>>,
    answer: fn(Arc<Mutex<Store>>, axum::http::Request<Incoming>) -> F,
) where
    F: Future<Output = Result<Response<Body>, Cut>> + Send + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, store) = (tls.clone(), Arc::clone(&store));
        tokio::spawn(async move {
            match tls {
                None => serve(stream, store, answer).await,
                Some(tls) => {
                    // One that does not like the certificate goes away.
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, store, answer).await;
                    }
                }
            }
        });
    }
}

async fn serve<F>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    store: Arc<Mutex<Store>>,
    answer: fn(Arc<Mutex<Store>>, axum::http::Request<Incoming>) -> F,
) where
    F: Future<Output = Result<Response<Body>, Cut>> + Send + 'static,
{
    let service = service_fn(|request| answer(Arc::clone(&store), request));
    let builder = auto::Builder::new(TokioExecutor::new());
    // A client that goes away is none of the test's business.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(store: Arc<Mutex<Store>>, request: axum::http::Request<Incoming>) -> Result<Response<Body>, Cut> {
    let (parts, mut body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let line = line(&parts);
    let happens = |is: fn(&Fault) -> bool| store.lock().unwrap().fault.happens(is);
    store.lock().unwrap().log.push(line.clone());
    if happens(|fault| matches!(fault, Fault::Silent(_))) {
        std::future::pending::<()>().await;
    }
    let hangs = || matches!(store.lock().unwrap().fault, Fault::Hangs(part) if line.contains(part));
    while hangs() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let begun = Instant::now();
    while store.lock().unwrap().is_alone(&line) {
        // Nothing that anybody asks for again.
        if begun.elapsed() > crate::support::PATIENCE / 3 {
            return Ok(bare(StatusCode::CONFLICT));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    if line.starts_with("PUT /v2/blog/blobs/uploads/") && happens(|fault| matches!(fault, Fault::CutUpload(_))) {
        // The first piece is taken, so that something is on its way.
        body.frame().await;
        return Err(Cut);
    }
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let mut store = store.lock().unwrap();
    if let Fault::Busy { status, retry_after, .. } = store.fault
        && store.fault.happens(|fault| matches!(fault, Fault::Busy { .. }))
    {
        let response = Response::builder().status(status);
        let response =
            retry_after.iter().fold(response, |response, after| response.header(header::RETRY_AFTER, *after));
        return Ok(response.body(Body::empty()).unwrap());
    }
    if path == "/moved" {
        let (_, port) = store.address.rsplit_once(':').unwrap();
        let location = format!("http://localhost:{port}/token?{}", parts.uri.query().unwrap_or_default());
        let response = Response::builder().status(StatusCode::TEMPORARY_REDIRECT).header(header::LOCATION, location);
        return Ok(response.body(Body::empty()).unwrap());
    }
    if path == "/token" {
        return Ok(store.token(&parts.method, parts.uri.query().unwrap_or_default(), &parts.headers, &body));
    }
    // By its other name it is the storage of somebody else, who refuses whoever shows what the registry gave.
    match is_elsewhere(&parts) {
        true if parts.headers.contains_key(header::AUTHORIZATION) => return Ok(bare(StatusCode::BAD_REQUEST)),
        true => {}
        false => {
            if let Some(challenge) = store.challenge(&parts.method, &path, &parts.headers) {
                return Ok(challenge);
            }
        }
    }
    let answer = store.route(&parts, &path, body)?;
    store.somebody_else(&line);
    if line.starts_with("PUT")
        && line.ends_with("/latest")
        && store.fault.happens(|fault| matches!(fault, Fault::CutTag(_)))
    {
        return Err(Cut);
    }
    Ok(answer)
}

impl Store {
    /// Whether this request has to wait for others.
    fn is_alone(&self, line: &str) -> bool {
        let is_asked = |part: &String| self.log.iter().any(|line| line.contains(part.as_str()));
        self.together.iter().any(|part| line.contains(part.as_str())) && !self.together.iter().all(is_asked)
    }

    fn route(&mut self, parts: &axum::http::request::Parts, path: &str, body: Bytes) -> Result<Response<Body>, Cut> {
        let Some(path) = path.strip_prefix("/v2/") else { return Ok(bare(StatusCode::NOT_FOUND)) };
        if let Some((repository, _)) = path.split_once("/blobs/uploads/") {
            return self.upload(parts, repository, body);
        }
        if let Some((_, digest)) = path.split_once("/blobs/") {
            return Ok(self.blob(&parts.method, digest, &parts.headers));
        }
        Ok(match path.split_once("/manifests/") {
            Some((repository, name)) => self.manifest(parts, repository, name, body),
            None => bare(StatusCode::NOT_FOUND),
        })
    }
}

/// Whoever shows what the registry gave is refused, as Amazon's S3 does it.
async fn answer_as_storage(
    store: Arc<Mutex<Store>>,
    request: axum::http::Request<Incoming>,
) -> Result<Response<Body>, Cut> {
    let (parts, _) = request.into_parts();
    let mut store = store.lock().unwrap();
    store.log.push(line(&parts));
    if parts.headers.contains_key(header::AUTHORIZATION) || parts.uri.query() != Some("signature=x") {
        return Ok(bare(StatusCode::BAD_REQUEST));
    }
    let Some(bytes) = store.blobs.get(parts.uri.path().trim_start_matches('/')).map(|bytes| bytes.to_vec()) else {
        return Ok(bare(StatusCode::NOT_FOUND));
    };
    Ok(store.ranged(bytes, &parts.headers, false))
}

fn line(parts: &axum::http::request::Parts) -> String {
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let range = parts.headers.get(header::RANGE).map(|range| format!(" {}", range.to_str().unwrap()));
    format!("{} {path}{}", parts.method, range.unwrap_or_default())
}

fn is_elsewhere(parts: &axum::http::request::Parts) -> bool {
    parts.headers.get(header::HOST).is_some_and(|host| host.as_bytes().starts_with(b"localhost:"))
}

fn bare(status: StatusCode) -> Response<Body> {
    Response::builder().status(status).body(Body::empty()).unwrap()
}
