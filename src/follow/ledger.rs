//! Deliveries on their way into the journal: a slow card must not keep a sender waiting.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use super::deliveries::Deliveries;
use super::releases::Releases;

/// So many deliveries wait to be written down. Those beyond it are told of by the instance and not by the journal: a flood is not
/// worth more.
const WAITING: usize = 256;

/// Writes down each delivery when it comes, and when it is known what became of it, in a thread of its own.
pub fn write_down(deliveries: &Deliveries, releases: &Arc<Releases>) -> io::Result<()> {
    let (sender, waiting) = sync_channel(WAITING);
    let journal = Arc::downgrade(releases);
    std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
        for delivery in waiting {
            let Some(releases) = journal.upgrade() else { return };
            releases.note("hook", &delivery);
        }
    })?;
    // The error says that the queue is full, or that the instance is about to end.
    deliveries.tell(Box::new(move |delivery| drop(sender.try_send(delivery.clone()))));
    Ok(())
}
