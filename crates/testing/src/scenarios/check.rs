//! Whether what came of a scenario is what must come of it.

use super::player::Outcome;
use super::schema::{Expect, ExpectedAttempt, ExpectedQuery, FamilySpec, KindSpec, Scenario, WinnerSpec};
use neatflow_core::racing::Address;
use std::fmt::Debug;

/// What differs between what came of a scenario and what must, or may, come of it: nothing, if it has passed.
///
/// The difference told is that to what must come; a port, an interface, the start of TLS and a round count where they
/// are stated.
pub fn judge(scenario: &Scenario, outcome: &Outcome) -> Option<String> {
    let mut broken = outcome.broken.clone();
    broken.extend(forbidden(scenario, &outcome.seen));
    if !broken.is_empty() {
        return Some(broken.join("; "));
    }
    let differences = compare(&scenario.expect, &outcome.seen);
    let accepted = |other: &Expect| compare(other, &outcome.seen).is_empty();
    if differences.is_empty() || scenario.accept_also.iter().any(|also| accepted(&also.expect)) {
        return None;
    }
    Some(differences.join("; "))
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

fn compare(expected: &Expect, seen: &Expect) -> Vec<String> {
    let mut differences = Differences::default();
    differences.unless_equal("result", &expected.result, &seen.result);
    differences.unless_equal("ended_at_ms", &expected.ended_at_ms, &seen.ended_at_ms);
    if expected.error.is_some() {
        differences.unless_equal("error", &expected.error, &seen.error);
    }
    match (&expected.winner, &seen.winner) {
        (Some(wanted), Some(got)) if is_same_winner(wanted, got) => {}
        (None, None) => {}
        (wanted, got) => differences.say("winner", &wanted.as_ref().map(show), &got.as_ref().map(show)),
    }
    differences.unless_equal("attempts", &expected.attempts.len(), &seen.attempts.len());
    for (n, (wanted, got)) in expected.attempts.iter().zip(&seen.attempts).enumerate() {
        differences.attempt(n, wanted, got);
    }
    for surplus in seen.attempts.iter().skip(expected.attempts.len()) {
        differences.0.push(format!("also tried: {} {} at {}", surplus.proto, surplus.addr, surplus.start_ms));
    }
    for missing in expected.attempts.iter().skip(seen.attempts.len()) {
        differences.0.push(format!("not tried: {} {} at {}", missing.proto, missing.addr, missing.start_ms));
    }
    differences.untried(&expected.not_attempted, &seen.not_attempted);
    differences.queries(expected.dns_queries.as_deref(), seen.dns_queries.as_deref());
    differences.0
}

#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn say(&mut self, what: &str, wanted: &impl Debug, got: &impl Debug) {
        self.0.push(format!("{what} is {got:?} instead of {wanted:?}"));
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
        self.unless_equal(&of("start_ms"), &wanted.start_ms, &got.start_ms);
        self.unless_equal(&of("end_ms"), &wanted.end_ms, &got.end_ms);
        self.unless_equal(&of("state"), &wanted.state, &got.state);
        self.if_stated(&of("iface"), &wanted.iface, &got.iface);
        self.if_stated(&of("port"), &wanted.port, &got.port);
        self.if_stated(&of("tls_start_ms"), &wanted.tls_start_ms, &got.tls_start_ms);
        self.if_stated(&of("round"), &wanted.round, &got.round);
    }

    /// As sets in which each counts as often as it is there.
    fn untried(&mut self, wanted: &[WinnerSpec], got: &[WinnerSpec]) {
        let mut left: Vec<&WinnerSpec> = got.iter().collect();
        for one in wanted {
            match left.iter().position(|other| is_same_winner(one, other)) {
                Some(place) => drop(left.swap_remove(place)),
                None => self.0.push(format!("{} should be known and untried", show(one))),
            }
        }
        for one in left {
            self.0.push(format!("{} should not be known and untried", show(one)));
        }
    }

    fn queries(&mut self, wanted: Option<&[ExpectedQuery]>, got: Option<&[ExpectedQuery]>) {
        for one in wanted.unwrap_or_default() {
            let same = |other: &ExpectedQuery| {
                super::world::same_name(&one.name, &other.name)
                    && (one.kind, one.at_ms) == (other.kind, other.at_ms)
            };
            if !got.unwrap_or_default().iter().any(same) {
                self.0.push(format!("{:?} of {} is not asked at {}", one.kind, one.name, one.at_ms));
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
