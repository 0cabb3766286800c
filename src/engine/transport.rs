//! How requests reach an engine: one connection each, over its socket or TCP.
//!
//! bollard's own two ways bring an HTTP client each, for HTTP/2 as well: a fifth of a megabyte in the packed program.

use std::io;

use bollard::BollardRequest;
use bollard::errors::Error;
use http::header::HOST;
use http::{HeaderValue, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::address::{Address, Place};
use crate::outbound;

/// Either kind of connection, so that the client is compiled once.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Sends `request` to the engine at `address`.
pub(super) async fn send(address: Address, request: BollardRequest) -> Result<Response<Incoming>, Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(open(&address).await?)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            // Whoever waits for the answer is told the same.
            tracing::debug!("the connection to the engine at {address} ends: {error}");
        }
    });
    Ok(sender.send_request(in_origin_form(request)?).await?)
}

async fn open(address: &Address) -> io::Result<Box<dyn Stream>> {
    Ok(match address.place() {
        Place::Socket(path) => Box::new(UnixStream::connect(path).await?),
        Place::Host(host) => Box::new(TcpStream::connect(&*outbound::lookup(host).await?).await?),
    })
}

/// The path alone, and the host in its field (RFC 9112 section 3.2.1).
fn in_origin_form(mut request: BollardRequest) -> Result<BollardRequest, http::Error> {
    let uri = std::mem::take(request.uri_mut());
    let host = uri.authority().map_or("localhost", |authority| authority.as_str());
    request.headers_mut().insert(HOST, HeaderValue::from_str(host)?);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = Uri::builder().path_and_query(path).build()?;
    Ok(request)
}
