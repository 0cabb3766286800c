//! Asks other hosts whether what the site links to is there. Advice, never a fault: hosts have bad days.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, StatusCode, redirect};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::external::ExternalLink;
use crate::finding::Finding;
use crate::outbound::{self, Trust};

/// Requests at a time, to all hosts together.
const REQUESTS: usize = 16;
/// Requests at a time to one host: a reader's browser sends as many.
const REQUESTS_A_HOST: usize = 2;
/// For the whole of an answer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// What answered well is not asked again for a week, what did not for an hour.
const KEEP_GOOD: u64 = 7 * 24 * 3600;
const KEEP_BAD: u64 = 3600;

/// What was answered, and when, by URL: kept between checks.
pub type Answers = BTreeMap<String, Answer>;

/// What a host answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// In seconds since 1970.
    asked: u64,
    /// What is wrong; `None` if the page is there.
    fault: Option<String>,
}

impl Answer {
    fn is_fresh(&self, now: u64) -> bool {
        let keep = if self.fault.is_none() { KEEP_GOOD } else { KEEP_BAD };
        now.saturating_sub(self.asked) < keep
    }
}

/// Asks for each link that `answers` does not tell of at `now`, in seconds since 1970, and tells of those that are not
/// there. Afterwards `answers` holds exactly the links asked about; `progress` gets the number of those that are done.
pub async fn ask(
    links: &[ExternalLink],
    answers: &mut Answers,
    now: u64,
    mut progress: impl FnMut(usize),
) -> Result<Vec<Finding>, AskError> {
    let client = client()?;
    let all = Arc::new(Semaphore::new(REQUESTS));
    let mut hosts: HashMap<String, Arc<Semaphore>> = HashMap::new();
    let mut tasks = JoinSet::new();
    for link in links {
        if answers.get(&link.url).is_some_and(|answer| answer.is_fresh(now)) {
            continue;
        }
        let host = host(&link.url).to_owned();
        let host = Arc::clone(hosts.entry(host).or_insert_with(|| Arc::new(Semaphore::new(REQUESTS_A_HOST))));
        let (client, all, url) = (client.clone(), Arc::clone(&all), link.url.clone());
        tasks.spawn(async move {
            // Neither is ever closed, and without a permit the request would only come earlier.
            let _permits = (host.acquire_owned().await, all.acquire_owned().await);
            let fault = fault(&client, &url).await;
            (url, Answer { asked: now, fault })
        });
    }
    let mut done = 0;
    while let Some(finished) = tasks.join_next().await {
        if let Ok((url, answer)) = finished {
            answers.insert(url, answer);
        }
        done += 1;
        progress(done);
    }
    answers.retain(|url, _| links.iter().any(|link| link.url == *url));
    Ok(links.iter().filter_map(|link| finding(link, answers.get(&link.url)?)).collect())
}

/// Why no host can be asked at all.
pub type AskError = Box<dyn std::error::Error + Send + Sync>;

fn client() -> Result<Client, AskError> {
    Ok(outbound::client(&Trust::default())?.timeout(TIMEOUT).redirect(redirect::Policy::limited(10)).build()?)
}

fn host(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or_default()
}

/// What is wrong with a page. HEAD is enough for most hosts; those that refuse it are asked with GET.
async fn fault(client: &Client, url: &str) -> Option<String> {
    let mut last = None;
    for method in [Method::HEAD, Method::GET] {
        match client.request(method, url).send().await {
            Ok(response) if response.status().is_success() => return None,
            Ok(response) => last = Some(refused(response.status())),
            Err(error) => last = Some(unreachable(&error)),
        }
    }
    last.flatten()
}

/// A host that wants to know who asks, or asks for less, has the page.
fn refused(status: StatusCode) -> Option<String> {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => None,
        status => Some(format!("answers {status}")),
    }
}

fn unreachable(error: &reqwest::Error) -> Option<String> {
    let reason = if error.is_timeout() {
        "does not answer in time"
    } else if error.is_redirect() {
        "redirects in a circle"
    } else if error.is_connect() {
        "can't be reached"
    } else {
        "gives no whole answer"
    };
    Some(reason.to_owned())
}

fn finding(link: &ExternalLink, answer: &Answer) -> Option<Finding> {
    let fault = answer.fault.as_ref()?;
    Some(Finding::warning(&link.path, link.position, format!("{} {fault}; mend or remove the link", link.url)))
}
