//! Records of the DNS library as ours.

use hickory_resolver::proto::rr::rdata::svcb::{SvcParamKey, SvcParamValue};
use hickory_resolver::proto::rr::rdata::{SRV, SVCB};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use neatflow_core::racing::{RecordKind, ServiceRecord};
use neatflow_core::resolution::{MAX_RECORDS, Records, Service};
use std::time::Duration;

/// The type under which a kind is asked for.
pub(super) fn record_type(kind: RecordKind) -> RecordType {
    match kind {
        RecordKind::Https => RecordType::HTTPS,
        RecordKind::Aaaa => RecordType::AAAA,
        RecordKind::A => RecordType::A,
    }
}

/// The records of one type among these; `None` when there are none.
pub(super) fn read(kind: RecordType, records: &[Record]) -> Option<Records> {
    let data = records.iter().map(|record| &record.data);
    let read = match kind {
        RecordType::HTTPS => {
            let services = data.filter_map(|data| match data {
                RData::HTTPS(https) => service(https),
                _ => None,
            });
            Records::Services(services.take(MAX_RECORDS).collect())
        }
        RecordType::SRV => {
            let providers = data.filter_map(|data| match data {
                RData::SRV(srv) => Some(provider(srv)),
                _ => None,
            });
            Records::Providers(providers.take(MAX_RECORDS).collect())
        }
        kind => {
            let addresses = data.filter_map(|data| match data {
                RData::AAAA(address) if kind == RecordType::AAAA => Some(address.0.into()),
                RData::A(address) if kind == RecordType::A => Some(address.0.into()),
                _ => None,
            });
            Records::Addresses(addresses.take(MAX_RECORDS).collect())
        }
    };
    (!read.is_empty()).then_some(read)
}

/// For how long these may be kept: until the first of them ends, aliases on the way included.
pub(super) fn time_to_live(records: &[Record]) -> Duration {
    Duration::from_secs(records.iter().map(|record| record.ttl).min().unwrap_or(0).into())
}

fn provider(srv: &SRV) -> Service {
    Service { priority: srv.priority, weight: srv.weight, port: srv.port, target: plain(&srv.target).into() }
}

/// A name in lower case, without its final dot; empty for the root.
pub(super) fn plain(name: &Name) -> String {
    let mut text = name.to_ascii().to_ascii_lowercase();
    if text.ends_with('.') {
        text.pop();
    }
    text
}

/// A service binding; `None` for one that says that it works only for clients that know more than we do
/// (`mandatory`, RFC 9460 §8).
fn service(svcb: &SVCB) -> Option<ServiceRecord> {
    let target = plain(&svcb.target_name);
    let target = if target.is_empty() { "." } else { &target };
    let mut service = ServiceRecord::new(svcb.svc_priority, target);
    for (_, value) in &svcb.svc_params {
        match value {
            SvcParamValue::Mandatory(mandatory) if !mandatory.0.iter().all(is_known) => return None,
            SvcParamValue::Alpn(alpn) => {
                service.alpn = alpn.0.iter().map(|name| name.as_str().into()).collect()
            }
            SvcParamValue::NoDefaultAlpn => service.no_default_alpn = true,
            SvcParamValue::Port(port) => service.port = Some(*port),
            SvcParamValue::Ipv4Hint(hints) => {
                service.v4_hints = hints.0.iter().take(MAX_RECORDS).map(|hint| hint.0.into()).collect();
            }
            SvcParamValue::Ipv6Hint(hints) => {
                service.v6_hints = hints.0.iter().take(MAX_RECORDS).map(|hint| hint.0.into()).collect();
            }
            SvcParamValue::EchConfigList(list) => service.ech = Some(list.0.clone().into()),
            _ => {}
        }
    }
    Some(service)
}

