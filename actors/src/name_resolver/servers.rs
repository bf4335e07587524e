//! Which name servers there are.

use super::config::{Config, NameServer, Roots};
use super::pool::Pool;
use super::runtime::Runtime;
use super::watched::Watched;
use hickory_resolver::net::{NetError, tls};
use hickory_resolver::proto::rr::Name;
#[cfg(unix)]
use hickory_resolver::system_conf::parse_resolv_conf;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Over how many interfaces servers may be asked; one more, and the connections of one of the others are closed.
const MOST_INTERFACES: usize = 32;

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
                Self::System(Watched::new(config.resolv_conf.clone(), move |_| {
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

/// One set of name servers, and how names are searched for.
#[derive(Debug)]
pub(super) struct Dns {
    servers: Vec<NameServer>,
    tls: ClientConfig,
    timeout: Duration,
    pools: Mutex<BTreeMap<Option<Arc<str>>, Arc<Pool>>>,
    /// Tells what one set has said from what another one has.
    pub(super) generation: u64,
    /// Where a name that is not absolute is looked for.
    pub(super) search: Vec<Name>,
    /// From how many dots on a name is first taken as absolute.
    pub(super) ndots: usize,
}

impl Dns {
    fn given(servers: &[NameServer], config: &Config) -> Result<Arc<Self>, Arc<str>> {
        let search = config.search.as_deref().map(read_domains).unwrap_or_default();
        Self::build(servers.to_vec(), search, 1, config)
    }

    /// *Errors*: the file cannot be read or names no server.
    #[cfg(any(unix, windows))]
    fn system(config: &Config) -> Result<Arc<Self>, Arc<str>> {
        #[cfg(unix)]
        let read = std::fs::read(&config.resolv_conf)
            .map_err(NetError::from)
            .and_then(|text| parse_resolv_conf(&text).or_else(|_| parse_resolv_conf(sensible(&text))));
        #[cfg(windows)]
        let read = hickory_resolver::system_conf::read_system_conf();
        let (servers, options) = read.map_err(|error| why(&error))?;
        let search = match &config.search {
            Some(domains) => read_domains(domains),
            None => servers.domain().into_iter().chain(servers.search()).cloned().collect(),
        };
        let addresses = servers.name_servers().iter().map(|server| {
            let port = server.connections.first().map_or(53, |connection| connection.port);
            SocketAddr::new(server.ip, port)
        });
        let mut servers: Vec<_> = addresses.map(NameServer::from).collect();
        // Those reached by IPv6 go first (RFC 8305 §3.1).
        servers.sort_by_key(|server| server.address.is_ipv4());
        Self::build(servers, search, options.ndots, config)
    }

    #[cfg(not(any(unix, windows)))]
    fn system(_: &Config) -> Result<Arc<Self>, Arc<str>> {
        Err("this system has no configuration of name servers: give some".into())
    }

    fn build(
        mut servers: Vec<NameServer>,
        search: Vec<Name>,
        ndots: usize,
        config: &Config,
    ) -> Result<Arc<Self>, Arc<str>> {
        static GENERATIONS: AtomicU64 = AtomicU64::new(0);
        let mut seen = BTreeSet::new();
        servers.retain(|server| seen.insert(server.clone()));
        if servers.is_empty() {
            return Err("no name server is configured".into());
        }
        let dns = Self {
            servers,
            tls: trusting(&config.roots)?,
            timeout: config.bounded_timeout(),
            pools: Mutex::default(),
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            search,
            ndots,
        };
        // What is wrong with them is told now.
        dns.over(None)?;
        Ok(Arc::new(dns))
    }

    /// The servers as they are asked over this interface.
    ///
    /// A server on this host is asked as ever: no interface but the loopback leads to it, and over which one it asks
    /// further is its own business.
    ///
    /// *Errors*: what the library finds wrong.
    pub(super) fn over(&self, interface: Option<&Arc<str>>) -> Result<Arc<Pool>, Arc<str>> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let key = interface.cloned();
        if let Some(pool) = pools.get(&key) {
            return Ok(pool.clone());
        }
        let everywhere = Runtime::new(None);
        let there = Runtime::new(key.clone());
        let runtime = |server: &NameServer| match server.address.ip().is_loopback() {
            true => everywhere.clone(),
            false => there.clone(),
        };
        let pool = Pool::new(&self.servers, &self.tls, self.timeout, runtime).map_err(|error| why(&error))?;
        let pool = Arc::new(pool);
        if pools.len() >= MOST_INTERFACES {
            pools.retain(|interface, _| interface.is_none());
        }
        pools.insert(key, pool.clone());
        Ok(pool)
    }
}

fn trusting(roots: &Roots) -> Result<ClientConfig, Arc<str>> {
    match roots {
        Roots::System => tls::client_config().map_err(|error| error.to_string().into()),
        Roots::Only(certificates) => {
            let mut store = RootCertStore::empty();
            for certificate in certificates {
                let certificate = CertificateDer::from(certificate.clone());
                store.add(certificate).map_err(|error| format!("not a certificate: {error}"))?;
            }
            let provider = Arc::new(tls::default_provider());
            let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
            let builder = builder.map_err(|error| error.to_string())?;
            Ok(builder.with_root_certificates(store).with_no_client_auth())
        }
    }
}

/// Of resolv.conf what makes sense: a word of its search list, or another line, that does not costs itself alone, as in
/// the resolvers of C libraries.
#[cfg(unix)]
fn sensible(text: &[u8]) -> String {
    let makes_sense = |line: &str| parse_resolv_conf(format!("nameserver 192.0.2.1\n{line}\n")).is_ok();
    let mut sensible = String::new();
    for line in String::from_utf8_lossy(text).lines() {
        let mut words = line.split_ascii_whitespace();
        let line = match words.next() {
            Some(key @ ("search" | "domain")) => {
                let good: Vec<_> = words.filter(|word| makes_sense(&format!("{key} {word}"))).collect();
                if good.is_empty() {
                    continue;
                }
                format!("{key} {}", good.join(" "))
            }
            _ => line.to_owned(),
        };
        if makes_sense(&line) {
            sensible.push_str(&line);
            sensible.push('\n');
        }
    }
    sensible
}

fn read_domains(domains: &[Arc<str>]) -> Vec<Name> {
    domains.iter().filter_map(|domain| Name::from_utf8(&**domain).ok()).collect()
}

fn why(error: &NetError) -> Arc<str> {
    error.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::super::watched::GLANCE;
    use super::*;

    #[cfg(unix)]
    #[tokio::test]
    async fn the_servers_of_the_system_are_followed() {
        let path = std::env::temp_dir().join(format!("neatflow-resolv-{}", std::process::id()));
        let text =
            "nameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch a.example b.example\noptions ndots:3\n";
        std::fs::write(&path, text).unwrap();
        let config = Config { resolv_conf: path.clone(), ..Config::default() };
        let servers = Servers::new(&config);
        let dns = servers.current().await.unwrap();
        let places: Vec<_> = dns.servers.iter().map(|server| server.address.to_string()).collect();
        assert_eq!(places, ["[2001:db8::1]:53", "192.0.2.1:53"], "IPv6 goes first");
        let search: Vec<_> = dns.search.iter().map(Name::to_ascii).collect();
        assert_eq!((search, dns.ndots), (vec!["a.example".into(), "b.example".into()], 3));

        std::fs::write(&path, "nameserver 192.0.2.33\n").unwrap();
        tokio::time::sleep(2 * GLANCE).await;
        let later = servers.current().await.unwrap();
        assert_eq!(later.servers, [NameServer::from(SocketAddr::from(([192, 0, 2, 33], 53)))]);
        assert_eq!((later.search.len(), later.ndots), (0, 1));
        assert_ne!(later.generation, dns.generation, "what the old ones said is forgotten");

        std::fs::remove_file(&path).unwrap();
        tokio::time::sleep(2 * GLANCE).await;
        assert!(servers.current().await.is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_word_that_makes_no_sense_costs_itself_alone() {
        let path = std::env::temp_dir().join(format!("neatflow-resolv-word-{}", std::process::id()));
        let long = "x".repeat(64);
        let text = format!(
            "# a comment\nnameserver 192.0.2.1\nnameserver nonsense\nsearch a.example {long} b.example\n\
             options ndots:2\nsearch {long}\n"
        );
        std::fs::write(&path, text).unwrap();
        let config = Config { resolv_conf: path.clone(), ..Config::default() };
        let dns = Servers::new(&config).current().await.unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(dns.servers, [NameServer::from(SocketAddr::from(([192, 0, 2, 1], 53)))]);
        let search: Vec<_> = dns.search.iter().map(Name::to_ascii).collect();
        assert_eq!((search, dns.ndots), (vec!["a.example".into(), "b.example".into()], 2));
    }

    #[test]
    fn pools_are_kept_for_a_bounded_number_of_interfaces() {
        let config = Config { roots: Roots::Only(Vec::new()), ..Config::default() };
        let server = NameServer::from(SocketAddr::from(([192, 0, 2, 1], 53)));
        let dns = Dns::given(&[server.clone(), server], &config).unwrap();
        assert_eq!(dns.servers.len(), 1, "said twice, it is one");
        let first = dns.over(None).unwrap();
        for index in 0..3 * MOST_INTERFACES {
            dns.over(Some(&format!("eth{index}").into())).unwrap();
        }
        assert!(dns.pools.lock().unwrap().len() <= MOST_INTERFACES);
        assert!(Arc::ptr_eq(&first, &dns.over(None).unwrap()));
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        let config = Config { roots: Roots::Only(vec![b"nonsense".to_vec()]), ..Config::default() };
        let server = NameServer::tls(SocketAddr::from(([192, 0, 2, 1], 853)), "dns.example");
        assert!(Dns::given(&[server], &config).unwrap_err().contains("not a certificate"));
    }
}
