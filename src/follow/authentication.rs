//! Whether a delivery comes from somebody who knows a secret: in each of the ways that senders have to show it.
//!
//! All is compared in constant time, over the bytes as they came, before anything of the body is read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;

use super::hook::Sender;
use super::secret::{Secret, Secrets, any_holds};
use crate::snapshot::Digest;

/// Headers that hold the secret itself.
const PLAIN: [&str; 3] = ["x-gitlab-token", "x-jfrog-event-auth", "x-api-key"];
/// Headers that hold an HMAC-SHA-256 of the body, in hex, perhaps with `sha256=` before it. They are good for ever, because no
/// time is signed with the body, whatever other headers say: whoever sends one again causes a look, and nothing else.
const SIGNATURES: [&str; 6] = [
    "x-hub-signature-256",
    "x-gitea-signature",
    "x-forgejo-signature",
    "x-gogs-signature",
    "x-galley-signature-256",
    "x-jfrog-event-auth",
];
/// Of Standard Webhooks (standardwebhooks.com): they sign the time as well.
const STANDARD_HEADERS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];
/// What is signed with a time is believed for so long, before and after it.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// A delivery, as far as it shows a secret.
pub(super) struct Shown<'a> {
    /// In the path, or as the query's `token`.
    pub(super) in_url: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

impl Shown<'_> {
    /// Whether one of `secrets` is shown, in one way at least.
    pub(super) fn any_of(&self, secrets: &Secrets, now: SystemTime) -> bool {
        self.in_url.is_some_and(|candidate| secrets.contain(candidate))
            || self.plain().iter().any(|candidate| secrets.contain(candidate))
            || self.is_signed(secrets)
            || self.is_signed_as_standard(secrets, now)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Every text in a header that may be the secret.
    fn plain(&self) -> Vec<String> {
        let mut found: Vec<String> = PLAIN.iter().filter_map(|name| self.header(name)).map(str::to_owned).collect();
        if let Some(text) = self.header(AUTHORIZATION.as_str()) {
            // Harbor has a text to configure, which is sent as it is.
            found.push(text.to_owned());
            match text.split_once(' ').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest.trim())) {
                Some((scheme, token)) if scheme == "bearer" || scheme == "token" => found.push(token.to_owned()),
                Some((scheme, pair)) if scheme == "basic" => found.extend(password(pair)),
                _ => {}
            }
        }
        found
    }

    fn is_signed(&self, secrets: &Secrets) -> bool {
        let claimed: Vec<Digest> = SIGNATURES.iter().filter_map(|name| signature_of_hex(self.header(name)?)).collect();
        // The body is hashed once for each secret, however many headers it comes with.
        !claimed.is_empty()
            && any_holds(secrets.all().iter().flat_map(|secret| {
                let right = secret.sign(self.body).bytes();
                claimed.iter().map(move |claimed| claimed.bytes().ct_eq(&right))
            }))
    }

    fn is_signed_as_standard(&self, secrets: &Secrets, now: SystemTime) -> bool {
        let [Some(id), Some(time), Some(signatures)] = STANDARD_HEADERS.map(|name| self.header(name)) else {
            return false;
        };
        let is_near = |seconds| {
            let signed = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
            let apart = signed.map(|signed| now.duration_since(signed).unwrap_or_else(|earlier| earlier.duration()));
            apart.is_some_and(|apart| apart <= TOLERANCE)
        };
        if !time.parse().is_ok_and(is_near) {
            return false;
        }
        // Several, while a sender changes its secret.
        let claimed: Vec<[u8; 32]> = signatures.split(' ').filter_map(signature_of_base64).collect();
        !claimed.is_empty()
            && any_holds(secrets.all().iter().flat_map(|secret| {
                let right = standard_signatures(secret, id, time, self.body);
                let pairs = right.into_iter().flat_map(|right| claimed.iter().map(move |claimed| (claimed, right)));
                pairs.map(|(claimed, right)| claimed.ct_eq(&right.bytes()))
            }))
    }
}

fn standard_signatures(secret: &Secret, id: &str, time: &str, body: &[u8]) -> Vec<Digest> {
    secret.sign_as_standard(&[id.as_bytes(), b".", time.as_bytes(), b".", body])
}

