//! `galley package --tar` and `--load`: the image as one tar, in a file or in the engine of this machine.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::report::{Report, size};
use crate::engine::{Address, Engine};
use crate::image::{Archive, ArchiveImage, ArchiveName, Image, Platform};
use crate::registry::Reference;

/// What an image is called if neither a reference nor a title says.
const NAME: &str = "blog";
/// A tar is written in pieces of half a kilobyte and of megabytes.
const BUFFER: usize = 1 << 20;

/// The name of the image in an archive: that of the push, or else the site's title as a repository of this machine.
pub(super) fn name(push: Option<&Reference>, title: &str) -> ArchiveName {
    match push {
        Some(reference) => ArchiveName {
            repository: format!("{}/{}", reference.host(), reference.repository()),
            tag: reference.tag().to_owned(),
        },
        None => {
            ArchiveName { repository: format!("docker.io/library/{}", repository(title)), tag: "latest".to_owned() }
        }
    }
}

/// Letters, digits and single hyphens between them; other scripts have no place in a repository's name.
fn repository(title: &str) -> String {
    // `ü` becomes `u`: what decomposes keeps its letter.
    let plain: String = title.nfd().filter(|c| !is_combining_mark(*c)).collect();
    let words = plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    if name.is_empty() { NAME.to_owned() } else { name }
}

/// `image` as a tar that Docker, Podman and skopeo read.
pub(super) fn archive(image: &Image, name: &ArchiveName, named: Option<Platform>) -> io::Result<Archive> {
    let images = [ArchiveImage {
        platform: image.platform,
        config: image.config.descriptor.digest,
        layers: image.layers.iter().map(|layer| layer.blob.descriptor.digest).collect(),
    }];
    let blobs = image.blobs().chain([&image.manifest, &image.index]);
    let blobs = blobs.map(|blob| (blob.descriptor.digest, blob.bytes.clone()));
    Archive::new(name, &image.index.descriptor, &images, named, blobs)
}

/// Writes the archive into `file`, which is there only when all of it is.
pub(super) fn write(file: &Path, archive: &Archive, report: &Report) -> anyhow::Result<()> {
    let aside = file.with_extension(format!("galley-{}", std::process::id()));
    let written = File::create(&aside).and_then(|file| {
        let mut writer = io::BufWriter::with_capacity(BUFFER, file);
        archive.write(&mut writer)?;
        writer.flush()?;
        writer.get_ref().sync_all()
    });
    let written = written.and_then(|()| fs::rename(&aside, file));
    if written.is_err() {
        // What is left of it is of no use; that it can't be removed either is the same error.
        let _ = fs::remove_file(&aside);
    }
    written.with_context(|| file.display().to_string())?;
    report.say(format_args!("wrote {}: {}, {}", file.display(), size(archive.size()), report.elapsed()));
    Ok(())
}

/// Loads the image into the engine that `docker` would talk to.
pub(super) async fn load(image: &Image, name: &ArchiveName, report: &Report) -> anyhow::Result<()> {
    let engine = Engine::connect(Address::from_environment()?).await?;
    let archive = archive(image, name, engine.platform())?;
    let length = size(archive.size());
    let loaded = engine.load(archive.into_pieces()).await?;
    report.say(format_args!("loaded {length} into the Docker Engine, {}", report.elapsed()));
    loaded.images.iter().for_each(|image| report.result(image));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_called_like_the_push_or_the_site() {
        let named = |push: Option<&str>, title| {
            let name = name(push.map(|text| text.parse().unwrap()).as_ref(), title);
            format!("{}:{}", name.repository, name.tag)
        };
        assert_eq!(named(Some("registry.example/me/blog:1"), "Ships"), "registry.example/me/blog:1");
        assert_eq!(named(None, "Of Ships & Ports"), "docker.io/library/of-ships-ports:latest");
        assert_eq!(named(None, "Über Schiffe"), "docker.io/library/uber-schiffe:latest");
        assert_eq!(named(None, "船"), "docker.io/library/blog:latest");
        assert_eq!(named(None, ""), "docker.io/library/blog:latest");
    }
}
