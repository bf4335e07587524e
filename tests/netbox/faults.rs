//! What goes wrong in a race: everybody wins at once, the caller has enough, a link or an interface goes, name servers
//! are dead. Nothing is left of any of it.

use super::scenario::sockets;
use super::{common, trial};
use libtest_mimic::Trial;
use neatflow::prelude::*;
use neatflow::racing::{self, Mode};
use neatflow::{EstablishmentFailure, ResolutionFailure};
use neatflow_testing::dns::{RecordType, Reply};
use neatflow_testing::netbox::{Interface, NetBox, Rule, Server, User};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const PORT: u16 = 7000;
const NAME: &str = "dual.example";

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn trials() -> Vec<Trial> {
    let test = |name: &str, test: fn()| trial(name.to_owned(), User::Ordinary, test);
    vec![
        test("when_all_win_at_once_one_stays_and_the_server_sees_the_others_end", all_win),
        test("cancelled_at_any_time_a_race_leaves_no_socket", cancelled),
        test("an_interface_that_is_removed_in_mid_race_leaves_the_other", interface_removed),
        test("a_link_that_is_cut_in_mid_race_is_waited_for_until_it_is_mended", link_mended),
        test("a_link_that_is_cut_in_mid_race_ends_it_by_its_deadline", link_cut),
        test("with_all_name_servers_dead_resolving_fails_by_its_deadline", all_dead),
        test("a_dead_name_server_is_passed_over", one_dead),
        test("a_name_server_that_is_not_there_is_passed_over", one_refuses),
    ]
}

/// A network in which the name has so many addresses of each family, and a server at all of them.
fn network(interfaces: &[&str], addresses: u8) -> (NetBox, Server) {
    let net = NetBox::with(interfaces.iter().map(|name| Interface::new(name))).unwrap();
    let v6: Vec<String> = (1..=addresses).map(|n| format!("2001:db8::{n}")).collect();
    let v4: Vec<String> = (1..=addresses).map(|n| format!("192.0.2.{n}")).collect();
    net.dns().on(NAME, RecordType::AAAA, Reply::addresses(v6.iter().map(String::as_str)));
    net.dns().on(NAME, RecordType::A, Reply::addresses(v4.iter().map(String::as_str)));
    let server = net.echo(PORT).unwrap();
    (net, server)
}

fn transport(net: &NetBox, racing: racing::Config) -> Transport {
    let transport = Transport::builder().name_servers([net.name_server()]).hosts_file("/no/such/file");
    transport.racing(racing).start()
}

fn to_name(transport: &Transport) -> Preconnection {
    Preconnection::new(transport).require(Reliability).remote((NAME, PORT))
}

/// Waits until so many connections are left, at the server and here.
async fn are_left(server: &Server, wanted: usize) {
    let settled = async {
        while (server.open(), sockets()) != (wanted, wanted) {
            sleep(ms(2)).await;
        }
    };
    let in_time = timeout(ms(3000), settled).await;
    assert!(in_time.is_ok(), "{} at the server, {} here, not {wanted}", server.open(), sockets());
}

fn all_win() {
    const ROUNDS: usize = 10;
    let (net, server) = network(&["net0"], 3);
    net.rules([Rule::all().tcp().port(PORT).delay(ms(20))]);
    common::run(async {
        let mut racing = racing::Config::default();
        racing.mode = Mode::Simultaneous;
        let transport = transport(&net, racing);
        for _ in 0..ROUNDS {
            let connection = to_name(&transport).initiate().unwrap();
            common::within(connection.ready()).await.unwrap();
            are_left(&server, 1).await;
            connection.send("still there");
            assert_eq!(common::receive_bytes(&connection, 11).await, b"still there");
            connection.close();
            common::within(connection.closed()).await.unwrap();
            are_left(&server, 0).await;
        }
    });
    let losers = server.accepted().len() - ROUNDS;
    assert!(losers >= ROUNDS, "{losers} losers were accepted: nobody won at once, and nothing was tested");
}

fn cancelled() {
    let (net, server) = network(&["net0"], 2);
    net.rules([
        Rule::to("2001:db8::1").tcp().dropped(),
        Rule::to("192.0.2.1").tcp().refused(ms(30)),
        Rule::all().tcp().port(PORT).delay(ms(40)),
    ]);
    common::run(async {
        let transport = transport(&net, racing::Config::default());
        // To the name, the attempts, the failure, the win and beyond, and not only at whole milliseconds.
        for step in 0..24 {
            let connection = to_name(&transport).initiate().unwrap();
            sleep(Duration::from_micros(step * 16_370)).await;
            match step % 3 {
                0 => drop(connection),
                1 => connection.abort(),
                _ => connection.close(),
            }
            are_left(&server, 0).await;
        }
    });
}

