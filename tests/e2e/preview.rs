//! The preview in a real browser: what a writer sees.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::json;

use crate::driver::Browser;
use crate::network::Network;
use crate::support::{Instance, TempSite, galley};

fn post(text: &str) -> String {
    // Long enough to be scrolled.
    let paragraphs = "Ropes and sails.\n\n".repeat(120);
    format!("---\ntitle: A\ndate: 2024-01-01\n---\n{paragraphs}\n\n{text}\n")
}

/// A preview of a post, open in a browser that has scrolled down and left a mark in the page: a reload takes it away.
fn open() -> (TempSite, Instance, Browser) {
    open_with("First.")
}

/// The same of a post that ends with `text`.
fn open_with(text: &str) -> (TempSite, Instance, Browser) {
    let site = TempSite::new().file("content/posts/a.md", post(text));
    let preview = Instance::preview(&[site.str()]);
    let browser = Browser::start();
    browser.open(&format!("http://{}/posts/a/", preview.address));
    browser.run("scrollTo(0, 700); window.mark = 1");
    browser.wait("scrollY === 700");
    (site, preview, browser)
}

pub(crate) fn an_edit() {
    let (site, _preview, browser) = open();
    browser.run("window.first = document.querySelector('main p'); document.querySelector('h1').typed = 1");
    site.write("content/posts/a.md", post("Second."));
    browser.wait("document.body.textContent.includes('Second.')");
    // What is the same is the same still, and nothing is left of what was.
    let kept = "return [window.mark, scrollY, document.querySelector('main p') === window.first,
        document.querySelector('h1').typed, document.body.textContent.includes('First.')]";
    assert_eq!(browser.run(kept), json!([1, 700, true, 1, false]));
    // The page is the one that a reader would get.
    assert_eq!(browser.run(AS_LOADED), json!(true));
    // Another page's edit changes nothing here.
    browser.run("window.mark = 2");
    site.write("content/posts/other.md", "---\ntitle: B\n---\nText.\n");
    // Paragraphs come, go and change places, and so do a title and its description.
    for (title, text) in
        [("B", "Third.\n\n- one\n- two"), ("B", "- one\n- *two*\n\nFourth."), ("C", "Fifth.\n\n| a |\n|---|\n| b |")]
    {
        site.write(
            "content/posts/a.md",
            post(text).replace("title: A", &format!("title: {title}\ndescription: {text:?}")),
        );
        let last = text.split_whitespace().find(|word| word.ends_with('.')).unwrap();
        browser.wait(&format!("document.body.textContent.includes('{last}') && document.title.startsWith('{title}')"));
        assert_eq!(browser.run(AS_LOADED), json!(true), "{text}");
    }
    assert_eq!(browser.run("return [window.mark, scrollY]"), json!([2, 700]));
}

/// Whether the page is node for node what a browser that loads it now would have, but for what its scripts do.
const AS_LOADED: &str = "const request = new XMLHttpRequest();
    request.open('GET', location.href, false);
    request.send();
    const fresh = new DOMParser().parseFromString(request.responseText, 'text/html');
    const headOf = (page) => {
      const head = page.head.cloneNode(true);
      // One that was swapped has another address.
      for (const sheet of head.querySelectorAll('link[rel~=stylesheet]')) sheet.replaceWith('sheet');
      return head;
    };
    return document.body.isEqualNode(fresh.body) && headOf(document).isEqualNode(headOf(fresh))";

/// What a script has made of a page can't be made again in place; what it does not work on can.
pub(crate) fn an_edit_of_a_page_with_scripts() {
    const CODE: &str = "\n\n```rust\nlet a = 1;\n```\n";
    let first = format!("First.{CODE}");
    let (site, _preview, browser) = open_with(&first);
    browser.wait("document.querySelector('.highlight .copy')");
    let edit = |text: &str| {
        browser.run("scrollTo(0, 700); window.mark = 1");
        site.write("content/posts/a.md", post(text));
        let last = text.split_inclusive('.').next().unwrap();
        browser.wait(&format!("document.body.textContent.includes('{last}')"));
        browser.wait("document.readyState === 'complete'");
        browser.run("return [window.mark ?? 0, scrollY, document.querySelectorAll('.copy').length]")
    };
    assert_eq!(edit(&format!("Second.{CODE}")), json!([1, 700, 1]));
    assert_eq!(edit(&format!("Third.{}", CODE.replace('1', "2"))), json!([0, 700, 1]));
    assert_eq!(edit(&format!("Fourth.{CODE}{CODE}")), json!([0, 700, 2]));
    // Without code there is no script any more, and then one that says nothing of what it works on.
    assert_eq!(edit("Fifth."), json!([0, 700, 0]));
    assert_eq!(edit("Sixth."), json!([1, 700, 0]));
    let own = "\n\n<script>document.querySelector('h1').title = 'x'</script>\n";
    assert_eq!(edit(&format!("Seventh.{own}")), json!([0, 700, 0]));
    assert_eq!(edit(&format!("Eighth.{own}")), json!([0, 700, 0]));
}

