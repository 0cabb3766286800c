//! `galley key`

mod file;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use self::file::{public_file, public_keys, write_pair};
pub(super) use self::file::{signing_key, verifying_keys};
use super::report::Report;
use crate::image::SigningKey;

/// Make and show the keys that releases are signed with
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley key new blog.key\n  \
    galley package site --push registry.example/blog --sign blog.key\n  \
    galley serve --follow registry.example/blog --verify blog.key.pub")]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    New(NewArguments),
    Show(ShowArguments),
}

/// Make a key: the private one in FILE, the public one in FILE.pub
///
/// ed25519, in PEM as OpenSSL and cosign read it. Nothing is written over. Who has the private file can sign, so keep it where the
/// blog is packed and nowhere else; instances need the public one.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley key new blog.key")]
struct NewArguments {
    /// The private key's file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Print the public key and its fingerprint
///
/// The fingerprint is the SHA-256 of the key in DER, to compare keys by.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley key show blog.key > blog.key.pub")]
struct ShowArguments {
    /// A file with a private key, or with public ones
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    match &arguments.verb {
        Verb::New(arguments) => new(arguments, report),
        Verb::Show(arguments) => show(arguments, report),
    }
}

fn new(arguments: &NewArguments, report: &Report) -> anyhow::Result<()> {
    let file = &arguments.file;
    let pem = SigningKey::generate()?;
    let public = SigningKey::from_pem(&pem)?.verifying_key();
    write_pair(file, &pem, &public.pem())?;
    let public_file = public_file(file);
    report.say(format_args!("wrote {}, the private key: keep it where you pack, and nowhere else", file.display()));
    report.say(format_args!("wrote {}, the public key, for instances", public_file.display()));
    report.say(format_args!("sign by it: galley package --push REF --sign {}", file.display()));
    report.say(format_args!("ask for it: galley serve --follow REF --verify {}", public_file.display()));
    report.result(public.fingerprint());
    Ok(())
}

/// The fingerprint stands before the key, where readers of PEM pass over what is written (RFC 7468 section 5.2).
fn show(arguments: &ShowArguments, report: &Report) -> anyhow::Result<()> {
    for key in public_keys(&arguments.file)? {
        report.result(key.fingerprint());
        report.result(key.pem().trim_end());
    }
    Ok(())
}
