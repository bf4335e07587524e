//! The actor: it takes questions, and answers those at once that need no source.

use super::lookup::{Question, Sources};
use super::names::{Host, LOOPBACK, absolute};
use super::{Config, FindPref64, FindProviders, Origin, Resolve};
use actix::prelude::*;
use futures::channel::oneshot;
use futures::future::ready;
use hickory_resolver::proto::rr::{Name, RecordType};
use neatflow_core::ResolutionFailure;
use neatflow_core::racing::Pref64;
use neatflow_core::resolution::{Records, Service, in_order};
use slog::{Logger, debug, error};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Answers [`Resolve`], [`FindProviders`] and [`FindPref64`].
///
/// Questions under way, the servers' connections and the cache outlive a restart.
/// When the actor ends, which it also does when its last address is dropped, every question still open fails.
pub struct NameResolver {
    sources: Arc<Sources>,
    /// A task for each question that a source must answer: one that panics ends alone, dropping the set ends all.
    lookups: JoinSet<()>,
    most_lookups: usize,
    log: Logger,
}

impl NameResolver {
    /// A resolver; nothing is read or asked before the first question.
    pub fn new(config: Config, log: Logger) -> Self {
        Self {
            sources: Arc::new(Sources::new(&config)),
            lookups: JoinSet::new(),
            most_lookups: config.bounded_in_flight().saturating_add(config.waiting),
            log,
        }
    }

    /// Forgets the lookups that have ended.
    fn reap(&mut self) {
        while let Some(outcome) = self.lookups.try_join_next() {
            if let Err(failed) = outcome {
                error!(self.log, "a lookup failed"; "why" => %failed);
            }
        }
    }

    /// Whether one more question may be open.
    ///
    /// *Errors*: there are too many.
    fn admit(&mut self, name: &Arc<str>) -> Result<(), ResolutionFailure> {
        self.reap();
        if self.lookups.len() < self.most_lookups {
            return Ok(());
        }
        let why = "too many questions are waiting".into();
        Err(ResolutionFailure::Other { name: name.clone(), why })
    }

    /// What one name has of one type; `name` is what failures speak of.
    fn look_up(
        &mut self,
        name: Arc<str>,
        absolute: Name,
        kind: RecordType,
        interface: Option<Arc<str>>,
    ) -> impl Future<Output = Result<Records, ResolutionFailure>> + use<> {
        let admitted = self.admit(&name);
        let (tell, found) = oneshot::channel();
        if admitted.is_ok() {
            let looking = self.sources.clone().one(name.clone(), absolute, kind, interface);
            self.lookups.spawn_local(async move {
                // Whoever asked may have lost interest.
                let _ = tell.send(looking.await);
            });
        }
        async move {
            admitted?;
            let ended = |_| Err(ResolutionFailure::Other { name, why: ENDED.into() });
            found.await.unwrap_or_else(ended)
        }
    }
}

/// Of a lookup that nobody follows any more.
const ENDED: &str = "the name resolver has stopped";

impl Actor for NameResolver {
    type Context = Context<Self>;
}

impl Supervised for NameResolver {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.reap();
        debug!(self.log, "restarting"; "questions" => self.lookups.len());
    }
}

impl Handler<Resolve> for NameResolver {
    type Result = ();

    fn handle(&mut self, resolve: Resolve, _: &mut Self::Context) {
        let mut question = Question::new(resolve);
        let name = question.host.clone();
        match Host::read(&name) {
            Ok(Host::Address(address)) => question.end_with(&[address], &Origin::Literal),
            Ok(Host::Loopback) => question.end_with(&LOOPBACK, &Origin::Literal),
            Err(why) => question.end(ResolutionFailure::BadName { name, why: why.into() }),
            Ok(Host::Name(host)) => match self.admit(&name) {
                Ok(()) => {
                    self.lookups.spawn_local(self.sources.clone().answer(question, host));
                }
                Err(failure) => question.end(failure),
            },
        }
    }
}

impl Handler<FindPref64> for NameResolver {
    type Result = ResponseFuture<Result<Option<Pref64>, ResolutionFailure>>;

