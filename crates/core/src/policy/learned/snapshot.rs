//! What was learned, as text, for whoever keeps it in a file.

use super::record::{Key, Record};
use super::{Learned, MAX_OBSERVED};
use crate::candidate::Protocol;
use crate::policy::neat::{Fault, MAX_DOCUMENT};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::net::SocketAddr;
use std::time::Duration;

/// The version of the form that is written, and the only one that is read.
pub const SNAPSHOT_VERSION: u32 = 1;

/// A name or a reason in a snapshot has at most this many bytes; a host name has fewer.
const MAX_WORD: usize = 256;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    neatflow_observations: u32,
    records: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    transport: String,
    remote: SocketAddr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rtt_us: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate: Option<u64>,
    /// Seconds since the Unix epoch.
    seen: u64,
}

impl Learned {
    /// Everything that is known, as JSON, at most [`MAX_OBSERVED`] entries and [`MAX_DOCUMENT`] bytes: what was seen
    /// last comes first, and what does not fit is left out.
    pub fn to_snapshot(&self) -> String {
        let mut records: Vec<_> = self.records.iter().collect();
        records.sort_by_key(|(_, record)| Reverse(record.seen));
        let mut text = format!("{{\"neatflow_observations\":{SNAPSHOT_VERSION},\"records\":[");
        let empty = text.len();
        for (key, record) in records {
            // Texts and numbers: nothing can fail.
            let line = serde_json::to_string(&Entry::of(key, record)).unwrap_or_default();
            if text.len() + line.len() + 8 > MAX_DOCUMENT {
                break;
            }
            text.push_str(if text.len() == empty { "\n" } else { ",\n" });
            text.push_str(&line);
        }
        text.push_str("\n]}\n");
        text
    }

    /// Reads what [`to_snapshot`](Self::to_snapshot) wrote. What has expired by now is left out, and nothing is
    /// believed that was seen in the future.
    ///
    /// *Errors*: [`Fault::TooLong`]; [`Fault::Snapshot`] when it is another version, or damaged. Nothing of it is kept
    /// then.
    pub fn from_snapshot(text: &str, now: Time) -> Result<Self, Fault> {
        if text.len() > MAX_DOCUMENT {
            return Err(Fault::TooLong { limit: MAX_DOCUMENT });
        }
        let damaged = |why: String| Fault::Snapshot(why.into());
        let snapshot: Snapshot = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        if snapshot.neatflow_observations != SNAPSHOT_VERSION {
            return Err(damaged(format!(
                "version {} is not {SNAPSHOT_VERSION}",
                snapshot.neatflow_observations
            )));
        }
        if snapshot.records.len() > MAX_OBSERVED {
            return Err(damaged(format!("more than {MAX_OBSERVED} records")));
        }
        let mut learned = Self::new();
        for (place, entry) in snapshot.records.into_iter().enumerate() {
            let (key, record) = entry.read().ok_or_else(|| damaged(format!("record {place} is too long")))?;
            if record.seen <= now && now < record.expire() {
                learned.records.insert(key, record);
            }
        }
        learned.next_expiry = learned.records.values().map(Record::expire).min();
        learned.generation = 1;
        Ok(learned)
    }
}

impl Entry {
    fn of(key: &Key, record: &Record) -> Self {
        Self {
            transport: key.transport.as_str().to_owned(),
            remote: key.remote,
            network: key.network.as_deref().map(str::to_owned),
            host: record.host.as_deref().map(str::to_owned),
            failed: record.failed.as_deref().map(str::to_owned),
            rtt_us: record.rtt.map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
            rate: record.rate,
            seen: record.seen.since_origin().as_secs(),
        }
    }

    fn read(self) -> Option<(Key, Record)> {
        let words = [
            Some(self.transport.as_str()),
            self.network.as_deref(),
            self.host.as_deref(),
            self.failed.as_deref(),
        ];
        if words.into_iter().flatten().any(|word| word.len() > MAX_WORD) {
            return None;
        }
        let key = Key {
            transport: Protocol::from(self.transport),
            remote: self.remote,
            network: self.network.map(Into::into),
        };
        let record = Record {
            host: self.host.map(Into::into),
            failed: self.failed.map(Into::into),
            rtt: self.rtt_us.map(Duration::from_micros),
            rate: self.rate,
            seen: Time::from_origin(Duration::from_secs(self.seen)),
            ..Record::default()
        };
        Some((key, record))
    }
}
