//! HTTPS: what clients are offered, what comes of clear text, and certificates that change, vanish or do not fit.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use base64::Engine;
use galley::serve::{Limits, Settings, Tls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, ProtocolVersion, StreamOwned};
use sha2::{Digest, Sha256};

use crate::server::Server;
use crate::support::{Connection, Instance, PATIENCE, TempSite, galley, run};

/// Takes any certificate, and remembers it.
#[derive(Debug, Default)]
struct Seen(Mutex<Option<CertificateDer<'static>>>);

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap() = Some(certificate.clone().into_owned());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A client with its own memory for tickets.
struct Browser {
    config: Arc<ClientConfig>,
    seen: Arc<Seen>,
}

impl Browser {
    fn new(alpn: &[&str], versions: &[&'static rustls::SupportedProtocolVersion]) -> Self {
        let seen = Arc::new(Seen::default());
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&seen) as _)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { config: Arc::new(config), seen }
    }

    fn open(&self, address: &str) -> StreamOwned<ClientConnection, TcpStream> {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let name = ServerName::try_from("blog.example").unwrap();
        StreamOwned::new(ClientConnection::new(Arc::clone(&self.config), name).unwrap(), stream)
    }

    /// One request by HTTP/1.1: the whole answer, and the connection that it came on.
    fn get(&self, address: &str) -> (String, StreamOwned<ClientConnection, TcpStream>) {
        let mut stream = self.open(address);
        stream.write_all(b"GET / HTTP/1.1\r\nhost: blog.example\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        (text, stream)
    }

    /// The certificate that the server shows.
    fn certificate(&self, address: &str) -> CertificateDer<'static> {
        // A resumed session shows none: each time a new client.
        let fresh = Self::new(&[], rustls::DEFAULT_VERSIONS);
        fresh.get(address);
        fresh.seen.0.lock().unwrap().take().unwrap()
    }
}

fn browser() -> Browser {
    Browser::new(&[], rustls::DEFAULT_VERSIONS)
}

/// RFC 7468, with lines as long as they come: parsers don't mind.
fn pem(label: &str, bytes: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// A certificate and its key in a folder.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

impl Pair {
    fn at(folder: &Path) -> Self {
        let pair = Self { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
        pair.renew();
        pair
    }

    /// Another pair under the same names, moved there as tools do that renew certificates.
    fn renew(&self) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(["blog.example".to_owned()]).unwrap();
        for (path, text) in [
            (&self.key, pem("PRIVATE KEY", &made.signing_key.serialize_der())),
            (&self.certificate, pem("CERTIFICATE", made.cert.der())),
        ] {
            let aside = path.with_extension("new");
            fs::write(&aside, text).unwrap();
            fs::rename(&aside, path).unwrap();
        }
        made.cert.der().clone()
    }

    fn flags(&self) -> [&str; 4] {
        ["--tls-cert", self.certificate.to_str().unwrap(), "--tls-key", self.key.to_str().unwrap()]
    }
}

fn site() -> TempSite {
    TempSite::new().file("content/_index.md", "Welcome.\n")
}

fn instance(site: &TempSite, pair: &Pair) -> Instance {
    Instance::start(&[&[site.str()][..], &pair.flags()].concat())
}

#[test]
fn pages_come_by_https_in_both_versions() {
    let site = site();
    let pair = Pair::at(site.path());
    let instance = instance(&site, &pair);
    for (version, expected) in
        [(&rustls::version::TLS12, ProtocolVersion::TLSv1_2), (&rustls::version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let browser = Browser::new(&["http/1.1"], &[version]);
        let (text, stream) = browser.get(&instance.address);
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.contains("\r\nstrict-transport-security: max-age=31536000\r\n"), "{text}");
        assert_eq!(stream.conn.protocol_version(), Some(expected));
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        // The second visit shakes hands with the first one's ticket.
        let (_, again) = browser.get(&instance.address);
        assert_eq!(again.conn.handshake_kind(), Some(HandshakeKind::Resumed));
    }
}

#[test]
fn how_long_https_is_insisted_on_is_the_authors_to_say() {
    let site = site().file("static/_headers", "/\n  Strict-Transport-Security: max-age=60\n");
    let pair = Pair::at(site.path());
    let instance = instance(&site, &pair);
    let (text, _) = browser().get(&instance.address);
    assert!(text.contains("\r\nstrict-transport-security: max-age=60\r\n"), "{text}");
    assert_eq!(text.matches("strict-transport-security").count(), 1, "{text}");
}

#[test]
fn http2_is_agreed_on() {
    let site = site();
    let pair = Pair::at(site.path());
    let instance = instance(&site, &pair);
    let mut stream = Browser::new(&["h2", "http/1.1"], rustls::DEFAULT_VERSIONS).open(&instance.address);
    let request = crate::frames::Client::frame(1, 5, 1, &crate::frames::head("GET", "/"));
    let settings = crate::frames::Client::frame(4, 0, 0, &[]);
    stream.write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), settings, request].concat()).unwrap();
    let mut head = [0; 9];
    loop {
        stream.read_exact(&mut head).unwrap();
        let mut payload = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
        stream.read_exact(&mut payload).unwrap();
        // Headers of the first stream: the status 200 by the static table.
        if head[3] == 1 {
            assert_eq!((head[8], payload[0]), (1, 0x88));
            break;
        }
    }
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    // A preface on a connection that agreed on HTTP/1.1 is no request.
    let mut stream = Browser::new(&["http/1.1"], rustls::DEFAULT_VERSIONS).open(&instance.address);
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    let mut text = Vec::new();
    // Closed with or without a word.
    let _ = stream.read_to_end(&mut text);
    assert!(!text.starts_with(b"HTTP/1.1 200") && !text.starts_with(&[0, 0]), "{text:?}");
}

