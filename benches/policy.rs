//! What deciding costs: NEAT's lookup, and both calls of an establishment.
//!
//! `cargo bench --bench policy` takes some ten seconds once it is built, with `-- --quick` about one. Prints each
//! figure beside the one it has to keep, and writes them to `target/bench/policy.json`; with `-- --check` it fails when
//! one is not kept.

use neatflow_core::policy::neat::{Alternatives, PolicyError};
use neatflow_core::policy::{
    CibNode, Engine, InterfaceRow, Inventory, Limits, Policy, Request, Roster, StackRow, built_in,
};
use neatflow_core::{Offer, Offers, Protocol, SelectionProperty as P, Time, TransportProperties};
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use std::{env, fs};

type Failure = Box<dyn std::error::Error>;

/// A figure, and what it may be at most.
struct Figure {
    name: &'static str,
    key: &'static str,
    value: f64,
    limit: f64,
    unit: &'static str,
}

fn main() -> Result<(), Failure> {
    let rounds = if asked("--bench") && !asked("--quick") { 2_000 } else { 100 };
    let small = lookup(10, 20, rounds)?;
    let large = lookup(100, 200, rounds / 4)?;
    let growth = growth(rounds / 10)?;
    let socket = through_the_socket(10, 20, rounds)?;
    let (cold, warm) = both_calls(rounds)?;
    let figures = [
        Figure {
            name: "lookup, 10 policies, 20 rows",
            key: "lookup_10_20",
            value: small,
            limit: 50.0,
            unit: "µs",
        },
        Figure {
            name: "lookup, 100 policies, 200 rows",
            key: "lookup_100_200",
            value: large,
            limit: 1_000.0,
            unit: "µs",
        },
        Figure {
            name: "the same through the socket",
            key: "socket_10_20",
            value: socket,
            limit: 300.0,
            unit: "µs",
        },
        Figure { name: "growth with rows, exponent", key: "growth", value: growth, limit: 1.2, unit: "" },
        Figure { name: "both calls, warm", key: "calls_warm", value: warm, limit: 8.0, unit: "µs" },
        Figure {
            name: "both calls, nothing remembered",
            key: "calls_cold",
            value: cold,
            limit: 50.0,
            unit: "µs",
        },
        Figure { name: "1,000 rows in memory", key: "memory", value: memory()?, limit: 2.0, unit: "MB" },
    ];
    report(&figures)
}

fn asked(flag: &str) -> bool {
    env::args().any(|argument| argument == flag)
}

/// The median of so many runs, in µs.
fn median(runs: usize, mut run: impl FnMut()) -> f64 {
    for _ in 0..runs.min(50) {
        run();
    }
    let mut times: Vec<f64> = (0..runs.max(5))
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Policies of which every fifth is about the request, and rows of which every fourth is.
fn engine(policies: usize, rows: usize) -> Result<Engine, Failure> {
    let mut engine = Engine::new();
    for n in 0..policies {
        let port = if n.is_multiple_of(5) { 443 } else { 10_000 + n };
        let text = format!(
            r#"{{"uid": "p{n}", "priority": {n}, "match": {{"port": {{"value": {port}}}, "transport": {{"value": "TCP"}}}},
                "properties": {{"hint{n}": {{"value": true}}, "mtu": {{"value": [1500, 9000], "score": 1}}}}}}"#
        );
        engine.pib_mut().insert(Policy::from_json(&text)?)?;
    }
    let refused = engine.cib_mut().add_all(nodes(rows)?);
    assert!(refused.is_empty() && engine.cib().rows().len() == rows, "{refused:?}");
    Ok(engine)
}

