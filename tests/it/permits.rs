//! Who may change what is served: with a token, by the verbs and on the page, and nobody else.

use std::fs;
use std::time::{Duration, Instant};

use galley::snapshot::Tree;

use crate::control::Observed;
use crate::image::{image, tree, with};
use crate::notices::{COMMIT, committed};
use crate::releases::{Fleet, TOKEN, pages};
use crate::support::{Connection, PATIENCE, galley};

#[test]
fn what_changes_something_needs_the_token() {
    let mut fleet = Fleet::new();
    let followed = fleet.start(&[]);
    fleet.push("two");
    followed.does(&["deploy"], "the latest release is served");
    let bearer = |token: &str| format!("Bearer {token}");
    for (method, path, token, status) in [
        ("POST", "/api/rollback", "", 401),
        ("POST", "/api/rollback", "wrong", 401),
        ("POST", "/api/pin", "wrong", 401),
        ("POST", "/api/unpin", "wrong", 401),
        ("POST", "/api/deploy", "wrong", 401),
        ("GET", "/api/rollback", TOKEN, 405),
        ("GET", "/api/deploy", TOKEN, 405),
        ("GET", "/api/status", "", 200),
        ("GET", "/api/releases", "", 200),
        ("GET", "/api/other", TOKEN, 404),
        ("POST", "/api/pin", TOKEN, 200),
    ] {
        let answer = followed.control(method, path, &[("authorization", &bearer(token))], "");
        assert_eq!(answer.status, status, "{method} {path} {token}: {}", answer.text());
        assert!(!answer.text().contains(TOKEN));
    }
    let malformed = followed.control("POST", "/api/pin", &[("authorization", &bearer(TOKEN))], "{\"digest\": 3}");
    assert_eq!(malformed.status, 400);
    let wrong = fleet.place.path().join("wrong");
    fs::write(&wrong, "not-the-token\n").unwrap();
    let ran = followed.run(&["rollback", "--token-file", wrong.to_str().unwrap()]);
    ran.says(1, "the token is wrong or missing; name it by --token-file");
    assert!(followed.page().contains("two"));
    assert!(!followed.observed.stop().contains(TOKEN));
}

/// The value of the field called `name` in the first form that has it.
fn field(html: &str, name: &str) -> String {
    let rest = html.split(&format!("name={name} value=")).nth(1).unwrap();
    rest.split(['>', ' ']).next().unwrap().trim_matches('"').to_owned()
}

#[test]
fn the_page_changes_nothing_for_other_sites() {
    let mut fleet = Fleet::new();
    let followed = fleet.start(&[]);
    fleet.push("two");
    followed.does(&["deploy"], "the latest release is served");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let page = followed.control("GET", "/", &[], "");
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert!(page.text().contains("Sign in") && !page.text().contains("Roll back"));
    assert_eq!(followed.control("POST", "/login", &form, "token=wrong").status, 401);
    let login = followed.control("POST", "/login", &form, &format!("token={TOKEN}"));
    assert_eq!(login.status, 303);
    let cookie = login.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let signed_in = [form[0], ("cookie", &cookie)];
    let page = followed.control("GET", "/", &signed_in, "").text();
    assert!(page.contains("Roll back") && !page.contains(TOKEN));
    let own = field(&page, "form");
    for (headers, body) in [
        (&signed_in[..], "form=guessed&action=rollback".to_owned()),
        (&signed_in[..], "form=&action=rollback".to_owned()),
        (&form[..], format!("form={own}&action=rollback")),
    ] {
        assert_eq!(followed.control("POST", "/do", headers, &body).status, 403, "{body}");
    }
    assert_eq!(followed.control("GET", "/do", &signed_in, "").status, 405);
    assert!(followed.page().contains("two"));
    let pressed = followed.control("POST", "/do", &signed_in, &format!("form={own}&action=rollback"));
    assert_eq!(pressed.status, 303);
    assert!(followed.page().contains("one"));
    let page = followed.control("GET", "/", &signed_in, "").text();
    assert!(page.contains("Release 1 is served, and stays until it is unpinned."), "{page}");
    assert_eq!(followed.control("POST", "/logout", &signed_in, "").status, 303);
    assert_eq!(followed.control("POST", "/do", &signed_in, &format!("form={own}&action=unpin")).status, 403);
}

/// "Look now" is a hint like any other; what is held waits for the other button, which is there when it is of use.
#[test]
fn the_page_offers_what_can_be_done() {
    let mut fleet = Fleet::new();
    fleet.push_tree(&pages(40));
    let mut command = galley();
    command.env("GALLEY_BAKED_SEQUENCE", "1");
    let followed = fleet.start_by(command, &[]);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let login = followed.control("POST", "/login", &[form], &format!("token={TOKEN}"));
    let cookie = login.header("set-cookie").split(';').next().unwrap().to_owned();
    let signed_in = [form, ("cookie", &cookie)];
    let page = || followed.control("GET", "/", &signed_in, "").text();
    let press = |action: &str| {
        let body = format!("form={}&action={action}", field(&page(), "form"));
        assert_eq!(followed.control("POST", "/do", &signed_in, &body).status, 303);
    };
    let shown = page();
    assert!(!shown.contains("Serve the latest") && shown.contains("href=/metrics"), "{shown}");
    assert!(shown.contains("<dt>Image<dd>holds release 1"), "{shown}");
    fleet.push_image(&committed(&tree("small"), 3));
    press("look");
    let begun = Instant::now();
    while followed.status()["waiting"].is_null() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    let shown = page();
    assert!(shown.contains("Serve the latest") && shown.contains("held: it has 2 paths"), "{shown}");
    assert!(shown.contains(&format!("<code>{}</code>", &COMMIT[..12])), "{shown}");
    assert!(followed.page().contains("many"));
    press("deploy");
    assert!(followed.page().contains("small"));
    let listed = format!("installed; by hook, revision {}, 0 added, 1 changed, 40 removed", &COMMIT[..12]);
    followed.does(&["releases"], &listed);
    fleet.push_image(&image(&with(Tree::new(), "404.html", "gone"), 4));
    followed.does(&["deploy"], "is in quarantine");
    let shown = page();
    assert!(!shown.contains("Serve the latest"), "{shown}");
    // Each release can be served and pinned, but the one that is served, and the one of which nothing is kept.
    assert_eq!(["Serve", "Pin"].map(|label| shown.matches(&format!(">{label}</button>")).count()), [1, 3]);
}

#[test]
fn without_a_token_nothing_can_be_changed() {
    let fleet = Fleet::new();
    let reference = format!("{}/blog", fleet.registry.address);
    let observed = Observed::begin(&["--follow", &reference, "--state", &fleet.at("state")]).serving();
    let answer = Connection::open(&observed.control).request("POST", "/api/unpin", &[], "");
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("start the instance with --control-token-file"));
    assert!(observed.ask("/").text().contains("--control-token-file"));
}
