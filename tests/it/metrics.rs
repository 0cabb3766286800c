//! The metrics, read as strictly as the format (Prometheus text 0.0.4) says.

use std::collections::{BTreeMap, HashSet};

use crate::control::{Observed, site};
use crate::support::{Connection, TempSite};

/// A sample's name with its labels, as they were written, and its value.
type Samples = BTreeMap<String, f64>;

fn is_name(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    text.starts_with(first) && text.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// The labels between braces, unescaped.
fn labels(mut text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"").unwrap_or_else(|| panic!("no label: {text}"));
        assert!(is_name(name) && !name.contains(':') && !name.starts_with("__"), "{name}");
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next().unwrap_or_else(|| panic!("no end: {rest}")) {
                (at, '"') => break at,
                (_, '\\') => value.push(match characters.next().unwrap().1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    c => panic!("no escape: \\{c}"),
                }),
                (_, c) => value.push(c),
            }
        };
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} twice");
        text = &rest[end + 1..];
        assert!(text.is_empty() || text.starts_with(','), "{text}");
        text = text.trim_start_matches(',');
    }
    labels
}

fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        _ => text.parse().unwrap_or_else(|_| panic!("no number: {text}")),
    }
}

/// Fails unless `text` keeps to the format: HELP, TYPE and samples of a family together and once, names that go with the
/// type, no series twice, histograms that add up.
fn parse(text: &str) -> Samples {
    let mut samples = Samples::new();
    let mut families = HashSet::new();
    let mut lines = text.lines().peekable();
    assert!(text.ends_with('\n'));
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')).unwrap();
        assert!(is_name(name) && !help.trim().is_empty(), "{line}");
        assert!(families.insert(name.to_owned()), "{name} twice");
        let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
        assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        let mut buckets = Vec::new();
        let mut count = 0;
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (sample, labelled) = match series.split_once('{') {
                Some((sample, rest)) => (sample, labels(rest.strip_suffix('}').unwrap())),
                None => (series, BTreeMap::new()),
            };
            let value = number(value);
            match (kind, sample.strip_prefix(name).unwrap_or_else(|| panic!("{sample} among {name}"))) {
                ("histogram", "_bucket") => buckets.push((number(&labelled["le"]), value)),
                ("histogram", "_sum" | "_count") | (_, "") => {}
                (_, ending) => panic!("{name}{ending}"),
            }
            assert!(kind == "gauge" || value >= 0.0, "{line}");
            assert!(samples.insert(series.to_owned(), value).is_none(), "{series} twice");
            count += 1;
        }
        assert!(count > 0, "no sample of {name}");
        if kind == "histogram" {
            assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{buckets:?}");
            let (bound, total) = *buckets.last().unwrap();
            assert_eq!((bound, total), (f64::INFINITY, samples[&format!("{name}_count")]));
        }
    }
    samples
}

fn metrics(instance: &Observed) -> Samples {
    let response = instance.ask("/metrics");
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    parse(&response.text())
}

/// Waits until `series` has come to `value`: an answer is counted after its last byte, which the client may see first.
fn wait_for(instance: &Observed, series: &str, value: f64) -> Samples {
    let begin = std::time::Instant::now();
    loop {
        let samples = metrics(instance);
        let found = samples.get(series).copied();
        if found == Some(value) {
            return samples;
        }
        assert!(begin.elapsed().as_secs() < 10, "{series} is {found:?} and not {value}");
    }
}

