//! Loading into a container engine that can misbehave: the part of its API that loading needs, on a real socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc;

use bytes::Bytes;
use galley::engine::{Address, Engine, EngineError, Loaded};
use galley::image::Platform;
use tempfile::TempDir;

use crate::support::{Ran, TempSite, galley, program, wait};

const VERSION: &str = r#"{"Version": "20.10.24", "ApiVersion": "1.41", "Os": "linux", "Arch": "arm"}"#;

/// An engine that answers `/version` with one text and takes an archive with another; none cuts the connection.
struct Double {
    folder: TempDir,
    loads: mpsc::Receiver<(String, Vec<u8>)>,
}

impl Double {
    fn start(version: &'static str, load: Option<(u16, &'static str)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        let accept = move || listener.accept().unwrap().0;
        Self { folder, loads: serve(accept, version, load) }
    }

    fn address(&self) -> Address {
        address(&self.folder.path().join("docker.sock"))
    }

    fn load(&self) -> Result<Loaded, EngineError> {
        wait(async {
            let engine = Engine::connect(self.address()).await?;
            engine.load([Bytes::from_static(b"an "), Bytes::from_static(b"archive")].into_iter()).await
        })
    }
}

/// Answers in a thread of its own, which waits for a connection that does not come when the test is over.
fn serve<S: Read + Write>(
    accept: impl Fn() -> S + Send + 'static,
    version: &'static str,
    load: Option<(u16, &'static str)>,
) -> mpsc::Receiver<(String, Vec<u8>)> {
    let (sender, loads) = mpsc::channel();
    std::thread::spawn(move || {
        loop {
            let mut stream = BufReader::new(accept());
            let request = head(&mut stream);
            if request.starts_with("GET /version ") {
                answer(stream.get_mut(), 200, version);
                continue;
            }
            let archive = chunks(&mut stream);
            let _ = sender.send((request, archive));
            if let Some((status, lines)) = load {
                answer(stream.get_mut(), status, lines);
            }
        }
    });
    loads
}

fn address(path: &Path) -> Address {
    format!("unix://{}", path.display()).parse().unwrap()
}

/// The request line; what else is in the head is passed over.
fn head(stream: &mut impl BufRead) -> String {
    let mut lines = stream.lines().map(|line| line.unwrap());
    let first = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    first
}

fn chunks(stream: &mut impl BufRead) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let size = usize::from_str_radix(line.trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk).unwrap();
        body.extend(&chunk[..size]);
        if size == 0 {
            return body;
        }
    }
}

fn answer(stream: &mut impl Write, status: u16, body: &str) {
    let head = format!("HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
}

#[track_caller]
fn refused(version: &'static str, load: Option<(u16, &'static str)>, says: &str) {
    let engine = Double::start(version, load);
    let error = engine.load().unwrap_err().to_string();
    let expected = format!("the Docker Engine at {}", engine.address());
    assert!(error.starts_with(&expected) && error.contains(says), "{error}");
}

#[test]
fn an_archive_is_loaded_and_its_images_are_named() {
    let lines = "{\"stream\":\"The image blog:latest already exists, renaming the old one\\n\"}\n\
                 {\"stream\":\"Loaded image: blog:latest\\n\"}\n{\"stream\":\"Loaded image: blog:latest-arm64\\n\"}\n";
    let engine = Double::start(VERSION, Some((200, lines)));
    assert_eq!(engine.load().unwrap().images, ["blog:latest", "blog:latest-arm64"]);
    let (request, archive) = engine.loads.recv().unwrap();
    assert!(request.starts_with("POST /images/load?quiet=true"), "{request}");
    assert_eq!(archive, b"an archive");
}

#[test]
fn an_engine_may_be_on_another_host() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let lines = "{\"stream\":\"Loaded image: blog:latest\\n\"}\n";
    let loads = serve(move || listener.accept().unwrap().0, VERSION, Some((200, lines)));
    // By its address and by its name.
    for host in ["127.0.0.1", "localhost"] {
        let address: Address = format!("tcp://{host}:{port}").parse().unwrap();
        let loaded = wait(async {
            let engine = Engine::connect(address).await?;
            engine.load(std::iter::once(Bytes::from_static(b"an archive"))).await
        });
        assert_eq!(loaded.unwrap().images, ["blog:latest"]);
        assert_eq!(loads.recv().unwrap().1, b"an archive");
    }
    let nobody: Address = "tcp://nobody.invalid:2375".parse().unwrap();
    let error = wait(Engine::connect(nobody)).unwrap_err().to_string();
    assert!(error.contains("tcp://nobody.invalid:2375 can't be reached: "), "{error}");
}

#[test]
fn an_engine_says_what_it_runs_on() {
    let engine = Double::start(VERSION, None);
    let connected = wait(Engine::connect(engine.address())).unwrap();
    assert_eq!(connected.platform(), Some(Platform::ArmV7));
}