pub(crate) fn a_style_sheet() {
    let (site, _preview, browser) = open();
    site.write("themes/own/theme.toml", "parent = \"default\"\nfingerprint = true\n");
    site.write("themes/own/static/style.css", "body { color: rgb(1, 2, 3); margin: 0 } main { font-size: 18px }");
    site.write("galley.toml", "title = \"Test\"\ntheme = \"own\"\n");
    browser.wait("getComputedStyle(document.body).color === 'rgb(1, 2, 3)'");
    browser.wait("document.readyState === 'complete'");
    browser.run("scrollTo(0, 650); window.mark = 1");
    site.write("themes/own/static/style.css", "body { color: rgb(4, 5, 6); margin: 0 } main { font-size: 18px }");
    browser.wait("getComputedStyle(document.body).color === 'rgb(4, 5, 6)'");
    browser.wait("document.querySelectorAll('link[rel=stylesheet]').length === 1");
    assert_eq!(browser.run("return [window.mark, scrollY]"), json!([1, 650]));
    // A second time, over the sheet that was swapped in.
    site.write("themes/own/static/style.css", "body { color: rgb(7, 8, 9); margin: 0 } main { font-size: 18px }");
    browser.wait("getComputedStyle(document.body).color === 'rgb(7, 8, 9)'");
    assert_eq!(browser.run("return [window.mark, scrollY]"), json!([1, 650]));
}

pub(crate) fn an_error() {
    let (site, _preview, browser) = open();
    site.write("content/posts/b.md", "---\ntitle: [x\n---\n");
    browser.wait("document.querySelector('galley-preview')");
    let text = "document.querySelector('galley-preview').shadowRoot.textContent";
    let said = browser.run(&format!("return {text}"));
    let said = said.as_str().unwrap();
    for part in ["1 error in the site", "content/posts/b.md:2:8", "unclosed bracket", "2  title: [x\n          ^"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // No policy of the page's forbids its looks: it lies over everything.
    let style = "const style = getComputedStyle(document.querySelector('galley-preview')); return [style.position, style.display]";
    assert_eq!(browser.run(style), json!(["fixed", "grid"]));
    site.write("content/posts/b.md", "---\ntitle: B\n---\nMended.\n");
    browser.wait("!document.querySelector('galley-preview')");
    // Of the page below nothing has changed but what stands beside it.
    browser.wait("document.readyState === 'complete'");
    assert_eq!(browser.run("return scrollY"), json!(700));
}

pub(crate) fn a_restart() {
    let (site, preview, browser) = open();
    let address = preview.address.clone();
    preview.stop();
    site.write("content/posts/a.md", post("Meanwhile."));
    let _preview = Instance::preview(&[site.str(), "--listen", &address]);
    browser.wait("document.body.textContent.includes('Meanwhile.')");
    assert_eq!(browser.run("return window.mark ?? 0"), json!(0));
}

/// 390 points wide, as a phone of today is.
pub(crate) fn an_error_on_a_phone() {
    let (site, _preview, browser) = open();
    let screen = json!({ "width": 390, "height": 844, "deviceScaleFactor": 3, "mobile": true });
    browser.command("Emulation.setDeviceMetricsOverride", &screen);
    let [name, key] = ["and-so-on", "word"].map(|part| part.repeat(20));
    site.write(&format!("content/{name}.md"), format!("---\ntitle: T\n{key}: 1\n---\n{{{{ {key}() }}}}\n"));
    site.write("content/b.md", format!("---\ntitle: [{key} {key}\n---\n"));
    browser.wait("document.querySelector('galley-preview')?.shadowRoot.querySelectorAll('li').length > 1");
    assert_eq!(browser.run("return innerWidth"), json!(390));
    // Only source lines are longer, and are moved within themselves.
    const WIDER: &str = "const host = document.querySelector('galley-preview'), wider = [];
        if (host.scrollWidth > host.clientWidth) wider.push('the overlay');
        for (const part of host.shadowRoot.querySelectorAll(':not(pre, pre *)')) {
            const { left, right } = part.getBoundingClientRect();
            if (left < 0 || right > 390 || part.scrollWidth > part.clientWidth && part.clientWidth)
                wider.push(part.localName);
        }
        for (const line of host.shadowRoot.querySelectorAll('pre')) {
            if (line.getBoundingClientRect().right > 390) wider.push('pre');
        }
        return wider";
    const COLOURS: &str = "const { color, backgroundColor } =
        getComputedStyle(document.querySelector('galley-preview').shadowRoot.querySelector('section'));
        return [color, backgroundColor]";
    let colours = ["light", "dark"].map(|scheme| {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.command("Emulation.setEmulatedMedia", &features);
        assert_eq!(browser.run(WIDER), json!([]), "{scheme}");
        browser.run(COLOURS)
    });
    assert!(colours[0][0] != colours[1][0] && colours[0][1] != colours[1][1], "{colours:?}");
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already: both errors mean just that.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn from_a_phone() {
    let network = Network::new();
    let site = TempSite::new().file("content/posts/a.md", post("Seen by a phone."));
    for (flags, is_seen) in [(&["--lan"][..], true), (&[], false)] {
        let mut command = galley();
        command.args(["preview", site.str()]).args(flags);
        let mut command = network.at_the_desk(&command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut preview = Running(command.spawn().unwrap());
        let mut lines = BufReader::new(preview.0.stdout.take().unwrap()).lines();
        let mut line = || lines.next().unwrap_or_else(|| panic!("it ended: {flags:?}")).unwrap();
        let here = line();
        let port = here.strip_prefix("http://127.0.0.1:").unwrap_or_else(|| panic!("{here}"));
        let url = format!("http://{}:{port}", Network::DESK);
        let printed = if is_seen { line() } else { url.clone() };
        let page = network.get_by_phone(&format!("{printed}/posts/a/"));
        assert_eq!(printed, url);
        assert_eq!(page.map(|page| page.contains("Seen by a phone.")), is_seen.then_some(true), "{flags:?}");
    }
}
