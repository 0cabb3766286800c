//! Several requests at a time.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::error::RegistryError;

/// Blobs on their way at a time: enough to fill a line whose answers take their time, and what registries and proxies take
/// from one client without a 429.
const AT_A_TIME: usize = 4;

/// Does `jobs`, at most [`AT_A_TIME`] at once; the results come in the order of the jobs. The first failure ends all.
pub(super) async fn parallel<T: Send + 'static>(
    jobs: impl IntoIterator<Item = impl Future<Output = Result<T, RegistryError>> + Send + 'static>,
) -> Result<Vec<T>, RegistryError> {
    let permits = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    for (number, job) in jobs.into_iter().enumerate() {
        let permits = Arc::clone(&permits);
        tasks.spawn(async move {
            // It is never closed.
            let _permit = permits.acquire().await;
            job.await.map(|done| (number, done))
        });
    }
    let mut results = Vec::with_capacity(tasks.len());
    while let Some(finished) = tasks.join_next().await {
        match finished {
            Ok(result) => results.push(result?),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Nobody cancels a task but the end of all this.
            Err(_) => {}
        }
    }
    results.sort_by_key(|(number, _)| *number);
    Ok(results.into_iter().map(|(_, done)| done).collect())
}

/// Does `jobs`, as many at once as blobs are on their way; what comes of them stands in the order of the jobs. For those that ask
/// a registry and do more with what they get.
pub async fn at_once<T>(jobs: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    stream::iter(jobs).buffered(AT_A_TIME).collect().await
}