fn interface_removed() {
    let (net, server) = network(&["wlan0", "wwan0"], 1);
    net.rules([Rule::all().tcp().over("wlan0").dropped()]);
    common::run(async {
        let transport = transport(&net, racing::Config::default());
        let connection = to_name(&transport).initiate().unwrap();
        sleep(ms(100)).await;
        net.remove("wlan0").unwrap();
        let removed = net.elapsed();
        common::within(connection.ready()).await.unwrap();
        let took = net.elapsed() - removed;
        // Two attempts are left, an attempt delay apart at most, and a machine that may be busy.
        assert!(took < ms(1000), "{took:?}");
        let local = connection.local_addr().unwrap().ip();
        let of_wwan0: [IpAddr; 2] =
            ["2001:db8:ffff:1::10", "198.51.100.11"].map(|text| text.parse().unwrap());
        assert!(of_wwan0.contains(&local), "{local}");
        let over = |interface| net.seen().iter().filter(|one| one.syn && one.interface == interface).count();
        assert!(over("wlan0") >= 1, "nothing was tried before");
        connection.close();
        common::within(connection.closed()).await.unwrap();
        are_left(&server, 0).await;
    });
}

fn link_mended() {
    let (net, server) = network(&["net0"], 1);
    net.rules([Rule::all().tcp().port(PORT).delay(ms(200))]);
    common::run(async {
        let transport = transport(&net, racing::Config::default());
        let connection = to_name(&transport).initiate().unwrap();
        sleep(ms(100)).await;
        net.cut("net0");
        sleep(ms(500)).await;
        net.mend("net0");
        // The system sends its SYN again after a second.
        common::within(connection.ready()).await.unwrap();
        connection.close();
        common::within(connection.closed()).await.unwrap();
        are_left(&server, 0).await;
    });
}

fn link_cut() {
    let (net, server) = network(&["net0"], 1);
    net.rules([Rule::all().tcp().port(PORT).delay(ms(200))]);
    common::run(async {
        let transport = transport(&net, racing::Config::default());
        let connection = to_name(&transport).timeout(ms(700)).initiate().unwrap();
        sleep(ms(100)).await;
        net.cut("net0");
        let failure = common::within(connection.ready()).await.unwrap_err();
        let EstablishmentFailure::Timeout { .. } = &*failure else { panic!("{failure}") };
        let race = connection.race().unwrap();
        assert_eq!(race.timeline.attempts.len(), 2, "{race:?}");
        are_left(&server, 0).await;
    });
}

fn all_dead() {
    let (net, _server) = network(&["net0"], 1);
    net.rules([Rule::all().port(53).dropped()]);
    common::run(async {
        let patience = ms(600);
        let transport = Transport::builder()
            .name_servers([net.name_server(), "203.0.113.53:53".parse().unwrap()])
            .resolution_timeout(patience)
            .start();
        let began = net.elapsed();
        let failure = common::within(to_name(&transport).initiate().unwrap().ready()).await.unwrap_err();
        let took = net.elapsed() - began;
        let EstablishmentFailure::ResolutionFailed(failures) = &*failure else { panic!("{failure}") };
        let timed_out = |one: &ResolutionFailure| matches!(one, ResolutionFailure::TimedOut { .. });
        assert!(!failures.is_empty() && failures.iter().all(timed_out), "{failures:?}");
        assert!(patience <= took && took < patience + ms(400), "{took:?}");
        assert!(net.seen().iter().any(|one| one.destination.port() == 53), "nobody was asked");
    });
}

fn one_dead() {
    passes_over(Rule::to("203.0.113.53").dropped());
}

fn one_refuses() {
    passes_over(Rule::to("203.0.113.53").refused(ms(5)));
}

fn passes_over(rule: Rule) {
    let (net, _server) = network(&["net0"], 1);
    net.rules([rule]);
    common::run(async {
        let dead: SocketAddr = "203.0.113.53:53".parse().unwrap();
        let transport = Transport::builder().name_servers([dead, net.name_server()]).start();
        let connection = to_name(&transport).initiate().unwrap();
        common::within(connection.ready()).await.unwrap();
    });
}
