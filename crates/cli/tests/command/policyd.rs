//! `neatflow policyd`, over its sockets and its REST interface.
#![cfg(unix)]

use super::policy::Files;
use super::programs::{Program, skip};
use super::support::{PATIENCE, Running, neatflow, run};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

/// A daemon with sockets in a directory of its own, and a REST interface on a port that the system chose.
struct Daemon {
    running: Running,
    files: Files,
    port: u16,
    token: String,
}

impl Daemon {
    fn start(name: &str, options: &[&str]) -> Self {
        let files = Files::new(name, &[]);
        let sockets = files.0.join("sockets");
        let fixed =
            ["policyd", "--no-policies", "--socket-dir", sockets.to_str().unwrap(), "--rest", "127.0.0.1:0"];
        let mut running = neatflow(&[&fixed[..], options].concat());
        let rest = running.line_of_stdout("REST at http://");
        let port = rest.rsplit(':').next().unwrap().parse().unwrap();
        running.line_of_stdout("its token in ");
        let token = fs::read_to_string(sockets.join("rest_token")).unwrap().trim().to_owned();
        Self { running, files, port, token }
    }

    fn connect(&self, socket: &str) -> UnixStream {
        let stream = UnixStream::connect(self.files.0.join("sockets").join(socket)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// As libneat does.
    fn ask(&self, socket: &str, text: &str) -> String {
        let mut stream = self.connect(socket);
        let _refused = stream.write_all(text.as_bytes());
        let _refused = stream.shutdown(std::net::Shutdown::Write);
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }

    fn serves(&self) {
        let reply = self.ask("neat_pm_socket", r#"[{"transport": {"value": "TCP"}}]"#);
        assert!(reply.starts_with("[{") && reply.contains("\"TCP\""), "{reply}");
    }

    /// A request over HTTP: the status, and the answer.
    fn http(&self, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let host = if head.contains("Host:") { "" } else { "Host: localhost\r\n" };
        let length = body.len();
        let request = format!("{head}\r\n{host}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}");
        let _refused = stream.write_all(request.as_bytes());
        let mut reply = Vec::new();
        let _reset_after_the_answer = stream.read_to_end(&mut reply);
        let reply = String::from_utf8(reply).unwrap();
        let status = reply.split(' ').nth(1).and_then(|status| status.parse().ok());
        let body = reply.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
        (status.unwrap_or_else(|| panic!("{reply}")), body)
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.http(&format!("GET {path} HTTP/1.1"), "")
    }

    fn change(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        self.http(&format!("{method} {path} HTTP/1.1\r\nAuthorization: Bearer {}", self.token), body)
    }
}

const SCTP_FIRST: &str = r#"{"match": {"transport": {"value": "SCTP"}}, "properties": {"transport": {"value": "SCTP", "score": 9}}}"#;

#[test]
fn what_is_put_over_rest_is_in_force_for_the_sockets_until_it_is_deleted() {
    let daemon = Daemon::start("rest", &[]);
    let ask = r#"[{"transport": {"value": ["TCP", "SCTP"]}}]"#;
    let first_is_sctp = || {
        let reply = daemon.ask("neat_pm_socket", ask);
        reply.find("\"SCTP\"").unwrap() < reply.find("\"TCP\"").unwrap()
    };
    assert!(!first_is_sctp());
    let (status, reply) = daemon.change("PUT", "/pib/Mine", SCTP_FIRST);
    assert_eq!((status, reply.as_str()), (200, "{\"imported\":[\"mine\"],\"replaced\":0}\n"));
    assert!(first_is_sctp());
    let (status, list) = daemon.get("/pib");
    assert_eq!(status, 200);
    let list: Vec<String> = serde_json::from_str(&list).unwrap();
    assert!(list.contains(&"mine".to_owned()) && list.contains(&"elephant_flows".to_owned()), "{list:?}");
    let (_, entry) = daemon.get("/pib/mine");
    assert_eq!(serde_json::from_str::<Value>(&entry).unwrap()["match"]["transport"]["value"], "SCTP");
    assert_eq!(daemon.change("DELETE", "/pib/mine", ""), (200, "{\"removed\":\"mine\"}\n".into()));
    assert_eq!(daemon.change("DELETE", "/pib/mine", "").0, 404);
    assert_eq!(daemon.get("/pib/mine").0, 404);
    assert!(!first_is_sctp());

    let node = r#"{"root": true, "expire": -1, "properties": {"interface": {"value": "eth7"}}}"#;
    assert_eq!(daemon.change("PUT", "/cib/eth7", node).0, 200);
    let (status, rows) = daemon.get("/cib/rows");
    assert_eq!(status, 200);
    let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
    assert!(rows.iter().any(|row| row["interface"]["value"] == "eth7"), "{rows:?}");
    assert_eq!(daemon.get("/cib/eth7").0, 200);
    assert_eq!(daemon.change("DELETE", "/cib/eth7", "").0, 200);
    assert_eq!(daemon.get("/files").0, 200);
    assert_eq!(daemon.get("/").0, 200);
}

#[test]
fn nothing_is_changed_without_the_token() {
    let daemon = Daemon::start("token", &[]);
    for head in [
        "PUT /pib/mine HTTP/1.1",
        "PUT /pib/mine HTTP/1.1\r\nAuthorization: Bearer",
        "PUT /pib/mine HTTP/1.1\r\nAuthorization: Bearer 0000000000000000000000000000000000000000000000000000000000000000",
        "DELETE /pib/elephant_flows HTTP/1.1",
        "POST /pib/mine HTTP/1.1",
        "DELETE /cib/lo HTTP/1.1\r\nAuthorization: Basic YWRtaW46YWRtaW4=",
    ] {
        let (status, reply) = daemon.http(head, SCTP_FIRST);
        assert_eq!(status, 401, "{head}: {reply}");
        assert!(reply.contains("\"error\":"), "{reply}");
    }
    assert_eq!(daemon.get("/pib/mine").0, 404);
    assert_eq!(daemon.get("/pib/elephant_flows").0, 200);
}

#[test]
fn a_page_in_a_browser_cannot_ask_by_a_name_of_its_own() {
    let daemon = Daemon::start("host", &[]);
    assert_eq!(daemon.http("GET /pib HTTP/1.1\r\nHost: evil.example", "").0, 403);
    assert_eq!(daemon.http("GET /pib HTTP/1.1\r\nHost: ev\u{ef}il.example", "").0, 403);
    assert_eq!(daemon.http(&format!("GET /pib HTTP/1.1\r\nHost: 127.0.0.1:{}", daemon.port), "").0, 200);
}

#[test]
fn whoever_may_read_may_ask_for_the_head_alone() {
    let daemon = Daemon::start("head", &[]);
    assert_eq!(daemon.http("HEAD /pib HTTP/1.1", ""), (200, String::new()));
    assert_eq!(daemon.http("HEAD /pib/nothing HTTP/1.1", "").0, 404);
}

#[test]
fn what_is_wrong_over_rest_is_told_and_the_next_one_is_served() {
    let daemon = Daemon::start("wrong", &[]);
    let long = " ".repeat(10 << 20);
    for (method, path, body, status, told) in [
        ("PUT", "/pib/..%2f..%2fetc%2fpasswd", "{}", 400, "cannot be a uid"),
        ("PUT", "/pib/../../etc/passwd", "{}", 400, "no slash"),
        ("GET", "/pib/%2e%2e%2fx", "", 400, "cannot be a uid"),
        ("GET", "/pib/%ff", "", 400, "UTF-8"),
        ("PUT", "/pib/mine", "{", 400, "not JSON"),
        ("PUT", "/pib/mine", r#"{"propertees": {}}"#, 400, "unknown key"),
        ("PUT", "/pib/mine", r#"{"uid": "other"}"#, 400, "it is put as"),
        ("PUT", "/pib/mine", r#"[{}]"#, 400, "expected an object"),
        ("PUT", "/cib/mine", r#"{"root": true, "expire": 12}"#, 400, "expired"),
        ("PUT", "/cib/mine", r#"{"root": true, "expire": 99999999999}"#, 400, "ten years"),
        ("PUT", "/cib/mine", r#"{"match": {"uid": {"value": "mine2"}}, "root": tru}"#, 400, "not JSON"),
        ("PUT", "/pib/mine", &long, 413, "longer than"),
        ("POST", "/pib/mine", "{}", 405, "GET, PUT and DELETE"),
        ("DELETE", "/pib", "", 405, "GET"),
        ("GET", "/nothing", "", 404, "there is"),
    ] {
        let (found, reply) = daemon.change(method, path, body);
        assert_eq!(found, status, "{method} {path}: {reply}");
        assert!(reply.contains("\"error\":") && reply.contains(told), "{method} {path}: {reply}");
        assert_eq!(daemon.get("/pib").0, 200);
    }
    assert_eq!(daemon.get("/pib/mine").0, 404);
    assert!(fs::read_dir(daemon.files.0.join("sockets")).unwrap().count() == 4, "and no file was written");
}

#[test]
fn a_body_that_never_ends_keeps_nobody_waiting() {
    let daemon = Daemon::start("endless", &[]);
    let mut slow: Vec<TcpStream> = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
        let head = format!(
            "PUT /pib/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\n{{",
            daemon.token
        );
        stream.write_all(head.as_bytes()).unwrap();
        slow.push(stream);
    }
    assert_eq!(daemon.get("/pib").0, 200);
    let stream = &mut slow[0];
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reply = String::new();
    let _reset = stream.read_to_string(&mut reply);
    assert!(reply.starts_with("HTTP/1.1 408"), "{reply}");
}

#[test]
fn a_thousand_clients_that_dawdle_keep_nobody_waiting() {
    // Each of them is a descriptor here, too.
    let raised =
        Command::new("prlimit").args(["--pid", &std::process::id().to_string(), "--nofile=4096:"]).status();
    if !raised.is_ok_and(|status| status.success()) {
        return skip("cannot have so many descriptors (prlimit)");
    }
    let daemon = Daemon::start("thousand", &[]);
    let mut dawdling: Vec<UnixStream> = Vec::new();
    for _ in 0..1_000 {
        let mut stream = daemon.connect("neat_pm_socket");
        // Those that came first have to go meanwhile.
        let _gone = stream.write_all(b"[{\"transport\": ");
        dawdling.push(stream);
    }
    let begun = Instant::now();
    for _ in 0..20 {
        daemon.serves();
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let mut reply = String::new();
    let _reset_after_the_answer = dawdling[0].read_to_string(&mut reply);
    assert!(reply.contains("too many are waiting"), "{reply}");
    // And a thousand that do not dawdle are served all of them.
    drop(dawdling);
    let mut all: Vec<UnixStream> = Vec::new();
    for chunk in 0..10 {
        for _ in 0..100 {
            let mut stream = daemon.connect("neat_pm_socket");
            stream.write_all(b"[{\"transport\": {\"value\": \"TCP\"}}]\n").unwrap();
            all.push(stream);
        }
        for stream in &mut all {
            let mut reply = String::new();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            stream.read_to_string(&mut reply).unwrap();
            assert!(reply.starts_with("[{"), "{chunk}: {reply}");
        }
        all.clear();
    }
}

#[test]
fn files_are_read_again_when_they_change_and_what_was_pushed_stays() {
    let policies = Files::new("reload-policies", &[("bad.policy", "{")]);
    let daemon = Daemon::start("reload", &["--policy-dir", policies.path()]);
    daemon.running.wait_for_stderr("bad.policy:1:2: not JSON");
    assert_eq!(daemon.change("PUT", "/pib/pushed", "{}").0, 200);
    fs::write(policies.0.join("bad.policy"), r#"{"uid": "mended"}"#).unwrap();
    let since = Instant::now();
    while daemon.get("/pib/mended").0 != 200 {
        assert!(since.elapsed() < PATIENCE, "it is not read again");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(daemon.get("/pib/pushed").0, 200);
}

#[test]
fn socat_and_curl_are_served() {
    let daemon = Daemon::start("programs", &[]);
    let socket = format!("UNIX-CONNECT:{}", daemon.files.0.join("sockets/neat_pm_socket").display());
    if let Some(mut socat) = Program::start("socat", &["-t", "10", "-", &socket]) {
        let reply = socat.fed(br#"[{"transport": {"value": "reliable"}}]"#);
        let candidates: Vec<Value> = serde_json::from_slice(&reply).unwrap();
        let words: Vec<&str> =
            candidates.iter().map(|one| one["transport"]["value"].as_str().unwrap()).collect();
        assert_eq!(words, ["SCTP", "TCP", "SCTP/UDP"]);
    }
    let url = format!("http://localhost:{}/pib/low_latency", daemon.port);
    if let Some(mut curl) = Program::start("curl", &["-sS", "--max-time", "20", &url]) {
        let entry: Value = serde_json::from_slice(&curl.fed(b"")).unwrap();
        assert_eq!(entry["policy_type"], json!("profile"));
    }
}

#[test]
fn it_ends_at_a_signal_and_takes_its_sockets_along_and_a_second_one_is_refused() {
    let daemon = Daemon::start("end", &[]);
    let sockets = daemon.files.0.join("sockets");
    let second = run(&["policyd", "--no-rest", "--socket-dir", sockets.to_str().unwrap()]).expect(1);
    assert!(second.stderr.contains("served by somebody already"), "{}", second.stderr);
    daemon.serves();
    daemon.running.signal("-TERM");
    daemon.running.finish().expect(0);
    assert!(!sockets.join("neat_pm_socket").exists());
}

#[test]
fn a_directory_or_a_token_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let files = Files::new("modes", &[("token", "0123456789abcdef")]);
    fs::set_permissions(&files.0, fs::Permissions::from_mode(0o755)).unwrap();
    let open = run(&["policyd", "--no-rest", "--socket-dir", files.path()]).expect(1);
    assert!(open.stderr.contains("open to others"), "{}", open.stderr);
    let (sockets, token) = (files.0.join("sockets"), files.0.join("token"));
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let args =
        ["policyd", "--socket-dir", sockets.to_str().unwrap(), "--rest", "127.0.0.1:0", "--token-file"];
    let open = run(&[&args[..], &[token.to_str().unwrap()]].concat()).expect(1);
    assert!(open.stderr.contains("others may read it"), "{}", open.stderr);
}

#[test]
fn a_connection_asks_the_daemon_it_is_told_of() {
    let daemon = Daemon::start("connect", &[]);
    let mut server = neatflow(&["listen", "--echo", "127.0.0.1", "0"]);
    let port = server.port(true).to_string();
    let socket = daemon.files.0.join("sockets/neat_pm_socket");
    let connect = ["connect", "--policy-socket", socket.to_str().unwrap(), "127.0.0.1", &port];
    let echoed = neatflow(&connect).fed(b"hello").finish().expect(0);
    assert_eq!(echoed.stdout, b"hello");
    let nothing = r#"{"properties": {"port": {"value": 1, "precedence": 2}}}"#;
    assert_eq!(daemon.change("PUT", "/pib/nothing", nothing).0, 200);
    let refused = neatflow(&connect).fed(b"hello").finish().expect(1);
    assert!(refused.stderr.contains("rules everything out"), "{}", refused.stderr);
    let nobody = ["connect", "--policy-socket", "/no/such/socket", "127.0.0.1", &port];
    let refused = neatflow(&nobody).fed(b"hello").finish().expect(1);
    assert!(refused.stderr.contains("no answer from the policy daemon"), "{}", refused.stderr);
}
