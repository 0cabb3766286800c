//! Where a package goes: to its place, and to further destinations.

use super::super::report::{Report, size};
use super::super::transfer::Transfer;
use super::Job;
use super::archive;
use super::costs::Costs;
use super::made::Made;
use super::material::{Material, Turn};
use super::place::{Name, Place, is_lost};
use super::previous::Previous;
use crate::image::{Descriptor, Package, write_layout};
use crate::registry::{Client, Outgoing, Pushed, at_once};
use crate::snapshot::Digest;

/// Where a package goes to first, and what is there.
pub(super) struct Destination<'a> {
    pub(super) place: &'a Place,
    pub(super) name: &'a Name,
    pub(super) previous: Option<&'a Previous<'a>>,
}

impl Destination<'_> {
    /// Brings the package to its place, if it is not there.
    pub(super) async fn bring(
        &self,
        made: &Made,
        job: &Job<'_>,
        material: &Material,
        turn: Turn,
    ) -> anyhow::Result<()> {
        let (name, report) = (self.name, job.report);
        // With the same number: what was put back has a lower one, and is not what is to be there.
        let is_same = |previous: &&Previous<'_>| {
            let sequence = made.content.as_ref().map_or(previous.sequence, |content| content.sequence);
            previous.sequence == sequence && previous.is_same(&made.package)
        };
        let same = self.previous.filter(is_same);
        let looked_at = same.or(self.previous.filter(|_| job.full));
        let missing = match looked_at {
            Some(previous) => self.place.missing(&previous.parts()).await?,
            None => Vec::new(),
        };
        if same.is_some() && !missing.is_empty() {
            report.say(format_args!("{name} is that already, but for {} of its parts that are lost", missing.len()));
        }
        // What nobody signed, or somebody else, is signed: no layer moves for that.
        let has_signed = |previous: &&Previous<'_>| {
            job.signing.is_none_or(|signing| previous.doubt.is_none() && signing.has_signed(&previous.index))
        };
        if let Some(previous) = same.filter(|_| missing.is_empty()).filter(has_signed) {
            if let Some(signing) = job.signing {
                signing.cosign(self.place, previous.digests(), report).await?;
            }
            report.say(format_args!("{name} is that already: nothing was moved, {}", report.elapsed()));
            report.result(result(name, previous.digest));
            return Ok(());
        }
        let new = made.listing.as_ref().zip(material.tree.as_ref());
        // What the registry takes over from the base's repository is not sent either.
        let is_there = |digest| {
            let was_there = self.previous.is_some_and(|previous| previous.has_layer(digest));
            was_there && !missing.contains(&digest) || made.programs.mounted.contains(&digest)
        };
        Costs::of(&made.package, &made.programs.found, new, is_there)?.announce(name, report);
        // All that is to be read has been. Others need not wait until it is moved.
        drop(turn);
        self.say_what_goes(made, report);
        // Before the tag: whoever verifies by it never finds an image without.
        if let Some(signing) = job.signing {
            signing.cosign(self.place, made.package.digests(), report).await?;
        }
        self.deliver(made, !missing.is_empty(), report).await
    }

    fn say_what_goes(&self, made: &Made, report: &Report) {
        let gone = self.previous.map(|previous| previous.platforms_beside(&made.package)).unwrap_or_default();
        if !gone.is_empty() {
            let gone: Vec<_> = gone.iter().map(ToString::to_string).collect();
            report.say(format_args!("{} will no longer have {}", self.name, gone.join(", ")));
        }
    }

    /// With `doubts`, what the image before is said to have is looked for.
    async fn deliver(&self, made: &Made, doubts: bool, report: &Report) -> anyhow::Result<()> {
        let package = &made.package;
        let (verb, moved) = match self.place {
            Place::Registry(client) => {
                let pushed = match self.push(package, client, doubts, report).await {
                    // Of what was thought to be there some may be at hand after all.
                    Err(error) if !doubts && is_lost(&error) => self.push(package, client, true, report).await?,
                    pushed => pushed?,
                };
                ("pushed", format!("{} of {} sent", size(pushed.bytes), size(package.size())))
            }
            Place::Layout(folder, _) => {
                let written = write_layout(folder, package)?;
                ("wrote", format!("{} of {} written", size(written), size(package.size())))
            }
        };
        let platforms: Vec<_> = package.images.iter().map(|image| image.platform.to_string()).collect();
        let release = made.content.as_ref().map(|content| format!("release {}, ", content.sequence));
        let (name, release, platforms) = (self.name, release.unwrap_or_default(), platforms.join(", "));
        report.say(format_args!("{verb} {name}: {release}{platforms}, {moved}, {}", report.elapsed()));
        report.result(result(name, package.index.descriptor.digest));
        Ok(())
    }

    /// Pushes `package`; programs are packed only if they have to be moved.
    async fn push(&self, package: &Package, client: &Client, doubts: bool, report: &Report) -> anyhow::Result<Pushed> {
        let mut package = package.clone();
        let previous = self.previous;
        let layers: Vec<Descriptor> = package.layers().map(|layer| layer.descriptor.clone()).collect();
        let missing: Vec<Digest> = match doubts {
            true => client.missing(&layers).await?,
            false => {
                let digests = layers.iter().map(|layer| layer.digest);
                digests.filter(|digest| !previous.is_some_and(|previous| previous.has_layer(*digest))).collect()
            }
        };
        let needed = package.layers().filter(|layer| missing.contains(&layer.descriptor.digest));
        for layer in needed.cloned().collect::<Vec<_>>() {
            if let Some(bytes) = layer.bytes()? {
                package.fill(layer.descriptor.digest, &bytes);
            }
        }
        let transfer = Transfer::new(report, "pushing");
        let known = previous.filter(|_| !doubts);
        let outgoing = Outgoing::of(&package).knowing(known.iter().flat_map(|previous| previous.manifests()));
        let client = client.clone().with_progress(transfer.clone());
        let pushed = client.push(&outgoing, previous.map(|previous| previous.digest)).await;
        transfer.ends();
        Ok(pushed?)
    }
}

