//! By what changes come to be known.

use notify::{Config, RecommendedWatcher, Watcher};

use super::Signal;
use super::poll::Poll;
use crate::preview::run::Stop;

/// How changes come to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The system reports them.
    Reported,
    /// Files are looked at again and again, because they lie on a network, whose other ends report nothing.
    Network,
    /// The same, because the system watches no more folders.
    Limit,
}

/// What is said when the system can't watch more.
pub(super) const LIMIT: &str = "the system watches no more folders, so files are looked at each second; raise \
                     fs.inotify.max_user_watches and fs.inotify.max_user_instances to see changes at once";

/// Whether events say when a file is whole.
pub(super) fn tells_closing(method: Method) -> bool {
    method == Method::Reported && cfg!(any(target_os = "linux", target_os = "android"))
}

pub(super) fn watcher(method: Method, number: u64, stop: &Stop) -> notify::Result<(Box<dyn Watcher + Send>, Method)> {
    let sender = stop.0.clone();
    let hear = move |heard| {
        // Who waits no longer needs no news.
        let _ = sender.send(Signal::Heard(number, heard));
    };
    if method == Method::Reported {
        match RecommendedWatcher::new(hear.clone(), Config::default()) {
            Ok(watcher) => return Ok((Box::new(watcher), method)),
            Err(error) => tracing::warn!("{LIMIT} ({error})"),
        }
    }
    let method = if method == Method::Reported { Method::Limit } else { method };
    Ok((Box::new(Poll::new(hear, Config::default())?), method))
}

pub(super) fn is_limit(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => true,
        notify::ErrorKind::Io(error) => {
            matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
        }
        _ => false,
    }
}
