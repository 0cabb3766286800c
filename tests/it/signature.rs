//! Signed releases: what is signed, and what an instance that verifies lets in.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use galley::image::{
    COSIGN_SIGNATURE, CosignImage, Index, Package, SIGNATURE, Signature, SigningKey, VerifyingKey, read_layout,
    statement,
};
use galley::registry::{Client, Transport};
use galley::snapshot::Digest;

use crate::double::Registry;
use crate::follow::push;
use crate::image::{image, tree};
use crate::package::{Workshop, announced};
use crate::support::{Instance, PATIENCE, Ran, TempSite, run, wait};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A folder with keys that `galley key new` made.
pub(crate) struct Keys(TempSite);

impl Keys {
    pub(crate) fn new(names: &[&str]) -> Self {
        let keys = Self(TempSite::bare());
        names.iter().for_each(|name| run(&["key", "new", &keys.private(name)]).says(0, "the private key: keep it"));
        keys
    }

    pub(crate) fn private(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    pub(crate) fn public(&self, name: &str) -> String {
        format!("{}.pub", self.private(name))
    }

    fn signing(&self, name: &str) -> SigningKey {
        SigningKey::from_pem(&fs::read_to_string(self.private(name)).unwrap()).unwrap()
    }
}

/// A release with that text on its page.
fn signed(text: &str, sequence: u64, repository: &str, key: &SigningKey) -> Package {
    let mut package = image(&tree(text), sequence);
    package.sign(repository, key).unwrap();
    package
}

fn index(package: &Package) -> Index {
    serde_json::from_slice(&package.index.bytes).unwrap()
}

fn client(reference: &str) -> Client {
    Client::new(reference.parse().unwrap(), Transport::default()).unwrap()
}

/// Waits until the tag was looked at twice from now on, and gives what was asked meanwhile: the first look has come to its end
/// when the second one begins.
fn two_looks(registry: &Registry) -> Vec<String> {
    registry.take_log();
    let (started, mut log) = (Instant::now(), Vec::new());
    while log.iter().filter(|line| *line == "HEAD /v2/blog/manifests/latest").count() < 2 {
        assert!(started.elapsed() < PATIENCE, "nobody looked: {log:?}");
        std::thread::sleep(Duration::from_millis(5));
        log.extend(registry.take_log());
    }
    log
}

/// `openssl` with these arguments; `None` if it is not there, which is a failure where all parts have to be.
fn openssl(arguments: &[&str], input: &[u8]) -> Option<Ran> {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        assert!(std::env::var("GALLEY_TEST_ALL").is_err(), "needs openssl");
        return None;
    };
    // One that does not read its input knows the answer without.
    let _ = child.stdin.take().unwrap().write_all(input);
    Some(child.wait_with_output().unwrap().into())
}

/// Whether OpenSSL finds that the key in the file `public` signed `message`.
fn openssl_verifies(public: &str, message: &[u8], signature: &Signature) -> Option<bool> {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path: PathBuf = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let (message, signature) = (file("message", message), file("signature", signature.bytes()));
    let arguments =
        ["pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", &message, "-sigfile", &signature];
    Some(openssl(&arguments, b"")?.code == 0)
}

