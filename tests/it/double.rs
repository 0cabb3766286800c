//! A registry on a free port: the pull and push half of the distribution specification over real HTTP, and the faults that
//! a well-behaved one never shows.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use galley::snapshot::Digest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::sync::oneshot;

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Blobs come with one byte changed.
    OtherBytes,
    /// Blobs come with bytes behind their end.
    MoreBytes,
    /// Blobs are gone.
    NoBlobs,
    /// Everything is answered by 503 this many times, then as usual.
    Unavailable(u32),
}

#[derive(Default)]
struct Store {
    blobs: HashMap<String, Bytes>,
    /// By `repository/tag` and `repository/digest`.
    manifests: HashMap<String, (String, Bytes)>,
    fault: Fault,
    /// User name and password, if tokens are asked for.
    account: Option<(String, String)>,
    /// Method and path of each request.
    log: Vec<String>,
    address: String,
}

/// A registry, running in a thread of its own.
pub(crate) struct Registry {
    store: Arc<Mutex<Store>>,
    pub(crate) address: String,
    _stop: oneshot::Sender<()>,
}

/// What the token endpoint gives out.
const TOKEN: &str = "the-token";

impl Registry {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let store = Arc::new(Mutex::new(Store { address: address.clone(), ..Store::default() }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&store));
        let (stop, stopped) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                tokio::select! {
                    () = serve(listener, router) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { store, address, _stop: stop }
    }

    /// With tokens for those who know the password.
    pub(crate) fn with_account(self, user: &str, password: &str) -> Self {
        self.store.lock().unwrap().account = Some((user.to_owned(), password.to_owned()));
        self
    }

    pub(crate) fn set_fault(&self, fault: Fault) {
        self.store.lock().unwrap().fault = fault;
    }

    /// Method and path of each request since the last call.
    pub(crate) fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.store.lock().unwrap().log)
    }

    /// Lets a manifest be found by a tag.
    pub(crate) fn put_manifest(&self, name: &str, media_type: &str, bytes: &[u8]) {
        let stored = (media_type.to_owned(), Bytes::copy_from_slice(bytes));
        self.store.lock().unwrap().manifests.insert(name.to_owned(), stored);
    }
}

async fn serve(listener: TcpListener, router: Router) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            // A client that goes away is none of the test's business.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(State(store): State<Arc<Mutex<Store>>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut store = store.lock().unwrap();
    let path = parts.uri.path().to_owned();
    store.log.push(format!("{} {path}", parts.method));
    if let Fault::Unavailable(left @ 1..) = store.fault {
        store.fault = Fault::Unavailable(left - 1);
        return bare(StatusCode::SERVICE_UNAVAILABLE);
    }
    if path == "/token" {
        return store.token(&parts.headers);
    }
    if let Some(challenge) = store.challenge(&parts.headers) {
        return challenge;
    }
    let Some(path) = path.strip_prefix("/v2/") else { return bare(StatusCode::NOT_FOUND) };
    if let Some((repository, _)) = path.split_once("/blobs/uploads/") {
        return store.upload(&parts.method, repository, parts.uri.query().unwrap_or_default(), body);
    }
    if let Some((_, digest)) = path.split_once("/blobs/") {
        return store.blob(&parts.method, digest);
    }
    match path.split_once("/manifests/") {
        Some((repository, name)) => store.manifest(&parts.method, repository, name, &parts.headers, body),
        None => bare(StatusCode::NOT_FOUND),
    }
}

fn bare(status: StatusCode) -> Response<Body> {
    Response::builder().status(status).body(Body::empty()).unwrap()
}

impl Store {
    fn challenge(&self, headers: &HeaderMap) -> Option<Response<Body>> {
        self.account.as_ref()?;
        if headers.get(header::AUTHORIZATION).is_some_and(|value| value == format!("Bearer {TOKEN}").as_str()) {
            return None;
        }
        let address = &self.address;
        let field =
            format!("Bearer realm=\"http://{address}/token\",service=\"test\",scope=\"repository:blog:pull,push\"");
        let response = Response::builder().status(StatusCode::UNAUTHORIZED).header(header::WWW_AUTHENTICATE, field);
        Some(response.body(Body::empty()).unwrap())
    }

    fn token(&self, headers: &HeaderMap) -> Response<Body> {
        use base64::Engine;
        let (user, password) = self.account.clone().unwrap_or_default();
        let expected = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        if headers.get(header::AUTHORIZATION).is_none_or(|value| value != format!("Basic {expected}").as_str()) {
            return bare(StatusCode::UNAUTHORIZED);
        }
        Response::new(Body::from(format!("{{\"access_token\":\"{TOKEN}\"}}")))
    }

    fn upload(&mut self, method: &Method, repository: &str, query: &str, body: Bytes) -> Response<Body> {
        if method == Method::POST {
            // With a query of its own, as real registries have it: the digest must be added to it.
            let location = format!("/v2/{repository}/blobs/uploads/1?state=x");
            let response = Response::builder().status(StatusCode::ACCEPTED).header(header::LOCATION, location);
            return response.body(Body::empty()).unwrap();
        }
        let digest = Digest::of(&body).to_string();
        let announced = query.strip_prefix("state=x&digest=").unwrap_or_default().replace("%3A", ":");
        if announced != digest {
            return bare(StatusCode::BAD_REQUEST);
        }
        self.blobs.insert(digest, body);
        bare(StatusCode::CREATED)
    }

    fn blob(&self, method: &Method, digest: &str) -> Response<Body> {
        let Some(bytes) = self.blobs.get(digest).filter(|_| self.fault != Fault::NoBlobs) else {
            return bare(StatusCode::NOT_FOUND);
        };
        let mut bytes = bytes.to_vec();
        match self.fault {
            Fault::OtherBytes => bytes[0] ^= 1,
            Fault::MoreBytes => bytes.extend_from_slice(b"more"),
            _ => {}
        }
        Response::new(if method == Method::HEAD { Body::empty() } else { Body::from(bytes) })
    }

    fn manifest(
        &mut self,
        method: &Method,
        repository: &str,
        name: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Response<Body> {
        if method == Method::PUT {
            let media_type = headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
            let digest = Digest::of(&body);
            self.manifests.insert(format!("{repository}/{digest}"), (media_type.clone(), body.clone()));
            self.manifests.insert(format!("{repository}/{name}"), (media_type, body));
            return bare(StatusCode::CREATED);
        }
        let Some((media_type, bytes)) = self.manifests.get(&format!("{repository}/{name}")) else {
            return bare(StatusCode::NOT_FOUND);
        };
        let digest = Digest::of(bytes).to_string();
        if headers.get(header::IF_NONE_MATCH).is_some_and(|value| value == format!("\"{digest}\"").as_str()) {
            return bare(StatusCode::NOT_MODIFIED);
        }
        let body = if method == Method::HEAD { Body::empty() } else { Body::from(bytes.clone()) };
        let response = Response::builder().header("docker-content-digest", digest);
        response.header(header::CONTENT_TYPE, media_type).body(body).unwrap()
    }
}
