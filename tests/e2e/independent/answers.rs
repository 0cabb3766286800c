//! The answers themselves: httplint reads them one by one, REDbot asks for more and compares.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Accepted, Finding, blog, json_of, python, settle};
use crate::parts::free_port;
use crate::support::{Instance, PATIENCE};

/// A request and what it is answered with: a name, the method, the path, fields and the status.
type Case<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], u16);

/// The one that both have against what may be kept.
const PUBLIC: Accepted = Accepted {
    name: "STORE_PUBLIC_UNNECESSARY",
    places: &["*"],
    why: "a cache in front keeps it even where a proxy asks readers for a password",
};

const WITHOUT_RANGE: Accepted = Accepted {
    name: "PARTIAL_WITHOUT_RANGE",
    places: &["ranges"],
    why: "each part has a Content-Range of its own, and the head must have none (RFC 9110, 15.3.7.2)",
};
const WITHOUT_TAG: Accepted = Accepted {
    name: "FRESHNESS_NO_CACHE_NO_VALIDATOR",
    places: &["gone"],
    why: "conditions are for what is there (RFC 9110, 13.2.1): what is not is asked for again, and said again",
};
const LONG: Accepted = Accepted { name: "STATUS_URI_TOO_LONG", places: &["too long"], why: "that is what was tried" };