fn nodes(rows: usize) -> Result<Vec<CibNode>, PolicyError> {
    let node = |n: usize| {
        let remote = if n.is_multiple_of(4) { 1 } else { 2 + n % 200 };
        let text = format!(
            r#"{{"uid": "n{n}", "root": true, "expire": -1, "properties": {{
                "interface": {{"value": "eth{n}", "precedence": 2}}, "local_ip": {{"value": "10.0.{}.{}", "precedence": 2}},
                "remote_ip": {{"value": "192.0.2.{remote}", "precedence": 2}}, "port": {{"value": 443, "precedence": 2}},
                "transport": {{"value": ["TCP", "UDP"], "precedence": 2, "score": {}}},
                "mtu": {{"value": {{"start": 50, "end": 9000}}}}, "capacity": {{"value": {n}}},
                "is_wired_interface": {{"value": true, "precedence": 2}}}}}}"#,
            n / 250,
            n % 250,
            n % 7,
        );
        CibNode::from_json(&text, Time::ZERO)
    };
    (0..rows).map(node).collect()
}

fn request() -> Result<Vec<Alternatives>, PolicyError> {
    Alternatives::requests_from_json(
        r#"[{"remote_ip": {"value": "192.0.2.1", "precedence": 2}, "port": {"value": 443, "precedence": 2},
             "transport": {"value": "TCP", "precedence": 1}, "mtu": {"value": [1500, "Infinity"]},
             "low_latency": {"value": true}, "capacity": {"value": {"start": 10, "end": 1000}, "score": 1}}]"#
            .replace("[1500, \"Infinity\"]", "[1500, Infinity]")
            .as_str(),
    )
}

/// One lookup, with nothing remembered.
fn lookup(policies: usize, rows: usize, runs: usize) -> Result<f64, Failure> {
    let (mut engine, request) = (engine(policies, rows)?, request()?);
    let found = engine.lookup(&request, Time::ZERO)?.len();
    assert!(found > 1, "{found} candidates");
    Ok(median(runs, || {
        // A change of the policies voids every decision.
        let _changed = engine.pib_mut();
        let _found = black_box(engine.lookup(&request, Time::ZERO));
    }))
}

/// One exchange with a policy daemon in this process, its client beside it: no two requests are the same.
#[cfg(unix)]
fn through_the_socket(policies: usize, rows: usize, runs: usize) -> Result<f64, Failure> {
    use actix::{Actor, System};
    use neatflow_actors::policy_manager::messages::{Base, Import};
    use neatflow_actors::policy_manager::{Interfaces, PolicyManager};
    use neatflow_actors::policy_sockets::{Config, PM_SOCKET, PolicySockets, SocketFiles};
    use neatflow_actors::remote_policy::ask;
    let (directory, engine) =
        (env::temp_dir().join(format!("neatflow-bench-{}", std::process::id())), engine(policies, rows)?);
    System::new().block_on(async {
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let interfaces = Interfaces::from_fn(|| Ok(Vec::new()));
        let manager = PolicyManager::new(&neatflow_actors::Registry::empty(), interfaces, logger.clone()).start();
        let all = |entries: Vec<String>| format!("[{}]", entries.join(","));
        let pushed = [
            (Base::Pib, all(engine.pib().iter().map(Policy::to_json).collect())),
            (Base::Cib, all(engine.cib().nodes().map(CibNode::to_json).collect())),
        ];
        for (base, text) in pushed {
            manager.send(Import { base, text, uid: None }).await??;
        }
        let files = SocketFiles::bind(&directory)?;
        let socket = directory.join(PM_SOCKET);
        let serving = PolicySockets::new(files, manager, Config::default(), logger).start();
        let mut times = Vec::with_capacity(runs);
        for n in 0..runs.max(5) + 50 {
            let request = format!(
                r#"[{{"remote_ip": {{"value": "192.0.2.1", "precedence": 2}}, "port": {{"value": 443, "precedence": 2}},
                     "transport": {{"value": "TCP", "precedence": 1}}, "mtu": {{"value": [1500, Infinity]}},
                     "low_latency": {{"value": true}}, "capacity": {{"value": {{"start": 10, "end": {n}000}}, "score": 1}}}}]"#,
                n = n + 1
            );
            let start = Instant::now();
            let answer = ask(&socket, &request, std::time::Duration::from_secs(5)).await?;
            times.push(start.elapsed().as_secs_f64() * 1e6);
            assert!(answer.starts_with("[{"), "{answer}");
        }
        drop(serving);
        times.drain(..50);
        times.sort_by(f64::total_cmp);
        let _gone = fs::remove_dir_all(&directory);
        Ok(times[times.len() / 2])
    })
}

