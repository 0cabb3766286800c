//! The programs of other platforms, pulled side by side: from a base, and from the image before where a copy is to be whole.

use std::fs;

use galley::image::{Descriptor, Platform, layout_content};
use galley::snapshot::Digest;

use crate::double::Registry;
use crate::package::{Workshop, images};
use crate::support::{Ran, program};

/// A registry with an image of programs, and a blog whose author has the one for this machine.
struct Scene {
    workshop: Workshop,
    registry: Registry,
    /// The layers of the programs for other machines.
    others: Vec<(Platform, Descriptor)>,
}

impl Scene {
    fn new() -> Self {
        let (workshop, registry) = (Workshop::new(), Registry::start());
        for platform in Platform::ALL {
            // Digests don't get smaller: the line can be cut in the middle of them.
            let parts = (0..2000).map(|number| Digest::of(format!("{platform} {number}").as_bytes()).to_string());
            fs::write(workshop.at(platform.folder()), program(platform, &parts.collect::<String>())).unwrap();
        }
        let (reference, copy) = (format!("{}/galley", registry.address), workshop.at("base"));
        workshop.base(&["--push", &reference, "--oci", copy.to_str().unwrap()]);
        let layers =
            Platform::ALL.into_iter().zip(images(&copy).1).map(|(platform, image)| (platform, image.layers[0].clone()));
        let own = Platform::of_this_program();
        let others = layers.filter(|(platform, _)| Some(*platform) != own).collect();
        registry.take_log();
        Self { workshop, registry, others }
    }

    fn base(&self) -> String {
        format!("{}/galley", self.registry.address)
    }

    /// Packs with the program for this machine, and those of the base.
    fn package(&self, more: &[&str]) -> Ran {
        let own = self.workshop.own_binary();
        self.workshop.bare(&[&[own.as_str(), "--base", &self.base()], more].concat())
    }

    fn image(&self) -> String {
        self.workshop.at("image").display().to_string()
    }
}

#[test]
fn programs_of_a_base_are_pulled_side_by_side() {
    let scene = Scene::new();
    let layers = scene.others.iter().map(|(_, layer)| format!("GET /v2/galley/blobs/{}", layer.digest));
    scene.registry.answer_together(layers);
    let ran = scene.package(&["--oci", &scene.image()]);
    scene.others.iter().for_each(|(platform, _)| ran.says(0, &format!("{platform} from {}", scene.base())));
    let packed = images(&scene.workshop.at("image")).1;
    for (platform, layer) in &scene.others {
        let position = Platform::ALL.iter().position(|other| other == platform).unwrap();
        assert_eq!(packed[position].layers[0].digest, layer.digest);
    }
}

#[test]
fn one_that_fails_names_its_platform_and_leaves_nothing() {
    let scene = Scene::new();
    let (platform, layer) = &scene.others[1];
    let elsewhere = Registry::start();
    let push = format!("{}/blog", elsewhere.address);
    scene.registry.spoil(layer.digest);
    for destination in [["--oci", &scene.image()], ["--push", &push]] {
        let ran = scene.package(&destination);
        let place = scene.base();
        ran.says(1, &format!("{place}:latest: the program for {platform} can't be pulled: the registry "));
        ran.says(1, &format!("sent other bytes than {}; they were dropped", layer.digest));
        assert!(!ran.errors.contains(&scene.others[0].0.to_string()), "{}", ran.errors);
    }
    assert!(!scene.workshop.at("image").exists());
    let sent = elsewhere.take_log();
    assert!(sent.iter().all(|line| line.starts_with("GET") || line.starts_with("HEAD")), "{sent:#?}");
    // Nothing that was wrong is remembered either.
    scene.registry.spoil(layer.digest);
    scene.package(&["--push", &push]).says(0, "pushed ");
}

#[test]
fn lines_that_are_cut_go_on_where_they_were() {
    let scene = Scene::new();
    scene.registry.cut_once(scene.others.iter().map(|(_, layer)| layer.digest));
    scene.package(&["--oci", &scene.image()]).says(0, "wrote oci:");
    let log = scene.registry.take_log();
    for (_, layer) in &scene.others {
        let rest = format!("GET /v2/galley/blobs/{} bytes={}-{}", layer.digest, layer.size / 2, layer.size - 1);
        assert_eq!(log.iter().filter(|line| line.contains(&layer.digest.to_string())).count(), 2, "{log:#?}");
        assert!(log.contains(&rest), "{log:#?}");
    }
}

/// What was pushed holds what is not here: other programs, and the pages below an edit.
#[test]
fn a_whole_copy_pulls_what_it_lacks_side_by_side() {
    let scene = Scene::new();
    let push = format!("{}/blog", scene.registry.address);
    scene.package(&["--push", &push, "--oci", &scene.image()]).says(0, "pushed ");
    let kept = scene.others.iter().map(|(_, layer)| layer.digest);
    let kept = kept.chain([images(&scene.workshop.at("image")).1[0].layers[1].digest]);
    scene.registry.answer_together(kept.map(|digest| format!("GET /v2/blog/blobs/{digest}")));
    scene.workshop.edit("on top of them");
    let copy = scene.workshop.at("copy");
    let own = scene.workshop.own_binary();
    scene.workshop.bare(&[&own, "--push", &push, "--oci", copy.to_str().unwrap()]).says(0, "wrote oci:");
    let tree = layout_content(&copy, scene.others[0].0).unwrap();
    assert!(tree.get("posts/p7/index.html").is_some());
}
