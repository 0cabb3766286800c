//! The client against distribution's registry: who gets in, TLS, cut lines, a full disk.

mod lines;
mod tokens;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use galley::image::{Content, Format, Manifest, Origin, Package, Platform, Program, assemble, pack_program, pack_tree};
use galley::registry::{Client, Outgoing, Pushed, RegistryError, Transport};
use galley::snapshot::{ContentRoot, Digest, Entry, Tree, TreePath};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

use self::lines::Line;
use self::tokens::TokenServer;
use crate::parts::{Registry, machine};
use crate::support::{Instance, Ran, TempSite, galley, run, wait};

const SECRET: &str = "hunter2-secret";
/// bcrypt of the secret, the one form that distribution takes.
const HTPASSWD: &str = "me:$2b$05$abcdefghijklmnopqrstuuco6HW5qgMYWmvqwt2HG533btIvodevS\n";

fn client(address: &str, repository: &str) -> Client {
    Client::new(format!("{address}/{repository}").parse().unwrap(), Transport::default()).unwrap()
}

/// An image whose binary is `length` bytes that don't compress, and whose page says `text`.
fn image(length: u32, text: &str, sequence: u64) -> Package {
    // xorshift: what follows looks random, and is the same each time.
    let mut state = 1u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    };
    let bytes: Bytes = (0..length / 4).flat_map(|_| next()).collect::<Vec<_>>().into();
    let mut tree = Tree::new();
    let entry = Entry::new(Bytes::from(format!("<p>{text}</p>")), None);
    tree.insert(TreePath::new("index.html").unwrap(), entry).unwrap();
    let platform = Platform::of_this_program().unwrap();
    let programs = [Program { platform, layer: pack_program(&bytes).unwrap() }];
    let content = Content { layers: vec![pack_tree(&tree).unwrap()], root: ContentRoot::of(&tree), sequence };
    assemble(&programs, Some(&content), &Origin::default(), Format::Oci).unwrap()
}

async fn push(client: &Client, image: &Package, previous: Option<&Package>) -> Result<Pushed, RegistryError> {
    let manifest = previous.map(|image| serde_json::from_slice::<Manifest>(&image.images[0].manifest.bytes).unwrap());
    let outgoing = Outgoing::of(image).knowing(&manifest);
    client.push(&outgoing, previous.map(|image| image.index.descriptor.digest)).await
}

