//! Names the program after its sources, so that a cache that other sources wrote is not trusted: `GALLEY_BUILD`. And tells the
//! linker to make it small.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> io::Result<()> {
    let mut hasher = DefaultHasher::new();
    for path in ["src", "themes/default", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={path}");
        hash(Path::new(path), &mut hasher)?;
    }
    println!("cargo::rustc-env=GALLEY_BUILD={:016x}", hasher.finish());
    pack_relocations();
    link_alike();
    Ok(())
}

/// A static program that may be loaded anywhere has 40,000 relative relocations of 24 bytes, all of which are read when it
/// starts; as a bitmap (DT_RELR) they take 11 KB. glibc has known it since 2.36, GNU's linker for this processor and LLVM's too.
fn pack_relocations() {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") && is("CARGO_CFG_TARGET_ARCH", "x86_64")
    {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// LLVM's linker, which rustup's compiler brings, folds functions that are equal and puts those beside each other that are alike:
/// gzip, which looks back 32 KB, makes 10.67 MB of the program for amd64 then, and not 11.29. Another linker does without.
fn link_alike() {
    let is_released = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if let Some(folder) = lld().filter(|_| is_released) {
        println!("cargo::rustc-link-arg-bins=-B{}", folder.display());
        for argument in ["-fuse-ld=lld", "-Wl,--icf=all", "-Wl,--bp-compression-sort=both"] {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
}

/// The folder of the linker that comes with the compiler, if it is there and new enough.
fn lld() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var(name).ok();
    let is = |name: &str, value: &str| variable(name).is_some_and(|found| found == value);
    // Whoever has chosen a linker knows why.
    let is_chosen = variable("CARGO_ENCODED_RUSTFLAGS").is_some_and(|flags| flags.contains("fuse-ld"))
        || variable("RUSTC_LINKER")
            .is_some_and(|linker| !["gcc", "cc", "clang"].iter().any(|known| linker.ends_with(known)));
    if is_chosen || !is("CARGO_CFG_TARGET_OS", "linux") || !is("CARGO_CFG_TARGET_ENV", "gnu") {
        return None;
    }
    let [compiler, host] = ["RUSTC", "HOST"].map(variable);
    let sysroot = Command::new(compiler?).args(["--print", "sysroot"]).output().ok()?;
    let sysroot = String::from_utf8(sysroot.stdout).ok()?;
    let folder = Path::new(sysroot.trim()).join("lib/rustlib").join(host?).join("bin/gcc-ld");
    let help = Command::new(folder.join("ld.lld")).arg("--help").output().ok()?;
    String::from_utf8_lossy(&help.stdout).contains("--bp-compression-sort").then_some(folder)
}

/// Names and contents, in the order of names.
fn hash(path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    if path.is_dir() {
        let mut names: Vec<_> =
            fs::read_dir(path)?.map(|found| found.map(|found| found.file_name())).collect::<Result<_, _>>()?;
        names.sort();
        for name in names {
            name.hash(hasher);
            hash(&path.join(name), hasher)?;
        }
        return Ok(());
    }
    fs::read(path)?.hash(hasher);
    Ok(())
}
