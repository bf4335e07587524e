//! Whether what came of a scenario is what must come of it.

use super::player::Outcome;
use super::schema::{
    AttemptState, Expect, Expected, ExpectedAttempt, ExpectedQuery, FamilySpec, KindSpec, RacingSpec,
    Scenario, WinnerSpec,
};
use neatflow_core::racing::Address;
use std::fmt::Debug;

/// What differs between what came of a scenario and what must, or may, come of it: nothing, if it has passed.
///
/// The difference told is that to what must come; a port, an interface, the start of TLS and a round count where they
/// are stated.
pub fn judge(scenario: &Scenario, outcome: &Outcome) -> Option<String> {
    judge_within(scenario, &outcome.seen, outcome.broken.clone(), Tolerance::NONE)
}

/// How far real times may be from those of a scenario; milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tolerance {
    /// How much too early.
    pub early: u64,
    /// How much too late attempts and questions may start.
    pub start: u64,
    /// How much too late everything may end.
    pub end: u64,
}

impl Tolerance {
    /// Virtual time.
    pub const NONE: Self = Self { early: 0, start: 0, end: 0 };

    /// Real time, as the schema has it: starts -1/+30 ms, ends -1/+40 ms.
    pub const REAL: Self = Self { early: 1, start: 30, end: 40 };

    /// Real time on a machine that has time: -1/+8 ms.
    pub const QUIET: Self = Self { early: 1, start: 8, end: 8 };
}

/// [`judge`] for what was seen elsewhere than in [`play`](super::play()), and was found to be broken besides.
pub fn judge_within(
    scenario: &Scenario,
    seen: &Expect,
    mut broken: Vec<String>,
    tolerance: Tolerance,
) -> Option<String> {
    broken.extend(forbidden(scenario, seen));
    if !broken.is_empty() {
        return Some(broken.join("; "));
    }
    let compare = |expected: &Expect| Differences::new(tolerance).compare(expected, seen);
    let differences = compare(&scenario.expect);
    let accepted = |other: &Expect| compare(other).is_empty();
    if differences.is_empty() || scenario.accept_also.iter().any(|also| accepted(&also.expect)) {
        return None;
    }
    Some(differences.join("; "))
}

/// The schema's invariants, which hold for every run.
pub(super) struct Checks<'a> {
    pub(super) scenario: &'a Scenario,
    /// How many attempts the race has left running.
    pub(super) running: usize,
}

impl Checks<'_> {
    pub(super) fn invariants(&self, seen: &Expect, broken: &mut Vec<String>) {
        let attempts = &seen.attempts;
        let won = attempts.iter().filter(|attempt| attempt.state == AttemptState::Won).count();
        if won != usize::from(seen.result == Expected::Connected) {
            broken.push(format!("{won} attempts have won"));
        }
        if self.running > 0 && seen.result != Expected::Unfinished {
            broken.push(format!("{} attempts run on", self.running));
        }
        if attempts.iter().any(|attempt| attempt.end_ms > seen.ended_at_ms) {
            broken.push("an attempt ends after the race".to_owned());
        }
        let key = |one: &ExpectedAttempt| {
            (one.addr.clone(), one.proto.clone(), one.port, one.iface.clone(), one.round)
        };
        let twice = |n: usize| attempts.iter().take(n).any(|one| attempts.get(n).map(key) == Some(key(one)));
        if (0..attempts.len()).any(twice) {
            broken.push("an endpoint is tried twice in one round".to_owned());
        }
        let staggered = self.scenario.settings.racing == RacingSpec::Staggered;
        let close =
            |pair: &[ExpectedAttempt]| matches!(pair, [one, other] if other.start_ms < one.start_ms + 10);
        if staggered && attempts.windows(2).any(close) {
            broken.push("two attempts start within 10 ms".to_owned());
        }
    }
}

/// Questions that must not be asked.
fn forbidden(scenario: &Scenario, seen: &Expect) -> Vec<String> {
    let settings = &scenario.settings;
    let (v6, v4) =
        (settings.families.contains(&FamilySpec::Ipv6), settings.families.contains(&FamilySpec::Ipv4));
    let allowed = |query: &&ExpectedQuery| match query.kind {
        KindSpec::Https => true,
        KindSpec::Aaaa => v6,
        KindSpec::A => v4 || settings.nat64_prefix.is_some(),
    };
    let asked = seen.dns_queries.iter().flatten();
    asked
        .filter(|query| !allowed(query))
        .map(|query| format!("{:?} of {} is asked without connectivity", query.kind, query.name))
        .collect()
}

struct Differences {
    tolerance: Tolerance,
    said: Vec<String>,
}

impl Differences {
    const fn new(tolerance: Tolerance) -> Self {
        Self { tolerance, said: Vec::new() }
    }