#[test]
fn requests_are_counted_by_status_and_coding() {
    let site = site();
    let instance = Observed::begin(&[site.str()]).serving().coded();
    let before = metrics(&instance);
    let requests =
        |status: &str, coding: &str| format!("galley_http_requests_total{{status=\"{status}\",coding=\"{coding}\"}}");
    assert_eq!(before[&requests("200", "identity")], 0.0);
    assert_eq!(before[&requests("500", "identity")], 0.0);
    assert_eq!(before["galley_connections_total"], 0.0);
    let mut connection = Connection::open(&instance.address);
    let mut sent = 0;
    for headers in [&[("accept-encoding", "gzip")][..], &[("accept-encoding", "gzip")], &[]] {
        sent += connection.request("GET", "/long.txt", headers, "").body.len();
    }
    sent += connection.request("GET", "/none", &[], "").body.len();
    sent += connection.request("POST", "/", &[], "").body.len();
    let after = wait_for(&instance, "galley_http_request_duration_seconds_count", 5.0);
    for (status, coding, count) in
        [("200", "gzip", 2.0), ("200", "identity", 1.0), ("404", "identity", 1.0), ("405", "identity", 1.0)]
    {
        assert_eq!(after[&requests(status, coding)], count, "{status} {coding}");
    }
    for (name, value) in [
        ("galley_http_response_body_bytes_total", sent as f64),
        ("galley_http_requests_in_flight", 0.0),
        ("galley_http_answers_cut_total", 0.0),
        ("galley_connections_total", 1.0),
        ("galley_connections_open", 1.0),
        ("galley_log_lines_dropped_total", 0.0),
    ] {
        assert_eq!(after[name], value, "{name}");
    }
    let seconds = after["galley_http_request_duration_seconds_sum"];
    assert!(seconds > 0.0 && seconds < 30.0, "{seconds}");
    drop(connection);
    wait_for(&instance, "galley_connections_open", 0.0);
}

#[test]
fn an_answer_to_head_is_whole_without_a_body() {
    let site = site();
    let instance = Observed::begin(&[site.str()]).serving();
    let long = format!("/{}", "a".repeat(9000));
    for (path, status) in [("/", 200), ("/none", 404), ("/_galley/x", 404), (&*long, 414)] {
        let response = Connection::open(&instance.address).request("HEAD", path, &[], "");
        assert_eq!(response.status, status);
        assert!(response.header("content-length").parse::<u64>().unwrap() > 0, "{path:.20}");
    }
    let after = wait_for(&instance, "galley_http_request_duration_seconds_count", 4.0);
    assert_eq!((after["galley_http_answers_cut_total"], after["galley_http_response_body_bytes_total"]), (0.0, 0.0));
}

/// What is no request has no line in the log and no method, and is seen all the same.
#[test]
fn what_can_not_be_read_is_counted() {
    let site = site();
    let instance = Observed::begin(&[site.str()]).serving();
    let series = |status: u16| format!("galley_http_unreadable_requests_total{{status=\"{status}\"}}");
    assert_eq!(metrics(&instance)[&series(400)], 0.0);
    let large = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(33_000));
    let long = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(33_000));
    for (sent, status) in
        [("nonsense\r\n\r\n", 400), (&large, 431), (&long, 414), ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", 400)]
    {
        let mut connection = Connection::open(&instance.address);
        connection.send(sent);
        assert_eq!(connection.response(false).unwrap().status, status);
    }
    // Whoever goes away in the middle of a head has not been answered.
    Connection::open(&instance.address).send("GET / HT");
    wait_for(&instance, &series(400), 2.0);
    wait_for(&instance, "galley_connections_open", 0.0);
    wait_for(&instance, &series(414), 1.0);
    let after = wait_for(&instance, &series(431), 1.0);
    assert_eq!((after[&series(400)], after["galley_http_request_duration_seconds_count"]), (2.0, 0.0));
}

#[test]
fn no_request_can_make_a_series() {
    let site = site();
    let instance = Observed::begin(&[site.str()]).serving();
    let before: Vec<String> = metrics(&instance).into_keys().collect();
    let mut connection = Connection::open(&instance.address);
    for at in 0..20 {
        let headers = [("accept-encoding", "x-unknown, identity"), ("user-agent", "a\"b\\c")];
        assert_eq!(connection.request("GET", &format!("/{at}?{at}"), &headers, "").status, 404);
        assert_eq!(connection.request(&format!("METHOD{at}"), "/", &[], "").status, 405);
    }
    let after: Vec<String> =
        wait_for(&instance, "galley_http_request_duration_seconds_count", 40.0).into_keys().collect();
    assert_eq!(before, after);
}

