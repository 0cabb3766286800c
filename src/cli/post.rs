//! `galley post`

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use jiff::{Timestamp, Zoned};

use super::report::Report;
use super::source::site_folder;
use crate::site::{self, Options, slug};

/// Start a post
///
/// Writes a draft with its front matter into the folder of posts and prints its path.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley post \"Why I moved to a board of my own\"\n  \
    $EDITOR $(galley post \"On boards\" --site my-blog)")]
pub(super) struct Arguments {
    /// The post's title
    title: String,
    /// The site's folder [default: the working folder, or site/ in it]
    #[arg(long, value_name = "DIR")]
    site: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    let folder = site_folder(arguments.site.as_deref())?;
    let title = arguments.title.trim();
    let name = slug(title);
    if name.is_empty() {
        bail!("the title has no letter or digit to make a file's name of; write it in words");
    }
    if name == "index" {
        bail!("a file called index.md is the page of its folder; choose another title");
    }
    let options = Options { drafts: true, future: true, now: Timestamp::now(), revision: None };
    let config = site::load(&folder, &options)?.config;
    let posts = site::posts_folder(&folder);
    fs::create_dir_all(&posts).with_context(|| posts.display().to_string())?;
    let path = posts.join(format!("{name}.md"));
    let now = Timestamp::now().to_zoned(config.timezone);
    // A YAML string in double quotes takes a JSON string's escapes (YAML 1.2, section 7.3.1).
    let text =
        format!("---\ntitle: {}\ndate: {}\ndraft: true\ntags: []\n---\n\n", serde_json::Value::from(title), date(&now));
    match File::create_new(&path) {
        Ok(mut file) => file.write_all(text.as_bytes()).with_context(|| path.display().to_string())?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{}: is there already; choose another title", path.display())
        }
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    }
    report.result(path.display());
    report.say("it is a draft: take the line 'draft: true' out to publish it");
    Ok(())
}

/// `2026-11-21 10:00:00 +01:00`.
pub(super) fn date(now: &Zoned) -> String {
    now.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}
