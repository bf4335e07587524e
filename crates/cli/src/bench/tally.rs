//! What was measured, in text and in JSON.

use super::args::Mode;
use crate::report::table;
use hdrhistogram::Histogram;
use neatflow::{EstablishmentFailure, ListenFailure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many different reasons are told.
const REASONS: usize = 32;

/// The longest latency that is told from longer ones.
const LONGEST: Duration = Duration::from_secs(3_600);

/// The percentiles that are told.
const PERCENTILES: [(&str, f64); 4] = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9)];

/// Why flows failed, and how many.
#[derive(Debug, Default)]
pub(super) struct Failures(BTreeMap<String, u64>);

impl Failures {
    pub(super) fn add(&mut self, reason: String) {
        let known = self.0.len() < REASONS || self.0.contains_key(&reason);
        *self.0.entry(if known { reason } else { "other reasons".to_owned() }).or_default() += 1;
    }

    pub(super) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    fn json(&self) -> Value {
        self.0.iter().map(|(reason, flows)| json!({ "reason": reason, "flows": flows })).collect()
    }

    fn rows(&self) -> impl Iterator<Item = Vec<String>> {
        self.0.iter().map(|(reason, flows)| row("failed", format!("{flows}: {reason}")))
    }
}

/// When the first thing happened and when the last one did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span(Option<(Instant, Instant)>);

impl Span {
    pub(super) fn extend(&mut self, now: Instant) {
        let (first, _) = self.0.unwrap_or((now, now));
        self.0 = Some((first, now));
    }

    fn length(self) -> Duration {
        self.0.map_or(Duration::ZERO, |(first, last)| last.saturating_duration_since(first))
    }

    /// So many in each second.
    fn rate(self, many: u64) -> f64 {
        let seconds = self.length().as_secs_f64();
        if seconds > 0.0 { many as f64 / seconds } else { 0.0 }
    }
}

/// What a client measured.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) mode: Mode,
    pub(super) size: u64,
    pub(super) depth: u64,
    pub(super) flows: u64,
    pub(super) established: u64,
    pub(super) establishing: Span,
    pub(super) stacks: BTreeMap<String, u64>,
    /// Messages that were sent, those that came back unsent not counted.
    pub(super) sent: u64,
    pub(super) answered: u64,
    /// Datagrams that were not answered in time.
    pub(super) lost: u64,
    /// Datagrams that came late, twice, or unasked.
    pub(super) stray: u64,
    /// From the first message to the last answer; without answers, to the end of the last flow.
    pub(super) span: Span,
    /// In nanoseconds.
    latency: Option<Histogram<u64>>,
    pub(super) failures: Failures,
    /// The first of these, with every candidate's reason.
    pub(super) not_established: Option<Arc<EstablishmentFailure>>,
    pub(super) interrupted: bool,
}

impl Tally {
    pub(super) fn new(mode: Mode, flows: u64, size: u64, depth: u64) -> Self {
        Self {
            mode,
            size,
            depth,
            flows,
            established: 0,
            establishing: Span::default(),
            stacks: BTreeMap::new(),
            sent: 0,
            answered: 0,
            lost: 0,
            stray: 0,
            span: Span::default(),
            // To three digits.
            latency: Histogram::new_with_bounds(1, LONGEST.as_nanos() as u64, 3).ok(),
            failures: Failures::default(),
            not_established: None,
            interrupted: false,
        }
    }

