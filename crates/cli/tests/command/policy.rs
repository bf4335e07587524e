//! `neatflow policy`.

use super::support::{neatflow, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory of files that is gone afterwards.
pub(crate) struct Files(pub(crate) PathBuf);

impl Files {
    pub(crate) fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let directory = std::env::temp_dir().join(format!("neatflow-command-{}-{name}", std::process::id()));
        let _none = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        for (name, text) in files {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(directory)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn explained(request: &str, options: &[&str]) -> String {
    let args = [&["policy", "explain", "-", "--no-policies"], options].concat();
    String::from_utf8(neatflow(&args).fed(request.as_bytes()).finish().expect(0).stdout).unwrap()
}

const RELIABLE: &str = r#"[{"transport": {"value": "reliable"}, "mtu": {"value": 1500, "precedence": 2}}]"#;

#[test]
fn a_request_is_explained_step_by_step_with_scores() {
    let told = explained(RELIABLE, &[]);
    let candidates: Vec<&str> =
        told.lines().filter(|line| line.starts_with("  ") && line.contains(". ")).collect();
    assert_eq!(candidates.len(), 3, "{told}");
    assert!(
        candidates[0].contains("[transport|SCTP]+3") && candidates[0].contains("no stack here"),
        "{told}"
    );
    assert!(
        candidates[1].contains("[transport|TCP]+2") && !candidates[1].contains("no stack here"),
        "{told}"
    );
    assert!(told.contains("profile reliable_transports: transport (reliable) -> [TCP]+2"), "{told}");
}

#[test]
fn in_json_the_explanation_has_the_same() {
    let told: Value = serde_json::from_str(&explained(RELIABLE, &["--json"])).unwrap();
    let candidates = told["candidates"].as_array().unwrap();
    let words: Vec<&str> =
        candidates.iter().map(|one| one["properties"]["transport"]["value"].as_str().unwrap()).collect();
    assert_eq!(words, ["SCTP", "TCP", "SCTP/UDP"]);
    assert_eq!(candidates[1]["usable"], true);
    assert_eq!(candidates[1]["steps"][1]["by"]["profile"], "reliable_transports");
}

#[test]
fn policies_of_directories_and_who_they_rule_out_are_in_the_explanation() {
    let files = Files::new(
        "explain",
        &[
            (
                "pib/no_tcp.policy",
                r#"{"match": {"transport": {"value": "TCP"}}, "properties": {"mtu": {"value": 9000, "precedence": 2}}}"#,
            ),
            (
                "cib/eth7.cib",
                r#"{"root": true, "expire": -1, "properties": {"interface": {"value": "eth7"}, "transport": {"value": null}, "mtu": {"value": 1500, "score": 4}}}"#,
            ),
            ("bad.policy", "{\n \"match\": 1}"),
        ],
    );
    let args = ["policy", "explain", "-", "--no-policies", "--policy-dir", files.path()];
    let finished = neatflow(&args).fed(RELIABLE.as_bytes()).finish().expect(0);
    let told = String::from_utf8(finished.stdout).unwrap();
    assert!(told.contains("ruled out by policy no_tcp: mtu is 1500 and must be 9000"), "{told}");
    assert!(told.contains("row eth7:"), "{told}");
    assert!(finished.stderr.contains("bad.policy:2:11: match: expected an object"), "{}", finished.stderr);
}

#[test]
fn a_connection_is_explained_without_anything_being_sent() {
    let args = ["policy", "explain", "127.0.0.1", "9", "--prohibit", "reliability", "--no-policies"];
    let told = String::from_utf8(run(&args).expect(0).stdout).unwrap();
    assert!(
        told.contains("ruled out by stack tcp: ") && told.contains("reliability is true and must be false"),
        "{told}"
    );
    let told =
        String::from_utf8(run(&["policy", "explain", "host.example", "443"]).expect(0).stdout).unwrap();
    assert!(told.contains("domain_name [host.example]") && told.contains("stack tcp:"), "{told}");
}

#[test]
fn a_request_that_is_none_is_told_with_its_place() {
    let finished = neatflow(&["policy", "explain", "-"]).fed(b"[{\"transport\": {}}]").finish().expect(2);
    assert_eq!(finished.stderr, "neatflow: -:1:16: [0].transport: an empty transport\n");
    let finished = neatflow(&["policy", "explain", "-"]).fed(&[b' '; 2 << 20]).finish().expect(2);
    assert!(finished.stderr.contains("longer than"), "{}", finished.stderr);
    run(&["policy", "explain", "/no/such/file"]).expect(2);
    run(&["policy", "explain", "localhost", "http"]).expect(2);
}

#[test]
fn a_check_names_file_line_and_reason_of_each_fault() {
    let files = Files::new(
        "check",
        &[
            ("good.policy", r#"{"match": {}}"#),
            ("pib/nested.policy", "{\n\"properties\":\n  {\"a\": {\"value\": [[1]]}}}"),
            ("pib/unknown.profile", r#"{"propertees": {}}"#),
            ("cib/one.cib", r#"{"root": true, "expire": -1}"#),
            ("cib/old.cib", r#"{"root": true, "expire": 12}"#),
            ("cib/cut.cib", r#"{"root": tr"#),
            ("notes.txt", "not ours"),
        ],
    );
    let told = String::from_utf8(run(&["policy", "check", files.path()]).expect(1).stdout).unwrap();
    for fault in [
        "nested.policy:3:20: properties.a.value[0]: a list or an object inside a list of values",
        "unknown.profile:1:2: propertees: unknown key \"propertees\"",
        "old.cib:1:26: expire: expired",
        "cut.cib:1:10: not JSON",
    ] {
        assert!(told.contains(fault), "{fault}: {told}");
    }
    assert_eq!(told.lines().last(), Some("2 entries, 4 faults"), "{told}");
    let good = files.0.join("good.policy");
    let told = run(&["policy", "check", good.to_str().unwrap()]).expect(0).stdout;
    assert_eq!(told, b"1 entries, 0 faults\n");
    run(&["policy", "check", "/no/such/directory"]).expect(1);
    run(&["policy", "check", files.0.join("notes.txt").to_str().unwrap()]).expect(1);
}

#[test]
fn rows_are_those_of_the_interfaces_and_of_the_nodes() {
    let files = Files::new(
        "rows",
        &[
            ("a.cib", r#"{"root": true, "expire": -1, "properties": {"interface": {"value": "eth7"}}}"#),
            (
                "b.cib",
                r#"{"link": true, "expire": -1, "match": {"interface": {"value": "eth7"}}, "properties": {"rtt": {"value": 5}}}"#,
            ),
        ],
    );
    let options = ["policy", "rows", "--no-policies", "--cib", files.path()];
    let told = String::from_utf8(run(&options).expect(0).stdout).unwrap();
    assert!(told.lines().any(|line| line == "a<<b: (interface|eth7) (rtt|5)"), "{told}");
    assert!(told.contains("lo: [interface|lo]"), "{told}");
    let json: Value =
        serde_json::from_slice(&run(&[&options[..], &["--json"]].concat()).expect(0).stdout).unwrap();
    assert!(
        json.as_array().unwrap().iter().any(|row| row["nodes"] == serde_json::json!(["a", "b"])),
        "{json}"
    );
}

#[test]
fn what_is_exported_is_understood_and_says_the_same() {
    let files = Files::new("export", &[("cib/a.cib", r#"{"root": true, "expire": -1}"#)]);
    let into = files.0.join("out");
    let into = into.to_str().unwrap();
    let export = ["policy", "export", "--no-policies", "--policy-dir", files.path()];
    let told = run(&[&export[..], &["--into", into]].concat()).expect(0).stdout;
    assert!(String::from_utf8(told).unwrap().starts_with("9 files in "));
    run(&["policy", "check", into]).expect(0);
    run(&[&export[..], &["--into", into]].concat()).expect(1);
    let again = ["policy", "export", "--no-policies", "--policy-dir", into];
    let (one, other) = (run(&export).expect(0).stdout, run(&again).expect(0).stdout);
    assert_eq!(String::from_utf8(one).unwrap(), String::from_utf8(other).unwrap());
}

#[test]
fn schemas_are_printed_as_they_are_published() {
    for (format, name) in [("policy", "policy.schema.json"), ("cib", "cib.schema.json")] {
        let printed = run(&["policy", "schema", format]).expect(0).stdout;
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema").join(name);
        assert_eq!(printed, fs::read(path).unwrap(), "{name}");
    }
}

#[test]
fn a_connection_keeps_to_policies_of_directories_and_to_properties_in_neats_language() {
    let files = Files::new(
        "connect",
        &[
            (
                "no_tcp.policy",
                r#"{"match": {"transport": {"value": "TCP"}}, "properties": {"port": {"value": 1, "precedence": 2}}}"#,
            ),
            ("sctp.json", r#"{"transport": {"value": "SCTP", "precedence": 2}}"#),
            ("bad.json", r#"{"transport": {}}"#),
        ],
    );
    let connect = |options: &[&str]| {
        let fixed = ["connect", "127.0.0.1", "9", "--no-policies", "--timeout", "5"];
        neatflow(&[&fixed[..], options].concat()).fed(b"").finish()
    };
    let ruled_out = connect(&["--policy-dir", files.path()]).expect(1);
    assert!(ruled_out.stderr.contains("no_tcp"), "{}", ruled_out.stderr);
    let (sctp, bad) = (files.0.join("sctp.json"), files.0.join("bad.json"));
    let not_here = connect(&["--neat-properties", sctp.to_str().unwrap()]).expect(1);
    assert!(not_here.stderr.contains("SCTP"), "{}", not_here.stderr);
    let wrong = connect(&["--neat-properties", bad.to_str().unwrap()]).expect(2);
    assert!(wrong.stderr.contains("1:15: transport: an empty transport"), "{}", wrong.stderr);
}

#[test]
fn what_cannot_be_asked_is_a_wrong_call() {
    for args in [&["nofile.json"][..], &["localhost", "badport"], &["-"]] {
        let args = [&["policy", "explain", "--no-policies"], args].concat();
        neatflow(&args).fed(b"[{").finish().expect(2);
    }
}

#[cfg(unix)]
#[test]
fn a_check_ends_whatever_it_is_given_and_shows_names_as_they_are() {
    let files = Files::new("odd", &[("esc\u{1b}[31mred.policy", "{")]);
    let (pipe, endless) = (files.0.join("pipe.policy"), files.0.join("zero.policy"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", &endless).unwrap();
    for path in [&pipe, &endless] {
        let told = run(&["policy", "check", path.to_str().unwrap()]).expect(1).stderr;
        assert!(told.contains("it is no file"), "{told}");
    }
    let huge = files.0.join("huge.policy");
    fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap();
    let told = run(&["policy", "check", huge.to_str().unwrap()]).expect(1);
    assert!(String::from_utf8_lossy(&told.stdout).contains("longer than"), "{told:?}");
    fs::remove_file(&huge).unwrap();
    let told = String::from_utf8(run(&["policy", "check", files.path()]).expect(1).stdout).unwrap();
    assert!(told.contains("esc\\u{1b}[31mred.policy") && !told.contains('\u{1b}'), "{told:?}");
}
