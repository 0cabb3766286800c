//! Names the program after its sources, so that a cache that other sources wrote is not trusted: `GALLEY_BUILD`. And tells the
//! linker to keep relocations short.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let mut hasher = DefaultHasher::new();
    for path in ["src", "themes/default", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={path}");
        hash(Path::new(path), &mut hasher)?;
    }
    println!("cargo::rustc-env=GALLEY_BUILD={:016x}", hasher.finish());
    pack_relocations();
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
