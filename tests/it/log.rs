//! The access log on standard output.

use crate::control::{Observed, site};
use crate::support::{Connection, TempSite};

#[test]
fn the_combined_log_has_a_line_for_each_answer() {
    let site = site();
    let mut instance = Observed::begin(&[site.str(), "--log", "combined"]).serving();
    let headers = [("referer", "https://x.example/?token=s3cret&a=b"), ("user-agent", "curl \"7\"")];
    let length = instance.get("/long.txt?x=1", &headers).body.len();
    let line = instance.line();
    let (before, after) = line.split_once(" - - [").unwrap();
    assert_eq!(before, "127.0.0.1");
    let (time, after) = after.split_once("] ").unwrap();
    assert!(time.len() == 26 && time.ends_with(" +0000") && time.matches(':').count() == 3, "{time}");
    let expected = format!(
        "\"GET /long.txt?x=1 HTTP/1.1\" 200 {length} \"https://x.example/?token=…&a=b\" \"curl \\x227\\x22\"\n"
    );
    assert_eq!(after, expected);
    for (request, expected) in [
        ("HEAD /long.txt HTTP/1.1\r\nhost: x\r\n\r\n", "\"HEAD /long.txt HTTP/1.1\" 200 0 \"-\" \"-\"\n"),
        ("POST / HTTP/1.0\r\n\r\n", "\"POST / HTTP/1.0\" 405 30 \"-\" \"-\"\n"),
        ("GET /%0d%0a\" HTTP/1.1\r\nhost: x\r\n\r\n", "\"GET /%0d%0a\\x22 HTTP/1.1\" 404 "),
    ] {
        let mut connection = Connection::open(&instance.address);
        connection.send(request);
        connection.response(request.starts_with("HEAD")).unwrap();
        let line = instance.line();
        assert!(line.contains(expected), "{line}");
    }
}

#[test]
fn a_hooks_secret_is_never_in_the_log() {
    const SECRET: &str = "a-s3cret-that-nobody-guesses";
    let site = site();
    for format in ["combined", "json"] {
        let instance = Observed::begin(&[site.str(), "--log", format]).serving();
        for target in [
            format!("/_galley/hook/{SECRET}"),
            format!("/_galley/%68ook/{SECRET}"),
            format!("//_galley/hook/{SECRET}"),
            format!("/_GALLEY/HOOK/{SECRET}"),
            format!("/_galley/hook?token={SECRET}"),
            format!("/?a=b&token={SECRET}"),
            format!("http://x/_galley/hook/{SECRET}"),
        ] {
            let referer = format!("https://blog.example{}", target.trim_start_matches("http://x"));
            let text = format!("POST {target} HTTP/1.1\r\nhost: x\r\nreferer: {referer}\r\nconnection: close\r\n\r\n");
            let mut connection = Connection::open(&instance.address);
            connection.send(&text);
            connection.response(false).unwrap();
        }
        let log = instance.stop();
        assert_eq!(log.lines().count(), 7, "{log}");
        assert!(!log.contains("s3cret") && log.contains("/_galley/hook/…") && log.contains("?a=b&token=…"), "{log}");
    }
}

#[test]
fn the_json_log_is_json() {
    let site = site();
    let mut instance = Observed::begin(&[site.str(), "--log", "json"]).serving().coded();
    let headers = [("accept-encoding", "gzip"), ("user-agent", "é\u{9b}2J")];
    let length = instance.get("/long.txt", &headers).body.len();
    let line = instance.line();
    assert!(line.trim_end().bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line}");
    let found: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(found["client"], "127.0.0.1");
    assert_eq!((&found["method"], &found["path"]), (&"GET".into(), &"/long.txt".into()));
    assert_eq!((&found["status"], &found["bytes"]), (&200.into(), &length.into()));
    assert_eq!((&found["coding"], &found["cut"]), (&"gzip".into(), &false.into()));
    assert_eq!((&found["user_agent"], &found["referer"]), (&"é\u{9b}2J".into(), &serde_json::Value::Null));
    let seconds = found["seconds"].as_f64().unwrap();
    assert!(seconds > 0.0 && seconds < 30.0, "{line}");
    let time = found["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
}

#[test]
fn without_a_log_nothing_is_written() {
    let site = site();
    let instance = Observed::begin(&[site.str()]).serving();
    assert_eq!(instance.get("/", &[]).status, 200);
    assert_eq!(instance.stop(), "");
}

#[test]
fn a_standard_output_that_closes_does_not_end_the_server() {
    let site = site();
    let mut instance = Observed::begin(&[site.str(), "--log", "combined"]).serving();
    drop(instance.take_output());
    assert_eq!(instance.get("/", &[]).status, 200);
    instance.hear("warning: standard output is closed; the access log ends here");
    assert_eq!(instance.get("/", &[]).status, 200);
    instance.stop();
}

#[test]
fn a_standard_output_that_nobody_reads_stops_no_request() {
    // Longer than a pipe holds, and than the lines that wait, together.
    const REQUESTS: usize = 700;
    let site = TempSite::new().file("content/_index.md", "x\n");
    let mut instance = Observed::begin(&[site.str(), "--log", "combined"]).serving();
    let target = format!("/{}", "x".repeat(4000));
    let mut connection = Connection::open(&instance.address);
    for _ in 0..REQUESTS {
        assert_eq!(connection.request("GET", &target, &[], "").status, 404);
    }
    let metrics = instance.ask("/metrics").text();
    let dropped = metrics.lines().find_map(|line| line.strip_prefix("galley_log_lines_dropped_total ")).unwrap();
    let dropped: usize = dropped.parse().unwrap();
    assert!(dropped > 0);
    drop(connection);
    // Now somebody reads: what waited comes, and the loss is said.
    let mut output = instance.take_output();
    let reader = std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()).unwrap());
    instance.hear("warning: standard output is read too slowly; lines of the access log were dropped");
    instance.stop();
    assert!(reader.join().unwrap() > 1 << 20);
}
