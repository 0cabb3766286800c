//! Two machines on one cable: network namespaces of the test's own, so that nothing of this machine's network is touched.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::parts::ip;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// One machine's network, which is gone with this.
struct Namespace(String);

impl Namespace {
    fn add() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("gly{}-{number}", std::process::id());
        ip(&["netns", "add", &name]);
        Self(name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Its end of the cable goes with it. What can't be removed must not hide why the test failed.
        let _ = Command::new("ip").args(["netns", "delete", &self.0]).status();
    }
}

/// Whether namespaces can be made here: a container's root often may not.
pub(crate) fn can_be_made() -> bool {
    let name = format!("gly{}-probe", std::process::id());
    let ip = |arguments: [&str; 3]| Command::new("ip").args(arguments).output().is_ok_and(|ran| ran.status.success());
    ip(["netns", "add", &name]) && ip(["netns", "delete", &name])
}

/// A desk and a phone in one network.
pub(crate) struct Network {
    desk: Namespace,
    phone: Namespace,
}

impl Network {
    /// The desk's address, from the range for measuring devices (RFC 2544), which no real network uses.
    pub(crate) const DESK: &str = "198.18.0.1";

    pub(crate) fn new() -> Self {
        let network = Self { desk: Namespace::add(), phone: Namespace::add() };
        let (desk, phone) = (network.desk.0.as_str(), network.phone.0.as_str());
        ip(&["-n", desk, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", phone]);
        ip(&["-n", desk, "link", "set", "lo", "up"]);
        for (name, address) in [(desk, "198.18.0.1/30"), (phone, "198.18.0.2/30")] {
            ip(&["-n", name, "address", "add", address, "dev", "cable"]);
            ip(&["-n", name, "link", "set", "cable", "up"]);
        }
        // A way out, as a home's router is.
        ip(&["-n", desk, "route", "add", "default", "via", "198.18.0.2"]);
        network
    }

    /// The same command on the desk.
    pub(crate) fn at_the_desk(&self, command: &Command) -> Command {
        let mut moved = Command::new("ip");
        moved.args(["netns", "exec", &self.desk.0]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => moved.env(name, value),
                None => moved.env_remove(name),
            };
        }
        moved
    }

    /// What the phone gets at `url`; `None` if nobody is there.
    pub(crate) fn get_by_phone(&self, url: &str) -> Option<String> {
        let curl = ["curl", "--silent", "--max-time", "20", "--noproxy", "*", url];
        let output = Command::new("ip").args(["netns", "exec", &self.phone.0]).args(curl).output().unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
