//! NEAT's sockets over real Unix sockets, in real time.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use actix::prelude::*;
use neatflow_actors::Registry;
use neatflow_actors::policy_manager::{Interfaces, PolicyManager};
use neatflow_actors::policy_sockets::{
    CIB_SOCKET, Config, PIB_SOCKET, PM_SOCKET, PolicySockets, SocketFiles, SocketsError,
};
use neatflow_core::policy::InterfaceRow;
use slog::{Discard, Logger, o};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

/// Nothing takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A directory of this test's alone, which is gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("neatflow-{}-{name}", std::process::id()));
        let _none = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// A policy manager on a host with one interface, and its sockets.
struct Daemon {
    scratch: Scratch,
    _sockets: Addr<PolicySockets>,
}

impl Daemon {
    fn start(name: &str, config: Config) -> Self {
        let scratch = Scratch::new(name);
        let logger = Logger::root(Discard, o!());
        let interfaces = Interfaces::from_fn(|| {
            let addresses = vec!["192.0.2.7".parse().unwrap()];
            Ok(vec![InterfaceRow {
                name: "eth0".into(),
                index: 2,
                addresses,
                up: true,
                ..InterfaceRow::default()
            }])
        });
        let manager = PolicyManager::new(&Registry::empty(), interfaces, logger.clone()).start();
        let files = SocketFiles::bind(&scratch.0).unwrap();
        let sockets = PolicySockets::new(files, manager, config, logger).start();
        Self { scratch, _sockets: sockets }
    }

    async fn connect(&self, socket: &str) -> UnixStream {
        UnixStream::connect(self.scratch.0.join(socket)).await.unwrap()
    }

    /// As libneat does: writes it all, shuts down its side, reads to the end.
    async fn ask(&self, socket: &str, text: &str) -> String {
        let mut stream = self.connect(socket).await;
        let (text, mut writer) = (text.to_owned(), Vec::new());
        let told = async {
            // What is too long is not read to its end.
            let _refused = stream.write_all(text.as_bytes()).await;
            let _refused = stream.shutdown().await;
            stream.read_to_end(&mut writer).await.unwrap();
        };
        timeout(PATIENCE, told).await.expect("it answers");
        String::from_utf8(writer).unwrap()
    }

