//! Where `galley package` writes besides a registry: files that are none, links, and folders that are written to again and again.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use galley::image::{Platform, layout_images, read_layout};

use galley::snapshot::Digest;

use crate::double::Registry;
use crate::package::{Workshop, announced, images};
use crate::support::{Ran, TempSite, galley, program, run};

/// The names in a tar.
fn names(tar: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(tar);
    archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
}

#[test]
fn an_archive_goes_into_pipes_and_behind_links() {
    let workshop = Workshop::new();
    let file = workshop.at("blog.tar");
    workshop.package(&["--tar", file.to_str().unwrap()]).says(0, "wrote ");
    let expected = fs::read(&file).unwrap();
    assert!(names(&expected).contains(&"manifest.json".to_owned()));

    // Standard output holds the archive and nothing else.
    for name in ["-", "/dev/stdout"] {
        let mut command = galley();
        command
            .env_remove("GALLEY_PLATFORM")
            .args(["package", workshop.site.str(), "--tar", name])
            .args(workshop.binaries());
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.contains("wrote standard output: "), "{said}");
        assert!(output.stdout == expected, "{name}: {} bytes", output.stdout.len());
        assert!(said.lines().any(|line| line.starts_with("sha256:")), "{said}");
    }

    let pipe = workshop.at("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).unwrap()
    });
    workshop.package(&["--tar", pipe.to_str().unwrap()]).says(0, "wrote ");
    assert!(reader.join().unwrap() == expected);
    assert!(!fs::metadata(&pipe).unwrap().is_file());

    for (link, target) in [("link", "blog.tar"), ("dangling", "new.tar")] {
        let link = workshop.at(link);
        symlink(target, &link).unwrap();
        if target == "blog.tar" {
            fs::write(&file, "an older one").unwrap();
        }
        workshop.package(&["--tar", link.to_str().unwrap()]).says(0, "wrote ");
        assert!(link.is_symlink() && fs::read(workshop.at(target)).unwrap() == expected);
    }
}

fn blobs(folder: &Path) -> usize {
    fs::read_dir(folder.join("blobs/sha256")).unwrap().count()
}

#[test]
fn a_folder_keeps_this_image_and_the_one_before() {
    let workshop = Workshop::new();
    let folder = workshop.at("image");
    workshop.oci(&[]).says(0, "wrote oci:");
    // Programs, base, configs, manifests, index.
    let one = blobs(&folder);
    assert_eq!(one, 3 + 1 + 3 + 3 + 1);
    fs::write(folder.join("blobs/sha256/left.galley-1"), "by one that was killed").unwrap();
    for text in ["one", "two", "three", "four"] {
        let before = read_layout(&folder).unwrap();
        workshop.edit(text);
        workshop.oci(&["--full"]).says(0, "wrote oci:");
        // All but the programs twice.
        assert_eq!(blobs(&folder), 2 * one - 3, "{text}");
        // Whoever reads the one before comes to its end.
        for descriptor in &before.index.manifests {
            let manifest = before.manifest(descriptor).unwrap();
            manifest.layers.iter().chain([&manifest.config]).for_each(|blob| drop(before.blob(blob).unwrap()));
        }
    }
    assert_eq!(layout_images(&folder).unwrap().images.len(), 1);
    run(&["inspect", &format!("oci:{}", folder.display())]).says(0, "");
}

#[test]
fn two_who_write_into_one_folder_leave_a_whole_image() {
    let workshop = Workshop::new();
    let folder = workshop.at("image").display().to_string();
    for text in ["one", "two", "three"] {
        workshop.edit(text);
        let writers: Vec<_> = ["Test", "Other", "Third"]
            .into_iter()
            .map(|title| {
                let site = TempSite::bare().file("index.html", format!("{title} {text}"));
                let mut command = galley();
                command
                    .env_remove("GALLEY_PLATFORM")
                    .args(["package", site.str(), "--full", "--oci", &folder])
                    .args(workshop.binaries());
                command.stdout(Stdio::null()).stderr(Stdio::piped());
                (command.spawn().unwrap(), site)
            })
            .collect();
        for (writer, _site) in writers {
            Ran::from(writer.wait_with_output().unwrap()).says(0, "wrote oci:");
        }
        run(&["inspect", &format!("oci:{folder}")]).says(0, "");
    }
}

/// The bytes that are said are those that are moved.
#[test]
fn what_is_said_to_be_moved_is_what_is_moved() {
    let (workshop, registry) = (Workshop::new(), Registry::start());
    // Programs that don't get smaller.
    for platform in Platform::ALL {
        let parts = (0..1000u32)
            .map(|number| Digest::of(&[platform.folder().as_bytes(), &number.to_le_bytes()].concat()).to_string());
        fs::write(workshop.at(platform.folder()), program(platform, &parts.collect::<String>())).unwrap();
    }
    let at = |repository: &str| format!("{}/{repository}", registry.address);
    let copy = workshop.at("copy").display().to_string();
    workshop.package(&["--push", &at("blog"), "--oci", &copy]).says(0, "wrote oci:");
    workshop.edit("one word");
    let ran = workshop.package(&["--push", &at("blog"), "--oci", &copy]);
    let line = ran.errors.lines().find(|line| line.starts_with("wrote oci:")).unwrap();
    let written = line.rsplit_once(": ").unwrap().1;
    let (number, rest) = written.split_once(' ').unwrap();
    assert!(rest.starts_with("KB of ") && number.parse::<f64>().unwrap() < 12.0, "{line}");

    // What the registry takes over from the base's repository is not sent.
    let elsewhere = images(Path::new(&copy)).1;
    let programs = elsewhere.iter().map(|manifest| manifest.layers[0].size).sum::<u64>();
    let own = workshop.own_binary();
    let sent = workshop.bare(&[&own, "--push", &at("other"), "--base", &at("blog")]);
    sent.says(0, "pushed ");
    let all = workshop.package(&["--push", &at("third")]);
    let own = images(Path::new(&copy)).1[0].layers[0].size;
    let difference = announced(&all) - announced(&sent);
    assert!((difference - (programs - own) as f64).abs() < 2_000.0, "{difference} {programs}\n{}", sent.errors);
}
