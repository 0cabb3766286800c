//! The way to a registry: TLS with certificates of one's own, proxies, plain HTTP.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use base64::Engine;
use galley::registry::{Client, Outgoing, Transport};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::control::Observed;
use crate::double::{Account, Fault, Registry};
use crate::image::{image, tree};
use crate::support::{Instance, Ran, TempSite, galley, wait};

/// Certificates and keys in a folder.
struct Authority {
    folder: TempSite,
}

impl Authority {
    /// `ca.pem`, and `cert.pem` with `key.pem`, which it has issued for these names.
    fn for_names(names: &[&str]) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, format!("CA of {names:?}"));
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(owned(names)).unwrap().signed_by(&key, &issuer).unwrap();
        let folder = TempSite::bare().file("ca.pem", pem("CERTIFICATE", issuer.as_ref().der()));
        folder.write("cert.pem", pem("CERTIFICATE", leaf.der()));
        folder.write("key.pem", pem("PRIVATE KEY", &key.serialize_der()));
        Self { folder }
    }

    /// `cert.pem` and `key.pem`: a CA of its own, as `openssl req -x509` makes them.
    fn own(names: &[&str]) -> Self {
        let mut params = CertificateParams::new(owned(names)).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        let folder = TempSite::bare().file("cert.pem", pem("CERTIFICATE", made.der()));
        folder.write("key.pem", pem("PRIVATE KEY", &key.serialize_der()));
        Self { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn registry(&self) -> Registry {
        Registry::start_tls(&self.file("cert.pem"), &self.file("key.pem"))
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn pem(label: &str, bytes: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

fn push(registry: &Registry, ca: Option<PathBuf>) {
    let reference = format!("{}/blog", registry.address).parse().unwrap();
    let client = Client::new(reference, Transport { ca, ..Transport::default() }).unwrap();
    wait(client.push(&Outgoing::of(&image(&tree("hello"), 1)), None)).unwrap();
}

/// Not known to be this machine, and it is: no network is needed for it.
fn elsewhere(registry: &Registry) -> String {
    format!("{}/blog", registry.address.replace("127.0.0.1", "0.0.0.0"))
}

#[test]
fn a_certificate_of_ones_own_has_to_be_named() {
    let authority = Authority::for_names(&["127.0.0.1", "0.0.0.0"]);
    let (registry, ca) = (authority.registry(), authority.file("ca.pem"));
    push(&registry, Some(ca.clone()));
    let reference = elsewhere(&registry);
    let serve = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = galley();
        command.args(["serve", &reference]).args(arguments).envs(variables.iter().copied());
        command
    };
    let untrusted = "shows a certificate that is not trusted: nobody that is trusted has issued it; \
                     if it is your own, name it or its CA by --registry-ca FILE";
    Ran::of(&mut serve(&[], &[])).says(1, untrusted);
    let other = Authority::for_names(&["0.0.0.0"]);
    Ran::of(&mut serve(&["--registry-ca", other.file("ca.pem").to_str().unwrap()], &[])).says(1, untrusted);
    for mut command in [
        serve(&["--registry-ca", ca.to_str().unwrap()], &[]),
        serve(&[], &[("GALLEY_REGISTRY_CA", ca.to_str().unwrap())]),
        serve(&[], &[("SSL_CERT_FILE", ca.to_str().unwrap())]),
    ] {
        assert_eq!(Instance::of(&mut command).get("/").text(), "<p>hello</p>");
    }
    // A variable that other programs need does not keep galley from its work.
    Ran::of(&mut serve(&[], &[("SSL_CERT_FILE", "/nonexistent")]))
        .says(1, "warning: SSL_CERT_FILE: /nonexistent: can't be");
    Ran::of(&mut serve(&["--registry-ca", "/nonexistent/ca.pem"], &[]))
        .says(1, "error: /nonexistent/ca.pem: can't be read: No such file");
    let key = authority.file("key.pem");
    let expected = "key.pem: there is no certificate in it; give certificates in PEM, with BEGIN CERTIFICATE";
    Ran::of(&mut serve(&["--registry-ca", key.to_str().unwrap()], &[])).says(1, expected);
}

/// As when the CA's certificate has run out: readers have what they had.
#[test]
fn a_registry_that_is_trusted_no_longer_takes_nothing_away() {
    let authority = Authority::for_names(&["127.0.0.1", "0.0.0.0"]);
    let (registry, ca) = (authority.registry(), authority.file("ca.pem"));
    push(&registry, Some(ca.clone()));
    let (reference, place) = (elsewhere(&registry), TempSite::bare());
    let follow = ["--follow", &reference, "--poll", "1h", "--state", place.str()];
    let trusting = Observed::begin(&[&follow[..], &["--registry-ca", ca.to_str().unwrap()]].concat()).serving();
    assert_eq!(trusting.get("/", &[]).text(), "<p>hello</p>");
    trusting.stop();
    let observed = Observed::begin(&follow).serving();
    let line = observed.hear("still serving what was there");
    assert!(line.contains("shows a certificate that is not trusted"), "{line}");
    assert_eq!(observed.get("/", &[]).text(), "<p>hello</p>");
    assert_eq!(observed.ask("/readyz").status, 200);
}

#[test]
fn what_begins_in_tls_does_not_go_on_without() {
    let authority = Authority::for_names(&["127.0.0.1"]);
    let (registry, ca) = (authority.registry(), authority.file("ca.pem"));
    push(&registry, Some(ca.clone()));
    let storage = registry.move_blobs_elsewhere();
    let reference = format!("{}/blog", registry.address);
    let arguments = ["serve", &reference, "--registry-ca", ca.to_str().unwrap()];
    Ran::of(galley().args(arguments)).says(1, "it sends us from HTTPS to plain HTTP");
    assert!(storage.requests().is_empty());
}

/// Credentials would travel in the clear.
#[test]
fn a_registry_in_tls_names_no_realm_without() {
    let authority = Authority::for_names(&["127.0.0.1"]);
    let (registry, ca) = (authority.registry(), authority.file("ca.pem"));
    push(&registry, Some(ca.clone()));
    registry.set_account(Account::default());
    registry.take_log();
    let mut command = galley();
    command.args(["serve", &format!("{}/blog", registry.address), "--registry-ca", ca.to_str().unwrap()]);
    command.env("GALLEY_REGISTRY_USER", "me").env("GALLEY_REGISTRY_PASSWORD", "hunter2");
    Ran::of(&mut command).says(1, "its realm is not HTTPS");
    assert!(!registry.take_log().iter().any(|line| line.contains("/token")));
}

/// distribution-spec, "Pushing a blob monolithically": the Location may be absolute, and lead anywhere.
#[test]
fn an_upload_goes_on_where_the_registry_says() {
    for host in ["http://127.0.0.1", "http://localhost"] {
        let registry = Registry::start().with_tokens(Account::default());
        registry.set_fault(Fault::Location(host));
        push(&registry, None);
        assert_eq!(registry.take_log().iter().filter(|line| line.starts_with("PUT /v2/blog/blobs/")).count(), 3);
    }
    // A proxy in front of the registry speaks TLS and does not say so: only its own name is meant so.
    let authority = Authority::for_names(&["127.0.0.1", "localhost"]);
    let (registry, ca) = (authority.registry(), authority.file("ca.pem"));
    registry.set_fault(Fault::Location("http://127.0.0.1"));
    push(&registry, Some(ca.clone()));
    registry.sweep();
    registry.set_fault(Fault::Location("http://localhost"));
    let reference = format!("{}/blog:other", registry.address).parse().unwrap();
    let client = Client::new(reference, Transport { ca: Some(ca), ..Transport::default() }).unwrap();
    let error = wait(client.push(&Outgoing::of(&image(&tree("hello"), 1)), None)).unwrap_err().to_string();
    assert!(error.contains("it sends us from HTTPS to plain HTTP"), "{error}");
}

#[test]
fn a_certificate_that_is_its_own_issuer_is_trusted_for_its_names() {
    let own = Authority::own(&["127.0.0.1"]);
    let registry = own.registry();
    push(&registry, Some(own.file("cert.pem")));
    let ca = own.file("cert.pem");
    let reference = elsewhere(&registry);
    let arguments = ["serve", &reference, "--registry-ca", ca.to_str().unwrap()];
    Ran::of(galley().args(arguments)).says(1, "certificate that is not trusted: certificate not valid for name");
}

#[test]
fn whoever_speaks_something_else_than_expected_is_understood() {
    let plain = Registry::start();
    push(&plain, None);
    let reference = elsewhere(&plain);
    let remedy = "does not answer in HTTPS; if it is one that you trust, allow plain HTTP by --registry-plain-http";
    Ran::of(galley().args(["serve", &reference])).says(1, remedy);
    let instance = Instance::start(&[&reference, "--registry-plain-http"]);
    assert_eq!(instance.get("/").text(), "<p>hello</p>");
}

#[test]
fn a_proxy_of_the_environment_is_used_but_not_for_this_machine() {
    // Registry and proxy in one: it sees what a proxy sees.
    let registry = Registry::start();
    push(&registry, None);
    let proxy = format!("http://{}", registry.address);
    let serve = |reference: &str, variables: &[(&str, &str)]| {
        let mut command = galley();
        command.args(["serve", reference, "--registry-plain-http"]).envs(variables.iter().copied());
        command
    };
    registry.take_log();
    let instance = Instance::of(&mut serve("registry.example/blog", &[("HTTP_PROXY", &proxy)]));
    assert_eq!(instance.get("/").text(), "<p>hello</p>");
    assert!(registry.take_log()[0].contains("/v2/blog/manifests/latest"));

    let dead = [("HTTP_PROXY", "http://127.0.0.1:1"), ("ALL_PROXY", "http://127.0.0.1:1")];
    let here = format!("{}/blog", registry.address);
    assert_eq!(Instance::of(&mut serve(&here, &dead)).get("/").text(), "<p>hello</p>");
    let there = elsewhere(&registry);
    Ran::of(&mut serve(&there, &dead)).says(1, "can't be reached: connection refused");
    let spared = [dead[0], ("NO_PROXY", "other.example,0.0.0.0")];
    assert_eq!(Instance::of(&mut serve(&there, &spared)).get("/").text(), "<p>hello</p>");
}

/// A proxy that connects everybody to `target`, and keeps what it was asked.
fn tunnel(target: &str, answer: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let (asked, target) = (Arc::new(Mutex::new(Vec::new())), target.to_owned());
    let heads = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            heads.lock().unwrap().push(String::from_utf8(head).unwrap());
            client.write_all(answer.as_bytes()).unwrap();
            if !answer.contains(" 200 ") {
                continue;
            }
            let server = TcpStream::connect(&target).unwrap();
            for (mut from, mut to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)] {
                std::thread::spawn(move || {
                    // Either end may go at any time.
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    (address, asked)
}

#[test]
fn tls_goes_through_a_proxy_unopened() {
    let authority = Authority::for_names(&["registry.example", "127.0.0.1"]);
    let (registry, ca) = (authority.registry(), authority.file("ca.pem"));
    push(&registry, Some(ca.clone()));
    let serve = |proxy: &str| {
        let mut command = galley();
        command.args(["serve", "registry.example/blog", "--registry-ca", ca.to_str().unwrap()]);
        command.env("HTTPS_PROXY", proxy);
        command
    };
    let (address, asked) = tunnel(&registry.address, "HTTP/1.1 200 OK\r\n\r\n");
    let instance = Instance::of(&mut serve(&format!("http://me:secret@{address}")));
    assert_eq!(instance.get("/").text(), "<p>hello</p>");
    let head = asked.lock().unwrap()[0].to_lowercase();
    assert!(head.starts_with("connect registry.example:443 http/1.1\r\n"), "{head}");
    assert!(head.contains("proxy-authorization: basic bwu6c2vjcmv0"), "{head}");

    let (address, _) = tunnel(&registry.address, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    let refused = "can't be reached: the proxy that HTTPS_PROXY or ALL_PROXY names does not play along: proxy auth";
    Ran::of(&mut serve(&format!("http://{address}"))).says(1, refused);
    Ran::of(&mut serve("http://127.0.0.1:1")).says(1, "does not play along: failed to create underlying connection");
}
