//! One name server.

use super::config::{NameServer, Via};
use super::messages::{DnsProtocol, Origin};
use super::runtime::Runtime;
use super::{failure, records};
use hickory_resolver::Resolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use neatflow_core::ResolutionFailure;
use neatflow_core::resolution::{FAILURE_TTL, MAX_NEGATIVE_TTL, Records};
use rustls::ClientConfig;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A name server.
pub(super) struct Upstream {
    address: SocketAddr,
    first: Channel,
    /// For what is too long for the first.
    second: Option<Channel>,
}

/// One way to it.
struct Channel {
    protocol: DnsProtocol,
    resolver: Resolver<Runtime>,
}

/// What a server has said.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// A failure is of the name that was asked for.
    pub(super) result: Result<Records, ResolutionFailure>,
    pub(super) origin: Origin,
    pub(super) verdict: Verdict,
    /// For how long it may be kept.
    pub(super) ttl: Duration,
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

impl Reply {
    /// A failure that no server is to blame for.
    pub(super) fn nobody(failure: ResolutionFailure) -> Self {
        Self { result: Err(failure), origin: Origin::Nobody, verdict: Verdict::Dead, ttl: Duration::ZERO }
    }
}

impl Upstream {
    /// *Errors*: what the library finds wrong.
    pub(super) fn new(
        server: &NameServer,
        tls: &ClientConfig,
        timeout: Duration,
        runtime: &Runtime,
    ) -> Result<Self, NetError> {
        let address = server.address;
        let channel = |protocol, mut connection: ConnectionConfig| {
            connection.port = address.port();
            let server = NameServerConfig::new(address.ip(), true, vec![connection]);
            let config = ResolverConfig::from_name_servers(vec![server]);
            let builder = Resolver::builder_with_config(config, runtime.clone());
            let resolver = builder.with_options(options(timeout)).with_tls_config(tls.clone()).build()?;
            Ok::<_, NetError>(Channel { protocol, resolver })
        };
        let (first, second) = match &server.via {
            Via::Plain => (
                channel(DnsProtocol::Udp, ConnectionConfig::udp())?,
                Some(channel(DnsProtocol::Tcp, ConnectionConfig::tcp())?),
            ),
            Via::Tls { name } => (channel(DnsProtocol::Tls, ConnectionConfig::tls(name.clone()))?, None),
            Via::Https { name, path } => {
                let connection = ConnectionConfig::https(name.clone(), Some(path.clone()));
                (channel(DnsProtocol::Https, connection)?, None)
            }
        };
        Ok(Self { address, first, second })
    }

    /// Asks it once.
    ///
    /// *Cancel safety*: dropping it withdraws the question.
    pub(super) async fn ask(&self, name: &Name, kind: RecordType) -> Reply {
        let asked = Instant::now();
        let mut channel = &self.first;
        let mut outcome = channel.resolver.lookup(name.clone(), kind).await;
        // What cannot be read was too long for a buffer, or comes from somebody who has guessed the id.
        if let (Err(NetError::Truncated | NetError::Proto(_)), Some(second)) = (&outcome, &self.second) {
            let whole = second.resolver.lookup(name.clone(), kind).await;
            if whole.as_ref().is_err_and(|error| verdict(error) == Verdict::Dead) {
                return self.cut_off(name);
            }
            (channel, outcome) = (second, whole);
        }
        let host: Arc<str> = records::plain(name).into();
        let (result, verdict, ttl) = match &outcome {
            Ok(lookup) => {
                let ttl = records::time_to_live(lookup.answers());
                match records::read(kind, lookup.answers()) {
                    Some(records) => (Ok(records), Verdict::Answered, ttl),
                    // An alias without an end, for instance.
                    None => (Err(failure::no_data(kind, &host)), Verdict::Answered, Duration::ZERO),
                }
            }
            Err(error) => {
                let failure = failure::from_error(error, kind, &host, asked.elapsed());
                let verdict = verdict(error);
                (Err(failure), verdict, negative_ttl(error, verdict))
            }
        };
        let origin = match verdict {
            Verdict::Dead => Origin::Nobody,
            _ => Origin::Server { address: self.address, protocol: channel.protocol },
        };
        Reply { result, origin, verdict, ttl }
    }

    /// It has answered in a datagram, and does not repeat it over TCP.
    fn cut_off(&self, name: &Name) -> Reply {
        let why = "what the name server said was cut off or broken, and it cannot be asked over TCP".into();
        Reply {
            result: Err(ResolutionFailure::Other { name: records::plain(name).into(), why }),
            origin: Origin::Server { address: self.address, protocol: self.first.protocol },
            verdict: Verdict::Failed,
            ttl: FAILURE_TTL,
        }
    }
}

fn options(timeout: Duration) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = timeout;
    // Who is asked again, and when, is decided elsewhere; and so is what is kept.
    options.attempts = 0;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    // Never refused as too many: they are bounded before they come here.
    options.max_active_requests = 8192;
    options
}

fn verdict(error: &NetError) -> Verdict {
    let of_code = |code: ResponseCode| match code {
        ResponseCode::NoError | ResponseCode::NXDomain => Verdict::Answered,
        _ => Verdict::Failed,
    };
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => of_code(none.response_code),
        NetError::Dns(DnsError::ResponseCode(code)) => of_code(*code),
        NetError::Dns(_) | NetError::Proto(_) | NetError::Truncated => Verdict::Failed,
        _ => Verdict::Dead,
    }
}

/// RFC 2308 §5: without an SOA record nothing says for how long there is nothing.
fn negative_ttl(error: &NetError, verdict: Verdict) -> Duration {
    match (error, verdict) {
        (NetError::Dns(DnsError::NoRecordsFound(none)), Verdict::Answered) => {
            Duration::from_secs(none.negative_ttl.unwrap_or(0).into()).min(MAX_NEGATIVE_TTL)
        }
        (_, Verdict::Failed) => FAILURE_TTL,
        _ => Duration::ZERO,
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("address", &self.address).finish_non_exhaustive()
    }
}