#[test]
fn an_instance_that_verifies_takes_what_is_signed_for_it_and_nothing_else() {
    let (keys, registry) = (Keys::new(&["ours", "next", "theirs"]), Registry::start());
    let ours = keys.signing("ours");
    let first = signed("one", 1, "blog", &ours);
    push(&registry, &first, None);
    let reference = format!("{}/blog", registry.address);
    let (own, next) = (keys.public("ours"), keys.public("next"));
    let instance =
        Instance::start(&["--follow", &reference, "--verify", &own, "--verify", &next, "--poll", "1s", "-v"]);
    assert!(instance.get("/").text().contains("one"));

    // All of it is there, and the tag is all that whoever may push has to write.
    let second = signed("two", 2, "blog", &ours);
    push(&registry, &second, Some(first.index.descriptor.digest));
    instance.wait_for("/", "two");
    let forged = |change: &dyn Fn(&mut Index)| {
        let mut index = index(&signed("three", 3, "blog", &ours));
        change(&mut index);
        serde_json::to_vec(&index).unwrap()
    };
    let annotation = |name: &'static str, value: String| {
        move |index: &mut Index| drop(index.annotations.insert(name.to_owned(), value.clone()))
    };
    let signature_of_second = index(&second).annotations[SIGNATURE].clone();
    for (what, bytes) in [
        ("unsigned", forged(&|index| drop(index.annotations.remove(SIGNATURE)))),
        ("no signature at all", forged(&annotation(SIGNATURE, "c2ln".to_owned()))),
        ("another key", forged(&|index| index.sign("blog", &keys.signing("theirs")))),
        ("another repository", forged(&|index| index.sign("blog-of-others", &ours))),
        ("another manifest", forged(&|index| index.manifests[0].digest = Digest::of(b"a program of mine"))),
        ("a manifest more", forged(&|index| index.manifests.push(index.manifests[0].clone()))),
        ("another content", forged(&annotation("dev.galley.content-root", Digest::of(b"lie").to_string()))),
        ("another number", forged(&annotation("dev.galley.sequence", "4".to_owned()))),
        ("the signature of another release", forged(&annotation(SIGNATURE, signature_of_second))),
        ("an old release with a new number", {
            let mut old = index(&first);
            old.annotations.insert("dev.galley.sequence".to_owned(), "9".to_owned());
            serde_json::to_vec(&old).unwrap()
        }),
    ] {
        registry.put_manifest("blog/latest", INDEX, &bytes);
        let log = two_looks(&registry);
        let more: Vec<_> = log.iter().filter(|line| !line.ends_with("/v2/blog/manifests/latest")).collect();
        assert!(more.is_empty(), "{what}: more than the index was pulled: {more:?}");
        assert!(instance.get("/").text().contains("two"), "{what}");
    }
    // What is signed by the second key is taken: keys can be replaced.
    registry.put_manifest("blog/latest", INDEX, &second.index.bytes);
    push(&registry, &signed("three", 3, "blog", &keys.signing("next")), Some(second.index.descriptor.digest));
    instance.wait_for("/", "three");
    let said = instance.stop();
    for part in [
        "is refused: it has no signature; make it with `galley package --sign KEY`; still serving what was there",
        "is refused: its signature is none",
        "is refused: its signature does not hold as release 3 of blog: it is not by any of the 2 keys that are trusted",
        "does not hold as release 4 of blog",
        "does not hold as release 9 of blog",
    ] {
        assert!(said.contains(part), "not said: {part}\nbut:\n{said}");
    }
}

