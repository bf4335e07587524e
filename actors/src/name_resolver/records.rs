//! Records of the DNS library as ours.

use hickory_resolver::proto::rr::rdata::SVCB;
use hickory_resolver::proto::rr::rdata::svcb::{SvcParamKey, SvcParamValue};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use neatflow_core::racing::{RecordKind, ServiceRecord};
use neatflow_core::resolution::{MAX_RECORDS, Records};

/// The type under which a kind is asked for.
pub(super) fn record_type(kind: RecordKind) -> RecordType {
    match kind {
        RecordKind::Https => RecordType::HTTPS,
        RecordKind::Aaaa => RecordType::AAAA,
        RecordKind::A => RecordType::A,
    }
}

/// The records of one kind among these; `None` when there are none.
pub(super) fn read(kind: RecordKind, records: &[Record]) -> Option<Records> {
    let data = records.iter().map(|record| &record.data);
    let read = match kind {
        RecordKind::Https => {
            let services = data.filter_map(|data| match data {
                RData::HTTPS(https) => service(https),
                _ => None,
            });
            Records::Services(services.take(MAX_RECORDS).collect())
        }
        RecordKind::Aaaa => {
            let addresses = data.filter_map(|data| match data {
                RData::AAAA(address) => Some(address.0.into()),
                _ => None,
            });
            Records::Addresses(addresses.take(MAX_RECORDS).collect())
        }
        RecordKind::A => {
            let addresses = data.filter_map(|data| match data {
                RData::A(address) => Some(address.0.into()),
                _ => None,
            });
            Records::Addresses(addresses.take(MAX_RECORDS).collect())
        }
    };
    (!read.is_empty()).then_some(read)
}

/// A service binding; `None` for one that says that it works only for clients that know more than we do
/// (`mandatory`, RFC 9460 §8).
fn service(svcb: &SVCB) -> Option<ServiceRecord> {
    let target = svcb.target_name.to_ascii();
    let target = target.strip_suffix('.').filter(|name| !name.is_empty()).unwrap_or(".");
    let mut service = ServiceRecord::new(svcb.svc_priority, target.to_ascii_lowercase());
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
    use hickory_resolver::proto::rr::Name;
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
        let read = read(RecordKind::Https, &records).unwrap();
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
        let read = read(RecordKind::Https, &records).unwrap();
        assert_eq!(read.services(), [ServiceRecord::new(0, ".")]);
        assert!(read.services()[0].is_alias() && read.services()[0].is_owner());
        assert!(super::read(RecordKind::Https, &records[..1]).is_none());
    }
}
