//! Images: their sizes, and the copies for narrow screens.

use std::fs;
use std::time::SystemTime;

use jpeg_encoder::{ColorType, Encoder};

use crate::support::TempSite;

/// A photograph of a slope, 1200 by 800.
fn photograph() -> Vec<u8> {
    let (width, height) = (1200_u16, 800_u16);
    let pixels: Vec<u8> = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| [(x / 5) as u8, (y / 4) as u8, ((x + y) / 9) as u8]))
        .collect();
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, 90).encode(&pixels, width, height, ColorType::Rgb).unwrap();
    bytes
}

fn site() -> TempSite {
    TempSite::new()
        .file("content/posts/a/index.md", "# A\n\n![A slope](slope.jpg)\n")
        .file("content/posts/a/slope.jpg", photograph())
}

#[test]
fn a_photograph_has_its_size_and_smaller_copies() {
    let site = site();
    let page = site.built("posts/a/index.html");
    let image = "<img src=\"/posts/a/slope.jpg\" alt=\"A slope\" srcset=\"/posts/a/slope.jpg.480.webp 480w, \
                 /posts/a/slope.jpg.960.webp 960w, /posts/a/slope.jpg 1200w\"";
    assert!(page.contains(image) && page.contains("width=\"1200\" height=\"800\""), "{page}");
    let copy = site.path().join("public/posts/a/slope.jpg.480.webp");
    let bytes = fs::read(&copy).unwrap();
    assert!(bytes.starts_with(b"RIFF") && &bytes[8..12] == b"WEBP" && bytes.len() < photograph().len());
    assert!(page.contains("og:image"), "{page}");
}

#[test]
fn copies_are_made_once() {
    let site = site();
    site.built("index.html");
    let cache = site.path().join(".galley/cache/images");
    let names = || fs::read_dir(&cache).unwrap().map(|name| name.unwrap().path()).collect::<Vec<_>>();
    assert_eq!(names().len(), 2);
    let made = |path: &std::path::Path| path.metadata().unwrap().created().unwrap_or(SystemTime::UNIX_EPOCH);
    let before: Vec<_> = names().iter().map(|path| made(path)).collect();
    fs::remove_dir_all(site.path().join("public")).unwrap();
    site.built("posts/a/index.html");
    assert_eq!(names().iter().map(|path| made(path)).collect::<Vec<_>>(), before);
}

#[test]
fn a_site_may_go_without_copies() {
    let site = site().config("[images]\nresize = false\n");
    let page = site.built("posts/a/index.html");
    assert!(!page.contains("srcset") && page.contains("width=\"1200\""), "{page}");
    assert!(!site.path().join("public/posts/a/slope.jpg.480.webp").exists());
}

#[test]
fn a_changed_photograph_changes_its_copies() {
    let site = site();
    site.built("index.html");
    let copy = || fs::read(site.path().join("public/posts/a/slope.jpg.480.webp")).unwrap();
    let before = copy();
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, 90).encode(&vec![200; 900 * 300 * 3], 900, 300, ColorType::Rgb).unwrap();
    site.write("content/posts/a/slope.jpg", bytes);
    let page = site.built("posts/a/index.html");
    assert!(page.contains("width=\"900\" height=\"300\"") && !page.contains("960w"), "{page}");
    assert!(copy() != before && !site.path().join("public/posts/a/slope.jpg.960.webp").exists());
}
