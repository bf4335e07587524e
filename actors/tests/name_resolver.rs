//! The name resolver against a real name server on loopback, in real time.

use actix::prelude::*;
use futures::{StreamExt, stream};
use neatflow_actors::events::EventKind;
use neatflow_actors::name_resolver::{
    Answered, Config, DnsProtocol, FindPref64, FindProviders, NameResolver, NameServer, Origin, QueryId,
    Resolve, Roots,
};
use neatflow_actors::network_monitor::Source;
use neatflow_actors::policy_manager::Interfaces;
use neatflow_core::ResolutionFailure;
use neatflow_core::policy::{HostNetwork, InterfaceRow};
use neatflow_core::racing::{Address, Family, RecordKind, ServiceRecord};
use neatflow_core::resolution::{Kinds, MAX_RECORDS, Records, Service};
use neatflow_testing::dns::{DnsServer, RecordType, Reply};
use neatflow_testing::harness::{Harness, interfaces};
use neatflow_testing::probe::EventProbe;
use neatflow_testing::stack::{Outcome, ScriptedStack};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

const V6: &str = "2001:db8::1";
const V4: &str = "192.0.2.1";
/// Longer than a busy machine takes for anything, shorter than what a test measures.
const SOON: Duration = Duration::from_millis(700);

struct Asker(mpsc::UnboundedSender<Answered>);

impl Actor for Asker {
    type Context = Context<Self>;
}

