//! A scenario as a race sees it: whom to reach, how, what the name servers say and what the network does.

use super::schema::{
    CandidateSpec, ConfigSpec, DnsSpec, EchSpec, ErrorSpec, FamilySpec, KindSpec, OrderingSpec, OutcomeSpec,
    RacingSpec, RuleSpec, Scenario, ServiceSpec, SuccessSpec, WinnerSpec,
};
use neatflow_core::Protocol;
use neatflow_core::racing::{
    self, Address, Answer, Config, Ech, Family, Memory, Mode, NoAnswer, Ordering, RecordKind, Retry,
    ServiceRecord, Source, Target, Winner,
};
use serde::Deserialize;
use std::net::IpAddr;
use std::time::Duration;

pub(super) struct World<'a> {
    scenario: &'a Scenario,
    pub(super) target: Target,
    pub(super) network: racing::Network,
    pub(super) memory: Memory,
    pub(super) config: Config,
    /// What the policy manager lists, if it does.
    pub(super) candidates: Option<Vec<Spot>>,
    names: NameScript,
    script: Network,
}

/// What the name servers answer.
#[derive(Clone)]
pub(super) struct NameScript(Vec<Scripted>);

/// What the network does.
#[derive(Clone)]
pub(super) struct Network {
    /// With the address each one is for, if it is for one.
    rules: Vec<(Option<Address>, RuleSpec)>,
    /// Whether TLS over TCP is awaited.
    tls_counts: bool,
}

/// Where an attempt goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) address: Address,
    pub(super) port: u16,
    pub(super) proto: Protocol,
    pub(super) iface: Option<String>,
    pub(super) priority: u32,
}

#[derive(Clone)]
struct Scripted {
    name: String,
    kind: RecordKind,
    after: Option<u64>,
    answer: Answer,
}

/// What an attempt will do; milliseconds after its start, or, for TLS, after TLS has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Connects(u64),
    Fails {
        after: u64,
        local: bool,
    },
    /// The transport is up; then TLS takes so long, and ends well or not, or never ends.
    Secures {
        up: u64,
        tls: Option<(u64, bool)>,
    },
    Silent,
}

impl<'a> World<'a> {
    /// *Errors*: what in it makes no sense.
    pub(super) fn new(scenario: &'a Scenario) -> Result<Self, String> {
        let said = &scenario.settings;
        let target = &scenario.target;
        let secure = target.scheme == "https";
        let mut goal = Target::named(&target.host, target.port)
            .alpn(said.protocols.iter().map(String::as_str))
            .transports(protocols(&said.default_transports))
            .secure_dns(said.secure_dns)
            .ech(said.ech.into());
        goal.services = secure;
        let rule = |rule: &'a RuleSpec| {
            let only = rule.matches.addr.as_deref().map(|text| address("network", text)).transpose()?;
            Ok((only, rule.clone()))
        };
        let candidates = scenario.candidates.as_ref().map(|list| {
            (0..)
                .zip(list)
                .map(|(place, one)| Spot::of(one, place, target.port))
                .collect::<Result<Vec<_>, _>>()
        });
        let host = &target.host;
        Ok(Self {
            scenario,
            target: goal,
            network: network(said)?,
            memory: memory(said)?,
            config: config(said),
            candidates: candidates.transpose()?,
            names: NameScript(
                scenario.dns.iter().map(|entry| Scripted::of(entry, host)).collect::<Result<_, String>>()?,
            ),
            script: Network {
                rules: scenario.network.iter().map(rule).collect::<Result<_, String>>()?,
                tls_counts: secure && said.success == SuccessSpec::Tls,
            },
        })
    }

    /// Whether candidates have times of their own.
    pub(super) fn is_neat(&self) -> bool {
        self.scenario.settings.racing == RacingSpec::Neat
    }

    /// What the name servers answer.
    pub(super) fn names(&self) -> NameScript {
        self.names.clone()
    }

    /// What the network does.
    pub(super) fn network_script(&self) -> Network {
        self.script.clone()
    }

    /// What the name servers answer, and how long after the question.
    pub(super) fn answers(&self, name: &str, kind: RecordKind) -> Vec<(u64, Answer)> {
        self.names.answers(name, kind)
    }

    /// What becomes of an attempt there.
    pub(super) fn fate(&self, spot: &Spot, round: u32) -> Fate {
        self.script.fate(spot, round)
    }
}

impl NameScript {
    /// What the name servers answer, and how long after the question.
    pub(super) fn answers(&self, name: &str, kind: RecordKind) -> Vec<(u64, Answer)> {
        let about = |scripted: &&Scripted| scripted.kind == kind && same_name(&scripted.name, name);
        let given = self.0.iter().filter(about);
        given.filter_map(|scripted| Some((scripted.after?, scripted.answer.clone()))).collect()
    }
}

