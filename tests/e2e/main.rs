//! Against real parts: a registry, a container engine, readers of images that somebody else wrote, and real blogs.
//!
//! What is missing is named and its test skipped. Under GALLEY_TEST_ALL=1 a missing part of the system is a failure, and under
//! GALLEY_TEST_ARM=1 one that the programs for ARM need; of the checks from package registries those are required that
//! GALLEY_TEST_CHECKS names; real blogs that lie beside the project are never required.

// A test that can't go on should say where, and one that measured something what it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod arm;
mod browser;
mod control_page;
mod corpora;
mod dockerfiles;
mod driver;
mod engine;
mod families;
mod handover;
mod independent;
mod manual;
mod network;
mod outputs;
mod parts;
mod preview;
mod publish;
mod registry;
mod signature;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use crate::parts::Part;

const STATIC: &[Part] = &[Part::Static];
const REGISTRY: &[Part] = &[Part::Static, Part::Program("docker-registry", "docker-registry")];
const SCRIPTS: &[Part] = &[
    REGISTRY[0],
    REGISTRY[1],
    Part::Program("bash", "bash"),
    Part::Program("curl", "curl"),
    Part::Program("openssl", "openssl"),
];
const ENGINE: &[Part] = &[
    REGISTRY[0],
    REGISTRY[1],
    Part::Program("dockerd", "docker.io"),
    Part::Program("docker", "docker.io"),
    Part::Program("ip", "iproute2"),
    Part::Root,
];
const BUILDS: &[Part] = &[
    ENGINE[0],
    ENGINE[1],
    ENGINE[2],
    ENGINE[3],
    ENGINE[4],
    ENGINE[5],
    Part::Program("bash", "bash"),
    Part::Program("ldd", "libc-bin"),
];
const BUILDS_ARM: &[Part] = &[
    ENGINE[0],
    ENGINE[1],
    ENGINE[2],
    ENGINE[3],
    ENGINE[4],
    ENGINE[5],
    BUILDS[6],
    BUILDS[7],
    Part::Built("linux/arm64"),
    Part::Built("linux/arm/v7"),
    Part::Emulation("qemu-aarch64"),
    Part::Emulation("qemu-arm"),
];
const ENGINE_ARM64: &[Part] =
    &[ENGINE[0], ENGINE[1], ENGINE[2], ENGINE[3], ENGINE[4], ENGINE[5], BUILDS_ARM[8], BUILDS_ARM[10]];
const ENGINE_ARM: &[Part] = &[
    ENGINE[0],
    ENGINE[1],
    ENGINE[2],
    ENGINE[3],
    ENGINE[4],
    ENGINE[5],
    ARM64[3],
    BUILDS_ARM[8],
    BUILDS_ARM[9],
    BUILDS_ARM[10],
    BUILDS_ARM[11],
];
const DISK: &[Part] = &[REGISTRY[0], REGISTRY[1], Part::Program("mount", "mount"), Part::Root];
const SKOPEO: &[Part] = &[Part::Static, Part::Program("skopeo", "skopeo")];
const SCHEMAS: &[Part] = &[Part::Python("jsonschema", "python3-jsonschema")];
const READERS: &[Part] = &[SKOPEO[1], REGISTRY[1]];
const SIGNED: &[Part] = &[Part::Static, SKOPEO[1], REGISTRY[1]];
const UMOCI: &[Part] = &[Part::Program("umoci", "umoci"), Part::Root];
const LOADING: &[Part] = &[ENGINE[2], ENGINE[3], ENGINE[4], Part::Root];
const CONTAINERD: &[Part] =
    &[Part::Program("containerd", "containerd"), Part::Program("ctr", "containerd"), Part::Root];
const LOADED: &[Part] = &[Part::Static, ENGINE[2], ENGINE[3], ENGINE[4], Part::Root];
const FORMAT: &[Part] = &[SKOPEO[1], REGISTRY[1], ENGINE[2], ENGINE[3], ENGINE[4], Part::Root];
const MANUAL: &[Part] = &[REGISTRY[0], REGISTRY[1], Part::Program("curl", "curl"), Part::Program("bash", "bash")];
const BROWSER: &[Part] = &[Part::Program("chromium", "chromium")];
const DRIVER: &[Part] = &[BROWSER[0], Part::Program("chromedriver", "chromium-driver")];
const OPERATOR: &[Part] = &[REGISTRY[0], REGISTRY[1], DRIVER[0], DRIVER[1]];
const PYTHON_CHECKS: &[Part] = &[Part::Checks("python")];
const NODE_CHECKS: &[Part] = &[Part::Program("node", "nodejs"), Part::Checks("node")];
const OBSERVATORY: &[Part] = &[NODE_CHECKS[0], NODE_CHECKS[1], Part::Node20];
const TESTSSL: &[Part] = &[Part::Program("testssl", "testssl.sh")];
const SLOW: &[Part] = &[Part::Program("slowhttptest", "slowhttptest")];
const AXE: &[Part] = &[DRIVER[0], DRIVER[1], NODE_CHECKS[1]];
const AXE_OPERATOR: &[Part] = &[REGISTRY[0], REGISTRY[1], DRIVER[0], DRIVER[1], NODE_CHECKS[0], NODE_CHECKS[1]];
const LIGHTHOUSE: &[Part] = &[BROWSER[0], NODE_CHECKS[0], NODE_CHECKS[1]];
const NETWORK: &[Part] = &[Part::Program("ip", "iproute2"), MANUAL[2], Part::Namespaces];
const FAMILIES: &[Part] =
    &[Part::Program("unshare", "util-linux"), Part::Program("curl", "curl"), ENGINE[4], Part::Root];
