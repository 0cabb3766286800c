//! Programs for a handover: other builds of galley, and some that do not do.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use galley::image::Platform;

/// The program under test, as small as it can be had.
pub(crate) fn smallest() -> &'static [u8] {
    static GALLEY: OnceLock<Vec<u8>> = OnceLock::new();
    GALLEY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let stripped = folder.path().join("galley");
        let program = Path::new(env!("CARGO_BIN_EXE_galley"));
        // Without strip it is large, and works as well.
        let ran = Command::new("strip").arg("-o").arg(&stripped).arg(program).status();
        let is_smaller = ran.is_ok_and(|status| status.success());
        fs::read(if is_smaller { &stripped } else { program }).unwrap()
    })
}

/// What the loader passes over behind the end of a program.
pub(crate) fn tail(number: u32) -> Vec<u8> {
    format!("another build of galley: {number}\n").into_bytes()
}

/// A program for an image.
pub(crate) enum Program {
    /// galley, built otherwise: each number is another build.
    Build(u32),
    /// These bytes.
    Bytes(Vec<u8>),
}

impl Program {
    /// Its bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Build(number) => [smallest(), &tail(*number)].concat(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }

    /// A program that ends at once, with code 1.
    pub(crate) fn failing() -> Self {
        Self::of_code(match platform() {
            // mov eax, 60; mov edi, 1; syscall
            Platform::Amd64 => &[0xb8, 60, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0x0f, 0x05],
            // mov x0, #1; mov x8, #93; svc #0
            _ => &[0x20, 0, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 0x01, 0, 0, 0xd4],
        })
    }

    /// A program that waits for ever.
    pub(crate) fn waiting() -> Self {
        Self::of_code(match platform() {
            // mov eax, 34; syscall; and again
            Platform::Amd64 => &[0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7],
            // mov x0, #0 and so on to x4; mov x8, #73; svc #0; and again
            _ => &[
                0, 0, 0x80, 0xd2, 1, 0, 0x80, 0xd2, 2, 0, 0x80, 0xd2, 3, 0, 0x80, 0xd2, 4, 0, 0x80, 0xd2, 0x28, 0x09,
                0x80, 0xd2, 0x01, 0, 0, 0xd4, 0xf9, 0xff, 0xff, 0x17,
            ],
        })
    }

    /// The least that Linux runs: one segment, with the code behind the heads (elf(5)).
    fn of_code(code: &[u8]) -> Self {
        const BASE: u64 = 0x40_0000;
        let heads = 64 + 56;
        let mut bytes = super::program(platform(), "");
        bytes[24..32].copy_from_slice(&(BASE + heads).to_le_bytes());
        bytes[32..40].copy_from_slice(&64u64.to_le_bytes());
        for (at, value) in [(52, 64u16), (54, 56), (56, 1), (58, 64)] {
            bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
        }
        let length = heads + code.len() as u64;
        bytes.extend([1u32, 5].iter().flat_map(|value| value.to_le_bytes()));
        bytes.extend([0, BASE, BASE, length, length, 0x1000].iter().flat_map(|value| value.to_le_bytes()));
        bytes.extend_from_slice(code);
        Self::Bytes(bytes)
    }
}

fn platform() -> Platform {
    Platform::of_this_program().expect("images are for platforms of galley's")
}

/// Whether there are programs for this machine above.
pub(crate) fn are_there() -> bool {
    cfg!(target_os = "linux") && matches!(Platform::of_this_program(), Some(Platform::Amd64 | Platform::Arm64))
}
