//! Random scenarios, on both layers: the actors do what the race of neatflow-core does, to the millisecond.
#![expect(clippy::unwrap_used, reason = "a scenario that cannot be read fails the test")]

use neatflow_testing::scenarios::{self, Expect, Expected, Scenario};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use serde_json::{Map, Value, json};

/// A scenario file with one scenario.
#[derive(Clone, Debug)]
struct File(Value);

const V6: [&str; 5] = ["2001:db8::1", "2001:db8::2", "2001:db8:1::3", "fd00::4", "64:ff9b::192.0.2.9"];
const V4: [&str; 4] = ["192.0.2.1", "192.0.2.2", "198.51.100.3", "10.0.0.4"];
const NAMES: [&str; 3] = ["dual.example", "alt.example", "pool.example"];
const INTERFACES: [&str; 2] = ["wlan0", "wwan0"];

fn one<T: Clone>(g: &mut Gen, of: &[T]) -> T {
    g.choose(of).unwrap().clone()
}

fn chance(g: &mut Gen, percent: u32) -> bool {
    u32::arbitrary(g) % 100 < percent
}

/// Coarse, so that much happens at the same time.
fn moment(g: &mut Gen) -> u64 {
    one(g, &[0, 0, 1, 2, 10, 20, 30, 40, 50, 60, 90, 100, 120, 200, 250, 260, 300, 500, 700])
}

fn some<T: Clone>(g: &mut Gen, of: &[T]) -> Vec<T> {
    of.iter().filter(|_| chance(g, 50)).cloned().collect()
}

fn shuffled<T: Clone>(g: &mut Gen, of: &[T]) -> Vec<T> {
    let mut left = of.to_vec();
    let mut all = Vec::new();
    while !left.is_empty() {
        all.push(left.swap_remove(usize::arbitrary(g) % left.len()));
    }
    all
}

fn address(g: &mut Gen) -> &'static str {
    if chance(g, 50) { one(g, &V6) } else { one(g, &V4) }
}

fn service(g: &mut Gen) -> Value {
    let mut service = json!({
        "priority": u16::arbitrary(g) % 4,
        "target": one(g, &[".", ".", "alt.example", "pool.example"]),
        "alpn": some(g, &["h3", "h2", "doq"]),
        "no_default_alpn": bool::arbitrary(g),
        "ipv6hint": some(g, &V6[..2]),
        "ipv4hint": some(g, &V4[..2]),
    });
    if chance(g, 20) {
        service["port"] = json!(8443);
    }
    if chance(g, 30) {
        service["ech"] = json!("config");
    }
    service
}

fn dns(g: &mut Gen, secure: bool) -> Vec<Value> {
    let mut entries = Vec::new();
    for name in NAMES {
        for kind in ["HTTPS", "AAAA", "A"] {
            if kind == "HTTPS" && !secure || chance(g, 10) {
                continue;
            }
            // No name server answers in no time.
            let mut entry = json!({ "type": kind, "name": name, "delay_ms": 1 + moment(g) });
            if chance(g, 20) {
                entry["error"] = json!(one(g, &["NODATA", "NXDOMAIN", "SERVFAIL", "TIMEOUT"]));
            } else {
                entry["answers"] = match kind {
                    "HTTPS" => (0..u8::arbitrary(g) % 3).map(|_| service(g)).collect(),
                    "AAAA" => json!(some(g, &V6)),
                    _ => json!(some(g, &V4)),
                };
            }
            entries.push(entry);
        }
    }
    entries
}

fn network(g: &mut Gen) -> Vec<Value> {
    let outcomes = [
        "accept",
        "accept",
        "accept",
        "refused",
        "unreachable",
        "local_error",
        "tls_fail",
        "tls_hang",
        "blackhole",
    ];
    (0..1 + u8::arbitrary(g) % 6)
        .map(|_| {
            let mut matches = Map::new();
            if chance(g, 60) {
                matches.insert("addr".into(), json!(address(g)));
            }
            if chance(g, 30) {
                matches.insert("proto".into(), json!(one(g, &["tcp", "quic", "sctp"])));
            }
            if chance(g, 20) {
                matches.insert("family".into(), json!(one(g, &["ipv6", "ipv4"])));
            }
            if chance(g, 15) {
                matches.insert("iface".into(), json!(one(g, &INTERFACES)));
            }
            if chance(g, 20) {
                matches.insert("round".into(), json!(u8::arbitrary(g) % 3));
            }
            json!({ "match": matches, "outcome": one(g, &outcomes), "after_ms": moment(g), "tls_ms": moment(g) })
        })
        .collect()
}

