//! Pages: html-validate reads the markup, axe and Lighthouse look at them in a browser.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{Accepted, Finding, blog, here, json_of, package, settle, tool};
use crate::control_page::Operated;
use crate::driver::Browser;
use crate::parts::project;
use crate::support::{Instance, TempSite, run};

/// A page of each kind that the default theme has.
const PAGES: [&str; 9] =
    ["/", "/about/", "/posts/", "/posts/knots/", "/tags/", "/tags/rope/", "/series/ropes/", "/search/", "/nothing/"];

/// What html-validate has against the pages in a folder; a page's place is its path in it. Not asked for: capitals in the
/// DOCTYPE, which are taste, and hashes of what comes from the page's own host, which whoever changed that would change too.
fn faults(folder: &Path) -> Vec<Finding> {
    let mut command = tool("node");
    command.arg(package("html-validate/bin/html-validate.mjs")).arg("--config").arg(here().join("html-validate.json"));
    // Into a file: the end of what it writes to a pipe is lost.
    let report = TempSite::bare().file("report.json", "");
    let file = report.path().join("report.json");
    let output = command.arg(format!("--formatter=json={}", file.display())).arg(folder).output().unwrap();
    let files: Value = serde_json::from_slice(&fs::read(&file).unwrap())
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut faults = Vec::new();
    for file in files.as_array().unwrap() {
        let place = Path::new(file["filePath"].as_str().unwrap()).strip_prefix(folder).unwrap().display().to_string();
        faults.extend(file["messages"].as_array().unwrap().iter().map(|message| Finding {
            place: place.clone(),
            name: text(&message["ruleId"]),
            says: format!("{}:{}: {}", message["line"], message["column"], text(&message["message"])),
        }));
    }
    faults
}

pub(crate) fn html_validate() {
    let site = blog();
    let output = TempSite::bare();
    let manual = project().join("site");
    for (name, source) in [("blog", site.path()), ("manual", &manual)] {
        let folder = output.path().join(name).display().to_string();
        let ran = run(&["build", source.to_str().unwrap(), "--output", &folder]);
        assert_eq!(ran.code, 0, "{}", ran.errors);
    }
    for page in ["blog/posts/knots/index.html", "blog/old/knots.html", "blog/404.html", "manual/write/index.html"] {
        assert!(output.path().join(page).is_file(), "{page}");
    }
    output.write(
        "fault.html",
        "<!DOCTYPE html>\n<html lang=\"en\"><head><title>A</title></head><body><img src=\"a.png\"></body></html>\n",
    );
    settle(
        &faults(output.path()),
        &[Accepted { name: "wcag/h37", places: &["fault.html"], why: "it is there to be found" }],
    );
}

