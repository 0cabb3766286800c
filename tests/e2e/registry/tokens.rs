//! A token server as distribution's specification has it: JWTs that are signed with ES256.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::json;

use super::pem;

/// Who signs.
pub(super) const ISSUER: &str = "galley-test";

/// `me` may read and write, `reader` may read.
pub(super) struct TokenServer {
    pub(super) address: String,
    certificate: Vec<u8>,
    scopes: Arc<Mutex<Vec<String>>>,
}

struct Signer {
    key: EcdsaKeyPair,
    certificate: Vec<u8>,
    secret: &'static str,
}

impl TokenServer {
    pub(super) fn start(secret: &'static str) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().der().to_vec();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der(), &SystemRandom::new());
        let signer = Signer { key: key.unwrap(), certificate: certificate.clone(), secret };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        let scopes: Arc<Mutex<Vec<String>>> = Arc::default();
        let asked = Arc::clone(&scopes);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (status, body) = signer.answer(stream.as_ref().unwrap(), &asked);
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                // A client that went away needs no answer.
                let _ = stream.unwrap().write_all(format!("{head}{body}").as_bytes());
            }
        });
        Self { address, certificate, scopes }
    }

    /// What the registry has to trust.
    pub(super) fn certificate(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// The scopes that were granted since the last call.
    pub(super) fn take_scopes(&self) -> Vec<String> {
        std::mem::take(&mut *self.scopes.lock().unwrap())
    }
}

impl Signer {
    fn answer(&self, stream: &TcpStream, asked: &Mutex<Vec<String>>) -> (&'static str, String) {
        let mut reader = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let header = |name: &str| {
            let line = lines.iter().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
            line.split_once(':').map(|(_, value)| value.trim().to_owned())
        };
        let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut form = vec![0; length];
        reader.read_exact(&mut form).unwrap();
        let query = lines[0].split(' ').nth(1).and_then(|path| path.split_once('?')).map_or("", |(_, query)| query);
        let fields = if form.is_empty() { query.to_owned() } else { String::from_utf8(form).unwrap() };
        let field = |name: &str| {
            let value = fields.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
            Some(percent_encoding::percent_decode_str(&value.replace('+', " ")).decode_utf8().unwrap().into_owned())
        };
        let by_password = |user: &str| {
            let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{}", self.secret)));
            header("authorization").as_ref() == Some(&expected)
        };
        let writes = by_password("me") || field("refresh_token").as_deref() == Some(self.secret);
        if !writes && !by_password("reader") {
            return ("401 Unauthorized", String::new());
        }
        let scope = field("scope").unwrap_or_default();
        let token = self.token(&scope, writes);
        asked.lock().unwrap().push(scope);
        ("200 OK", json!({"token": token, "expires_in": 300}).to_string())
    }

    fn token(&self, scope: &str, writes: bool) -> String {
        let access: Vec<_> = scope
            .split(' ')
            .map(|scope| {
                let parts: Vec<_> = scope.split(':').collect();
                let actions: Vec<_> = parts[2].split(',').filter(|action| writes || *action == "pull").collect();
                json!({"type": parts[0], "name": parts[1], "actions": actions})
            })
            .collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(&self.certificate)]});
        let claims = json!({
            "iss": ISSUER, "sub": "me", "aud": "test", "exp": now + 300, "nbf": now - 10, "iat": now, "jti": "1",
            "access": access,
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