impl Handler<Answered> for Asker {
    type Result = ();
    fn handle(&mut self, answered: Answered, _: &mut Self::Context) {
        _ = self.0.send(answered);
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Leave;

impl Handler<Leave> for Asker {
    type Result = ();
    fn handle(&mut self, _: Leave, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// A question that was asked, and the answers to it.
struct Asked {
    asker: Addr<Asker>,
    answers: mpsc::UnboundedReceiver<Answered>,
    at: Instant,
}

impl Asked {
    async fn next(&mut self) -> Answered {
        let answered = timeout(Duration::from_secs(30), self.answers.recv()).await;
        answered.expect("a question ends").expect("the asker lives")
    }

    /// Everything that is still to come.
    async fn rest(mut self) -> Vec<Answered> {
        let mut all = Vec::new();
        loop {
            let answered = self.next().await;
            assert_eq!(answered.query, QueryId(7));
            if let Ok(records) = &answered.result {
                assert!(!records.is_empty());
                let of_family = |address: &Address| match answered.kind {
                    RecordKind::A => address.family() == Family::V4,
                    // An IPv4-mapped address is an IPv4 address, whoever said so.
                    _ => true,
                };
                assert!(records.addresses().iter().all(of_family));
                assert_eq!(answered.kind == RecordKind::Https, records.addresses().is_empty());
            }
            assert!(
                all.iter().all(|other: &Answered| other.kind != answered.kind),
                "one answer for each type"
            );
            let last = answered.last;
            all.push(answered);
            if last {
                break;
            }
        }
        sleep(Duration::from_millis(5)).await;
        assert!(self.answers.try_recv().is_err(), "nothing comes after the last answer");
        all
    }

    async fn all(self) -> Vec<Result<Vec<IpAddr>, ResolutionFailure>> {
        self.rest().await.into_iter().map(|answered| addresses(answered.result)).collect()
    }
}

fn addresses(result: Result<Records, ResolutionFailure>) -> Result<Vec<IpAddr>, ResolutionFailure> {
    result.map(|records| records.addresses().iter().map(Address::ip).collect())
}

fn ask(resolver: &Addr<NameResolver>, host: &str) -> Asked {
    ask_for(resolver, host, Kinds::ADDRESSES)
}

fn ask_for(resolver: &Addr<NameResolver>, host: &str, kinds: impl Into<Kinds>) -> Asked {
    let (out, answers) = mpsc::unbounded_channel();
    let asker = Asker(out).start();
    let resolve = Resolve::new(QueryId(7), host, kinds, asker.clone().recipient());
    resolver
        .try_send(resolve)
        .or_else(|full| match full {
            SendError::Full(resolve) => {
                #[expect(clippy::disallowed_methods, reason = "the test asks more than a mailbox holds")]
                resolver.do_send(resolve);
                Ok(())
            }
            closed => Err(closed),
        })
        .expect("the resolver lives");
    Asked { asker, answers, at: Instant::now() }
}

fn start(configure: impl FnOnce(&mut Config)) -> Addr<NameResolver> {
    let mut config = Config::default();
    config.hosts_file = PathBuf::from("/no/such/file");
    configure(&mut config);
    NameResolver::new(config, slog::Logger::root(slog::Discard, slog::o!())).start()
}

fn resolver_of(server: &DnsServer) -> Addr<NameResolver> {
    let address = server.address();
    start(|config| config.servers = Some(vec![address.into()]))
}

fn ok(addresses: &[&str]) -> Result<Vec<IpAddr>, ResolutionFailure> {
    Ok(addresses.iter().map(|address| address.parse().expect("a literal")).collect())
}

fn no_such_name(name: &str) -> Result<Vec<IpAddr>, ResolutionFailure> {
    Err(ResolutionFailure::NoSuchName { name: name.into() })
}

fn no_addresses(name: &str) -> Result<Vec<IpAddr>, ResolutionFailure> {
    Err(ResolutionFailure::NoAddresses { name: name.into() })
}

fn server_failure(name: &str, code: &str) -> Result<Vec<IpAddr>, ResolutionFailure> {
    Err(ResolutionFailure::ServerFailure { name: name.into(), code: code.into() })
}

fn timed_out(results: &[Result<Vec<IpAddr>, ResolutionFailure>]) -> bool {
    !results.is_empty()
        && results.iter().all(|result| matches!(result, Err(ResolutionFailure::TimedOut { .. })))
}

fn all_other(results: &[Result<Vec<IpAddr>, ResolutionFailure>]) -> bool {
    results.len() == 2 && results.iter().all(|result| matches!(result, Err(ResolutionFailure::Other { .. })))
}

/// Both families say the same.
fn both(server: &DnsServer, name: &str, reply: Reply) {
    server.on(name, RecordType::AAAA, reply.clone());
    server.on(name, RecordType::A, reply);
}

/// A hosts file of its own, removed when it is dropped.
struct HostsFile(PathBuf);

impl HostsFile {
    fn new(test: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("neatflow-hosts-{}-{test}", std::process::id()));
        fs::write(&path, text).expect("a place for files");
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for HostsFile {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.0);
    }
}

/// A port of loopback on which nobody listens.
fn closed_port() -> SocketAddr {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0");
    socket.and_then(|socket| socket.local_addr()).expect("a loopback")
}

#[actix::test]
async fn a_slow_family_does_not_hold_up_the_other() {
    let server = DnsServer::start().await.unwrap();
    let slow = Duration::from_millis(1500);
    for (fast, late, first, second) in
        [(RecordType::AAAA, RecordType::A, V6, V4), (RecordType::A, RecordType::AAAA, V4, V6)]
    {
        let name = format!("{fast}.example").to_lowercase();
        server.on(&name, fast, Reply::addresses([V6, V4]));
        server.on(&name, late, Reply::addresses([V6, V4]).after(slow));
        let resolver = resolver_of(&server);
        let mut asked = ask(&resolver, &name);
        let answered = asked.next().await;
        assert_eq!((addresses(answered.result), answered.last), (ok(&[first]), false));
        assert!(asked.at.elapsed() < SOON, "{:?}", asked.at.elapsed());
        let at = asked.at;
        assert_eq!(asked.all().await, [ok(&[second])]);
        assert!(at.elapsed() >= slow);
    }
}

#[actix::test]
async fn aaaa_leaves_before_a() {
    let server = DnsServer::start().await.unwrap();
    both(&server, "x.example", Reply::addresses([V6, V4]));
    ask(&resolver_of(&server), "x.example").all().await;
    let asked: Vec<_> = server.asked().into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(asked, [RecordType::AAAA, RecordType::A]);
}

#[actix::test]
async fn every_failure_is_told_apart() {
    let server = DnsServer::start().await.unwrap();
    let resolver = resolver_of(&server);
    both(&server, "nodata.example", Reply::no_data());
    both(&server, "servfail.example", Reply::server_failure());
    both(&server, "refused.example", Reply::refused());
    for (name, failure) in [
        ("nxdomain.example", no_such_name("nxdomain.example")),
        ("nodata.example", no_addresses("nodata.example")),
        ("servfail.example", server_failure("servfail.example", "SERVFAIL")),
        ("refused.example", server_failure("refused.example", "REFUSED")),
    ] {
        let asked = ask(&resolver, name);
        let at = asked.at;
        assert_eq!(asked.all().await, [failure.clone(), failure]);
        assert!(at.elapsed() < SOON);
    }
}

#[actix::test]
async fn one_family_may_fail_and_the_other_succeed() {
    let server = DnsServer::start().await.unwrap();
    let resolver = resolver_of(&server);
    server.on("six.example", RecordType::AAAA, Reply::addresses([V6]));
    server.on("six.example", RecordType::A, Reply::server_failure().after(Duration::from_millis(100)));
    assert_eq!(
        ask(&resolver, "six.example").all().await,
        [ok(&[V6]), server_failure("six.example", "SERVFAIL")]
    );

    server.on("four.example", RecordType::AAAA, Reply::no_data());
    server.on(
        "four.example",
        RecordType::A,
        Reply::addresses([V4, "192.0.2.2"]).after(Duration::from_millis(100)),
    );
    let results = ask(&resolver, "four.example").all().await;
    assert_eq!(results, [no_addresses("four.example"), ok(&[V4, "192.0.2.2"])]);
}

#[actix::test]
async fn silence_ends_when_the_time_is_over() {
    let server = DnsServer::start().await.unwrap();
    let (address, time) = (server.address(), Duration::from_millis(600));
    both(&server, "silent.example", Reply::silence());
    server.on("half.example", RecordType::A, Reply::silence());
    server.on("half.example", RecordType::AAAA, Reply::addresses([V6]));
    let resolver = start(|config| {
        config.servers = Some(vec![address.into()]);
        config.timeout = time;
    });
    let asked = ask(&resolver, "silent.example");
    let at = asked.at;
    let results = asked.all().await;
    assert!(timed_out(&results), "{results:?}");
    assert!(at.elapsed() >= time / 2 && at.elapsed() < time + SOON, "{:?}", at.elapsed());
    let Err(ResolutionFailure::TimedOut { after, .. }) = &results[0] else { panic!("{results:?}") };
    assert_eq!(after.as_micros() % 10_000, 0, "as people read it");
    assert!(server.queries("silent.example", RecordType::AAAA) >= 2, "a lost answer is asked for again");

    let results = ask(&resolver, "half.example").all().await;
    assert_eq!(results[0], ok(&[V6]));
    assert!(timed_out(&results[1..]), "{results:?}");
}

#[actix::test]
async fn servers_that_are_all_dead_are_bounded_too() {
    let mut silent = Vec::new();
    for _ in 0..5 {
        let server = DnsServer::start().await.unwrap();
        both(&server, "x.example", Reply::silence());
        silent.push(server);
    }
    let closed = (0..5).map(|_| closed_port()).collect::<Vec<_>>();
    for servers in [silent.iter().map(DnsServer::address).collect(), closed] {
        let resolver = start(|config| {
            config.servers = Some(servers.into_iter().map(NameServer::from).collect());
            config.timeout = Duration::from_millis(900);
        });
        let asked = ask(&resolver, "x.example");
        let at = asked.at;
        let results = asked.all().await;
        assert!(results.iter().all(Result::is_err));
        assert!(at.elapsed() < Duration::from_millis(900) + SOON, "{:?}", at.elapsed());
    }
}

#[actix::test]
async fn a_living_server_answers_whatever_its_place_among_dead_ones() {
    let server = DnsServer::start().await.unwrap();
    both(&server, "x.example", Reply::addresses([V6, V4]));
    for place in 0..5 {
        let mut servers: Vec<_> = (0..4).map(|_| closed_port()).collect();
        servers.insert(place, server.address());
        let resolver = start(|config| {
            config.servers = Some(servers.into_iter().map(NameServer::from).collect());
            config.timeout = Duration::from_secs(3);
        });
        let mut results = ask(&resolver, "x.example").all().await;
        results.sort_by_key(|result| result.as_ref().map_or(None, |addresses| Some(addresses[0].is_ipv4())));
        assert_eq!(results, [ok(&[V6]), ok(&[V4])], "in place {place}");
    }
}

#[actix::test]
async fn a_living_server_answers_after_eight_that_are_silent() {
    let server = DnsServer::start().await.unwrap();
    server.on("x.example", RecordType::A, Reply::addresses([V4]));
    let mut silent = Vec::new();
    for _ in 0..8 {
        let mute = DnsServer::start().await.unwrap();
        mute.on("x.example", RecordType::A, Reply::silence());
        silent.push(mute);
    }
    let servers: Vec<NameServer> =
        silent.iter().chain([&server]).map(|server| server.address().into()).collect();
    let resolver = start(|config| {
        config.servers = Some(servers);
        config.timeout = Duration::from_secs(5);
    });
    let asked = ask_for(&resolver, "x.example", RecordKind::A);
    let at = asked.at;
    assert_eq!(asked.all().await, [ok(&[V4])]);
    // A tenth of the time for each.
    assert!(at.elapsed() >= Duration::from_millis(3900), "{:?}", at.elapsed());
    assert!(silent.iter().all(|mute| mute.queries("x.example", RecordType::A) > 0), "each had its turn");
}

#[actix::test]
async fn no_server_at_all_is_a_failure_and_not_a_wait() {
    let resolver = start(|config| config.servers = Some(Vec::new()));
    let asked = ask(&resolver, "x.example");
    let at = asked.at;
    let results = asked.all().await;
    assert!(all_other(&results), "{results:?}");
    assert!(at.elapsed() < SOON);
}

#[actix::test]
async fn a_question_to_the_servers_of_the_system_ends() {
    // RFC 6761 §6.4: it leaves no host.
    let results = ask(&start(|_| ()), "nothing.invalid.").all().await;
    let ended = |result: &Result<_, _>| {
        matches!(result, Err(ResolutionFailure::NoSuchName { .. } | ResolutionFailure::Other { .. }))
    };
    assert!(results.iter().all(ended), "{results:?}");
}

#[actix::test]
async fn localhost_is_this_host_whatever_anybody_says() {
    let server = DnsServer::start().await.unwrap();
    let address = server.address();
    let hosts = HostsFile::new("localhost", "192.0.2.66 localhost a.localhost localhost.\n");
    let resolver = start(|config| {
        config.servers = Some(vec![address.into()]);
        config.hosts_file = hosts.path().into();
    });
    for name in ["localhost", "LOCALHOST.", "a.localhost", "b.a.localhost."] {
        assert_eq!(ask(&resolver, name).all().await, [ok(&["::1"]), ok(&["127.0.0.1"])], "{name}");
    }
    assert_eq!(server.asked(), []);
}

#[actix::test]
async fn a_literal_address_is_its_own_answer() {
    let server = DnsServer::start().await.unwrap();
    let resolver = resolver_of(&server);
    for (literal, address) in [(V4, V4), (V6, V6), ("::", "::"), ("::ffff:192.0.2.1", "192.0.2.1")] {
        let mut answers = ask_for(&resolver, literal, Kinds::ALL).rest().await;
        assert!(answers.iter().all(|answer| answer.origin == Origin::Literal));
        answers.retain(|answer| answer.result.is_ok());
        assert_eq!(answers.len(), 1, "of its own family alone: {answers:?}");
        assert_eq!(addresses(answers.remove(0).result), ok(&[address]));
    }
    assert_eq!(server.asked(), []);
}

#[actix::test]
async fn what_is_no_name_fails_without_a_query() {
    let server = DnsServer::start().await.unwrap();
    let resolver = resolver_of(&server);
    let (label, long) = ("a".repeat(64), "a.".repeat(150));
    for name in
        ["", ".", "a..b", "with space", &label, &long, "[::1]", "fe80::1%eth0", "256.1.1.1", "a\0b", "a\\b"]
    {
        let results = ask(&resolver, name).all().await;
        let bad = |result: &Result<_, _>| matches!(result, Err(ResolutionFailure::BadName { .. }));
        assert!(results.iter().all(bad), "{name:?}: {results:?}");
    }
    assert_eq!(server.asked(), []);
}

#[actix::test]
async fn the_hosts_file_comes_before_dns_and_is_read_again_when_it_changes() {
    let server = DnsServer::start().await.unwrap();
    let address = server.address();
    both(&server, "one.example", Reply::addresses([V6, V4]));
    let hosts = HostsFile::new(
        "changes",
        "nonsense\n198.51.100.1 One.Example # 2\n198.51.100.2\n2001:db8::9 one.example\n",
    );
    let resolver = start(|config| {
        config.servers = Some(vec![address.into()]);
        config.hosts_file = hosts.path().into();
    });
    for name in ["one.example", "ONE.example."] {
        assert_eq!(ask(&resolver, name).all().await, [ok(&["2001:db8::9"]), ok(&["198.51.100.1"])]);
    }
    assert_eq!(server.asked(), []);

    fs::write(hosts.path(), "198.51.100.33 one.example\n").unwrap();
    sleep(Duration::from_millis(200)).await;
    let results = ask(&resolver, "one.example").all().await;
    assert_eq!(results, [no_addresses("one.example"), ok(&["198.51.100.33"])]);

    fs::remove_file(hosts.path()).unwrap();
    sleep(Duration::from_millis(200)).await;
    assert_eq!(ask(&resolver, "one.example").all().await.len(), 2);
    assert_eq!(server.queries("one.example", RecordType::A), 1);
}

#[actix::test]
async fn a_search_stops_at_the_first_domain_that_has_addresses() {
    let server = DnsServer::start().await.unwrap();
    let address = server.address();
    let resolver = start(|config| {
        config.servers = Some(vec![address.into()]);
        config.search = Some(vec!["broken.example".into(), "corp.example".into(), "never.example".into()]);
    });
    both(&server, "www.broken.example", Reply::server_failure());
    server.on("www.corp.example", RecordType::AAAA, Reply::no_data());
    server.on("www.corp.example", RecordType::A, Reply::addresses([V4]).after(Duration::from_millis(100)));
    both(&server, "www.never.example", Reply::addresses([V6]));
    assert_eq!(ask(&resolver, "www").all().await, [no_addresses("www"), ok(&[V4])]);
    assert_eq!(server.queries("www.never.example", RecordType::AAAA), 0);

    // A final dot means that there is nothing to search.
    assert_eq!(ask(&resolver, "www.").all().await, [no_such_name("www."), no_such_name("www.")]);

    // Nobody has it; the failing domain is the one that might.
    both(&server, "nowhere.broken.example", Reply::server_failure());
    let failure = server_failure("nowhere", "SERVFAIL");
    assert_eq!(ask(&resolver, "nowhere").all().await, [failure.clone(), failure]);
}

#[actix::test]
async fn both_families_come_from_the_same_name() {
    let server = DnsServer::start().await.unwrap();
    let address = server.address();
    let resolver = start(|config| {
        config.servers = Some(vec![address.into()]);
        config.search = Some(vec!["wildcard.example".into()]);
    });
    server.on("four.example", RecordType::AAAA, Reply::no_data());
    server.on("four.example", RecordType::A, Reply::addresses([V4]).after(Duration::from_millis(100)));
    both(&server, "four.example.wildcard.example", Reply::addresses(["2001:db8::bad", "192.0.2.66"]));
    assert_eq!(ask(&resolver, "four.example").all().await, [no_addresses("four.example"), ok(&[V4])]);
}

#[actix::test]
async fn a_forged_answer_is_ignored() {
    let server = DnsServer::start().await.unwrap();
    let reply = Reply::addresses([V6, V4])
        .after(Duration::from_millis(100))
        .forged_first(["2001:db8::bad", "192.0.2.66"]);
    both(&server, "x.example", reply);
    let mut results = ask(&resolver_of(&server), "x.example").all().await;
    results.sort_by_key(|result| result.as_ref().is_ok_and(|addresses| addresses[0].is_ipv4()));
    assert_eq!(results, [ok(&[V6]), ok(&[V4])]);
}

#[actix::test]
async fn an_answer_too_long_for_a_datagram_comes_over_tcp() {
    let server = DnsServer::start().await.unwrap();
    let many: Vec<_> = (0..200).map(|last| format!("198.51.100.{last}")).collect();
    server.on("many.example", RecordType::A, Reply::addresses(many.iter().map(String::as_str)).truncated());
    server.on("many.example", RecordType::AAAA, Reply::no_data());
    let results = ask(&resolver_of(&server), "many.example").all().await;
    let count = results.iter().flatten().map(Vec::len).sum::<usize>();
    assert_eq!(count, 200, "{results:?}");
    assert_eq!(server.queries("many.example", RecordType::A), 2);
}

#[actix::test]
async fn an_alias_has_the_addresses_of_its_target() {
    let server = DnsServer::start().await.unwrap();
    both(&server, "www.example", Reply::addresses([V6, V4]).alias_of("real.example"));
    let results = ask(&resolver_of(&server), "www.example").all().await;
    assert_eq!(results.len(), 2);
    assert!(results.contains(&ok(&[V6])) && results.contains(&ok(&[V4])), "{results:?}");
}

#[actix::test]
async fn an_answer_is_kept_for_the_next_question() {
    let server = DnsServer::start().await.unwrap();
    both(&server, "x.example", Reply::addresses([V6, V4]));
    let resolver = resolver_of(&server);
    for _ in 0..3 {
        assert_eq!(ask(&resolver, "x.example").all().await.len(), 2);
    }
    assert_eq!(server.asked().len(), 2);
}

#[actix::test]
async fn an_asker_that_leaves_frees_its_place() {
    let server = DnsServer::start().await.unwrap();
    let address = server.address();
    both(&server, "silent.example", Reply::silence());
    both(&server, "x.example", Reply::addresses([V6, V4]));
    let resolver = start(|config| {
        config.servers = Some(vec![address.into()]);
        config.timeout = Duration::from_secs(20);
        config.in_flight = 1;
    });
    let leaver = ask(&resolver, "silent.example");
    let stayer = ask(&resolver, "x.example");
    sleep(Duration::from_millis(300)).await;
    assert_eq!(server.queries("x.example", RecordType::A), 0, "one at a time");
    leaver.asker.send(Leave).await.unwrap();
    let left = Instant::now();
    let results = stayer.all().await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert!(left.elapsed() < Duration::from_secs(5), "{:?}", left.elapsed());
}

#[actix::test]
async fn a_thousand_questions_at_once_are_all_answered() {
    let server = DnsServer::start().await.unwrap();
    let address = server.address();
    let resolver = start(|config| {
        config.servers = Some(vec![address.into()]);
        config.timeout = Duration::from_secs(30);
    });
    let names: Vec<_> = (0..1000).map(|n| format!("n{n}.example")).collect();
    for name in &names {
        both(&server, name, Reply::addresses([V6, V4]).after(Duration::from_millis(2)));
    }
    let asked: Vec<_> = names.iter().map(|name| ask(&resolver, name)).collect();
    for asked in asked {
        let results = asked.all().await;
        assert!(results.contains(&ok(&[V6])) && results.contains(&ok(&[V4])), "{results:?}");
    }
}

#[actix::test]
async fn more_questions_than_may_wait_fail_at_once_and_addresses_never_wait() {
    let server = DnsServer::start().await.unwrap();
    let address = server.address();
    both(&server, "silent.example", Reply::silence());
    let resolver = start(|config| {
        config.servers = Some(vec![address.into()]);
        config.timeout = Duration::from_millis(800);
        config.in_flight = 1;
        config.waiting = 1;
    });
    let (first, second) = (ask(&resolver, "silent.example"), ask(&resolver, "silent.example"));
    let third = ask(&resolver, "silent.example");
    let at = third.at;
    let results = third.all().await;
    assert!(all_other(&results), "{results:?}");
    assert_eq!(ask_for(&resolver, V4, RecordKind::A).all().await, [ok(&[V4])]);
    assert!(at.elapsed() < SOON);

    // The one that waited has had its time too: it counts from the question.
    for asked in [first, second] {
        assert!(timed_out(&asked.all().await));
    }
    assert!(at.elapsed() < Duration::from_millis(800) + SOON, "{:?}", at.elapsed());
}

#[actix::test]
async fn an_open_question_fails_when_the_resolver_goes() {
    let server = DnsServer::start().await.unwrap();
    both(&server, "silent.example", Reply::silence());
    let resolver = resolver_of(&server);
    let asked = ask(&resolver, "silent.example");
    sleep(Duration::from_millis(100)).await;
    drop(resolver);
    let at = Instant::now();
    let results = asked.all().await;
    assert!(all_other(&results), "{results:?}");
    assert!(at.elapsed() < SOON);
}

#[actix::test]
async fn the_shortest_and_the_longest_time_are_times_too() {
    let server = DnsServer::start().await.unwrap();
    let address = server.address();
    both(&server, "x.example", Reply::addresses([V6, V4]));
    for (time, succeeds) in [(Duration::ZERO, false), (Duration::MAX, true)] {
        let resolver = start(|config| {
            config.servers = Some(vec![address.into()]);
            config.timeout = time;
            config.in_flight = 0;
        });
        let results = ask(&resolver, "x.example").all().await;
        assert_eq!(results.iter().all(Result::is_ok), succeeds, "{results:?}");
    }
}

fn service(priority: u16, target: &str) -> ServiceRecord {
    ServiceRecord::new(priority, target)
}

#[actix::test]
async fn services_and_both_families_are_asked_for_in_this_order_and_answered_as_they_come() {
    let server = DnsServer::start().await.unwrap();
    let mut cdn = service(1, "cdn.example");
    cdn.alpn = vec!["h3".into(), "h2".into()];
    cdn.port = Some(8443);
    cdn.v6_hints = vec![V6.parse().unwrap()];
    cdn.ech = Some(vec![1, 2, 3].into());
    server.on("x.example", RecordType::HTTPS, Reply::services([cdn.clone(), service(2, ".")]));
    both(&server, "x.example", Reply::addresses([V6, V4]).after(Duration::from_millis(200)));
    let resolver = resolver_of(&server);
    let mut asked = ask_for(&resolver, "x.example", Kinds::ALL);
    let first = asked.next().await;
    assert_eq!((first.kind, first.last), (RecordKind::Https, false));
    assert_eq!(first.result.unwrap().services(), [cdn, service(2, ".")]);
    let of_server = Origin::Server { address: server.address(), protocol: DnsProtocol::Udp };
    assert_eq!(first.origin, of_server);
    assert!(!first.origin.is_secure());
    assert_eq!(asked.rest().await.len(), 2);
    let kinds: Vec<_> = server.asked().into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, [RecordType::HTTPS, RecordType::AAAA, RecordType::A]);
}

#[actix::test]
async fn a_name_without_services_says_so() {
    let server = DnsServer::start().await.unwrap();
    server.on("x.example", RecordType::HTTPS, Reply::no_data());
    let results = ask_for(&resolver_of(&server), "x.example", RecordKind::Https).all().await;
    assert_eq!(results, [Err(ResolutionFailure::NoServices { name: "x.example".into() })]);
}

#[actix::test]
async fn an_answer_is_kept_for_its_time_to_live_and_no_longer() {
    let server = DnsServer::start().await.unwrap();
    server.on("x.example", RecordType::A, Reply::addresses([V4]).ttl(1));
    server.on("now.example", RecordType::A, Reply::addresses([V4]).ttl(0));
    let resolver = resolver_of(&server);
    let first = ask_for(&resolver, "x.example", RecordKind::A).rest().await;
    assert!(matches!(first[0].origin, Origin::Server { .. }));
    let second = ask_for(&resolver, "X.EXAMPLE", RecordKind::A).rest().await;
    assert_eq!(second[0].origin, Origin::Cache { secure: false });
    assert_eq!(addresses(second[0].result.clone()), ok(&[V4]));
    sleep(Duration::from_millis(1050)).await;
    let third = ask_for(&resolver, "x.example", RecordKind::A).rest().await;
    assert!(matches!(third[0].origin, Origin::Server { .. }));
    for _ in 0..2 {
        ask_for(&resolver, "now.example", RecordKind::A).all().await;
    }
    assert_eq!(server.queries("now.example", RecordType::A), 2);
}

#[actix::test]
async fn that_there_is_nothing_is_kept_for_as_long_as_the_zone_says() {
    let server = DnsServer::start().await.unwrap();
    server.on("nothing.example", RecordType::A, Reply::no_data().nothing_for(60));
    server.on("nobody.example", RecordType::A, Reply::no_such_name().nothing_for(60));
    server.on("unsaid.example", RecordType::A, Reply::no_such_name());
    let resolver = resolver_of(&server);
    for (name, queries) in [("nothing.example", 1), ("nobody.example", 1), ("unsaid.example", 2)] {
        let first = ask_for(&resolver, name, RecordKind::A).rest().await;
        let second = ask_for(&resolver, name, RecordKind::A).rest().await;
        assert_eq!(first[0].result, second[0].result, "{name}");
        assert_eq!(server.queries(name, RecordType::A), queries, "{name}");
    }
}

#[actix::test]
async fn a_failure_of_a_server_is_kept_for_a_second() {
    let server = DnsServer::start().await.unwrap();
    server.on("x.example", RecordType::A, Reply::server_failure());
    let resolver = resolver_of(&server);
    for _ in 0..3 {
        ask_for(&resolver, "x.example", RecordKind::A).all().await;
    }
    assert_eq!(server.queries("x.example", RecordType::A), 1);
    sleep(Duration::from_millis(1050)).await;
    server.on("x.example", RecordType::A, Reply::addresses([V4]));
    assert_eq!(ask_for(&resolver, "x.example", RecordKind::A).all().await, [ok(&[V4])]);
}

#[actix::test]
async fn many_who_ask_the_same_share_one_question() {
    let server = DnsServer::start().await.unwrap();
    both(&server, "x.example", Reply::addresses([V6, V4]).after(Duration::from_millis(150)));
    let resolver = resolver_of(&server);
    let all: Vec<_> = (0..100).map(|_| ask(&resolver, "x.example")).collect();
    for asked in all {
        assert_eq!(asked.all().await.len(), 2);
    }
    assert_eq!(server.asked().len(), 2);
}

#[actix::test]
async fn a_question_whose_asker_has_gone_is_still_answered_for_the_next() {
    let server = DnsServer::start().await.unwrap();
    server.on("x.example", RecordType::A, Reply::addresses([V4]).after(Duration::from_millis(500)));
    let resolver = resolver_of(&server);
    let leaver = ask_for(&resolver, "x.example", RecordKind::A);
    sleep(Duration::from_millis(50)).await;
    leaver.asker.send(Leave).await.unwrap();
    sleep(Duration::from_millis(1000)).await;
    let next = ask_for(&resolver, "x.example", RecordKind::A).rest().await;
    assert_eq!(next[0].origin, Origin::Cache { secure: false });
}

#[actix::test]
async fn a_cache_without_room_keeps_nothing() {
    let server = DnsServer::start().await.unwrap();
    server.on("x.example", RecordType::A, Reply::addresses([V4]));
    let address = server.address();
    let resolver = start(|config| {
        config.servers = Some(vec![address.into()]);
        config.cache = 0;
    });
    for _ in 0..2 {
        ask_for(&resolver, "x.example", RecordKind::A).all().await;
    }
    assert_eq!(server.queries("x.example", RecordType::A), 2);
}

#[actix::test]
async fn a_server_that_fails_is_followed_by_the_next() {
    let (one, other) = (DnsServer::start().await.unwrap(), DnsServer::start().await.unwrap());
    both(&other, "x.example", Reply::addresses([V6, V4]));
    let servers = [one.address(), other.address()];
    for reply in [Reply::server_failure(), Reply::refused()] {
        both(&one, "x.example", reply);
        let resolver = start(|config| config.servers = Some(servers.map(NameServer::from).into()));
        let asked = ask(&resolver, "x.example");
        let at = asked.at;
        let results = asked.all().await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert!(at.elapsed() < SOON, "{:?}", at.elapsed());
    }
    // That there is no such name is an answer.
    both(&one, "x.example", Reply::no_such_name());
    let resolver = start(|config| config.servers = Some(servers.map(NameServer::from).into()));
    assert!(ask(&resolver, "x.example").all().await.iter().all(Result::is_err));
}

#[actix::test]
async fn a_server_that_refuses_costs_a_round_trip_and_no_time_out() {
    let server = DnsServer::start().await.unwrap();
    both(&server, "x.example", Reply::addresses([V6, V4]));
    let servers = vec![closed_port().into(), server.address().into()];
    let resolver = start(|config| config.servers = Some(servers));
    let asked = ask(&resolver, "x.example");
    let at = asked.at;
    assert!(asked.all().await.iter().all(Result::is_ok));
    assert!(at.elapsed() < SOON, "{:?}", at.elapsed());
}

#[actix::test]
async fn a_silent_server_is_passed_over_the_next_time() {
    let (silent, server) = (DnsServer::start().await.unwrap(), DnsServer::start().await.unwrap());
    let servers = [silent.address(), server.address()];
    for name in ["one.example", "two.example"] {
        server.on(name, RecordType::A, Reply::addresses([V4]));
        silent.on(name, RecordType::A, Reply::silence());
    }
    let resolver = start(|config| config.servers = Some(servers.map(NameServer::from).into()));
    assert_eq!(ask_for(&resolver, "one.example", RecordKind::A).all().await, [ok(&[V4])]);
    assert!(silent.queries("one.example", RecordType::A) > 0);
    let second = ask_for(&resolver, "two.example", RecordKind::A);
    let at = second.at;
    assert_eq!(second.all().await, [ok(&[V4])]);
    assert!(at.elapsed() < SOON, "{:?}", at.elapsed());
    assert_eq!(silent.queries("two.example", RecordType::A), 0, "it rests");
}

#[actix::test]
async fn when_nobody_is_there_the_failure_is_one_of_resolution_and_comes_at_once() {
    let servers = vec![closed_port().into(), closed_port().into()];
    let resolver = start(|config| config.servers = Some(servers));
    let asked = ask(&resolver, "x.example");
    let at = asked.at;
    let answers = asked.rest().await;
    for answer in &answers {
        let failure = answer.result.as_ref().unwrap_err().to_string();
        assert!(
            failure.starts_with("cannot resolve x.example: no name server could be reached"),
            "{failure}"
        );
        assert_eq!(answer.origin, Origin::Nobody);
    }
    assert!(at.elapsed() < SOON, "{:?}", at.elapsed());
}

#[actix::test]
async fn an_answer_to_another_question_is_ignored() {
    let server = DnsServer::start().await.unwrap();
    let reply = Reply::addresses([V6, V4]).after(Duration::from_millis(100));
    both(&server, "x.example", reply.misled_first(["2001:db8::bad", "192.0.2.66"]));
    let results = ask(&resolver_of(&server), "x.example").all().await;
    assert!(results.contains(&ok(&[V6])) && results.contains(&ok(&[V4])), "{results:?}");
}

#[actix::test]
async fn an_answer_that_cannot_be_read_is_asked_for_over_tcp() {
    let server = DnsServer::start().await.unwrap();
    server.on("x.example", RecordType::A, Reply::addresses([V4]).cut());
    let answers = ask_for(&resolver_of(&server), "x.example", RecordKind::A).rest().await;
    assert_eq!(addresses(answers[0].result.clone()), ok(&[V4]));
    let over_tcp = Origin::Server { address: server.address(), protocol: DnsProtocol::Tcp };
    assert_eq!(answers[0].origin, over_tcp);
}

#[actix::test]
async fn a_server_that_cuts_off_its_answer_and_refuses_tcp_has_been_reached_all_the_same() {
    let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let serving = actix_rt::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = server.recv_from(&mut buffer).await {
            // It is an answer, and truncated (RFC 1035 §4.1.1).
            buffer[2] |= 0x82;
            _ = server.send_to(&buffer[..length], from).await;
        }
    });
    let resolver = start(|config| config.servers = Some(vec![address.into()]));
    let answers = ask_for(&resolver, "x.example", RecordKind::A).rest().await;
    let failure = answers[0].result.as_ref().unwrap_err().to_string();
    assert!(failure.ends_with("it cannot be asked over TCP"), "{failure}");
    assert_eq!(answers[0].origin, Origin::Server { address, protocol: DnsProtocol::Udp });
    serving.abort();
}