/// There are no such sockets here.
#[cfg(not(unix))]
fn through_the_socket(_: usize, _: usize, _: usize) -> Result<f64, Failure> {
    Ok(0.0)
}

/// The exponent fitted to the times of lookups among 10 to 1,000 rows.
fn growth(runs: usize) -> Result<f64, Failure> {
    let mut points = Vec::new();
    for rows in [10, 30, 100, 300, 1_000] {
        points.push(((rows as f64).ln(), lookup(10, rows, runs)?.ln()));
    }
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let slope = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>();
    Ok(slope / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>())
}

fn inventory() -> Inventory {
    let always =
        [P::Reliability, P::PreserveOrder, P::FullChecksumSend, P::FullChecksumRecv, P::CongestionControl];
    let tcp = always.iter().fold(Offers::none(), |offers, property| offers.with(*property, Offer::Always));
    let udp = Offers::none().with(P::PreserveMsgBoundaries, Offer::Always).with_duplicates(true);
    let interface = |name: &str, index, addresses: &[&str]| InterfaceRow {
        name: name.into(),
        index,
        addresses: addresses.iter().filter_map(|text| text.parse().ok()).collect(),
        up: true,
        loopback: name == "lo",
        ..InterfaceRow::default()
    };
    Inventory {
        stacks: vec![
            StackRow { protocol: Protocol::TCP, offers: tcp },
            StackRow { protocol: Protocol::UDP, offers: udp },
        ],
        interfaces: vec![
            interface("lo", 1, &["127.0.0.1", "::1"]),
            interface("eth0", 2, &["192.0.2.10", "2001:db8::10", "fe80::10"]),
            interface("wlan0", 3, &["198.51.100.20", "2001:db8:2::20", "fe80::20"]),
        ],
        routes: None,
    }
}

/// Both calls of an establishment to two addresses, with the built-in policies: cold and warm.
fn both_calls(runs: usize) -> Result<(f64, f64), Failure> {
    let mut engine = Engine::with_pib(built_in::pib());
    engine.set_limits(Limits::default());
    let inventory = inventory();
    let request = Request {
        remotes: vec!["192.0.2.1:443".parse()?, "[2001:db8::1]:443".parse()?],
        properties: Arc::new(TransportProperties::new()),
        ..Request::default()
    };
    let calls = |engine: &mut Engine| -> usize {
        let branches = engine.branches(&request, &inventory, Time::ZERO).unwrap_or_default();
        engine.candidates(&mut Roster::new(), &request, &branches, &[], &inventory).len()
    };
    assert!(calls(&mut engine) == 2, "one candidate for each address");
    let cold = median(runs, || {
        let _changed = engine.pib_mut();
        black_box(calls(&mut engine));
    });
    Ok((
        cold,
        median(runs, || {
            black_box(calls(&mut engine));
        }),
    ))
}

/// What 1,000 rows take, in MB, by the growth of the process; 0 where that cannot be seen.
fn memory() -> Result<f64, Failure> {
    const BASES: usize = 16;
    let (before, mut kept) = (resident(), Vec::new());
    for _ in 0..BASES {
        kept.push(engine(0, 1_000)?);
    }
    let after = resident();
    black_box(&kept);
    Ok((after - before) / BASES as f64)
}

fn resident() -> f64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or_default() * 4_096.0 / 1e6
}

fn report(figures: &[Figure]) -> Result<(), Failure> {
    let mut json = Vec::new();
    for Figure { name, key, value, limit, unit } in figures {
        let kept = if value <= limit { "" } else { "  NOT KEPT" };
        println!("{name:34}{value:10.2} {unit:3} of at most {limit} {unit}{kept}");
        json.push(format!(r#""{key}":{value:.3}"#));
    }
    if asked("--bench") {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        let path = target.join("bench/policy.json");
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(&path, format!("{{{}}}\n", json.join(",")))?;
        println!("written to {}", path.display());
    }
    let broken = figures.iter().filter(|figure| figure.value > figure.limit).count();
    if asked("--check") && broken > 0 { Err(format!("{broken} figures are not kept").into()) } else { Ok(()) }
}
