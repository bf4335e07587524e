//! The file format, as data.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Scenario {
    /// Names it within its file.
    pub id: String,
    /// What it is about, as a sentence.
    pub name: String,
    /// What kind it is of.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The rules it tests.
    #[serde(default)]
    pub rules: Vec<String>,
    /// Where it is from.
    #[serde(default)]
    pub source: Vec<String>,
    /// What else there is to say of it.
    #[serde(default)]
    pub note: Option<String>,
    /// Whom to reach.
    pub target: TargetSpec,
    /// How; what it does not say the file's defaults say.
    #[serde(default)]
    pub(super) config: Map<String, Value>,
    /// The same with the defaults.
    #[serde(skip)]
    pub settings: ConfigSpec,
    /// What the name servers answer.
    #[serde(default)]
    pub dns: Vec<DnsSpec>,
    /// What the network does; the first rule that matches.
    #[serde(default)]
    pub network: Vec<RuleSpec>,
    /// The list of a policy manager, instead of names.
    #[serde(default)]
    pub candidates: Option<Vec<CandidateSpec>>,
    /// Whether a start without distance is right after a failure that sent nothing.
    #[serde(default)]
    pub allow_floor0: bool,
    /// What must come of it.
    pub expect: Expect,
    /// What may come of it instead, where the drafts leave it open.
    #[serde(default)]
    pub accept_also: Vec<Accept>,
}

/// Whom to reach.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TargetSpec {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// `https` asks for HTTPS records and wants TLS over TCP; every other scheme does neither.
    pub scheme: String,
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum FamilySpec {
    Ipv6,
    Ipv4,
}

/// How transports and services are mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "as in the race's configuration")]
pub enum OrderingSpec {
    RoundRobin,
    Grouped,
    ServiceFirst,
}

/// What ends a race well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SuccessSpec {
    /// The security handshake, where there is one.
    Tls,
    /// The transport handshake.
    Transport,
}

/// What starts attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "as in the race's configuration")]
pub enum RacingSpec {
    Staggered,
    Failover,
    Simultaneous,
    Neat,
}

/// What Encrypted Client Hello is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "as in the race's target")]
pub enum EchSpec {
    Off,
    Opportunistic,
    Prefer,
}

/// How a race is run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the names are those of the race's configuration")]
#[non_exhaustive]
pub struct ConfigSpec {
    pub families: Vec<FamilySpec>,
    pub preferred_family: FamilySpec,
    pub resolution_delay_ms: u64,
    pub attempt_delay_ms: u64,
    pub min_attempt_delay_ms: u64,
    pub max_attempt_delay_ms: u64,
    pub hard_floor_ms: u64,
    pub preferred_family_count: usize,
    pub ordering: OrderingSpec,
    pub transport_preference: Vec<String>,
    pub protocols: Vec<String>,
    pub default_transports: Vec<String>,
    pub success: SuccessSpec,
    pub racing: RacingSpec,
    pub ech: EchSpec,
    pub secure_dns: bool,
    pub nat64_prefix: Option<String>,
    pub candidate_delay_ms: BTreeMap<String, u64>,
    pub rtt_history_ms: BTreeMap<String, u64>,
    pub used_addrs: Vec<String>,
    pub local_addrs: Vec<String>,
    pub cached_winner: Option<WinnerSpec>,
    pub protocol_penalty: Vec<String>,
    pub branch_delay_ms: BranchSpec,
    pub neat_he_delay_ms: u64,
    pub max_parallel: Option<usize>,
    pub attempt_timeout_ms: Option<u64>,
    pub overall_timeout_ms: Option<u64>,
    pub cancel_at_ms: Option<u64>,
    pub retry: Option<RetrySpec>,
}

impl Default for ConfigSpec {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        Self {
            families: vec![FamilySpec::Ipv6, FamilySpec::Ipv4],
            preferred_family: FamilySpec::Ipv6,
            resolution_delay_ms: 50,
            attempt_delay_ms: 250,
            min_attempt_delay_ms: 100,
            max_attempt_delay_ms: 2000,
            hard_floor_ms: 10,
            preferred_family_count: 1,
            ordering: OrderingSpec::RoundRobin,
            transport_preference: texts(&["quic", "tcp"]),
            protocols: texts(&["h3", "h2", "http/1.1"]),
            default_transports: texts(&["tcp"]),
            success: SuccessSpec::Tls,
            racing: RacingSpec::Staggered,
            ech: EchSpec::Off,
            secure_dns: false,
            nat64_prefix: None,
            candidate_delay_ms: BTreeMap::new(),
            rtt_history_ms: BTreeMap::new(),
            used_addrs: Vec::new(),
            local_addrs: Vec::new(),
            cached_winner: None,
            protocol_penalty: Vec::new(),
            branch_delay_ms: BranchSpec::default(),
            neat_he_delay_ms: 10,
            max_parallel: None,
            attempt_timeout_ms: None,
            overall_timeout_ms: None,
            cancel_at_ms: None,
            retry: None,
        }
    }
}