#[actix::test]
async fn aliases_are_followed_and_a_loop_of_them_ends() {
    let server = DnsServer::start().await.unwrap();
    let chain = Reply::addresses([V4]).alias_of("b.example").alias_of("c.example");
    server.on("a.example", RecordType::A, chain);
    // In two answers.
    server.on("far.example", RecordType::A, Reply::no_data().alias_of("end.example"));
    server.on("end.example", RecordType::A, Reply::addresses([V4]));
    // Within one answer, and over several.
    server.on("self.example", RecordType::A, Reply::no_data().alias_of("self.example"));
    server.on("one.example", RecordType::A, Reply::no_data().alias_of("two.example"));
    server.on("two.example", RecordType::A, Reply::no_data().alias_of("one.example"));
    let resolver = resolver_of(&server);
    for name in ["a.example", "far.example"] {
        assert_eq!(ask_for(&resolver, name, RecordKind::A).all().await, [ok(&[V4])], "{name}");
    }
    for name in ["self.example", "one.example"] {
        let asked = ask_for(&resolver, name, RecordKind::A);
        let at = asked.at;
        let results = asked.all().await;
        assert!(results[0].is_err(), "{name}: {results:?}");
        assert!(at.elapsed() < SOON, "{name}: {:?}", at.elapsed());
    }
    assert!(server.asked().len() < 50, "{}", server.asked().len());
}