#[test]
fn what_the_engine_refuses_is_handed_on_in_its_words() {
    let full = "{\"errorDetail\":{\"message\":\"no space left on device\"},\"error\":\"no space left on device\"}\n";
    refused(VERSION, Some((200, full)), "does not load the image: no space left on device");
    let broken = r#"{"message": "Error processing tar file: unexpected EOF"}"#;
    refused(VERSION, Some((500, broken)), "does not load the image: Error processing tar file: unexpected EOF");
    let half = "{\"stream\":\"Loaded image: blog:latest\\n\"}\n\
                {\"stream\":\"Error unpacking image blog:latest: no space left on device\\n\"}\n";
    refused(VERSION, Some((200, half)), "Error unpacking image blog:latest: no space left");
}

#[test]
fn an_engine_that_names_no_image_has_not_loaded_one() {
    refused(VERSION, Some((200, "")), "did not say that it loaded it");
    refused(VERSION, Some((200, "{\"stream\":\"hello\\n\"}\n")), "did not say that it loaded it");
}

#[test]
fn an_engine_that_goes_away_is_told_from_one_that_refuses() {
    refused(VERSION, None, "can't be reached: ");
}

#[test]
fn what_is_no_engine_is_not_given_an_image() {
    for version in ["nonsense", "<html>", ""] {
        let engine = Double::start(version, Some((200, "")));
        let error = engine.load().unwrap_err().to_string();
        assert!(error.contains("can't be reached: "), "{error}");
        assert!(engine.loads.try_recv().is_err());
    }
}

#[test]
fn where_no_engine_is_the_error_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("docker.sock");
    let error = wait(Engine::connect(address(&path))).unwrap_err().to_string();
    assert!(
        error.contains(path.to_str().unwrap()) && error.contains("there is no such socket; start Docker"),
        "{error}"
    );
    // One that has ended leaves its socket behind.
    drop(UnixListener::bind(&path).unwrap());
    let error = wait(Engine::connect(address(&path))).unwrap_err().to_string();
    assert!(error.contains("can't be reached: Connection refused"), "{error}");
}

/// `galley package` of a site, with a program for arm/v7.
fn package(site: &TempSite, arguments: &[&str], engine: &Address) -> Ran {
    let binary = format!("linux/arm/v7={}", site.path().join("arm").display());
    let mut command = galley();
    command.env_remove("GALLEY_PLATFORM").env("DOCKER_HOST", engine.to_string());
    Ran::of(command.args(["package", site.str(), "--binary", &binary]).args(arguments))
}

fn site() -> TempSite {
    TempSite::new().file("content/_index.md", "Of ships.\n").file("arm", program(Platform::ArmV7, ""))
}

#[test]
fn an_engine_gets_the_image_of_its_platform_under_the_title() {
    let engine = Double::start(VERSION, Some((200, "{\"stream\":\"Loaded image: test:latest\\n\"}\n")));
    let ran = package(&site(), &["--load"], &engine.address());
    ran.says(0, &format!(" into the Docker Engine at {}", engine.address()));
    assert_eq!(ran.output, "test:latest\n");
    let (_, archive) = engine.loads.recv().unwrap();
    let mut archive = tar::Archive::new(archive.as_slice());
    let mut entries = archive.entries().unwrap().map(|entry| entry.unwrap());
    let mut manifest = entries.find(|entry| entry.path_bytes().as_ref() == b"manifest.json").unwrap();
    let mut text = String::new();
    manifest.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("docker.io/library/test:latest\"").count(), 1, "{text}");
    assert_eq!(text.matches("Config").count(), 1, "{text}");
}

#[test]
fn nothing_is_rendered_for_an_engine_that_is_not_there() {
    let site = site();
    let nowhere = address(&site.path().join("docker.sock"));
    let ran = package(&site, &["--load"], &nowhere);
    ran.says(1, &format!("no Docker Engine at {nowhere} (from DOCKER_HOST): there is no such socket"));
    assert!(!ran.errors.contains("rendered"), "{}", ran.errors);
}

#[test]
fn an_engine_of_a_platform_that_galley_does_not_have_says_so() {
    let version = r#"{"Os": "linux", "Arch": "riscv64"}"#;
    let engine = Double::start(version, Some((200, "")));
    package(&site(), &["--load"], &engine.address()).says(1, "runs linux/riscv64, for which galley has no images");
}

#[test]
fn a_tar_that_can_not_be_written_is_named_and_leaves_nothing() {
    let site = site();
    let place = TempSite::bare().file("taken/file", "");
    let target = place.path().join("taken");
    let ran =
        package(&site, &["--platform", "linux/arm/v7", "--tar", target.to_str().unwrap()], &address(Path::new("/x")));
    ran.says(1, &format!("{}: ", target.display()));
    let left: Vec<_> = std::fs::read_dir(place.path()).unwrap().map(|found| found.unwrap().file_name()).collect();
    assert_eq!(left, ["taken"]);
}
