//! What is asked for in NEAT's language is asked for: through the front door, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "each file uses some of it")]
mod common;

use common::*;
use neatflow::EstablishmentFailure;
use neatflow::prelude::*;

#[test]
fn a_transport_in_neats_language_is_used() {
    run(async {
        let server = echo(V4).await;
        let transport = Transport::start();
        let asked = r#"{"transport": {"value": ["SCTP", "TCP"], "precedence": 2}}"#;
        let connection =
            Preconnection::new(&transport).remote(server).neat_properties(asked).initiate().unwrap();
        within(connection.ready()).await.unwrap();
        assert_eq!(connection.stack().as_str(), "tcp");
        connection.abort();
    });
}

#[test]
fn a_transport_that_is_not_here_is_refused_by_name() {
    run(async {
        let transport = Transport::start();
        let asked = r#"{"transport": {"value": "SCTP", "precedence": 2}}"#;
        let connection =
            Preconnection::new(&transport).remote("127.0.0.1:9").neat_properties(asked).initiate().unwrap();
        let Err(failure) = within(connection.ready()).await else { panic!("it is ready") };
        assert!(matches!(*failure, EstablishmentFailure::NoCandidates { .. }), "{failure}");
        assert!(failure.to_string().contains("SCTP"), "{failure}");
    });
}

#[test]
fn a_fault_in_the_text_is_told_by_initiate_with_its_place() {
    run(async {
        let transport = Transport::start();
        let wrong =
            Preconnection::new(&transport).remote("127.0.0.1:9").neat_properties("{\n \"transport\": {}}");
        let error = wrong.initiate().unwrap_err().to_string();
        assert_eq!(error, "2:15: transport: an empty transport");
    });
}

// ---------- Policies in a directory

/// A transport with this one policy.
async fn with_policy(name: &str, policy: &str) -> (Transport, Directory) {
    let place = directory(name);
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("one.policy"), policy).unwrap();
    (Transport::builder().policy_dir(&place).start(), Directory(place))
}

struct Directory(std::path::PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// Why a connection to this peer cannot be established; empty if it can.
async fn why_not(connection: Preconnection) -> String {
    let connection = connection.initiate().unwrap();
    match within(connection.ready()).await {
        Ok(_) => {
            connection.abort();
            String::new()
        }
        Err(failure) => failure.to_string(),
    }
}

#[test]
fn no_spelling_of_a_name_gets_round_a_policy() {
    run(async {
        let server = echo(V4).await;
        let (transport, _directory) = with_policy(
            "name",
            r#"{"match": {"domain_name": {"value": "localhost"}},
                "properties": {"transport": {"value": "SCTP", "precedence": 2}}}"#,
        )
        .await;
        for name in ["localhost", "LOCALHOST", "localhost.", "LocalHost."] {
            let remote = RemoteEndpoint::new().host(name).port(server.port());
            let why = why_not(Preconnection::new(&transport).remote(remote)).await;
            assert!(why.contains("SCTP"), "{name}: {why}");
        }
        assert_eq!(why_not(Preconnection::new(&transport).remote(server)).await, "");
    });
}

