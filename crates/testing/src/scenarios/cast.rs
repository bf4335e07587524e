//! Whom the actors of a scenario talk to in place of name servers and experience.

use super::schema::{ExpectedQuery, KindSpec};
use super::world::{NameScript, Spot, World};
use actix::prelude::*;
use neatflow_actors::name_resolver::{Answered, DnsProtocol, Origin, Resolve};
use neatflow_actors::policy_manager::PolicyManager;
use neatflow_actors::policy_manager::messages::{Eligibility, Eligible, Observe, Rank, Ranked};
use neatflow_actors::transport::Config;
use neatflow_core::racing::{Answer, Memory, Network, NoAnswer, RecordKind};
use neatflow_core::resolution::Records;
use neatflow_core::{Candidate, CandidateId, EstablishmentFailure, ResolutionFailure};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The name servers.
pub(super) struct Names {
    script: NameScript,
    began: Instant,
    questions: Questions,
}

/// What they were asked, and when.
#[derive(Clone, Default)]
pub(super) struct Questions(Arc<Mutex<Vec<ExpectedQuery>>>);

impl Names {
    pub(super) fn new(script: NameScript, began: Instant) -> Self {
        Self { script, began, questions: Questions::default() }
    }

    pub(super) fn questions(&self) -> Questions {
        self.questions.clone()
    }
}

impl Questions {
    pub(super) fn take(&self) -> Vec<ExpectedQuery> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Actor for Names {
    type Context = Context<Self>;
}

impl Handler<Resolve> for Names {
    type Result = ();

    fn handle(&mut self, question: Resolve, ctx: &mut Self::Context) {
        let Resolve { query, host, kinds, answers, .. } = question;
        let at_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut parts = Vec::new();
        let mut complete = true;
        for kind in kinds.iter() {
            let asked = ExpectedQuery { name: host.to_string(), kind: spec(kind), at_ms };
            self.questions.0.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
            let given = self.script.answers(&host, kind);
            complete &= !given.is_empty();
            parts.extend(given.into_iter().map(|(after, answer)| (after, kind, answer)));
        }
        parts.sort_by_key(|(after, ..)| *after);
        let many = parts.len();
        let origin = Origin::Server {
            address: SocketAddr::from((Ipv4Addr::new(192, 0, 2, 53), 53)),
            protocol: DnsProtocol::Udp,
        };
        for (place, (after, kind, answer)) in parts.into_iter().enumerate() {
            let result = records(&host, kind, answer);
            let last = complete && place + 1 == many;
            let answered = Answered { query, kind, result, origin: origin.clone(), ttl: None, last };
            let answers = answers.clone();
            if after == 0 {
                answers.do_send(answered);
            } else {
                ctx.run_later(Duration::from_millis(after), move |_, _| answers.do_send(answered));
            }
        }
    }
}

fn records(host: &Arc<str>, kind: RecordKind, answer: Answer) -> Result<Records, ResolutionFailure> {
    let name = || host.clone();
    match answer {
        Answer::Addresses(addresses) => Ok(Records::Addresses(addresses)),
        Answer::Services(services) => Ok(Records::Services(services)),
        Answer::Nothing(NoAnswer::NxDomain) => Err(ResolutionFailure::NoSuchName { name: name() }),
        Answer::Nothing(NoAnswer::Failed) => {
            Err(ResolutionFailure::ServerFailure { name: name(), code: "SERVFAIL".into() })
        }
        Answer::Nothing(NoAnswer::NoData) if kind == RecordKind::Https => {
            Err(ResolutionFailure::NoServices { name: name() })
        }
        Answer::Nothing(NoAnswer::NoData) => Err(ResolutionFailure::NoAddresses { name: name() }),
    }
}

fn spec(kind: RecordKind) -> KindSpec {
    match kind {
        RecordKind::Https => KindSpec::Https,
        RecordKind::Aaaa => KindSpec::Aaaa,
        RecordKind::A => KindSpec::A,
    }
}

/// The policy manager, with the scenario's network and experience in place of its own. Where the scenario has a list,
/// that is what it answers to call 2.
pub(super) struct Policy {
    manager: Addr<PolicyManager>,
    network: Network,
    memory: Memory,
    list: Option<Vec<Spot>>,
    neat: bool,
}

impl Policy {
    pub(super) fn new(config: &Config, world: World<'_>) -> Self {
        let manager = PolicyManager::new(&config.registry, config.interfaces.clone(), config.logger.clone());
        let neat = world.is_neat();
        let World { mut network, mut memory, candidates, .. } = world;
        let list = candidates.map(|mut list| {
            memory.reorder(&mut list, |spot| (spot.address.ip(), &spot.proto));
            (memory.winner, memory.penalties) = (None, Vec::new());
            // Whoever ranks knows what can be reached.
            network = Network::default();
            list
        });
        Self { manager: manager.start(), network, memory, list, neat }
    }
}

impl Actor for Policy {
    type Context = Context<Self>;
}

impl Handler<Eligible> for Policy {
    type Result = ResponseFuture<Result<Eligibility, EstablishmentFailure>>;

    fn handle(&mut self, call: Eligible, _: &mut Self::Context) -> Self::Result {
        let (manager, network, memory) = (self.manager.clone(), self.network.clone(), self.memory.clone());
        Box::pin(async move {
            let gone = |gone: MailboxError| EstablishmentFailure::Stopped(gone.to_string().into());
            let mut eligibility = manager.send(call).await.map_err(gone)??;
            (eligibility.network, eligibility.memory) = (network, memory);
            // Call 2 is asked here as well.
            eligibility.first = None;
            Ok(eligibility)
        })
    }
}

impl Handler<Rank> for Policy {
    type Result = ResponseFuture<Ranked>;

    fn handle(&mut self, call: Rank, _: &mut Self::Context) -> Self::Result {
        if let Some(list) = &self.list {
            let candidates =
                (0..).zip(list).map(|(place, spot)| self.candidate(place, spot, &call)).collect();
            let ranked = Ranked { candidates, roster: call.roster, why_none: None };
            return Box::pin(std::future::ready(ranked));
        }
        let manager = self.manager.clone();
        let roster = call.roster.clone();
        Box::pin(async move {
            let none = Ranked { candidates: Vec::new(), roster, why_none: None };
            manager.send(call).await.unwrap_or(none)
        })
    }
}

impl Handler<Observe> for Policy {
    type Result = ();

    /// A scenario is one race.
    fn handle(&mut self, _: Observe, _: &mut Self::Context) {}
}

impl Policy {
    fn candidate(&self, place: u32, spot: &Spot, call: &Rank) -> Candidate {
        let remote = SocketAddr::new(spot.address.ip(), spot.port);
        let properties = call.request.properties.clone();
        let mut candidate = Candidate::new(CandidateId(place), spot.proto.clone(), remote, properties);
        candidate.interface = spot.iface.as_deref().map(Into::into).or_else(|| spot.address.zone().cloned());
        candidate.priority = if self.neat { spot.priority } else { place };
        candidate
    }
}
