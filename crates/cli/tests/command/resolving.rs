//! `neatflow resolve`.

use super::racing::Scratch;
use super::support::{Names, Peer, read_all, run};
use serde_json::Value;

fn answers(args: &[&str], code: i32) -> Vec<Value> {
    let told = run(args).expect(code).stdout;
    let text = String::from_utf8(told).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn of<'a>(answers: &'a [Value], kind: &str) -> &'a Value {
    answers.iter().find(|answer| answer["kind"] == kind).unwrap_or_else(|| panic!("{answers:?}"))
}

#[test]
fn each_answer_is_told_as_it_comes_with_its_time_and_who_gave_it() {
    let names = Names::new();
    let answers = answers(&["resolve", "--json", "--dns", &names.address, "slow.example"], 0);
    assert_eq!(answers.len(), 3, "{answers:?}");
    let (a, aaaa) = (of(&answers, "A"), of(&answers, "AAAA"));
    assert_eq!(a["addresses"], serde_json::json!(["192.0.2.1"]));
    assert_eq!(aaaa["addresses"], serde_json::json!(["2001:db8::1"]));
    let (early, late) = (a["after_ms"].as_f64().unwrap(), aaaa["after_ms"].as_f64().unwrap());
    assert!(early < late && late >= 150.0, "{answers:?}");
    let place = |answer| answers.iter().position(|one| one == answer);
    assert!(place(a) < place(aaaa), "{answers:?}");
    assert_eq!(a["origin"], format!("{} over UDP", names.address));
    assert_eq!((&a["secure"], &a["error"]), (&false.into(), &Value::Null));
    assert!(of(&answers, "HTTPS")["error"].is_string(), "{answers:?}");
}

#[test]
fn in_words_each_record_has_a_line() {
    let names = Names::new();
    let told = run(&["resolve", "--type", "a", "--dns", &names.address, "two.example"]).expect(0);
    let told = String::from_utf8(told.stdout).unwrap();
    let lines: Vec<_> = told.lines().collect();
    let [head, first, second] = lines[..] else { panic!("{told}") };
    assert!(head.contains("after") && head.contains("from"), "{told}");
    assert!(
        first.contains(" ms  A ") && first.contains("127.0.0.1") && first.ends_with(" over UDP"),
        "{told}"
    );
    assert_eq!(second.trim(), "127.0.0.2");
}

#[test]
fn what_needs_no_name_server_asks_none() {
    // Nobody answers there.
    let answers = answers(&["resolve", "--json", "--type", "aaaa", "--dns", "127.0.0.1:9", "::1"], 0);
    assert_eq!((answers.len(), &answers[0]["origin"]), (1, &"literal".into()));
    assert_eq!(answers[0]["addresses"], serde_json::json!(["::1"]));
}

#[test]
fn a_name_that_has_nothing_ends_with_1_and_the_reasons() {
    let names = Names::new();
    let command = run(&["resolve", "--dns", &names.address, "unknown.example"]).expect(1);
    let told = String::from_utf8(command.stdout).unwrap();
    assert_eq!(told.matches("no such name: unknown.example").count(), 3, "{told}");
    assert!(command.stderr.contains("cannot resolve unknown.example"), "{}", command.stderr);
    assert!(command.stderr.contains("hint: "), "{}", command.stderr);
}

#[test]
fn a_silent_server_is_given_up_in_time() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = silent.local_addr().unwrap().to_string();
    let answers = answers(&["resolve", "--json", "--timeout", "0.4", "--dns", &server, "x.example"], 1);
    assert_eq!(answers.len(), 3);
    for answer in &answers {
        assert!((390.0..5_000.0).contains(&answer["after_ms"].as_f64().unwrap()), "{answers:?}");
    }
}

#[test]
fn a_name_server_that_answers_in_part_and_refuses_the_rest_has_been_reached() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            // An answer that is cut off: there is more over TCP, where nobody listens.
            buffer[2] |= 0x82;
            let _gone = socket.send_to(&buffer[..length], from);
        }
    });
    let answers = answers(&["resolve", "--json", "--type", "a", "--dns", &address, "host.example"], 1);
    let error = of(&answers, "A")["error"].as_str().unwrap();
    assert!(error.contains("cannot be asked over TCP"), "{error}");
}

#[test]
fn a_name_server_is_asked_over_tls_and_over_https_if_somebody_vouches_for_it() {
    let (names, file) = (Names::new(), Scratch::new("authority.pem"));
    std::fs::write(file.path(), &names.authority).unwrap();
    for (server, over) in [
        (format!("tls://dns.example@{}", names.tls), format!("{} over TLS", names.tls)),
        (format!("https://dns.example@{}", names.https), format!("{} over HTTPS", names.https)),
    ] {
        let wanted = ["resolve", "--json", "--type", "a", "--dns", &server, "two.example"];
        let told = answers(&[&wanted[..], &["--dns-ca", file.path()]].concat(), 0);
        assert_eq!(told[0]["addresses"], serde_json::json!(["127.0.0.1", "127.0.0.2"]));
        assert_eq!((&told[0]["origin"], &told[0]["secure"]), (&over.into(), &true.into()));

        let unknown = answers(&[&wanted[..], &["--timeout", "2"]].concat(), 1);
        assert!(unknown[0]["error"].is_string(), "the system does not vouch for it: {unknown:?}");
    }
    // Its certificate has another name.
    let server = format!("tls://{}", names.tls);
    let wanted = ["resolve", "--json", "--timeout", "2", "--type", "a", "--dns", &server, "two.example"];
    answers(&[&wanted[..], &["--dns-ca", file.path()]].concat(), 1);
    let none = run(&["resolve", "--dns", &server, "--dns-ca", "/dev/null", "two.example"]).expect(2);
    assert!(none.stderr.contains("there is no certificate in it"), "{}", none.stderr);
}

#[test]
fn a_race_and_a_connection_ask_over_tls_too() {
    let (names, file) = (Names::new(), Scratch::new("race.pem"));
    std::fs::write(file.path(), &names.authority).unwrap();
    let server = format!("tls://dns.example@{}", names.tls);
    for command in ["race", "connect"] {
        let peer = Peer::new(read_all);
        let asked = ["--dns", &server, "--dns-ca", file.path(), "two.example", &peer.port()];
        run(&[&[command][..], &asked].concat()).expect(0);
        peer.done();
    }
}

#[test]
fn name_servers_at_which_nobody_listens_are_not_a_matter_of_spelling() {
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for command in
        [&["resolve", "--dns", &closed, "x.example"][..], &["connect", "--dns", &closed, "x.example", "80"]]
    {
        let told = run(command).expect(1);
        assert!(told.stderr.contains("hint: check the network"), "{}", told.stderr);
        assert!(!told.stderr.contains("spelling"), "{}", told.stderr);
        assert!(!told.stderr.contains("has no address"), "{}", told.stderr);
    }
}
