//! `neatflow properties`.

use super::support::run;
use serde_json::Value;

#[test]
fn the_table_has_a_line_for_each_property() {
    let told = String::from_utf8(run(&["properties"]).expect(0).stdout).unwrap();
    let line = |name: &str| -> Vec<&str> {
        let words = told.lines().map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()));
        words.map(Iterator::collect::<Vec<_>>).find(|cells| cells.first() == Some(&name)).unwrap_or_default()
    };
    assert_eq!(line("name"), ["name", "type", "default", "section", "in NEATPy", "tcp", "udp"]);
    assert_eq!(
        line("preserveMsgBoundaries"),
        [
            "preserveMsgBoundaries",
            "preference",
            "No Preference",
            "RFC 9622 §6.2.2",
            "preserve-msg-boundaries",
            "-",
            "always"
        ]
    );
    assert_eq!(
        line("connTimeout")[1..],
        ["seconds", "Disabled", "RFC 9622 §8.1.3", "conn-timeout", "yes", "-"]
    );
    assert_eq!(line("connState")[2], "read-only");
    assert!(told.lines().all(|line| line == line.trim_end()), "{told}");
}

#[test]
fn in_json_it_is_an_array_with_the_same() {
    let told = run(&["properties", "--json"]).expect(0);
    let rows: Vec<Value> = serde_json::from_slice(&told.stdout).unwrap();
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    let text = String::from_utf8(run(&["properties"]).expect(0).stdout).unwrap();
    for name in rows.iter().map(|row| row["name"].as_str().unwrap()) {
        assert!(text.contains(&format!("\n  {name}  ")), "{name}");
    }
    let order = row("preserveOrder");
    assert_eq!((&order["stacks"]["tcp"], &order["stacks"]["udp"]), (&"always".into(), &"never".into()));
    assert_eq!((&order["default"], &order["neatpy"]), (&"Require".into(), &"preserve-order".into()));
    assert_eq!((&order["type"], &order["section"]), (&"preference".into(), &"RFC 9622 §6.2.4".into()));
    assert_eq!(row("direction")["values"][0], "Bidirectional");
    assert_eq!(row("canSend")["read_only"], true);
    assert_eq!(row("canSend")["default"], Value::Null);
}
