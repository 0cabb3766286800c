//! Which release an instance begins with, before it has asked anybody.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::release::{FetchError, Release};
use super::state::{Current, Record, Status};
use super::store::BlobSource;
use super::verify::Verifier;
use crate::image::Index;
use crate::registry::Reference;
use crate::snapshot::{Digest, RETAINED_RELEASES};

/// The release to begin with: the one that is pinned, or the last that was confirmed; if it can't be read, the next best.
pub fn boot(
    current: &Current,
    records: &BTreeMap<Digest, Record>,
    verifier: Option<&Verifier>,
    source: &impl BlobSource,
) -> Option<Release> {
    for record in order(current, records) {
        let verified = verifier.map_or(Ok(()), |verifier| verify(record, verifier, source));
        match verified.and_then(|()| Release::read(record, source)) {
            Ok(release) => return Some(release),
            Err(error) => tracing::warn!("{error}; trying the one before"),
        }
    }
    None
}

/// The releases that were served before `current` with nothing but their fingerprinted files, the latest first: pages that readers have
/// open ask for them, whichever process answers.
pub fn retained(
    current: &Record,
    records: &BTreeMap<Digest, Record>,
    verifier: Option<&Verifier>,
    source: &impl BlobSource,
) -> Vec<Release> {
    let was_served = |record: &&Record| {
        record.status.is_good()
            && record.digest != current.digest
            && record.size.fingerprinted > 0
            && record.installed <= current.installed
    };
    let mut before: Vec<_> = records.values().filter(was_served).collect();
    before.sort_by_key(|record| Reverse(record.installed));
    let read = |record: &&Record| {
        let verified = verifier.map_or(Ok(()), |verifier| verify(record, verifier, source));
        let read = verified.and_then(|()| Release::read(record, source));
        read.inspect_err(|error| tracing::debug!("{error}; its files are not answered any more")).ok()
    };
    let read = before.iter().take(RETAINED_RELEASES).filter_map(read);
    read.map(|release| Release { tree: release.tree.fingerprinted(), ..release }).collect()
}

/// The program of the release to begin with, if it is known and did well; `baked` is the number of the release that the program
/// that runs came with. Only programs of releases that one of the keys vouches for are named, if there are keys.
pub fn boot_program(
    current: &Current,
    records: &BTreeMap<Digest, Record>,
    baked: Option<u64>,
    verifier: Option<&Verifier>,
    source: &impl BlobSource,
) -> Option<Digest> {
    let record = *order(current, records).first()?;
    let is_pinned = current.pinned == Some(record.digest);
    if baked.is_some_and(|baked| record.sequence <= baked && !is_pinned) || record.program_fault.is_some() {
        return None;
    }
    if let Some(verifier) = verifier {
        let index: Index = serde_json::from_slice(&source.blob(record.digest)?).ok()?;
        let reference: Reference = record.reference.parse().ok()?;
        if !verifier.vouches(reference.repository(), &index) {
            tracing::warn!("no key of --verify vouches for release {}; its program is not run", record.sequence);
            return None;
        }
    }
    record.program
}

/// The release that another process serves, to go on with it.
pub fn take_over(
    digest: Digest,
    records: &BTreeMap<Digest, Record>,
    source: &impl BlobSource,
) -> Result<Release, FetchError> {
    Release::read(records.get(&digest).ok_or(FetchError::Lost(digest))?, source)
}

fn order<'a>(current: &Current, records: &'a BTreeMap<Digest, Record>) -> Vec<&'a Record> {
    let confirmed = |digest: Option<Digest>| {
        digest.and_then(|digest| records.get(&digest)).filter(|record| record.status == Status::Confirmed)
    };
    let pinned = current.pinned.and_then(|digest| records.get(&digest)).filter(|record| !record.status.is_harmful());
    let mut others: Vec<_> = records.values().filter(|record| record.status.is_good()).collect();
    // One whose first minute was cut short only if there is no other.
    others.sort_by_key(|record| (record.status == Status::Installed, Reverse(record.installed)));
    pinned.into_iter().chain(confirmed(current.current)).chain(confirmed(current.previous)).chain(others).collect()
}

/// The keys may be others than those that let it pass when it came.
fn verify(record: &Record, verifier: &Verifier, source: &impl BlobSource) -> Result<(), FetchError> {
    let lost = || FetchError::Lost(record.digest);
    let index: Index =
        source.blob(record.digest).and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(lost)?;
    let reference: Reference = record.reference.parse().map_err(|_| lost())?;
    let checked = verifier.check(&record.reference, reference.repository(), &index);
    let refused = |source| FetchError::Signature { name: record.reference.clone(), digest: record.digest, source };
    checked.map(drop).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::state::tests::record;

    /// The order of candidates, as far as it is seen by which manifests are asked for.
    fn order(current: Current, records: &[Record]) -> Vec<u64> {
        let records: BTreeMap<_, _> = records.iter().map(|record| (record.digest, record.clone())).collect();
        let asked = std::cell::RefCell::new(Vec::new());
        let found = boot(&current, &records, None, &|digest: Digest| {
            let record = records.values().find(|record| record.manifest == digest);
            asked.borrow_mut().extend(record.map(|record| record.sequence));
            None
        });
        assert!(found.is_none());
        let mut asked = asked.into_inner();
        asked.dedup();
        asked
    }

    #[test]
    fn the_pinned_one_goes_first_and_what_was_not_confirmed_last() {
        let mut all: Vec<Record> = (1..=5).map(record).collect();
        all[3].status = Status::Installed;
        all[4].status = Status::Quarantined("it failed".to_owned());
        let current = Current { current: Some(all[2].digest), previous: Some(all[1].digest), pinned: None };
        assert_eq!(order(current, &all)[..2], [3, 2]);
        assert_eq!(order(Current { pinned: Some(all[0].digest), ..current }, &all)[..2], [1, 3]);
        let unconfirmed = Current { current: Some(all[3].digest), previous: Some(all[2].digest), pinned: None };
        assert_eq!(order(unconfirmed, &all)[0], 3);
        assert_eq!(order(unconfirmed, &all).last(), Some(&4));
        assert_eq!(order(unconfirmed, &all[3..]), [4]);
    }
}
