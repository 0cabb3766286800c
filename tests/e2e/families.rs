//! Settings of the system's network that are not everybody's, in a network of the test's own.

use std::process::Command;

use crate::support::TempSite;

/// Debian and most others let a socket of IPv6 take IPv4 as well; some turn that off.
pub(crate) fn both_families() {
    const SCRIPT: &str = "ip link set lo up
        echo 1 > /proc/sys/net/ipv6/bindv6only
        \"$0\" serve \"$1\" --listen :8080 &
        trap 'kill $!' EXIT
        for host in 127.0.0.1 '[::1]'; do
            curl --silent --show-error --fail --retry 10 --retry-delay 1 --retry-connrefused \"http://$host:8080/\"
        done
        trap - EXIT
        kill $!
        wait $!";
    let site = TempSite::new().file("content/_index.md", "Welcome.\n");
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-ec", SCRIPT, env!("CARGO_BIN_EXE_galley"), site.str()]);
    let ran = crate::support::Ran::of(&mut command);
    ran.says(0, "stopped");
    assert_eq!(ran.output.matches("Welcome.").count(), 2, "{}", ran.output);
}
