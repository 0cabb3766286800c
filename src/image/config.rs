//! An image's config: what it is and how a container of it is started (config.md).

use std::collections::BTreeMap;

use serde::Serialize;

use super::platform::Platform;
use crate::snapshot::Digest;

/// The port that an image listens on.
const PORT: u16 = 8080;
/// Where it answers probes: the container's own loopback, so that what is in the container may ask, nobody else.
const CONTROL: &str = "127.0.0.1:8081";
/// Where the state is kept.
const STATE: &str = "/var/lib/galley";
/// The release that an instance was started from, so that it knows whether what it finds elsewhere is newer.
const BAKED_SEQUENCE: &str = "GALLEY_BAKED_SEQUENCE";
/// Nanoseconds, as Docker counts times.
const SECOND: u64 = 1_000_000_000;

#[derive(Serialize)]
pub(super) struct Config<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<&'a str>,
    architecture: String,
    os: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    config: Execution,
    rootfs: RootFs,
}

/// config.md, "config". `Healthcheck` is Docker's addition to it; others pass it over.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Execution {
    user: &'static str,
    exposed_ports: BTreeMap<String, BTreeMap<(), ()>>,
    env: Vec<String>,
    entrypoint: [&'static str; 1],
    cmd: [&'static str; 2],
    healthcheck: Healthcheck,
    volumes: BTreeMap<&'static str, BTreeMap<(), ()>>,
    labels: BTreeMap<String, String>,
    stop_signal: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Healthcheck {
    test: [&'static str; 4],
    interval: u64,
    timeout: u64,
    start_period: u64,
}

#[derive(Serialize)]
struct RootFs {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: Vec<Digest>,
}

impl<'a> Config<'a> {
    /// The config for `platform`. Without a `sequence` the image holds the program alone.
    pub(super) fn new(
        platform: Platform,
        created: Option<&'a str>,
        labels: BTreeMap<String, String>,
        sequence: Option<u64>,
        diff_ids: Vec<Digest>,
    ) -> Self {
        let platform = platform.fields();
        Self {
            created,
            architecture: platform.architecture,
            os: platform.os,
            variant: platform.variant,
            config: Execution::new(labels, sequence),
            rootfs: RootFs { kind: "layers", diff_ids },
        }
    }
}

impl Execution {
    fn new(labels: BTreeMap<String, String>, sequence: Option<u64>) -> Self {
        let mut env = vec![format!("GALLEY_LISTEN=0.0.0.0:{PORT}"), format!("GALLEY_CONTROL={CONTROL}")];
        env.extend(sequence.map(|sequence| format!("{BAKED_SEQUENCE}={sequence}")));
        Self {
            user: "65532:65532",
            exposed_ports: BTreeMap::from([(format!("{PORT}/tcp"), BTreeMap::new())]),
            env,
            entrypoint: ["/galley"],
            cmd: ["serve", "/site"],
            healthcheck: Healthcheck {
                test: ["CMD", "/galley", "health", "--ready"],
                interval: 30 * SECOND,
                timeout: 5 * SECOND,
                start_period: 10 * SECOND,
            },
            volumes: BTreeMap::from([(STATE, BTreeMap::new())]),
            labels,
            stop_signal: "SIGTERM",
        }
    }
}
