//! The program: everything it does is in the library.

use std::process::ExitCode;

// glibc's allocator takes up to a quarter more time for rendering. Huge pages would double the memory that a build of
// 1,000 posts takes (111 MB, 63 without), and a board has little.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    galley::cli::run(std::env::args_os())
}
