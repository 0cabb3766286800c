//! The control listener: health, readiness, and what is said when it can't be.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::{Connection, PATIENCE, Response, TempSite, galley};

/// `galley serve` with a control listener, running.
pub(crate) struct Observed {
    child: Child,
    said: Receiver<String>,
    /// Where control is, as the program says it.
    pub(crate) control: String,
    output: Option<BufReader<ChildStdout>>,
    /// Where it serves; empty until [`serving`](Self::serving).
    pub(crate) address: String,
}

impl Observed {
    /// Starts `galley serve` and waits for the control listener.
    pub(crate) fn begin(arguments: &[&str]) -> Self {
        Self::of(galley(), arguments)
    }

    /// The same with what `command` has in its environment.
    pub(crate) fn of(mut command: Command, arguments: &[&str]) -> Self {
        command.args(["serve", "--control", "127.0.0.1:0"]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, said) = channel();
        let errors = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || errors.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let output = child.stdout.take().map(BufReader::new);
        let mut observed = Self { child, said, control: String::new(), output, address: String::new() };
        let line = observed.hear("control: ");
        observed.control = line.split("http://").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        observed
    }

    /// Waits until it serves.
    pub(crate) fn serving(mut self) -> Self {
        let line = self.line();
        self.address = line.trim().strip_prefix("http://").unwrap().to_owned();
        self
    }

