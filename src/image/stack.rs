//! The content layers of an image: a base, and deltas that are merged as they grow.
//!
//! An edit ships kilobytes only if what was shipped before is kept. But each layer costs a follower a request and an engine
//! a mount, so deltas of one size are merged into one of the next size (as log-structured stores merge their runs), and the
//! whole is packed anew when it is worth it. What comes out depends on the tree and on the layers that were there, on nothing
//! else.

use super::changes::Listing;
use super::delta::{Delta, Files, live_bytes};
use super::layer::Layer;
use super::manifest::Descriptor;
use super::pack::{PackError, pack_delta, pack_tree};
use crate::snapshot::{Digest, Tree};

/// So many deltas of a size become one: a smaller number rewrites more often, a larger one keeps more layers.
const WIDTH: usize = 4;
/// The largest delta of the smallest size, in bytes. Each further size is [`WIDTH`] times as large.
const SMALLEST: u64 = 4 << 10;
/// With the binary and the base 14 layers: engines take 125, but each costs a tenth of a second on a cold pull.
const MAX_DELTAS: usize = 12;
/// Deltas may have together this share of the base's compressed bytes, in percent.
const MAX_DELTA_SHARE: u64 = 25;
/// What no reader sees any more may have this share of all that the layers unpack to, in percent.
const MAX_DEAD_SHARE: u64 = 25;

/// A content layer of the image that is there.
#[derive(Clone, Debug)]
pub struct Known {
    /// What names its blob.
    pub descriptor: Descriptor,
    /// The digest of its archive.
    pub diff_id: Digest,
    /// What is in it.
    pub listing: Listing,
}

impl Known {
    fn layer(&self) -> Layer {
        Layer::kept(self.descriptor.clone(), self.diff_id)
    }
}

/// The content layers of an image, lowest first, and what is in the one that is new.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The layers.
    pub layers: Vec<Layer>,
    /// The listing of the last layer, if it is new.
    pub listing: Option<Listing>,
}

impl Stack {
    /// The layers that hold `tree`, on top of as many of `previous` as is worth it. Without any it is one base.
    pub fn of_tree(tree: &Tree, previous: &[Known]) -> Result<Self, PackError> {
        let [base, ..] = previous else { return Self::base(tree) };
        let mut kept = previous.len();
        let mut delta = Delta::between(&state(previous), tree);
        if delta.is_empty() {
            return Ok(Self { layers: previous.iter().map(Known::layer).collect(), listing: None });
        }
        let mut packed = pack_delta(&delta)?;
        while let Some(fewer) = merged(&previous[..kept], packed.descriptor.size) {
            kept = fewer;
            delta = Delta::between(&state(&previous[..kept]), tree);
            packed = pack_delta(&delta)?;
        }
        let deltas: u64 = previous[1..kept].iter().map(|known| known.descriptor.size).sum();
        let is_too_much = (deltas + packed.descriptor.size) * 100 > base.descriptor.size * MAX_DELTA_SHARE;
        if is_too_much || dead_share(&previous[..kept], &delta, tree) > MAX_DEAD_SHARE {
            return Self::base(tree);
        }
        let mut layers: Vec<Layer> = previous[..kept].iter().map(Known::layer).collect();
        if delta.is_empty() {
            // Back to what it was some deltas ago.
            return Ok(Self { layers, listing: None });
        }
        layers.push(packed);
        Ok(Self { layers, listing: Some(delta.listing()) })
    }

    fn base(tree: &Tree) -> Result<Self, PackError> {
        let listing = Delta::between(&Files::new(), tree).listing();
        Ok(Self { layers: vec![pack_tree(tree)?], listing: Some(listing) })
    }
}

/// What the layers amount to.
fn state(layers: &[Known]) -> Files {
    let mut files = Files::new();
    layers.iter().for_each(|known| known.listing.clone().apply_to(&mut files));
    files
}

/// How many layers stay below a delta of `size` bytes if it has to be merged with those right below it.
fn merged(below: &[Known], size: u64) -> Option<usize> {
    let smaller = |known: &&Known| tier(known.descriptor.size) <= tier(size);
    let run = below[1..].iter().rev().take_while(smaller).count();
    let too_many = below.len() > MAX_DELTAS;
    (run >= WIDTH - 1 || too_many).then(|| below.len() - run.max(WIDTH - 1))
}

/// Which of the sizes a delta has.
fn tier(size: u64) -> u32 {
    (size / SMALLEST).checked_ilog(WIDTH as u64).map_or(0, |tier| tier + 1)
}

fn dead_share(kept: &[Known], delta: &Delta<'_>, tree: &Tree) -> u64 {
    let now: Files = tree.iter().map(|(path, entry)| (path.clone(), entry.into())).collect();
    let unpacked: u64 = kept.iter().flat_map(|known| known.listing.files.values()).map(|listed| listed.length).sum();
    let live: u64 = kept.iter().map(|known| live_bytes(&known.listing, &now)).sum();
    let new: u64 = delta.files.values().map(|entry| entry.length()).sum();
    unpacked.saturating_sub(live) * 100 / (unpacked + new).max(1)
}

#[cfg(test)]
mod tests;
