//! Scenarios in the box: which ones it can express, the network they are about, and what was seen on it.

use super::{Interface, NetBox, Rule, Server, Unreachable};
use crate::dns::{RecordType, Reply};
use crate::scenarios::{
    AttemptState, DnsSpec, ErrorSpec, Expect, Expected, ExpectedAttempt, ExpectedQuery, FamilySpec, KindSpec,
    MatchSpec, OutcomeSpec, RuleSpec, Scenario, WinnerSpec,
};
use neatflow_actors::RaceRecord;
use neatflow_core::racing::{Pref64, Reason};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Why the box cannot express a scenario; `None` if it can.
///
/// It has real sockets, so it has no protocol and no TLS for which there is no stack, and it cannot know what another
/// race has taught.
pub fn cannot(scenario: &Scenario) -> Option<&'static str> {
    let settings = &scenario.settings;
    let candidates = scenario.candidates.as_deref().unwrap_or_default();
    let tcp = |proto: &String| proto == "tcp";
    let in_order = (0_u32..).zip(candidates);
    let learned = !settings.rtt_history_ms.is_empty()
        || !settings.candidate_delay_ms.is_empty()
        || !settings.used_addrs.is_empty()
        || !settings.protocol_penalty.is_empty()
        || settings.cached_winner.is_some();
    let literals: Option<Vec<IpAddr>> = settings.local_addrs.iter().map(|text| text.parse().ok()).collect();
    let rules = &scenario.network;
    if scenario.target.scheme != "tcp" {
        Some("TLS")
    } else if !settings.default_transports.iter().all(tcp) || candidates.iter().any(|one| one.proto != "tcp")
    {
        Some("another protocol than TCP")
    } else if settings.nat64_prefix.is_some() && said_families(scenario) != (true, false) {
        // Whoever has IPv4 does not ask for one.
        Some("a NAT64 beside IPv4")
    } else if learned {
        Some("what earlier races have taught")
    } else if candidates.iter().any(|one| one.iface != candidates[0].iface)
        || in_order.into_iter().any(|(place, one)| one.priority.is_some_and(|wanted| wanted != place))
    {
        Some("a policy manager's own list")
    } else if rules.iter().any(|rule| rule.matches.round.is_some()) {
        Some("a rule for one round")
    } else if rules.iter().any(|rule| rule.outcome == OutcomeSpec::LocalError && rule.after_ms > 0) {
        Some("a local error that takes its time")
    } else if scenario.target.host.contains('%') {
        Some("a link-local address")
    } else if literals.is_none_or(|own| !own.is_empty() && families(&own) != said_families(scenario)) {
        Some("local addresses that the client cannot have")
    } else {
        None
    }
}

fn families(addresses: &[IpAddr]) -> (bool, bool) {
    (addresses.iter().any(IpAddr::is_ipv6), addresses.iter().any(IpAddr::is_ipv4))
}

fn said_families(scenario: &Scenario) -> (bool, bool) {
    let families = &scenario.settings.families;
    (families.contains(&FamilySpec::Ipv6), families.contains(&FamilySpec::Ipv4))
}

/// The name that tells of a NAT64, and what a DNS64 makes its addresses of (RFC 7050 §2.2).
const IPV4_ONLY: &str = "ipv4only.arpa";
const WELL_KNOWN: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 170);

/// A name that no scenario speaks of, with addresses that can be reached at once.
///
/// What a program does for the first time takes its time: code is read, threads are made.
pub const WARM_UP: &str = "warm-up.example";
const WARM_UP_V6: &str = "2001:db8:77::77";
const WARM_UP_V4: &str = "203.0.113.77";

/// A scenario that was set up: its network, its name server and its servers.
#[derive(Debug)]
pub struct Stage {
    /// The network.
    pub net: NetBox,
    /// Listens at every address, at the target's port.
    pub server: Server,
}

