//! What is signed, byte for byte, and what no signature holds for.

use proptest::prelude::*;

use super::*;
use crate::image::manifest::{CONTENT_ROOT, Descriptor, INDEX_TYPES, MANIFEST_TYPES, Manifest, SEQUENCE};
use crate::image::platform::Platform;
use crate::snapshot::Digest;

/// The key of RFC 8032 section 7.1, test 1, as OpenSSL writes it.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
    -----END PUBLIC KEY-----\n";

fn key() -> SigningKey {
    SigningKey::from_pem(KEY).unwrap()
}

fn other_key() -> SigningKey {
    SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap()
}

/// The public key with one bit of the key itself changed, by way of its file.
fn with_flipped_bit(at: usize, bit: u32) -> VerifyingKey {
    let text: String = PUBLIC.lines().filter(|line| !line.starts_with('-')).collect();
    let mut der = STANDARD.decode(text).unwrap();
    let first = der.len() - 32;
    der[first + at] ^= 1 << bit;
    let text = STANDARD.encode(der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
    VerifyingKey::all_from_pem(&pem).unwrap()[0]
}

fn index() -> Index {
    let manifest = |platform: Platform| {
        let mut descriptor = Descriptor::of(MANIFEST_TYPES[0], platform.folder().as_bytes());
        descriptor.platform = Some(platform.fields());
        descriptor
    };
    let annotations = [(CONTENT_ROOT, Digest::of(b"content").to_string()), (SEQUENCE, "42".to_owned())];
    Index {
        schema_version: 2,
        media_type: INDEX_TYPES[0].to_owned(),
        manifests: Platform::ALL.map(manifest).into(),
        annotations: annotations.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}

fn signed() -> Index {
    let mut index = index();
    index.sign("me/blog", &key());
    index
}

fn is_good(index: &Index, repository: &str) -> bool {
    index.signed_by(repository, &[key().verifying_key()]).is_ok()
}

/// Signatures outlive the program that made them: a change here makes all of them worthless.
#[test]
fn what_is_signed_is_golden() {
    let expected = concat!(
        r#"{"content_root":"sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73","manifests":["#,
        r#"{"digest":"DIGEST0","platform":{"architecture":"amd64","os":"linux"}},"#,
        r#"{"digest":"DIGEST1","platform":{"architecture":"arm64","os":"linux","variant":"v8"}},"#,
        r#"{"digest":"DIGEST2","platform":{"architecture":"arm","os":"linux","variant":"v7"}}],"#,
        r#""repository":"me/blog","sequence":42}"#
    );
    let digests = Platform::ALL.map(|platform| Digest::of(platform.folder().as_bytes()).to_string());
    let expected = (0..3).fold(expected.to_owned(), |text, at| text.replace(&format!("DIGEST{at}"), &digests[at]));
    assert_eq!(String::from_utf8(statement("me/blog", &index())).unwrap(), expected);
    let signature = &signed().annotations[SIGNATURE];
    assert_eq!(signature, "Ngmtk8j5PP2oCaKUF+vz/NYeOVSVSUr5U7gltlUPBSg63Dle9wqsaymtdo1Y5yILe/rVh8xvmTgEWUCif3DPCg==");
    let bare = Index { annotations: Default::default(), manifests: Vec::new(), ..index() };
    let expected = r#"{"content_root":null,"manifests":[],"repository":"a\"b","sequence":0}"#;
    assert_eq!(String::from_utf8(statement("a\"b", &bare)).unwrap(), expected);
}

/// RFC 8032 section 7.1, tests 1 and 2.
#[test]
fn keys_and_signatures_are_those_of_the_standard() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let signature = key().sign(b"");
    assert_eq!(
        hex(signature.bytes()),
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    );
    assert_eq!(key().verifying_key().pem(), PUBLIC);
    assert_eq!(VerifyingKey::all_from_pem(PUBLIC), Ok(vec![key().verifying_key()]));
    assert_eq!(signature.to_string().parse::<Signature>().unwrap(), signature);
}

#[test]
fn a_signature_holds_for_one_repository_one_number_and_one_content() {
    assert!(is_good(&signed(), "me/blog"));
    for other in ["", "me/blog2", "me", "blog", "registry.example/me/blog"] {
        assert!(!is_good(&signed(), other), "{other}");
    }
    let changes: [fn(&mut Index); 8] = [
        |index| drop(index.annotations.insert(SEQUENCE.to_owned(), "43".to_owned())),
        |index| drop(index.annotations.remove(SEQUENCE)),
        |index| drop(index.annotations.insert(CONTENT_ROOT.to_owned(), Digest::of(b"other").to_string())),
        |index| drop(index.annotations.remove(CONTENT_ROOT)),
        |index| index.manifests[0].digest = Digest::of(b"another program"),
        |index| index.manifests.swap(0, 1),
        |index| drop(index.manifests.pop()),
        |index| index.manifests[0].platform = Some(Platform::Arm64.fields()),
    ];
    for (at, change) in changes.iter().enumerate() {
        let mut index = signed();
        change(&mut index);
        let broken = index.signed_by("me/blog", &[key().verifying_key()]).unwrap_err();
        assert!(matches!(broken, SignatureError::Broken { .. }), "change {at}");
    }
}

/// What `--monotonic` stands on: who may push can't give an old release a new number.
#[test]
fn an_old_signature_does_not_vouch_for_a_newer_number() {
    let mut old = index();
    old.annotations.insert(SEQUENCE.to_owned(), "41".to_owned());
    old.sign("me/blog", &key());
    assert!(is_good(&old, "me/blog"));
    old.annotations.insert(SEQUENCE.to_owned(), "43".to_owned());
    assert!(!is_good(&old, "me/blog"));
    let mut replayed = signed();
    let signature = {
        old.annotations.insert(SEQUENCE.to_owned(), "41".to_owned());
        old.annotations[SIGNATURE].clone()
    };
    replayed.annotations.insert(SIGNATURE.to_owned(), signature);
    assert!(!is_good(&replayed, "me/blog"));
}

#[test]
fn one_of_several_keys_suffices_and_none_is_not_enough() {
    let (old, new) = (key(), other_key());
    let both = [old.verifying_key(), new.verifying_key()];
    let mut index = signed();
    assert_eq!(index.signed_by("me/blog", &both), Ok(&both[0]));
    index.sign("me/blog", &new);
    assert_eq!(index.signed_by("me/blog", &both), Ok(&both[1]));
    let refused = index.signed_by("me/blog", &both[..1]).unwrap_err();
    assert!(refused.to_string().contains("does not hold as release 42 of me/blog: it is not by the key"), "{refused}");
    assert!(index.signed_by("me/blog", &[]).is_err());
    index.annotations.insert(SIGNATURE.to_owned(), "c2ln".to_owned());
    assert_eq!(index.signed_by("me/blog", &both), Err(SignatureError::Malformed));
    index.annotations.remove(SIGNATURE);
    assert_eq!(index.signed_by("me/blog", &both), Err(SignatureError::Missing));
    let bundle = both.iter().map(VerifyingKey::pem).collect::<String>();
    assert_eq!(VerifyingKey::all_from_pem(&bundle), Ok(both.to_vec()));
}

#[test]
fn what_is_no_key_says_why_and_nothing_of_the_key() {
    let rsa = PUBLIC.replace("MCowBQYDK2Vw", "MCowBQYDK2Vu");
    let encrypted = KEY.replace("PRIVATE", "ENCRYPTED PRIVATE");
    assert_eq!(VerifyingKey::all_from_pem(&rsa), Err(KeyError::Foreign));
    assert_eq!(VerifyingKey::all_from_pem(KEY), Err(KeyError::Private));
    assert_eq!(VerifyingKey::all_from_pem("nothing"), Err(KeyError::Missing("PUBLIC KEY")));
    assert_eq!(VerifyingKey::all_from_pem(&PUBLIC[..60]), Err(KeyError::Missing("PUBLIC KEY")));
    let signing = |text: &str| SigningKey::from_pem(text).map(drop);
    assert_eq!(signing(PUBLIC), Err(KeyError::Public));
    assert_eq!(signing(&encrypted), Err(KeyError::Encrypted));
    assert_eq!(signing(""), Err(KeyError::Missing("PRIVATE KEY")));
    assert_eq!(signing(&KEY.replace("MC4CAQAwBQYDK2Vw", "MC4CAQAwBQYDK2Vu")), Err(KeyError::Foreign));
    assert_eq!(format!("{:?}", key()), "SigningKey(..)");
}

#[test]
fn cosigns_image_has_its_own_payload_and_keeps_those_of_others() {
    let digest = Digest::of(b"index");
    let sign = |key: &SigningKey, there: Option<&Manifest>| {
        CosignImage::signing("registry.example/me/blog", digest, key, there).unwrap()
    };
    let first = sign(&key(), None).unwrap();
    let expected = format!(
        "{{\"critical\":{{\"identity\":{{\"docker-reference\":\"registry.example/me/blog\"}},\"image\":\
         {{\"docker-manifest-digest\":\"{digest}\"}},\"type\":\"cosign container image signature\"}},\"optional\":null}}"
    );
    assert_eq!(first.payload.bytes, expected.as_bytes());
    let manifest: Manifest = serde_json::from_slice(&first.manifest.bytes).unwrap();
    let signature: Signature = manifest.layers[0].annotations[COSIGN_SIGNATURE].parse().unwrap();
    assert!(key().verifying_key().verifies(&first.payload.bytes, &signature));
    assert!(sign(&key(), Some(&manifest)).is_none());
    let second = sign(&other_key(), Some(&manifest)).unwrap();
    let both: Manifest = serde_json::from_slice(&second.manifest.bytes).unwrap();
    assert_eq!((both.layers.len(), &both.layers[0]), (2, &manifest.layers[0]));
    assert!(first.size() < 1_200, "{}", first.size());
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,120}", at in 0usize..120, byte in any::<u8>()) {
        let _ = text.parse::<Signature>();
        for pem in [KEY, PUBLIC] {
            let mut bytes = pem.as_bytes().to_vec();
            let end = bytes.len();
            bytes[at % end] = byte;
            let changed = String::from_utf8_lossy(&bytes);
            let _ = (SigningKey::from_pem(&changed), VerifyingKey::all_from_pem(&changed));
        }
        let _ = (SigningKey::from_pem(&text), VerifyingKey::all_from_pem(&text));
    }
}

