//! What the system knows of this process.

use std::fs;

use rustix::process::{Resource, getrlimit};

/// Memory that is in RAM, in bytes. `None` where there is no `/proc`.
pub(super) fn resident_memory() -> Option<u64> {
    resident_of(&fs::read_to_string("/proc/self/status").ok()?)
}

/// `VmRSS:     12345 kB`
fn resident_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Open file descriptors.
pub(super) fn open_files() -> Option<u64> {
    let all = fs::read_dir("/proc/self/fd").ok()?.count();
    // The one that reads the folder is among them.
    u64::try_from(all.saturating_sub(1)).ok()
}

/// How many file descriptors there may be; `None` without a limit.
pub(super) fn most_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_asked() {
        assert_eq!(resident_of("Name:\tgalley\nVmRSS:\t    123 kB\nVmData:\t1 kB\n"), Some(123 * 1024));
        assert_eq!(resident_of("Name:\tgalley\n"), None);
        let before = open_files().unwrap();
        assert!(resident_memory().unwrap() > 100_000 && before > 2 && most_files().unwrap() >= before);
    }
}
