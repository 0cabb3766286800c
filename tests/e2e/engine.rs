//! The image in a real container engine.

use std::time::Instant;

use crate::parts::{Engine, Registry, dist, free_port};
use crate::support::{Connection, TempSite, run};

/// What a container of galley's needs: nothing. No root file system to write to, no capability, no new privileges.
pub(crate) const CONFINED: [&str; 6] =
    ["--network", "host", "--read-only", "--cap-drop=ALL", "--security-opt", "no-new-privileges"];

/// Runs `image` confined on a free port, looks at a page and stops it. A platform that is not the machine's is emulated.
pub(crate) fn look(engine: &Engine, image: &str, platform: Option<&str>, path: &str, text: &str) {
    let address = format!("127.0.0.1:{}", free_port());
    let listen = format!("GALLEY_LISTEN={address}");
    // The network is the host's, and so is the loopback.
    let probed = format!("127.0.0.1:{}", free_port());
    let control = format!("GALLEY_CONTROL={probed}");
    let run = ["run", "--detach", "--env", &listen, "--env", &control];
    let platform = platform.map(|platform| ["--platform", platform]);
    let arguments = [&run[..], &CONFINED, platform.as_ref().map_or(&[], |options| &options[..]), &[image]].concat();
    let container = engine.docker(&arguments);
    let started = Instant::now();
    while std::net::TcpStream::connect(&address).is_err() {
        let running = engine.docker(&["inspect", "--format", "{{.State.Running}}", &container]);
        assert!(running == "true" && started.elapsed().as_secs() < 30, "{}", engine.docker(&["logs", &container]));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let response = Connection::open(&address).request("GET", path, &[], "");
    assert!(response.text().contains(text), "{}", response.text());
    assert_eq!(Connection::open(&probed).request("GET", "/readyz", &[], "").status, 200);
    // What the health check of the image does.
    engine.docker(&["exec", &container, "/galley", "health", "--ready"]);
    let stopping = Instant::now();
    engine.docker(&["stop", &container]);
    // Docker kills after ten seconds: less means that the signal was heard.
    assert!(stopping.elapsed().as_secs() < 8);
    assert_eq!(engine.docker(&["inspect", "--format", "{{.State.ExitCode}}", &container]), "0");
}

pub(crate) fn docker_runs_the_image() {
    let (registry, engine) = (Registry::start(None), Engine::start());
    let site = TempSite::new().file("content/_index.md", "From an image.\n");
    let reference = format!("{}/me/blog:latest", registry.address);
    assert_eq!(run(&["package", site.str(), "--push", &reference]).code, 0);
    engine.docker(&["pull", &reference]);
    let user = engine.docker(&["inspect", "--format", "{{.Config.User}} {{.Architecture}}", &reference]);
    assert!(user.starts_with("65532:65532 "), "{user}");
    look(&engine, &reference, None, "/", "From an image.");
}

/// One reference, and each machine gets its own image by it; the pages are the same layer.
pub(crate) fn docker_runs_the_arm_images() {
    let (registry, engine) = (Registry::start(None), Engine::start());
    let site = TempSite::new().file("content/_index.md", "For every machine.\n");
    let reference = format!("{}/me/blog:latest", registry.address);
    let platforms = [("linux/arm64", "arm64"), ("linux/arm/v7", "arm v7"), ("linux/amd64", "amd64")];
    let binaries = platforms.map(|(platform, _)| format!("{platform}={}", dist(platform).display())).join(",");
    let all = platforms.map(|(platform, _)| platform).join(",");
    let arguments = ["package", site.str(), "--platform", &all, "--binary", &binaries, "--push", &reference];
    let pushed = run(&arguments);
    assert_eq!(pushed.code, 0, "{}", pushed.errors);
    let mut layers = Vec::new();
    for (platform, architecture) in platforms {
        engine.docker(&["pull", "--platform", platform, &reference]);
        let format = "{{.Architecture}} {{.Variant}}";
        let found = engine.docker(&["image", "inspect", "--format", format, &reference]);
        assert!(found.trim().starts_with(architecture), "{found}");
        look(&engine, &reference, Some(platform), "/", "For every machine.");
        let found = engine.docker(&["image", "inspect", "--format", "{{join .RootFS.Layers \" \"}}", &reference]);
        layers.push(found.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    }
    assert!(layers.iter().all(|layer| layer[1..] == layers[0][1..]), "{layers:?}");
    assert!(layers[0][0] != layers[1][0] && layers[0][0] != layers[2][0]);
}
