//! A program that can be started, as an open file: whatever becomes of its path, it can be gone back to.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::io::{FdFlags, fcntl_setfd};

/// A program.
#[derive(Debug)]
pub struct Program {
    pub(super) file: File,
    /// The digest of its bytes, as messages have it; empty for the program that was started by somebody else.
    pub(super) digest: String,
}

impl Program {
    /// The program in `file`; `digest` is what messages call it.
    pub fn new(file: File, digest: impl Into<String>) -> Self {
        Self { file, digest: digest.into() }
    }

    /// The program that is running.
    pub fn running() -> io::Result<Self> {
        Ok(Self::new(File::open("/proc/self/exe")?, ""))
    }

    pub(super) fn name(&self) -> &str {
        if self.digest.is_empty() { "the program that was started first" } else { &self.digest }
    }

    /// A command that runs it with `arguments` and `input` as its standard input.
    fn command(&self, arguments: &[OsString], input: OwnedFd) -> Command {
        // Not by execveat(2): QEMU's emulation of other processors has none.
        let mut command = Command::new(format!("/proc/self/fd/{}", self.file.as_raw_fd()));
        command.arg0("galley").args(arguments).stdin(Stdio::from(input));
        command
    }

    /// Starts it with `input` as its standard input and `variable` in its environment, from which `without` is taken.
    pub(super) fn start(
        &self,
        arguments: &[OsString],
        input: OwnedFd,
        variable: (&str, &str),
        without: &[&str],
    ) -> io::Result<u32> {
        let mut command = self.command(arguments, input);
        command.env(variable.0, variable.1);
        for name in without {
            command.env_remove(name);
        }
        self.inherited(|| command.spawn()).map(|child| child.id())
    }

    /// Becomes it; returns only if that can't be done.
    pub(super) fn become_it(&self, arguments: &[OsString], input: OwnedFd, variable: (&str, &str)) -> io::Error {
        let mut command = self.command(arguments, input);
        command.env(variable.0, variable.1);
        match self.inherited(|| Ok(command.exec())) {
            Ok(error) | Err(error) => error,
        }
    }

    /// An emulator opens the file by the same path again, in the new process.
    fn inherited<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        fcntl_setfd(&self.file, FdFlags::empty())?;
        let done = work();
        fcntl_setfd(&self.file, FdFlags::CLOEXEC)?;
        done
    }
}