/// What axe has against the page that a browser shows.
fn violations(browser: &Browser, place: &str) -> Vec<Finding> {
    browser.run(&fs::read_to_string(package("axe-core/axe.min.js")).unwrap());
    browser.run("window.found = null; axe.run().then(found => { window.found = found }, error => { window.found = { error: String(error) } })");
    browser.wait("window.found");
    let found = browser.run(
        "const { error, passes, violations } = window.found;
         return { error, passes: passes?.length, violations: violations?.map(({ id, help, nodes }) =>
            ({ id, says: help + ': ' + nodes.map(node => node.target.flat().join(' ')).join(', ') })) }",
    );
    // With fewer it did not see the page.
    assert!(found["passes"].as_u64().is_some_and(|passes| passes > 8), "{place}: {found}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let violations = found["violations"].as_array().unwrap().iter();
    violations
        .map(|violation| Finding {
            place: place.to_owned(),
            name: text(&violation["id"]),
            says: text(&violation["says"]),
        })
        .collect()
}

/// The same in light and in dark, of the page at each of these addresses.
fn violations_of(browser: &Browser, host: &str, paths: &[&str]) -> Vec<Finding> {
    let mut found = Vec::new();
    for scheme in ["light", "dark"] {
        dress(browser, scheme);
        for path in paths {
            browser.open(&format!("http://{host}{path}"));
            found.extend(violations(browser, &format!("{path} {scheme}")));
        }
    }
    found
}

fn dress(browser: &Browser, scheme: &str) {
    let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
    browser.command("Emulation.setEmulatedMedia", &features);
}

pub(crate) fn axe() {
    let site = blog();
    let instance = Instance::start(&[site.str()]);
    let browser = Browser::start();
    let mut found = violations_of(&browser, &instance.address, &PAGES);
    let manual = project().join("site");
    let instance = Instance::start(&[manual.to_str().unwrap()]);
    found.extend(violations_of(&browser, &instance.address, &["/write/"]));
    settle(&found, &[]);
}

pub(crate) fn axe_in_the_preview() {
    let site = blog();
    let preview = Instance::preview(&[site.str()]);
    let browser = Browser::start();
    browser.open(&format!("http://{}/posts/knots/", preview.address));
    site.write("content/posts/fault.md", "---\ntitle: [x\n---\n");
    browser.wait("document.querySelector('galley-preview')");
    let mut found = Vec::new();
    for scheme in ["light", "dark"] {
        dress(&browser, scheme);
        found.extend(violations(&browser, scheme));
    }
    settle(&found, &[]);
}

pub(crate) fn axe_on_the_control_page() {
    let operated = Operated::start();
    let browser = Browser::start();
    let pages = TempSite::bare();
    let mut found = Vec::new();
    let mut look = |name: &str| {
        // As the browser has it: the page leaves out the tags that HTML lets one leave out, and html-validate wants them all.
        let page = browser.run("return '<!DOCTYPE html>' + document.documentElement.outerHTML");
        pages.write(&format!("{name}.html"), page.as_str().unwrap());
        for scheme in ["light", "dark"] {
            dress(&browser, scheme);
            found.extend(violations(&browser, &format!("{name} {scheme}")));
        }
    };
    browser.open(&format!("http://{}/", operated.control));
    look("signed out");
    operated.sign_in(&browser);
    look("signed in");
    found.extend(faults(pages.path()));
    let places = &["signed out.html", "signed in.html"];
    let button = Accepted { name: "no-implicit-button-type", places, why: "they submit, which is what no type means" };
    let region =
        Accepted { name: "prefer-native-element", places, why: "a div with a role says the same as a section" };
    settle(&found, &[button, region]);
}

pub(crate) fn lighthouse() {
    let site = blog();
    let instance = Instance::start(&[site.str()]);
    let mut found = Vec::new();
    for path in ["/", "/posts/knots/"] {
        let report = lighthouse_on(&format!("http://{}{path}", instance.address));
        for category in ["accessibility", "best-practices", "seo"] {
            let category = &report["categories"][category];
            found.extend(category["auditRefs"].as_array().unwrap().iter().filter_map(|audit| {
                let audit = &report["audits"][audit["id"].as_str().unwrap()];
                let failed = audit["score"].as_f64().is_some_and(|score| score < 1.0);
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                failed.then(|| Finding { place: path.to_owned(), name: text(&audit["id"]), says: audit.to_string() })
            }));
            assert_eq!(category["score"], json!(1), "{path}: {}: {found:#?}", category["title"]);
        }
    }
    settle(&found, &[]);
}

/// Its report. How fast a page is, is measured elsewhere, on machines that do nothing else.
fn lighthouse_on(url: &str) -> Value {
    let mut command = tool("node");
    command.arg(package("lighthouse/cli/index.js")).args([url, "--quiet", "--output=json", "--output-path=stdout"]);
    command.args(["--no-enable-error-reporting", "--only-categories=accessibility,best-practices,seo"]);
    command.arg("--chrome-flags=--headless --no-sandbox --disable-gpu --disable-background-networking");
    let report = json_of(command.env("CHROME_PATH", "/usr/bin/chromium"), "");
    assert_eq!(report["runtimeError"], Value::Null);
    report
}
