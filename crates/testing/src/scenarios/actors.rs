//! Plays a scenario against the actors: transport, policy manager, race and candidates are real, in paused time; name
//! servers and the network are scripted.

use super::cast::{Names, Policy, Questions};
use super::check::Checks;
use super::player::Outcome;
use super::schema::{AttemptState, Expect, Expected, ExpectedAttempt, Scenario, WinnerSpec};
use super::world::{Fate, Network, Spot, World};
use crate::harness::interfaces;
use crate::paused::{paused, settle};
use crate::stack::{AttemptEnd, Attempted, Outcome as Ending, ScriptedStack};
use actix::prelude::*;
use neatflow_actors::flow::Connection;
use neatflow_actors::policy_manager::{Calls, Interfaces};
use neatflow_actors::transport::messages::{Initiate, TakeCensus};
use neatflow_actors::transport::{Config, Transport};
use neatflow_actors::{Count, RaceEnd, RaceRecord, Registry};
use neatflow_core::connection::State;
use neatflow_core::policy::{Application, InterfaceRow, Request};
use neatflow_core::racing::{Address, Loss, Reason, Record};
use neatflow_core::{Candidate, EstablishmentFailure, Failure, Protocol, RemoteEndpoint, Time};
use slog::{Discard, Logger, o};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Longer than any scenario takes.
const FOR_EVER: Duration = Duration::from_secs(30 * 86_400);

/// Plays a scenario that was [read](super::read) to its end, with the actors.
///
/// *Errors*: the scenario makes no sense.
pub fn play_actors(scenario: &Scenario) -> Result<Outcome, String> {
    let world = World::new(scenario)?;
    paused(async {
        // From a whole millisecond of the clock on, every moment is one.
        sleep(Duration::from_millis(1)).await;
        Stage::new(scenario, world).play().await
    })
}

struct Stage<'a> {
    scenario: &'a Scenario,
    stacks: Vec<ScriptedStack>,
    questions: Questions,
    root: Addr<Transport>,
    began: Instant,
    broken: Vec<String>,
}

impl<'a> Stage<'a> {
    fn new(scenario: &'a Scenario, world: World<'_>) -> Self {
        let began = Instant::now();
        let network = Arc::new(world.network_script());
        let stacks: Vec<_> =
            protocols(scenario, &world).into_iter().map(|name| stack(name, &network)).collect();
        let names = Names::new(world.names(), began);
        let questions = names.questions();

        let mut config = Config::new(Logger::root(Discard, o!()));
        config.registry = Registry::empty();
        for stack in &stacks {
            config.registry.register(Arc::new(stack.clone()));
        }
        config.other_resolver = Some(names.start().recipient());
        // Whoever is not answered waits for as long as the scenario lasts.
        config.resolver.timeout = FOR_EVER * 2;
        config.racing = world.config.clone();
        config.secure_dns = world.target.secure_dns;
        let zones = zones(scenario);
        config.interfaces = Interfaces::from_fn(move || Ok(zones.clone()));
        config.other_policy = Some(Calls::to(&Policy::new(&config, world).start()));
        let root = Transport::new(config).0.start();
        Self { scenario, stacks, questions, root, began, broken: Vec::new() }
    }

    async fn play(mut self) -> Result<Outcome, String> {
        let (connection, order) = Initiate::new(request(self.scenario)?, None, &[], None);
        self.root.do_send(order);
        let end = timeout(FOR_EVER, connection.ready());
        let end = match self.scenario.settings.cancel_at_ms {
            None => end.await,
            Some(at) => {
                let cancel = async {
                    sleep(Duration::from_millis(at)).await;
                    connection.abort();
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    // What is due when it is cancelled comes too late.
                    biased;
                    () = cancel => unreachable!("it waits for ever"),
                    end = end => end,
                }
            }
        };
        let ended = millis(self.began.elapsed());
        settle().await;
        let unfinished = end.is_err();
        let failure = end.ok().and_then(Result::err);
        let record = connection.race().cloned();
        if unfinished {
            connection.abort();
            settle().await;
        }
        let Some(record) = record.or_else(|| connection.race().cloned()) else {
            return Err(format!("{}: there is no record of it", self.scenario.id));
        };
        self.clean(&connection, unfinished).await;
        let (result, error) = match (&failure, record.end) {
            _ if unfinished => (Expected::Unfinished, None),
            (None, _) => (Expected::Connected, None),
            (Some(failure), _) if matches!(**failure, EstablishmentFailure::Cancelled) => {
                (Expected::Cancelled, None)
            }
            (_, RaceEnd::Lost(Loss::Deadline)) => (Expected::Timeout, Some("deadline")),
            (_, RaceEnd::Lost(Loss::ServiceBindings)) => (Expected::Failed, Some("svcb_resolution_failed")),
            (_, RaceEnd::Lost(Loss::AllFailed)) => (Expected::Failed, Some("all_attempts_failed")),
            _ => (Expected::Failed, Some("no_addresses")),
        };
        Ok(self.outcome(&record, ended, result, error))
    }

