//! Call 1, and the questions to the name resolver.

use super::actor::HappyEyeballs;
use super::ranking::Aim;
use crate::name_resolver::{Answered, FindPref64, QueryId, Resolve, settle};
use crate::policy_manager::messages::{Eligibility, Eligible};
use crate::transport::Services;
use actix::prelude::*;
use neatflow_core::policy::{Branch, Request};
use neatflow_core::racing::{
    Address, Answer, Config, Host, Input, MAX_TARGETS, Network, NoAnswer, Query, Race, RecordKind, Target,
};
use neatflow_core::resolution::{Kinds, answer};
use neatflow_core::{EstablishmentFailure, Protocol, RemoteEndpoint, ResolutionFailure, Time};
use slog::debug;
use std::sync::Arc;
use std::time::Duration;

/// A resolver that was lost with a question is asked again so often.
const TRIES: u32 = 3;

/// After that long, and twice as long each time.
const PAUSE: Duration = Duration::from_millis(10);

/// What is asked, and what came of it.
#[derive(Default)]
pub(super) struct Resolving {
    /// What the race wants asked, until it is.
    pub(super) asking: Vec<Query>,
    questions: Vec<Question>,
    next: u64,
    pub(super) unresolved: Vec<ResolutionFailure>,
}

/// A question of the race.
struct Question {
    /// Its number with the resolver; several of one name go together.
    asked: QueryId,
    query: Query,
    state: State,
    tries: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The resolver has so long; it keeps its own time and can say more, this is for one that does not.
    Open {
        until: Time,
    },
    /// The resolver was lost, and is asked again then.
    Again {
        at: Time,
    },
    Answered,
}

impl Resolving {
    /// When there is something to do that nobody announces.
    pub(super) fn next_moment(&self) -> Option<Time> {
        let moment = |question: &Question| match question.state {
            State::Open { until } => Some(until),
            State::Again { at } => Some(at),
            State::Answered => None,
        };
        self.questions.iter().filter_map(moment).min()
    }

    /// What has not been answered.
    pub(super) fn open(&self) -> impl Iterator<Item = &Arc<str>> {
        let open = self.questions.iter().filter(|question| question.state != State::Answered);
        open.map(|question| &question.query.name)
    }

    /// Notes why a name has no addresses, once.
    pub(super) fn note(&mut self, failure: ResolutionFailure) {
        if !self.unresolved.iter().any(|known| is_same(known, &failure)) {
            self.unresolved.push(failure);
        }
    }

    /// Puts the questions that are due into as few as there are names.
    fn due(&mut self, now: Time, patience: Duration) -> Vec<(Query, QueryId, Kinds)> {
        let until = now + patience;
        let mut due: Vec<(Query, QueryId, Kinds)> = Vec::new();
        let mut next = self.next;
        let mut number = |query: &Query| {
            let same = |(other, _, kinds): &&mut (Query, QueryId, Kinds)| {
                other.target == query.target && other.name == query.name && !kinds.contains(query.kind)
            };
            if let Some((_, asked, kinds)) = due.iter_mut().find(same) {
                *kinds = kinds.with(query.kind);
                return *asked;
            }
            let asked = QueryId(next);
            next += 1;
            due.push((query.clone(), asked, query.kind.into()));
            asked
        };
        for question in &mut self.questions {
            if matches!(question.state, State::Again { at } if at <= now) {
                question.asked = number(&question.query);
                question.state = State::Open { until };
            }
        }
        for query in self.asking.drain(..) {
            let asked = number(&query);
            self.questions.push(Question { asked, query, state: State::Open { until }, tries: 0 });
        }
        self.next = next;
        due
    }
}