#[test]
fn with_the_policy_warn_it_is_said_and_served() {
    let (keys, registry) = (Keys::new(&["ours"]), Registry::start());
    push(&registry, &image(&tree("one"), 1), None);
    let reference = format!("{}/blog", registry.address);
    let variables = [("GALLEY_VERIFY", keys.public("ours")), ("GALLEY_POLICY", "warn".to_owned())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let instance = Instance::with(&["--follow", &reference, "--poll", "1s"], &variables);
    assert!(instance.get("/").text().contains("one"));
    let theirs = signed("two", 2, "elsewhere", &keys.signing("ours"));
    push(&registry, &theirs, Some(image(&tree("one"), 1).index.descriptor.digest));
    instance.wait_for("/", "two");
    let said = instance.stop();
    assert!(said.contains("warning: ") && said.contains("it has no signature"), "{said}");
    assert!(said.contains("does not hold as release 2 of blog: it is not by the key that is trusted"), "{said}");
    assert!(said.contains("it is let pass, as --policy warn says"), "{said}");
}

#[test]
fn nothing_unsigned_is_begun_with() {
    let (keys, registry) = (Keys::new(&["ours", "theirs"]), Registry::start());
    push(&registry, &image(&tree("one"), 1), None);
    let reference = format!("{}/blog:latest", registry.address);
    let (own, theirs) = (keys.public("ours"), keys.public("theirs"));
    for source in [&["serve", &reference][..], &["serve", "--follow", &reference]] {
        let ran = run(&[source, &["--verify", &own]].concat());
        ran.says(1, &format!("{reference} (sha256:"));
        ran.says(1, ") is refused: it has no signature");
    }
    let unsigned = image(&tree("one"), 1).index.descriptor.digest;
    push(&registry, &signed("one", 1, "blog", &keys.signing("ours")), Some(unsigned));
    run(&["serve", &reference, "--verify", &theirs]).says(1, "does not hold as release 1 of blog");
    assert_eq!(Instance::start(&[&reference, "--verify", &own]).get("/").text(), "<p>one</p>");
}

#[test]
fn a_folder_is_verified_for_what_it_was_signed_for() {
    let (keys, workshop, registry) = (Keys::new(&["ours", "theirs"]), Workshop::new(), Registry::start());
    let (key, own, theirs) = (keys.private("ours"), keys.public("ours"), keys.public("theirs"));
    let reference = format!("{}/blog", registry.address);
    let folder = |name: &str| workshop.at(name).display().to_string();
    let source = |name: &str| format!("oci:{}", folder(name));
    workshop.package(&["--oci", &folder("unsigned")]);
    workshop.package(&["--oci", &folder("signed"), "--sign", &key]);
    workshop.package(&["--oci", &folder("again"), "--sign", &key]);
    workshop.package(&["--push", &reference, "--oci", &folder("copy"), "--sign", &key]);
    // The same key gives the same bytes.
    let digest = |name: &str| read_layout(&workshop.at(name)).unwrap().digest;
    assert_eq!(digest("signed"), digest("again"));
    assert_ne!(digest("signed"), digest("unsigned"));

    assert_eq!(Instance::start(&[&source("signed"), "--verify", &own]).get("/").status, 200);
    run(&["serve", &source("unsigned"), "--verify", &own]).says(1, "is refused: it has no signature");
    run(&["serve", &source("signed"), "--verify", &theirs]).says(1, "does not hold as release 1 of no repository");
    let ran = run(&["serve", &source("copy"), "--verify", &own]);
    ran.says(1, "if it was signed for a repository, name that by --follow");
    let followed = Instance::start(&[&source("copy"), "--follow", &reference, "--verify", &own]);
    assert_eq!(followed.get("/").status, 200);
}

#[test]
fn a_signature_is_added_without_a_layer_being_moved() {
    let (keys, workshop, registry) = (Keys::new(&["ours", "next"]), Workshop::new(), Registry::start());
    let reference = format!("{}/blog", registry.address);
    let push = |more: &[&str]| workshop.package(&[&["--push", &reference], more].concat());
    let own = [keys.private("ours"), keys.private("next")];
    let tag = || wait(client(&reference).index()).unwrap();
    push(&[]).says(0, "release 1, ");
    let unsigned = tag();
    for (key, public) in own.iter().zip(["ours", "next"]) {
        registry.take_log();
        push(&["--sign", key]).says(0, "release 1, ");
        let uploads = registry.take_log().iter().filter(|line| line.starts_with("POST")).count();
        assert_eq!(uploads, 0);
        let signed = tag();
        assert_eq!(signed.index.manifests, unsigned.index.manifests);
        assert_ne!(signed.digest, unsigned.digest);
        assert!(signed.index.signed_by("blog", &[keys.signing(public).verifying_key()]).is_ok());
    }
    // By the same key, or by none, there is nothing to do.
    for more in [&["--sign", &own[1]][..], &[]] {
        registry.take_log();
        push(more).says(0, "is that already: nothing was moved");
        let log = registry.take_log();
        assert!(!log.iter().any(|line| line.starts_with("PUT") || line.starts_with("POST")), "{log:?}");
    }
    workshop.edit("signed");
    push(&["--sign", &own[0]]).says(0, "release 2, ");
    assert_eq!(tag().index.sequence(), 2);
    assert!(tag().index.signed_by("blog", &[keys.signing("ours").verifying_key()]).is_ok());
}

/// The figure that the README gives for an edit holds with a signature in it.
#[test]
fn a_signature_costs_little_at_each_edit() {
    let (keys, workshop) = (Keys::new(&["ours"]), Workshop::new());
    let key = keys.private("ours");
    let package = |name: &str, more: &[&str]| {
        let folder = workshop.at(name).display().to_string();
        workshop.package(&[&["--oci", &folder], more].concat())
    };
    let length = |name: &str| {
        let folder = workshop.at(name);
        fs::metadata(folder.join("blobs/sha256").join(read_layout(&folder).unwrap().digest.hex())).unwrap().len()
    };
    for (name, more) in [("unsigned", &[][..]), ("signed", &["--sign", &key])] {
        package(name, more);
    }
    workshop.edit("another word");
    package("unsigned", &[]);
    let announced = announced(&package("signed", &["--sign", &key]));
    let more = length("signed") - length("unsigned");
    println!("an edit for three platforms: {announced} bytes, {more} of them the signature");
    assert!(announced < 12_000.0 && more < 120, "{announced}, {more}");
}

#[test]
fn cosign_finds_its_signature_under_its_tag() {
    let (keys, workshop, registry) = (Keys::new(&["ours", "theirs"]), Workshop::new(), Registry::start());
    let (reference, key) = (format!("{}/blog", registry.address), keys.private("ours"));
    let push = |more: &[&str]| workshop.package(&[&["--push", &reference, "--sign", &key], more].concat());
    push(&[]);
    let digest = wait(client(&reference).index()).unwrap().digest;
    assert_eq!(wait(client(&reference).cosign_signatures(digest)).unwrap(), None);
    let ran = push(&["--cosign"]);
    ran.says(0, "is that already: nothing was moved");
    ran.says(0, "signed for cosign: 4 signatures, 3.8 KB");
    let found = wait(client(&reference).cosign_signatures(digest)).unwrap().unwrap();
    let [layer] = &found.layers[..] else { panic!("{found:?}") };
    let payload = wait(client(&reference).blob(layer)).unwrap().bytes;
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims["critical"]["image"]["docker-manifest-digest"], digest.to_string());
    assert_eq!(claims["critical"]["identity"]["docker-reference"], reference.as_str());
    assert_eq!(claims["critical"]["type"], "cosign container image signature");
    let signature: Signature = layer.annotations[COSIGN_SIGNATURE].parse().unwrap();
    assert!(keys.signing("ours").verifying_key().verifies(&payload, &signature));
    if let Some(verified) = openssl_verifies(&keys.public("ours"), &payload, &signature) {
        assert!(verified);
        assert_eq!(openssl_verifies(&keys.public("theirs"), &payload, &signature), Some(false));
    }
    // podman and skopeo ask for one of the platform's manifest.
    for manifest in wait(client(&reference).index()).unwrap().index.manifests {
        assert!(wait(client(&reference).has_cosign_signature(manifest.digest)).unwrap());
    }
    // Once is enough, and what others signed stays.
    registry.take_log();
    push(&["--cosign"]);
    assert!(!registry.take_log().iter().any(|line| line.starts_with("PUT")));
    let theirs = CosignImage::signing(&reference, digest, &keys.signing("theirs"), None).unwrap().unwrap();
    wait(client(&reference).push_cosign_signatures(digest, &theirs)).unwrap();
    push(&["--cosign"]).says(0, "signed for cosign: 1 signature, ");
    assert_eq!(wait(client(&reference).cosign_signatures(digest)).unwrap().unwrap().layers.len(), 2);
    // It is there before the tag is.
    workshop.edit("next");
    registry.take_log();
    push(&["--cosign"]);
    let puts: Vec<_> = registry.take_log().into_iter().filter(|line| line.starts_with("PUT /v2/blog/manif")).collect();
    assert!(puts[..4].iter().all(|line| line.ends_with(".sig")), "{puts:?}");
    assert!(puts.last().is_some_and(|line| line.ends_with("/latest")), "{puts:?}");
    let ran = run(&["inspect", &reference]);
    assert!(ran.output.contains("galley's, in the index (not checked); cosign's, under its tag"), "{}", ran.output);
}

