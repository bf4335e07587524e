//! The name resolver against a real name server on loopback, in real time.

use actix::prelude::*;
use neatflow_actors::name_resolver::{Answered, Config, NameResolver, Origin, QueryId, Resolve};
use neatflow_core::ResolutionFailure;
use neatflow_core::racing::{Address, Family, RecordKind};
use neatflow_core::resolution::{Kinds, Records};
use neatflow_testing::dns::{DnsServer, RecordType, Reply};
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
    start(|config| config.servers = Some(vec![address]))
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
        config.servers = Some(vec![address]);
        config.timeout = time;
    });
    let asked = ask(&resolver, "silent.example");
    let at = asked.at;
    let results = asked.all().await;
    assert!(timed_out(&results), "{results:?}");
    assert!(at.elapsed() >= time / 2 && at.elapsed() < time + SOON, "{:?}", at.elapsed());
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
            config.servers = Some(servers);
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
            config.servers = Some(servers);
            config.timeout = Duration::from_secs(3);
        });
        let mut results = ask(&resolver, "x.example").all().await;
        results.sort_by_key(|result| result.as_ref().map_or(None, |addresses| Some(addresses[0].is_ipv4())));
        assert_eq!(results, [ok(&[V6]), ok(&[V4])], "in place {place}");
    }
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
        config.servers = Some(vec![address]);
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
        config.servers = Some(vec![address]);
        config.hosts_file = hosts.path().into();
    });
    for name in ["one.example", "ONE.example."] {
        assert_eq!(ask(&resolver, name).all().await, [ok(&["2001:db8::9"]), ok(&["198.51.100.1"])]);
    }
    assert_eq!(server.asked(), []);

    fs::write(hosts.path(), "198.51.100.33 one.example\n").unwrap();
    let results = ask(&resolver, "one.example").all().await;
    assert_eq!(results, [no_addresses("one.example"), ok(&["198.51.100.33"])]);

    fs::remove_file(hosts.path()).unwrap();
    assert_eq!(ask(&resolver, "one.example").all().await.len(), 2);
    assert_eq!(server.queries("one.example", RecordType::A), 1);
}

#[actix::test]
async fn a_search_stops_at_the_first_domain_that_has_addresses() {
    let server = DnsServer::start().await.unwrap();
    let address = server.address();
    let resolver = start(|config| {
        config.servers = Some(vec![address]);
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
        config.servers = Some(vec![address]);
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
        config.servers = Some(vec![address]);
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
        config.servers = Some(vec![address]);
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
        config.servers = Some(vec![address]);
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
            config.servers = Some(vec![address]);
            config.timeout = time;
            config.in_flight = 0;
        });
        let results = ask(&resolver, "x.example").all().await;
        assert_eq!(results.iter().all(Result::is_ok), succeeds, "{results:?}");
    }
}
