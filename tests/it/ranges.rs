//! Parts of a representation, from memory and from disk.

use std::fs;
use std::time::{Duration, Instant};

use crate::http::wait_for_coding;
use crate::support::{Instance, Response, TempSite, run};

/// Larger than a chunk that is read at a time, and no two parts of it alike.
fn film() -> Vec<u8> {
    (0..300_000u32).flat_map(u32::to_be_bytes).collect()
}

fn site() -> TempSite {
    TempSite::new()
        .file("content/a.md", format!("---\ntitle: A\ndate: 2025-01-02\n---\n{}\n", "Many words. ".repeat(200)))
        .file("static/film.mp4", film())
        .file("static/empty.bin", "")
}

/// The same site with all media in memory, and with none.
fn instances(site: &TempSite) -> [Instance; 2] {
    let (memory, disk) = (Instance::start(&[site.str()]), Instance::start(&[site.str(), "--memory", "0"]));
    assert!(site.path().join("static/film.mp4").exists());
    [memory, disk]
}

fn part(instance: &Instance, path: &str, range: &str) -> Response {
    instance.request("GET", path, &[("range", range)], "")
}

#[test]
fn one_part_is_206_with_its_place() {
    let (site, film) = (site(), film());
    for instance in instances(&site) {
        for (range, expected) in [
            ("bytes=0-0", 0..1),
            ("bytes=131071-131073", 131_071..131_074),
            ("bytes=1000000-", 1_000_000..1_200_000),
            ("bytes=-5", 1_199_995..1_200_000),
            ("bytes=-5000000", 0..1_200_000),
            ("bytes=5-9999999", 5..1_200_000),
            ("bytes=7-7,9999999-", 7..8),
        ] {
            let response = part(&instance, "/film.mp4", range);
            let place = format!("bytes {}-{}/1200000", expected.start, expected.end - 1);
            assert_eq!((response.status, response.header("content-range")), (206, place.as_str()), "{range}");
            assert_eq!(response.header("content-type"), "video/mp4");
            assert!(!response.header("etag").is_empty());
            assert!(response.body == film[expected], "{range}");
        }
    }
}

#[test]
fn what_is_no_range_gets_everything() {
    let (site, film) = (site(), film());
    for instance in instances(&site) {
        let amplified = format!("bytes={}", vec!["0-"; 1300].join(","));
        let many = format!("bytes={}", (0..1000).map(|at| format!("{at}-{at}")).collect::<Vec<_>>().join(","));
        for range in ["lines=0-1", "bytes=9-1", "bytes=x", "bytes", &amplified, &many] {
            let response = part(&instance, "/film.mp4", range);
            assert_eq!((response.status, response.header("content-range")), (200, ""), "{range}");
            assert_eq!(response.header("accept-ranges"), "bytes");
            assert!(response.body == film, "{range}");
        }
        let head = instance.request("HEAD", "/film.mp4", &[("range", "bytes=0-0")], "");
        assert_eq!((head.status, head.header("content-length")), (200, "1200000"));
    }
}

#[test]
fn a_part_that_is_not_there_is_416_with_the_length() {
    let site = site();
    for instance in instances(&site) {
        for (path, range, length) in [
            ("/film.mp4", "bytes=1200000-", "bytes */1200000"),
            ("/film.mp4", "bytes=-0", "bytes */1200000"),
            ("/empty.bin", "bytes=0-", "bytes */0"),
        ] {
            let response = part(&instance, path, range);
            assert_eq!((response.status, response.header("content-range")), (416, length), "{range}");
            assert_eq!(response.header("cache-control"), "no-store");
        }
        assert_eq!(instance.get("/empty.bin").status, 200);
    }
}