#[test]
fn the_snapshot_and_the_process_are_described() {
    let site = site();
    let instance = Observed::begin(&[site.str()]).serving().coded();
    let samples = metrics(&instance);
    let root = samples.keys().find_map(|series| series.strip_prefix("galley_snapshot_info{content=\"sha256:")).unwrap();
    assert_eq!(root.len(), 64 + 2);
    assert!(samples["galley_snapshot_paths"] >= 2.0);
    assert!(samples["galley_snapshot_memory_limit_bytes"] > 1e6);
    assert!(samples["galley_snapshot_bytes{coding=\"identity\"}"] >= 6000.0);
    for coding in ["gzip", "br", "zstd"] {
        let held = samples[&format!("galley_snapshot_bytes{{coding=\"{coding}\"}}")];
        assert!(held > 0.0 && held < samples["galley_snapshot_bytes{coding=\"identity\"}"], "{held} bytes of {coding}");
    }
    assert_eq!((samples["galley_snapshot_swaps_total"], samples["galley_snapshot_on_disk_bytes"]), (0.0, 0.0));
    assert!((0.0..60.0).contains(&samples["galley_snapshot_age_seconds"]));
    assert_eq!(samples[&format!("galley_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))], 1.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let started = samples["process_start_time_seconds"];
    assert!(started <= now && started > now - 60.0, "{started}");
    if cfg!(target_os = "linux") {
        assert!(samples["process_resident_memory_bytes"] > 1e6);
        assert!((5.0..200.0).contains(&samples["process_open_fds"]));
    }
}

#[test]
fn before_there_is_content_the_metrics_are_there() {
    let registry = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let reference = format!("{}/blog", registry.local_addr().unwrap());
    let samples = metrics(&Observed::begin(&["--follow", &reference]));
    assert!(!samples.keys().any(|series| series.starts_with("galley_snapshot")));
    assert_eq!(samples["galley_hooks_total{outcome=\"accepted\"}"], 0.0);
}

#[test]
fn hooks_and_looks_are_counted() {
    const SECRET: &str = "a-secret-that-nobody-guesses";
    let registry = crate::double::Registry::start();
    let first = crate::image::image(&crate::image::tree("one"), 1);
    crate::follow::push(&registry, &first, None);
    let secret = TempSite::bare().file("secret", format!("{SECRET}\n"));
    let file = secret.path().join("secret");
    let reference = format!("{}/blog", registry.address);
    let arguments = ["--follow", &reference, "--poll", "1h", "--hook-secret-file", file.to_str().unwrap()];
    let instance = Observed::begin(&arguments).serving();
    let hook = |secret: &str, body: &str| {
        Connection::open(&instance.address).request("POST", &format!("/_galley/hook/{secret}"), &[], body).status
    };
    assert_eq!(hook("wrong", ""), 401);
    assert_eq!(hook(SECRET, r#"{"events":[]}"#), 202);
    assert_eq!(hook(SECRET, ""), 202);
    let repeated = r#"{"events":[{"id":"1","action":"pull"}]}"#;
    assert_eq!((hook(SECRET, repeated), hook(SECRET, repeated)), (202, 202));
    let samples = wait_for(&instance, "galley_looks_total{outcome=\"unchanged\"}", 1.0);
    for (outcome, count) in [("accepted", 1.0), ("passed_over", 2.0), ("repeated", 1.0), ("refused", 1.0)] {
        assert_eq!(samples[&format!("galley_hooks_total{{outcome=\"{outcome}\"}}")], count, "{outcome}");
    }
    let second = crate::image::image(&crate::image::tree("two"), 2);
    crate::follow::push(&registry, &second, Some(first.index.descriptor.digest));
    assert_eq!(hook(SECRET, ""), 202);
    wait_for(&instance, "galley_looks_total{outcome=\"new\"}", 1.0);
    wait_for(&instance, "galley_snapshot_swaps_total", 1.0);
}
