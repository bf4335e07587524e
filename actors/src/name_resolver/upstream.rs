//! One name server.

use super::messages::{DnsProtocol, Origin};
use super::runtime::Runtime;
use super::{failure, records};
use hickory_resolver::Resolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use neatflow_core::ResolutionFailure;
use neatflow_core::racing::RecordKind;
use neatflow_core::resolution::Records;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A name server: in datagrams, and over TCP what is too long for them.
pub(super) struct Upstream {
    address: SocketAddr,
    udp: Resolver<Runtime>,
    tcp: Resolver<Runtime>,
}

/// What a server has said.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) result: Result<Records, ResolutionFailure>,
    pub(super) origin: Origin,
    pub(super) verdict: Verdict,
}

/// What a reply says of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has answered: there are records, or there are none.
    Answered,
    /// It has failed over this question (SERVFAIL, REFUSED, ..): another may know.
    Failed,
    /// It could not be reached.
    Dead,
}

impl Upstream {
    /// *Errors*: what the library finds wrong.
    pub(super) fn new(address: SocketAddr, timeout: Duration, runtime: Runtime) -> Result<Self, NetError> {
        let resolver = |mut connection: ConnectionConfig| {
            connection.port = address.port();
            let server = NameServerConfig::new(address.ip(), true, vec![connection]);
            let config = ResolverConfig::from_name_servers(vec![server]);
            let mut options = ResolverOpts::default();
            options.timeout = timeout;
            // Who is asked again, and when, is decided elsewhere.
            options.attempts = 0;
            options.use_hosts_file = ResolveHosts::Never;
            // Never refused as too many: they are bounded before they come here.
            options.max_active_requests = 8192;
            options.case_randomization = false;
            Resolver::builder_with_config(config, runtime.clone()).with_options(options).build()
        };
        Ok(Self { address, udp: resolver(ConnectionConfig::udp())?, tcp: resolver(ConnectionConfig::tcp())? })
    }

    /// Asks it once. A failure tells of `host`, and counts from `asked`.
    ///
    /// *Cancel safety*: dropping it withdraws the question.
    pub(super) async fn ask(&self, name: Name, kind: RecordKind, host: &Arc<str>, asked: Instant) -> Reply {
        let as_type = records::record_type(kind);
        let (mut outcome, mut protocol) = (self.udp.lookup(name.clone(), as_type).await, DnsProtocol::Udp);
        if matches!(outcome, Err(NetError::Truncated)) {
            (outcome, protocol) = (self.tcp.lookup(name, as_type).await, DnsProtocol::Tcp);
        }
        let result = match &outcome {
            Ok(lookup) => records::read(kind, lookup.answers())
                .ok_or_else(|| failure::from_code(lookup.message().metadata.response_code, kind, host)),
            Err(error) => Err(failure::from_error(error, kind, host, asked.elapsed())),
        };
        let verdict = match &outcome {
            Ok(_) => Verdict::Answered,
            Err(error) => verdict(error),
        };
        let origin = match verdict {
            Verdict::Dead => Origin::Nobody,
            _ => Origin::Server { address: self.address, protocol },
        };
        Reply { result, origin, verdict }
    }
}

fn verdict(error: &NetError) -> Verdict {
    let of_code = |code: ResponseCode| match code {
        ResponseCode::NoError | ResponseCode::NXDomain => Verdict::Answered,
        _ => Verdict::Failed,
    };
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => of_code(none.response_code),
        NetError::Dns(DnsError::ResponseCode(code)) => of_code(*code),
        NetError::Dns(_) | NetError::Proto(_) => Verdict::Failed,
        _ => Verdict::Dead,
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("address", &self.address).finish_non_exhaustive()
    }
}
