//! `galley preview`

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use clap::Args;
use jiff::Timestamp;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use super::history::Histories;
use super::report::{Report, count};
use super::serve::stop_signal;
use super::source::{open_cache, site_folder};
use crate::finding::Finding;
use crate::preview;
use crate::preview::{Builder, Handler, Load, Method, Round, Stage, Watch};
use crate::render::Memory;
use crate::serve::{Address, Inherited, Limits, Listener, Settings, serve};
use crate::site::{self, LoadError, Options, load_again};

/// Show a site while it is being written
///
/// Drafts and future posts are shown too. A change is on the page as soon as the file is saved: pages that are open reload
/// by themselves and keep their place, style sheets are swapped, and what is wrong stands over the page with its line.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    galley preview\n  \
    galley preview site --open\n  \
    galley preview --lan                 also from a phone in the same network: prints a code for its camera\n  \
    galley preview --listen 127.0.0.1:3000")]
pub(super) struct Arguments {
    /// The site's folder [default: the working folder, or site/ in it]
    site: Option<PathBuf>,
    /// Where to listen, as HOST:PORT or :PORT; may be given more than once
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", env = "GALLEY_LISTEN", value_delimiter = ',', value_parser = place)]
    listen: Vec<(String, u16)>,
    /// Listen on all addresses of this machine, and print the one for others with a QR code
    #[arg(long)]
    lan: bool,
    /// Open the browser
    #[arg(long)]
    open: bool,
}

pub(super) fn run(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    let folder = site_folder(arguments.site.as_deref())?;
    if !folder.is_dir() {
        return Err(LoadError::Missing(folder).into());
    }
    if !site::is_site(&folder) {
        return Err(LoadError::NoSite(folder).into());
    }
    let mut listeners = Vec::new();
    for address in wanted(arguments) {
        let opened = Listener::open(&address, &mut Inherited::default());
        listeners.extend(
            opened.with_context(|| format!("{address}: can't listen there; choose another address with --listen"))?,
        );
    }
    let addresses: Vec<SocketAddr> = listeners.iter().filter_map(Listener::address).collect();
    // Before the first look: what changes during it is seen afterwards.
    let watch = Watch::new(&folder).map_err(anyhow::Error::msg)?;
    if watch.method() == Method::Network {
        report.say("the site lies on a network, where changes are not reported: files are looked at each second");
    }
    let stage = Stage::new(run_id());
    let stop_building = watch.stopper();
    let builder = builder(&folder);
    let handler = Handler::new(stage.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    std::thread::scope(|scope| {
        let mut rounds = Rounds { report, folder: &folder, arguments, addresses, is_first: true };
        let shown = stage.clone();
        let (ended, gone) = tokio::sync::oneshot::channel::<()>();
        let building = scope.spawn(move || {
            // Dropped in any case: a preview that renders no more must not go on as if it did.
            let _ended = ended;
            preview::run(builder, watch, &shown, |round| rounds.say(round));
        });
        let served = runtime.block_on(async {
            let signal = stop_signal()?;
            let stop = async {
                tokio::select! {
                    () = signal => {}
                    _ = gone => {}
                }
                stage.close();
            };
            let settings = Settings { limits: Limits::for_this_process(), ..Settings::default() };
            serve(listeners, handler, settings, stop).await.map_err(anyhow::Error::from)
        });
        stop_building.stop();
        if building.join().is_err() {
            bail!("the thread that renders has ended by a fault of galley's own");
        }
        served
    })?;
    report.say("stopped");
    Ok(())
}

/// An address of the internet's protocols: a browser has no other.
fn place(text: &str) -> Result<(String, u16), String> {
    match text.parse()? {
        Address::Tcp(host, port) => Ok((host, port)),
        Address::Unix(_) | Address::Descriptor(_) => {
            Err("a browser can't go there; expected host:port or :port".into())
        }
    }
}

/// Other machines reach what listens on all addresses.
fn wanted(arguments: &Arguments) -> Vec<Address> {
    let places = arguments.listen.iter().map(|(host, port)| match arguments.lan {
        true => Address::Tcp(String::new(), *port),
        false => Address::Tcp(host.clone(), *port),
    });
    places.take(if arguments.lan { 1 } else { usize::MAX }).collect()
}

fn builder(folder: &Path) -> Builder {
    let cache = open_cache(folder);
    let mut histories = Histories::new(cache.clone());
    let read = folder.to_path_buf();
    let load: Load = Box::new(move |kept, changes| {
        let options = Options { drafts: true, future: true, now: Timestamp::now(), revision: None };
        let mut site = load_again(&read, &options, kept, changes)?;
        histories.attach(&mut site);
        Ok(site)
    });
    Builder::new(folder, load, Memory::in_process(cache))
}

/// Two runs never begin at the same nanosecond as the same process.
fn run_id() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos() << 32 | u128::from(std::process::id())
}

