//! Where credentials come from, and that nobody sees them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use galley::registry::Outgoing;

use super::client;
use crate::double::{Account, Registry};
use crate::image::{image, tree};
use crate::support::{Instance, Ran, TempSite, galley, wait};

const SECRET: &str = "hunter2-secret";

fn registry(account: Account) -> Registry {
    let registry = Registry::start();
    wait(client(&registry).push(&Outgoing::of(&image(&tree("hello"), 1)), None)).unwrap();
    registry.with_tokens(account)
}

fn password() -> Account {
    Account { password: Some(("me".to_owned(), SECRET.to_owned())), ..Account::default() }
}

/// `galley serve` of what is in `registry`.
fn serve(registry: &Registry, variables: &[(&str, &str)]) -> Command {
    let mut command = galley();
    command.args(["-v", "serve", &format!("{}/blog", registry.address)]).envs(variables.iter().copied());
    command
}

#[track_caller]
fn is_served(registry: &Registry, variables: &[(&str, &str)]) {
    let instance = Instance::of(&mut serve(registry, variables));
    assert_eq!(instance.get("/").text(), "<p>hello</p>");
    assert!(!instance.stop().contains(SECRET));
}

#[track_caller]
fn is_refused(registry: &Registry, variables: &[(&str, &str)], expected: &str) {
    let ran = Ran::of(&mut serve(registry, variables));
    ran.says(1, expected);
    assert!(!ran.errors.contains(SECRET) && !ran.errors.contains("wrong-password"), "{}", ran.errors);
}

/// A folder with docker's configuration.
fn docker(config: &str) -> TempSite {
    TempSite::bare().file("config.json", config)
}

#[test]
fn a_registry_that_asks_for_tokens_gets_the_credentials_and_nobody_sees_them() {
    let registry = registry(password());
    is_refused(&registry, &[], "refuses access to blog with no credentials; set GALLEY_REGISTRY_USER");
    let wrong = [("GALLEY_REGISTRY_USER", "me"), ("GALLEY_REGISTRY_PASSWORD", "wrong-password")];
    let tried = "refuses access to blog with GALLEY_REGISTRY_USER and GALLEY_REGISTRY_PASSWORD; set";
    registry.take_log();
    is_refused(&registry, &wrong, tried);
    // Once, or accounts are locked.
    assert_eq!(registry.take_log().iter().filter(|line| line.contains("/token")).count(), 1);
    is_served(&registry, &[("GALLEY_REGISTRY_USER", "me"), ("GALLEY_REGISTRY_PASSWORD", SECRET)]);
}

#[test]
fn a_password_may_lie_in_a_file() {
    let registry = registry(password());
    let folder = TempSite::bare().file("password", format!("{SECRET}\r\n"));
    let file = folder.path().join("password");
    let variables = [("GALLEY_REGISTRY_USER", "me"), ("GALLEY_REGISTRY_PASSWORD_FILE", file.to_str().unwrap())];
    is_served(&registry, &variables);
    is_refused(&registry, &variables[1..], "GALLEY_REGISTRY_PASSWORD_FILE is set, but GALLEY_REGISTRY_USER is not");
    fs::write(&file, "wrong-password").unwrap();
    is_refused(&registry, &variables, "with GALLEY_REGISTRY_USER and GALLEY_REGISTRY_PASSWORD_FILE; set");
}

#[test]
fn a_registry_without_tokens_gets_the_password_itself() {
    let registry = registry(Account { basic: true, ..password() });
    is_served(&registry, &[("GALLEY_REGISTRY_USER", "me"), ("GALLEY_REGISTRY_PASSWORD", SECRET)]);
    registry.take_log();
    let wrong = [("GALLEY_REGISTRY_USER", "me"), ("GALLEY_REGISTRY_PASSWORD", "wrong-password")];
    is_refused(&registry, &wrong, "refuses access to blog with GALLEY_REGISTRY_USER and GALLEY_REGISTRY_PASSWORD; set");
    assert_eq!(registry.take_log().len(), 2);
}

