//! Where `galley serve` listens, and whom it believes.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use ipnet::IpNet;
use sd_notify::NotifyState;

use super::report::Report;
use crate::serve::{
    Address, Inherited, Limits, Listener, Settings, Tls, TlsFiles, TlsWatch, Trust, duration_of, own_names,
    possible_connections,
};
use crate::supervise::Patience;

/// Where it listens, if nothing else is said and no service manager hands a socket over.
const DEFAULT: &str = "127.0.0.1:8080";

/// Addresses, TLS and proxies.
#[derive(Args)]
pub(super) struct ListenArguments {
    /// Where to listen, as HOST:PORT, :PORT, unix:PATH or fd:N; may be given more than once [default: what the service
    /// manager hands over, or 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "GALLEY_LISTEN", value_delimiter = ',', hide_env_values = true)]
    listen: Vec<Address>,
    /// A certificate for HTTPS, and the chain behind it, in PEM form
    #[arg(long, value_name = "FILE", env = "GALLEY_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM form
    #[arg(long, value_name = "FILE", env = "GALLEY_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// HTTPS with a certificate made at the start, which browsers warn of
    #[arg(long, env = "GALLEY_TLS_SELF_SIGNED", value_parser = clap::builder::FalseyValueParser::new(), conflicts_with_all = ["tls_cert", "tls_key"])]
    tls_self_signed: bool,
    /// Networks of proxies that are believed when they say who is behind them; may be given more than once
    #[arg(long, value_name = "CIDR", env = "GALLEY_TRUST_PROXY", value_delimiter = ',', value_parser = network)]
    trust_proxy: Vec<IpNet>,
    /// How many connections one address may have at a time [default: any number]
    #[arg(long, value_name = "N", env = "GALLEY_CONNECTIONS_PER_ADDRESS")]
    connections_per_address: Option<NonZeroU32>,
    /// How many connections there may be at a time; further ones wait [default: 10000, or what the limit of open files allows]
    #[arg(long, value_name = "N", env = "GALLEY_CONNECTIONS")]
    connections: Option<NonZeroU32>,
    /// How long a connection may stay without a request
    #[arg(long, value_name = "DURATION", default_value = "75s", env = "GALLEY_IDLE_TIMEOUT", value_parser = duration)]
    idle_timeout: Duration,
    /// How long answers may take to their end once the process is asked to stop
    #[arg(long, value_name = "DURATION", default_value = "8s", env = "GALLEY_STOP_TIMEOUT", value_parser = duration)]
    stop_timeout: Duration,
}

/// Seconds, minutes or hours.
fn duration(text: &str) -> Result<Duration, String> {
    duration_of(text).ok_or_else(|| "expected a time like 30s, 5m or 1h, at least 1s".into())
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or(address).map_err(|_| "expected a network like 10.0.0.0/8, or an address".into())
}

/// Sockets that are open, and what is spoken on them.
pub(super) struct Listening {
    pub(super) listeners: Vec<Listener>,
    pub(super) settings: Settings,
    watch: Option<TlsWatch>,
}

impl ListenArguments {
    /// Done before the site is rendered, so that a port that is taken, or a certificate that is wrong, is said at once.
    pub(super) fn open(&self, inherited: &mut Inherited, report: &Report) -> anyhow::Result<Listening> {
        self.on(self.listeners(inherited)?, report)
    }

    /// The same on listeners that are open.
    pub(super) fn on(&self, listeners: Vec<Listener>, report: &Report) -> anyhow::Result<Listening> {
        let (tls, watch) = self.tls(&listeners, report)?;
        let limits = self.limits(report);
        let trust = Trust::new(self.trust_proxy.iter().copied());
        Ok(Listening { listeners, settings: Settings { limits, tls, trust, ..Settings::default() }, watch })
    }

    fn limits(&self, report: &Report) -> Limits {
        let default = Limits::for_this_process();
        let connections = self.connections.map_or(default.connections, |asked| {
            let (asked, possible) = (asked.get() as usize, possible_connections());
            if asked > possible {
                report.say(format_args!(
                    "--connections {asked}: the limit of open files allows {possible}; raise it (ulimit -n, or LimitNOFILE= of a service)"
                ));
            }
            asked.min(possible)
        });
        Limits {
            connections,
            connections_per_address: self.connections_per_address,
            idle: self.idle_timeout,
            stop: self.stop_timeout,
            ..default
        }
    }

    /// How long clients are waited for, as a supervisor has to know it.
    pub(super) fn patience(&self) -> Patience {
        Patience { idle: self.idle_timeout, stop: self.stop_timeout }
    }

    /// Whether clients come in clear text and without a proxy: only to them bodies are sent as they lie in a file.
    pub(super) fn is_plain(&self) -> bool {
        self.tls_cert.is_none() && !self.tls_self_signed && self.trust_proxy.is_empty()
    }

    /// Opens the addresses alone.
    pub(super) fn listeners(&self, inherited: &mut Inherited) -> anyhow::Result<Vec<Listener>> {
        let default = [DEFAULT.parse::<Address>().map_err(anyhow::Error::msg)?];
        let mut listeners = Vec::new();
        let addresses = if self.listen.is_empty() {
            listeners = inherited.all().context("LISTEN_FDS: a socket that was handed over can't be used")?;
            if listeners.is_empty() { &default[..] } else { &[] }
        } else {
            &self.listen
        };
        for address in addresses {
            let opened = Listener::open(address, inherited);
            let remedy = || format!("{address}: can't listen there; choose another address with --listen");
            listeners.extend(opened.with_context(remedy)?);
        }
        Ok(listeners)
    }

    fn tls(&self, listeners: &[Listener], report: &Report) -> anyhow::Result<(Option<Tls>, Option<TlsWatch>)> {
        if self.tls_self_signed {
            let addresses = listeners.iter().filter_map(|listener| Some(listener.address()?.ip()));
            let names = own_names(addresses);
            report.say(format_args!("a certificate of its own for {}", names.join(", ")));
            let (tls, fingerprint) = Tls::self_signed(names)?;
            report.say(format_args!("its SHA-256 fingerprint: {fingerprint}"));
            return Ok((Some(tls), None));
        }
        let (Some(certificate), Some(key)) = (self.tls_cert.clone(), self.tls_key.clone()) else {
            return Ok((None, None));
        };
        let (tls, watch) = Tls::from_files(TlsFiles { certificate, key })?;
        Ok((Some(tls), Some(watch)))
    }
}

impl Listening {
    /// Says where it listens, also to the service manager: from now on requests are answered. Must be called on a runtime.
    pub(super) fn announce(&mut self, report: &Report) {
        self.say(report);
        self.watch();
        announce_start();
    }

    /// Says where it listens.
    pub(super) fn say(&self, report: &Report) {
        for listener in &self.listeners {
            report.result(format_args!("{}", listener.url(self.settings.tls.is_some())));
        }
    }

    /// Looks after the certificate from now on. Must be called on a runtime.
    pub(super) fn watch(&mut self) {
        if let Some(watch) = self.watch.take() {
            tokio::spawn(watch.run());
        }
    }
}

/// Tells the service manager that requests are answered.
pub(super) fn announce_start() {
    tell_manager(NotifyState::Ready);
}

/// Tells systemd, if it started this process and wants to know.
fn tell_manager(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!("the service manager could not be told: {error}");
    }
}

/// Tells the service manager that the process is about to stop.
pub(super) fn announce_stop() {
    tell_manager(NotifyState::Stopping);
}
