//! galley renders a Markdown blog, serves it from memory, packs itself with it into an image, and follows the registry that
//! the image is pushed to. This page is the map.
//!
//! ```text
//! site/ ──load──▶ Site ──┐           ┌──freeze──▶ Snapshot ──install──▶ Deployment ──▶ HTTP
//!                        ├─render─▶ Tree ──check──▶ findings
//! themes/ ─────▶ Theme ──┘           └──pack────▶ Layer ▶ Image ▶ Index ──push──▶ registry
//!                                    ▲                                              │
//!                                    └──unpack── Release ◀──fetch── follow ◀── webhook, poll
//! ```
//!
//! | room | what it holds |
//! |---|---|
//! | [`cli`] | the verbs, one file each |
//! | [`cache`] | what was made once and need not be made again |
//! | [`config`] | galley.toml, resolved and validated once |
//! | [`finding`] | what is wrong with a site, with file, line and remedy |
//! | `html` | reading HTML: tags, what the standard says of elements |
//! | [`site`] | a site as its author left it; what git knows of it |
//! | [`render`] | Site × Theme → Tree: Markdown, templates, feed, sitemap |
//! | [`check`] | Tree → findings: links, anchors, images, nesting, redirects, feeds, sitemap |
//! | `outbound` | clients that ask other hosts |
//! | `secret_file` | files with secrets: who may read and change them |
//! | [`snapshot`] | Tree, content root, Snapshot: what is served and shipped |
//! | [`preview`] | a site while it is written: changes are rendered at once, open pages follow |
//! | [`serve`] | HTTP from memory behind an accept loop with limits; access log, metrics, health |
//! | [`image`] | images without a daemon: pack, unpack, sign, layout on disk |
//! | [`registry`] | references, and a client that pushes and pulls |
//! | [`engine`] | the Docker Engine of this machine: images are loaded into it |
//! | [`supervise`] | listeners that outlive the program: workers, and the handover from one to the next |
//! | [`follow`] | a hint makes the instance look; what is new is verified and swapped in |
//!
//! Laws that hold throughout:
//!
//! 1. `render` is a function: no clock, no network, no environment. "Now" is an argument.
//! 2. A request reads the current snapshot once: everything in its answer comes from one release.
//! 3. What is served is what is shipped: unpack(pack(tree)) has the content root of tree.
//! 4. The same input gives the same index digest, byte for byte; unchanged content is not pushed.
//! 5. Entity tags come from content hashes, one strong tag per representation.
//! 6. A hint only makes the instance look at the reference that its operator configured.
//! 7. A failed build, pull or verification leaves the deployment as it was.
//!
//! There is no global mutable state, no call of `process::exit`, and no `unsafe` but in `supervise/mask.rs`.

pub mod cache;
pub mod check;
pub mod cli;
pub mod config;
pub mod engine;
pub mod finding;
pub mod follow;
mod html;
pub mod image;
mod outbound;
pub mod preview;
pub mod registry;
pub mod render;
mod secret_file;
pub mod serve;
pub mod site;
pub mod snapshot;
pub mod supervise;