    fn compare(mut self, expected: &Expect, seen: &Expect) -> Vec<String> {
        self.unless_equal("result", &expected.result, &seen.result);
        self.time("ended_at_ms", expected.ended_at_ms, seen.ended_at_ms, self.tolerance.end);
        if expected.error.is_some() {
            self.unless_equal("error", &expected.error, &seen.error);
        }
        match (&expected.winner, &seen.winner) {
            (Some(wanted), Some(got)) if is_same_winner(wanted, got) => {}
            (None, None) => {}
            (wanted, got) => self.say("winner", &wanted.as_ref().map(show), &got.as_ref().map(show)),
        }
        self.unless_equal("attempts", &expected.attempts.len(), &seen.attempts.len());
        for (n, (wanted, got)) in expected.attempts.iter().zip(&seen.attempts).enumerate() {
            self.attempt(n, wanted, got);
        }
        for surplus in seen.attempts.iter().skip(expected.attempts.len()) {
            self.said.push(format!("also tried: {} {} at {}", surplus.proto, surplus.addr, surplus.start_ms));
        }
        for missing in expected.attempts.iter().skip(seen.attempts.len()) {
            self.said.push(format!("not tried: {} {} at {}", missing.proto, missing.addr, missing.start_ms));
        }
        self.untried(&expected.not_attempted, &seen.not_attempted);
        self.queries(expected.dns_queries.as_deref(), seen.dns_queries.as_deref());
        self.said
    }

    /// Whether a time is one that may be.
    const fn is_time(&self, wanted: u64, got: u64, late: u64) -> bool {
        wanted.saturating_sub(self.tolerance.early) <= got && got <= wanted + late
    }

    fn time(&mut self, what: &str, wanted: u64, got: u64, late: u64) {
        if !self.is_time(wanted, got, late) {
            self.say(what, &wanted, &got);
        }
    }

    fn say(&mut self, what: &str, wanted: &impl Debug, got: &impl Debug) {
        self.said.push(format!("{what} is {got:?} instead of {wanted:?}"));
    }

    fn unless_equal<T: PartialEq + Debug>(&mut self, what: &str, wanted: &T, got: &T) {
        if wanted != got {
            self.say(what, wanted, got);
        }
    }

    /// What is not stated may be anything.
    fn if_stated<T: PartialEq + Debug>(&mut self, what: &str, wanted: &Option<T>, got: &Option<T>) {
        if wanted.is_some() {
            self.unless_equal(what, wanted, got);
        }
    }

    fn attempt(&mut self, n: usize, wanted: &ExpectedAttempt, got: &ExpectedAttempt) {
        let of = |what: &str| format!("attempts[{n}].{what}");
        if !is_same_address(&wanted.addr, &got.addr) {
            self.say(&of("addr"), &wanted.addr, &got.addr);
        }
        self.unless_equal(&of("proto"), &wanted.proto, &got.proto);
        self.time(&of("start_ms"), wanted.start_ms, got.start_ms, self.tolerance.start);
        self.time(&of("end_ms"), wanted.end_ms, got.end_ms, self.tolerance.end);
        self.unless_equal(&of("state"), &wanted.state, &got.state);
        self.if_stated(&of("iface"), &wanted.iface, &got.iface);
        self.if_stated(&of("port"), &wanted.port, &got.port);
        match (wanted.tls_start_ms, got.tls_start_ms) {
            (Some(wanted), Some(got)) => self.time(&of("tls_start_ms"), wanted, got, self.tolerance.start),
            (wanted, got) => self.if_stated(&of("tls_start_ms"), &wanted, &got),
        }
        self.if_stated(&of("round"), &wanted.round, &got.round);
    }

    /// As sets in which each counts as often as it is there.
    fn untried(&mut self, wanted: &[WinnerSpec], got: &[WinnerSpec]) {
        let mut left: Vec<&WinnerSpec> = got.iter().collect();
        for one in wanted {
            match left.iter().position(|other| is_same_winner(one, other)) {
                Some(place) => drop(left.swap_remove(place)),
                None => self.said.push(format!("{} should be known and untried", show(one))),
            }
        }
        for one in left {
            self.said.push(format!("{} should not be known and untried", show(one)));
        }
    }

    fn queries(&mut self, wanted: Option<&[ExpectedQuery]>, got: Option<&[ExpectedQuery]>) {
        for one in wanted.unwrap_or_default() {
            let same = |other: &ExpectedQuery| {
                super::world::same_name(&one.name, &other.name)
                    && one.kind == other.kind
                    && self.is_time(one.at_ms, other.at_ms, self.tolerance.start)
            };
            if !got.unwrap_or_default().iter().any(same) {
                self.said.push(format!("{:?} of {} is not asked at {}", one.kind, one.name, one.at_ms));
            }
        }
    }
}

fn is_same_address(one: &str, other: &str) -> bool {
    match (one.parse::<Address>(), other.parse::<Address>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

fn is_same_winner(wanted: &WinnerSpec, got: &WinnerSpec) -> bool {
    is_same_address(&wanted.addr, &got.addr)
        && wanted.proto == got.proto
        && (wanted.iface.is_none() || wanted.iface == got.iface)
        && (wanted.port.is_none() || wanted.port == got.port)
}

fn show(one: &WinnerSpec) -> String {
    let iface = one.iface.as_ref().map(|iface| format!(" on {iface}")).unwrap_or_default();
    format!("{} {}{iface}", one.proto, one.addr)
}
