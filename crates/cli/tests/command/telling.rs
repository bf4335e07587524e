//! What is told on standard error.

use super::support::{Names, Peer, Refusing, neatflow, read_all, run};
use serde_json::Value;
use std::io::Write;

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

fn answering() -> Peer<Vec<u8>> {
    Peer::new(|mut stream| {
        stream.write_all(b"answer").unwrap();
        read_all(stream)
    })
}

#[test]
fn nothing_is_told_unless_asked_for() {
    let peer = answering();
    let client = neatflow(&["connect", "127.0.0.1", &peer.port()]).fed(b"question").finish().expect(0);
    assert_eq!(client.stderr, "");
}

#[test]
fn verbosely_the_race_and_every_event_are_told() {
    let peer = answering();
    let client = neatflow(&["connect", "-v", "127.0.0.1", &peer.port()]).fed(b"question").finish().expect(0);
    assert_eq!(client.stdout, b"answer");
    for event in ["Ready", "Received", "Sent", "AllWritten", "ReceiveError", "Closed"] {
        assert!(client.stderr.contains(&format!(" ms  {event} ")), "{event} in: {}", client.stderr);
    }
    let race = client.stderr.lines().find(|line| line.contains("#0")).unwrap();
    for told in [&format!("tcp 127.0.0.1:{}", peer.port()), "first", "won"] {
        assert!(race.contains(told), "{told} in: {race}");
    }
}

#[test]
fn in_json_each_line_is_an_object() {
    let (names, peer) = (Names::new(), answering());
    let client = ["connect", "--json", "--dns", &names.address, "two.example", &peer.port()];
    let client = neatflow(&client).fed(b"question").finish().expect(0);
    let lines = lines(&client.stderr);
    let attempts = of_type(&lines, "attempt");
    assert_eq!((&attempts[0]["end"], &attempts[0]["cause"]), (&"won".into(), &"first".into()), "{lines:?}");
    assert_eq!(of_type(&lines, "untried").len(), 1, "{lines:?}");
    let events: Vec<_> =
        of_type(&lines, "event").iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!((events[0], events[events.len() - 1]), ("Ready", "Closed"), "{events:?}");
    let received = of_type(&lines, "event").into_iter().filter(|line| line["event"] == "Received");
    assert_eq!(received.map(|line| line["bytes"].as_u64().unwrap()).sum::<u64>(), 6);
}

#[test]
fn in_json_each_reason_is_an_object_too() {
    let (names, refusing) = (Names::new(), Refusing::new());
    let client =
        run(&["connect", "--json", "--dns", &names.address, "two.example", &refusing.port()]).expect(1);
    let lines = lines(&client.stderr);
    let reasons = of_type(&lines, "reason");
    assert_eq!(reasons.len(), 2, "{lines:?}");
    assert!(reasons.iter().all(|line| line["reason"] == "connection refused"), "{reasons:?}");
    assert_eq!(of_type(&lines, "error")[0]["status"], "EstablishmentFailed");
    assert_eq!(of_type(&lines, "attempt").len(), 2, "{lines:?}");
}

#[test]
fn a_server_tells_of_every_connection() {
    let mut server = neatflow(&["listen", "--echo", "-v", "--max", "1", "127.0.0.1", "0"]);
    let port = server.port(true).to_string();
    neatflow(&["connect", "127.0.0.1", &port]).fed(b"hello").finish().expect(0);
    let server = server.finish().expect(0);
    for event in ["ConnectionReceived", "Received", "Sent", "Closed", "Stopped"] {
        assert!(server.stderr.contains(&format!(" ms  {event}")), "{event} in: {}", server.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_joined_listener_tells_in_json_where_it_listens() {
    let server = neatflow(&["listen", "--json", "127.0.0.1", "0"]).fed(b"");
    server.wait_for_stderr("\"type\":\"listening\"");
    server.wait_for_stderr("\n");
    server.signal("-TERM");
    let server = server.finish().expect(0);
    let lines = lines(&server.stderr);
    assert!(lines[0]["port"].as_u64().is_some_and(|port| port > 0), "{lines:?}");
}
