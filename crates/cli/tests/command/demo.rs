//! `neatflow demo`.

use super::support::run;
use serde_json::Value;

#[test]
fn it_ends_with_ok_and_without_noise() {
    let demo = run(&["demo"]).expect(0);
    let text = String::from_utf8(demo.stdout).unwrap();
    assert!(text.ends_with("\ndemo: ok\n"), "{text}");
    assert!(text.contains("hello, flow"), "{text}");
    assert_eq!(demo.stderr, "");
}

#[test]
fn in_json_each_line_is_an_object() {
    let demo = run(&["demo", "--json"]).expect(0);
    let text = String::from_utf8(demo.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.last().map(|line| (&line["type"], &line["ok"])), Some((&"demo".into(), &true.into())));
    let ends: Vec<_> =
        lines.iter().filter(|line| line["type"] == "attempt").map(|line| &line["end"]).collect();
    assert_eq!(ends[..3], ["failed", "cancelled", "won"]);
    let restarted = lines.iter().filter(|line| line["type"] == "restarted").count();
    assert_eq!(restarted, 2, "{text}");
}