    /// Nobody is left, and nothing is open but what won.
    async fn clean(&mut self, connection: &Connection, unfinished: bool) {
        let connected = usize::from(connection.state() == State::Established);
        let Ok(Count { flows, races, candidates, .. }) = self.root.send(TakeCensus).await else {
            return self.broken.push("the transport has stopped".to_owned());
        };
        if (flows, races, candidates) != (connected, 0, 0) {
            self.broken.push(format!("{flows} flows, {races} races and {candidates} candidates are left"));
        }
        let alive: usize = self.stacks.iter().map(ScriptedStack::alive).sum();
        if alive != connected {
            self.broken.push(format!("{alive} connections are open, of which {connected} may be"));
        }
        let running: usize = self.stacks.iter().map(|stack| stack.ended(None)).sum();
        if running > 0 && !unfinished {
            self.broken.push(format!("{running} attempts run on"));
        }
    }

    fn outcome(
        mut self,
        record: &RaceRecord,
        ended: u64,
        result: Expected,
        error: Option<&'static str>,
    ) -> Outcome {
        let mut seen: Vec<Attempted> = self.stacks.iter().flat_map(ScriptedStack::attempts).collect();
        let mut attempts = Vec::new();
        for told in &record.timeline.attempts {
            let Some(candidate) = record.candidate(told.id) else {
                self.broken.push(format!("{} is started, and nobody knows it", told.id));
                continue;
            };
            let of = |one: &Attempted| same(&one.candidate, candidate);
            let Some(place) = seen.iter().position(of) else {
                self.broken.push(format!("{candidate} was never tried"));
                continue;
            };
            let one = seen.remove(place);
            self.compare(told, &one);
            attempts.push(self.attempt(told, &one, ended));
        }
        for one in seen {
            self.broken.push(format!("{} was tried, and the record does not say so", one.candidate));
        }
        let winner = attempts.iter().find(|attempt| attempt.state == AttemptState::Won);
        let winner = winner.map(|won| WinnerSpec {
            addr: won.addr.clone(),
            proto: won.proto.clone(),
            iface: won.iface.clone(),
            port: won.port,
        });
        let untried = record.untried.iter().filter_map(|id| record.candidate(*id));
        let seen = Expect {
            result,
            ended_at_ms: ended,
            winner,
            error: error.map(str::to_owned),
            attempts,
            not_attempted: untried.map(plain).collect(),
            dns_queries: self.scenario.candidates.is_none().then(|| self.questions.take()),
        };
        let checks = Checks { scenario: self.scenario, running: record.timeline.running().count() };
        checks.invariants(&seen, &mut self.broken);
        Outcome { seen, timeline: record.timeline.clone(), broken: self.broken }
    }

    /// What the record says and what the network saw is one.
    fn compare(&mut self, told: &Record, seen: &Attempted) {
        let offset = |moment: Duration| millis(moment);
        let who = &seen.candidate;
        if since(told.started) != offset(seen.at) {
            let started = since(told.started);
            self.broken.push(format!("{who} began at {} and is recorded at {started}", offset(seen.at)));
        }
        let (Some(end), Some(ended_at)) = (told.end, seen.ended_at.map(offset)) else { return };
        let closed = seen.end == Some(AttemptEnd::Connected) && end.reason != Reason::Won;
        if since(end.at) != ended_at && !(closed && since(end.at) >= ended_at) {
            self.broken.push(format!("{who} ended at {ended_at} and is recorded at {}", since(end.at)));
        }
        let agree = match end.reason {
            Reason::Won => seen.end == Some(AttemptEnd::Connected),
            Reason::Failed => seen.end == Some(AttemptEnd::Failed),
            _ => closed || seen.end == Some(AttemptEnd::Cancelled),
        };
        if !agree {
            self.broken.push(format!("{who} has {:?}, and the record says {:?}", seen.end, end.reason));
        }
    }

    fn attempt(&self, told: &Record, seen: &Attempted, ended: u64) -> ExpectedAttempt {
        let WinnerSpec { addr, proto, iface, port } = plain(&seen.candidate);
        let state = match told.end.map(|end| end.reason) {
            Some(Reason::Won) => AttemptState::Won,
            Some(Reason::Failed | Reason::Expired) => AttemptState::Failed,
            _ => AttemptState::Cancelled,
        };
        ExpectedAttempt {
            addr,
            proto,
            start_ms: since(told.started),
            end_ms: told.end.map_or(ended, |end| since(end.at)),
            state,
            iface,
            port,
            tls_start_ms: seen.secured_at.map(millis),
            round: Some(told.round),
        }
    }
}

