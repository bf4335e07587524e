//! Which failure an error of the DNS library is.

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use neatflow_core::ResolutionFailure;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// The failure of a question for `name` that had run for `after`.
pub(super) fn from_error(
    error: &NetError,
    kind: RecordType,
    name: &Arc<str>,
    after: Duration,
) -> ResolutionFailure {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => from_code(none.response_code, kind, name),
        NetError::Dns(DnsError::ResponseCode(code)) => from_code(*code, kind, name),
        NetError::Timeout => ResolutionFailure::TimedOut { name: name.clone(), after },
        // One that is there may have said that its answer is longer than a datagram, and refuse to give it over TCP; the
        // library tells no difference.
        NetError::Io(_) | NetError::NoConnections => {
            let why = "no name server could be reached".into();
            ResolutionFailure::Other { name: name.clone(), why }
        }
        other => ResolutionFailure::Other { name: name.clone(), why: other.to_string().into() },
    }
}

/// The failure that an answer without records of this type is.
pub(super) fn from_code(code: ResponseCode, kind: RecordType, name: &Arc<str>) -> ResolutionFailure {
    match code {
        ResponseCode::NoError => no_data(kind, name),
        ResponseCode::NXDomain => ResolutionFailure::NoSuchName { name: name.clone() },
        code => ResolutionFailure::ServerFailure { name: name.clone(), code: mnemonic(code).into() },
    }
}

/// There is a name, and it has nothing of this type.
pub(super) fn no_data(kind: RecordType, name: &Arc<str>) -> ResolutionFailure {
    match kind {
        RecordType::HTTPS => ResolutionFailure::NoServices { name: name.clone() },
        RecordType::SRV => ResolutionFailure::NoSuchService { name: name.clone() },
        _ => ResolutionFailure::NoAddresses { name: name.clone() },
    }
}

/// The name of a response code in the IANA registry.
fn mnemonic(code: ResponseCode) -> Cow<'static, str> {
    Cow::Borrowed(match code {
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::NotAuth => "NOTAUTH",
        code => return Cow::Owned(format!("RCODE {}", u16::from(code))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::net::NoRecords;
    use hickory_resolver::proto::op::Query;

    fn told(error: NetError) -> String {
        from_error(&error, RecordType::A, &"x".into(), Duration::from_secs(1)).to_string()
    }

    #[test]
    fn every_error_is_told_apart() {
        let none = |code| NetError::from(NoRecords::new(Query::default(), code));
        assert_eq!(told(none(ResponseCode::NXDomain)), "no such name: x");
        assert_eq!(told(none(ResponseCode::NoError)), "x has no addresses");
        let code = |code| NetError::Dns(DnsError::ResponseCode(code));
        assert_eq!(told(code(ResponseCode::ServFail)), "name server failed for x: SERVFAIL");
        assert_eq!(told(code(ResponseCode::Refused)), "name server failed for x: REFUSED");
        assert_eq!(told(code(ResponseCode::Unknown(4095))), "name server failed for x: RCODE 4095");
        assert_eq!(told(NetError::Timeout), "no name server answered for x within 1s");
        let words = "cannot resolve x: no name server could be reached";
        assert_eq!(told(NetError::NoConnections), words);
        let long =
            from_error(&NetError::Timeout, RecordType::A, &"x".into(), Duration::from_micros(5_001_656));
        assert_eq!(long.to_string(), "no name server answered for x within 5.001s");
    }
}