    /// A line that it wrote to standard output.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut output = self.take_output();
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            // Whoever has lost patience is not there any more.
            let _ = sender.send((output, line));
        });
        let (output, line) = receiver.recv_timeout(PATIENCE).expect("no line came");
        self.output = Some(output);
        line
    }

    /// The line on standard error that has `text` in it.
    #[track_caller]
    pub(crate) fn hear(&self, text: &str) -> String {
        loop {
            let Ok(line) = self.said.recv_timeout(PATIENCE) else { panic!("it never said {text}") };
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits for the line with `text`, before which none with `other` may come.
    #[track_caller]
    pub(crate) fn hear_nothing_of(&self, other: &str, text: &str) {
        loop {
            let Ok(line) = self.said.recv_timeout(PATIENCE) else { panic!("it never said {text}") };
            assert!(!line.contains(other), "{line}");
            if line.contains(text) {
                return;
            }
        }
    }

    /// What reads its standard output: whoever drops it closes that.
    pub(crate) fn take_output(&mut self) -> BufReader<ChildStdout> {
        self.output.take().unwrap()
    }

    /// Waits until all codings of its content are made.
    pub(crate) fn coded(self) -> Self {
        let begin = std::time::Instant::now();
        while self.ask("/metrics").text().contains("galley_snapshot_bytes{coding=\"zstd\"} 0\n") {
            assert!(begin.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(5));
        }
        self
    }

    pub(crate) fn ask(&self, path: &str) -> Response {
        Connection::open(&self.control).request("GET", path, &[], "")
    }

    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        Connection::open(&self.address).request("GET", path, headers, "")
    }

    pub(crate) fn id(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    pub(crate) fn terminate(&self) {
        rustix::process::kill_process(self.id(), rustix::process::Signal::TERM).unwrap();
    }

    /// Asks it to stop, waits, and returns what it wrote to standard output that nobody has read yet.
    pub(crate) fn stop(mut self) -> String {
        self.terminate();
        let mut rest = String::new();
        if let Some(output) = &mut self.output {
            output.read_to_string(&mut rest).unwrap();
        }
        assert!(self.child.wait().unwrap().success());
        rest
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        // It may have ended already: both errors mean just that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn site() -> TempSite {
    TempSite::new().file("content/_index.md", "Welcome.\n").file("static/long.txt", "words ".repeat(1000))
}

#[test]
fn health_and_readiness_are_answered_and_nothing_else() {
    let site = site();
    let instance = Observed::begin(&[site.str()]).serving();
    for (method, path, status, text) in [
        ("GET", "/healthz", 200, "ok\n"),
        ("GET", "/readyz", 200, "ok\n"),
        ("GET", "/readyz?verbose", 200, "ok\n"),
        ("GET", "/", 404, "not found; there are /healthz, /readyz and /metrics\n"),
        ("GET", "/index.html", 404, "not found; there are /healthz, /readyz and /metrics\n"),
        ("GET", "/_galley/hook", 404, "not found; there are /healthz, /readyz and /metrics\n"),
        ("POST", "/healthz", 405, "only GET and HEAD are allowed\n"),
    ] {
        let response = Connection::open(&instance.control).request(method, path, &[], "");
        assert_eq!((response.status, response.text().as_str()), (status, text), "{method} {path}");
        assert_eq!(response.header("cache-control"), "no-store");
    }
    let mut connection = Connection::open(&instance.control);
    let head = connection.request("HEAD", "/readyz", &[], "");
    assert_eq!((head.status, head.header("content-length")), (200, "3"));
    assert_eq!(connection.request("GET", "/healthz", &[], "").text(), "ok\n");
    // What the control listener has is not on the public one.
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(instance.get(path, &[]).status, 404, "{path}");
    }
}

#[test]
fn an_instance_without_content_is_alive_and_not_ready() {
    // A registry that accepts and never answers.
    let registry = TcpListener::bind("127.0.0.1:0").unwrap();
    let reference = format!("{}/blog", registry.local_addr().unwrap());
    let instance = Observed::begin(&["--follow", &reference]);
    assert_eq!(instance.ask("/healthz").status, 200);
    let ready = instance.ask("/readyz");
    assert_eq!((ready.status, ready.text().as_str()), (503, "nothing is installed yet\n"));
}

#[test]
fn an_instance_that_stops_says_so_until_it_has_ended() {
    let site = TempSite::new().file("content/_index.md", "x\n");
    let file = std::fs::File::create(site.path().join("large.bin")).unwrap();
    file.set_len(64 << 20).unwrap();
    std::fs::create_dir(site.path().join("static")).unwrap();
    std::fs::rename(site.path().join("large.bin"), site.path().join("static/large.bin")).unwrap();
    let instance = Observed::begin(&[site.str()]).serving();
    // An answer that is not finished keeps it from ending.
    let mut reader = std::net::TcpStream::connect(&instance.address).unwrap();
    std::io::Write::write_all(&mut reader, b"GET /large.bin HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    reader.read_exact(&mut [0; 16]).unwrap();
    assert_eq!(instance.ask("/readyz").status, 200);
    instance.terminate();
    let begin = std::time::Instant::now();
    loop {
        let ready = instance.ask("/readyz");
        if ready.status == 503 {
            assert_eq!(ready.text(), "stopping\n");
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(5), "{ready:?}");
    }
    assert_eq!(instance.ask("/healthz").status, 200);
    drop(reader);
    instance.hear("stopped");
}

#[test]
fn an_address_that_is_taken_is_an_error_if_it_was_asked_for() {
    let site = site();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let holder = TcpListener::bind(taken.unwrap()).unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let ran = crate::support::run(&["serve", site.str(), "--control", &address]);
    let remedy = "the control listener can't be there; choose another address with --control, or off";
    ran.says(1, &format!("{address}: {remedy}"));
    let ran = crate::support::run(&["serve", site.str(), "--control", "8081"]);
    ran.says(2, "`8081` is no address: expected host:port, :port, unix:PATH or fd:N; or `off`");
}

/// The same addresses as `--listen`.
#[test]
fn control_may_be_at_any_kind_of_address() {
    let site = site();
    let path = site.path().join("control.sock");
    let unix = format!("unix:{}", path.display());
    let instance = crate::support::Instance::start(&[site.str(), "--control", &unix]);
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    assert!(instance.stop().contains(&format!("control: {unix} has /healthz, /readyz and /metrics")));
    assert!(!path.exists());
    let named = crate::support::Instance::start(&[site.str(), "--control", "localhost:0"]);
    assert!(named.stop().contains("control: http://127.0.0.1:"));
}

/// Of two sockets that a service manager hands over, one is named.
#[test]
fn a_socket_that_is_for_control_is_not_for_the_blog() {
    const SCRIPT: &str = "exec 3<&0 4<&2 0</dev/null 2>/dev/null
        LISTEN_FDS=2 LISTEN_PID=$$ exec \"$0\" serve \"$1\" --control fd:3";
    let site = site();
    let [control, blog] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [control_address, blog_address] = [&control, &blog].map(|socket| socket.local_addr().unwrap().to_string());
    let mut command = std::process::Command::new("sh");
    command.args(["-ec", SCRIPT, env!("CARGO_BIN_EXE_galley"), site.str()]).env_remove("GALLEY_LISTEN");
    let [control, blog] = [control, blog].map(std::os::fd::OwnedFd::from);
    let mut child = command.stdin(control).stderr(blog).stdout(Stdio::piped()).spawn().unwrap();
    // It holds copies of both sockets.
    drop(command);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), format!("http://{blog_address}"));
    for (address, status) in [(&control_address, 200), (&blog_address, 404)] {
        assert_eq!(Connection::open(address).request("GET", "/readyz", &[], "").status, status);
    }
    // There is no third one.
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    assert_eq!(lines.count(), 0);
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_address_that_nobody_asked_for_may_be_taken() {
    // An error means that somebody else has it, which is as good.
    let _holder = TcpListener::bind("127.0.0.1:8081");
    let site = site();
    let mut command = galley();
    command.env_remove("GALLEY_CONTROL").args(["serve", site.str(), "--follow", "127.0.0.1:1/blog"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    let errors = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(line.starts_with("http://"), "{errors}");
    for part in ["127.0.0.1:8081: ", "there is no control listener; choose another address with --control, or off"] {
        assert!(errors.contains(part), "{errors}");
    }
}

#[test]
fn without_follow_there_is_no_control_listener_unless_it_is_asked_for() {
    let site = site();
    for arguments in [&[site.str()][..], &[site.str(), "--control", "off"]] {
        let mut command = galley();
        command.env_remove("GALLEY_CONTROL").arg("serve").args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(line.starts_with("http://") && !errors.contains("control"), "{errors}");
    }
}
