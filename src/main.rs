//! The program: everything it does is in the library.

use std::process::ExitCode;

// glibc's allocator takes up to a quarter more time for rendering.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    galley::cli::run(std::env::args_os())
}
