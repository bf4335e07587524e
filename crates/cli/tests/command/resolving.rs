//! `neatflow resolve`.

use super::support::{Names, run};
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

/// A port of loopback at which nobody answers.
fn nobody() -> String {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().to_string()
}

#[test]
fn a_name_server_that_is_not_there_has_nothing_to_do_with_the_spelling() {
    let nobody = nobody();
    let told = run(&["resolve", "--dns", &nobody, "host.example"]).expect(1).stderr;
    assert!(told.contains("hint: check that the name server runs") && !told.contains("spelling"), "{told}");
    let told = run(&["connect", "--no-policies", "--dns", &nobody, "host.example", "80"]).expect(1).stderr;
    assert!(told.contains("the name could not be resolved") && !told.contains("has no address"), "{told}");
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
    assert!(error.contains("or gave its whole answer"), "{error}");
}
