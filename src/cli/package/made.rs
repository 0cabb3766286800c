//! The package that a run makes, up to its signature.

use std::sync::Arc;

use anyhow::bail;

use super::super::transfer::Transfer;
use super::Job;
use super::material::Material;
use super::previous::{Previous, remember};
use super::programs::{Programs, Sources};
use crate::cache::Cache;
use crate::image::{Content, Known, Listing, Package, Stack, assemble};
use crate::snapshot::{ContentRoot, Tree};

/// The last number of a release that all readers of JSON read as it is (RFC 8259 section 6).
const MAX_SEQUENCE: u64 = (1 << 53) - 1;
/// The last one that is signed where the number before it is nobody's word: a release each minute for two years.
const MAX_UNVOUCHED: u64 = 1_000_000;

/// A package, and what is known of how it came about.
pub(super) struct Made {
    pub(super) package: Package,
    pub(super) programs: Programs,
    pub(super) content: Option<Content>,
    /// What is in the content layer that is new.
    pub(super) listing: Option<Listing>,
}

impl Made {
    /// `highest` is the number of the last release that is known to have been signed.
    pub(super) async fn of(
        job: &Job<'_>,
        material: &Material,
        previous: Option<&Previous<'_>>,
        highest: u64,
        pulling: &Arc<Transfer>,
    ) -> anyhow::Result<Self> {
        let (arguments, cache) = (job.arguments, material.cache.as_ref());
        let sources = Sources {
            given: &arguments.binary,
            base: arguments.base.as_ref(),
            transport: &arguments.registry.transport(),
            pushed: arguments.push.as_ref(),
            previous,
            doubts: job.full,
            cache,
            pulling,
        };
        let programs = sources.find(&arguments.platforms(job.engine.as_ref())?).await?;
        job.report.say(format_args!("programs: {}", programs.from));
        let (mut content, listing) = match &material.tree {
            Some(tree) => {
                let (content, listing) = content(job, tree, previous, highest).await?;
                (Some(content), listing)
            }
            None => (None, None),
        };
        let mut package = assemble(&programs.found, content.as_ref(), &material.origin, arguments.format)?;
        // What is there already is no further release: copies of it are to be the same one.
        let same = previous.filter(|previous| previous.is_same(&package) && previous.sequence >= highest);
        if let Some((content, previous)) = content.as_mut().zip(same) {
            content.sequence = previous.sequence;
            package = assemble(&programs.found, Some(content), &material.origin, arguments.format)?;
        }
        // The number is final now.
        if let Some(content) = &content {
            check_number(content.sequence, job, previous.filter(|previous| previous.sequence >= highest))?;
        }
        if let Some(signing) = job.signing {
            signing.sign(&mut package)?;
        }
        Ok(Self { package, programs, content, listing })
    }

    pub(super) fn remember(&self, cache: Option<&Cache>) {
        let layer = self.content.as_ref().and_then(|content| content.layers.last());
        let new = layer.zip(self.listing.as_ref());
        let new = new.map(|(layer, listing)| (layer.descriptor.digest, layer.diff_id, listing));
        remember(cache, &self.package, new);
    }
}

/// The content layers of `tree` on top of what is there, and what is in the one that is new.
async fn content(
    job: &Job<'_>,
    tree: &Tree,
    previous: Option<&Previous<'_>>,
    highest: u64,
) -> anyhow::Result<(Content, Option<Listing>)> {
    let known = known(job, previous).await;
    let stack = Stack::of_tree(tree, &known)?;
    let sequence = previous.map_or(0, |previous| previous.sequence).max(highest).saturating_add(1);
    Ok((Content { layers: stack.layers, root: ContentRoot::of(tree), sequence }, stack.listing))
}

/// Whether a release may have this number. One that nobody with the key vouches for must not lead to numbers after which there is
/// soon none: instances with --monotonic would take no other release any more.
fn check_number(sequence: u64, job: &Job<'_>, previous: Option<&Previous<'_>>) -> anyhow::Result<()> {
    let is_doubted = job.signing.is_some() && previous.is_some_and(|previous| previous.doubt.is_some());
    let limit = if is_doubted { MAX_UNVOUCHED } else { MAX_SEQUENCE };
    if sequence > limit {
        bail!(
            "what is at the destination says that it is release {}, and there is no number after it{}; remove it there, or choose \
             another place",
            sequence - 1,
            if is_doubted { " that is signed, because nobody vouches for it" } else { "" }
        );
    }
    Ok(())
}

/// What is known of the layers that the new ones may be put upon.
async fn known(job: &Job<'_>, previous: Option<&Previous<'_>>) -> Vec<Known> {
    let Some(previous) = previous.filter(|_| !job.full) else { return Vec::new() };
    let found = match &previous.doubt {
        Some(doubt) => Err(anyhow::anyhow!("{doubt}")),
        None => previous.content().await,
    };
    found.unwrap_or_else(|error| {
        job.report.say(format_args!("the image that is there can't be built upon, all is packed again: {error}"));
        Vec::new()
    })
}