const ARM64: &[Part] = &[
    REGISTRY[0],
    REGISTRY[1],
    Part::Base,
    Part::Built("linux/amd64"),
    Part::Built("linux/arm64"),
    Part::Emulator("qemu-aarch64-static"),
];
const ARM_V7: &[Part] =
    &[REGISTRY[0], REGISTRY[1], Part::Base, ARM64[3], Part::Built("linux/arm/v7"), Part::Emulator("qemu-arm-static")];
const NATHANLECLAIRE: &[Part] = &[Part::Corpus("nathanleclaire-blog")];
const BOTH: &[Part] = &[NATHANLECLAIRE[0], Part::Corpus("rycus86-blog-content")];

fn main() -> ExitCode {
    let trials = vec![
        trial("browser::search_finds_posts", BROWSER, browser::search_finds_posts),
        trial("preview::an_edit_is_on_the_page_and_the_page_keeps_its_place", DRIVER, preview::an_edit),
        trial("preview::an_edit_of_a_page_with_scripts_loads_it_anew", DRIVER, preview::an_edit_of_a_page_with_scripts),
        trial("preview::a_style_sheet_is_swapped_without_a_reload", DRIVER, preview::a_style_sheet),
        trial("preview::what_is_wrong_stands_over_the_page_until_it_is_mended", DRIVER, preview::an_error),
        trial("preview::pages_come_back_when_the_preview_does", DRIVER, preview::a_restart),
        trial("preview::what_is_wrong_fits_on_a_phone_in_light_and_dark", DRIVER, preview::an_error_on_a_phone),
        trial("preview::a_phone_in_the_same_network_sees_it", NETWORK, preview::from_a_phone),
        trial("control_page::a_rollback_is_pressed_and_undone", OPERATOR, control_page::a_rollback),
        trial("publish::a_push_is_seen_within_a_second_and_no_request_fails", REGISTRY, publish::push_to_visible),
        trial("publish::what_hook_url_prints_sets_a_registry_up", SCRIPTS, publish::set_up_as_printed),
        trial("publish::what_the_tag_holds_already_is_not_pushed", REGISTRY, publish::unchanged),
        trial("publish::an_image_is_the_same_bytes_each_time", STATIC, publish::deterministic),
        trial("publish::skopeo_reads_the_layout", SKOPEO, publish::skopeo_reads_the_layout),
        trial("signature::skopeo_finds_cosigns_form", SIGNED, signature::skopeo_finds),
        trial("outputs::what_is_written_keeps_to_the_schemas", SCHEMAS, outputs::schemas),
        trial("outputs::skopeo_reads_every_one", READERS, outputs::skopeo_reads_every_output),
        trial("outputs::umoci_makes_the_tree_out_of_deltas", UMOCI, outputs::umoci_unpacks_deltas),
        trial("outputs::docker_loads_the_tar", LOADING, outputs::docker_loads_the_tar),
        trial("outputs::containerd_imports_the_tar", CONTAINERD, outputs::containerd_imports_the_tar),
        trial("outputs::the_engine_takes_the_image_without_a_registry", LOADED, outputs::the_engine_takes_the_image),
        trial("outputs::dockers_own_format_is_read_by_docker_and_skopeo", FORMAT, outputs::dockers_own_format),
        trial("outputs::docker_and_galley_run_dockers_own_format", ENGINE, outputs::docker_runs_dockers_own_format),
        trial("registry::who_gets_in_by_htpasswd", REGISTRY, registry::htpasswd),
        trial("registry::who_gets_in_by_a_token", REGISTRY, registry::tokens),
        trial("registry::a_certificate_of_ones_own", REGISTRY, registry::tls),
        trial("registry::what_is_cut_gets_there", REGISTRY, registry::cut),
        trial("registry::what_lies_in_another_repository_is_mounted", REGISTRY, registry::mounted),
        trial("registry::an_edit_takes_milliseconds", REGISTRY, registry::warm),
        trial("registry::a_full_disk_is_said_to_be_one", DISK, registry::full),
        trial("engine::docker_pulls_and_runs_the_image", ENGINE, engine::docker_runs_the_image),
        trial("engine::docker_pulls_and_runs_the_arm_images", ENGINE_ARM, engine::docker_runs_the_arm_images),
        trial("handover::programs_take_over_in_a_container", ENGINE, handover::in_a_container),
        trial("handover::a_program_is_run_from_memory", ENGINE, handover::without_a_place_for_programs),
        trial("handover::programs_for_arm64_take_over_in_a_container", ENGINE_ARM64, handover::on_arm64),
        trial("dockerfiles::the_projects_build_and_run", BUILDS, dockerfiles::the_projects),
        trial("dockerfiles::the_classic_builder_will_do", BUILDS, dockerfiles::the_classic_builder),
        trial("dockerfiles::the_projects_for_arm_build_and_run", BUILDS_ARM, dockerfiles::the_projects_for_arm),
        trial("dockerfiles::a_new_blogs_build_and_run", BUILDS, dockerfiles::a_blogs),
        trial("dockerfiles::a_new_blogs_for_arm_build_and_run", BUILDS_ARM, dockerfiles::a_blogs_for_arm),
        trial("arm::arm64_renders_and_packs_the_same_serves_and_follows", ARM64, arm::arm64),
        trial("arm::arm_v7_renders_and_packs_the_same_serves_and_follows", ARM_V7, arm::arm_v7),
        trial("manual::every_command_in_it_works", MANUAL, manual::every_command_works),
        trial("independent::httplint_reads_each_kind_of_answer", PYTHON_CHECKS, independent::httplint),
        trial("independent::redbot_asks_for_more_and_compares", PYTHON_CHECKS, independent::redbot),
        trial("independent::testssl_finds_no_way_in", TESTSSL, independent::testssl),
        trial("independent::slowhttptest_takes_nothing_from_others", SLOW, independent::slowhttptest),
        trial("independent::the_observatory_grades_a_plus", OBSERVATORY, independent::observatory),
        trial("independent::html_validate_reads_each_kind_of_page", NODE_CHECKS, independent::html_validate),
        trial("independent::axe_uses_each_kind_of_page", AXE, independent::axe),
        trial("independent::axe_uses_the_preview", AXE, independent::axe_in_the_preview),
        trial(
            "independent::axe_and_html_validate_use_the_control_page",
            AXE_OPERATOR,
            independent::axe_on_the_control_page,
        ),
        trial("independent::lighthouse_finds_nothing_to_mend", LIGHTHOUSE, independent::lighthouse),
        trial("families::a_bare_port_takes_both_families_whatever_the_system_says", FAMILIES, families::both_families),
        trial("corpora::rycus86", &[Part::Corpus("rycus86-blog-content")], corpora::rycus86_is_rendered_whole),
        trial("corpora::nathanleclaire", NATHANLECLAIRE, corpora::nathanleclaire_is_rendered_whole),
        trial(
            "corpora::nathanleclaire_is_where_hugo_puts_it",
            NATHANLECLAIRE,
            corpora::nathanleclaire_is_where_hugo_puts_it,
        ),
        trial(
            "corpora::nathanleclaires_front_matter",
            NATHANLECLAIRE,
            corpora::nathanleclaires_front_matter_keeps_its_meaning,
        ),
        trial(
            "corpora::links_between_posts_are_no_false_alarms",
            NATHANLECLAIRE,
            corpora::links_between_posts_are_no_false_alarms,
        ),
        trial("corpora::no_dead_link_is_passed_over", BOTH, corpora::no_dead_link_is_passed_over),
        trial("corpora::brizzled", &[Part::Corpus("brizzled-octopress")], corpora::brizzled_is_rendered),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A test that is skipped, with a line that says why, where a part is missing.
fn trial(name: &str, needs: &'static [Part], run: fn()) -> Trial {
    let missing: Vec<Part> = needs.iter().copied().filter(|part| !part.is_there()).collect();
    let required = std::env::var("GALLEY_TEST_ALL").is_ok_and(|value| value == "1");
    let failing = required && missing.iter().any(Part::is_required);
    let words: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let words = words.join(", ");
    if missing.is_empty() || failing {
        return Trial::test(name, move || {
            if failing {
                return Err(format!("needs {words}").into());
            }
            run();
            Ok(())
        });
    }
    Trial::test(format!("{name} (skipped: needs {words})"), || Ok(())).with_ignored_flag(true)
}