impl Stage {
    /// Sets up a scenario that the box [can](cannot) express.
    ///
    /// *Errors*: those of [`NetBox::with`], and what is wrong with the scenario.
    pub fn set(scenario: &Scenario) -> io::Result<Self> {
        let iface = scenario.candidates.iter().flatten().find_map(|one| one.iface.as_deref());
        let mut client = Interface::new(iface.unwrap_or("net0"));
        if !scenario.settings.local_addrs.is_empty() {
            client = client.addresses(scenario.settings.local_addrs.iter().map(String::as_str));
        }
        let (v6, v4) = said_families(scenario);
        let client = if v6 { client } else { client.v4_only() };
        let net = NetBox::with([if v4 { client } else { client.v6_only() }])?;
        for entry in &scenario.dns {
            let name = entry.name.as_deref().unwrap_or(&scenario.target.host);
            net.dns().on(name, record_type(entry.kind), reply(entry)?.after(delay(scenario, entry)));
        }
        if let Some(text) = &scenario.settings.nat64_prefix {
            let prefix: Pref64 = text.parse().map_err(io::Error::other)?;
            let made = prefix.synthesise(WELL_KNOWN).map(|address| address.to_string());
            net.dns().on(IPV4_ONLY, RecordType::AAAA, Reply::addresses(made.as_deref()));
        }
        // An address without a route cannot be sent to.
        for address in addresses(scenario) {
            let decided = scenario.network.iter().find(|rule| is_for(&rule.matches, address));
            if decided.is_some_and(|rule| rule.outcome == OutcomeSpec::LocalError) {
                net.ip([format!("route add unreachable {address} metric 1").as_str()])?;
            }
        }
        for (kind, address) in [(RecordType::AAAA, WARM_UP_V6), (RecordType::A, WARM_UP_V4)] {
            net.dns().on(WARM_UP, kind, Reply::addresses([address]));
        }
        let always = [Rule::all().port(net.name_server().port()), Rule::to(WARM_UP_V6), Rule::to(WARM_UP_V4)];
        let ours = scenario.network.iter().filter_map(rule);
        net.rules(always.into_iter().chain(ours).chain([Rule::all().dropped()]));
        let server = net.echo(scenario.target.port)?;
        Ok(Self { net, server })
    }
}

/// Every address that the scenario speaks of as one to connect to.
fn addresses(scenario: &Scenario) -> BTreeSet<IpAddr> {
    let answers = scenario.dns.iter().flat_map(|entry| &entry.answers).filter_map(|answer| answer.as_str());
    let candidates = scenario.candidates.iter().flatten().map(|one| one.addr.as_str());
    let all = answers.chain(candidates).chain([scenario.target.host.as_str()]);
    all.filter_map(|text| text.parse().ok()).collect()
}

fn is_for(matches: &MatchSpec, address: IpAddr) -> bool {
    matches.addr.as_ref().is_none_or(|wanted| wanted.parse() == Ok(address))
        && matches.family.is_none_or(|family| (family == FamilySpec::Ipv6) == address.is_ipv6())
        && matches.proto.as_deref().is_none_or(|proto| proto == "tcp")
}

fn rule(spec: &RuleSpec) -> Option<Rule> {
    let MatchSpec { addr, family, proto, .. } = &spec.matches;
    let mut rule = match (addr, family) {
        (Some(addr), _) => Rule::to(addr),
        (None, Some(FamilySpec::Ipv6)) => Rule::v6(),
        (None, Some(FamilySpec::Ipv4)) => Rule::v4(),
        (None, None) => Rule::all(),
    };
    match proto.as_deref() {
        None | Some("tcp") => rule = rule.tcp(),
        Some(_) => return None,
    }
    let after = Duration::from_millis(spec.after_ms);
    Some(match spec.outcome {
        // Without TLS they are up when TCP is.
        OutcomeSpec::Accept | OutcomeSpec::TlsFail | OutcomeSpec::TlsHang => rule.delay(after),
        OutcomeSpec::Refused => rule.refused(after),
        OutcomeSpec::Unreachable => rule.unreachable(Unreachable::Host, after),
        OutcomeSpec::LocalError | OutcomeSpec::Blackhole => rule.dropped(),
    })
}

const fn record_type(kind: KindSpec) -> RecordType {
    match kind {
        KindSpec::Https => RecordType::HTTPS,
        KindSpec::Aaaa => RecordType::AAAA,
        KindSpec::A => RecordType::A,
    }
}