    /// A message took this long.
    pub(super) fn took(&mut self, time: Duration) {
        self.answered += 1;
        if let Some(latency) = &mut self.latency {
            latency.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// Messages that made it.
    pub(super) fn messages(&self) -> u64 {
        match self.mode {
            Mode::Echo => self.answered,
            Mode::Discard => self.sent,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.messages() * self.size
    }

    /// In microseconds.
    fn latencies(&self) -> Option<Vec<(&'static str, f64)>> {
        let latency = self.latency.as_ref().filter(|latency| !latency.is_empty())?;
        let micros = |nanos: u64| nanos as f64 / 1e3;
        let percentiles = PERCENTILES.map(|(name, at)| (name, micros(latency.value_at_percentile(at))));
        Some(percentiles.into_iter().chain([("max", micros(latency.max()))]).collect())
    }

    pub(super) fn json(&self) -> Value {
        let latency = self.latencies().map(|all| {
            Value::Object(all.into_iter().map(|(name, micros)| (name.to_owned(), json!(micros))).collect())
        });
        json!({
            "type": "result",
            "mode": self.mode.name(),
            "stacks": self.stacks,
            "flows": self.flows,
            "established": self.established,
            "establishing_seconds": self.establishing.length().as_secs_f64(),
            "size": self.size,
            "depth": self.depth,
            "seconds": self.span.length().as_secs_f64(),
            "bytes": self.bytes(),
            "messages": self.messages(),
            "sent": self.sent,
            "lost": self.lost,
            "stray": self.stray,
            "bits_per_second": self.span.rate(8 * self.bytes()),
            "messages_per_second": self.span.rate(self.messages()),
            "latency_us": latency,
            "failures": self.failures.json(),
            "interrupted": self.interrupted,
        })
    }

    pub(super) fn text(&self) -> Vec<String> {
        let stacks: Vec<_> =
            self.stacks.iter().map(|(stack, flows)| format!("{flows} over {stack}")).collect();
        let mut flows = format!("{} of {} established", self.established, self.flows);
        if !stacks.is_empty() {
            let time = self.establishing.length().as_secs_f64() * 1e3;
            flows = format!("{flows} in {time:.1} ms: {}", stacks.join(", "));
        }
        let (messages, what) = (self.messages(), if self.mode == Mode::Echo { "echoed" } else { "sent" });
        let mut rows = vec![
            row("flows", flows),
            row(
                "messages",
                format!(
                    "{messages} {what} in {:.3} s: {:.0}/s",
                    self.span.length().as_secs_f64(),
                    self.span.rate(messages)
                ),
            ),
            row("bytes", format!("{}: {}", self.bytes(), bits(self.span.rate(8 * self.bytes())))),
        ];
        if let Some(all) = self.latencies() {
            let all: Vec<_> = all.iter().map(|(name, micros)| format!("{name} {micros:.1}")).collect();
            rows.push(row("latency", format!("{} us", all.join("  "))));
        }
        if self.mode == Mode::Echo && self.sent > self.answered {
            let open = self.sent - self.answered;
            rows.push(row("unanswered", format!("{open}, of which {} were lost", self.lost)));
        }
        if self.stray > 0 {
            rows.push(row("stray", format!("{} came late, twice or unasked", self.stray)));
        }
        rows.extend(self.failures.rows());
        let interrupted = if self.interrupted { ", interrupted" } else { "" };
        let head =
            format!("{} of {} bytes, {} at once{interrupted}", self.mode.name(), self.size, self.depth);
        std::iter::once(head).chain(table(rows)).collect()
    }
}

/// What a server served.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) mode: Mode,
    pub(super) stacks: BTreeMap<String, u64>,
    pub(super) bytes: u64,
    /// Messages that came: on a byte stream, reads.
    pub(super) messages: u64,
    pub(super) unsent: u64,
    /// From the first message to the last.
    pub(super) span: Span,
    pub(super) failures: Failures,
    pub(super) ended: Result<(), ListenFailure>,
}

impl Served {
    pub(super) fn new(mode: Mode) -> Self {
        Self {
            mode,
            stacks: BTreeMap::new(),
            bytes: 0,
            messages: 0,
            unsent: 0,
            span: Span::default(),
            failures: Failures::default(),
            ended: Ok(()),
        }
    }

    fn flows(&self) -> u64 {
        self.stacks.values().sum()
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "type": "result",
            "mode": self.mode.name(),
            "stacks": self.stacks,
            "flows": self.flows(),
            "seconds": self.span.length().as_secs_f64(),
            "bytes": self.bytes,
            "messages": self.messages,
            "unsent": self.unsent,
            "bits_per_second": self.span.rate(8 * self.bytes),
            "messages_per_second": self.span.rate(self.messages),
            "failures": self.failures.json(),
        })
    }

    pub(super) fn text(&self) -> Vec<String> {
        let stacks: Vec<_> =
            self.stacks.iter().map(|(stack, flows)| format!("{flows} over {stack}")).collect();
        let mut rows = vec![
            row("flows", if stacks.is_empty() { "0".to_owned() } else { stacks.join(", ") }),
            row(
                "messages",
                format!(
                    "{} read in {:.3} s: {:.0}/s",
                    self.messages,
                    self.span.length().as_secs_f64(),
                    self.span.rate(self.messages)
                ),
            ),
            row("bytes", format!("{}: {}", self.bytes, bits(self.span.rate(8 * self.bytes)))),
        ];
        if self.unsent > 0 {
            rows.push(row("unsent", self.unsent.to_string()));
        }
        rows.extend(self.failures.rows());
        std::iter::once(format!("{} served", self.mode.name())).chain(table(rows)).collect()
    }
}

fn row(name: &str, what: String) -> Vec<String> {
    vec![name.to_owned(), what]
}

/// A rate, with a unit that suits it.
pub(super) fn bits(rate: f64) -> String {
    match rate {
        rate if rate >= 1e9 => format!("{:.2} Gbit/s", rate / 1e9),
        rate if rate >= 1e6 => format!("{:.2} Mbit/s", rate / 1e6),
        rate if rate >= 1e3 => format!("{:.2} kbit/s", rate / 1e3),
        rate => format!("{rate:.0} bit/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_told_in_microseconds() {
        let mut tally = Tally::new(Mode::Echo, 1, 10, 1);
        for micros in 1..=1_000 {
            tally.took(Duration::from_micros(micros));
        }
        let json = tally.json();
        for (name, expected) in
            [("p50", 500.0), ("p90", 900.0), ("p99", 990.0), ("p99.9", 999.0), ("max", 1_000.0)]
        {
            let told = json["latency_us"][name].as_f64().unwrap();
            assert!((told / expected - 1.0).abs() < 0.002, "{name}: {told}");
        }
        assert_eq!(json["bytes"], 10_000);
    }

    #[test]
    fn there_are_no_more_reasons_than_are_worth_reading() {
        let mut failures = Failures::default();
        for n in 0..10_000 {
            failures.add(n.to_string());
        }
        assert_eq!((failures.0.len(), failures.total()), (REASONS + 1, 10_000));
    }

    #[test]
    fn without_any_time_there_is_no_rate() {
        let tally = Tally::new(Mode::Discard, 1, 10, 1);
        assert_eq!(tally.json()["bits_per_second"], 0.0);
        assert_eq!(tally.json()["latency_us"], Value::Null);
    }
}
