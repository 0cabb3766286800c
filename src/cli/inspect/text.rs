//! What a person reads of an image.

use std::fmt::{Display, Write};

use super::{Inspected, Inspection};
use crate::cli::report::{count, size};
use crate::image::{Description, LayerDescription, Other, OtherKind, PlatformImage};
use crate::snapshot::Digest;

/// Where values begin.
const COLUMN: usize = 13;
/// Of what an image says of itself, as much as a line may hold.
const MAX_VALUE: usize = 200;

/// All images, a blank line between them.
pub(super) fn text(inspection: &Inspection) -> String {
    let texts: Vec<String> = inspection.images.iter().map(|image| image_text(&inspection.source, image)).collect();
    texts.join("\n")
}

fn image_text(source: &str, image: &Inspected) -> String {
    let Inspected { description, .. } = image;
    let mut text = String::new();
    let name = image.name.as_ref().map(|name| format!(" {}", printable(name))).unwrap_or_default();
    row(&mut text, "image", format!("{}{name}", printable(source)));
    row(&mut text, "digest", description.digest);
    facts(&mut text, description);
    row(&mut text, "signatures", signatures(image));
    for platform in &description.platforms {
        platform_text(&mut text, platform);
    }
    for other in &description.others {
        row(&mut text, kind(other.kind), other_text(other, &description.platforms));
    }
    for fault in &image.faults {
        row(&mut text, "fault", printable(fault));
    }
    let _ = writeln!(text, "{}", summary(image));
    text
}

fn row(text: &mut String, label: &str, value: impl Display) {
    let _ = writeln!(text, "{label:COLUMN$}{value}");
}

/// What the maker of an image says may hold anything, even what moves a terminal's cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(MAX_VALUE).collect()
}

fn facts(text: &mut String, description: &Description) {
    let origin = &description.origin;
    let sequence = description.sequence.map(|sequence| sequence.to_string());
    for (label, value) in [
        ("release", &sequence),
        ("content", &description.content_root),
        ("title", &origin.title),
        ("version", &origin.version),
        ("source", &origin.source),
        ("revision", &origin.revision),
        ("created", &origin.created),
    ] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            row(text, label, printable(value));
        }
    }
}

fn signatures(image: &Inspected) -> String {
    let own = image.description.signed.then(|| match (image.verified, image.signed_by) {
        (_, Some(key)) => format!("galley's, in the index (good, by {})", short(key)),
        (Some(_), None) => "galley's, in the index (not good)".to_owned(),
        (None, None) => "galley's, in the index (not checked)".to_owned(),
    });
    let cosign = image.cosign.unwrap_or(false).then(|| "cosign's, under its tag (not checked)".to_owned());
    let found: Vec<_> = own.into_iter().chain(cosign).collect();
    if found.is_empty() { "none".to_owned() } else { found.join("; ") }
}

fn platform_text(text: &mut String, image: &PlatformImage) {
    let platform = image.platform.as_deref().map_or_else(|| "no platform".to_owned(), printable);
    let user = image.user.as_deref().filter(|user| !user.is_empty()).unwrap_or("root");
    let command: Vec<_> = image.entrypoint.iter().chain(&image.command).map(|part| printable(part)).collect();
    let mut facts = vec![size(image.size), short(image.digest)];
    if !command.is_empty() {
        facts.push(format!("{} as {}", printable(&command.join(" ")), printable(user)));
    }
    facts.extend(image.ports.iter().map(|port| printable(port)));
    row(text, &format!("{platform} "), facts.join(", "));
    for layer in &image.layers {
        layer_text(text, layer);
    }
}

fn layer_text(text: &mut String, layer: &LayerDescription) {
    let label = format!("  {}", layer.role.unwrap_or("layer"));
    let shared = if layer.platforms > 1 { format!("  in {} platforms", layer.platforms) } else { String::new() };
    let (bytes, digest, kind) = (size(layer.size), short(layer.digest), archive(&layer.media_type));
    row(text, &label, format!("{bytes:<10}{digest}  {kind}{shared}"));
}

/// `tar+gzip` of OCI's types, `tar.gzip` of Docker's; what is no layer is named in full.
fn archive(media_type: &str) -> String {
    let known = ["application/vnd.oci.image.layer.v1.", "application/vnd.docker.image.rootfs.diff."];
    printable(known.iter().find_map(|prefix| media_type.strip_prefix(prefix)).unwrap_or(media_type))
}

fn short(digest: Digest) -> String {
    digest.short()
}

fn kind(kind: OtherKind) -> &'static str {
    match kind {
        OtherKind::Attestation => "attestation",
        OtherKind::Index => "index",
        OtherKind::Unknown => "unknown",
    }
}

fn other_text(other: &Other, platforms: &[PlatformImage]) -> String {
    let about = other.about.as_ref().map(|about| {
        let image = platforms.iter().find(|image| image.digest.to_string() == *about);
        format!(", of {}", printable(image.and_then(|image| image.platform.as_ref()).unwrap_or(about)))
    });
    let what = match other.kind {
        OtherKind::Attestation => String::new(),
        _ => format!(", {}", printable(&other.media_type)),
    };
    format!("{}, {}{what}{}", size(other.size), short(other.digest), about.unwrap_or_default())
}

/// `3 platforms, 29 MB in all, 310 KB of it shared; every layer is what it promises`.
fn summary(image: &Inspected) -> String {
    let Description { platforms, size: total, shared, .. } = &image.description;
    let shared = if *shared > 0 { format!(", {} of it shared", size(*shared)) } else { String::new() };
    let read = match (image.layers_read, image.faults.len(), image.layers_unread.len()) {
        (false, ..) => "layers were not pulled".to_owned(),
        (true, 0, 0) => "every layer was read and is what it promises".to_owned(),
        (true, 0, unread) => format!("{} not unpacked: an unknown compression", count(unread, "layer")),
        (true, faults, _) => count(faults, "fault"),
    };
    format!("{}, {} in all{shared}; {read}", count(platforms.len(), "platform"), size(*total))
}
