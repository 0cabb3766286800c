//! `galley new`

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use jiff::Zoned;

use super::report::Report;

/// Start a blog in a new folder
///
/// The folder holds a configuration, a front page, a page and a post, ready to be served and written over, and Dockerfiles for
/// those who build images with Docker.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley new my-blog\n  \
    galley preview my-blog")]
pub(super) struct Arguments {
    /// The folder to make; it may be there, but must be empty
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    let folder = &arguments.folder;
    let is_free = match fs::read_dir(folder) {
        // A repository that was made first is no obstacle.
        Ok(names) => names.flatten().all(|name| name.file_name() == ".git"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(|| folder.display().to_string()),
    };
    if !is_free {
        bail!("{}: is not empty; choose a folder that is empty or not there yet", folder.display());
    }
    let title = folder
        .canonicalize()
        .ok()
        .as_deref()
        .unwrap_or(folder)
        .file_name()
        .map_or_else(|| "My blog".to_owned(), |name| name.to_string_lossy().into_owned());
    for (path, text) in files(&title, &Zoned::now()) {
        write(&folder.join(path), &text)?;
    }
    report.result(folder.display());
    report.say(format_args!("look at it: galley preview {}", folder.display()));
    report.say(format_args!("write a post: galley post \"A title\" --site {}", folder.display()));
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::write(path, text).with_context(|| path.display().to_string())
}

fn files(title: &str, now: &Zoned) -> Vec<(&'static str, String)> {
    let date = super::post::date(now);
    // A TOML string takes a JSON string's escapes.
    let title = serde_json::Value::from(title);
    let mut files = vec![
        (
            "galley.toml",
            format!(
                "title = {title}\n\
                 # Where the blog will be found, for feeds and search engines:\n\
                 # base_url = \"https://blog.example\"\n\
                 menu = [\n  {{ name = \"Posts\", url = \"/posts/\" }},\n  {{ name = \"About\", url = \"/about/\" }},\n]\n"
            ),
        ),
        (".gitignore", "/public/\n/.galley/\n".to_owned()),
        (".dockerignore", "public\n.galley\n".to_owned()),
        ("content/_index.md", "Welcome. This text stands in `content/_index.md`.\n".to_owned()),
        ("content/about.md", "---\ntitle: About\n---\n\nWho writes here, and why.\n".to_owned()),
        (
            "content/posts/first-post.md",
            format!(
                "---\ntitle: A first post\ndate: {date}\ntags: [notes]\n---\n\n\
                 Posts are files in `content/posts`. This one may be written over or deleted.\n"
            ),
        ),
    ];
    files.extend(dockerfiles(&title.to_string()));
    files
}

/// One a platform, by the names that Debian has for the processors. `title` stands in quotes.
fn dockerfiles(title: &str) -> impl Iterator<Item = (&'static str, String)> {
    const DOCKERFILES: [(&str, &str, &str); 3] = [
        ("Dockerfile", "linux/amd64", ""),
        ("Dockerfile.aarch64", "linux/arm64", "--file Dockerfile.aarch64 "),
        ("Dockerfile.armhf", "linux/arm/v7", "--file Dockerfile.armhf "),
    ];
    // In quotes a Dockerfile still replaces variables.
    let text = include_str!("blog.dockerfile").replace("{title}", &title.replace('$', "\\$"));
    DOCKERFILES
        .into_iter()
        .map(move |(name, platform, file)| (name, text.replace("{platform}", platform).replace("{file}", file)))
}
