//! The control page in a real browser, with scripts of its own forbidden: what an operator sees and presses.

use serde_json::{Value, json};

use crate::driver::Browser;
use crate::parts::{Registry, free_port};
use crate::support::{Instance, TempSite, run};

const TOKEN: &str = "a-token-that-nobody-guesses";

/// Presses the button that says `label`, and waits until the page that comes says `text`.
fn press(browser: &Browser, label: &str, text: &str) {
    let find = format!("[...document.querySelectorAll('button')].find(button => button.textContent === {label:?})");
    browser.wait(&format!("!!{find}"));
    browser.run(&format!("{find}.click()"));
    browser.wait(&format!("document.body.textContent.includes({text:?})"));
}

/// Whether the page is no wider than the window.
fn fits(browser: &Browser) -> Value {
    browser.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
}

/// An instance that follows a blog, with one release in its registry, and whose control page asks for a token.
pub(crate) struct Operated {
    instance: Instance,
    /// Where the control page is, `127.0.0.1:PORT`.
    pub(crate) control: String,
    site: TempSite,
    reference: String,
    // The state that the instance keeps, and what it follows.
    _place: TempSite,
    _registry: Registry,
}

impl Operated {
    pub(crate) fn start() -> Self {
        let registry = Registry::start(None);
        let reference = format!("{}/me/blog:latest", registry.address);
        let site = TempSite::new();
        publish(&site, &reference, "one");
        let place = TempSite::bare().file("token", TOKEN);
        let at = |name: &str| place.path().join(name).display().to_string();
        let control = format!("127.0.0.1:{}", free_port());
        let (state, token) = (at("state"), at("token"));
        let arguments = ["--follow", &reference, "--poll", "1h", "--state", &state, "--control-token-file", &token];
        let instance = Instance::with(&arguments, &[("GALLEY_CONTROL", &control)]);
        Self { instance, control, site, reference, _place: place, _registry: registry }
    }

    /// Signs in on the page that the browser shows.
    pub(crate) fn sign_in(&self, browser: &Browser) {
        browser.run(&format!("document.querySelector('input[name=token]').value = {TOKEN:?}"));
        press(browser, "Sign in", "Roll back");
    }
}

fn publish(site: &TempSite, reference: &str, text: &str) {
    site.write("content/_index.md", format!("Edition {text}.\n"));
    let ran = run(&["package", site.str(), "--push", reference]);
    assert_eq!(ran.code, 0, "{}", ran.errors);
}

pub(crate) fn a_rollback() {
    let operated = Operated::start();
    let instance = &operated.instance;
    publish(&operated.site, &operated.reference, "two");
    let browser = Browser::start();
    browser.open(&format!("http://{}/", operated.control));
    assert_eq!(browser.run("return document.querySelectorAll('.actions button').length"), json!(0));
    // Nothing but its own style sheet is loaded, and no script of its own could run.
    assert_eq!(browser.run("return document.scripts.length"), json!(0));
    browser.run("document.querySelector('input[name=token]').value = 'wrong'");
    press(&browser, "Sign in", "That is not the token.");
    operated.sign_in(&browser);
    press(&browser, "Look now", "The registry is asked now");
    instance.wait_for("/", "Edition two.");
    press(&browser, "Roll back", "Release 1 is served, and stays until it is unpinned.");
    assert!(instance.get("/").text().contains("Edition one."));
    press(&browser, "Unpin", "The latest release is served.");
    assert!(instance.get("/").text().contains("Edition two."));
    for (width, dark) in [(390, false), (390, true), (1280, false), (1280, true)] {
        let mode = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": mode}]});
        browser.command("Emulation.setEmulatedMedia", &features);
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500});
        browser.command("Emulation.setDeviceMetricsOverride", &size);
        assert_eq!(fits(&browser), json!(true), "{width} {mode}");
    }
    press(&browser, "Sign out", "Sign in");
    assert_eq!(browser.run("return document.querySelectorAll('.actions button').length"), json!(0));
}