#[actix::test]
async fn of_thousands_of_addresses_only_so_many_count() {
    let server = DnsServer::start().await.unwrap();
    let many: Vec<_> = (0..2000).map(|n| format!("10.0.{}.{}", n / 256, n % 256)).collect();
    server.on("many.example", RecordType::A, Reply::addresses(many.iter().map(String::as_str)).truncated());
    let answers = ask_for(&resolver_of(&server), "many.example", RecordKind::A).rest().await;
    assert_eq!(answers[0].result.as_ref().unwrap().len(), MAX_RECORDS);
}

#[actix::test]
async fn an_ipv4_mapped_address_is_the_ipv4_address_that_it_maps() {
    let server = DnsServer::start().await.unwrap();
    server.on("mapped.example", RecordType::AAAA, Reply::addresses(["::ffff:192.0.2.1"]));
    let results = ask_for(&resolver_of(&server), "mapped.example", RecordKind::Aaaa).all().await;
    assert_eq!(results, [ok(&["192.0.2.1"])]);
}

#[actix::test]
async fn name_servers_are_asked_over_tls_and_https() {
    let server = DnsServer::start_secure().await.unwrap();
    both(&server, "x.example", Reply::addresses([V6, V4]));
    server.on("x.example", RecordType::HTTPS, Reply::services([service(1, ".")]));
    for (via, protocol) in [
        (NameServer::tls(server.tls(), "dns.example"), DnsProtocol::Tls),
        (NameServer::https(server.https(), "dns.example"), DnsProtocol::Https),
    ] {
        let address = via.address;
        let resolver = start(|config| {
            config.servers = Some(vec![via]);
            config.roots = Roots::Only(vec![server.authority()]);
        });
        let answers = ask_for(&resolver, "x.example", Kinds::ALL).rest().await;
        for answer in &answers {
            assert!(answer.result.is_ok(), "{answer:?}");
            assert_eq!(answer.origin, Origin::Server { address, protocol });
            assert!(answer.origin.is_secure());
        }
        let again = ask_for(&resolver, "x.example", Kinds::ALL).rest().await;
        assert!(again.iter().all(|answer| answer.origin == Origin::Cache { secure: true }));
        assert_eq!(ask(&resolver, "nowhere.example").all().await[0], no_such_name("nowhere.example"));
    }
}

