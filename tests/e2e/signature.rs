//! Signatures in cosign's form, found by a reader that somebody else wrote, and verified where it can.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use crate::parts::Registry;
use crate::support::{TempSite, run};

/// skopeo takes what the key signed, and refuses what it did not: podman and CRI-O have the same policies, and cosign 2 verifies by
/// the same library. Debian's skopeo is built without that library: it finds the signature, and stops there.
pub(crate) fn skopeo_finds() {
    let registry = Registry::start(None);
    let site = TempSite::new().file("content/a.md", "# A\n");
    let desk = TempSite::bare();
    let at = |name: &str| desk.path().join(name).display().to_string();
    for key in ["ours", "theirs"] {
        run(&["key", "new", &at(key)]).says(0, "wrote");
        let policy = policy(&registry.address, &at(&format!("{key}.pub")));
        desk.write(&format!("{key}.json"), policy.to_string());
    }
    let storage = format!("docker:\n  {}:\n    use-sigstore-attachments: true\n", registry.address);
    desk.write("registries.d/default.yaml", storage);

    let reference = format!("{}/me/blog", registry.address);
    let push = |more: &[&str]| run(&[&["package", site.str(), "--push", &reference], more].concat());
    let copy = |key: &str, to: &str| copy(desk.path(), &at(&format!("{key}.json")), &reference, &at(to));
    push(&["--sign", &at("ours")]).says(0, "release 1, ");
    let refused = copy("ours", "unsigned");
    assert!(!refused.status.success() && said(&refused).contains("no signature exists"), "{}", said(&refused));

    push(&["--sign", &at("ours"), "--cosign"]).says(0, "signed for cosign: 2 signatures");
    let taken = copy("ours", "signed");
    let found = said(&taken);
    if found.contains("sigstore disabled") {
        return;
    }
    assert!(taken.status.success(), "{found}");
    let refused = copy("theirs", "refused");
    assert!(!refused.status.success() && said(&refused).contains("rejected"), "{}", said(&refused));
}

fn policy(address: &str, key: &str) -> serde_json::Value {
    let signed = json!({"type": "sigstoreSigned", "keyPath": key, "signedIdentity": {"type": "matchRepository"}});
    json!({"default": [{"type": "reject"}], "transports": {"docker": {address: [signed]}}})
}

fn copy(desk: &Path, policy: &str, reference: &str, to: &str) -> Output {
    let mut command = Command::new("skopeo");
    command.args(["--policy", policy, "--registries.d"]).arg(desk.join("registries.d"));
    command.args(["copy", "--src-tls-verify=false", &format!("docker://{reference}:latest"), &format!("dir:{to}")]);
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
