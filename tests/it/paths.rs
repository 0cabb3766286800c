//! Which addresses answer, where the others lead, and what is nobody's business.

use std::fs::remove_file;
use std::os::unix::fs::symlink;

use galley::serve::{Deployment, Public, Settings};
use galley::snapshot::{Entry, Tree, TreePath, freeze};

use crate::http::{instance, site};
use crate::server::Server;
use crate::support::{Connection, Instance, TempSite, run};

#[test]
fn paths_lead_where_they_should() {
    let site = site();
    let instance = instance(&site);
    for (path, status, location) in [
        ("/", 200, ""),
        ("/posts/%C3%BC-b/", 200, ""),
        ("/posts/a", 301, "./a/"),
        ("/posts/a?x=1", 301, "./a/?x=1"),
        ("/posts/a/index.html", 301, "./"),
        ("/posts/%C3%BC-b", 301, "./%C3%BC-b/"),
        ("/index.html", 301, "./"),
        ("/posts/a.html", 301, "./a/"),
        ("/posts/a.html?x", 301, "./a/?x"),
        ("/posts/a%2Ehtml", 301, "./a/"),
        ("/posts/%C3%BC-b.%68tml", 301, "./%C3%BC%2Db/"),
        ("/page", 301, "./page.html"),
        ("/page.html", 200, ""),
        ("/page.html/", 404, ""),
        ("/page.html.br", 404, ""),
        ("/old/", 301, "/posts/a/"),
        ("/old?x=1", 301, "/posts/a/?x=1"),
        ("/posts/./a/", 404, ""),
        ("/posts/%2e%2e%2fsmall.txt", 404, ""),
        ("/_redirects", 404, ""),
        ("/posts//a/", 404, ""),
        ("//", 404, ""),
        ("//posts/a", 404, ""),
        ("/nothing", 404, ""),
        ("/posts/../small.txt", 404, ""),
        ("/posts/%2e%2e/small.txt", 404, ""),
        ("/posts%2Fa/", 404, ""),
        ("/small.txt%00", 404, ""),
        ("/%ff", 404, ""),
        ("/posts/%252e%252e/small.txt", 404, ""),
        ("/posts%5ca/", 404, ""),
        ("/%5c%5cevil.example", 404, ""),
        ("/posts/%c0%ae%c0%ae/small.txt", 404, ""),
        ("/small.txt/", 404, ""),
        ("/_galley/", 404, ""),
        ("/_galley/hook/x", 404, ""),
    ] {
        let response = instance.get(path);
        assert_eq!((response.status, response.header("location")), (status, location), "{path}");
    }
    let long = format!("/{}", "a".repeat(3000));
    assert_eq!(instance.get(&long).status, 404);
}

#[test]
fn dot_files_are_nobodys_business_but_well_known_ones_are() {
    let mut tree = Tree::new();
    for path in ["index.html", ".env", "a/.git/config", ".well-known/x", ".well-known/.y", "b/.well-known/x"] {
        tree.insert(TreePath::new(path).unwrap(), Entry::new(path.into(), None)).unwrap();
    }
    let deployment = Deployment::new(freeze(&tree, None).unwrap());
    let server = Server::with(Public::new(deployment.into(), None), Settings::default(), Vec::new());
    for (path, status) in [
        ("/.env", 404),
        ("/a/.git/config", 404),
        ("/%2eenv", 404),
        ("/.well-known/x", 200),
        ("/.well-known/.y", 404),
        ("/b/.well-known/x", 200),
    ] {
        assert_eq!(server.open().request("GET", path, &[], "").status, status, "{path}");
    }
    let site = site().file("static/.well-known/security.txt", "Contact: a\n");
    let (ran, output) = site.build();
    assert!(ran.code == 0 && output.join(".galley-tree").is_file(), "{}", ran.errors);
    for instance in [Instance::start(&[output.to_str().unwrap()]), Instance::start(&[site.str()])] {
        assert_eq!(instance.get("/.galley-tree").status, 404);
        assert_eq!(instance.get("/.well-known/security.txt").text(), "Contact: a\n");
    }
}

/// Nothing but files is packed, and what is served is what is shipped.
#[test]
fn what_lies_behind_a_link_is_not_served() {
    let secret = TempSite::bare().file("secret.png", "secret").file("folder/index.html", "secret");
    for (name, target) in [
        ("file.txt", secret.path().join("secret.png")),
        ("folder", secret.path().join("folder")),
        ("own.txt", "real.png".into()),
        ("broken.txt", "none".into()),
    ] {
        let folder = TempSite::bare().file("index.html", "x").file("real.png", "real");
        symlink(target, folder.path().join(name)).unwrap();
        run(&["serve", "--listen", "127.0.0.1:0", folder.str()]).says(1, "is a symbolic link or special file");
    }
    // One that comes later, in the place of a file that is read when it is asked for.
    let folder = TempSite::bare().file("index.html", "x").file("real.png", "real!!");
    let instance = Instance::start(&["--memory", "0", folder.str()]);
    assert_eq!(instance.get("/real.png").text(), "real!!");
    remove_file(folder.path().join("real.png")).unwrap();
    symlink(secret.path().join("secret.png"), folder.path().join("real.png")).unwrap();
    symlink(secret.path().join("secret.png"), folder.path().join("later.png")).unwrap();
    for (path, status) in [("/real.png", 503), ("/later.png", 404)] {
        let response = instance.get(path);
        assert!(response.status == status && !response.text().contains("secret"), "{path}: {}", response.status);
    }
}

/// Whoever names the host does not say where a reader is led.
#[test]
fn locations_are_relative_whatever_the_host() {
    let site = site();
    let instance = instance(&site);
    for host in ["evil.example", "evil.example:8080", "[::1]", "blog.example"] {
        for (target, location) in [
            ("/posts/a", "./a/"),
            ("/old", "/posts/a/"),
            ("/index.html", "./"),
            ("http://evil.example/posts/a", "./a/"),
        ] {
            let mut connection = Connection::open(&instance.address);
            connection.send(&format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n"));
            assert_eq!(connection.response(false).unwrap().header("location"), location, "{host} {target}");
        }
    }
}

#[test]
fn canonical_addresses_are_those_that_answer() {
    let site = site();
    let instance = instance(&site);
    for path in ["/", "/posts/", "/posts/a/", "/posts/%C3%BC-b/"] {
        let text = instance.get(path).text();
        let (_, rest) = text.split_once("rel=\"canonical\" href=\"https://blog.example").expect(path);
        let canonical = rest.split('"').next().unwrap();
        assert_eq!(instance.get(canonical).status, 200, "{canonical}");
    }
}