fn reply(entry: &DnsSpec) -> io::Result<Reply> {
    if entry.delay_ms.is_none() {
        return Ok(Reply::silence());
    }
    let reply = match entry.error {
        Some(ErrorSpec::NxDomain) => Reply::no_such_name(),
        Some(ErrorSpec::ServFail | ErrorSpec::Timeout) => Reply::server_failure(),
        Some(ErrorSpec::NoData) => Reply::no_data(),
        None => {
            let text = |answer: &serde_json::Value| answer.as_str().map(str::to_owned);
            let texts: Option<Vec<_>> = entry.answers.iter().map(text).collect();
            let texts = texts.ok_or_else(|| io::Error::other("an answer is no address"))?;
            Reply::addresses(texts.iter().map(String::as_str))
        }
    };
    Ok(reply)
}

/// When an answer is sent. Two answers that are due at one time are both there when a race looks at them; real ones
/// come one after the other, so the one that is waited for is the later one.
fn delay(scenario: &Scenario, entry: &DnsSpec) -> Duration {
    const AFTER: u64 = 2;
    let preferred = match scenario.settings.preferred_family {
        FamilySpec::Ipv6 => KindSpec::Aaaa,
        FamilySpec::Ipv4 => KindSpec::A,
    };
    let at_once = |other: &DnsSpec| {
        other.kind != entry.kind && other.name == entry.name && other.delay_ms == entry.delay_ms
    };
    let tied = entry.kind == preferred && scenario.dns.iter().any(at_once);
    Duration::from_millis(entry.delay_ms.unwrap_or_default() + if tied { AFTER } else { 0 })
}

/// How a race over a [`Stage`] went, as its caller saw it. Times count from the start of the box.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// When the call was made.
    pub began: Duration,
    /// When the caller knew.
    pub ended: Duration,
    /// What.
    pub result: Expected,
    /// Why not.
    pub error: Option<&'static str>,
    /// The race's own record; `None` if the race was cancelled, for which there is none.
    pub race: Option<&'a RaceRecord>,
}

impl Stage {
    /// What was seen of a run, in the words of the schema, and in what its parts contradict each other.
    ///
    /// The attempts are those of the race's record, or, without one, those that were on the wire; both must agree.
    pub fn seen(&self, run: &Run<'_>) -> (Expect, Vec<String>) {
        let since = |at: Duration| millis(at.saturating_sub(run.began));
        let syns = self.first_syns().into_iter().filter(|(_, at)| *at >= run.began);
        let wire: Vec<(String, u64)> = syns.map(|(to, at)| (to, since(at))).collect();
        let ended_at_ms = since(run.ended);
        let mut broken = Vec::new();
        let attempts = match run.race {
            Some(race) => {
                let mut attempts = recorded(race, ended_at_ms);
                // There is only one.
                let only = self.net.interfaces.first().map(|interface| interface.name.clone());
                attempts.iter_mut().for_each(|attempt| attempt.iface.clone_from(&only));
                broken.extend(contradictions(&attempts, &wire));
                attempts
            }
            None => wire.iter().map(|(to, at)| cancelled(to, *at, ended_at_ms)).collect(),
        };
        let winner = attempts.iter().find(|one| one.state == AttemptState::Won).map(named);
        let won = attempts.iter().filter(|one| one.state == AttemptState::Won).count();
        if won != usize::from(run.result == Expected::Connected) {
            broken.push(format!("{won} attempts have won"));
        }
        let queries = self
            .queries()
            .into_iter()
            .filter(|(.., at)| *at >= run.began)
            .map(|(name, kind, at)| (name, kind, since(at)));
        let seen = Expect {
            result: run.result,
            ended_at_ms,
            winner,
            error: run.error.map(str::to_owned),
            not_attempted: run.race.map(untried).unwrap_or_default(),
            attempts,
            dns_queries: Some(
                queries.map(|(name, kind, at_ms)| ExpectedQuery { name, kind, at_ms }).collect(),
            ),
        };
        (seen, broken)
    }

    /// Where the client sent a SYN to, and when it did so first.
    fn first_syns(&self) -> Vec<(String, Duration)> {
        let mut first: Vec<(String, Duration)> = Vec::new();
        for packet in self.net.seen().iter().filter(|packet| packet.syn && packet.from_client) {
            let to = packet.destination.ip().to_string();
            if !first.iter().any(|(known, _)| *known == to) {
                first.push((to, packet.at));
            }
        }
        first
    }