#[test]
fn several_parts_come_as_multipart() {
    let (site, film) = (site(), film());
    for instance in instances(&site) {
        let response = part(&instance, "/film.mp4", "bytes=0-3, 200000-200003, -2");
        assert_eq!(response.status, 206);
        let boundary = response.header("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
        let mut expected = Vec::new();
        for (start, end) in [(0, 4), (200_000, 200_004), (1_199_998, 1_200_000)] {
            let last = end - 1;
            let head = format!(
                "\r\n--{boundary}\r\nContent-Type: video/mp4\r\nContent-Range: bytes {start}-{last}/1200000\r\n\r\n"
            );
            expected.extend_from_slice(head.as_bytes());
            expected.extend_from_slice(&film[start..end]);
        }
        expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        assert!(response.body == expected);
        assert_eq!(response.header("content-length"), expected.len().to_string());
    }
}

#[test]
fn a_part_is_of_the_representation_that_the_client_has() {
    let site = site();
    let instance = Instance::start(&[site.str()]);
    wait_for_coding(&instance, "/a/", "br");
    let tag = instance.get("/a/").header("etag").to_owned();
    let ask =
        |validator: &str| instance.request("GET", "/a/", &[("range", "bytes=0-9"), ("if-range", validator)], "").status;
    for (validator, status) in [
        (tag.as_str(), 206),
        (&format!("W/{tag}"), 200),
        ("\"x\"", 200),
        // The date is the author's: bytes may change without it.
        ("Thu, 02 Jan 2025 00:00:00 GMT", 200),
        ("yesterday", 200),
    ] {
        assert_eq!(ask(validator), status, "{validator}");
    }
    // Ranges are over the chosen coding; preconditions go first.
    let coded = |more: &[(&str, &str)]| {
        let headers = [&[("accept-encoding", "br"), ("range", "bytes=0-9")], more].concat();
        instance.request("GET", "/a/", &headers, "")
    };
    let whole = instance.request("GET", "/a/", &[("accept-encoding", "br")], "");
    let first = coded(&[]);
    assert_eq!((first.status, first.header("content-encoding"), first.header("vary")), (206, "br", "accept-encoding"));
    assert_eq!((first.header("etag"), &first.body[..]), (whole.header("etag"), &whole.body[..10]));
    assert_eq!(coded(&[("if-none-match", whole.header("etag"))]).status, 304);
    assert_eq!(coded(&[("if-match", "\"x\"")]).status, 412);
    assert_eq!(coded(&[("if-range", &tag)]).status, 200);
}

#[test]
fn media_beyond_the_budget_stay_on_disk_and_are_never_those_of_another_release() {
    let (site, film) = (site(), film());
    let instance = Instance::start(&[site.str(), "--memory", "0"]);
    let response = instance.get("/film.mp4");
    assert!(response.status == 200 && response.body == film);
    let tag = response.header("etag").to_owned();
    assert_eq!(instance.request("GET", "/film.mp4", &[("if-none-match", &tag)], "").status, 304);
    fs::write(site.path().join("static/film.mp4"), "another film").unwrap();
    let changed = instance.get("/film.mp4");
    assert_eq!((changed.status, changed.header("cache-control")), (503, "no-store"));
    assert_eq!(part(&instance, "/film.mp4", "bytes=0-1").status, 503);
    let said = instance.stop();
    assert!(said.contains("2 files of 1.2 MB stay on disk"), "{said}");
    assert!(said.contains("film.mp4: has changed since it was read"), "{said}");
}

#[test]
fn a_stop_does_not_wait_for_a_coding_and_large_data_are_not_coded() {
    let noise: String = (0..1_100_000u32).map(|number| format!("{:x} ", number.wrapping_mul(2_654_435_761))).collect();
    let site = site().file("static/large.json", &noise).file("static/long.csv", &noise[..4_000_000]);
    let instance = Instance::start(&[site.str(), "--memory", "1M"]);
    wait_for_coding(&instance, "/a/", "gzip");
    let large = instance.request("GET", "/large.json", &[("accept-encoding", "gzip")], "");
    assert_eq!((large.status, large.header("content-encoding"), large.header("vary")), (200, "", ""));
    assert!(large.body == noise.as_bytes());
    let started = Instant::now();
    let said = instance.stop();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(said.contains("more than that: pages, texts"), "{said}");
}

#[test]
fn a_size_that_is_none_is_refused() {
    run(&["serve", "--memory", "much"]).says(2, "`much` is no size; write it as 64M, 1.5G or in bytes");
}
