//! Temporary sites, running instances and a plain HTTP client, for both test programs.

pub(crate) mod load;
pub(crate) mod programs;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Nothing here takes longer, however slow the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The program under test, without settings from the environment.
pub(crate) fn galley() -> Command {
    galley_at(Path::new(env!("CARGO_BIN_EXE_galley")))
}

/// Where instances of this run keep what they follow, if a test says no other place. Runs before this one left theirs: a test's
/// own temporary folder would not outlive the instances that a failure leaves behind.
fn state_home() -> &'static Path {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    HOME.get_or_init(|| {
        let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("state");
        let hour = Duration::from_secs(3600);
        for found in fs::read_dir(&all).into_iter().flatten().flatten() {
            let age = found.metadata().and_then(|metadata| metadata.modified()).map(|time| time.elapsed());
            if age.is_ok_and(|age| age.is_ok_and(|age| age > hour)) {
                // Another run may be at it, too.
                let _ = fs::remove_dir_all(found.path());
            }
        }
        let own = all.join(std::process::id().to_string());
        fs::create_dir_all(&own).unwrap();
        own
    })
}

/// The same where the program lies at `path`.
pub(crate) fn galley_at(path: &Path) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GALLEY_")) {
        command.env_remove(name);
    }
    command.env("XDG_STATE_HOME", state_home()).env_remove("STATE_DIRECTORY");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"] {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    // Tests run side by side, and on machines where 8080 is taken.
    command.env("GALLEY_LISTEN", "127.0.0.1:0").env("GALLEY_CONTROL", "off");
    // Programs for others are not to be had everywhere; tests that have them say so.
    if let Some(platform) = galley::image::Platform::of_this_program() {
        command.env("GALLEY_PLATFORM", platform.to_string());
    }
    command.env_remove("DOCKER_CONFIG").env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

/// Waits for what comes of `future`.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    Ran::of(galley().args(arguments))
}

/// What a run came to.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        command.output().unwrap().into()
    }

    /// Fails unless the run ended with `code` and said `part` on standard error.
    #[track_caller]
    pub(crate) fn says(&self, code: i32, part: &str) {
        assert_eq!(self.code, code, "{}", self.errors);
        assert!(self.errors.contains(part), "not said: {part}\nbut:\n{}", self.errors);
    }
}

impl From<Output> for Ran {
    fn from(Output { status, stdout, stderr }: Output) -> Self {
        Self {
            code: status.code().unwrap_or(-1),
            output: String::from_utf8(stdout).unwrap(),
            errors: String::from_utf8(stderr).unwrap(),
        }
    }
}

/// The head of a program that needs no libraries, and nothing that could be run: what makes a program of these bytes is the
/// machine in its head (ELF, "e_machine").
pub(crate) fn program(platform: galley::image::Platform, text: &str) -> Vec<u8> {
    use galley::image::Platform;
    let (class, length, machine) = match platform {
        Platform::Amd64 => (2, 64, 62u16),
        Platform::Arm64 => (2, 64, 183),
        Platform::ArmV7 => (1, 52, 40),
    };
    let mut bytes = vec![0; length];
    bytes[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1, 1]);
    bytes[16..18].copy_from_slice(&2u16.to_le_bytes());
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[20..24].copy_from_slice(&1u32.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// A site in a temporary folder.
pub(crate) struct TempSite(TempDir);

impl TempSite {
    /// A site with a title and a base URL, and no pages.
    pub(crate) fn new() -> Self {
        Self::bare().file("galley.toml", "title = \"Test\"\nbase_url = \"https://blog.example\"\n")
    }

    /// An empty folder.
    pub(crate) fn bare() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a file.
    pub(crate) fn file(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.write(path, text);
        self
    }

    /// With further lines in galley.toml.
    pub(crate) fn config(self, lines: &str) -> Self {
        let text = fs::read_to_string(self.0.path().join("galley.toml")).unwrap_or_default();
        self.file("galley.toml", text + lines)
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn str(&self) -> &str {
        self.0.path().to_str().unwrap()
    }
}

/// `galley serve`, running.
pub(crate) struct Instance {
    child: Child,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
    errors: Option<std::thread::JoinHandle<String>>,
}

impl Instance {
    /// Starts `galley serve` on a free port and waits until it says where.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::with(arguments, &[])
    }

    /// The same with environment variables.
    pub(crate) fn with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_verb("serve", arguments, variables)
    }

    /// The same for `galley preview`.
    pub(crate) fn preview(arguments: &[&str]) -> Self {
        Self::start_verb("preview", arguments, &[])
    }

    fn start_verb(verb: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = galley();
        Self::of(command.envs(variables.iter().copied()).arg(verb).args(arguments))
    }

    /// The same of a command that serves.
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            text
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").or_else(|| line.trim().strip_prefix("https://"));
        let Some(address) = address.map(str::to_owned) else {
            child.wait().unwrap();
            panic!("the instance did not start: {}", errors.join().unwrap());
        };
        Self { child, address, errors: Some(errors) }
    }

    /// Sends one request on a connection of its own.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        Connection::open(&self.address).request(method, path, headers, body)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], "")
    }

    /// Waits until the body at `path` holds `text`.
    #[track_caller]
    pub(crate) fn wait_for(&self, path: &str, text: &str) -> Duration {
        let started = Instant::now();
        while !self.get(path).text().contains(text) {
            assert!(started.elapsed() < PATIENCE, "{path} never said {text}");
            std::thread::sleep(Duration::from_millis(5));
        }
        started.elapsed()
    }

    pub(crate) fn id(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Asks the process to stop, waits for it, and returns what it said on standard error.
    pub(crate) fn stop(mut self) -> String {
        rustix::process::kill_process(self.id(), rustix::process::Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        let errors = self.errors.take().unwrap().join().unwrap();
        assert!(status.success(), "{errors}");
        errors
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // It may have ended already: both errors mean just that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A keep-alive connection that sends exactly what it is told.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(address: &str) -> Self {
        Self::of(TcpStream::connect(address).unwrap())
    }

    pub(crate) fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        self.send(&format!("{head}\r\n{body}"));
        self.response(method == "HEAD").unwrap()
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// Reads an answer; `None` if the connection was closed before one began.
    pub(crate) fn response(&mut self, bodiless: bool) -> Option<Response> {
        let mut line = String::new();
        if self.0.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; if bodiless || status == 304 { 0 } else { length }];
        self.0.read_exact(&mut body).unwrap();
        Some(Response { status, headers, body })
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// A header's value; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