impl Job<'_> {
    /// Writes what was made to the further destinations.
    pub(super) async fn copy(&self, made: &Made, material: &Material, place: Option<&Place>) -> anyhow::Result<()> {
        let (arguments, engine, report) = (self.arguments, self.engine.as_ref(), self.report);
        let folder = arguments.oci.as_ref().filter(|_| arguments.push.is_some());
        if folder.is_none() && arguments.tar.is_none() && engine.is_none() {
            return Ok(());
        }
        let package = whole(&made.package, place).await?;
        let name = archive::name(arguments.push.as_ref(), &material.origin.title);
        if let Some(folder) = folder {
            let (written, all) = (size(write_layout(folder, &package)?), size(package.size()));
            let (folder, elapsed) = (folder.display(), report.elapsed());
            report.say(format_args!("wrote oci:{folder}: {written} of {all} written, {elapsed}"));
        }
        if let Some(file) = &arguments.tar {
            archive::write(file, &package, &name, report)?;
        }
        match engine {
            Some(engine) => archive::load(engine, &package, &name, report).await,
            None => Ok(()),
        }
    }
}

/// The package with the bytes of all its layers; those that are not here are read where the image before is.
async fn whole(package: &Package, place: Option<&Place>) -> anyhow::Result<Package> {
    let mut whole = package.clone();
    let Some(place) = place else { return Ok(whole) };
    let kept = package.layers().filter(|layer| layer.is_kept());
    for blob in at_once(kept.map(|layer| place.blob(&layer.descriptor))).await {
        let blob = blob?;
        whole.fill(blob.descriptor.digest, &blob.bytes);
    }
    Ok(whole)
}

/// What a program may go on with: the image by its digest.
fn result(name: &Name, digest: Digest) -> String {
    match name {
        Name::Registry(reference) => {
            format!("{}/{}:{}@{digest}", reference.host(), reference.repository(), reference.tag())
        }
        Name::Layout(_) => digest.to_string(),
    }
}