fn is_known(key: &SvcParamKey) -> bool {
    matches!(
        key,
        SvcParamKey::Alpn
            | SvcParamKey::NoDefaultAlpn
            | SvcParamKey::Port
            | SvcParamKey::Ipv4Hint
            | SvcParamKey::Ipv6Hint
            | SvcParamKey::EchConfigList
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::rr::rdata::svcb::{Alpn, EchConfigList, IpHint, Mandatory};
    use hickory_resolver::proto::rr::rdata::{A, AAAA, HTTPS};
    use neatflow_core::racing::Address;

    fn https(priority: u16, target: &str, params: Vec<(SvcParamKey, SvcParamValue)>) -> Record {
        let svcb = SVCB::new(priority, Name::from_ascii(target).unwrap(), params);
        Record::from_rdata(Name::from_ascii("x.example.").unwrap(), 60, RData::HTTPS(HTTPS(svcb)))
    }

    #[test]
    fn every_parameter_of_a_service_is_read() {
        let records = [https(
            2,
            "CDN.Example.",
            vec![
                (SvcParamKey::Mandatory, SvcParamValue::Mandatory(Mandatory(vec![SvcParamKey::Alpn]))),
                (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(vec!["h3".into(), "h2".into()]))),
                (SvcParamKey::NoDefaultAlpn, SvcParamValue::NoDefaultAlpn),
                (SvcParamKey::Port, SvcParamValue::Port(8443)),
                (SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(IpHint(vec![A::new(192, 0, 2, 1)]))),
                (SvcParamKey::EchConfigList, SvcParamValue::EchConfigList(EchConfigList(vec![1, 2]))),
                (
                    SvcParamKey::Ipv6Hint,
                    SvcParamValue::Ipv6Hint(IpHint(vec![AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)])),
                ),
            ],
        )];
        let read = read(RecordType::HTTPS, &records).unwrap();
        let [service] = read.services() else { panic!("{read:?}") };
        assert_eq!((service.priority, &*service.target, service.port), (2, "cdn.example", Some(8443)));
        assert_eq!(service.alpn, ["h3".into(), "h2".into()]);
        assert!(service.no_default_alpn);
        assert_eq!(service.v4_hints, ["192.0.2.1".parse::<Address>().unwrap()]);
        assert_eq!(service.v6_hints, ["2001:db8::1".parse::<Address>().unwrap()]);
        assert_eq!(service.ech.as_deref(), Some(&[1, 2][..]));
    }

    #[test]
    fn the_owner_is_a_dot_and_a_service_for_others_is_none() {
        let mandatory = Mandatory(vec![SvcParamKey::Alpn, SvcParamKey::Key(65_400)]);
        let records = [
            https(1, ".", vec![(SvcParamKey::Mandatory, SvcParamValue::Mandatory(mandatory))]),
            https(0, ".", Vec::new()),
        ];
        let read = read(RecordType::HTTPS, &records).unwrap();
        assert_eq!(read.services(), [ServiceRecord::new(0, ".")]);
        assert!(read.services()[0].is_alias() && read.services()[0].is_owner());
        assert!(super::read(RecordType::HTTPS, &records[..1]).is_none());
    }

    #[test]
    fn a_provider_of_a_service_is_read_and_the_shortest_life_counts() {
        let owner = Name::from_ascii("_sip._udp.example.").unwrap();
        let srv = |target: &str, ttl| {
            let srv = SRV::new(1, 2, 5060, Name::from_ascii(target).unwrap());
            Record::from_rdata(owner.clone(), ttl, RData::SRV(srv))
        };
        let records = [srv("SIP.Example.", 60), srv(".", 30)];
        let Some(Records::Providers(read)) = read(RecordType::SRV, &records) else { panic!("none") };
        let provider = |target: &str| Service { priority: 1, weight: 2, port: 5060, target: target.into() };
        assert_eq!(read, [provider("sip.example"), provider("")]);
        assert_eq!(time_to_live(&records), Duration::from_secs(30));
        assert_eq!(time_to_live(&[]), Duration::ZERO);
    }
}
