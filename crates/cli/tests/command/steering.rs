//! Connections under policies: `--policy-dir`, `--policy-cache`, `--neat-properties`.

use super::support::{Peer, read_all, run};
use std::fs;
use std::path::{Path, PathBuf};

/// A directory of its own, that is gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("neatflow-steering-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("pib")).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        text_of(&path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_policy_in_a_directory_is_in_force_and_is_named_where_it_rules_everything_out() {
    let scratch = Scratch::new("dir");
    scratch.write(
        "pib/no_tcp.policy",
        r#"{"match": {"transport": {"value": "TCP"}}, "properties": {"transport": {"value": "UDP", "precedence": 2}}}"#,
    );
    let peer = Peer::new(|stream| read_all(&stream));
    let directory = text_of(&scratch.0);
    let refused =
        run(&["connect", "--require", "reliability", "--policy-dir", &directory, "127.0.0.1", &peer.port()]);
    let told = refused.expect(1).stderr;
    assert!(told.contains("no_tcp"), "{told}");
    // The peer is still waiting, and without the policy it is reached.
    run(&["connect", "--no-policies", "127.0.0.1", &peer.port()]).expect(0);
    peer.done();
}

#[test]
fn what_a_connection_taught_is_kept_and_used_the_next_time() {
    let scratch = Scratch::new("cache");
    let cache = text_of(&scratch.0.join("learned.json"));
    for _ in 0..2 {
        let peer = Peer::new(|stream| read_all(&stream));
        run(&["connect", "--policy-cache", &cache, "127.0.0.1", &peer.port()]).expect(0);
        peer.done();
    }
    let kept = fs::read_to_string(&cache).unwrap();
    assert!(kept.contains("neatflow_observations"), "{kept}");
    assert_eq!(kept.matches(r#""transport":"tcp""#).count(), 2, "{kept}");
}

#[test]
fn a_transport_that_is_not_here_is_passed_by() {
    let scratch = Scratch::new("neat");
    let file = scratch.write("wanted.json", r#"{"transport": {"value": ["SCTP", "TCP"], "precedence": 1}}"#);
    let peer = Peer::new(|stream| read_all(&stream));
    run(&["connect", "--neat-properties", &file, "127.0.0.1", &peer.port()]).expect(0);
    peer.done();
    let only = scratch.write("only.json", r#"{"transport": {"value": "SCTP", "precedence": 2}}"#);
    run(&["connect", "--neat-properties", &only, "127.0.0.1", "9"]).expect(1);
    let bad = scratch.write("bad.json", "{\"transport\": {}}");
    let told = run(&["connect", "--neat-properties", &bad, "127.0.0.1", "9"]).expect(2).stderr;
    assert!(told.contains("1:15: transport"), "{told}");
}

/// Connects with these options; what is told on standard error.
fn connected(options: &[&str]) -> String {
    let peer = Peer::new(|stream| read_all(&stream));
    let told =
        run(&[&["connect", "--no-policies"], options, &["127.0.0.1", &peer.port()]].concat()).expect(0);
    peer.done();
    told.stderr
}

#[test]
fn a_policy_that_is_not_in_force_is_told() {
    let scratch = Scratch::new("refused");
    scratch.write("pib/esc\u{1b}[31m.policy", "{\n  \"properties\": 7}");
    let directory = text_of(&scratch.0);
    let told = connected(&["--policy-dir", &directory]);
    assert!(told.starts_with("neatflow: refused: ") && told.contains(".policy:2:"), "{told:?}");
    assert!(told.contains("\\u{1b}[31m") && !told.contains('\u{1b}'), "{told:?}");
    let json = connected(&["--json", "--policy-dir", &directory]);
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((&first["type"], &first["warning"]), (&"warning".into(), &"refused".into()), "{json}");
    let listening =
        run(&["listen", "--no-policies", "--policy-dir", &directory, "--interface", "nowhere", "0"]);
    assert!(listening.expect(1).stderr.contains("refused: "));
}

#[test]
fn a_directory_of_policies_that_is_not_there_is_a_wrong_call() {
    let scratch = Scratch::new("typo");
    let (file, typo) = (scratch.write("some.policy", "{}"), text_of(&scratch.0.join("typo")));
    for place in [&file, &typo] {
        for command in ["connect", "race", "listen", "policy explain"] {
            let mut args: Vec<&str> = command.split(' ').collect();
            args.extend(["--policy-dir", place, "127.0.0.1", "9"]);
            let told = run(&args).expect(2).stderr;
            assert!(told.contains("--policy-dir"), "{command}: {told}");
        }
    }
}

#[test]
fn a_cache_that_is_damaged_or_cannot_be_kept_is_told() {
    let scratch = Scratch::new("damaged");
    let damaged = scratch.write("learned.json", "garbage");
    let told = connected(&["--policy-cache", &damaged]);
    assert!(told.contains("damaged and was set aside") && told.contains("learned.json.damaged"), "{told}");
    let directory = text_of(&scratch.0.join("pib"));
    let told = connected(&["--policy-cache", &directory]);
    assert!(told.contains("cannot read the policy cache") && told.contains("cannot write the"), "{told}");
}

#[cfg(unix)]
#[test]
fn a_cache_that_is_a_pipe_holds_nobody_up() {
    let scratch = Scratch::new("pipe");
    let pipe = text_of(&scratch.0.join("pipe"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let told = connected(&["--policy-cache", &pipe]);
    assert!(told.contains("it is no file"), "{told}");
}

#[test]
fn what_must_be_secured_is_not_connected() {
    let scratch = Scratch::new("secured");
    let asked = scratch.write("np.json", r#"{"security": {"value": true, "precedence": 2}}"#);
    let refused = run(&["connect", "--no-policies", "--neat-properties", &asked, "127.0.0.1", "9"]);
    let told = refused.expect(1).stderr;
    assert!(told.contains("security is required, and no protocol that fits secures anything"), "{told}");
}
