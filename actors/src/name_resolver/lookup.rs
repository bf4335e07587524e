//! One question, from its first source to its last answer.

use super::hosts::{self, Table};
use super::names::HostName;
use super::servers::{Dns, Servers};
use super::watched::Watched;
use super::{Answered, Config, QueryId, Resolve, failure};
use actix::Recipient;
use futures::StreamExt;
use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use hickory_resolver::proto::rr::{Name, RecordType};
use neatflow_core::ResolutionFailure;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

/// How often it is looked whether the asker is still there: actix does not tell.
const GLANCE: Duration = Duration::from_millis(250);

/// What questions are answered from. Shared by all of them; outlives the actor's restarts.
#[derive(Debug)]
pub(super) struct Sources {
    hosts: Watched<Table>,
    servers: Servers,
    timeout: Duration,
    in_flight: Semaphore,
}

impl Sources {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            hosts: hosts::watch(config.hosts_file.clone()),
            servers: Servers::new(config),
            timeout: config.bounded_timeout(),
            in_flight: Semaphore::new(config.bounded_in_flight()),
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
        question.end(Err(match stop {
            Stop::TimedOut => ResolutionFailure::TimedOut { name, after: asked.elapsed() },
            Stop::Because(why) => ResolutionFailure::Other { name, why },
        }));
    }

    async fn look_up(&self, question: &mut Question, name: &HostName) -> Result<(), Stop> {
        if let Some(table) = self.hosts.get().await {
            let addresses = table.addresses(name.as_str());
            if !addresses.is_empty() {
                question.end_with(addresses);
                return Ok(());
            }
        }
        let _place =
            self.in_flight.acquire().await.map_err(|closed| Stop::Because(closed.to_string().into()))?;
        let dns = self.servers.current().await.map_err(Stop::Because)?;
        search(&dns, question, name.candidates(&dns.search, dns.ndots)).await;
        Ok(())
    }
}

/// Why a question ends before its sources have answered.
enum Stop {
    TimedOut,
    Because(Arc<str>),
}

/// Returns once nobody receives what is sent to `asker`.
async fn gone(asker: &Recipient<Answered>) {
    while asker.connected() {
        sleep(GLANCE).await;
    }
}

/// Asks for each of the names until one has addresses.
async fn search(dns: &Dns, question: &mut Question, names: Vec<Name>) {
    let mut names = names.into_iter().peekable();
    let mut before = None;
    while let Some(name) = names.next() {
        match ask(dns, question, name, before, names.peek().is_none()).await {
            Some(failure) => before = Some(failure),
            None => return,
        }
    }
}

/// Asks for both families of one name, and passes on what comes; `before` is why the names before it failed.
///
/// A failure is passed on at once if the search ends here anyway: this is the `last` name, or its other family
/// has addresses. Otherwise it is held back until the other family is known, since both must come from the same
/// name. That costs the asker nothing: without an address it could not start.
///
/// Returns the failure with which the search goes on, or nothing when the question has ended.
async fn ask(
    dns: &Dns,
    question: &mut Question,
    name: Name,
    before: Option<ResolutionFailure>,
    last: bool,
) -> Option<ResolutionFailure> {
    let (host, asked) = (question.host.clone(), question.asked);
    // The set polls its futures first in this order, so AAAA leaves first (RFC 8305 §3).
    let mut families = [RecordType::AAAA, RecordType::A]
        .map(|family| dns.addresses(name.clone(), family, &host, asked))
        .into_iter()
        .collect::<FuturesUnordered<_>>();
    let first = families.next().await?;
    let with_before = |failure| match before.clone() {
        Some(before) => failure::more_telling(failure, before),
        None => failure,
    };
    let held = match first {
        Err(failure) if !last => Some(failure),
        Err(failure) => {
            question.part(Err(with_before(failure)));
            None
        }
        Ok(addresses) => {
            question.part(Ok(addresses));
            question.end(families.next().await?);
            return None;
        }
    };
    let second = families.next().await?;
    let Some(first) = held else {
        question.end(second.map_err(with_before));
        return None;
    };
    match second {
        Err(second) if failure::lets_search_go_on(&first) && failure::lets_search_go_on(&second) => {
            Some(with_before(failure::more_telling(first, second)))
        }
        second => {
            question.part(Err(first));
            question.end(second);
            None
        }
    }
}

/// A question that is still open. It cannot be forgotten: dropping it, in a panic too, answers it.
pub(super) struct Question {
    query: QueryId,
    pub(super) host: Arc<str>,
    answers: Recipient<Answered>,
    asked: Instant,
    ended: bool,
}

impl Question {
    pub(super) fn new(Resolve { query, host, answers }: Resolve) -> Self {
        Self { query, host, answers, asked: Instant::now(), ended: false }
    }

    /// Sends all addresses there are, IPv6 first, and ends. There must be some.
    pub(super) fn end_with(&mut self, addresses: &[IpAddr]) {
        let (v6, v4): (Vec<_>, Vec<_>) = addresses.iter().partition(|address| address.is_ipv6());
        match (v6.is_empty(), v4.is_empty()) {
            (false, false) => {
                self.part(Ok(v6));
                self.end(Ok(v4));
            }
            (true, _) => self.end(Ok(v4)),
            (false, true) => self.end(Ok(v6)),
        }
    }

    /// Sends the answer after which nothing more comes.
    pub(super) fn end(&mut self, result: Result<Vec<IpAddr>, ResolutionFailure>) {
        if !self.ended {
            self.ended = true;
            self.send(result, true);
        }
    }

    fn part(&self, result: Result<Vec<IpAddr>, ResolutionFailure>) {
        self.send(result, false);
    }

    fn send(&self, result: Result<Vec<IpAddr>, ResolutionFailure>, last: bool) {
        #[expect(
            clippy::disallowed_methods,
            reason = "bounded: two answers for each question, and the asker chose how many it asks"
        )]
        self.answers.do_send(Answered { query: self.query, result, last });
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let why =
            if std::thread::panicking() { "the lookup panicked" } else { "the name resolver has stopped" };
        self.end(Err(ResolutionFailure::Other { name: self.host.clone(), why: why.into() }));
    }
}