    fn handle(&mut self, find: FindPref64, _: &mut Self::Context) -> Self::Result {
        let looking = self.look_up(IPV4_ONLY.into(), absolute(IPV4_ONLY), RecordType::AAAA, find.interface);
        Box::pin(async move {
            let addresses = match looking.await {
                Ok(records) => records,
                // Without a DNS64 the name has no IPv6 addresses.
                Err(ResolutionFailure::NoAddresses { .. } | ResolutionFailure::NoSuchName { .. }) => {
                    return Ok(None);
                }
                Err(failure) => return Err(failure),
            };
            let v6 = addresses.addresses().iter().filter_map(|address| match address.ip() {
                IpAddr::V6(v6) => Some(v6),
                IpAddr::V4(_) => None,
            });
            Ok(Pref64::among(&v6.collect::<Vec<_>>()))
        })
    }
}

impl Handler<FindProviders> for NameResolver {
    type Result = ResponseFuture<Result<Vec<Service>, ResolutionFailure>>;

    fn handle(&mut self, find: FindProviders, _: &mut Self::Context) -> Self::Result {
        let name: Arc<str> = format!("{}.{}", find.service, find.host).into();
        match Host::read(&name) {
            Ok(Host::Name(host)) => {
                let looking = self.look_up(name, host.absolute(), RecordType::SRV, find.interface);
                Box::pin(async move { Ok(in_order(looking.await?.providers().to_vec(), dice())) })
            }
            Ok(_) => Box::pin(ready(Err(ResolutionFailure::NoSuchService { name }))),
            Err(why) => Box::pin(ready(Err(ResolutionFailure::BadName { name, why: why.into() }))),
        }
    }
}

/// The name that has IPv6 addresses only where a DNS64 makes them (RFC 7050 §3).
const IPV4_ONLY: &str = "ipv4only.arpa.";

/// A number that nobody expects.
fn dice() -> u64 {
    RandomState::new().build_hasher().finish()
}

impl fmt::Debug for NameResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameResolver")
            .field("sources", &self.sources)
            .field("lookups", &self.lookups.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name_resolver::{Answered, QueryId};
    use neatflow_core::racing::RecordKind;
    use std::net::{SocketAddr, UdpSocket};
    use std::time::Duration;
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    struct Asker(UnboundedSender<Answered>);

    impl Actor for Asker {
        type Context = Context<Self>;
    }

    impl Handler<Answered> for Asker {
        type Result = ();
        fn handle(&mut self, answered: Answered, _: &mut Self::Context) {
            _ = self.0.send(answered);
        }
    }

    #[derive(Message)]
    #[rtype(result = "usize")]
    struct Fall;

    impl Handler<Fall> for NameResolver {
        type Result = usize;
        fn handle(&mut self, _: Fall, ctx: &mut Self::Context) -> usize {
            ctx.stop();
            self.lookups.len()
        }
    }

    fn question(host: &str) -> (Resolve, UnboundedReceiver<Answered>) {
        let (out, answers) = unbounded_channel();
        let answers_to = Asker(out).start().recipient();
        (Resolve::new(QueryId(1), host, RecordKind::A, answers_to), answers)
    }

    fn resolver(server: SocketAddr) -> NameResolver {
        let config = Config {
            servers: Some(vec![server.into()]),
            hosts_file: "/no/such/file".into(),
            timeout: Duration::from_millis(800),
            ..Config::default()
        };
        NameResolver::new(config, Logger::root(slog::Discard, slog::o!()))
    }

    fn why(answered: &Answered) -> String {
        answered.result.as_ref().map_or_else(ToString::to_string, |addresses| format!("{addresses:?}"))
    }

    #[actix::test]
    async fn a_question_outlives_a_restart() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let server = silent.local_addr().unwrap();
        let resolver = Supervisor::start(move |_| resolver(server));
        let (resolve, mut answers) = question("silent.example");
        resolver.send(resolve).await.unwrap();
        assert_eq!(resolver.send(Fall).await.unwrap(), 1);
        assert_eq!(resolver.send(Fall).await.unwrap(), 1, "it goes on");
        let answered = answers.recv().await.unwrap();
        assert!(matches!(answered.result, Err(ResolutionFailure::TimedOut { .. })), "{}", why(&answered));
    }

    #[actix::test]
    async fn a_lookup_that_panics_ends_its_question_alone() {
        let mut resolver = resolver("127.0.0.1:9".parse().unwrap());
        let (resolve, mut answers) = question("x.example");
        let question = Question::new(resolve);
        resolver.lookups.spawn_local(async move {
            let _open = question;
            panic!("on purpose");
        });
        let answered = answers.recv().await.unwrap();
        assert!(answered.last);
        assert_eq!(why(&answered), "cannot resolve x.example: the lookup panicked");
        while !resolver.lookups.is_empty() {
            resolver.reap();
            actix_rt::task::yield_now().await;
        }
    }
}