#[actix::test]
async fn a_name_server_that_nobody_vouches_for_is_told_nothing() {
    let (server, other) =
        (DnsServer::start_secure().await.unwrap(), DnsServer::start_secure().await.unwrap());
    both(&server, "x.example", Reply::addresses([V6, V4]));
    for (via, authority) in [
        (NameServer::tls(server.tls(), "dns.example"), other.authority()),
        (NameServer::tls(server.tls(), "another.example"), server.authority()),
        (NameServer::https(server.https(), "another.example"), server.authority()),
        (NameServer::tls(server.address(), "dns.example"), server.authority()),
    ] {
        let resolver = start(|config| {
            config.servers = Some(vec![via.clone()]);
            config.roots = Roots::Only(vec![authority]);
            config.timeout = Duration::from_secs(2);
        });
        let results = ask(&resolver, "x.example").all().await;
        assert!(results.iter().all(Result::is_err), "{via:?}: {results:?}");
    }
    assert_eq!(server.asked(), []);
}

#[cfg(target_os = "linux")]
#[actix::test]
async fn an_interface_that_is_not_there_is_a_failure_and_servers_of_this_host_need_none() {
    let server = DnsServer::start().await.unwrap();
    server.on("x.example", RecordType::A, Reply::addresses([V4]));
    let over = |resolver: &Addr<NameResolver>| {
        let (out, answers) = mpsc::unbounded_channel();
        let asker = Asker(out).start();
        let resolve = Resolve::new(QueryId(7), "x.example", RecordKind::A, asker.clone().recipient());
        resolver.try_send(resolve.over(Some("neatflow9".into()))).unwrap();
        Asked { asker, answers, at: Instant::now() }
    };
    assert_eq!(over(&resolver_of(&server)).all().await, [ok(&[V4])]);
    let far = SocketAddr::from(([192, 0, 2, 53], 53));
    let results = over(&start(|config| config.servers = Some(vec![far.into()]))).all().await;
    assert!(matches!(&results[..], [Err(ResolutionFailure::Other { .. })]), "{results:?}");
}