#[test]
fn what_is_said_of_the_peer_and_may_not_change_is_kept_or_refused() {
    run(async {
        let transport = Transport::start();
        for asked in [
            r#"{"ip_version": {"value": 6, "precedence": 2}}"#,
            r#"{"remote_ip": {"value": "127.0.0.2", "precedence": 2}}"#,
            r#"{"port": {"value": 1, "precedence": 2}}"#,
            r#"{"local_endpoint": {"value": "192.0.2.1@lo", "precedence": 2}}"#,
            r#"{"local_endpoint": {"value": "127.0.0.9", "precedence": 2}}"#,
        ] {
            refused(asked, &transport, asked).await;
        }
        let server = echo(V4).await;
        for asked in [
            r#"{"ip_version": {"value": 4, "precedence": 2}}"#,
            r#"{"ip_version": {"value": 6, "precedence": 1}}"#,
            r#"{"ip_version": {"value": [4, 6], "precedence": 2}}"#,
        ] {
            let to = Preconnection::new(&transport).remote(server).neat_properties(asked);
            assert_eq!(why_not(to).await, "", "{asked}");
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_local_endpoint_in_neats_language_is_where_it_comes_from() {
    run(async {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let transport = Transport::start();
        let connection = Preconnection::new(&transport)
            .remote(server.local_addr().unwrap())
            .neat_properties(r#"{"local_endpoint": {"value": "127.0.0.9@lo", "precedence": 2}}"#)
            .initiate()
            .unwrap();
        within(connection.ready()).await.unwrap();
        assert_eq!(server.accept().unwrap().1.ip().to_string(), "127.0.0.9");
        connection.abort();
    });
}

#[test]
fn a_socket_option_that_must_be_set_and_is_not_rules_out() {
    const OPTION: &str = r#"{"SO/IPPROTO_IP/IP_TOS": {"value": 40, "precedence": 2}}"#;
    run(async {
        refused("request", &Transport::start(), OPTION).await;
        let says = format!(r#"{{"properties": {OPTION}}}"#);
        let of_peer =
            format!(r#"{{"match": {{"remote_ip": {{"value": "127.0.0.1"}}}}, "properties": {OPTION}}}"#);
        for (name, text) in [("option.policy", &says), ("option-of-peer.policy", &of_peer)] {
            let file = OneFile::new(name, text);
            refused(name, &Transport::builder().policy_dir(&file.0).start(), "{}").await;
        }
        // As a wish it hinders nobody.
        let server = echo(V4).await;
        let asked = r#"{"SO/IPPROTO_IP/IP_TOS": {"value": 40}}"#;
        let to = Preconnection::new(&Transport::start()).remote(server).neat_properties(asked);
        assert_eq!(why_not(to).await, "");
    });
}

// ---------- A policy daemon elsewhere

/// A policy daemon of this test's own, in this process, with a policy.
#[cfg(unix)]
struct Daemon {
    directory: std::path::PathBuf,
    _sockets: actix::Addr<neatflow::policy_sockets::PolicySockets>,
}

#[cfg(unix)]
impl Daemon {
    async fn start(name: &str, policy: &str) -> Self {
        use actix::Actor;
        use neatflow::policy_manager::messages::{Base, Import};
        use neatflow::policy_manager::{Interfaces, PolicyManager};
        use neatflow::policy_sockets::{Config, PolicySockets, SocketFiles};
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let registry = neatflow::Registry::empty();
        let manager = PolicyManager::new(&registry, Interfaces::system(), logger.clone()).start();
        let push = Import { base: Base::Pib, text: policy.to_owned(), uid: None };
        manager.send(push).await.unwrap().unwrap();
        let directory = directory(name);
        let files = SocketFiles::bind(&directory).unwrap();
        let sockets = PolicySockets::new(files, manager, Config::default(), logger).start();
        Self { directory, _sockets: sockets }
    }

    fn asked(&self) -> neatflow::remote_policy::Config {
        neatflow::remote_policy::Config::new(self.directory.join("neat_pm_socket"))
    }
}

#[cfg(unix)]
impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.directory);
    }
}

fn directory(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("neatflow-daemon-{}-{name}", std::process::id()))
}

/// Whatever transport comes, TCP or UDP, at one port.
async fn taking_all(transport: &Transport) -> (Listener, std::net::SocketAddr) {
    let listener = Preconnection::new(transport).local("127.0.0.1:0").properties(any()).listen().unwrap();
    let address = within(listener.listening()).await.unwrap()[0];
    (listener, address)
}

fn any() -> TransportProperties {
    let any = TransportProperties::new().no_preference(Reliability).no_preference(PreserveOrder);
    let mut any = any.no_preference(CongestionControl);
    any.message.safely_replayable = Some(true);
    any
}

#[cfg(unix)]
const UDP_FIRST: &str = r#"{"match": {"transport": {"value": "UDP"}},
    "properties": {"transport": {"value": "UDP", "score": 100000}}}"#;

#[cfg(unix)]
#[test]
fn a_policy_daemon_elsewhere_chooses_among_what_is_eligible_here() {
    run(async {
        let (_listener, server) = taking_all(&Transport::start()).await;
        let daemon = Daemon::start("choose", UDP_FIRST).await;
        let told = Transport::builder().policy_daemon(daemon.asked()).start();
        for (transport, stack) in [(&Transport::start(), "tcp"), (&told, "udp")] {
            let connection =
                Preconnection::new(transport).remote(server).properties(any()).initiate().unwrap();
            within(connection.ready()).await.unwrap();
            assert_eq!(connection.stack().as_str(), stack);
            connection.abort();
        }
        // What is required here is not overruled there.
        let reliable = Preconnection::new(&told).remote(server).properties(any().require(Reliability));
        let connection = reliable.initiate().unwrap();
        within(connection.ready()).await.unwrap();
        assert_eq!(connection.stack().as_str(), "tcp");
        connection.abort();
    });
}

#[cfg(unix)]
#[test]
fn a_policy_daemon_that_rules_everything_out_is_to_blame() {
    run(async {
        let (_listener, server) = taking_all(&Transport::start()).await;
        let nothing = r#"{"properties": {"port": {"value": 1, "precedence": 2}}}"#;
        let daemon = Daemon::start("nothing", nothing).await;
        let transport = Transport::builder().policy_daemon(daemon.asked()).start();
        let connection = Preconnection::new(&transport).remote(server).properties(any()).initiate().unwrap();
        let failure = within(connection.ready()).await.unwrap_err();
        assert!(matches!(*failure, EstablishmentFailure::NoCandidates { .. }), "{failure}");
        assert!(failure.to_string().contains("policy daemon"), "{failure}");
    });
}

#[cfg(unix)]
#[test]
fn without_an_answer_nothing_is_established_unless_that_was_said() {
    use neatflow::remote_policy::{Absent, Config};
    run(async {
        let (_listener, server) = taking_all(&Transport::start()).await;
        let place = directory("absent");
        std::fs::create_dir_all(&place).unwrap();
        let mute = place.join("mute");
        // It takes connections, and never says anything.
        let _mute = std::os::unix::net::UnixListener::bind(&mute).unwrap();
        let limit = std::time::Duration::from_millis(200);
        for (socket, why) in [(place.join("nobody"), "os error 2"), (mute, "did not answer within 200ms")] {
            let config = Config::new(&socket).timeout(limit);
            let transport = Transport::builder().policy_daemon(config.clone()).start();
            let connection =
                Preconnection::new(&transport).remote(server).properties(any()).initiate().unwrap();
            let failure = within(connection.ready()).await.unwrap_err();
            assert!(matches!(*failure, EstablishmentFailure::PolicyUnavailable { .. }), "{failure}");
            assert!(failure.to_string().contains(why), "{failure}");
            let transport = Transport::builder().policy_daemon(config.absent(Absent::Alone)).start();
            let connection =
                Preconnection::new(&transport).remote(server).properties(any()).initiate().unwrap();
            within(connection.ready()).await.unwrap();
            connection.abort();
        }
        std::fs::remove_dir_all(&place).unwrap();
    });
}

// ---------- Security

/// A peer that notices whatever reaches it, by TCP or UDP.
struct Untouched {
    tcp: std::net::TcpListener,
    udp: std::net::UdpSocket,
}

impl Untouched {
    fn new() -> Self {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = std::net::UdpSocket::bind(tcp.local_addr().unwrap()).unwrap();
        tcp.set_nonblocking(true).unwrap();
        udp.set_nonblocking(true).unwrap();
        Self { tcp, udp }
    }

    fn address(&self) -> std::net::SocketAddr {
        self.tcp.local_addr().unwrap()
    }

    /// Makes sure that nothing has come.
    fn check(&self, how: &str) {
        assert!(self.tcp.accept().is_err(), "{how}: somebody has connected");
        assert!(self.udp.recv(&mut [0; 64]).is_err(), "{how}: a datagram has come");
    }
}

/// A directory with one file, gone afterwards.
struct OneFile(std::path::PathBuf);

impl OneFile {
    fn new(name: &str, text: &str) -> Self {
        let place = std::env::temp_dir().join(format!("neatflow-secure-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join(name), text).unwrap();
        Self(place)
    }
}

impl Drop for OneFile {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// Sends a secret to a peer; it must be refused, and nothing may reach the peer.
async fn refused(how: &str, transport: &Transport, asked: &str) {
    let peer = Untouched::new();
    let preconnection = Preconnection::new(transport).remote(peer.address()).properties(any());
    let connection = preconnection.neat_properties(asked).initiate_with_send("secret").unwrap();
    let Err(failure) = within(connection.ready()).await else { panic!("{how}: it is ready") };
    assert!(matches!(*failure, EstablishmentFailure::NoCandidates { .. }), "{how}: {failure}");
    peer.check(how);
}

#[test]
fn what_must_be_secured_is_never_sent_in_clear_whoever_says_so() {
    const SECURED: &str = r#"{"security": {"value": true, "precedence": 2}}"#;
    run(async {
        let plain = Transport::start();
        for asked in [
            SECURED,
            r#"{"SECURITY": {"value": 1, "precedence": 2}}"#,
            r#"{"security": {"value": "required", "precedence": 2}}"#,
            r#"{"security": {"value": true, "precedence": 2}, "transport": {"value": ["TCP", "UDP"]}}"#,
            r#"[{"security": {"value": true, "precedence": 2}}, {"transport": {"value": "SCTP", "precedence": 2}}]"#,
            r#"{"verification": {"value": true, "precedence": 2}}"#,
            r#"{"multihoming": {"value": true, "precedence": 2}}"#,
        ] {
            refused(asked, &plain, asked).await;
        }
        let says = format!(r#"{{"uid": "sec", "properties": {SECURED}}}"#);
        let of_peer =
            format!(r#"{{"match": {{"remote_ip": {{"value": "127.0.0.1"}}}}, "properties": {SECURED}}}"#);
        let replaced = format!(
            r#"{{"replace_matched": true, "match": {{"security": {{"value": null}}}}, "properties": {SECURED}}}"#
        );
        let known = format!(r#"{{"uid": "sec", "root": true, "expire": -1, "properties": {SECURED}}}"#);
        for (name, text) in [
            ("sec.policy", &says),
            ("sec.profile", &says),
            ("peer.policy", &of_peer),
            ("replaced.policy", &replaced),
            ("sec.cib", &known),
        ] {
            let file = OneFile::new(name, text);
            refused(name, &Transport::builder().policy_dir(&file.0).start(), "{}").await;
        }
        #[cfg(unix)]
        for (name, text) in [("secure", &says), ("secure-peer", &of_peer), ("secure-replaced", &replaced)] {
            let daemon = Daemon::start(name, text).await;
            refused(name, &Transport::builder().policy_daemon(daemon.asked()).start(), "{}").await;
        }
    });
}

#[test]
fn who_must_be_secured_does_not_listen_in_clear() {
    run(async {
        let asked = r#"{"security": {"value": true, "precedence": 2}}"#;
        let listener = Preconnection::new(&Transport::start()).local("127.0.0.1:0").properties(any());
        let listener = listener.neat_properties(asked).listen().unwrap();
        let failure = within(listener.listening()).await.unwrap_err();
        assert!(failure.to_string().contains("security"), "{failure}");
    });
}

#[test]
fn security_that_is_wished_for_left_open_or_unwanted_hinders_nobody() {
    run(async {
        let (_listener, server) = taking_all(&Transport::start()).await;
        let wish = OneFile::new("wish.policy", r#"{"properties": {"security": {"value": true}}}"#);
        let transport = Transport::builder().policy_dir(&wish.0).start();
        for asked in [
            r#"{"security": {"value": true, "precedence": 1}}"#,
            r#"{"security": {"value": true}}"#,
            r#"{"security": {"value": true, "precedence": 0}}"#,
            r#"{"security": {"value": false, "precedence": 2}, "verification": {"value": false, "precedence": 2}}"#,
            r#"{"security": {"value": [true, false], "precedence": 2}}"#,
            r#"{"security": {"value": null, "precedence": 2}}"#,
            r#"{"security": [{"value": true, "precedence": 2}, {"value": false, "precedence": 2}]}"#,
            r#"{"multihoming": {"value": true}}"#,
        ] {
            let connection = Preconnection::new(&transport).remote(server).properties(any());
            let connection = connection.neat_properties(asked).initiate().unwrap();
            if let Err(failure) = within(connection.ready()).await {
                panic!("{asked}: {failure}");
            }
            connection.abort();
        }
    });
}
