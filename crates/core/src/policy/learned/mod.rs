//! What earlier connections have shown: which protocol works to whom, over which network, and how well.
//!
//! Each observation is kept with its network, remote address and protocol (RFC 9623 §9.2), and becomes a row like those
//! of the CIB: it scores, and it expires. Whoever isolates a session neither reads nor writes it (RFC 9622 §8.1.10).

mod record;
mod snapshot;
mod teaching;

pub use record::{Observation, Outcome, Standing};
pub use snapshot::SNAPSHOT_VERSION;
pub use teaching::teach;

use super::neat::{Properties, Text};
use crate::candidate::Protocol;
use crate::time::Time;
use record::{Key, Record};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// No more observations are kept; the one that was not seen for the longest time goes first.
pub const MAX_OBSERVED: usize = 1_024;

/// What works is believed for an hour.
pub const SUCCESS_LIFETIME: Duration = Duration::from_secs(3_600);

/// What has failed is believed for ten minutes: whoever is avoided cannot show that it works again.
pub const FAILURE_LIFETIME: Duration = Duration::from_secs(600);

/// What earlier connections have shown. Bounded by [`MAX_OBSERVED`].
#[derive(Clone, Debug, Default)]
pub struct Learned {
    records: BTreeMap<Key, Record>,
    generation: u64,
    next_expiry: Option<Time>,
}

impl Learned {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes an observation. The caller leaves out those of isolated sessions.
    pub fn observe(&mut self, observation: &Observation, now: Time) {
        let key = Key::of(observation);
        let known = self.records.get(&key);
        let before = known.map(Record::rating);
        // A server of several names is known by the one it was asked by last.
        let renamed = observation.host.is_some()
            && known.is_some_and(|record| record.host() != observation.host.as_deref());
        let record = self.records.entry(key).or_default();
        record.note(observation, now);
        let (expire, after) = (record.expire(), record.rating());
        self.next_expiry = Some(self.next_expiry.map_or(expire, |next| next.min(expire)));
        if self.records.len() > MAX_OBSERVED {
            let oldest =
                self.records.iter().min_by_key(|(_, record)| record.seen()).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.records.remove(&key));
            self.generation += 1;
        }
        // Only what changes an order makes earlier decisions void.
        self.generation += u64::from(renamed || before != Some(after));
    }

    /// Drops what no longer holds; true if there was any. Cheap while there is none.
    pub fn expire(&mut self, now: Time) -> bool {
        if self.next_expiry.is_none_or(|next| now < next) {
            return false;
        }
        let known = self.records.len();
        self.records.retain(|_, record| now < record.expire());
        self.next_expiry = self.records.values().map(Record::expire).min();
        let changed = self.records.len() < known;
        self.generation += u64::from(changed);
        changed
    }

    /// Forgets what was observed over an interface: it leads to another network now.
    pub fn forget(&mut self, network: &str) {
        let known = self.records.len();
        self.records.retain(|key, _| key.network.as_deref() != Some(network));
        self.generation += u64::from(self.records.len() < known);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.generation += u64::from(!self.records.is_empty());
        self.records.clear();
        self.next_expiry = None;
    }

    /// How much is known.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// When the first of it expires, if there is any.
    pub fn next_expiry(&self) -> Option<Time> {
        self.next_expiry
    }

    /// Rises with every change that can change a decision.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// As rows of properties, with what each is about.
    pub fn rows(&self) -> impl Iterator<Item = (&Properties, impl Fn() -> Text)> {
        self.records.iter().map(|(key, record)| (record.row(key), || key.name()))
    }

    /// What is known of a protocol to a peer: good if it works to any of its addresses. A path that is bound to no
    /// interface may use any network.
    pub(super) fn standing(&self, about: &About<'_>, transport: &Protocol) -> Option<Standing> {
        self.about(about)
            .filter(|(key, _)| key.transport == *transport)
            .map(|(_, record)| record.standing())
            .max()
    }

    /// The least round trip and the highest rate that were seen to a peer, whatever the protocol.
    pub(super) fn measured(&self, about: &About<'_>) -> (Option<Duration>, Option<u64>) {
        let rtt = self.about(about).filter_map(|(_, record)| record.rtt()).min();
        (rtt, self.about(about).filter_map(|(_, record)| record.rate()).max())
    }

    fn about(&self, about: &About<'_>) -> impl Iterator<Item = (&Key, &Record)> {
        self.records.iter().filter(move |(key, record)| {
            about.network.is_none_or(|network| key.network.as_deref() == Some(network))
                && about.port.is_none_or(|port| key.remote.port() == port)
                && about.address.is_none_or(|address| key.remote.ip() == address)
                && about.host.is_none_or(|host| record.host().is_some_and(|known| is_same_name(known, host)))
        })
    }
}

/// Whether two are one name for the DNS (RFC 4343 §3): in any case, and with or without the final dot.
fn is_same_name(one: &str, other: &str) -> bool {
    one.strip_suffix('.').unwrap_or(one).eq_ignore_ascii_case(other.strip_suffix('.').unwrap_or(other))
}

/// A peer, as far as it is known, over a network.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About<'a> {
    pub(super) network: Option<&'a str>,
    pub(super) host: Option<&'a str>,
    pub(super) address: Option<IpAddr>,
    pub(super) port: Option<u16>,
}