/// The address of the theme's style sheet, whose name holds its hash.
fn style_sheet(instance: &Instance) -> String {
    let page = instance.get("/").text();
    let (_, rest) = page.split_once("rel=\"stylesheet\" href=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// Codings are made after the start.
fn wait_for_codings(instance: &Instance, path: &str) {
    let started = Instant::now();
    for coding in ["gzip", "br", "zstd"] {
        let is_there =
            || instance.request("GET", path, &[("accept-encoding", coding)], "").header("content-encoding") == coding;
        while !is_there() {
            assert!(started.elapsed() < PATIENCE, "{path} never came as {coding}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// What is amiss in a list of reports, each with a place, a status and notes.
fn findings(reports: &[Value]) -> Vec<Finding> {
    let amiss = |note: &&Value| ["bad", "warning"].contains(&note["level"].as_str().unwrap());
    let of = |report: &Value| {
        let notes = report["notes"].as_array().unwrap().iter().filter(amiss);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        notes
            .map(|note| Finding { place: text(&report["name"]), name: text(&note["note"]), says: text(&note["says"]) })
            .collect::<Vec<_>>()
    };
    reports.iter().flat_map(of).collect()
}

/// Has httplint read the answers to these requests, which have to have these statuses.
fn lint(address: &str, cases: &[Case<'_>]) -> Vec<Finding> {
    let requests: Vec<Value> = cases
        .iter()
        .map(|(name, method, path, fields, _)| {
            json!({ "name": name, "method": method, "path": path, "headers": fields })
        })
        .collect();
    let reports = json_of(python("lint.py").arg(address), &json!(requests).to_string());
    let reports = reports.as_array().unwrap();
    assert_eq!(reports.len(), cases.len());
    for (report, (name, _, _, fields, status)) in reports.iter().zip(cases) {
        assert_eq!((&report["name"], &report["status"]), (&json!(name), &json!(status)));
        let asked = fields.iter().find(|(field, value)| *field == "accept-encoding" && !value.contains(';'));
        assert_eq!(report["coding"], json!(asked.map(|(_, coding)| coding)), "{name}");
    }
    findings(reports)
}

pub(crate) fn httplint() {
    let site = blog();
    let control = format!("127.0.0.1:{}", free_port());
    let instance = Instance::with(&[site.str()], &[("GALLEY_CONTROL", &control)]);
    let style = style_sheet(&instance);
    wait_for_codings(&instance, "/posts/knots/");
    wait_for_codings(&instance, "/words.txt");
    let page = instance.get("/posts/knots/");
    let tag = [("if-none-match", page.header("etag"))];
    let date = [("if-modified-since", page.header("last-modified"))];
    let long = format!("/{}", "a".repeat(9000));
    let mut found = lint(
        &instance.address,
        &[
            ("page", "GET", "/posts/knots/", &[], 200),
            ("page, gzip", "GET", "/posts/knots/", &[("accept-encoding", "gzip")], 200),
            ("page, br", "GET", "/posts/knots/", &[("accept-encoding", "br")], 200),
            ("page, zstd", "GET", "/posts/knots/", &[("accept-encoding", "zstd")], 200),
            ("page, HEAD", "HEAD", "/posts/knots/", &[], 200),
            ("page, 304 by its tag", "GET", "/posts/knots/", &tag, 304),
            ("page, 304 by its date", "GET", "/posts/knots/", &date, 304),
            ("page, 406", "GET", "/posts/knots/", &[("accept-encoding", "identity;q=0")], 406),
            ("page, 412", "GET", "/posts/knots/", &[("if-match", "\"other\"")], 412),
            ("page, POST", "POST", "/posts/knots/", &[("content-length", "0")], 405),
            ("page, OPTIONS", "OPTIONS", "/posts/knots/", &[], 405),
            ("named by its hash", "GET", &style, &[], 200),
            ("under a stable name", "GET", "/words.txt", &[], 200),
            ("picture", "GET", "/anchor.svg", &[], 200),
            ("feed", "GET", "/feed.xml", &[], 200),
            ("feed in JSON", "GET", "/feed.json", &[], 200),
            ("sitemap", "GET", "/sitemap.xml", &[], 200),
            ("robots", "GET", "/robots.txt", &[], 200),
            ("range", "GET", "/words.txt", &[("range", "bytes=5-20")], 206),
            // From the start: a part is unpacked as if it were the whole.
            ("range of a coding", "GET", "/words.txt", &[("range", "bytes=0-20"), ("accept-encoding", "gzip")], 206),
            ("ranges", "GET", "/words.txt", &[("range", "bytes=0-3,500-520")], 206),
            ("no such range", "GET", "/words.txt", &[("range", "bytes=900000-")], 416),
            ("folder", "GET", "/posts/knots", &[], 301),
            ("alias", "GET", "/old/knots.html", &[], 301),
            ("sent on", "GET", "/moved", &[], 302),
            ("sent on for good", "GET", "/for-good", &[], 308),
            ("gone", "GET", "/gone", &[], 410),
            ("nothing there", "GET", "/nothing/", &[], 404),
            ("nothing there, HEAD", "HEAD", "/nothing/", &[], 404),
            ("too long", "GET", &long, &[], 414),
        ],
    );
    found.extend(lint(
        &control,
        &[
            ("health", "GET", "/healthz", &[], 200),
            ("readiness", "GET", "/readyz", &[], 200),
            ("metrics", "GET", "/metrics", &[], 200),
            ("health, POST", "POST", "/healthz", &[("content-length", "0")], 405),
            ("no such control", "GET", "/nothing", &[], 404),
        ],
    ));
    settle(&found, &[PUBLIC, WITHOUT_RANGE, WITHOUT_TAG, LONG]);
}

pub(crate) fn redbot() {
    let site = blog();
    let instance = Instance::start(&[site.str()]);
    let style = style_sheet(&instance);
    wait_for_codings(&instance, "/posts/knots/");
    wait_for_codings(&instance, "/words.txt");
    let paths =
        ["/posts/knots/", "/words.txt", &style, "/feed.xml", "/sitemap.xml", "/posts/knots", "/old/knots.html", "/no"];
    let reports = json_of(python("probe.py").arg(&instance.address).args(paths), "");
    let reports = reports.as_array().unwrap();
    let statuses: Vec<&Value> = reports.iter().map(|report| &report["status"]).collect();
    assert_eq!(json!(statuses), json!([200, 200, 200, 200, 200, 301, 301, 404]));
    // Its own requests were made, and were answered as it asks.
    for good in ["CONNEG_GZIP_GOOD", "RANGE_CORRECT", "INM_304", "IMS_304"] {
        let is_said = |report: &Value| report["notes"].as_array().unwrap().iter().any(|note| note["note"] == good);
        assert!(is_said(&reports[0]), "{good}: {}", reports[0]);
    }
    settle(&findings(reports), &[PUBLIC]);
}