#[actix::test]
async fn an_answer_tells_for_how_long_it_is_good() {
    let server = DnsServer::start().await.unwrap();
    server.on("x.example", RecordType::A, Reply::addresses([V4]).ttl(60));
    let resolver = resolver_of(&server);
    let minute = Some(Duration::from_secs(60));
    assert_eq!(ask_for(&resolver, "x.example", RecordKind::A).rest().await[0].ttl, minute);
    let kept = ask_for(&resolver, "x.example", RecordKind::A).rest().await;
    assert!(kept[0].ttl < minute && kept[0].ttl > Some(Duration::from_secs(30)), "{kept:?}");
    assert_eq!(ask_for(&resolver, V4, RecordKind::A).rest().await[0].ttl, None);
}

#[actix::test]
async fn the_prefix_of_a_nat64_is_found_and_kept() {
    let server = DnsServer::start().await.unwrap();
    let resolver = resolver_of(&server);
    let reply = Reply::addresses(["2001:db8:64::192.0.0.170", "2001:db8:64::192.0.0.171"]);
    server.on("ipv4only.arpa", RecordType::AAAA, reply);
    for _ in 0..2 {
        let found = resolver.send(FindPref64::default()).await.unwrap().unwrap();
        assert_eq!(found.map(|prefix| prefix.to_string()).as_deref(), Some("2001:db8:64::/96"));
    }
    assert_eq!(server.queries("ipv4only.arpa", RecordType::AAAA), 1);
    for (reply, told) in [
        (Reply::no_data(), Some(None)),
        (Reply::no_such_name(), Some(None)),
        (Reply::addresses(["2001:db8::1"]), Some(None)),
        (Reply::server_failure(), None),
    ] {
        server.on("ipv4only.arpa", RecordType::AAAA, reply);
        let found = resolver_of(&server).send(FindPref64::default()).await.unwrap();
        assert_eq!(found.ok(), told);
    }
}

