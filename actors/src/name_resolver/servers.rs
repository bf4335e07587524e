//! The name servers.

use super::Config;
use super::messages::Origin;
use super::runtime::Runtime;
use super::upstream::{Reply, Upstream, Verdict};
use super::watched::Watched;
use futures::StreamExt;
use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::Name;
use neatflow_core::ResolutionFailure;
use neatflow_core::racing::RecordKind;
use neatflow_core::resolution::Records;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

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

/// One set of name servers.
#[derive(Debug)]
pub(super) struct Dns {
    upstreams: Vec<Upstream>,
    /// How long the first is waited for before the next is asked as well.
    patience: Duration,
    timeout: Duration,
    /// Where a name that is not absolute is looked for.
    pub(super) search: Vec<Name>,
    /// From how many dots on a name is first taken as absolute.
    pub(super) ndots: usize,
}

impl Dns {
    fn given(servers: &[SocketAddr], config: &Config) -> Result<Arc<Self>, Arc<str>> {
        let search = config.search.as_deref().map(read_domains).unwrap_or_default();
        Self::build(servers.to_vec(), search, 1, config)
    }

    #[cfg(any(unix, windows))]
    fn system(config: &Config) -> Result<Arc<Self>, Arc<str>> {
        let (servers, options) =
            hickory_resolver::system_conf::read_system_conf().map_err(|error| why(&error))?;
        let search = match &config.search {
            Some(domains) => read_domains(domains),
            None => servers.domain().into_iter().chain(servers.search()).cloned().collect(),
        };
        let addresses = servers.name_servers().iter().map(|server| {
            let port = server.connections.first().map_or(53, |connection| connection.port);
            SocketAddr::new(server.ip, port)
        });
        let mut servers: Vec<_> = addresses.collect();
        // Those reached by IPv6 go first (RFC 8305 §3.1).
        servers.sort_by_key(SocketAddr::is_ipv4);
        Self::build(servers, search, options.ndots, config)
    }

    #[cfg(not(any(unix, windows)))]
    fn system(_: &Config) -> Result<Arc<Self>, Arc<str>> {
        Err("this system has no configuration of name servers: give some".into())
    }

    fn build(
        mut servers: Vec<SocketAddr>,
        search: Vec<Name>,
        ndots: usize,
        config: &Config,
    ) -> Result<Arc<Self>, Arc<str>> {
        let mut seen = BTreeSet::new();
        servers.retain(|server| seen.insert(*server));
        if servers.is_empty() {
            return Err("no name server is configured".into());
        }
        let timeout = config.bounded_timeout();
        let patience = patience(timeout, servers.len());
        let upstreams = servers
            .into_iter()
            .map(|server| Upstream::new(server, timeout, Runtime::new(None)))
            .collect::<Result<_, _>>()
            .map_err(|error| why(&error))?;
        Ok(Arc::new(Self { upstreams, patience, timeout, search, ndots }))
    }

    /// What a name has of one type, as the first server says that has an answer. A failure tells of `host`, and
    /// counts from `asked`.
    ///
    /// *Cancel safety*: dropping it withdraws the question.
    pub(super) async fn look_up(
        &self,
        name: Name,
        kind: RecordKind,
        host: &Arc<str>,
        asked: Instant,
    ) -> (Result<Records, ResolutionFailure>, Origin) {
        let mut waiting = self.upstreams.iter();
        let mut running = FuturesUnordered::new();
        let mut best: Option<Reply> = None;
        loop {
            if let Some(next) = waiting.next() {
                running.push(next.ask(name.clone(), kind, host, asked));
            }
            let next_start = sleep(self.patience);
            let reply = match select(running.next(), pin!(next_start)).await {
                Either::Left((Some(reply), _)) => reply,
                Either::Left((None, _)) => break,
                Either::Right(_) => continue,
            };
            match reply.verdict {
                Verdict::Answered => return (reply.result, reply.origin),
                Verdict::Failed => best = Some(reply),
                Verdict::Dead => {
                    best.get_or_insert(reply);
                }
            }
        }
        match best {
            Some(reply) => (reply.result, reply.origin),
            None => {
                let failure = ResolutionFailure::TimedOut { name: host.clone(), after: self.timeout };
                (Err(failure), Origin::Nobody)
            }
        }
    }
}

/// How long each server is waited for before the next is asked as well: all get their turn in time.
fn patience(timeout: Duration, servers: usize) -> Duration {
    let turns = u32::try_from(servers).unwrap_or(u32::MAX).saturating_add(1);
    (timeout / turns).clamp(Duration::from_millis(1), Duration::from_secs(1))
}

fn read_domains(domains: &[Arc<str>]) -> Vec<Name> {
    domains.iter().filter_map(|domain| Name::from_utf8(&**domain).ok()).collect()
}

fn why(error: &NetError) -> Arc<str> {
    error.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_gets_its_turn_in_time() {
        let millis = |timeout, servers| patience(Duration::from_millis(timeout), servers).as_millis();
        assert_eq!(millis(5000, 1), 1000);
        assert_eq!(millis(900, 5), 150);
        assert_eq!(millis(900, 5_000_000), 1);
        assert_eq!(millis(0, 0), 1);
    }
}
