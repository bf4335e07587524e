//! Services that are named as SRV records are: what is bounded, and what an establishment makes of them.

use actix::prelude::*;
use neatflow_actors::events::EventKind;
use neatflow_actors::name_resolver::{Config, FindPref64, FindProviders, NameResolver};
use neatflow_actors::transport;
use neatflow_core::resolution::Service;
use neatflow_core::{Protocol, ResolutionFailure};
use neatflow_testing::dns::{DnsServer, RecordType, Reply};
use neatflow_testing::harness::Harness;
use neatflow_testing::probe::EventProbe;
use neatflow_testing::stack::{Outcome, ScriptedStack};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

fn resolving_at(config: &mut Config, server: &DnsServer) {
    config.servers = Some(vec![server.address().into()]);
    config.hosts_file = PathBuf::from("/no/such/file");
}

fn find(service: &str) -> FindProviders {
    FindProviders { service: service.into(), host: "example.org".into(), interface: None }
}

fn is_refused<T>(found: Result<T, ResolutionFailure>) -> bool {
    found.err().is_some_and(|failure| failure.to_string().ends_with("too many questions are waiting"))
}

#[actix::test]
async fn questions_for_services_and_prefixes_count_as_all_others_do() {
    let server = DnsServer::start().await.unwrap();
    server.on("_slow._tcp.example.org", RecordType::SRV, Reply::silence());
    let mut config = Config::default();
    resolving_at(&mut config, &server);
    (config.in_flight, config.waiting) = (1, 1);
    config.timeout = Duration::from_secs(1);
    let resolver = NameResolver::new(config, slog::Logger::root(slog::Discard, slog::o!())).start();

    let held: Vec<_> = (0..2).map(|_| actix_rt::spawn(resolver.send(find("_slow._tcp")))).collect();
    sleep(Duration::from_millis(100)).await;
    let asked = Instant::now();
    assert!(is_refused(resolver.send(find("_more._tcp")).await.unwrap()));
    assert!(is_refused(resolver.send(FindPref64::default()).await.unwrap()));
    assert!(asked.elapsed() < Duration::from_millis(700), "{:?}", asked.elapsed());
    for held in held {
        let failure = held.await.unwrap().unwrap().unwrap_err();
        assert!(matches!(failure, ResolutionFailure::TimedOut { .. }), "{failure}");
    }
    assert_eq!(server.queries("_more._tcp.example.org", RecordType::SRV), 0);
    // Their places are free again.
    assert!(resolver.send(FindPref64::default()).await.unwrap().is_ok());
}

#[actix::test]
async fn a_question_for_a_service_ends_with_the_resolver() {
    let server = DnsServer::start().await.unwrap();
    server.on("_slow._tcp.example.org", RecordType::SRV, Reply::silence());
    let mut config = Config::default();
    resolving_at(&mut config, &server);
    config.timeout = Duration::from_secs(60);
    let resolver = NameResolver::new(config, slog::Logger::root(slog::Discard, slog::o!())).start();
    let asking = actix_rt::spawn(resolver.send(find("_slow._tcp")));
    sleep(Duration::from_millis(100)).await;
    drop(resolver);
    let failure = timeout(Duration::from_secs(20), asking).await.unwrap().unwrap().unwrap().unwrap_err();
    assert!(failure.to_string().ends_with("the name resolver has stopped"), "{failure}");
}

/// Establishes to these, with a name server, over a network where 192.0.2.x is reached.
async fn establish(server: &DnsServer, remotes: &[&str]) -> (EventProbe, Connected, Duration) {
    let network = ScriptedStack::new().named(Protocol::named("tcp")).otherwise(Outcome::connects());
    let mut config: transport::Config = Harness::config([&network]);
    config.other_resolver = None;
    resolving_at(&mut config.resolver, server);
    config.resolver.timeout = Duration::from_secs(4);
    let harness = Harness::with(config);
    let probe = EventProbe::start();
    let mut intent = harness.to(remotes[0]).tell(&probe);
    for remote in &remotes[1..] {
        intent = intent.or_to(remote);
    }
    let begun = Instant::now();
    let connection = intent.initiate();
    let ended = timeout(Duration::from_secs(20), async {
        loop {
            if probe.words().iter().any(|word| ["Ready", "EstablishmentError"].contains(&&**word)) {
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
    });
    ended.await.expect("it ends");
    (probe, connection.remote_addr(), begun.elapsed())
}

type Connected = Option<SocketAddr>;

#[actix::test]
async fn a_service_that_nobody_provides_leaves_the_other_remote_endpoints_alone() {
    let server = DnsServer::start().await.unwrap();
    server.on("_dead._tcp.example.org", RecordType::SRV, Reply::server_failure());
    server.on("_mute._tcp.example.org", RecordType::SRV, Reply::silence());
    let provider = Service { priority: 1, weight: 1, port: 5060, target: "a.example".into() };
    server.on("_sip._tcp.example.org", RecordType::SRV, Reply::providers([provider]));
    server.on("a.example", RecordType::A, Reply::addresses(["192.0.2.9"]));
    let literal: Connected = Some("192.0.2.1:80".parse().unwrap());
    let provided: Connected = Some("192.0.2.9:5060".parse().unwrap());
    for (remotes, expected) in [
        (vec!["example.org:_none._tcp", "192.0.2.1:80"], literal),
        (vec!["example.org:_dead._tcp", "192.0.2.1:80"], literal),
        (vec!["example.org:nosuchservice", "192.0.2.1:80"], literal),
        (vec!["192.0.2.1:80", "example.org:_none._tcp"], literal),
        (vec!["example.org:_none._tcp", "example.org:_sip._tcp"], provided),
    ] {
        let (probe, remote, took) = establish(&server, &remotes).await;
        assert_eq!(remote, expected, "{remotes:?}: {:?}", probe.words());
        assert!(took < Duration::from_millis(900), "{remotes:?}: {took:?}");
    }
    // One that is not heard of is waited for, but not for all of its time.
    let (_, remote, took) = establish(&server, &["example.org:_mute._tcp", "192.0.2.1:80"]).await;
    assert_eq!(remote, literal);
    assert!(took >= Duration::from_secs(1) && took < Duration::from_millis(2500), "{took:?}");
}

#[actix::test]
async fn services_that_nobody_provides_fail_an_establishment_that_has_nothing_else() {
    let server = DnsServer::start().await.unwrap();
    let remotes = ["example.org:_none._tcp", "example.org:_sip._tcp"];
    let (probe, remote, _) = establish(&server, &remotes).await;
    assert_eq!(remote, None);
    let event = probe.until(EventKind::EstablishmentError).await;
    assert!(format!("{event:?}").contains("_none._tcp.example.org"), "{event:?}");
}