#[test]
fn a_bit_that_flips_anywhere_is_noticed() {
    let (message, own) = (statement("me/blog", &index()), key().verifying_key());
    let signature = key().sign(&message);
    for (at, bit) in (0..64).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut flipped = signature;
        flipped.0[at] ^= 1 << bit;
        assert!(!own.verifies(&message, &flipped), "bit {bit} of byte {at} of the signature");
        if at < 32 {
            assert!(!with_flipped_bit(at, bit).verifies(&message, &signature), "bit {bit} of byte {at} of the key");
        }
    }
    for at in 0..message.len() {
        let mut message = message.clone();
        message[at] ^= 1 << (at % 8);
        assert!(!own.verifies(&message, &signature), "byte {at} of the text");
    }
    // In the annotation, too, whatever base64 leaves open.
    let good = signed().annotations[SIGNATURE].clone();
    for (at, bit) in (0..good.len()).flat_map(|at| (0..7).map(move |bit| (at, bit))) {
        let mut text = good.clone().into_bytes();
        text[at] ^= 1 << bit;
        let mut index = signed();
        index.annotations.insert(SIGNATURE.to_owned(), String::from_utf8(text).unwrap());
        assert!(!is_good(&index, "me/blog"), "bit {bit} of character {at}");
    }
}
