//! What a worker asks of itself before it takes over: a request, all the way through.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::serve::{Deployment, Limits, Public, Settings, bind, serve};

/// A machine under load answers within this.
const PATIENCE: Duration = Duration::from_secs(10);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// Serves `deployment` for one request on a port of this machine's own, and asks for the first page.
pub(super) async fn probe(deployment: &Arc<Deployment>) -> anyhow::Result<()> {
    let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).context("the self-check has no port")?;
    let address = listener.local_addr()?;
    let (asked, end) = oneshot::channel::<()>();
    let limits = Limits { connections: 8, stop: Duration::from_millis(100), ..Limits::default() };
    let settings = Settings { limits, threads: Some(NonZeroUsize::MIN), ..Settings::default() };
    let public = Public::new(Arc::clone(deployment), None);
    let served = serve(vec![listener], public, settings, async { drop(end.await) });
    let asking = async {
        let answered = tokio::time::timeout(PATIENCE, ask(address)).await;
        drop(asked);
        answered.context("the self-check got no answer")?
    };
    let (served, answered) = tokio::join!(served, asking);
    served?;
    answered
}

async fn ask(address: SocketAddr) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let head = String::from_utf8_lossy(&answer[..answer.len().min(64)]).into_owned();
    let Some(status) = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)) else {
        bail!("the self-check got no answer of HTTP: {head:?}");
    };
    ensure!(matches!(status, "200" | "301" | "302" | "303" | "307" | "308"), "the self-check: / answers {status}");
    Ok(())
}