#[test]
fn clear_text_is_sent_to_https() {
    let site = site();
    let pair = Pair::at(site.path());
    let instance = instance(&site, &pair);
    for (host, status, location) in [
        ("blog.example", 308, "https://blog.example/a?b=c"),
        ("blog.example:80", 308, "https://blog.example/a?b=c"),
        ("blog.example:8443", 308, "https://blog.example:8443/a?b=c"),
        ("blog.example/evil", 400, ""),
        ("a@b", 400, ""),
        ("a,b", 400, ""),
    ] {
        let mut connection = Connection::open(&instance.address);
        connection.send(&format!("GET /a?b=c HTTP/1.1\r\nhost: {host}\r\n\r\n"));
        let response = connection.response(false).unwrap();
        assert_eq!((response.status, response.header("location")), (status, location), "{host}");
        assert_eq!(response.header("strict-transport-security"), "");
    }
    // Not even a page that exists comes in clear text.
    assert_eq!(instance.get("/").status, 308);
}

#[test]
fn a_proxy_that_has_tls_itself_is_not_sent_away() {
    let site = site();
    let pair = Pair::at(site.path());
    let flags = [&[site.str()][..], &pair.flags(), &["--trust-proxy", "127.0.0.0/8"]].concat();
    let instance = Instance::start(&flags);
    assert_eq!(instance.request("GET", "/", &[("x-forwarded-proto", "https")], "").status, 200);
    assert_eq!(instance.request("GET", "/", &[("x-forwarded-proto", "http")], "").status, 308);
}

/// `galley serve`, listened to while it runs.
struct Heard {
    child: Child,
    address: String,
    lines: mpsc::Receiver<String>,
    said: Vec<String>,
}