fn config(g: &mut Gen) -> Value {
    let mut config = json!({
        "families": one(g, &[json!(["ipv6", "ipv4"]), json!(["ipv6", "ipv4"]), json!(["ipv6"]), json!(["ipv4"])]),
        "preferred_family": one(g, &["ipv6", "ipv6", "ipv4"]),
        "resolution_delay_ms": one(g, &[50, 50, 0, 10, 100]),
        "attempt_delay_ms": one(g, &[250, 250, 100, 50, 3000]),
        "preferred_family_count": one(g, &[1, 1, 2]),
        "ordering": one(g, &["round_robin", "round_robin", "grouped", "service_first"]),
        "transport_preference": shuffled(g, &["quic", "tcp"]),
        "default_transports": one(g, &[json!(["tcp"]), json!(["tcp"]), json!(["tcp", "quic"]), json!(["quic"])]),
        "success": one(g, &["tls", "transport"]),
        "racing": one(g, &["staggered", "staggered", "staggered", "failover", "simultaneous", "neat"]),
        "ech": one(g, &["off", "opportunistic", "prefer"]),
        "secure_dns": chance(g, 30),
    });
    let mut sometimes = |percent, key: &str, value: Value| {
        if chance(g, percent) {
            config[key] = value;
        }
    };
    sometimes(20, "nat64_prefix", json!("64:ff9b::/96"));
    sometimes(15, "protocols", json!(["h2", "http/1.1"]));
    sometimes(15, "rtt_history_ms", json!({ "2001:db8::2": 5, "192.0.2.2": 4 }));
    sometimes(15, "candidate_delay_ms", json!({ "2001:db8::1": 120, "192.0.2.1": 700 }));
    sometimes(15, "used_addrs", json!(["2001:db8::2", "192.0.2.2"]));
    sometimes(15, "local_addrs", json!(["fd00::9", "198.51.100.9"]));
    sometimes(15, "cached_winner", json!({ "addr": "192.0.2.1", "proto": "tcp" }));
    sometimes(15, "protocol_penalty", json!(["quic"]));
    sometimes(30, "branch_delay_ms", json!({ "iface": 400 }));
    sometimes(20, "max_parallel", json!(2));
    sometimes(20, "attempt_timeout_ms", json!(400));
    sometimes(20, "overall_timeout_ms", json!(900));
    sometimes(20, "cancel_at_ms", json!(260));
    sometimes(30, "retry", json!({ "rounds": 2, "backoff_ms": 100 }));
    config
}

fn candidates(g: &mut Gen) -> Vec<Value> {
    let mut seen = Vec::new();
    (0..u8::arbitrary(g) % 7)
        .filter_map(|_| {
            let (addr, proto) = (address(g), one(g, &["tcp", "quic", "sctp"]));
            let interface = chance(g, 60).then(|| one(g, &INTERFACES));
            let key = (addr, proto, interface);
            if seen.contains(&key) {
                return None;
            }
            seen.push(key);
            let mut candidate = json!({ "addr": addr, "proto": proto });
            if let Some(interface) = interface {
                candidate["iface"] = json!(interface);
            }
            if chance(g, 30) {
                candidate["priority"] = json!(u8::arbitrary(g) % 8);
            }
            Some(candidate)
        })
        .collect()
}

impl Arbitrary for File {
    fn arbitrary(g: &mut Gen) -> Self {
        let secure = chance(g, 60);
        let host = if chance(g, 85) { "dual.example" } else { address(g) };
        let mut scenario = json!({
            "id": "1",
            "name": "random",
            "target": { "host": host, "port": 443, "scheme": if secure { "https" } else { "tcp" } },
            "config": config(g),
            "dns": dns(g, secure),
            "network": network(g),
            "expect": { "result": "failed", "ended_at_ms": 0, "winner": null, "attempts": [], "not_attempted": [] },
        });
        if chance(g, 20) {
            scenario["candidates"] = json!(candidates(g));
        }
        Self(json!({ "schema": scenarios::SCHEMA, "scenarios": [scenario] }))
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let mut smaller = Vec::new();
        let scenario = &self.0["scenarios"][0];
        let with = |key: &str, value: Value| {
            let mut file = self.0.clone();
            file["scenarios"][0][key] = value;
            Self(file)
        };
        for key in ["dns", "network", "candidates"] {
            for place in 0..scenario[key].as_array().map_or(0, Vec::len) {
                let mut list = scenario[key].as_array().unwrap().clone();
                list.remove(place);
                smaller.push(with(key, json!(list)));
            }
        }
        for key in scenario["config"].as_object().unwrap().keys() {
            let mut config = scenario["config"].clone();
            config.as_object_mut().unwrap().remove(key);
            smaller.push(with("config", config));
        }
        for (place, entry) in scenario["dns"].as_array().unwrap().iter().enumerate() {
            for answer in 0..entry["answers"].as_array().map_or(0, Vec::len) {
                let mut list = scenario["dns"].clone();
                list[place]["answers"].as_array_mut().unwrap().remove(answer);
                smaller.push(with("dns", list));
            }
        }
        Box::new(smaller.into_iter())
    }
}

/// What must be the same on both layers.
fn told(scenario: &Scenario, mut seen: Expect) -> Value {
    seen.dns_queries.iter_mut().for_each(|queries| {
        queries.sort_by_key(|query| (query.at_ms, query.name.clone(), query.kind));
    });
    if seen.result == Expected::Unfinished {
        // When nothing more happens is a question of how long one waits.
        seen.ended_at_ms = 0;
        seen.attempts.iter_mut().for_each(|attempt| attempt.end_ms = 0);
    }
    if scenario.candidates.is_none() {
        seen.attempts.iter_mut().for_each(|attempt| attempt.iface = None);
    }
    serde_json::to_value(seen).unwrap()
}

#[test]
fn the_actors_do_what_the_race_decides_to_the_millisecond() {
    fn prop(File(file): File) -> Result<(), String> {
        let [scenario] = &scenarios::read(&file.to_string()).unwrap()[..] else { panic!() };
        let (core, actors) = (scenarios::play(scenario)?, scenarios::play_actors(scenario)?);
        if !actors.broken.is_empty() || !core.broken.is_empty() {
            return Err(format!("{:?} {:?}\n{file}", core.broken, actors.broken));
        }
        let (core, actors) = (told(scenario, core.seen), told(scenario, actors.seen));
        if core == actors { Ok(()) } else { Err(format!("{core}\n{actors}\n{file}")) }
    }
    QuickCheck::new().tests(400).quickcheck(prop as fn(File) -> Result<(), String>);
}