impl HappyEyeballs {
    /// Call 1. Where it is all that has to be asked, which is nearly always, it is one message.
    pub(super) fn ask_what_is_eligible(&mut self, ctx: &mut Context<Self>) {
        if !is_settled(&self.request) {
            return self.settle_and_ask(ctx);
        }
        let call = self.services.calls.eligible.send(Eligible::new(self.request.clone()));
        ctx.spawn(call.into_actor(self).map(|reply, race, ctx| match reply {
            Ok(Ok(eligibility)) => {
                let finder = race.services.pref64.as_ref();
                if finder.is_some() && may_need_pref64(&race.request, &eligibility.network) {
                    return race.find_pref64(eligibility, ctx);
                }
                race.begin(race.request.clone(), eligibility, ctx);
            }
            Ok(Err(failure)) => race.lose(failure, ctx),
            Err(gone) => race.lose(stopped("policy manager", &gone), ctx),
        }));
    }

    fn find_pref64(&mut self, mut eligibility: Eligibility, ctx: &mut Context<Self>) {
        let (services, request) = (self.services.clone(), self.request.clone());
        let finding = async move {
            find_pref64(&services, &request, &mut eligibility.network).await;
            (request, eligibility)
        };
        ctx.spawn(finding.into_actor(self).map(|(request, eligibility), race, ctx| {
            race.begin(request, eligibility, ctx);
        }));
    }

    fn settle_and_ask(&mut self, ctx: &mut Context<Self>) {
        let eligible = eligible(self.services.clone(), self.request.clone());
        ctx.spawn(eligible.into_actor(self).map(|reply, race, ctx| match reply {
            Ok((request, eligibility, left_out)) => {
                left_out.into_iter().for_each(|failure| race.resolving.note(failure));
                race.begin(request, eligibility, ctx);
            }
            Err(failure) => race.lose(failure, ctx),
        }));
    }

    /// Call 1 is answered: the race begins.
    pub(super) fn begin(
        &mut self,
        request: Arc<Request>,
        Eligibility { branches, network, memory, as_of, first, .. }: Eligibility,
        ctx: &mut Context<Self>,
    ) {
        self.changes.before = as_of;
        let now = self.clock.now();
        let config = self.config(&branches, now);
        let (aims, targets): (Vec<Aim>, Vec<Target>) =
            targets(&request, &branches, self.services.secure_dns).into_iter().unzip();
        if targets.iter().any(|target| matches!(target.host, Host::Name(_))) {
            self.watch(ctx);
        }
        let race = Race::to(targets, network, memory, config).ranked_elsewhere();
        self.race = Some(Box::new(race));
        self.request = request;
        (self.ranking.branches, self.ranking.aims, self.ranking.first) = (branches, aims, first);
        self.rouse();
    }

    /// As configured; the order of the transports is the policy manager's, and there is as much time as the application
    /// leaves.
    fn config(&self, branches: &[Branch], now: Time) -> Config {
        let mut config = self.services.racing.clone();
        config.transports = distinct(branches.iter().map(|branch| branch.protocol.clone()));
        let deadline = [config.deadline, self.timeout].into_iter().flatten().min();
        config.deadline = deadline.map(|deadline| deadline.saturating_sub(now.since_origin()));
        config
    }

    /// Asks what the race wants asked.
    pub(super) fn ask_questions(&mut self, now: Time, ctx: &mut Context<Self>) {
        let due = self.resolving.due(now, self.services.patience);
        for (query, asked, kinds) in due {
            let interface = self.ranking.aims.get(query.target).and_then(|aim| aim.interface.clone());
            let question = Resolve::new(asked, query.name, kinds, ctx.address().recipient()).over(interface);
            let asking = self.services.resolver.send(question);
            ctx.spawn(asking.into_actor(self).map(move |taken, race, _| {
                if let Err(gone) = taken {
                    race.lost_resolver(asked, &gone);
                }
            }));
        }
    }

