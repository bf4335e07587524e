//! What an unmodified libneat (1.0.9, its examples `client_http_get` and `client_data`) said to `neatflow policyd`, and what
//! it was answered, is said and answered again.
//!
//! `data/libneat.jsonl` is our recording, in a network namespace with the loopback interface alone: two HTTP requests to
//! `localhost:8099`, a transfer that asks for `reliable`, a policy that is pushed, and a third HTTP request, which then went
//! over UDP. In between libneat reports its attempts. Each line has the socket, the request as it was sent (libneat then
//! shut down its side), and the answer, with which libneat connected.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use actix::prelude::*;
use neatflow_actors::Registry;
use neatflow_actors::policy_manager::{Interfaces, PolicyManager};
use neatflow_actors::policy_sockets::{Config, PolicySockets, SocketFiles};
use neatflow_core::policy::InterfaceRow;
use serde_json::Value;
use slog::{Discard, Logger, o};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

const RECORDED: &str = include_str!("data/libneat.jsonl");

async fn ask(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut reply = String::new();
    let read = timeout(Duration::from_secs(30), stream.read_to_string(&mut reply));
    read.await.expect("it answers").unwrap();
    reply
}

fn word<'a>(candidate: &'a Value, key: &str) -> &'a str {
    candidate[key]["value"].as_str().unwrap()
}

#[test]
fn what_libneat_said_is_answered_as_it_was_when_it_connected() {
    let directory = std::env::temp_dir().join(format!("neatflow-libneat-{}", std::process::id()));
    let answers: Vec<(String, Value)> = System::new().block_on(async {
        let logger = Logger::root(Discard, o!());
        let lo = || InterfaceRow {
            name: "lo".into(),
            index: 1,
            addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
            up: true,
            loopback: true,
            ..InterfaceRow::default()
        };
        let interfaces = Interfaces::from_fn(move || Ok(vec![lo()]));
        let manager = PolicyManager::new(&Registry::empty(), interfaces, logger.clone()).start();
        let files = SocketFiles::bind(&directory).unwrap();
        let _serving = PolicySockets::new(files, manager, Config::default(), logger).start();
        let mut answers = Vec::new();
        for (place, line) in RECORDED.lines().enumerate() {
            let recorded: Value = serde_json::from_str(line).unwrap();
            let said = |key: &str| recorded[key].as_str().unwrap();
            let reply = ask(&directory.join(said("socket")), said("request")).await;
            assert_eq!(reply, said("reply"), "exchange {place}");
            answers.push((said("socket").to_owned(), serde_json::from_str(&reply).unwrap()));
        }
        answers
    });
    let _gone = std::fs::remove_dir_all(&directory);

    // And that is what it should have been: what is answered to each second call.
    let answered = |place: usize| -> Vec<String> {
        let (socket, answer) = &answers[place];
        assert_eq!(socket, "neat_pm_socket");
        let told = |one: &Value| format!("{} {}", word(one, "transport"), word(one, "remote_ip"));
        answer.as_array().unwrap().iter().map(told).collect()
    };
    assert_eq!(answered(1), ["TCP 127.0.0.1", "SCTP 127.0.0.1", "TCP ::1", "SCTP ::1"]);
    assert_eq!(answered(3), ["TCP 127.0.0.1", "SCTP 127.0.0.1", "TCP ::1", "SCTP ::1"], "each of them once");
    assert_eq!(answers[3].1[0]["__he_candidate_success"]["value"], true, "what was reported is there again");
    let reliable = answered(6);
    assert_eq!(reliable[..2], ["SCTP 127.0.0.1", "SCTP ::1"], "a profile says what reliable means");
    let after_the_push = answered(9);
    assert!(after_the_push.iter().all(|one| one.starts_with("UDP ")), "{after_the_push:?}");
}