/// The password of `user:password` in base64: EventBridge can show a secret in this way.
fn password(pair: &str) -> Option<String> {
    let pair = String::from_utf8(STANDARD.decode(pair).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

fn signature_of_hex(text: &str) -> Option<Digest> {
    let digits = text.trim().trim_start_matches("sha256=").to_ascii_lowercase();
    format!("sha256:{digits}").parse().ok()
}

/// `v1,` and base64; other versions are of other algorithms.
fn signature_of_base64(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text.strip_prefix("v1,")?).ok()?.try_into().ok()
}

/// The headers by which `sender` shows `secret` for `body`; `None` for those that can't, and show it in the URL.
pub fn headers_of(
    sender: Sender,
    secret: &Secret,
    body: &[u8],
    now: SystemTime,
) -> Option<Vec<(&'static str, String)>> {
    let hex = || secret.sign(body).hex();
    let text = || secret.reveal().to_owned();
    Some(match sender {
        Sender::DockerHub | Sender::Quay | Sender::Google | Sender::Aliyun | Sender::Unknown => return None,
        Sender::GitHub => vec![("x-hub-signature-256", format!("sha256={}", hex()))],
        Sender::Gitea => vec![("x-gitea-signature", hex())],
        Sender::Forgejo => vec![("x-forgejo-signature", hex())],
        Sender::GitLab => vec![("x-gitlab-token", text())],
        Sender::Distribution | Sender::Azure => vec![("authorization", format!("Bearer {}", text()))],
        Sender::Harbor => vec![("authorization", text())],
        Sender::Amazon => vec![("x-api-key", text())],
        Sender::JFrog => vec![("x-jfrog-event-auth", text())],
        Sender::Generic => {
            let time = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).to_string();
            let id = Digest::of(format!("{time}{}", hex()).as_bytes()).short();
            let signatures = standard_signatures(secret, &id, &time, body);
            let signature = signatures.first().map(|signature| format!("v1,{}", STANDARD.encode(signature.bytes())))?;
            vec![("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)]
        }
    })
}

/// Whether a header by this name shows a secret: it is never passed on.
pub fn shows_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let known = PLAIN.iter().chain(&SIGNATURES).chain(&STANDARD_HEADERS[1..]);
    known.chain(&["authorization", "x-hub-signature"]).any(|known| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    const BODY: &[u8] = br#"{"image":"a/b"}"#;
    const SECRETS: &str = "old-secret-0123456789\nwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nbm90LW9ubHktYS10ZXh0\n";

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_792_310_400)
    }

    fn secrets() -> Secrets {
        Secrets::of_lines(SECRETS).unwrap()
    }

    fn shown(in_url: Option<&str>, named: &[(&str, String)], body: &[u8], now: SystemTime) -> bool {
        let headers: HeaderMap = named
            .iter()
            .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect();
        Shown { in_url, headers: &headers, body }.any_of(&secrets(), now)
    }

    #[test]
    fn each_sender_shows_each_secret_in_its_own_way() {
        for secret in secrets().all() {
            for sender in Sender::ALL {
                let Some(headers) = headers_of(sender, secret, BODY, now()) else { continue };
                assert!(shown(None, &headers, BODY, now()), "{sender} {headers:?}");
                for (name, value) in &headers {
                    assert!(shows_secret(name) || *name == "webhook-id", "{name}");
                    let wrong = [(*name, format!("{value}x"))];
                    assert!(!shown(None, &wrong, BODY, now()), "{sender} {wrong:?}");
                }
            }
            assert!(shown(Some(secret.reveal()), &[], BODY, now()));
        }
        assert!(!shown(None, &[], BODY, now()) && !shown(Some(""), &[], BODY, now()));
    }

    #[test]
    fn what_is_signed_is_the_whole_body() {
        let secrets = secrets();
        for sender in [Sender::GitHub, Sender::Gitea, Sender::Forgejo, Sender::Generic] {
            let headers = headers_of(sender, secrets.first(), BODY, now()).unwrap();
            assert!(!shown(None, &headers, br#"{"image":"a/c"}"#, now()), "{sender}");
            assert!(!shown(None, &headers, &BODY[1..], now()), "{sender}");
        }
    }

    #[test]
    fn the_spellings_of_one_signature_are_all_read() {
        let hex = secrets().first().sign(BODY).hex();
        for name in SIGNATURES {
            for text in [hex.clone(), format!("sha256={hex}"), hex.to_uppercase()] {
                assert!(shown(None, &[(name, text)], BODY, now()), "{name}");
            }
            for wrong in [&hex[1..], "", "sha256=", "old-secret-012345678", "sha1=0123"] {
                assert!(!shown(None, &[(name, wrong.to_owned())], BODY, now()), "{name} {wrong}");
            }
        }
    }

    #[test]
    fn a_header_of_authorization_may_have_any_scheme() {
        let basic = STANDARD.encode("galley:old-secret-0123456789");
        for text in [
            "old-secret-0123456789",
            "Bearer old-secret-0123456789",
            "bearer  old-secret-0123456789",
            &format!("Basic {basic}"),
        ] {
            assert!(shown(None, &[("authorization", text.to_owned())], BODY, now()), "{text}");
        }
        for wrong in ["Bearer", "Bearer ", "Basic", "Basic !", "Bearer eyJhbGciOiJSUzI1NiJ9.e30.x", "old-secret"] {
            assert!(!shown(None, &[("authorization", wrong.to_owned())], BODY, now()), "{wrong}");
        }
    }

    /// The sample of the specification.
    #[test]
    fn standard_webhooks_sign_the_time_too() {
        let time = UNIX_EPOCH + Duration::from_secs(1_614_265_330);
        let named = |signature: &str| {
            let signature = signature.to_owned();
            [
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()),
                ("webhook-timestamp", "1614265330".to_owned()),
                ("webhook-signature", signature),
            ]
        };
        let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let sample = br#"{"test": 2432232314}"#;
        assert!(shown(None, &named(right), sample, time));
        assert!(shown(None, &named(&format!("v1a,eA== v1,eA== {right}")), sample, time));
        assert!(!shown(None, &named("v1,eA=="), sample, time));
        for (seconds, expected) in [(299, true), (301, false)] {
            let apart = Duration::from_secs(seconds);
            assert_eq!(shown(None, &named(right), sample, time + apart), expected, "{seconds} s later");
            assert_eq!(shown(None, &named(right), sample, time - apart), expected, "{seconds} s earlier");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics_or_opens(name in 0usize..20, value in "[ -~]{0,100}", time in any::<u64>()) {
            let names: Vec<&str> =
                PLAIN.iter().chain(&SIGNATURES).chain(&STANDARD_HEADERS).copied().chain(["authorization"]).collect();
            let named = [
                (names[name % names.len()], value.trim().to_owned()),
                ("webhook-id", "x".to_owned()),
                ("webhook-timestamp", time.to_string()),
                ("webhook-signature", value.trim().to_owned()),
            ];
            prop_assert!(!shown(None, &named, BODY, now()));
        }
    }
}
