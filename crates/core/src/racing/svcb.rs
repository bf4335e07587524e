//! Service bindings: SVCB and HTTPS records (RFC 9460).

use super::address::Address;
use super::target::Target;
use crate::candidate::Protocol;
use std::sync::Arc;

/// At most this many records of one answer are looked at, in the order of the resolver.
pub const MAX_SERVICES: usize = 16;

/// An alias chain is followed this far (RFC 9460 §2.4.2 leaves the limit to the client).
pub const MAX_ALIASES: usize = 8;

/// One record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceRecord {
    /// SvcPriority: lower goes first; 0 is AliasMode.
    pub priority: u16,
    /// TargetName: who provides the service; `.` is the owner of the record.
    pub target: Arc<str>,
    /// The application protocols it names.
    pub alpn: Vec<Arc<str>>,
    /// Whether `http/1.1` does not go without saying.
    pub no_default_alpn: bool,
    /// The port, if it is not the authority's.
    pub port: Option<u16>,
    /// IPv6 addresses, until AAAA records of the target are known.
    pub v6_hints: Vec<Address>,
    /// IPv4 addresses, until A records of the target are known.
    pub v4_hints: Vec<Address>,
    /// The configuration for Encrypted Client Hello.
    pub ech: Option<Arc<[u8]>>,
}

impl ServiceRecord {
    /// A record of this priority and TargetName, without parameters.
    pub fn new(priority: u16, target: impl Into<Arc<str>>) -> Self {
        Self { priority, target: target.into(), ..Self::default() }
    }

    /// Whether it stands for another name altogether.
    pub fn is_alias(&self) -> bool {
        self.priority == 0
    }

    /// Whether its target is the owner of the record.
    pub fn is_owner(&self) -> bool {
        matches!(&*self.target, "." | "")
    }

    /// What it speaks that the target wants too (RFC 9460 §7.1.2), in the order of the record.
    fn common<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = &'a str> {
        let implied = (!self.no_default_alpn).then_some("http/1.1");
        let spoken = self.alpn.iter().map(|name| &**name).chain(implied);
        spoken.filter(|name| target.alpn.iter().any(|wanted| &**wanted == *name))
    }

    /// The transports to try for this service: those of the protocols both sides speak. None: it is not for us
    /// (draft-ietf-happy-happyeyeballs-v3 §6.2).
    pub(super) fn transports(&self, target: &Target) -> Vec<Protocol> {
        let mut transports: Vec<Protocol> = Vec::new();
        for name in self.common(target) {
            let transport = carrier(name);
            if !transports.contains(&transport) {
                transports.push(transport);
            }
        }
        transports
    }
}

/// What carries an application protocol: HTTP/3 and DNS over QUIC are carried by QUIC, all else by TCP.
pub(super) fn carrier(alpn: &str) -> Protocol {
    let quic = alpn == "doq" || alpn == "h3" || alpn.starts_with("h3-");
    if quic { Protocol::named("quic") } else { Protocol::TCP }
}

/// The services among these records that this target can use, by priority; among equals as they came
/// (RFC 9460 §2.4.1, §3 step 5). Records that are not compatible are as if they were not there (RFC 9460 §8).
pub(super) fn usable(records: &[ServiceRecord], target: &Target) -> Vec<(ServiceRecord, Vec<Protocol>)> {
    let mut services: Vec<_> = records
        .iter()
        .map(|record| (record.clone(), record.transports(target)))
        .filter(|(record, transports)| !record.is_alias() && !transports.is_empty())
        .collect();
    services.sort_by_key(|(record, _)| record.priority);
    services
}

/// The name that these records stand for, if they are an alias: one in AliasMode makes those in ServiceMode void
/// (RFC 9460 §2.4.1). One whose target is the root says that there is no service (§2.5.1), which is advice only.
pub(super) fn alias(records: &[ServiceRecord]) -> Option<&ServiceRecord> {
    records.iter().find(|record| record.is_alias())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(alpn: &[&str]) -> Target {
        Target::named("www.example", 443).alpn(alpn.iter().copied())
    }

    fn record(alpn: &[&str], no_default_alpn: bool) -> ServiceRecord {
        let alpn = alpn.iter().map(|&name| name.into()).collect();
        ServiceRecord { alpn, no_default_alpn, ..ServiceRecord::new(1, ".") }
    }

    /// ALPN-1.
    #[test]
    fn transports_are_those_of_the_protocols_in_common() {
        let all = target(&["h3", "h2", "http/1.1"]);
        let names = |record: &ServiceRecord, target: &Target| {
            record.transports(target).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(names(&record(&["h3", "h2"], true), &all), ["quic", "tcp"]);
        assert_eq!(names(&record(&["h3"], true), &all), ["quic"]);
        assert_eq!(names(&record(&["h3"], false), &all), ["quic", "tcp"], "http/1.1 goes without saying");
        assert_eq!(names(&record(&[], false), &all), ["tcp"]);
        assert_eq!(names(&record(&["h3", "h2"], false), &target(&["h2"])), ["tcp"]);
        assert!(names(&record(&["h3"], true), &target(&["h2", "http/1.1"])).is_empty());
        assert!(names(&record(&["doq"], false), &target(&["h2"])).is_empty());
    }

    #[test]
    fn services_go_by_priority_and_an_alias_voids_them() {
        let with =
            |priority, name: &str| ServiceRecord { priority, target: name.into(), ..record(&["h2"], false) };
        let records = [with(2, "b"), with(1, "a"), with(2, "c")];
        let services = usable(&records, &target(&["h2"]));
        let names: Vec<_> = services.iter().map(|(record, _)| &*record.target).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert!(alias(&records).is_none());
        assert_eq!(&*alias(&[with(1, "a"), with(0, "pool")]).unwrap().target, "pool");
    }
}
