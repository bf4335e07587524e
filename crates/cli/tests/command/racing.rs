//! `neatflow race`.

use super::support::{HalfSilent, Names, Peer, Refusing, read_all, run};
use serde_json::Value;
use std::path::PathBuf;

/// A file of this test's own, which is gone when it ends.
/// A file that is removed in the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("neatflow-{}-{name}", std::process::id())))
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn objects(text: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(text).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[test]
fn a_black_hole_costs_one_attempt_delay_and_the_picture_shows_it() {
    let (names, host, file) = (Names::new(), HalfSilent::new(), Scratch::new("hole.svg"));
    let port = host.port();
    let race = ["race", "--dns", &names.address, "--plot", file.path(), "two.example", &port];
    let race = run(&race).expect(0);
    assert_eq!(race.stderr, "");
    let told = String::from_utf8(race.stdout).unwrap();
    let line = |what: &str| told.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{told}"));
    let lost = told.lines().filter(|line| line.contains(&format!("tcp 127.0.0.1:{port}")));
    assert!(lost.clone().any(|line| line.contains("first") && line.ends_with("cancelled")), "{told}");
    let won = line(" won");
    assert!(won.contains(&format!("tcp 127.0.0.2:{port}")) && won.contains("timer"), "{told}");
    assert!(line("attempt delay").contains(" ms"), "{told}");
    assert!(
        line("connected to ").starts_with(&format!("connected to tcp 127.0.0.2:{port} after ")),
        "{told}"
    );

    let picture = std::fs::read_to_string(&file.0).unwrap();
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
    for drawn in
        ["class=\"cancelled\"", "class=\"won\"", "class=\"winner\"", "class=\"timer\"", "two.example"]
    {
        assert!(picture.contains(drawn), "{drawn} in: {picture}");
    }
}

#[test]
fn in_json_a_race_is_one_object_with_all_of_its_record() {
    let (names, host) = (Names::new(), HalfSilent::new());
    let race = ["race", "--json", "--dns", &names.address, "two.example", &host.port()];
    let lines = objects(&run(&race).expect(0).stdout);
    let [race] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(
        (&race["type"], &race["outcome"], &race["error"]),
        (&"race".into(), &"won".into(), &Value::Null)
    );
    let (record, attempts) = (&race["record"], race["record"]["timeline"]["attempts"].as_array().unwrap());
    assert_eq!((attempts.len(), &attempts[1]["cause"]), (2, &"timer".into()), "{race}");
    assert_eq!((&record["winner"], &attempts[0]["end"]["reason"]), (&attempts[1]["id"], &"cancelled".into()));
    let delay = attempts[1]["started_ms"].as_f64().unwrap() - attempts[0]["started_ms"].as_f64().unwrap();
    assert!((249.0..1_000.0).contains(&delay), "{race}");
    assert_eq!(
        race["connected_ms"].as_f64().map(f64::round),
        attempts[1]["end"]["at_ms"].as_f64().map(f64::round)
    );
}

#[test]
fn many_races_tell_what_they_hid() {
    let (names, host) = (Names::new(), HalfSilent::new());
    let port = host.port();
    let race = ["race", "--count", "2", "--json", "--dns", &names.address, "two.example", &port];
    let lines = objects(&run(&race).expect(0).stdout);
    let [one, _, tally] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&one["type"], &tally["type"]), (&"race".into(), &"tally".into()));
    let racing = &tally["racing"];
    assert_eq!((&racing["races"], &racing["won"]), (&2.into(), &2.into()), "{tally}");
    assert!(racing["extra_attempts"].as_u64().is_some_and(|extra| extra >= 1), "{tally}");
    assert_eq!((&racing["ipv4"]["won"], &racing["ipv6"]["tried"]), (&2.into(), &0.into()), "{tally}");
    assert_eq!(racing["connected"]["count"], 2, "{tally}");

    let race = ["race", "--count", "2", "--dns", &names.address, "two.example", &port];
    let told = String::from_utf8(run(&race).expect(0).stdout).unwrap();
    assert!(told.contains("\n2 races: 2 connected, ") && told.contains("time to connected: mean "), "{told}");
}

#[test]
fn a_race_that_nobody_wins_is_shown_and_ends_with_1() {
    let (names, refusing) = (Names::new(), Refusing::new());
    let race = run(&["race", "--dns", &names.address, "two.example", &refusing.port()]).expect(1);
    let told = String::from_utf8(race.stdout).unwrap();
    assert_eq!(told.matches("failed: connection refused").count(), 2, "{told}");
    assert!(told.ends_with("\nnot connected\n"), "{told}");
    assert!(race.stderr.contains("every candidate failed"), "{}", race.stderr);

    let race = run(&["race", "--json", "--dns", &names.address, "unknown.example", "80"]).expect(1);
    let lines = objects(&race.stdout);
    assert_eq!((lines.len(), &lines[0]["outcome"]), (1, &"lost".into()));
    assert!(lines[0]["error"].is_string() && lines[0]["record"]["winner"].is_null(), "{lines:?}");
}

#[test]
fn nothing_is_sent_and_the_connection_is_closed() {
    let peer = Peer::new(read_all);
    run(&["race", "127.0.0.1", &peer.port()]).expect(0);
    assert_eq!(peer.done(), b"");
}

#[test]
fn a_picture_that_cannot_be_written_is_told() {
    let peer = Peer::new(read_all);
    let race = run(&["race", "--plot", "/nowhere/race.svg", "127.0.0.1", &peer.port()]).expect(3);
    assert!(race.stderr.contains("cannot write /nowhere/race.svg"), "{}", race.stderr);
}
