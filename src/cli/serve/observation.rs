//! What `galley serve` tells of itself: access log, metrics, health.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::cli::report::Report;
use crate::serve::{
    AccessLog, Address, Control, ControlThread, Counted, Deployment, Farewell, Inherited, Listener, LogFormat,
    Observer, Readiness, Routes, bind,
};

/// Where the control listener is with --follow.
const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

#[derive(Args)]
pub(super) struct ObservationArguments {
    /// Write a line for each answer to standard output
    #[arg(long, value_name = "FORMAT", default_value = "off", env = "GALLEY_LOG")]
    log: Log,
    /// Where to answer /healthz, /readyz and /metrics, as HOST:PORT, :PORT, unix:PATH or fd:N, or off [default: 127.0.0.1:8081 with --follow, off without]
    #[arg(long, value_name = "ADDR", env = "GALLEY_CONTROL")]
    control: Option<ControlAddress>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Log {
    /// The combined format of Apache and nginx
    Combined,
    /// One JSON object a line
    Json,
    /// No access log
    Off,
}

/// An address, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum ControlAddress {
    At(Address),
    Off,
}

/// A text that is neither.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no address: {1}; or `off`")]
pub(in crate::cli) struct ControlAddressError(String, String);

impl FromStr for ControlAddress {
    type Err = ControlAddressError;

    fn from_str(text: &str) -> Result<Self, ControlAddressError> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::At).map_err(|error| ControlAddressError(text.to_owned(), error))
    }
}

/// The log and the control listener of a running instance.
pub(super) struct Observation {
    pub(super) observer: Observer,
    readiness: Arc<Readiness>,
    log: Option<AccessLog>,
    control: Arc<Mutex<Option<ControlThread>>>,
}

impl ObservationArguments {
    /// Begins before the content is there: a probe that asks early is told what is lacking.
    pub(super) fn start(
        &self,
        listeners: Vec<Listener>,
        counted: Vec<Counted>,
        routes: Option<Routes>,
        report: &Report,
    ) -> anyhow::Result<Observation> {
        let format = match self.log {
            Log::Combined => Some(LogFormat::Combined),
            Log::Json => Some(LogFormat::Json),
            Log::Off => None,
        };
        let log = format.map(|format| AccessLog::start(format, io::stdout())).transpose()?;
        let observer = Observer::new(log.as_ref());
        let readiness = Arc::<Readiness>::default();
        for listener in &listeners {
            let more = if routes.is_some() { ", and a page with the releases" } else { "" };
            report.say(format_args!("control: {} has /healthz, /readyz and /metrics{more}", listener.url(false)));
        }
        let control = if listeners.is_empty() {
            None
        } else {
            let control = Control::new(observer.clone(), Arc::clone(&readiness), counted).with_routes(routes);
            Some(control.start(listeners)?)
        };
        Ok(Observation { observer, readiness, log, control: Arc::new(Mutex::new(control)) })
    }

    /// Opens the control listener, before those of the blog: what it takes of a service manager's is not theirs. The address
    /// that was asked for must be free. Without the one that nobody asked for the instance serves all the same.
    pub(super) fn listen(&self, follows: bool, inherited: &mut Inherited) -> anyhow::Result<Vec<Listener>> {
        match &self.control {
            Some(ControlAddress::At(address)) => {
                let remedy = || {
                    format!(
                        "{address}: the control listener can't be there; choose another address with --control, or off"
                    )
                };
                Listener::open(address, inherited).with_context(remedy)
            }
            None if follows => match bind(DEFAULT) {
                Ok(listener) => Ok(vec![listener.into()]),
                Err(error) => {
                    tracing::warn!(
                        "{DEFAULT}: {error}; there is no control listener; choose another address with --control, or off"
                    );
                    Ok(Vec::new())
                }
            },
            Some(ControlAddress::Off) | None => Ok(Vec::new()),
        }
    }
}

impl Observation {
    /// Content is there.
    pub(super) fn ready(&self, deployment: &Arc<Deployment>) {
        self.readiness.installed(deployment);
    }

    /// Done when `stop` is. From then on the instance is not ready, or another one is, and answers at the control listener.
    pub(super) fn until(&self, stop: impl Future<Output = Farewell>) -> impl Future<Output = Farewell> {
        let (readiness, control) = (Arc::clone(&self.readiness), Arc::clone(&self.control));
        async move {
            let farewell = stop.await;
            match &farewell {
                Farewell::Brief => readiness.stopping(),
                Farewell::Patient(_) => {
                    if let Some(control) = &mut *control.lock().unwrap_or_else(PoisonError::into_inner) {
                        control.part();
                    }
                }
            }
            farewell
        }
    }

    /// After the last answer: writes the last lines and closes the control listener.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        if let Some(log) = self.log {
            log.finish();
        }
        let control = self.control.lock().unwrap_or_else(PoisonError::into_inner).take();
        control.map(ControlThread::stop).transpose().context("the control listener")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_address_may_be_off() {
        assert_eq!("off".parse::<ControlAddress>().unwrap(), ControlAddress::Off);
        let address = "[::1]:9".parse::<ControlAddress>().unwrap();
        assert_eq!(address, ControlAddress::At("[::1]:9".parse().unwrap()));
        let error = "none".parse::<ControlAddress>().unwrap_err().to_string();
        assert_eq!(error, "`none` is no address: expected host:port, :port, unix:PATH or fd:N; or `off`");
    }
}