#[test]
fn openssl_reads_the_keys_and_verifies_what_they_sign() {
    let keys = Keys::new(&["ours"]);
    let Some(read) = openssl(&["pkey", "-in", &keys.private("ours"), "-pubout"], b"") else { return };
    assert_eq!(read.output, fs::read_to_string(keys.public("ours")).unwrap(), "{}", read.errors);
    let index = index(&signed("one", 1, "blog", &keys.signing("ours")));
    let signature: Signature = index.annotations[SIGNATURE].parse().unwrap();
    let verifies =
        |repository: &str| openssl_verifies(&keys.public("ours"), &statement(repository, &index), &signature);
    assert_eq!((verifies("blog"), verifies("other")), (Some(true), Some(false)));
    // And the other way round: a key of OpenSSL's signs.
    let made = keys.private("openssl");
    assert_eq!(openssl(&["genpkey", "-algorithm", "ed25519", "-out", &made], b"").unwrap().code, 0);
    let shown = run(&["key", "show", &made]);
    let public = openssl(&["pkey", "-in", &made, "-pubout"], b"").unwrap().output;
    assert!(shown.output.starts_with("sha256:") && shown.output.ends_with(&public), "{}", shown.output);
    // What `key show` prints is a public key's file, for galley and for OpenSSL.
    assert_eq!(VerifyingKey::all_from_pem(&shown.output).unwrap(), [keys.signing("openssl").verifying_key()]);
    assert_eq!(openssl(&["pkey", "-pubin"], shown.output.as_bytes()).unwrap().output, public);
}

