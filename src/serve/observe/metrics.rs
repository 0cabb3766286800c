//! The metrics, in the text format of Prometheus (version 0.0.4).
//!
//! Everything is read when it is asked for. No label's value comes from a request: the number of series is bounded.

use std::fmt;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::{Observer, process};
use crate::serve::readiness::Readiness;

pub(in crate::serve) use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
pub use prometheus_client::metrics::counter::Counter;

/// Counters of another room, under one name.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The name, without `galley_` before and `_total` behind it.
    pub name: &'static str,
    /// What is counted.
    pub help: &'static str,
    /// The name of the label that tells the counters apart.
    pub label: &'static str,
    /// The label's values and their counters.
    pub counters: Vec<(&'static str, Counter)>,
}

/// All metrics of an instance.
#[derive(Debug)]
pub(in crate::serve) struct Metrics(Registry);

impl Metrics {
    pub(in crate::serve) fn new(observer: Observer, readiness: Arc<Readiness>, counted: Vec<Counted>) -> Self {
        let mut all = Registry::default();
        // These have the same names in every program.
        all.register_collector(Box::new(Process(observer.clone())));
        let own = all.sub_registry_with_prefix("galley");
        own.register_collector(Box::new(Requests(observer)));
        own.register_collector(Box::new(Served(readiness)));
        own.register_collector(Box::new(Elsewhere(counted)));
        Self(all)
    }

    /// The text that `/metrics` answers with.
    pub(in crate::serve) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0)?;
        Ok(text)
    }
}

/// Requests, connections and lines of the log.
#[derive(Debug)]
struct Requests(Observer);

impl Collector for Requests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let totals = self.0.totals();
        let help = "Requests by the answer's status and content coding";
        let mut requests = encoder.encode_descriptor("http_requests", help, None, MetricType::Counter)?;
        for (status, coding, count) in totals.answers() {
            let labels = [("status", status.as_str()), ("coding", coding)];
            requests.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        let help = "What came over HTTP/1.1 and could not be read as a request, by the status it was answered with";
        let mut unreadable = encoder.encode_descriptor("http_unreadable_requests", help, None, MetricType::Counter)?;
        for (status, count) in totals.unreadable() {
            unreadable.encode_family(&[("status", status)])?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        let help = "From a request's head to the end of its answer";
        let unit = Some(&Unit::Seconds);
        let mut durations = encoder.encode_descriptor("http_request_duration", help, unit, MetricType::Histogram)?;
        let buckets: Vec<_> = totals.buckets().collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        durations.encode_histogram::<NoLabelSet>(totals.seconds(), count, &buckets, None)?;
        let bytes = Some(&Unit::Bytes);
        counter(&mut encoder, "http_response_body", "Bytes of bodies sent", bytes, totals.body_bytes)?;
        counter(&mut encoder, "http_answers_cut", "Answers that ended before they were complete", None, totals.cut)?;
        gauge(
            &mut encoder,
            "http_requests_in_flight",
            "Requests whose answer is not finished",
            None,
            totals.in_flight(),
        )?;
        counter(&mut encoder, "connections", "Connections accepted", None, totals.connected)?;
        gauge(&mut encoder, "connections_open", "Connections open", None, totals.connections_open())?;
        let help = "Lines of the access log that standard output did not take";
        counter(&mut encoder, "log_lines_dropped", help, None, self.0.lines_dropped())
    }
}

/// What is being served.
#[derive(Debug)]
struct Served(Arc<Readiness>);

impl Collector for Served {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        info(&mut encoder, "build", "This program", ("version", env!("CARGO_PKG_VERSION")))?;
        let Some(deployment) = self.0.deployment() else { return Ok(()) };
        let snapshot = deployment.current();
        info(&mut encoder, "snapshot", "The content served", ("content", &snapshot.root().to_string()))?;
        gauge(&mut encoder, "snapshot_paths", "Paths that answer", None, snapshot.len() as u64)?;
        let age = deployment.installed().elapsed().unwrap_or_default().as_secs_f64();
        let seconds = Some(&Unit::Seconds);
        gauge(&mut encoder, "snapshot_age", "Since when this content is served", seconds, age)?;
        let help = "How often other content was installed than was there";
        counter(&mut encoder, "snapshot_swaps", help, None, deployment.swaps())?;
        let bytes = Some(&Unit::Bytes);
        let help = "Bytes held in memory, by content coding";
        let mut held = encoder.encode_descriptor("snapshot", help, bytes, MetricType::Gauge)?;
        for (coding, bytes) in snapshot.held() {
            held.encode_family(&[("coding", coding.name())])?.encode_gauge(&bytes)?;
        }
        if let Some(limit) = snapshot.memory() {
            gauge(&mut encoder, "snapshot_memory_limit", "Bytes that content may take in memory", bytes, limit)?;
        }
        gauge(&mut encoder, "snapshot_on_disk", "Bytes of media that are read from disk", bytes, snapshot.on_disk().1)
    }
}

/// What other rooms count.
#[derive(Debug)]
struct Elsewhere(Vec<Counted>);

impl Collector for Elsewhere {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Counted { name, help, label, counters } in &self.0 {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (value, counter) in counters {
                let count = counter.get();
                family.encode_family(&[(*label, *value)])?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        Ok(())
    }
}

/// What the system knows; where it does not tell, the metric is left out.
#[derive(Debug)]
struct Process(Observer);

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let started = self.0.started().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let help = "When the process began, in seconds since 1970";
        gauge(&mut encoder, "process_start_time", help, Some(&Unit::Seconds), started)?;
        if let Some(bytes) = process::resident_memory() {
            gauge(&mut encoder, "process_resident_memory", "Memory in RAM", Some(&Unit::Bytes), bytes)?;
        }
        if let Some(count) = process::open_files() {
            gauge(&mut encoder, "process_open_fds", "Open file descriptors", None, count)?;
        }
        match process::most_files() {
            Some(count) => gauge(&mut encoder, "process_max_fds", "How many there may be", None, count),
            None => Ok(()),
        }
    }
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: u64,
) -> fmt::Result {
    let mut counter = encoder.encode_descriptor(name, help, unit, MetricType::Counter)?;
    counter.encode_counter::<NoLabelSet, _, u64>(&value, None)
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: impl EncodeGaugeValue + Copy,
) -> fmt::Result {
    encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?.encode_gauge(&value)
}

fn info(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, label: (&str, &str)) -> fmt::Result {
    encoder.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(&[label])
}