/// Says on the terminal what came of each change.
struct Rounds<'a> {
    report: &'a Report,
    folder: &'a Path,
    arguments: &'a Arguments,
    addresses: Vec<SocketAddr>,
    is_first: bool,
}

impl Rounds<'_> {
    fn say(&mut self, round: Round) {
        let is_first = std::mem::replace(&mut self.is_first, false);
        match round {
            Round::Shown { changed, pages, others, warnings, mended, took } => {
                self.findings(&warnings);
                match is_first {
                    true => self.report.say(format_args!(
                        "rendered {}: {}, {}",
                        self.folder.display(),
                        count(pages + others, "file"),
                        self.report.elapsed()
                    )),
                    false => self.report.say(line(changed, pages, others, mended, took)),
                }
            }
            Round::Failed { findings } => self.findings(&findings),
        }
        if is_first {
            self.invite();
        }
    }

    fn findings(&self, findings: &[Finding]) {
        let consequence = if self.is_first { "nothing is shown yet" } else { "the last good site stays" };
        if let Err(error) = self.report.findings(findings, consequence) {
            self.report.say(error);
        }
    }

    /// Where the preview is to be seen. A program that reads it may ask at once.
    fn invite(&self) {
        let here = |address: &SocketAddr| match address.ip().is_unspecified() {
            true => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port()),
            false => *address,
        };
        let urls: Vec<String> = self.addresses.iter().map(|address| format!("http://{}", here(address))).collect();
        urls.iter().for_each(|url| self.report.result(url));
        let Some(first) = self.addresses.first() else { return };
        if self.arguments.lan {
            match lan_address() {
                Some(address) => {
                    let url = format!("http://{}", SocketAddr::new(address, first.port()));
                    self.report.result(&url);
                    if let Some(code) = qr_code(&url) {
                        self.report.say(code);
                    }
                }
                None => self.report.say("this machine has no address in a network; others can't reach it"),
            }
        }
        if self.arguments.open
            && let Some(url) = urls.first()
            && let Err(error) = open(url)
        {
            self.report.say(format_args!("the browser was not opened: {error}; open {url} yourself"));
        }
    }
}

/// `3 files changed, 5 pages made, 12 ms`.
fn line(changed: Option<usize>, pages: usize, others: usize, mended: bool, took: Duration) -> String {
    let changed = changed.map_or_else(|| "all files read again".to_owned(), |files| count(files, "file") + " changed");
    let made = match (pages, others) {
        (0, 0) => "nothing to make".to_owned(),
        (pages, 0) => count(pages, "page") + " made",
        (0, others) => count(others, "other file") + " made",
        (pages, others) => format!("{} and {} made", count(pages, "page"), count(others, "other file")),
    };
    format!("{}{changed}, {made}, {} ms", if mended { "mended: " } else { "" }, took.as_millis())
}

/// The address from which this machine would speak to others. Nothing is sent: connecting a UDP socket only chooses a
/// way (to an address that is kept for documentation, RFC 5737).
fn lan_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback() && !address.is_unspecified())
}

/// The code in half blocks, light on dark terminals and dark on light ones: cameras read both.
fn qr_code(url: &str) -> Option<String> {
    let code = QrCode::new(url).ok()?;
    Some(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).quiet_zone(true).build())
}

fn open(url: &str) -> std::io::Result<()> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(opener);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| std::io::Error::new(error.kind(), format!("{opener}: {error}")))?;
    // Some openers are the browser itself, and stay: its end is of no interest, but has to be taken.
    std::thread::spawn(move || child.wait());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_says_what_a_change_came_to() {
        let took = Duration::from_millis(12);
        assert_eq!(line(Some(3), 5, 0, false, took), "3 files changed, 5 pages made, 12 ms");
        assert_eq!(line(Some(1), 0, 2, true, took), "mended: 1 file changed, 2 other files made, 12 ms");
        assert_eq!(line(None, 1, 1, false, took), "all files read again, 1 page and 1 other file made, 12 ms");
        assert_eq!(line(Some(1), 0, 0, false, took), "1 file changed, nothing to make, 12 ms");
    }

    #[test]
    fn the_code_for_a_camera_is_drawn_in_half_blocks() {
        let code = qr_code("http://192.168.1.20:8080").unwrap();
        assert!(code.lines().count() > 10 && code.contains('▀') && code.contains('█'), "{code}");
    }
}