#[actix::test]
async fn providers_of_a_service_come_in_their_order() {
    let server = DnsServer::start().await.unwrap();
    let resolver = resolver_of(&server);
    let provider =
        |priority, target: &str| Service { priority, weight: 1, port: 5060, target: target.into() };
    let providers = [provider(2, "c.example"), provider(1, "a.example"), provider(1, "b.example")];
    server.on("_sip._udp.example.org", RecordType::SRV, Reply::providers(providers));
    server.on("_off._udp.example.org", RecordType::SRV, Reply::providers([provider(0, "")]));
    let find = |service: &str| {
        let (service, host) = (service.into(), "example.org".into());
        resolver.send(FindProviders { service, host, interface: None })
    };
    let found = find("_sip._udp").await.unwrap().unwrap();
    let order: Vec<_> = found.iter().map(|provider| provider.priority).collect();
    assert_eq!(order, [1, 1, 2]);
    assert_eq!(find("_off._udp").await.unwrap(), Ok(Vec::new()));
    let failure = find("_none._udp").await.unwrap().unwrap_err();
    assert_eq!(failure.to_string(), "no such name: _none._udp.example.org");
    assert!(find("_b d._udp").await.unwrap().is_err());
    assert_eq!(server.queries("_sip._udp.example.org", RecordType::SRV), 1);
}

