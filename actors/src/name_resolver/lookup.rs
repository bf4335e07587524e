//! One question, from its first source to its last answer.

use super::hosts::{self, Table};
use super::messages::Origin;
use super::names::HostName;
use super::records::record_type;
use super::servers::{Dns, Servers};
use super::store::{Found, Store};
use super::watched::Watched;
use super::{Answered, Config, QueryId, Resolve, failure};
use actix::Recipient;
use futures::StreamExt;
use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use hickory_resolver::proto::rr::{Name, RecordType};
use neatflow_core::ResolutionFailure;
use neatflow_core::racing::{Address, RecordKind};
use neatflow_core::resolution::{Kinds, Records, Search};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How often it is looked whether the asker is still there: actix does not tell.
const GLANCE: Duration = Duration::from_millis(250);

/// What questions are answered from. Shared by all of them; outlives the actor's restarts.
#[derive(Debug)]
pub(super) struct Sources {
    hosts: Watched<Table>,
    servers: Servers,
    store: Arc<Store>,
    timeout: Duration,
}

impl Sources {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            hosts: hosts::watch(config.hosts_file.clone()),
            servers: Servers::new(config),
            store: Store::new(config),
            timeout: config.bounded_timeout(),
        }
    }

    /// Answers a question, or gives it up when its asker is gone.
    pub(super) async fn answer(self: Arc<Self>, mut question: Question, name: HostName) {
        let (asked, asker) = (question.asked, question.answers.clone());
        let outcome = {
            let work = pin!(timeout_at(asked + self.timeout, self.look_up(&mut question, &name)));
            match select(work, pin!(gone(&asker))).await {
                Either::Left((Ok(outcome), _)) => outcome,
                Either::Left((Err(_elapsed), _)) => Err(Stop::TimedOut),
                Either::Right(((), _)) => Err(Stop::Because("nobody waits for the answer".into())),
            }
        };
        let Err(stop) = outcome else { return };
        let name = question.host.clone();
        question.end(match stop {
            Stop::TimedOut => ResolutionFailure::TimedOut { name, after: since(asked) },
            Stop::Because(why) => ResolutionFailure::Other { name, why },
        });
    }

    async fn look_up(&self, question: &mut Question, name: &HostName) -> Result<(), Stop> {
        if let Some(table) = self.hosts.get().await {
            let addresses = table.addresses(name.as_str());
            if !addresses.is_empty() {
                question.end_with(addresses, &Origin::Hosts);
                return Ok(());
            }
        }
        let dns = self.servers.current().await.map_err(Stop::Because)?;
        self.search(&dns, question, name.candidates(&dns.search, dns.ndots)).await;
        Ok(())
    }

    /// What an absolute name has of one type, within the time of one question; the hosts file does not count.
    ///
    /// *Errors*: as told of `host`.
    pub(super) async fn one(
        self: Arc<Self>,
        host: Arc<str>,
        name: Name,
        kind: RecordType,
        interface: Option<Arc<str>>,
    ) -> Result<Records, ResolutionFailure> {
        let asked = Instant::now();
        let looking = async {
            let dns = self
                .servers
                .current()
                .await
                .map_err(|why| ResolutionFailure::Other { name: host.clone(), why })?;
            self.store.get(&dns, &name, kind, interface.as_ref()).await.result
        };
        let late = |_| Err(ResolutionFailure::TimedOut { name: host.clone(), after: since(asked) });
        timeout_at(asked + self.timeout, looking)
            .await
            .unwrap_or_else(late)
            .map_err(|failure| failure.of(&host))
    }

    /// Asks for each of the names until one has records, and passes on what comes.
    async fn search(&self, dns: &Arc<Dns>, question: &mut Question, names: Vec<Name>) {
        let mut search = Search::new(question.open, names.len());
        let interface = question.interface.clone();
        for name in names {
            // The set polls its futures first in this order: services, IPv6, IPv4
            // (draft-ietf-happy-happyeyeballs-v3 §4.1).
            let mut open = search
                .open()
                .iter()
                .map(|kind| {
                    let looking = self.store.get(dns, &name, record_type(kind), interface.as_ref());
                    async move { (kind, looking.await) }
                })
                .collect::<FuturesUnordered<_>>();
            let mut sources = Vec::new();
            while let Some((kind, Found { result, origin, ttl })) = open.next().await {
                sources.push((kind, origin, ttl));
                for (kind, result) in search.answer(kind, result).answers {
                    let source = sources.iter().find(|(of, _, _)| *of == kind).cloned();
                    let (_, origin, ttl) = source.unwrap_or((kind, Origin::Nobody, None));
                    question.answer(kind, result, origin, ttl);
                }
            }
            if question.open.is_empty() {
                return;
            }
        }
    }
}

