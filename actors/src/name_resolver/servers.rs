//! The name servers.

use super::watched::Watched;
use super::{Config, failure};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use neatflow_core::ResolutionFailure;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Where questions go that nobody here can answer.
#[derive(Debug)]
pub(super) enum Servers {
    /// Those of the configuration.
    Given(Result<Arc<Dns>, Arc<str>>),
    /// Those of the system, which change with the network it is in.
    System(Watched<Result<Arc<Dns>, Arc<str>>>),
}

impl Servers {
    pub(super) fn new(config: &Config) -> Self {
        match &config.servers {
            Some(servers) => Self::Given(Dns::given(servers, config)),
            None => {
                let config = config.clone();
                Self::System(Watched::new(PathBuf::from("/etc/resolv.conf"), move |_| {
                    let dns = Dns::system(&config);
                    if dns.is_ok() { Ok(dns) } else { Err(dns) }
                }))
            }
        }
    }

    /// The servers as they are now.
    ///
    /// *Errors*: why there are none.
    pub(super) async fn current(&self) -> Result<Arc<Dns>, Arc<str>> {
        match self {
            Self::Given(dns) => dns.clone(),
            Self::System(watched) => {
                let unread = || Err("the system's configuration could not be read".into());
                watched.get().await.map_or_else(unread, |dns| (*dns).clone())
            }
        }
    }
}

/// One set of name servers, with its cache.
#[derive(Debug)]
pub(super) struct Dns {
    resolver: TokioResolver,
    /// Where a name that is not absolute is looked for.
    pub(super) search: Vec<Name>,
    /// From how many dots on a name is first taken as absolute.
    pub(super) ndots: usize,
}

impl Dns {
    fn given(servers: &[SocketAddr], config: &Config) -> Result<Arc<Self>, Arc<str>> {
        let servers = servers.iter().map(|server| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            NameServerConfig::new(server.ip(), true, connections.into())
        });
        let servers = ResolverConfig::from_name_servers(servers.collect());
        // As in resolv.conf(5), where `attempts` counts transmissions.
        let mut options = ResolverOpts::default();
        options.timeout = config.bounded_timeout();
        options.attempts = 2;
        Self::build(servers, options, config)
    }

    #[cfg(any(unix, windows))]
    fn system(config: &Config) -> Result<Arc<Self>, Arc<str>> {
        let (servers, options) =
            hickory_resolver::system_conf::read_system_conf().map_err(|error| why(&error))?;
        Self::build(servers, options, config)
    }

    #[cfg(not(any(unix, windows)))]
    fn system(_: &Config) -> Result<Arc<Self>, Arc<str>> {
        Err("this system has no configuration of name servers: give some".into())
    }

    fn build(
        servers: ResolverConfig,
        mut options: ResolverOpts,
        config: &Config,
    ) -> Result<Arc<Self>, Arc<str>> {
        if servers.name_servers().is_empty() {
            return Err("no name server is configured".into());
        }
        let search = match &config.search {
            Some(domains) => domains.iter().filter_map(|domain| Name::from_utf8(domain).ok()).collect(),
            None => servers.domain().into_iter().chain(servers.search()).cloned().collect(),
        };
        let ndots = options.ndots;
        limit(&mut options, servers.name_servers().len(), config);
        // The search is not left to it: it would search for each family apart, and give the addresses of two
        // different names for one.
        let servers = ResolverConfig::from_name_servers(servers.name_servers().to_vec());
        let builder = TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default());
        let resolver = builder.with_options(options).build().map_err(|error| why(&error))?;
        Ok(Arc::new(Self { resolver, search, ndots }))
    }

    /// The addresses of one family, from the cache or a server. A failure tells of `host`, and counts from `asked`.
    ///
    /// *Errors*: why there are none; success is never empty.
    ///
    /// *Cancel safety*: dropping it withdraws the question.
    pub(super) async fn addresses(
        &self,
        name: Name,
        family: RecordType,
        host: &Arc<str>,
        asked: Instant,
    ) -> Result<Vec<IpAddr>, ResolutionFailure> {
        let lookup = self.resolver.lookup(name, family).await;
        let lookup = lookup.map_err(|error| failure::from_error(&error, host, asked.elapsed()))?;
        let mut addresses = Vec::new();
        for record in lookup.answers() {
            match record.data {
                RData::A(address) if family == RecordType::A => addresses.push(IpAddr::V4(address.0)),
                RData::AAAA(address) if family == RecordType::AAAA => addresses.push(IpAddr::V6(address.0)),
                _ => (),
            }
        }
        if addresses.is_empty() {
            return Err(failure::from_code(lookup.message().metadata.response_code, host));
        }
        Ok(addresses)
    }
}

/// Makes all tries together fit into one question's time.
///
/// The library tries once more than `attempts` says, gives each try `timeout`, and asks two servers at once in each:
/// with more servers there are more tries, up to five, so that every server gets its turn.
fn limit(options: &mut ResolverOpts, servers: usize, config: &Config) {
    let tries = options.attempts.max(servers.div_ceil(2)).clamp(1, 5);
    options.attempts = tries - 1;
    options.timeout =
        options.timeout.min(config.bounded_timeout() / tries as u32).max(Duration::from_millis(1));
    options.num_concurrent_reqs = 2;
    options.use_hosts_file = ResolveHosts::Never;
    // Two families for each question on one TCP connection: never refused as too many.
    options.max_active_requests = 2 * config.bounded_in_flight();
}

fn why(error: &NetError) -> Arc<str> {
    error.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(attempts: usize, timeout: u64, servers: usize) -> (usize, Duration) {
        let mut options = ResolverOpts::default();
        options.attempts = attempts;
        options.timeout = Duration::from_secs(timeout);
        limit(&mut options, servers, &Config::default());
        (options.attempts + 1, options.timeout)
    }

    #[test]
    fn all_tries_together_fit_into_the_time_of_a_question() {
        assert_eq!(limited(2, 5, 1), (2, Duration::from_millis(2500)));
        assert_eq!(limited(1, 1, 1), (1, Duration::from_secs(1)));
        assert_eq!(limited(2, 5, 8), (4, Duration::from_millis(1250)));
        assert_eq!(limited(100, 30, 1), (5, Duration::from_secs(1)));
        assert_eq!(limited(0, 5, 0), (1, Duration::from_secs(5)));
    }
}
