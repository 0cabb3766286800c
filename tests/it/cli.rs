//! The command line itself: help, usage, and what bad input gets to hear.

use std::fs;

use crate::support::{Instance, Ran, TempSite, galley, run};

#[test]
fn help_names_the_verbs_and_each_verb_has_examples() {
    let help = run(&["--help"]);
    assert_eq!(help.code, 0);
    for verb in ["build", "serve", "package", "diff", "inspect", "health", "hook"] {
        assert!(help.output.contains(&format!("  {verb} ")), "{}", help.output);
        let own = run(&[verb, "--help"]);
        assert_eq!(own.code, 0);
        assert!(own.output.contains("Examples:"), "{}", own.output);
    }
    assert!(run(&["--version"]).output.starts_with("galley 0."));
}

#[test]
fn wrong_usage_ends_with_two() {
    for arguments in [
        &["nonsense"][..],
        &["build", "--nonsense"],
        &["package"],
        &["serve", "--listen", "nowhere"],
        &["serve", "--poll", "often", "--follow", "a/b"],
        &["serve", "--hook-secret-file", "x"],
        &["build", "--base-url", "blog.example"],
    ] {
        assert_eq!(run(arguments).code, 2, "{arguments:?}");
    }
    run(&["package", "--push", "Not A Reference"]).says(2, "is no image reference");
}

#[test]
fn what_is_not_there_is_named_with_the_remedy() {
    run(&["build", "/no/such/site"]).says(1, "/no/such/site: no such folder; name the folder of a site");
    run(&["serve", "/no/such/site"]).says(1, "/no/such/site: no such folder; name a site, a rendered folder, oci:DIR");
    run(&["serve", "sitte"]).says(1, "sitte: no such folder");
    let empty = TempSite::bare();
    run(&["build", empty.str()]).says(1, "is no site: it has no galley.toml, content/, posts/ or source/_posts/");
    run(&["serve", empty.str()]).says(1, "is neither a site");
    Ran::of(galley().arg("build").current_dir(empty.path())).says(1, "there is no site in this folder nor in site/");
    run(&["serve", &format!("oci:{}", empty.str())]).says(1, "is no OCI layout with an image in it");
}

#[test]
fn a_site_in_the_working_folder_is_the_default() {
    let place = TempSite::bare().file("site/content/a.md", "# A\n");
    let ran = Ran::of(galley().arg("build").current_dir(place.path()));
    ran.says(0, "rendered ");
    assert!(place.path().join("site/public/a/index.html").exists());
}

/// Flag, then variable, then file.
#[test]
fn flags_may_stand_in_the_sites_own_file() {
    let settings = "[serve]\nlisten = '127.0.0.1:0'\nmemory = '3M'\n";
    let site = TempSite::new().file("content/_index.md", "Welcome.\n").file("galley.toml", settings);
    for (flags, variable, limit) in [
        (&[][..], None, "the limit is 3.1 MB"),
        (&[], Some("5M"), "the limit is 5.2 MB"),
        (&["--memory", "7M"], Some("5M"), "the limit is 7.3 MB"),
    ] {
        let mut command = galley();
        command.args(["serve", site.str()]).args(flags).envs(variable.map(|size| ("GALLEY_MEMORY", size)));
        command.env_remove("GALLEY_LISTEN");
        let said = Instance::of(&mut command).stop();
        assert!(said.contains(limit), "{said}");
    }
    let site = TempSite::new().file("content/_index.md", "Welcome.\n").file("galley.toml", "[serve]\npoll = 'often'\n");
    run(&["serve", site.str()]).says(1, "galley.toml:2:8: 'poll': ");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    // Root reads everything: a folder in the place of the file is unreadable for everybody.
    let site = TempSite::bare().file("content/a.md", "# A\n");
    fs::create_dir_all(site.path().join("galley.toml/x")).unwrap();
    run(&["build", site.str()]).says(1, "galley.toml: ");
}

#[test]
fn a_folder_of_other_files_is_not_replaced() {
    let site = TempSite::new().file("content/a.md", "# A\n");
    let other = TempSite::bare().file("thesis.tex", "years");
    run(&["build", site.str(), "-o", other.str()]).says(1, "was not written by galley");
    assert_eq!(fs::read_to_string(other.path().join("thesis.tex")).unwrap(), "years");
}

#[test]
fn quiet_says_nothing_when_all_is_well() {
    let site = TempSite::new().file("content/a.md", "# A\n");
    let ran = run(&["build", "--quiet", site.str()]);
    assert_eq!((ran.code, ran.output.as_str(), ran.errors.as_str()), (0, "", ""));
}

#[test]
fn a_taken_port_is_said_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let site = TempSite::new().file("content/a.md", "# A\n");
    let ran = run(&["serve", site.str(), "--listen", &address]);
    ran.says(1, &format!("{address}: can't listen there; choose another address with --listen"));
}

#[test]
fn an_unreachable_registry_is_one_clear_message() {
    // Bound and dropped: nobody listens there now.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let reference = format!("{free}/blog");
    let message = format!("error: the registry {free} can't be reached: ");
    run(&["serve", &reference]).says(1, &message);
    run(&["serve", "--follow", &reference]).says(1, &message);
}

#[test]
fn bad_secret_files_are_refused() {
    let folder = TempSite::bare().file("empty", "\n");
    let empty = folder.path().join("empty");
    let serve = |secret: &str| {
        run(&["serve", "--follow", "127.0.0.1:1/x", "--listen", "127.0.0.1:0", "--hook-secret-file", secret])
    };
    serve(empty.to_str().unwrap()).says(1, "empty: is empty; write one secret a line");
    serve("/no/such/secret").says(1, "/no/such/secret: ");
}