impl Heard {
    fn start(site: &TempSite, pair: &Pair) -> Self {
        let mut command = galley();
        command.args(["serve", site.str()]).args(pair.flags()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || errors.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("https://").unwrap().to_owned();
        Self { child, address, lines, said: Vec::new() }
    }

    /// Waits until it says `part`.
    #[track_caller]
    fn says(&mut self, part: &str) {
        loop {
            let line =
                self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("not said: {part}\n{:?}", self.said));
            self.said.push(line);
            if self.said.last().is_some_and(|line| line.contains(part)) {
                return;
            }
        }
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_new_certificate_is_taken_up_and_a_wrong_one_is_not() {
    let site = site();
    let pair = Pair::at(site.path());
    let mut server = Heard::start(&site, &pair);
    let address = server.address.clone();
    let shown = || browser().certificate(&address);
    let first = shown();
    let second = pair.renew();
    assert_ne!(first, second);
    server.says("the new certificate is in use");
    assert_eq!(shown(), second);
    // A key of another certificate, nonsense, and nothing at all.
    let other = rcgen::generate_simple_self_signed(["other.example".to_owned()]).unwrap();
    fs::write(&pair.key, pem("PRIVATE KEY", &other.signing_key.serialize_der())).unwrap();
    server.says("key.pem: this key does not belong to the first certificate in ");
    assert_eq!(shown(), second);
    fs::write(&pair.certificate, "nonsense").unwrap();
    server.says("cert.pem: there is no certificate in it (");
    assert_eq!(shown(), second);
    fs::remove_file(&pair.certificate).unwrap();
    server.says("cert.pem: can't be read: No such file or directory");
    assert_eq!(shown(), second);
    // Links that are changed under it, as Kubernetes does with secrets.
    let folder = site.path().join("version2");
    fs::create_dir(&folder).unwrap();
    let elsewhere = Pair::at(&folder);
    let third = elsewhere.renew();
    fs::remove_file(&pair.key).unwrap();
    std::os::unix::fs::symlink(&elsewhere.key, &pair.key).unwrap();
    std::os::unix::fs::symlink(&elsewhere.certificate, &pair.certificate).unwrap();
    server.says("the new certificate is in use");
    assert_eq!(shown(), third);
    // Each was said once, however often it was seen.
    let mut warnings: Vec<&String> =
        server.said.iter().filter(|line| line.contains("the old certificate stays")).collect();
    let count = warnings.len();
    warnings.sort();
    warnings.dedup();
    assert_eq!(warnings.len(), count, "{:?}", server.said);
}

#[test]
fn certificates_that_can_not_be_used_are_said_at_the_start() {
    let site = site();
    let pair = Pair::at(site.path());
    let key = fs::read_to_string(&pair.key).unwrap();
    let serve = || run(&[&["serve", site.str()][..], &pair.flags()].concat());
    fs::write(&pair.key, "nonsense").unwrap();
    serve().says(1, "key.pem: there is no private key in it (");
    serve().says(1, "a file in PEM form is needed");
    let other = rcgen::generate_simple_self_signed(["other.example".to_owned()]).unwrap();
    fs::write(&pair.key, pem("PRIVATE KEY", &other.signing_key.serialize_der())).unwrap();
    serve().says(1, "cert.pem; give the pair that was issued together");
    fs::write(&pair.key, key).unwrap();
    fs::write(&pair.certificate, "").unwrap();
    serve().says(1, "cert.pem: there is no certificate in it (no section of that name)");
    fs::remove_file(&pair.certificate).unwrap();
    serve().says(
        1,
        "cert.pem: can't be read: No such file or directory (os error 2); the certificate and its key are needed",
    );
    run(&["serve", site.str(), "--tls-cert", "x"]).says(2, "--tls-key <FILE>");
    run(&[&["serve", site.str(), "--tls-self-signed"][..], &pair.flags()].concat()).says(2, "cannot be used with");
}

#[test]
fn a_certificate_of_its_own_is_known_by_its_fingerprint() {
    let site = site();
    let instance = Instance::start(&[site.str(), "--tls-self-signed"]);
    let (text, _) = browser().get(&instance.address);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    // Browsers that once believed it would never come back in clear text.
    assert!(!text.contains("strict-transport-security"), "{text}");
    let certificate = browser().certificate(&instance.address);
    let fingerprint: Vec<String> = Sha256::digest(&certificate).iter().map(|byte| format!("{byte:02X}")).collect();
    let said = instance.stop();
    assert!(said.contains(&format!("its SHA-256 fingerprint: {}\n", fingerprint.join(":"))), "{said}");
    assert!(said.contains("a certificate of its own for 127.0.0.1, ::1, "), "{said}");
}

#[test]
fn a_handshake_has_the_heads_limit_and_nonsense_ends_it() {
    let (tls, _) = Tls::self_signed(vec!["localhost".to_owned()]).unwrap();
    let limits = Limits { head: Duration::from_millis(300), ..Limits::default() };
    let server = Server::start(Settings { limits, tls: Some(tls), ..Settings::default() });
    let started = Instant::now();
    // The beginning of a hello, and a whole one that is nonsense.
    for bytes in [&b"\x16\x03\x01\x02\x00\x01"[..], &[b"\x16\x03\x01\x00\x10".as_slice(), &[0xff; 16]].concat()] {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        // An alert, a reset or just the end.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(browser().get(&server.address).0.starts_with("HTTP/1.1 200 OK\r\n"));
}
