//! `galley health`: the probe of a container.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::control::{Observed, site};
use crate::support::{Instance, Ran, galley, run};

#[test]
fn an_instance_that_serves_is_alive_and_ready() {
    let site = site();
    let instance = Observed::begin(&[site.str()]).serving();
    let address = &instance.control;
    run(&["health", address]).says(0, &format!("{address}: alive"));
    run(&["health", "--ready", address]).says(0, &format!("{address}: ready"));
    run(&["health", "--ready", &format!("http://{address}/")]).says(0, &format!("{address}: ready"));
    // As in an image: the listener's own variable says where it is, on all addresses perhaps.
    for host in ["127.0.0.1", "0.0.0.0", "localhost", ""] {
        let port = address.rsplit(':').next().unwrap();
        let ran = Ran::of(galley().args(["health", "--ready"]).env("GALLEY_CONTROL", format!("{host}:{port}")));
        ran.says(0, ": ready");
    }
    let quiet = run(&["health", "--quiet", address]);
    assert_eq!((quiet.code, quiet.output.as_str(), quiet.errors.as_str()), (0, "", ""));
    // Its public listener knows nothing of health.
    let public = run(&["health", &instance.address]);
    public.says(1, "there is no /healthz: it is not the control listener of an instance");
}

#[test]
fn an_instance_without_content_is_alive_and_not_ready() {
    // A registry that accepts and never answers.
    let registry = TcpListener::bind("127.0.0.1:0").unwrap();
    let instance = Observed::begin(&["--follow", &format!("{}/blog", registry.local_addr().unwrap())]);
    run(&["health", &instance.control]).says(0, ": alive");
    let ran = run(&["health", "--ready", &instance.control]);
    ran.says(1, &format!("error: {}: not ready: nothing is installed yet\n", instance.control));
    assert_eq!(ran.errors.lines().count(), 1, "{}", ran.errors);
}

#[test]
fn a_socket_in_a_folder_is_asked_too() {
    let site = site();
    let unix = format!("unix:{}", site.path().join("control.sock").display());
    run(&["health", &unix]).says(1, &format!("error: {unix}: no instance answers there: "));
    let _instance = Instance::start(&[site.str(), "--control", &unix]);
    run(&["health", "--ready", &unix]).says(0, &format!("{unix}: ready"));
}

#[test]
fn where_nobody_answers_is_said_within_a_bounded_time() {
    // Bound and dropped: nobody listens there now.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    run(&["health", &free]).says(1, &format!("error: {free}: no instance answers there: "));
    // Its queue takes the connection, and that is all.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let begin = Instant::now();
    let ran = run(&["health", &silent.local_addr().unwrap().to_string()]);
    ran.says(1, "no answer within 3 s");
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[test]
fn an_address_that_nobody_can_ask_is_said() {
    run(&["health"]).says(1, "GALLEY_CONTROL=off closes the control listener; name where to ask");
    for (address, part) in [
        ("https://127.0.0.1:8081", "the control listener does not speak TLS; name it as http://HOST:PORT or unix:PATH"),
        ("http://127.0.0.1:8081/readyz", "name no path behind the address"),
        ("8081", "`8081` is no address"),
    ] {
        run(&["health", address]).says(2, part);
    }
}
