//! Which failure an error of the DNS library is.

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use neatflow_core::ResolutionFailure;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// The failure of a question for `name` that had run for `after`.
pub(super) fn from_error(error: &NetError, name: &Arc<str>, after: Duration) -> ResolutionFailure {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => from_code(none.response_code, name),
        NetError::Dns(DnsError::ResponseCode(code)) => from_code(*code, name),
        NetError::Timeout => ResolutionFailure::TimedOut { name: name.clone(), after },
        other => ResolutionFailure::Other { name: name.clone(), why: other.to_string().into() },
    }
}

/// The failure that an answer without addresses is.
pub(super) fn from_code(code: ResponseCode, name: &Arc<str>) -> ResolutionFailure {
    let name = name.clone();
    match code {
        ResponseCode::NoError => ResolutionFailure::NoAddresses { name },
        ResponseCode::NXDomain => ResolutionFailure::NoSuchName { name },
        code => ResolutionFailure::ServerFailure { name, code: mnemonic(code).into() },
    }
}

/// Whether the name may be found in another search domain: this one answered, without addresses.
///
/// A server's failure counts as such an answer, or one broken search domain would hide all others.
pub(super) fn lets_search_go_on(failure: &ResolutionFailure) -> bool {
    !matches!(failure, ResolutionFailure::TimedOut { .. } | ResolutionFailure::Other { .. })
}

/// The failure to report when two search domains failed: the one that leaves more hope.
pub(super) fn more_telling(one: ResolutionFailure, other: ResolutionFailure) -> ResolutionFailure {
    fn hope(failure: &ResolutionFailure) -> u8 {
        match failure {
            ResolutionFailure::NoSuchName { .. } => 0,
            ResolutionFailure::NoAddresses { .. } => 1,
            ResolutionFailure::ServerFailure { .. } => 2,
            _ => 3,
        }
    }
    if hope(&other) > hope(&one) { other } else { one }
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
        from_error(&error, &"x".into(), Duration::from_secs(1)).to_string()
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
        assert_eq!(told(NetError::NoConnections), "cannot resolve x: no connections available");
    }
}