#[test]
fn what_docker_login_left_is_used() {
    use base64::Engine;
    let registry = registry(password());
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("me:{SECRET}"));
    let folder = docker(&format!(r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, registry.address));
    is_served(&registry, &[("DOCKER_CONFIG", folder.str())]);
    let wrong = base64::engine::general_purpose::STANDARD.encode("me:wrong-password");
    let folder = docker(&format!(r#"{{"auths":{{"{}":{{"auth":"{wrong}"}}}}}}"#, registry.address));
    is_refused(&registry, &[("DOCKER_CONFIG", folder.str())], "refuses access to blog with docker's config.json; set");
    let folder = docker(&format!("{{\"auths\": \"{SECRET}\"}}"));
    let broken = "docker's config.json can't be read at 1:";
    is_refused(&registry, &[("DOCKER_CONFIG", folder.str())], broken);
}

#[test]
fn an_identity_token_is_exchanged() {
    let registry = registry(Account { identity: Some(SECRET.to_owned()), ..Account::default() });
    let address = &registry.address;
    let folder = docker(&format!(r#"{{"auths":{{"{address}":{{"identitytoken":"{SECRET}"}}}}}}"#));
    is_served(&registry, &[("DOCKER_CONFIG", folder.str())]);
    assert!(registry.take_log().contains(&"POST /token".to_owned()));
    // A helper says so by the user's name.
    let folder = docker(&format!(r#"{{"credHelpers":{{"{address}":"test"}}}}"#));
    let helper = Helper::that(&format!(r#"echo '{{"ServerURL":"x","Username":"<token>","Secret":"{SECRET}"}}'"#));
    is_served(&registry, &[("DOCKER_CONFIG", folder.str()), ("PATH", &helper.path())]);
}

/// A credential helper by the name of `test`, alone on the path but for the system's.
struct Helper(TempSite);

impl Helper {
    fn that(does: &str) -> Self {
        // Only who is asked for the right host answers.
        let script =
            format!("#!/bin/sh\nread -r host\n[ \"$1\" = get ] || exit 3\necho \"$host\" > \"$0.asked\"\n{does}\n");
        let folder = TempSite::bare().file("docker-credential-test", script);
        let file = folder.path().join("docker-credential-test");
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn path(&self) -> String {
        format!("{}:/usr/bin:/bin", self.0.str())
    }

    /// The host that it was asked for.
    fn asked(&self) -> String {
        fs::read_to_string(self.0.path().join("docker-credential-test.asked")).unwrap_or_default().trim().to_owned()
    }
}

#[test]
fn a_credential_helper_is_asked() {
    let registry = registry(password());
    let folder = docker(r#"{"credsStore":"test"}"#);
    let with =
        |helper: &Helper| [("DOCKER_CONFIG".to_owned(), folder.str().to_owned()), ("PATH".to_owned(), helper.path())];
    let served = Helper::that(&format!(r#"echo '{{"ServerURL":"x","Username":"me","Secret":"{SECRET}"}}'"#));
    let variables = with(&served);
    let variables = variables.each_ref().map(|(name, value)| (name.as_str(), value.as_str()));
    is_served(&registry, &variables);
    assert_eq!(served.asked(), registry.address);

    for (does, expected) in [
        (
            r#"echo '{"Username":"me","Secret":"wrong-password"}'"#,
            "refuses access to blog with docker-credential-test; set",
        ),
        ("echo 'credentials not found in native keychain'; exit 1", "refuses access to blog with no credentials"),
        ("echo hunter2-secret; exit 1", "docker-credential-test, which docker's config.json names for 127.0.0.1:"),
        ("echo hunter2-secret; exit 1", " failed; run `echo 127.0.0.1:"),
        ("echo hunter2-secret", "answers with no credentials"),
    ] {
        let helper = Helper::that(does);
        let variables = with(&helper);
        is_refused(&registry, &variables.each_ref().map(|(name, value)| (name.as_str(), value.as_str())), expected);
    }
    let nowhere = [("DOCKER_CONFIG", folder.str()), ("PATH", "/nonexistent")];
    is_refused(&registry, &nowhere, "docker-credential-test, which docker's config.json names for");
}

#[test]
fn a_helper_is_not_run_where_nobody_asks_who_we_are() {
    let registry = Registry::start();
    wait(client(&registry).push(&Outgoing::of(&image(&tree("hello"), 1)), None)).unwrap();
    let folder = docker(r#"{"credsStore":"no-such-helper"}"#);
    is_served(&registry, &[("DOCKER_CONFIG", folder.str())]);
}

#[test]
fn the_home_folder_is_looked_into_if_nothing_else_is_named() {
    use base64::Engine;
    let registry = registry(password());
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("me:{SECRET}"));
    let config = format!(r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, registry.address);
    let home = TempSite::bare().file(".docker/config.json", config);
    is_served(&registry, &[("HOME", home.str())]);
}

/// A realm may send its clients on; the password is meant for the one that the registry names.
#[test]
fn where_the_realm_sends_us_learns_no_password() {
    let registry = registry(Account { moved: true, takes_no_password: true, ..Account::default() });
    is_served(&registry, &[("GALLEY_REGISTRY_USER", "me"), ("GALLEY_REGISTRY_PASSWORD", SECRET)]);
    let asked: Vec<_> = registry.take_log().into_iter().filter(|line| !line.contains("/v2/")).collect();
    assert!(asked[0].starts_with("GET /moved?") && asked[1].starts_with("GET /token?"), "{asked:#?}");
}