/// The stacks there are, those to be preferred first: that order is the policy manager's where nothing else decides.
fn protocols(scenario: &Scenario, world: &World<'_>) -> Vec<Protocol> {
    let settings = &scenario.settings;
    let mut names: Vec<String> = Vec::new();
    if let Some(candidates) = &world.candidates {
        names.extend(candidates.iter().map(|spot| spot.proto.to_string()));
    } else {
        names.extend(settings.default_transports.iter().cloned());
        if scenario.target.scheme == "https" {
            let quic = |alpn: &String| alpn == "doq" || alpn == "h3" || alpn.starts_with("h3-");
            names.extend(settings.protocols.iter().any(quic).then(|| "quic".to_owned()));
            names.extend(settings.protocols.iter().any(|alpn| !quic(alpn)).then(|| "tcp".to_owned()));
        }
    }
    let rank = |name: &String| settings.transport_preference.iter().position(|known| known == name);
    names.sort_by_key(|name| rank(name).unwrap_or(usize::MAX));
    let mut distinct: Vec<String> = Vec::new();
    names.into_iter().for_each(|name| {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    });
    distinct.into_iter().map(Protocol::from).collect()
}

/// A stack whose network is the scenario's.
fn stack(protocol: Protocol, network: &Arc<Network>) -> ScriptedStack {
    let network = network.clone();
    ScriptedStack::new().named(protocol).deciding(move |candidate, before| {
        // Everything is tried once in each round.
        let round = u32::try_from(before).unwrap_or(u32::MAX);
        let after = Duration::from_millis;
        let refusal =
            |local| if local { Failure::LocalAddress("local error".into()) } else { Failure::Refused };
        match network.fate(&spot(candidate), round) {
            Fate::Connects(at) => Ending::connects_after(after(at)),
            Fate::Fails { after: at, local } => Ending::fails_after(after(at), refusal(local)),
            Fate::Secures { up, tls } => match tls {
                Some((takes, true)) => Ending::connects_after(after(takes)),
                Some((takes, false)) => Ending::fails_after(after(takes), Failure::Reset),
                None => Ending::silent(),
            }
            .over_transport(after(up)),
            Fate::Silent => Ending::silent(),
        }
    })
}

/// The interfaces of the machine, and one for each zone that is spoken of.
fn zones(scenario: &Scenario) -> Vec<InterfaceRow> {
    let mut rows = interfaces();
    let zone = scenario.target.host.trim_matches(['[', ']']).split_once('%').map(|(_, zone)| zone.to_owned());
    if let Some(zone) = zone.filter(|zone| rows.iter().all(|row| *row.name != **zone)) {
        let mut row = rows.last().cloned().unwrap_or_default();
        (row.name, row.index) = (zone.as_str().into(), 7);
        rows.push(row);
    }
    rows
}

fn request(scenario: &Scenario) -> Result<Arc<Request>, String> {
    let (target, settings) = (&scenario.target, &scenario.settings);
    let mut remote = RemoteEndpoint::new().port(target.port);
    remote = match target.host.parse::<Address>() {
        Ok(address) => {
            remote.interface = address.zone().cloned();
            remote.address(address.ip())
        }
        Err(_) => remote.host(target.host.as_str()),
    };
    if scenario.candidates.is_some() {
        // Nothing is asked: whoever ranks knows it all.
        remote = RemoteEndpoint::new().address(std::net::Ipv4Addr::new(192, 0, 2, 1)).port(target.port);
    }
    let application = (target.scheme == "https").then(|| {
        let transports = settings.default_transports.iter().map(|name| name.as_str().into()).collect();
        let alpn = settings.protocols.iter().map(String::as_str);
        Arc::new(Application::new(alpn).transports(transports).ech(settings.ech.into()))
    });
    remote.validate().map_err(|why| format!("{}: target: {why}", scenario.id))?;
    Ok(Arc::new(Request { remotes: vec![remote], application, ..Request::default() }))
}

fn spot(candidate: &Candidate) -> Spot {
    Spot {
        address: address(candidate),
        port: candidate.port(),
        proto: candidate.transport.clone(),
        iface: candidate.interface.as_deref().map(str::to_owned),
        priority: candidate.priority,
    }
}

fn address(candidate: &Candidate) -> Address {
    let address = Address::new(candidate.remote.ip());
    match &candidate.interface {
        Some(zone) => address.in_zone(zone.clone()),
        None => address,
    }
}

fn plain(candidate: &Candidate) -> WinnerSpec {
    WinnerSpec {
        addr: address(candidate).to_string(),
        proto: candidate.transport.to_string(),
        iface: candidate.interface.as_deref().map(str::to_owned),
        port: Some(candidate.port()),
    }
}

fn same(one: &Candidate, other: &Candidate) -> bool {
    (one.remote, &one.transport, &one.interface) == (other.remote, &other.transport, &other.interface)
}

fn since(moment: Time) -> u64 {
    millis(moment.since_origin())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