    /// The resolver was lost with a question: it is restarted, and asked again.
    fn lost_resolver(&mut self, asked: QueryId, gone: &MailboxError) {
        let now = self.clock.now();
        let connected = self.services.resolver.connected();
        let mut lost = Vec::new();
        for question in &mut self.resolving.questions {
            if question.asked != asked || question.state == State::Answered {
                continue;
            }
            if connected && question.tries < TRIES {
                question.state = State::Again { at: now + PAUSE * (1 << question.tries) };
                question.tries += 1;
            } else {
                lost.push((question.query.kind, question.query.name.clone()));
            }
        }
        for (kind, name) in lost {
            let why = format!("the name resolver is gone: {gone}").into();
            self.settle_question(asked, kind, Err(ResolutionFailure::Other { name, why }));
        }
        self.rouse();
    }

    /// Answers what the resolver has left open for too long.
    pub(super) fn give_up_questions(&mut self, now: Time) {
        let late = |question: &&Question| matches!(question.state, State::Open { until } if until <= now);
        let late: Vec<_> = self
            .resolving
            .questions
            .iter()
            .filter(late)
            .map(|question| (question.asked, question.query.kind, question.query.name.clone()))
            .collect();
        let after = self.services.patience;
        for (asked, kind, name) in late {
            self.settle_question(asked, kind, Err(ResolutionFailure::TimedOut { name, after }));
        }
    }

    pub(super) fn answered(&mut self, Answered { query, kind, result, .. }: Answered) {
        self.settle_question(query, kind, result);
    }

    /// Tells the race of an answer. A second one takes the place of the first.
    fn settle_question(
        &mut self,
        asked: QueryId,
        kind: RecordKind,
        result: Result<neatflow_core::resolution::Records, ResolutionFailure>,
    ) {
        let is_it = |question: &&mut Question| question.asked == asked && question.query.kind == kind;
        let Some(question) = self.resolving.questions.iter_mut().find(is_it) else { return };
        question.state = State::Answered;
        let id = question.query.id;
        let failure = result.as_ref().err().cloned();
        let told = answer(result);
        if let Some(failure) = failure {
            debug!(self.logger, "not resolved"; "kind" => %kind, "reason" => %failure);
            // That there is no service is no failure.
            if kind != RecordKind::Https || told == Answer::Nothing(NoAnswer::Failed) {
                self.resolving.note(failure);
            }
        }
        self.tell(Input::Answer(id, told));
    }
}

/// Whether all that has to be known before call 1 is.
pub(super) fn is_settled(request: &Request) -> bool {
    request.locals.iter().all(|local| local.unresolved().is_none() && local.unresolved_service().is_none())
        && request.remotes.iter().all(|remote| remote.unresolved_service().is_none())
}

/// NEAT's step 3, call 1; names among the local endpoints are resolved before, unless nothing could be used anyway.
/// And why remote endpoints are left out, if some are.
async fn eligible(
    services: Arc<Services>,
    request: Arc<Request>,
) -> Result<(Arc<Request>, Eligibility, Vec<ResolutionFailure>), EstablishmentFailure> {
    if request.locals.iter().any(|local| local.unresolved().is_some()) {
        let anywhere = Request { locals: Vec::new(), ..Request::clone(&request) };
        call_1(&services, Eligible::new(Arc::new(anywhere)).without_memory()).await?;
    }
    let (request, left_out) = settle(&services, request)
        .await
        .map_err(|failure| EstablishmentFailure::ResolutionFailed(vec![failure]))?;
    let eligibility = call_1_and_nat64(&services, Eligible::new(request.clone())).await?;
    Ok((request, eligibility, left_out))
}

/// Call 1, and how the network that it is about reaches IPv4.
pub(super) async fn call_1_and_nat64(
    services: &Services,
    call: Eligible,
) -> Result<Eligibility, EstablishmentFailure> {
    let request = call.request.clone();
    let mut eligibility = call_1(services, call).await?;
    find_pref64(services, &request, &mut eligibility.network).await;
    Ok(eligibility)
}

/// How long a race waits to hear of a NAT64, on a network where it could need one.
const PREF64_PATIENCE: Duration = Duration::from_millis(500);