impl Network {
    /// What becomes of an attempt there.
    pub(super) fn fate(&self, spot: &Spot, round: u32) -> Fate {
        let matches = |(only, rule): &&(Option<Address>, RuleSpec)| {
            let wanted = &rule.matches;
            only.as_ref().is_none_or(|only| *only == spot.address)
                && wanted.proto.as_deref().is_none_or(|proto| proto == spot.proto.as_str())
                && wanted.family.is_none_or(|family| family_of(family) == spot.address.family())
                && wanted.iface.as_ref().is_none_or(|iface| spot.iface.as_ref() == Some(iface))
                && wanted.round.is_none_or(|wanted| wanted == round)
        };
        let Some((_, rule)) = self.rules.iter().find(matches) else { return Fate::Silent };
        let (after, tls) = (rule.after_ms, rule.tls_ms);
        let tls_counts = spot.proto == Protocol::TCP && self.tls_counts;
        match rule.outcome {
            OutcomeSpec::Blackhole => Fate::Silent,
            OutcomeSpec::Refused | OutcomeSpec::Unreachable => Fate::Fails { after, local: false },
            OutcomeSpec::LocalError => Fate::Fails { after, local: true },
            OutcomeSpec::Accept if tls_counts => Fate::Secures { up: after, tls: Some((tls, true)) },
            OutcomeSpec::TlsFail if tls_counts => Fate::Secures { up: after, tls: Some((tls, false)) },
            OutcomeSpec::TlsHang if tls_counts => Fate::Secures { up: after, tls: None },
            // With QUIC there is one handshake, and it is TLS.
            OutcomeSpec::TlsFail if spot.proto.as_str() == "quic" => {
                Fate::Fails { after: after + tls, local: false }
            }
            OutcomeSpec::TlsHang if spot.proto.as_str() == "quic" => Fate::Silent,
            OutcomeSpec::Accept | OutcomeSpec::TlsFail | OutcomeSpec::TlsHang => Fate::Connects(after),
        }
    }
}

impl Spot {
    fn of(spec: &CandidateSpec, place: u32, port: u16) -> Result<Self, String> {
        Ok(Self {
            address: address("candidates", &spec.addr)?,
            port: spec.port.unwrap_or(port),
            proto: spec.proto.as_str().into(),
            iface: spec.iface.clone(),
            priority: spec.priority.unwrap_or(place),
        })
    }
}

impl Scripted {
    fn of(entry: &DnsSpec, host: &str) -> Result<Self, String> {
        let name = entry.name.clone().unwrap_or_else(|| host.to_owned());
        let kind = match entry.kind {
            KindSpec::Https => RecordKind::Https,
            KindSpec::Aaaa => RecordKind::Aaaa,
            KindSpec::A => RecordKind::A,
        };
        let answer = match (entry.error, entry.kind) {
            (Some(_), _) if !entry.answers.is_empty() => {
                return Err(format!("dns: {name} has both answers and an error"));
            }
            (Some(error), _) => Answer::Nothing(no_answer(error)),
            (None, _) if entry.answers.is_empty() => Answer::Nothing(NoAnswer::NoData),
            (None, KindSpec::Https) => {
                let records = entry.answers.iter().map(|answer| {
                    let spec = ServiceSpec::deserialize(answer).map_err(|why| format!("dns: {why}"))?;
                    record(&spec)
                });
                Answer::Services(records.collect::<Result<_, _>>()?)
            }
            (None, KindSpec::Aaaa | KindSpec::A) => {
                let addresses = entry.answers.iter().map(|answer| {
                    let text = answer.as_str().ok_or_else(|| format!("dns: {answer} is no address"))?;
                    address("dns", text)
                });
                Answer::Addresses(addresses.collect::<Result<_, _>>()?)
            }
        };
        Ok(Self { name, kind, after: entry.delay_ms, answer })
    }
}

pub(super) fn family_of(spec: FamilySpec) -> Family {
    match spec {
        FamilySpec::Ipv6 => Family::V6,
        FamilySpec::Ipv4 => Family::V4,
    }
}

/// DNS names know no case, and the dot at their end may be left out.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    let bare = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    bare(one) == bare(other)
}

fn no_answer(error: ErrorSpec) -> NoAnswer {
    match error {
        ErrorSpec::NoData => NoAnswer::NoData,
        ErrorSpec::NxDomain => NoAnswer::NxDomain,
        ErrorSpec::ServFail | ErrorSpec::Timeout => NoAnswer::Failed,
    }
}

