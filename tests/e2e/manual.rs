//! Every command in the manual, in its order, as a reader would type it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::parts::{Registry, free_port, project};

/// The pages in the order in which a newcomer reads them: later ones use what earlier ones made.
const PAGES: [&str; 7] = ["_index.md", "write.md", "preview.md", "templates.md", "check.md", "ship.md", "serve.md"];

/// The shell commands of a page.
fn fences(page: &str) -> Vec<String> {
    let text = fs::read_to_string(project().join("site/content").join(page)).unwrap();
    let after_marks = text.split("\n```sh\n").skip(1);
    after_marks.map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

/// The reader's desk: a folder, a registry, and names that stand for the manual's.
struct Desk {
    folder: tempfile::TempDir,
    registry: Registry,
    ports: [u16; 2],
    serving: Option<Child>,
}

impl Desk {
    fn adapt(&self, script: &str) -> String {
        let [first, second] = self.ports;
        let script = script.replace("registry.example/", &format!("{}/", self.registry.address));
        let script = script.replace("localhost:5000/", &format!("{}/", self.registry.address));
        let script = script.replace("127.0.0.1:8080", &format!("127.0.0.1:{first}"));
        script.replace("127.0.0.1:8081", &format!("127.0.0.1:{second}"))
    }

    fn shell(&self, script: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_galley")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]).current_dir(self.folder.path()).env("PATH", path);
        command.env("GALLEY_LISTEN", format!("127.0.0.1:{}", self.ports[0])).env("HOME", "/nonexistent");
        command.env("GALLEY_CONTROL", "off").stdin(Stdio::null());
        command
    }

    /// Runs a fence: a server keeps running until the next one takes its place, as in a second terminal.
    fn run(&mut self, script: &str) {
        let start = script.rfind("galley serve").max(script.rfind("galley preview"));
        let (before, server) = match start {
            Some(at) => (&script[..at], Some(&script[at..])),
            None => (script, None),
        };
        let output = self.shell(&self.adapt(before)).output().unwrap();
        assert!(output.status.success(), "{before}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(!String::from_utf8_lossy(&output.stdout).contains("wrong"), "{before}");
        if let Some(server) = server {
            self.stop();
            let script = format!("exec {}", self.adapt(server));
            let mut child = self.shell(&script).stdout(Stdio::piped()).spawn().unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            self.serving = Some(child);
            let url = line.replace("https://", "http://");
            assert!(url.starts_with("http://127.0.0.1:"), "{server} did not start");
        }
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.serving.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn every_command_works() {
    let registry = Registry::start(None);
    let ports = [free_port(), free_port()];
    let mut desk = Desk { folder: tempfile::tempdir().unwrap(), registry, ports, serving: None };
    let mut count = 0;
    for script in PAGES.iter().flat_map(|page| fences(page)) {
        // Running a container is the engine's test.
        if !script.starts_with("docker ") {
            desk.run(&script);
            count += 1;
        }
    }
    assert!(count > 8, "{count} commands were found");
}