/// Why a question ends before its sources have answered.
enum Stop {
    TimedOut,
    Because(Arc<str>),
}

/// How long ago it was, in hundredths of a second: people read it.
fn since(asked: Instant) -> Duration {
    let hundredths = (asked.elapsed().as_millis() + 5) / 10;
    Duration::from_millis(u64::try_from(hundredths * 10).unwrap_or(u64::MAX))
}

/// Returns once nobody receives what is sent to `asker`.
async fn gone(asker: &Recipient<Answered>) {
    while asker.connected() {
        sleep(GLANCE).await;
    }
}

/// A question that is still open. It cannot be forgotten: dropping it, in a panic too, answers it.
pub(super) struct Question {
    query: QueryId,
    pub(super) host: Arc<str>,
    interface: Option<Arc<str>>,
    answers: Recipient<Answered>,
    asked: Instant,
    /// What has no answer yet.
    open: Kinds,
}

impl Question {
    pub(super) fn new(Resolve { query, host, kinds, interface, answers }: Resolve) -> Self {
        Self { query, host, interface, answers, asked: Instant::now(), open: kinds }
    }

    /// Answers with all addresses there are, and nothing else.
    pub(super) fn end_with(&mut self, addresses: &[IpAddr], origin: &Origin) {
        for kind in self.open.iter() {
            let wanted = |address: &&IpAddr| match kind {
                RecordKind::Https => false,
                RecordKind::Aaaa => address.is_ipv6(),
                RecordKind::A => address.is_ipv4(),
            };
            let found: Vec<Address> = addresses.iter().filter(wanted).copied().map(Address::new).collect();
            let result = match found.is_empty() {
                true => Err(failure::no_data(record_type(kind), &self.host)),
                false => Ok(Records::Addresses(found)),
            };
            self.answer(kind, result, origin.clone(), None);
        }
    }

    /// Answers all that is still open with this failure, of which nobody is the origin.
    pub(super) fn end(&mut self, failure: ResolutionFailure) {
        for kind in self.open.iter() {
            self.answer(kind, Err(failure.clone()), Origin::Nobody, None);
        }
    }

    fn in_words(&self, failure: ResolutionFailure) -> ResolutionFailure {
        match failure.of(&self.host) {
            ResolutionFailure::TimedOut { name, .. } => {
                ResolutionFailure::TimedOut { name, after: since(self.asked) }
            }
            failure => failure,
        }
    }

    /// Answers for one type, once.
    fn answer(
        &mut self,
        kind: RecordKind,
        result: Result<Records, ResolutionFailure>,
        origin: Origin,
        ttl: Option<Duration>,
    ) {
        if !self.open.contains(kind) {
            return;
        }
        self.open = self.open.without(kind);
        // It is told of the name that was asked for, whatever that stands for.
        let result = result.map_err(|failure| self.in_words(failure));
        let last = self.open.is_empty();
        #[expect(
            clippy::disallowed_methods,
            reason = "bounded: an answer for each type asked for, and the asker chose how many it asks"
        )]
        self.answers.do_send(Answered { query: self.query, kind, result, origin, ttl, last });
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let why =
            if std::thread::panicking() { "the lookup panicked" } else { "the name resolver has stopped" };
        self.end(ResolutionFailure::Other { name: self.host.clone(), why: why.into() });
    }
}