#[actix::test]
async fn a_race_on_a_network_of_ipv6_alone_finds_its_nat64() {
    let server = DnsServer::start().await.unwrap();
    server.on("old.example", RecordType::A, Reply::addresses(["192.0.2.9"]));
    server.on("old.example", RecordType::AAAA, Reply::no_data());
    server.on("ipv4only.arpa", RecordType::AAAA, Reply::addresses(["2001:db8:64::192.0.0.170"]));
    let behind: IpAddr = "2001:db8:64::192.0.2.9".parse().unwrap();
    let there = Outcome::connects();
    let stack = ScriptedStack::new()
        .to(SocketAddr::new(behind, 80), there)
        .otherwise(Outcome::refused_after(Duration::ZERO));
    let mut config = Harness::config([&stack]);
    config.other_resolver = None;
    config.resolver.servers = Some(vec![server.address().into()]);
    config.resolver.hosts_file = PathBuf::from("/no/such/file");
    config.interfaces = Interfaces::from_fn(|| {
        let mut rows = interfaces();
        for row in &mut rows {
            row.addresses.retain(IpAddr::is_ipv6);
        }
        Ok(rows)
    });
    let probe = EventProbe::start();
    let connection = Harness::with(config).to("old.example:80").tell(&probe).initiate();
    timeout(Duration::from_secs(20), probe.until(EventKind::Ready)).await.expect("it is reached");
    assert_eq!(connection.remote_addr().map(|address| address.ip()), Some(behind));
    assert_eq!(server.queries("ipv4only.arpa", RecordType::AAAA), 1);
}

/// CHG-3, N64-3: what is asked again after a change is asked about the NAT64, too.
#[actix::test]
async fn another_network_keeps_the_way_to_ipv4() {
    let server = DnsServer::start().await.unwrap();
    server.on("old.example", RecordType::A, Reply::addresses(["192.0.2.9", "192.0.2.10"]));
    server.on("old.example", RecordType::AAAA, Reply::no_data());
    server.on("ipv4only.arpa", RecordType::AAAA, Reply::addresses(["2001:db8:64::192.0.0.170"]));
    let behind = |last: &str| -> IpAddr { format!("2001:db8:64::192.0.2.{last}").parse().unwrap() };
    let stack = ScriptedStack::new()
        .to(SocketAddr::new(behind("9"), 80), Outcome::silent())
        .to(SocketAddr::new(behind("10"), 80), Outcome::connects())
        .otherwise(Outcome::refused_after(Duration::ZERO));
    let row = |addresses: &[&str]| InterfaceRow {
        name: "eth0".into(),
        index: 2,
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        up: true,
        ..InterfaceRow::default()
    };
    let (tell, told) = futures::channel::mpsc::unbounded();
    tell.unbounded_send(HostNetwork::new(vec![row(&["2001:db8::100"])])).unwrap();
    let told = std::sync::Mutex::new(Some(told));
    let mut config = Harness::config([&stack]);
    config.network = Source::from_fn(move || stream::iter(told.lock().unwrap().take()).flatten());
    config.other_resolver = None;
    config.resolver.servers = Some(vec![server.address().into()]);
    config.resolver.hosts_file = PathBuf::from("/no/such/file");
    // Nothing is tried next before the network is another one.
    config.racing.attempt_delay = Duration::from_secs(2);
    let probe = EventProbe::start();
    let connection = Harness::with(config).to("old.example:80").tell(&probe).initiate();
    while stack.attempts().is_empty() {
        sleep(Duration::from_millis(5)).await;
    }
    tell.unbounded_send(HostNetwork::new(vec![row(&["2001:db8::100", "2001:db8::200"])])).unwrap();
    timeout(Duration::from_secs(20), probe.until(EventKind::Ready)).await.expect("it is reached");
    assert_eq!(connection.remote_addr().map(|address| address.ip()), Some(behind("10")));
    assert_eq!(stack.attempts().len(), 2);
}
