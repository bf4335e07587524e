//! One thing that was observed.

use super::{FAILURE_LIFETIME, SUCCESS_LIFETIME};
use crate::candidate::Protocol;
use crate::policy::neat::read::{TRANSPORT, transport_name};
use crate::policy::neat::{Finite, Precedence, Properties, Property, Scalar, Text, Value};
use crate::time::Time;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What an outcome scores in a row, for or against, as libneat reports it.
const SCORE: i32 = 5;

/// Of a reason at most this many characters are kept.
const MAX_REASON: usize = 64;

/// How a connection went: said when a race ends for each of its attempts, and when a flow ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The network it used: the name of the interface, if it is known.
    pub network: Option<Arc<str>>,
    /// The name that was resolved, if there was one.
    pub host: Option<Arc<str>>,
    /// The peer.
    pub remote: SocketAddr,
    /// What carried it.
    pub transport: Protocol,
    /// How it went.
    pub outcome: Outcome,
}

/// How a connection went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was established.
    Established {
        /// How long that took, or the round trip that was measured.
        rtt: Option<Duration>,
    },
    /// It could not be established.
    Failed {
        /// Why, in words.
        reason: Arc<str>,
    },
    /// It was used.
    Used {
        /// The round trip that was measured.
        rtt: Option<Duration>,
        /// How much was carried, in bit/s.
        rate: Option<u64>,
    },
}

/// What is to be expected, from bad to good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It failed the last time.
    Bad,
    /// It worked the last time.
    Good,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) transport: Protocol,
    pub(super) remote: SocketAddr,
    pub(super) network: Option<Arc<str>>,
}

impl Key {
    pub(super) fn of(observation: &Observation) -> Self {
        let Observation { network, remote, transport, .. } = observation;
        Self { transport: transport.clone(), remote: *remote, network: network.clone() }
    }

    pub(super) fn name(&self) -> Text {
        let network = self.network.as_deref().map(|network| format!(" on {network}")).unwrap_or_default();
        format!("{} {}{network}", self.transport, self.remote).into()
    }
}

/// What was observed of one key, and the row it makes.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) host: Option<Arc<str>>,
    pub(super) failed: Option<Arc<str>>,
    pub(super) rtt: Option<Duration>,
    pub(super) rate: Option<u64>,
    pub(super) seen: Time,
    /// Formed when a lookup asks for it: most of what races teach is replaced before anybody does.
    pub(super) row: OnceLock<Properties>,
}

impl Record {
    pub(super) fn note(&mut self, observation: &Observation, now: Time) {
        self.host = observation.host.clone().or_else(|| self.host.take());
        match &observation.outcome {
            Outcome::Failed { reason } => {
                self.failed = Some(reason.chars().take(MAX_REASON).collect::<String>().into())
            }
            Outcome::Established { rtt } => {
                self.failed = None;
                self.rtt = smoothed(self.rtt, *rtt);
            }
            Outcome::Used { rtt, rate } => {
                self.failed = None;
                self.rtt = smoothed(self.rtt, *rtt);
                self.rate = highest(self.rate, *rate);
            }
        }
        self.seen = now;
        self.row = OnceLock::new();
    }

    /// Its row. What is not known of the request (its local address, say) matches whatever is asked for.
    fn form(&self, key: &Key) -> Properties {
        let mut row = Properties::with_capacity(10);
        let fact = |value: Value| Property::immutable(value);
        let open = || Property { precedence: Precedence::Default, ..Property::default() };
        let word = |word: &str| Value::One(Scalar::String(word.into()));
        row.insert(TRANSPORT, fact(Value::One(Scalar::String(transport_name(key.transport.as_str())))));
        row.insert(Text::fixed("remote_ip"), fact(word(&key.remote.ip().to_string())));
        row.insert(Text::fixed("port"), fact(i64::from(key.remote.port()).into()));
        row.insert(
            Text::fixed("interface"),
            key.network.as_deref().map_or_else(open, |name| fact(word(name))),
        );
        row.insert(
            Text::fixed("domain_name"),
            self.host.as_deref().map_or_else(open, |name| fact(word(name))),
        );
        row.insert(Text::fixed("local_ip"), open());
        row.insert(Text::fixed("__cached"), Property::requested(true));
        let (good, score) = if self.failed.is_none() { (true, SCORE) } else { (false, -SCORE) };
        row.insert(Text::fixed("__he_candidate_success"), Property::requested(good).scored(score));
        if let Some(reason) = &self.failed {
            row.insert(Text::fixed("__failure"), Property::requested(word(reason)));
        }
        if let Some(rtt) = self.rtt.and_then(|rtt| Finite::new(rtt.as_secs_f64() * 1_000.0)) {
            row.insert(Text::fixed("rtt"), fact(Value::One(Scalar::Float(rtt))));
        }
        if let Some(rate) = self.rate {
            row.insert(Text::fixed("rate"), fact(i64::try_from(rate).unwrap_or(i64::MAX).into()));
        }
        row
    }

    pub(super) fn expire(&self) -> Time {
        self.seen + if self.failed.is_none() { SUCCESS_LIFETIME } else { FAILURE_LIFETIME }
    }

    pub(super) fn seen(&self) -> Time {
        self.seen
    }

    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    pub(super) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    pub(super) fn rate(&self) -> Option<u64> {
        self.rate
    }

    pub(super) fn row(&self, key: &Key) -> &Properties {
        self.row.get_or_init(|| self.form(key))
    }

    pub(super) fn standing(&self) -> Standing {
        if self.failed.is_none() { Standing::Good } else { Standing::Bad }
    }

    /// What an order depends on: times and rates by their magnitude only, or every race would void every decision.
    pub(super) fn rating(&self) -> (Standing, u32, u32) {
        let magnitude = |number: u64| u64::BITS - number.leading_zeros();
        let millis = |rtt: Duration| u64::try_from(rtt.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        (self.standing(), self.rtt.map(millis).map_or(0, magnitude), self.rate.map_or(0, magnitude))
    }
}

/// The rate that is to be expected: it rises at once, and falls by an eighth of the difference, because whoever has
/// little to send sees little of what a path can carry.
fn highest(known: Option<u64>, new: Option<u64>) -> Option<u64> {
    match (known, new) {
        (Some(known), Some(new)) if new < known => Some(known - (known - new) / 8),
        (known, new) => new.or(known),
    }
}

/// The smoothed round trip: seven eighths of what is known and one of what is new (RFC 6298 §2).
fn smoothed(known: Option<Duration>, new: Option<Duration>) -> Option<Duration> {
    match (known, new) {
        (Some(known), Some(new)) => Some(known.saturating_mul(7).saturating_add(new) / 8),
        (known, new) => new.or(known),
    }
}
