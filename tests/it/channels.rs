//! Preview channels: who sees what a tag `preview-NAME` points at, and who does not.

use galley::registry::{Client, Outgoing, Transport};
use galley::snapshot::{Digest, Tree};

use crate::double::Registry;
use crate::follow::push;
use crate::image::{image, tree};
use crate::support::{Connection, Instance, Response, TempSite};

const SECRET: &str = "a-secret-of-previews-0123";

/// An instance that serves `public`, and knows previews.
struct Previewing {
    registry: Registry,
    instance: Instance,
    _place: TempSite,
}

impl Previewing {
    fn start(arguments: &[&str]) -> Self {
        let registry = Registry::start();
        push(&registry, &image(&tree("public"), 1), None);
        let place = TempSite::bare().file("secret", format!("{SECRET}\n"));
        let reference = format!("{}/blog", registry.address);
        let (file, state) = (place.path().join("secret"), place.path().join("state"));
        let own = ["--follow", &reference, "--poll", "1h", "-v", "--preview-secret-file", file.to_str().unwrap()];
        let instance = Instance::start(&[&own[..], &["--state", state.to_str().unwrap()], arguments].concat());
        Self { registry, instance, _place: place }
    }

    fn push(&self, name: &str, tree: &Tree, previous: Option<Digest>) -> Digest {
        let reference = format!("{}/blog:preview-{name}", self.registry.address).parse().unwrap();
        let client = Client::new(reference, Transport::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let image = image(tree, 7);
        runtime.block_on(client.push(&Outgoing::of(&image), previous)).unwrap();
        image.index.descriptor.digest
    }

    fn enter(&self, name: &str) -> Response {
        self.instance.get(&format!("/_galley/preview/{name}/{SECRET}/"))
    }

    /// The cookie that one gets there, as a browser sends it.
    #[track_caller]
    fn cookie(&self, name: &str) -> String {
        let entered = self.enter(name);
        assert_eq!((entered.status, entered.header("location")), (303, "/"), "{}", entered.text());
        let cookie = entered.header("set-cookie");
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax") && !cookie.contains(SECRET), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }

    fn get(&self, path: &str, cookie: &str) -> Response {
        self.instance.request("GET", path, &[("cookie", cookie)], "")
    }
}

#[test]
fn whoever_knows_the_secret_sees_the_preview_and_nobody_else() {
    let previewing = Previewing::start(&[]);
    previewing.push("spring", &tree("spring"), None);
    let cookie = previewing.cookie("spring");
    // On one connection: the first request goes the short way, the second leaves it.
    let mut connection = Connection::open(&previewing.instance.address);
    let everybody = connection.request("GET", "/", &[], "");
    assert_eq!((everybody.text().as_str(), everybody.header("x-robots-tag")), ("<p>public</p>", ""));
    for method in ["GET", "HEAD"] {
        let seen = connection.request(method, "/", &[("cookie", &format!("a=b; {cookie}"))], "");
        assert_eq!((seen.status, seen.header("x-robots-tag")), (200, "noindex, nofollow"));
        assert_eq!(seen.header("cache-control"), "no-store");
        assert_eq!(seen.text(), if method == "GET" { "<p>spring</p>" } else { "" });
    }
    assert_eq!(connection.request("GET", "/", &[], "").text(), "<p>public</p>");
    let missing = previewing.get("/missing", &cookie);
    assert_eq!((missing.status, missing.header("x-robots-tag")), (404, "noindex, nofollow"));
    let posted = previewing.instance.request("POST", "/", &[("cookie", &cookie)], "body");
    assert_eq!(posted.status, 405);
    for forged in ["galley-preview=spring", &cookie.replace("spring", "summer"), &cookie[..cookie.len() - 1]] {
        let seen = previewing.get("/", forged);
        assert_eq!((seen.text().as_str(), seen.header("x-robots-tag")), ("<p>public</p>", ""), "{forged}");
    }
    let left = previewing.get("/_galley/preview/leave", &cookie);
    assert_eq!((left.status, left.header("location")), (303, "/"));
    assert!(left.header("set-cookie").starts_with("galley-preview=; Max-Age=0; "), "{}", left.header("set-cookie"));
}

#[test]
fn a_wrong_secret_is_answered_as_nothing_and_asks_nobody() {
    let previewing = Previewing::start(&["--log", "json"]);
    previewing.push("spring", &tree("spring"), None);
    previewing.registry.take_log();
    for path in ["/_galley/preview/spring/wrong/", "/_galley/preview/spring/wrong", "/_galley/preview/spring/"] {
        let refused = previewing.instance.get(path);
        assert_eq!((refused.status, refused.header("set-cookie")), (404, ""), "{path}");
    }
    let odd = previewing.enter("..%2f..%2fother");
    assert_eq!(odd.status, 404);
    assert!(odd.text().contains("the name of a preview has letters"), "{}", odd.text());
    assert_eq!(previewing.registry.take_log(), Vec::<String>::new());
    let none = previewing.enter("none");
    assert_eq!(none.status, 404);
    let said = format!("there is no preview none: {}/blog:preview-none: ", previewing.registry.address);
    assert!(none.text().contains(&said), "{}", none.text());
    let cookie = previewing.cookie("spring");
    assert_eq!(previewing.get("/", &cookie).text(), "<p>spring</p>");
    let said = previewing.instance.stop();
    assert!(said.contains("a preview with a wrong secret was refused"), "{said}");
    assert!(!said.contains(SECRET) && !said.contains(cookie.split('=').nth(1).unwrap()), "{said}");
}

#[test]
fn to_visit_the_path_again_is_to_see_what_was_pushed_since() {
    let previewing = Previewing::start(&[]);
    let first = previewing.push("spring", &tree("spring"), None);
    let cookie = previewing.cookie("spring");
    assert_eq!(previewing.get("/", &cookie).text(), "<p>spring</p>");
    previewing.push("spring", &tree("later"), Some(first));
    previewing.registry.take_log();
    // Not at each request.
    assert_eq!(previewing.get("/", &cookie).text(), "<p>spring</p>");
    assert_eq!(previewing.registry.take_log(), Vec::<String>::new());
    assert_eq!(previewing.cookie("spring"), cookie);
    assert_eq!(previewing.get("/", &cookie).text(), "<p>later</p>");
    // Everybody's release has nothing to do with it.
    assert_eq!(previewing.instance.get("/").text(), "<p>public</p>");
}

#[test]
fn few_are_held_and_the_others_come_again_when_they_are_wanted() {
    let previewing = Previewing::start(&[]);
    let names = ["a", "b", "c", "d", "e"];
    let cookies: Vec<String> = names
        .iter()
        .map(|name| {
            previewing.push(name, &tree(name), None);
            previewing.cookie(name)
        })
        .collect();
    previewing.registry.take_log();
    assert_eq!(previewing.get("/", &cookies[4]).text(), "<p>e</p>");
    assert_eq!(previewing.registry.take_log(), Vec::<String>::new());
    assert_eq!(previewing.get("/", &cookies[0]).text(), "<p>a</p>");
    assert!(previewing.registry.take_log().iter().any(|line| line.ends_with("/manifests/preview-a")));
}

/// The cookie outlives the process; the secret's end is its end.
#[test]
fn a_restart_keeps_the_cookie() {
    let previewing = Previewing::start(&[]);
    previewing.push("spring", &tree("spring"), None);
    let cookie = previewing.cookie("spring");
    let (reference, place) = (format!("{}/blog", previewing.registry.address), TempSite::bare());
    let file = |name: &str, text: &str| {
        place.write(name, text);
        place.path().join(name).display().to_string()
    };
    let start = |file: &str| Instance::start(&["--follow", &reference, "--preview-secret-file", file]);
    let same = start(&file("same", &format!("another-secret-0123456789\n{SECRET}\n")));
    assert_eq!(same.request("GET", "/", &[("cookie", &cookie)], "").text(), "<p>spring</p>");
    let other = start(&file("other", "another-secret-0123456789\n"));
    assert_eq!(other.request("GET", "/", &[("cookie", &cookie)], "").text(), "<p>public</p>");
}
