//! Names the program after its sources, so that a cache that other sources wrote is not trusted: `GALLEY_BUILD`.

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
    Ok(())
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
