//! Preview channels: what a tag `preview-NAME` of the followed repository points at, for those who know a secret path.
//!
//! The links of pages are rooted, so that a preview can't be served below a path. Whoever visits the secret path gets a cookie
//! instead, and is answered from the preview until it is taken away. A preview is no release: it lies in memory alone, is never
//! installed, and changes nothing of what everybody gets.

mod held;
mod key;
mod pages;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use self::held::{Held, Shelf};
use self::key::Keys;
pub use self::pages::channel_routes;
use super::release::{FetchError, Fetcher};
use super::secret::SecretError;
use super::state::Cause;
use super::store::Store;
use super::verify::Verifier;
use crate::image::Platform;
use crate::registry::{Client, Reference, RegistryError, TagState, Transport};
use crate::serve::{Deployment, Previewed, Previews};
use crate::snapshot::freeze;

/// What tags of previews begin with.
const PREFIX: &str = "preview-";
/// The longest name: a tag has 128 characters at most.
const MAX_NAME: usize = 100;
/// Between two looks at the tag of a preview that is being read.
const INTERVAL: Duration = Duration::from_secs(30);
/// A registry that takes longer to say whether the tag has moved is not waited for: what is there is read meanwhile.
const HASTE: Duration = Duration::from_secs(3);

/// The previews of an instance. A clone is the same.
#[derive(Clone)]
pub struct Channels(Arc<Inner>);

struct Inner {
    keys: Keys,
    source: Source,
    deployment: Arc<Deployment>,
    shelf: Mutex<Shelf>,
    /// One look at a time: previews are for few, and must not crowd out the release that everybody waits for.
    looking: tokio::sync::Mutex<()>,
}

/// Where previews come from.
pub struct Source {
    /// The followed reference; its tag is not the one that is asked for.
    pub reference: Reference,
    /// How its registry is reached.
    pub transport: Transport,
    /// What is asked for.
    pub platform: Platform,
    /// Who has to vouch for previews, if somebody has to vouch for releases.
    pub verifier: Option<Verifier>,
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channels({})", self.0.source.reference)
    }
}

impl Channels {
    /// Previews for whoever knows a secret of the file at `secrets`, which has one a line.
    pub fn new(secrets: &Path, source: Source, deployment: Arc<Deployment>) -> Result<Self, SecretError> {
        let (keys, shelf) = (Keys::read(secrets)?, Mutex::default());
        Ok(Self(Arc::new(Inner { keys, source, deployment, shelf, looking: tokio::sync::Mutex::default() })))
    }

    /// The preview called `name`, as the tag says now, or said less than `age` ago.
    async fn get(&self, name: &str, age: Duration) -> Held {
        let inner = &self.0;
        if let Some(known) = inner.known(name, age) {
            return known;
        }
        let asked = Instant::now();
        let _one_at_a_time = inner.looking.lock().await;
        // Somebody may have looked since: a page with its pictures is many requests.
        if let Some(known) = inner.known(name, age.max(asked.elapsed())) {
            return known;
        }
        let begun = Instant::now();
        let before = inner.known(name, Duration::MAX);
        let mut held = match inner.look(name, before.as_ref()).await {
            Ok(held) => held,
            Err(error) => {
                let gone = matches!(error, FetchError::Registry(RegistryError::NotFound(_))) || error.is_lasting();
                tracing::warn!("the preview {name}: {error}");
                match before {
                    // The registry has a bad moment; what is there is good enough for a preview.
                    Some(before) if before.content.is_ok() && !gone => before,
                    _ => Held::failed(name, &error),
                }
            }
        };
        held.looked = begun;
        inner.shelf.lock().unwrap_or_else(PoisonError::into_inner).put(held.clone());
        held
    }
}

impl Inner {
    fn known(&self, name: &str, age: Duration) -> Option<Held> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).take_up(name, age)
    }

    async fn look(&self, name: &str, before: Option<&Held>) -> Result<Held, FetchError> {
        if let Some((before, found)) = before.and_then(|before| Some((before, before.found.as_ref()?))) {
            match timeout(HASTE, found.client.tag_state(found.digest)).await {
                Ok(Ok(TagState::Changed)) => {}
                Ok(Err(error)) => return Err(error.into()),
                Ok(Ok(TagState::Unchanged)) | Err(_) => return Ok(before.clone()),
            }
        }
        let Source { reference, transport, platform, verifier } = &self.source;
        let tag = format!("{}/{}:{PREFIX}{name}", reference.host(), reference.repository());
        let reference: Reference = tag.parse().map_err(|_| RegistryError::NotFound(tag))?;
        let client = Client::new(reference, transport.clone())?;
        // Nothing of it is kept on disk: there it would take the place of releases.
        let store = Arc::new(Store::in_memory());
        let fetcher = Fetcher { client: client.clone(), platform: *platform, store, verifier: verifier.clone() };
        let release = fetcher.fetch(Cause::Person, None).await?;
        let served = self.deployment.current();
        let (digest, sequence) = (release.record.digest, release.record.sequence);
        // What is the same as in the release is shared with it.
        let snapshot = spawn_blocking(move || freeze(&release.tree, Some(&served))).await??;
        tracing::info!("the preview {name} is release {sequence} ({digest})");
        Ok(Held::new(name, client, digest, Arc::new(snapshot)))
    }
}

impl Previews for Channels {
    fn of_cookie(&self, value: &str) -> Option<Previewed> {
        let name = self.0.keys.name_of_cookie(value)?.to_owned();
        let channels = self.clone();
        Some(Box::pin(async move { channels.get(&name, INTERVAL).await.content }))
    }
}

/// Whether a tag may end with it, and nothing else is meant by it.
fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