fn record(spec: &ServiceSpec) -> Result<ServiceRecord, String> {
    let hints =
        |texts: &[String]| texts.iter().map(|text| address("dns", text)).collect::<Result<Vec<_>, _>>();
    let mut record = ServiceRecord::new(spec.priority, spec.target.as_str());
    record.alpn = spec.alpn.iter().map(|name| name.as_str().into()).collect();
    record.no_default_alpn = spec.no_default_alpn;
    record.port = spec.port;
    record.v6_hints = hints(&spec.ipv6hint)?;
    record.v4_hints = hints(&spec.ipv4hint)?;
    record.ech = spec.ech.as_ref().map(|config| config.as_bytes().into());
    Ok(record)
}

fn network(said: &ConfigSpec) -> Result<racing::Network, String> {
    let has = |family| said.families.contains(&family);
    let pref64 = said.nat64_prefix.as_deref().map(str::parse).transpose();
    let source = |text: &String| {
        let (ip, prefix) = match text.split_once('/') {
            Some((ip, prefix)) => (ip, Some(prefix.parse().map_err(|_| format!("local_addrs: {text}"))?)),
            None => (text.as_str(), None),
        };
        let mut source = Source::new(address("local_addrs", ip)?.ip());
        source.prefix = prefix.unwrap_or(source.prefix);
        Ok(source)
    };
    Ok(racing::Network::default()
        .families(has(FamilySpec::Ipv6), has(FamilySpec::Ipv4))
        .pref64(pref64.map_err(|why| format!("nat64_prefix: {why}"))?)
        .sources(said.local_addrs.iter().map(source).collect::<Result<_, String>>()?))
}

fn memory(said: &ConfigSpec) -> Result<Memory, String> {
    let times = |what, texts: &std::collections::BTreeMap<String, u64>| {
        let one = |(text, after): (&String, &u64)| Ok((ip(what, text)?, millis(*after)));
        texts.iter().map(one).collect::<Result<_, String>>()
    };
    let winner = |spec: &WinnerSpec| {
        let transport = spec.proto.as_str().into();
        Ok(Winner { address: ip("cached_winner", &spec.addr)?, transport })
    };
    Ok(Memory {
        round_trips: times("rtt_history_ms", &said.rtt_history_ms)?,
        used: said.used_addrs.iter().map(|text| ip("used_addrs", text)).collect::<Result<_, _>>()?,
        delays: times("candidate_delay_ms", &said.candidate_delay_ms)?,
        winner: said.cached_winner.as_ref().map(winner).transpose().map_err(|why: String| why)?,
        penalties: protocols(&said.protocol_penalty),
    })
}

/// How a scenario's race is run.
pub fn racing(scenario: &Scenario) -> Config {
    config(&scenario.settings)
}

fn config(said: &ConfigSpec) -> Config {
    let mut config = Config::default();
    config.resolution_delay = millis(said.resolution_delay_ms);
    config.preferred_family = family_of(said.preferred_family);
    config.first_family_count = said.preferred_family_count;
    config.ordering = match said.ordering {
        OrderingSpec::RoundRobin => Ordering::RoundRobin,
        OrderingSpec::Grouped => Ordering::Grouped,
        OrderingSpec::ServiceFirst => Ordering::ServiceFirst,
    };
    config.transports = protocols(&said.transport_preference);
    config.attempt_delay = millis(said.attempt_delay_ms);
    config.min_attempt_delay = millis(said.min_attempt_delay_ms);
    config.max_attempt_delay = millis(said.max_attempt_delay_ms);
    config.interface_delay = said.branch_delay_ms.iface.map(millis);
    config.min_spacing = millis(said.hard_floor_ms);
    config.mode = match said.racing {
        RacingSpec::Staggered => Mode::Staggered,
        RacingSpec::Failover => Mode::Failover,
        RacingSpec::Simultaneous => Mode::Simultaneous,
        RacingSpec::Neat => Mode::Neat(millis(said.neat_he_delay_ms)),
    };
    config.max_parallel = said.max_parallel;
    config.attempt_timeout = said.attempt_timeout_ms.map(millis);
    config.deadline = said.overall_timeout_ms.map(millis);
    if let Some(retry) = said.retry {
        config.retry = Retry::new(retry.rounds, millis(retry.backoff_ms));
        config.retry.factor = retry.factor;
    }
    config
}

fn protocols(names: &[String]) -> Vec<Protocol> {
    names.iter().map(|name| name.as_str().into()).collect()
}

fn address(what: &str, text: &str) -> Result<Address, String> {
    text.parse().map_err(|_| format!("{what}: {text:?} is no address"))
}

fn ip(what: &str, text: &str) -> Result<IpAddr, String> {
    Ok(address(what, text)?.ip())
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl From<EchSpec> for Ech {
    fn from(spec: EchSpec) -> Self {
        match spec {
            EchSpec::Off => Self::Off,
            EchSpec::Opportunistic => Self::Opportunistic,
            EchSpec::Prefer => Self::Prefer,
        }
    }
}