/// Where there is IPv6 alone and IPv4 may be wanted, asks with which prefix a NAT64 reaches it
/// (draft-ietf-happy-happyeyeballs-v3 §8.1), unless that is known. The resolver keeps the answer.
async fn find_pref64(services: &Services, request: &Request, network: &mut Network) {
    let Some(finder) = services.pref64.as_ref().filter(|_| may_need_pref64(request, network)) else { return };
    let found = tokio::time::timeout(PREF64_PATIENCE, finder.send(FindPref64::default()));
    // Nobody could say: then there is none.
    network.pref64 = found.await.ok().and_then(Result::ok).and_then(Result::ok).flatten();
}

/// Whether a NAT64 may be wanted that nobody knows of.
pub(super) fn may_need_pref64(request: &Request, network: &Network) -> bool {
    let only_v6 = network.v6 && !network.v4 && network.pref64.is_none();
    only_v6 && request.remotes.iter().any(|remote| remote.literal().is_none_or(|address| address.is_ipv4()))
}

async fn call_1(services: &Services, call: Eligible) -> Result<Eligibility, EstablishmentFailure> {
    let reply = services.calls.eligible.send(call).await;
    reply.map_err(|gone| stopped("policy manager", &gone))?
}

/// Whom the race is to reach. A name is a target for each interface that paths are bound to, and resolved there
/// (RFC 9623 §4.1.2); if these were too many targets for a race, it is resolved once, for all paths.
pub(super) fn targets(request: &Request, branches: &[Branch], secure_dns: bool) -> Vec<(Aim, Target)> {
    let interfaces = distinct(branches.iter().map(|branch| branch.path.interface.clone()));
    let apart = interfaces.len() * request.remotes.len() <= MAX_TARGETS;
    let mut targets: Vec<(Aim, Target)> = Vec::new();
    for (place, remote) in request.remotes.iter().enumerate() {
        let everywhere = remote.literal().is_some() || !apart;
        for interface in &interfaces {
            let aim = Aim { remote: place, interface: interface.clone().filter(|_| !everywhere) };
            let on_path = |branch: &&Branch| everywhere || branch.path.interface == *interface;
            let usable = branches.iter().filter(on_path).filter(|branch| remote.is_for(&branch.protocol));
            let transports = distinct(usable.map(|branch| branch.protocol.clone()));
            if !transports.is_empty() && !targets.iter().any(|(known, _)| *known == aim) {
                targets.push((aim, target(request, remote, transports, secure_dns)));
            }
        }
    }
    targets
}

fn target(request: &Request, remote: &RemoteEndpoint, transports: Vec<Protocol>, secure_dns: bool) -> Target {
    let host = match (remote.literal(), &remote.interface) {
        (Some(address), Some(zone)) => Host::Literal(Address::new(address).in_zone(zone.clone())),
        (Some(address), None) => Host::Literal(Address::new(address)),
        (None, _) => Host::Name(remote.host.clone().unwrap_or_default()),
    };
    let mut target = Target::at(host, remote.port.unwrap_or(0)).secure_dns(secure_dns);
    let Some(application) = &request.application else { return target.transports(transports) };
    let preferred: Vec<Protocol> =
        application.transports.iter().filter(|wanted| transports.contains(wanted)).cloned().collect();
    target = target.with_services().alpn(application.alpn.iter().map(|name| &**name)).ech(application.ech);
    target.carried_by(&transports).transports(if preferred.is_empty() { transports } else { preferred })
}

fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    // Mostly it is one.
    let mut distinct = Vec::with_capacity(1);
    for one in all {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}

/// Whether the second says no more than the first: how long two questions for one name took differs by chance.
fn is_same(one: &ResolutionFailure, other: &ResolutionFailure) -> bool {
    use ResolutionFailure::TimedOut;
    match (one, other) {
        (TimedOut { name: one, .. }, TimedOut { name: other, .. }) => one == other,
        _ => one == other,
    }
}

pub(super) fn stopped(who: &str, gone: &MailboxError) -> EstablishmentFailure {
    EstablishmentFailure::Stopped(format!("{who}: {gone}").into())
}
