//! `galley package --tar` and `--load`: the image as one tar, in a file or in the engine of this machine.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::super::report::{Report, size};
use crate::engine::Engine;
use crate::image::{Archive, ArchiveName, Package};
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

/// Whether `file` is standard output, which then holds the archive and nothing else.
pub(super) fn is_output(file: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| file == Path::new(name))
}

/// Writes the images into `file`.
pub(super) fn write(file: &Path, package: &Package, name: &ArchiveName, report: &Report) -> anyhow::Result<()> {
    let archive = Archive::new(package, name, None)?;
    let shown = if is_output(file) { "standard output".to_owned() } else { file.display().to_string() };
    write_to(file, &archive).with_context(|| shown.clone())?;
    report.say(format_args!("wrote {shown}: {}, {}", size(archive.size()), report.elapsed()));
    report.result(package.index.descriptor.digest);
    Ok(())
}

fn write_to(file: &Path, archive: &Archive) -> io::Result<()> {
    if is_output(file) {
        return write_all(archive, &mut io::stdout().lock());
    }
    // A pipe or a device is written into: nothing is put in its place.
    if fs::metadata(file).is_ok_and(|found| !found.is_file()) {
        return write_all(archive, &mut File::options().write(true).open(file)?);
    }
    // Behind a link is what is meant, if that is to be made, too. A file is there only when all of it is.
    let file = match fs::read_link(file) {
        Ok(target) if !file.exists() => file.parent().unwrap_or(Path::new("")).join(target),
        _ => fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf()),
    };
    let aside = file.with_extension(format!("galley-{}", std::process::id()));
    let written = File::create(&aside).and_then(|mut file| {
        write_all(archive, &mut file)?;
        file.sync_all()
    });
    let written = written.and_then(|()| fs::rename(&aside, file));
    if written.is_err() {
        // Half of it is of no use; where it can't be removed either, that is the same fault.
        let _ = fs::remove_file(&aside);
    }
    written
}

fn write_all(archive: &Archive, to: &mut impl Write) -> io::Result<()> {
    let mut writer = io::BufWriter::with_capacity(BUFFER, to);
    archive.write(&mut writer)?;
    writer.flush()
}

/// Loads the images into the engine.
pub(super) async fn load(
    engine: &Engine,
    package: &Package,
    name: &ArchiveName,
    report: &Report,
) -> anyhow::Result<()> {
    let archive = Archive::new(package, name, engine.platform())?;
    let length = size(archive.size());
    let loaded = engine.load(archive.into_pieces()).await?;
    report.say(format_args!("loaded {length} into the Docker Engine at {}, {}", engine.address(), report.elapsed()));
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
