//! What is seen of the connection: testssl.sh shakes hands in many ways, the Observatory grades what browsers are told,
//! slowhttptest holds on to as many as it can.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{Accepted, Finding, blog, folder, here, json_of, settle, tool};
use crate::registry::own_certificate;
use crate::support::{Instance, TempSite};

/// What is asked for, and what it has to come to.
const PROTOCOLS: [(&str, &str); 7] = [
    ("SSLv2", "not offered"),
    ("SSLv3", "not offered"),
    ("TLS1", "not offered"),
    ("TLS1_1", "not offered"),
    ("TLS1_2", "offered"),
    ("TLS1_3", "offered with final"),
    ("ALPN_HTTP2", "h2"),
];
/// Debian's OpenSSL has neither old engines nor RC4 to ask with; ciphers are listed by sockets of testssl's own besides.
const NOT_OF_THE_SERVER: [&str; 2] = ["engine_problem", "RC4"];

pub(crate) fn testssl() {
    let site = blog();
    let instance = Instance::start(&[site.str(), "--tls-self-signed"]);
    let report = site.path().join("report.json");
    let mut command = tool("testssl");
    command.args(["--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", "127.0.0.1", "--fast"]);
    command.args(["--protocols", "--std", "--pfs", "--vulnerable", "--jsonfile"]).arg(&report);
    // It exits with the number of what it could not test.
    let output = command.arg(&instance.address).current_dir(site.path()).output().unwrap();
    let text = fs::read_to_string(&report)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout)));
    let report: Vec<BTreeMap<String, String>> = serde_json::from_str(&text).unwrap();
    let said = |id: &str| report.iter().find(|line| line["id"] == id).map(|line| line["finding"].as_str());
    for (id, expected) in PROTOCOLS {
        assert_eq!(said(id), Some(expected), "{id}");
    }
    // One of the last tests for vulnerabilities: it did not give up before.
    assert_eq!(said("LUCKY13"), Some("not vulnerable"));
    let is_amiss = |line: &&BTreeMap<String, String>| {
        !["OK", "INFO"].contains(&line["severity"].as_str()) && !NOT_OF_THE_SERVER.contains(&line["id"].as_str())
    };
    let amiss = report.iter().filter(is_amiss);
    let found: Vec<Finding> = amiss
        .map(|line| Finding {
            place: line["severity"].clone(),
            name: line["id"].clone(),
            says: line["finding"].clone(),
        })
        .collect();
    let accepted = Accepted {
        name: "BREACH",
        places: &["MEDIUM"],
        why: "it guesses a secret that a page holds beside what the request says: pages hold neither, and are the same for all",
    };
    settle(&found, &[accepted]);
}

pub(crate) fn observatory() {
    let site = blog();
    let pair = own_certificate();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| pair.path().join(name).display().to_string());
    let instance = Instance::start(&[site.str(), "--tls-cert", &certificate, "--tls-key", &key]);
    // The same port takes both, and sends those who come in clear text on.
    let port = instance.address.rsplit(':').next().unwrap();
    let mut command = tool("node");
    command.arg(here().join("grade.mjs")).arg(folder("node").join("node_modules")).args([port, port]);
    let graded = json_of(command.env("NODE_EXTRA_CA_CERTS", &certificate), "");
    let failed = graded["tests"].as_object().unwrap().iter().filter(|(_, test)| test["pass"] != json!(true));
    let failed: Vec<(&String, &Value)> = failed.collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!((&graded["status"], &graded["grade"]), (&json!(200), &json!("A+")), "{graded:#}");
    // Five more than the hundred for each of a policy without exceptions, its frame-ancestors and the referrer's.
    assert_eq!(graded["score"], json!(115), "{graded:#}");
}

/// Connections of each attack, and how many seconds it goes on: longer than a head may take, and a body.
const ATTACKERS: u32 = 1000;
const LENGTH: u32 = 14;

/// The four attacks that slowhttptest knows, all at once: heads and bodies that drip, ranges without number, readers that hardly
/// read. It asks for the page beside them itself, each second.
pub(crate) fn slowhttptest() {
    let site = TempSite::new().file("static/film.bin", "x".repeat(3 << 20));
    let instance = Instance::start(&[site.str()]);
    let url = format!("http://{}/film.bin", instance.address);
    let (attackers, length) = (ATTACKERS.to_string(), LENGTH.to_string());
    let attacks = ["H", "B", "R", "X"].map(|mode| {
        let mut command = tool("slowhttptest");
        command.arg(format!("-{mode}")).args(["-c", &attackers, "-l", &length, "-r", "500", "-i", "1", "-p", "5"]);
        command.args(["-n", "1", "-z", "32", "-k", "3", "-g", "-o", mode, "-u", &url]);
        (mode, command.current_dir(site.path()).stdout(Stdio::null()).spawn().unwrap())
    });
    for (mode, mut attack) in attacks {
        assert!(attack.wait().unwrap().success(), "{mode}");
        let report = fs::read_to_string(site.path().join(mode).with_extension("csv")).unwrap();
        // Seconds, closed, pending, connected, and so many again where the page was answered.
        let rows: Vec<Vec<&str>> = report.lines().skip(1).map(|row| row.split(',').collect()).collect();
        assert!(!rows.is_empty() && rows.iter().all(|row| row[4] == attackers), "{mode}:\n{report}");
        let column = |number: usize| rows.iter().map(|row| row[number].parse::<u32>().unwrap()).max().unwrap();
        match mode {
            // All came, and all were cut in time: the last row is of a moment when there were some.
            "H" | "B" => assert!(column(3) == ATTACKERS && column(1) > 0, "{mode}:\n{report}"),
            "R" => assert!(column(1) > 0, "{mode}:\n{report}"),
            // They read, and may go on.
            _ => assert!(column(3) == ATTACKERS && column(1) == 0, "{mode}:\n{report}"),
        }
    }
    assert_eq!(instance.get("/film.bin").status, 200);
}