    /// The questions to the name server over UDP, which it sees in the order in which the network does; but not those
    /// for a NAT64, of which no scenario speaks.
    fn queries(&self) -> Vec<(String, KindSpec, Duration)> {
        let port = self.net.name_server().port();
        let sent = self.net.seen().into_iter();
        let sent = sent.filter(|one| one.from_client && one.protocol == 17 && one.destination.port() == port);
        let asked = self.net.dns().asked().into_iter().zip(sent);
        let kind = |kind| match kind {
            RecordType::HTTPS => Some(KindSpec::Https),
            RecordType::AAAA => Some(KindSpec::Aaaa),
            RecordType::A => Some(KindSpec::A),
            _ => None,
        };
        let asked = asked.filter(|((name, _), _)| name.trim_end_matches('.') != IPV4_ONLY);
        asked.filter_map(|((name, asked), packet)| Some((name, kind(asked)?, packet.at))).collect()
    }
}

fn recorded(race: &RaceRecord, ended: u64) -> Vec<ExpectedAttempt> {
    let attempt = |record: &neatflow_core::racing::Record| {
        let candidate = race.candidate(record.id)?;
        let state = match record.end.map(|end| end.reason) {
            Some(Reason::Won) => AttemptState::Won,
            Some(Reason::Failed | Reason::Expired) => AttemptState::Failed,
            _ => AttemptState::Cancelled,
        };
        Some(ExpectedAttempt {
            addr: candidate.remote.ip().to_string(),
            proto: candidate.transport.to_string(),
            start_ms: millis(record.started.since_origin()),
            end_ms: record.end.map_or(ended, |end| millis(end.at.since_origin())),
            state,
            iface: None,
            port: Some(candidate.remote.port()),
            tls_start_ms: None,
            round: Some(record.round),
        })
    };
    race.timeline.attempts.iter().filter_map(attempt).collect()
}

fn cancelled(to: &str, at: u64, ended: u64) -> ExpectedAttempt {
    ExpectedAttempt {
        addr: to.to_owned(),
        proto: "tcp".to_owned(),
        start_ms: at,
        end_ms: ended,
        state: AttemptState::Cancelled,
        iface: None,
        port: None,
        tls_start_ms: None,
        round: None,
    }
}

/// What the record and the wire do not agree about: who was tried, and when.
fn contradictions(attempts: &[ExpectedAttempt], wire: &[(String, u64)]) -> Vec<String> {
    // One that fails within a millisecond need not have sent anything.
    let is_sent = |one: &&ExpectedAttempt| one.end_ms > one.start_ms + 1 || one.state != AttemptState::Failed;
    let mut said = Vec::new();
    for one in attempts.iter().filter(|one| one.round == Some(0)) {
        match wire.iter().find(|(to, _)| *to == one.addr) {
            Some((_, at)) if *at + 1 < one.start_ms || *at > one.start_ms + 30 => {
                said.push(format!("{} was tried at {} and sent at {at}", one.addr, one.start_ms));
            }
            None if is_sent(&one) => said.push(format!("{} was tried and nothing sent", one.addr)),
            _ => {}
        }
    }
    let unknown = wire.iter().filter(|(to, _)| !attempts.iter().any(|one| one.addr == *to));
    said.extend(unknown.map(|(to, _)| format!("{to} was sent to and not tried")));
    said
}

fn untried(race: &RaceRecord) -> Vec<WinnerSpec> {
    let tried = |id| race.timeline.attempts.iter().any(|record| record.id == id);
    let left = race.candidates.iter().filter(|candidate| !tried(candidate.id));
    left.map(|candidate| WinnerSpec {
        addr: candidate.remote.ip().to_string(),
        proto: candidate.transport.to_string(),
        iface: None,
        port: Some(candidate.remote.port()),
    })
    .collect()
}

fn named(one: &ExpectedAttempt) -> WinnerSpec {
    WinnerSpec { addr: one.addr.clone(), proto: one.proto.clone(), iface: one.iface.clone(), port: one.port }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