    async fn serves(&self) {
        let reply = self.ask(PM_SOCKET, r#"[{"transport": {"value": "TCP"}}]"#).await;
        assert!(reply.starts_with(r#"[{"transport":{"value":"TCP""#), "{reply}");
    }
}

fn run(name: &'static str, config: Config, test: impl AsyncFnOnce(&Daemon)) {
    System::new().block_on(async move { test(&Daemon::start(name, config)).await });
}

fn quick(patience: u64) -> Config {
    let mut config = Config::default();
    config.patience = Duration::from_millis(patience);
    config
}

// ---------- Requests

#[test]
fn both_calls_of_libneat_are_answered_when_it_shuts_down_its_side() {
    run("calls", Config::default(), async |daemon| {
        let first = r#"[
  {
    "transport": {
      "value": ["SCTP", "TCP"]
    },
    "port": {"precedence": 2, "value": 443},
    "domain_name": [{"precedence": 2, "value": "example.org"}],
    "local_endpoint": [{"precedence": 2, "value": "192.0.2.7@eth0"}],
    "__request_type": {"value": "pre-resolve"}
  }
]"#;
        let reply = daemon.ask(PM_SOCKET, first).await;
        assert_eq!(
            reply,
            concat!(
                r#"[{"domain_name":{"value":"example.org","precedence":2,"score":0.0,"evaluated":false},"#,
                r#""interface":{"value":"eth0","precedence":2,"score":0.0,"evaluated":false},"#,
                r#""local_ip":{"value":"192.0.2.7","precedence":2,"score":0.0,"evaluated":false},"#,
                r#""port":{"value":443,"precedence":2,"score":0.0,"evaluated":false},"#,
                r#""transport":{"value":["SCTP","TCP"],"precedence":1,"score":0.0,"evaluated":false}}]"#,
                "\n"
            )
        );
        // The same again, with the address that was found.
        let second = reply.trim_end().replacen("[{", r#"[{"remote_ip":{"value":"203.0.113.1"},"#, 1);
        let reply = daemon.ask(PM_SOCKET, &second).await;
        let sctp = reply.find(r#""transport":{"value":"SCTP""#).expect("a candidate for SCTP");
        let tcp = reply.find(r#""transport":{"value":"TCP""#).expect("a candidate for TCP");
        assert!(sctp < tcp, "the application's order: {reply}");
    });
}

#[test]
fn a_request_that_ends_with_its_line_is_answered_at_once() {
    run("line", Config::default(), async |daemon| {
        let mut stream = daemon.connect(PM_SOCKET).await;
        stream.write_all(b"[{\"a\":\n {\"value\": 1}}]\n").await.unwrap();
        let mut reply = [0; 2];
        // Its own side is still open.
        timeout(PATIENCE, stream.read_exact(&mut reply)).await.expect("it answers").unwrap();
        assert_eq!(&reply, b"[{");
    });
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_the_next_one_is_served() {
    run("wrong", Config::default(), async |daemon| {
        let exploding: Vec<String> =
            (0..4).map(|n| format!("\"k{n}\": {{\"value\": {:?}}}", (0..50).collect::<Vec<_>>())).collect();
        for (request, told) in [
            ("[", "not JSON"),
            ("[{\"a\": ", "not JSON"),
            ("hello", "not JSON"),
            (r#"[{"transport": {}}]"#, "1:16: [0].transport: an empty transport"),
            (r#"[{"a": {"value": [[1]]}}]"#, "inside a list of values"),
            (r#"[{"a": {"valeu": 1}}]"#, "unknown key"),
            (r#"[{"a": {"precedence": "2"}}]"#, "expected a precedence"),
            (r#"[{"local_endpoint": {"value": "eth0"}}]"#, "address@interface"),
            (&format!("[{{{}}}]", exploding.join(",")), "more than"),
            ("[\u{0}]", "not JSON"),
        ] {
            let reply = daemon.ask(PM_SOCKET, request).await;
            assert!(reply.starts_with("{\"") && reply.ends_with("}\n"), "{request}: {reply}");
            assert!(reply.contains("\"error\":") && unescaped(&reply).contains(told), "{request}: {reply}");
            daemon.serves().await;
        }
        assert_eq!(daemon.ask(PM_SOCKET, "").await, "");
        let mut stream = daemon.connect(PM_SOCKET).await;
        stream.write_all(b"\xff\xfe\n").await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        assert!(reply.contains("not UTF-8"), "{reply}");
    });
}

fn unescaped(reply: &str) -> String {
    reply.replace("\\u005b", "[").replace("\\u005d", "]")
}

#[test]
fn ten_megabytes_are_refused_before_they_are_held() {
    run("long", Config::default(), async |daemon| {
        let reply = daemon.ask(PM_SOCKET, &format!("[{}]", " ".repeat(10 << 20))).await;
        assert!(reply.contains("longer than 1048576 bytes"), "{reply}");
        daemon.serves().await;
    });
}

#[test]
fn half_a_request_ends_with_the_patience_and_keeps_nobody_waiting() {
    run("half", quick(400), async |daemon| {
        let mut slow = daemon.connect(PM_SOCKET).await;
        slow.write_all(br#"[{"transport": {"value""#).await.unwrap();
        let mut silent = daemon.connect(PM_SOCKET).await;
        let begun = Instant::now();
        daemon.serves().await;
        for stream in [&mut slow, &mut silent] {
            let mut reply = String::new();
            timeout(PATIENCE, stream.read_to_string(&mut reply)).await.expect("it ends").unwrap();
            assert!(reply.contains("not complete in time"), "{reply}");
        }
        assert!(begun.elapsed() >= Duration::from_millis(350), "{:?}", begun.elapsed());
    });
}

#[test]
fn when_too_many_dawdle_whoever_came_first_goes_and_the_others_are_served() {
    let mut config = Config::default();
    config.visitors = 20;
    run("crowd", config, async |daemon| {
        let mut dawdling = Vec::new();
        for _ in 0..50 {
            let mut stream = daemon.connect(PM_SOCKET).await;
            stream.write_all(b"[").await.unwrap();
            dawdling.push(stream);
        }
        daemon.serves().await;
        let mut reply = String::new();
        timeout(PATIENCE, dawdling[0].read_to_string(&mut reply)).await.expect("it has to go").unwrap();
        assert!(reply.contains("too many"), "{reply}");
        // Whoever came last can still finish.
        let last = dawdling.last_mut().unwrap();
        last.write_all(b"]\n").await.unwrap();
        let mut reply = [0; 3];
        timeout(PATIENCE, last.read_exact(&mut reply)).await.expect("it is served").unwrap();
        assert_eq!(&reply, b"[]\n");
    });
}

#[test]
fn a_client_that_does_not_take_its_answer_harms_nobody() {
    run("deaf", quick(300), async |daemon| {
        for _ in 0..20 {
            let mut stream = daemon.connect(PM_SOCKET).await;
            stream.write_all(b"[{\"a\": {\"value\": [1, 2, 3]}}]\n").await.unwrap();
            drop(stream);
        }
        daemon.serves().await;
    });
}

// ---------- What is pushed

#[test]
fn a_policy_that_is_pushed_counts_from_the_next_request_on() {
    run("push", Config::default(), async |daemon| {
        let ask = r#"[{"transport": {"value": ["TCP", "SCTP"]}}]"#;
        let reply = daemon.ask(PM_SOCKET, ask).await;
        assert!(reply.find("\"TCP\"").unwrap() < reply.find("\"SCTP\"").unwrap(), "{reply}");
        let policy = r#"{"uid": "sctp_first", "match": {"transport": {"value": "SCTP"}},
                         "properties": {"transport": {"value": "SCTP", "score": 9}}}"#;
        let reply = daemon.ask(PIB_SOCKET, policy).await;
        assert_eq!(reply, "{\"imported\":[\"sctp_first\"],\"replaced\":0}\n");
        let reply = daemon.ask(PM_SOCKET, ask).await;
        assert!(reply.find("\"SCTP\"").unwrap() < reply.find("\"TCP\"").unwrap(), "{reply}");
    });
}

#[test]
fn what_libneat_reports_of_its_attempts_orders_the_next_candidates() {
    run("report", Config::default(), async |daemon| {
        // As libneat packs them: a match without uid, a link to the interface, a score.
        for (transport, success, score) in [("TCP", "false", -5), ("SCTP", "true", 5)] {
            let report = format!(
                r#"[{{"match": [{{"interface": {{"value": "eth0"}}}}], "link": true, "properties": {{
                    "transport": {{"value": "{transport}"}}, "remote_ip": {{"value": "203.0.113.1"}},
                    "port": {{"value": 443}}, "domain_name": {{"value": "example.org", "precedence": 2}},
                    "__he_candidate_success": {{"value": {success}, "score": {score}}},
                    "__cached": {{"value": true}}}}}}]"#
            );
            let reply = daemon.ask(CIB_SOCKET, &report).await;
            assert!(reply.starts_with("{\"imported\":["), "{reply}");
        }
        let reply = daemon
            .ask(
                PM_SOCKET,
                r#"[{"transport": {"value": ["TCP", "SCTP"]}, "port": {"value": 443, "precedence": 2},
                    "domain_name": {"value": "example.org", "precedence": 2},
                    "interface": {"value": "eth0", "precedence": 2},
                    "local_ip": {"value": "192.0.2.7", "precedence": 2}, "remote_ip": {"value": "203.0.113.1"}}]"#,
            )
            .await;
        let first = reply.split("},{").next().unwrap();
        assert!(first.contains("\"SCTP\"") && first.contains("__he_candidate_success"), "{reply}");
    });
}

#[test]
fn of_what_is_pushed_all_is_taken_in_or_nothing() {
    run("all", Config::default(), async |daemon| {
        for (socket, text, told) in [
            (PIB_SOCKET, r#"[{"uid": "a"}, {"uid": "A"}]"#, "1:16: [1]: the uid \"a\" is taken"),
            (PIB_SOCKET, r#"[{"uid": "a"}, {"uid": "../b"}]"#, "cannot be a uid"),
            (PIB_SOCKET, r#"[{"uid": "a"}, {"propertees": {}}]"#, "unknown key"),
            (CIB_SOCKET, r#"[{"uid": "a", "root": true}, {"uid": "a", "root": true}]"#, "is taken"),
            (CIB_SOCKET, r#"{"uid": "a", "root": true, "expire": 1000}"#, "expired"),
            (CIB_SOCKET, r#"{"uid": "a", "root": true, "expire": 1e12}"#, "ten years"),
            (CIB_SOCKET, r#"{"uid": "a"}"#, "neither a root nor a match"),
            (
                CIB_SOCKET,
                r#"[{"uid": "a", "link": true, "match": {"uid": {"value": "b"}}},
                    {"uid": "b", "link": true, "match": {"uid": {"value": "a"}}}]"#,
                "in a circle",
            ),
        ] {
            let reply = unescaped(&daemon.ask(socket, text).await).replace("\\\"", "\"");
            assert!(reply.contains(told), "{text}: {reply}");
        }
        // Nothing is left of any of them.
        assert!(daemon.ask(PIB_SOCKET, r#"{"uid": "a"}"#).await.contains("\"replaced\":0"));
        assert!(daemon.ask(CIB_SOCKET, r#"{"uid": "a", "root": true}"#).await.contains("\"replaced\":0"));
        assert!(daemon.ask(CIB_SOCKET, r#"{"uid": "a", "root": true}"#).await.contains("\"replaced\":1"));
    });
}

// ---------- The sockets as files

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_sockets_are_for_their_owner_alone_and_gone_afterwards() {
    let scratch = Scratch::new("private");
    let files = SocketFiles::bind(scratch.0.join("deep")).unwrap();
    assert_eq!(mode(&scratch.0.join("deep")), 0o700);
    for name in [PM_SOCKET, PIB_SOCKET, CIB_SOCKET] {
        assert_eq!(mode(&files.directory().join(name)), 0o600, "{name}");
    }
    drop(files);
    assert_eq!(fs::read_dir(scratch.0.join("deep")).unwrap().count(), 0);
}

#[test]
fn a_directory_that_is_open_to_others_is_refused() {
    let scratch = Scratch::new("open");
    fs::create_dir(&scratch.0).unwrap();
    fs::set_permissions(&scratch.0, Permissions::from_mode(0o755)).unwrap();
    let error = SocketFiles::bind(&scratch.0).unwrap_err();
    assert!(matches!(error, SocketsError::Open { mode: 0o755, .. }), "{error}");
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 0);
}

#[test]
fn a_socket_that_nobody_serves_is_replaced_and_one_that_is_served_is_not() {
    let scratch = Scratch::new("stale");
    drop(SocketFiles::bind(&scratch.0).unwrap());
    // It is left behind by whoever was killed.
    drop(std::os::unix::net::UnixListener::bind(scratch.0.join(PM_SOCKET)).unwrap());
    let files = SocketFiles::bind(&scratch.0).unwrap();
    let error = SocketFiles::bind(&scratch.0).unwrap_err();
    assert!(matches!(error, SocketsError::Served(_)), "{error}");
    assert!(scratch.0.join(PM_SOCKET).exists(), "the first one's sockets are still there");
    drop(files);
    fs::write(scratch.0.join(PIB_SOCKET), "mine").unwrap();
    let error = SocketFiles::bind(&scratch.0).unwrap_err();
    assert!(matches!(error, SocketsError::NoSocket(_)), "{error}");
    assert_eq!(fs::read_to_string(scratch.0.join(PIB_SOCKET)).unwrap(), "mine");
}

#[test]
fn clients_that_never_take_their_long_answers_are_sent_away_and_others_are_served() {
    run("greedy", Config::default(), async |daemon| {
        let long = "y".repeat(200_000);
        let request = format!(
            r#"[{{"x": {{"value": "{long}"}}, "transport": {{"value": ["TCP", "UDP", "SCTP", "MPTCP", "A", "B", "C", "D"]}}}}]"#
        );
        let mut greedy = Vec::new();
        for _ in 0..60 {
            let mut stream = daemon.connect(PM_SOCKET).await;
            let _sent_away = stream.write_all(request.as_bytes()).await;
            let _sent_away = stream.shutdown().await;
            greedy.push(stream);
        }
        timeout(PATIENCE, daemon.serves()).await.expect("others are served");
        // Answers of 1.6 MB each: some ten are held, the others had to go without the whole of theirs.
        let mut whole = 0;
        for mut stream in greedy {
            let mut told = Vec::new();
            let _reset = timeout(PATIENCE, stream.read_to_end(&mut told)).await.expect("it ends");
            whole += usize::from(told.ends_with(b"}]\n"));
        }
        assert!(whole < 30, "{whole}");
    });
}

#[test]
fn a_socket_whose_queue_is_full_is_served_by_somebody() {
    let scratch = Scratch::new("full");
    let files = SocketFiles::bind(&scratch.0).unwrap();
    // Nobody accepts.
    let path = scratch.0.join(PM_SOCKET);
    let mut waiting = Vec::new();
    loop {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        if socket.connect(&socket2::SockAddr::unix(&path).unwrap()).is_err() {
            break;
        }
        waiting.push(socket);
        assert!(waiting.len() < 100_000, "its queue has no end");
    }
    let refused = SocketFiles::bind(&scratch.0).unwrap_err();
    assert!(matches!(refused, SocketsError::Served(_)), "{refused}");
    drop(files);
}