#[test]
fn inspect_says_whether_the_signature_is_good() {
    let (keys, registry) = (Keys::new(&["ours", "theirs"]), Registry::start());
    push(&registry, &signed("one", 1, "blog", &keys.signing("ours")), None);
    let reference = format!("{}/blog", registry.address);
    let inspect = |name: &str| run(&["inspect", &reference, "--verify", &keys.public(name)]);
    let fingerprint = keys.signing("ours").verifying_key().fingerprint();
    let good = inspect("ours");
    assert_eq!(good.code, 0, "{}", good.errors);
    let row = format!("signatures   galley's, in the index (good, by {})\n", fingerprint.short());
    assert!(good.output.contains(&row), "{}", good.output);
    let bad = inspect("theirs");
    bad.says(1, "1 fault");
    assert!(bad.output.contains("galley's, in the index (not good)"), "{}", bad.output);
    assert!(bad.output.contains("fault        its signature does not hold as release 1 of blog"), "{}", bad.output);
    let ran = run(&["inspect", &reference, "--json", "--verify", &keys.public("ours")]);
    let found: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    let found = &found["images"][0];
    assert_eq!((&found["signed"], &found["verified"]), (&true.into(), &true.into()));
    assert_eq!(found["signed_by"], fingerprint.to_string());
    let bare = tempfile::tempdir().unwrap();
    galley::image::write_layout(bare.path(), &image(&tree("one"), 1)).unwrap();
    let source = format!("oci:{}", bare.path().display());
    run(&["inspect", &source, "--verify", &keys.public("ours")]).says(1, "1 fault");
}

#[test]
fn what_can_not_be_done_is_said_before_anything_is() {
    let (keys, workshop) = (Keys::new(&["ours"]), Workshop::new());
    let (key, folder) = (keys.private("ours"), workshop.at("image").display().to_string());
    let package = |more: &[&str]| workshop.package(&[&["--oci", &folder], more].concat());
    package(&["--sign", &key, "--format", "docker"]).says(1, "has no place for a signature; leave out --format docker");
    package(&["--sign", &key, "--cosign"]).says(1, "cosign's signatures lie in a registry");
    package(&["--cosign"]).says(1, "--cosign signs with a key; name it by --sign KEY");
    package(&["--sign", &keys.public("ours")]).says(1, "is a public key; to sign, name the private one");
    package(&["--sign", "no-such-key"]).says(1, "no-such-key: No such file");
    assert!(!workshop.at("image").exists());
    run(&["key", "new", &key]).says(1, "is there already, and a key is never written over");
    run(&["serve", "oci:x", "--policy", "warn"]).says(2, "--verify <KEY>");
    run(&["serve", "oci:x", "--verify", &key]).says(1, "is a private key, which only whoever signs may have");
    run(&["serve", "oci:x", "--verify", &keys.public("ours"), "--policy", "off"]).says(2, "there are enforce and warn");
    let text = fs::read_to_string(&key).unwrap();
    let secret = text.lines().nth(1).unwrap();
    for arguments in [&["key", "show", &key][..], &["serve", "oci:x", "--verify", &key]] {
        let ran = run(arguments);
        assert!(!ran.output.contains(secret) && !ran.errors.contains(secret));
    }
}

/// The key may stand in galley.toml, with the place to push to.
#[test]
fn the_key_may_stand_in_the_sites_file() {
    let (keys, workshop, registry) = (Keys::new(&["ours"]), Workshop::new(), Registry::start());
    let reference = format!("{}/blog", registry.address);
    let table = format!("title = \"Test\"\n[package]\npush = \"{reference}\"\nsign = \"{}\"\n", keys.private("ours"));
    workshop.site.write("galley.toml", table);
    workshop.package(&[]).says(0, "release 1, ");
    let found = wait(client(&reference).index()).unwrap();
    assert!(found.index.signed_by("blog", &[keys.signing("ours").verifying_key()]).is_ok());
}