fn pem(label: &str, bytes: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// `cert.pem` and `key.pem` of a certificate for this machine that is its own CA, as `openssl req -x509` makes them.
pub(crate) fn own_certificate() -> TempSite {
    let mut params = CertificateParams::new(["127.0.0.1", "localhost"].map(str::to_owned)).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    let folder = TempSite::bare().file("cert.pem", pem("CERTIFICATE", made.der()));
    folder.file("key.pem", pem("PRIVATE KEY", &key.serialize_der()))
}

fn site() -> TempSite {
    TempSite::new().file("content/_index.md", "Hello.\n")
}

fn galley_with(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = galley();
    command.args(arguments).envs(variables.iter().copied());
    command
}

/// Fails if the run did not go well, or if it showed the secret.
#[track_caller]
fn goes_well(arguments: &[&str], variables: &[(&str, &str)]) {
    let ran = Ran::of(&mut galley_with(arguments, variables));
    assert_eq!(ran.code, 0, "{}", ran.errors);
    assert!(!ran.errors.contains(SECRET));
}

#[track_caller]
fn fails(arguments: &[&str], variables: &[(&str, &str)], expected: &str) {
    let ran = Ran::of(&mut galley_with(arguments, variables));
    ran.says(1, expected);
    assert!(!ran.errors.contains(SECRET), "{}", ran.errors);
}

pub(crate) fn htpasswd() {
    let files = TempSite::bare().file("htpasswd", HTPASSWD).file("password", format!("{SECRET}\n"));
    let at = |name: &str| files.path().join(name).display().to_string();
    let registry =
        Registry::with(&format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", at("htpasswd")), "", None);
    let (reference, site) = (format!("{}/me/blog", registry.address), site());
    let package = ["package", site.str(), "--push", &reference];
    fails(&package, &[], "refuses access to me/blog with no credentials; set GALLEY_REGISTRY_USER");
    let wrong = [("GALLEY_REGISTRY_USER", "me"), ("GALLEY_REGISTRY_PASSWORD", "wrong")];
    fails(
        &package,
        &wrong,
        "refuses access to me/blog with GALLEY_REGISTRY_USER and GALLEY_REGISTRY_PASSWORD: unauthorized",
    );
    let file = at("password");
    goes_well(&package, &[("GALLEY_REGISTRY_USER", "me"), ("GALLEY_REGISTRY_PASSWORD_FILE", &file)]);
    let right = [("GALLEY_REGISTRY_USER", "me"), ("GALLEY_REGISTRY_PASSWORD", SECRET)];
    let instance = Instance::of(&mut galley_with(&["serve", &reference], &right));
    assert!(instance.get("/").text().contains("Hello."));
}

pub(crate) fn tokens() {
    let server = TokenServer::start(SECRET);
    let files = TempSite::bare().file("root.pem", server.certificate());
    let settings = format!(
        "auth: {{token: {{realm: \"http://{}/token\", service: test, issuer: {}, rootcertbundle: {}}}}}\n",
        server.address,
        tokens::ISSUER,
        files.path().join("root.pem").display()
    );
    let registry = Registry::with(&settings, "", None);
    let (reference, site) = (format!("{}/me/blog", registry.address), site());
    let package = ["package", site.str(), "--push", &reference];
    let with = |user| [("GALLEY_REGISTRY_USER", user), ("GALLEY_REGISTRY_PASSWORD", SECRET)];
    fails(&package, &[], "refuses access to me/blog with no credentials; set GALLEY_REGISTRY_USER");
    fails(
        &package,
        &[("GALLEY_REGISTRY_USER", "me"), ("GALLEY_REGISTRY_PASSWORD", "no")],
        "refuses access to me/blog with",
    );
    fails(&package, &with("reader"), "does not let GALLEY_REGISTRY_USER and GALLEY_REGISTRY_PASSWORD push to me/blog");
    server.take_scopes();
    goes_well(&package, &with("me"));
    // Some way through a push, all that it needs is in one token.
    assert_eq!(server.take_scopes(), ["repository:me/blog:pull,push"]);
    let instance = Instance::of(&mut galley_with(&["serve", &reference], &with("reader")));
    assert!(instance.get("/").text().contains("Hello."));
    assert_eq!(server.take_scopes(), ["repository:me/blog:pull"]);
    let identity = format!(r#"{{"auths":{{"{}":{{"identitytoken":"{SECRET}"}}}}}}"#, registry.address);
    let docker = TempSite::bare().file("config.json", identity);
    let instance = Instance::of(&mut galley_with(&["serve", &reference], &[("DOCKER_CONFIG", docker.str())]));
    assert!(instance.get("/").text().contains("Hello."));
}

pub(crate) fn tls() {
    let files = own_certificate();
    let at = |name: &str| files.path().join(name).display().to_string();
    let http = format!("  tls: {{certificate: {}, key: {}}}\n", at("cert.pem"), at("key.pem"));
    let registry = Registry::with("", &http, None);
    let (reference, site, ca) = (format!("{}/me/blog", registry.address), site(), at("cert.pem"));
    let package = ["package", site.str(), "--push", &reference];
    fails(&package, &[], "answers in HTTPS only; name its certificate, or its CA, by --registry-ca FILE");
    let other = own_certificate();
    let other = other.path().join("cert.pem").display().to_string();
    fails(
        &package,
        &[("GALLEY_REGISTRY_CA", &other)],
        "shows a certificate that is not trusted: nobody that is trusted",
    );
    goes_well(&[&package[..], &["--registry-ca", &ca]].concat(), &[]);
    let instance = Instance::start(&[&reference, "--registry-ca", &ca]);
    assert!(instance.get("/").text().contains("Hello."));
}

/// Real registries answer ranges, and forget nothing of what a cut upload left behind.
pub(crate) fn cut() {
    let registry = Registry::start(None);
    let image = image(4_000_000, "hello", 1);
    let layer = &image.images[0].layers[0];
    let line = Line::to(&registry.address);
    let client = client(&line.address, "blog");
    wait(async {
        line.cut_after(2_000_000);
        push(&client, &image, None).await.unwrap();
        assert_eq!(line.cuts_left(), 0, "the upload was not cut");
        line.cut_after(1_500_000);
        assert_eq!(client.blob(&layer.descriptor).await.unwrap().bytes, layer.packed().unwrap());
        assert_eq!(line.cuts_left(), 0, "the download was not cut");
    });
    // What had come before the cut was not asked for again.
    let sent = line.sent_back();
    assert!(sent < layer.descriptor.size + 1_000_000, "{sent} bytes for {}", layer.descriptor.size);
}

pub(crate) fn mounted() {
    let registry = Registry::start(None);
    let image = image(1_000_000, "hello", 1);
    wait(async {
        push(&client(&registry.address, "me/base"), &image, None).await.unwrap();
        let base = format!("{}/me/base", registry.address).parse().unwrap();
        let pushed = push(&client(&registry.address, "me/blog").mounting_from(&base), &image, None).await.unwrap();
        assert_eq!((pushed.mounted, pushed.bytes), (3, metadata(&image)));
        // Where there is nothing to mount, it is sent.
        let nothing = format!("{}/me/nothing", registry.address).parse().unwrap();
        let client = client(&registry.address, "me/other").mounting_from(&nothing);
        assert_eq!(push(&client, &image, None).await.unwrap().mounted, 0);
        client.blob(&image.images[0].layers[0].descriptor).await.unwrap();
    });
    // So `package` does with the programs of a base.
    let (site, at) = (TempSite::new(), |repository: &str| format!("{}/me/{repository}", registry.address));
    run(&["package", "--no-site", "--push", &at("galley")]).says(0, "pushed ");
    run(&["package", site.str(), "--base", &at("galley"), "--push", &at("cli")]).says(0, "pushed ");
    let log = registry.log();
    let is_mount = |line: &&str| line.contains("/v2/me/cli/blobs/uploads/?mount=") && line.contains("from=me");
    assert!(log.lines().filter(is_mount).any(|line| line.contains(" 201 ")), "{log}");
}

fn metadata(image: &Package) -> u64 {
    image.images[0].manifest.descriptor.size + image.index.descriptor.size
}

pub(crate) fn warm() {
    const EDITS: u64 = 20;
    let _all_of_it = machine();
    let registry = Registry::start(None);
    let first = image(1_000_000, "edition 0", 1);
    let images: Vec<Package> =
        (1..=EDITS).map(|edition| image(1_000_000, &format!("edition {edition}"), edition + 1)).collect();
    let mut waits = Vec::new();
    let mut previous = &first;
    wait(push(&client(&registry.address, "blog"), &first, None)).unwrap();
    for image in &images {
        // A client of its own, as each run of the program has one, and the look at what is there.
        let started = Instant::now();
        wait(async {
            let client = client(&registry.address, "blog").for_push();
            let found = client.index().await.unwrap();
            client.manifest(&found.index, image.images[0].platform).await.unwrap();
            push(&client, image, Some(previous)).await.unwrap();
        });
        waits.push(started.elapsed());
        previous = image;
    }
    waits.sort();
    let (median, longest) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    eprintln!("{EDITS} pushes of an edit: {median:.1?} (median), {longest:.1?} (longest)");
    // A quiet machine takes a twentieth of it; what this finds are waits.
    assert!(median < Duration::from_millis(500), "{median:?}");
}

/// A file system of two megabytes.
struct Disk(tempfile::TempDir);

impl Disk {
    fn small() -> Self {
        let disk = Self(tempfile::tempdir().unwrap());
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(disk.path()).status();
        assert!(mounted.unwrap().success());
        disk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the registry may still be on its way out.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

pub(crate) fn full() {
    let disk = Disk::small();
    let registry = Registry::with("", "", Some(&disk.path().join("data")));
    let client = client(&registry.address, "blog");
    wait(async {
        let small = image(100_000, "hello", 1);
        push(&client, &small, None).await.unwrap();
        let error = push(&client, &image(4_000_000, "more", 2), Some(&small)).await.unwrap_err();
        assert!(matches!(error, RegistryError::Full { .. }), "{error}");
        eprintln!("{error}");
        assert_eq!(client.index().await.unwrap().digest, small.index.descriptor.digest);
    });
    let site = site();
    let reference = format!("{}/blog", registry.address);
    run(&["package", site.str(), "--push", &reference]).says(1, "is full: it answers");
    let _: Digest = wait(client.index()).unwrap().digest;
}
