//! The Dockerfiles of the project and of a new blog: what can be held without a container engine.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{TempSite, run};

const FILES: [(&str, &str); 3] =
    [("Dockerfile", "linux/amd64"), ("Dockerfile.aarch64", "linux/arm64"), ("Dockerfile.armhf", "linux/arm/v7")];

fn are_equal_but_for_the_platform(folder: &Path) {
    // The comment at the top shows a command, which names the file.
    let instructions = FILES.map(|(name, platform)| {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let line = format!("ARG PLATFORM={platform}");
        assert_eq!(text.matches("ARG PLATFORM=").count(), 1, "{name}");
        assert!(text.lines().any(|own| own == line), "{name}: {line}");
        let lines = text.lines().skip_while(|line| line.starts_with('#')).map(|own| own.replace(&line, ""));
        lines.collect::<Vec<_>>()
    });
    assert_eq!(instructions[0], instructions[1]);
    assert_eq!(instructions[0], instructions[2]);
}

#[test]
fn the_projects_are_equal_but_for_the_platform() {
    are_equal_but_for_the_platform(Path::new(env!("CARGO_MANIFEST_DIR")));
}

#[test]
fn a_new_blogs_are_equal_but_for_the_platform_and_name_the_blog() {
    let place = TempSite::bare();
    let folder = place.path().join("A \"$HOME\" blog");
    run(&["new", folder.to_str().unwrap()]).says(0, "look at it");
    are_equal_but_for_the_platform(&folder);
    let text = fs::read_to_string(folder.join("Dockerfile")).unwrap();
    assert!(text.ends_with("LABEL org.opencontainers.image.title=\"A \\\"\\$HOME\\\" blog\"\n"), "{text}");
    assert!(!text.contains("{platform}") && !text.contains("{file}") && !text.contains("{title}"), "{text}");
    assert!(folder.join(".dockerignore").exists());
}

/// So an edited post recompiles nothing, and pushes nothing but pages.
#[test]
fn what_is_compiled_comes_before_the_pages() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Dockerfile")).unwrap();
    let at = |line: &str| text.find(line).unwrap_or_else(|| panic!("{line}"));
    let order = ["--dependencies", "COPY src src", "COPY site site", "check site", "\nFROM --platform=$PLATFORM"];
    assert!(order.map(at).is_sorted(), "{text}");
    let last = &text[at(order[4])..];
    let order = ["/out/galley /galley", "/var/lib/galley\n", "/out/site /site"];
    assert!(order.map(|line| last.find(line).unwrap()).is_sorted(), "{last}");
}

/// BuildKit tells the platform that was asked for, the classic builder tells nothing.
#[test]
#[cfg(unix)]
fn an_image_that_would_say_the_wrong_platform_is_not_built() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Dockerfile.armhf")).unwrap();
    let (_, after) = text.split_once("\nRUN say=").unwrap();
    let (script, _) = after.split_once("\n    fi\n").unwrap();
    let script = format!("say={script}\nfi");
    for (base, target, expected) in [
        ("scratch", "linux/arm/v7", None),
        ("scratch", "linux/amd64", Some("say --platform linux/arm/v7, or --build-arg BASE=")),
        ("scratch", "", Some("say DOCKER_BUILDKIT=1 and --platform linux/arm/v7, or --build-arg BASE=")),
        ("of/arm", "", None),
        ("of/arm", "linux/amd64", None),
    ] {
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).env("BASE", base).env("TARGETPLATFORM", target);
        let ran = shell.env("PLATFORM", "linux/arm/v7").env("BUILDPLATFORM", "linux/amd64").output().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.success(), expected.is_none(), "{base} {target}: {said}");
        assert!(said.contains(expected.unwrap_or_default()), "{base} {target}: {said}");
    }
}