/// Delays between branches.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct BranchSpec {
    /// Before a candidate on another interface.
    pub iface: Option<u64>,
}

/// What to do when everything has failed.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RetrySpec {
    /// How many more rounds.
    pub rounds: u32,
    /// How long to wait before the first of them.
    pub backoff_ms: u64,
    /// How much longer before each one after.
    #[serde(default = "two")]
    pub factor: f64,
}

fn two() -> f64 {
    2.0
}

/// Who has won, or won before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
#[expect(missing_docs, reason = "they say it themselves")]
pub struct WinnerSpec {
    pub addr: String,
    pub proto: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iface: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// What the name servers answer to one question.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DnsSpec {
    /// `HTTPS`, `AAAA` or `A`.
    #[serde(rename = "type")]
    pub kind: KindSpec,
    /// How long after the question; `null`: never.
    pub delay_ms: Option<u64>,
    /// About whom. Default: the target.
    #[serde(default)]
    pub name: Option<String>,
    /// Addresses in text, or services.
    #[serde(default)]
    pub answers: Vec<Value>,
    /// Why there is none.
    #[serde(default)]
    pub error: Option<ErrorSpec>,
}

/// A type of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum KindSpec {
    Https,
    Aaaa,
    A,
}

/// A negative answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum ErrorSpec {
    NoData,
    NxDomain,
    ServFail,
    Timeout,
}

/// An HTTPS record.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
#[expect(missing_docs, reason = "as in RFC 9460")]
pub struct ServiceSpec {
    pub priority: u16,
    pub target: String,
    #[serde(default)]
    pub alpn: Vec<String>,
    #[serde(default)]
    pub no_default_alpn: bool,
    #[serde(default)]
    pub port: Option<u16>,
    #[serde(default)]
    pub ipv6hint: Vec<String>,
    #[serde(default)]
    pub ipv4hint: Vec<String>,
    #[serde(default)]
    pub ech: Option<String>,
}

/// What the network does with attempts of a kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RuleSpec {
    /// Which attempts.
    #[serde(rename = "match", default)]
    pub matches: MatchSpec,
    /// What happens.
    pub outcome: OutcomeSpec,
    /// When, after the start.
    #[serde(default)]
    pub after_ms: u64,
    /// How long TLS takes after that.
    #[serde(default)]
    pub tls_ms: u64,
}

/// Which attempts a rule is for: those of which all of this is true.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
#[expect(missing_docs, reason = "they say it themselves")]
pub struct MatchSpec {
    pub addr: Option<String>,
    pub proto: Option<String>,
    pub family: Option<FamilySpec>,
    pub iface: Option<String>,
    pub round: Option<u32>,
}

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeSpec {
    /// It connects.
    Accept,
    /// It is refused.
    Refused,
    /// The network says that it cannot be.
    Unreachable,
    /// It fails without a packet.
    LocalError,
    /// TLS fails.
    TlsFail,
    /// TLS never ends.
    TlsHang,
    /// Nothing happens.
    Blackhole,
}

/// A candidate of a policy manager.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
#[expect(missing_docs, reason = "they say it themselves")]
pub struct CandidateSpec {
    pub addr: String,
    pub proto: String,
    #[serde(default)]
    pub iface: Option<String>,
    #[serde(default)]
    pub priority: Option<u32>,
    #[serde(default)]
    pub port: Option<u16>,
}

/// What must come of a scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Expect {
    /// `connected`, `failed`, `timeout` or `cancelled`.
    pub result: Expected,
    /// When it ended.
    pub ended_at_ms: u64,
    /// Who won.
    pub winner: Option<WinnerSpec>,
    /// Why nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The attempts, in the order of their starts.
    pub attempts: Vec<ExpectedAttempt>,
    /// What was known and not tried.
    pub not_attempted: Vec<WinnerSpec>,
    /// What must have been asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_queries: Option<Vec<ExpectedQuery>>,
}

/// How a race ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// Somebody won.
    Connected,
    /// Nobody can win any more.
    Failed,
    /// It took too long.
    Timeout,
    /// It was cancelled.
    Cancelled,
    /// It would go on for ever: nothing can happen any more.
    Unfinished,
}

/// An attempt that must have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
#[expect(missing_docs, reason = "they say it themselves")]
pub struct ExpectedAttempt {
    pub addr: String,
    pub proto: String,
    pub start_ms: u64,
    pub end_ms: u64,
    pub state: AttemptState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iface: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_start_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum AttemptState {
    Won,
    Failed,
    Cancelled,
}

/// A question that must have been asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ExpectedQuery {
    /// About whom.
    pub name: String,
    /// What for.
    #[serde(rename = "type")]
    pub kind: KindSpec,
    /// When.
    pub at_ms: u64,
}

/// What may come of a scenario instead.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Accept {
    /// Which freedom it is taken from.
    pub because: Map<String, Value>,
    /// What then.
    pub expect: Expect,
}
