//! What may be said on the command line.

use crate::bench::args::Bench;
use crate::name_servers::NameServers;
use crate::policies::Policies;
use crate::policy::args::Policy;
#[cfg(unix)]
use crate::policyd::args::Policyd;
use crate::wishes::Wishes;
use clap::error::ErrorKind;
use clap::{Args as Arguments, CommandFactory, Parser, Subcommand, value_parser};
use neatflow::racing::RecordKind;
use neatflow::resolution::Kinds;
use neatflow::{EndpointError, LocalEndpoint, RemoteEndpoint, TransportProperties};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  no connection was established; standard error has the reason of every candidate
  2  wrong usage
  3  the connection failed after it was established, or nobody answers there";

const EXAMPLES: &str = "\
Examples:
  neatflow connect example.org 80          talk to a server
  neatflow listen --echo 7000              an echo server, TCP and UDP, IPv6 and IPv4
  neatflow race example.org 443            who raced to a host, who won, and why
  neatflow resolve example.org             who answers what, and when
  neatflow bench server 7000               what `neatflow bench client localhost 7000` measures with
  neatflow properties                      what can be asked of a transport, and who offers it
  neatflow demo                            see a race, events, and actors that come back
";

const CONNECT_EXAMPLES: &str = "\
Examples:
  printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' | neatflow connect example.org 80
  neatflow connect -v localhost 7000               who raced, who won, every event
  neatflow connect --timeout 2.5 192.0.2.1 7000 < file
  neatflow connect --local 127.0.0.1 --interface lo localhost 7000
  neatflow connect --dns 9.9.9.9 --dns [2620:fe::fe]:53 example.org 80
  neatflow connect --dns tls://dns.quad9.net@9.9.9.9 example.org 80      names asked for over TLS
  tail -f log | neatflow connect --quit 1 collector.example 7000
  printf hi | neatflow connect --profile unreliable-datagram localhost 7000
  neatflow connect --require keepAlive --set keepAliveTimeout=30 --avoid interface:wlan0 example.org 80
  neatflow connect --policy-dir ./policies --neat-properties wanted.json example.org 80
";

/// clap's own, with the two arguments as they are meant.
pub(crate) const LISTEN_HELP: &str = "\
{about-with-newline}
{usage-heading} {usage}

Arguments:
  [ADDR]  The address to listen on, or a name of this machine [default: every address, IPv6 and IPv4]
  PORT    The port to listen on; 0 lets the system choose

Options:
{options}{after-help}";

const RACE_EXAMPLES: &str = "\
Examples:
  neatflow race example.org 443
  neatflow race --plot race.svg example.org 443      the same as a picture
  neatflow race --count 20 example.org 443           how often IPv6, or a protocol, was beaten
  neatflow race --json example.org 443 | jq '.record.timeline.attempts[] | {started_ms, end}'
";

const RESOLVE_EXAMPLES: &str = "\
Examples:
  neatflow resolve example.org
  neatflow resolve --type aaaa --type a --dns 9.9.9.9 example.org
  neatflow resolve --dns tls://dns.quad9.net@9.9.9.9 example.org         over TLS
  neatflow resolve --dns https://dns.quad9.net@9.9.9.9 example.org       over HTTPS
  neatflow resolve --json example.org | jq -r '.addresses[]'
";

const RESOLVE_CODES: &str = "\
Exit codes:
  0  there is at least one record
  1  there is none; standard error has the reasons
  2  wrong usage";

const LISTEN_EXAMPLES: &str = "\
Examples:
  neatflow listen --echo 7000              an echo server, TCP and UDP, IPv6 and IPv4
  neatflow listen --echo --require reliability 7000          the same over TCP alone
  neatflow listen --discard --max 2 ::1 0  two connections, on a port the system chooses
  neatflow listen 7000 > file              one connection, to a file
  neatflow listen --echo --json 7000       events as JSON lines
";

/// A transport service: say whom to reach, and the best way there is found.
///
/// A name is resolved, candidates (protocol, path, address) are raced, and the first to connect carries the flow.
#[derive(Debug, Parser)]
#[command(name = "neatflow", version, after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n{EXIT_CODES}"))]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Connect(Connect),
    Listen(Listen),
    Race(Race),
    Resolve(Resolve),
    #[command(subcommand)]
    Bench(Bench),
    Properties(Properties),
    #[command(subcommand)]
    Policy(Policy),
    #[cfg(unix)]
    Policyd(Policyd),
    Demo(Demo),
}

/// Connect to a host: standard input goes there, what comes back goes to standard output.
///
/// At the end of standard input our side of the connection is ended, and reading goes on until the peer has ended
/// its side too.
///
/// Over UDP (--profile unreliable-datagram) what one read of standard input brings is a datagram, cut to what one
/// packet holds. UDP has no end: after that of standard input it is over when nothing has come for a second. Nothing
/// paces the datagrams but this machine: feed a network no more than it can take.
#[derive(Debug, Arguments)]
#[command(after_help = CONNECT_EXAMPLES, after_long_help = format!("{CONNECT_EXAMPLES}\n{EXIT_CODES}"))]
pub(crate) struct Connect {
    #[command(flatten)]
    pub(crate) reach: Reach,

    #[command(flatten)]
    pub(crate) quit: Quit,

    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// Race to a host, show how it went, and close the connection.
///
/// What was asked of the name servers and when they answered, the order of the candidates and what decided it, when
/// each attempt started, why, and how it ended, and what the timers were for. Times are in milliseconds since the
/// start. Nothing is sent to the host once the connection is established.
#[derive(Debug, Arguments)]
#[command(after_help = RACE_EXAMPLES, after_long_help = format!("{RACE_EXAMPLES}\n{EXIT_CODES}"))]
pub(crate) struct Race {
    #[command(flatten)]
    pub(crate) reach: Reach,

    /// Race so many times, one after the other, and tell what that hid: how often IPv6 or a protocol was beaten.
    ///
    /// All of them are of one transport: what the first ones learned is known to those after them.
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true,
          value_parser = value_parser!(u64).range(1..))]
    pub(crate) count: u64,

    /// Draw it: an SVG with a lane for each question and each attempt.
    #[arg(long, value_name = "FILE.svg", conflicts_with = "count")]
    pub(crate) plot: Option<PathBuf>,

    /// Print JSON, one object in a line for each race, and with --count one with the tally.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Resolve a name as a connection would: each answer as it comes, its time, and who gave it.
///
/// A literal address, the hosts file and the name servers are asked in that order; of name servers, HTTPS, AAAA and A
/// back to back.
#[derive(Debug, Arguments)]
#[command(after_help = RESOLVE_EXAMPLES, after_long_help = format!("{RESOLVE_EXAMPLES}\n{RESOLVE_CODES}"))]
pub(crate) struct Resolve {
    /// A host name, or an address.
    #[arg(value_parser = name)]
    pub(crate) name: String,

    /// What to ask for; may be given several times. Default: all of them.
    #[arg(id = "type", long = "type", value_name = "TYPE", value_parser = kind, ignore_case = true)]
    of: Vec<RecordKind>,

    /// Over which interface to ask the name servers. Default: as the system routes.
    #[arg(long, value_name = "IF")]
    pub(crate) interface: Option<String>,

    #[command(flatten)]
    pub(crate) name_servers: NameServers,

    /// How long it may take, in seconds; fractions are fine. Default: 5.
    #[arg(long, value_name = "SECONDS", value_parser = some_time)]
    pub(crate) timeout: Option<Duration>,

    /// Print JSON, one object in a line for each answer.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Resolve {
    /// What is asked for.
    pub(crate) fn kinds(&self) -> Kinds {
        if self.of.is_empty() { Kinds::ALL } else { self.of.iter().copied().collect() }
    }
}

/// Listen for connections: join the first one to standard input and output, or serve them all.
///
/// Every transport is taken, at the same port: TCP, and UDP, where each source is a connection that ends when it was
/// silent for 30 s. Say what you need (--profile, --require, ..) to have only those that give it.
///
/// The addresses that are listened on are printed, one in a line: on standard output with --echo and --discard, on
/// standard error when standard output carries data. SIGINT and SIGTERM end it gracefully; a second one, at once.
#[derive(Debug, Arguments)]
#[command(
    override_usage = "neatflow listen [OPTIONS] [ADDR] PORT",
    help_template = LISTEN_HELP,
    after_help = LISTEN_EXAMPLES,
    after_long_help = format!("{LISTEN_EXAMPLES}\n{EXIT_CODES}")
)]
pub(crate) struct Listen {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Send back to every peer what it sends.
    #[arg(long, group = "service")]
    pub(crate) echo: bool,

    /// Read what every peer sends, and drop it.
    #[arg(long, group = "service")]
    pub(crate) discard: bool,

    /// Take this many connections, stop listening, serve them to their end, and exit.
    #[arg(long, value_name = "N", requires = "service", value_parser = value_parser!(u64).range(1..))]
    pub(crate) max: Option<u64>,

    #[command(flatten)]
    pub(crate) quit: Quit,

    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// List what can be asked of a transport: every property, its default, and which protocol offers or uses it.
///
/// Of a selection property a protocol gives it always, optionally, or never (-). The others it acts on (yes) or not
/// (-).
#[derive(Debug, Arguments)]
#[command(
    after_help = "Examples:\n  neatflow properties\n  neatflow properties --json | jq -r '.[] | select(.stacks.udp == \"always\").name'\n"
)]
pub(crate) struct Properties {
    /// Print JSON: an array with an object for each property.
    #[arg(long)]
    pub(crate) json: bool,
}

/// See it work: a race, events, and actors that come back after a panic; all in this process, on loopback.
///
/// A listener and its clients run on two arbiters. One candidate is refused, one gets no answer, one wins; several
/// subscribers tell which events they got; an attempt and the listener panic, and nothing is lost. The last line is
/// `demo: ok`, or says what went other than expected.
#[derive(Debug, Arguments)]
#[command(
    after_help = "Examples:\n  neatflow demo\n  neatflow demo --json | jq -c 'select(.type == \"attempt\")'\n"
)]
pub(crate) struct Demo {
    /// Print JSON, one object in a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whom to reach, and how.
#[derive(Debug, Arguments)]
pub(crate) struct Reach {
    /// Whom to reach: a host name or an address.
    ///
    /// A link-local address takes an interface: fe80::1%eth0.
    #[arg(value_parser = host)]
    pub(crate) host: RemoteEndpoint,

    /// The port to reach.
    #[arg(value_parser = value_parser!(u16).range(1..))]
    pub(crate) port: u16,

    /// From which address, and which port, to connect.
    ///
    /// The address has to be one of this machine's; `*:PORT` binds the port alone. An IPv6 address with a port
    /// stands in brackets: [::1]:7000. Default: the system chooses.
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = local)]
    pub(crate) local: Option<LocalEndpoint>,

    /// Through which interface to connect, and no other.
    #[arg(long, value_name = "IF")]
    pub(crate) interface: Option<String>,

    #[command(flatten)]
    pub(crate) name_servers: NameServers,

    /// Ask this policy daemon besides: its neat_pm_socket (`neatflow policyd`, or NEAT's own).
    ///
    /// Of what is eligible here it rules out and reorders. Without an answer nothing is established.
    #[cfg(unix)]
    #[arg(long, value_name = "SOCKET")]
    pub(crate) policy_socket: Option<PathBuf>,

    /// How long establishing the connection may take, in seconds; fractions are fine.
    ///
    /// Default: until every candidate has failed.
    #[arg(long, value_name = "SECONDS", value_parser = some_time)]
    pub(crate) timeout: Option<Duration>,

    #[command(flatten)]
    pub(crate) wishes: Wishes,

    #[command(flatten)]
    pub(crate) policies: Policies,
}

/// Where to listen, and for what.
#[derive(Debug, Arguments)]
pub(crate) struct Place {
    /// The port, or the address: `[ADDR] PORT`. clap takes an optional argument before a required one only when
    /// no option stands between them, so that is done here.
    #[arg(hide = true, value_name = "PORT")]
    first: String,

    #[arg(hide = true)]
    second: Option<String>,

    /// Take connections that come through this interface only.
    #[arg(long, value_name = "IF")]
    pub(crate) interface: Option<String>,

    #[command(flatten)]
    pub(crate) wishes: Wishes,

    #[command(flatten)]
    pub(crate) policies: Policies,
}

#[derive(Debug, Arguments)]
pub(crate) struct Quit {
    /// Do not wait for the end of standard input once the peer has ended its side and input was idle this long.
    ///
    /// In seconds. Default: wait, so that a peer that only listens misses nothing; if standard input is a
    /// terminal, do not wait at all. Over UDP: end when standard input has ended and nothing came for this long;
    /// default: 1.
    #[arg(id = "quit", long = "quit", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) after: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Arguments)]
pub(crate) struct Telling {
    /// Tell on standard error what happens: every event, and the timeline of the race.
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// Tell it in JSON, one object in a line; implies --verbose.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Args {
    /// What was said; wrong usage and `--help` end the process here.
    pub(crate) fn said() -> Self {
        let args = Self::parse();
        let (command, checked): (&[&str], _) = match &args.command {
            Command::Connect(connect) => (&["connect"], usable(&connect.reach.wishes)),
            Command::Race(race) => (&["race"], usable(&race.reach.wishes)),
            Command::Listen(listen) => (&["listen"], listen.place.usable()),
            Command::Bench(Bench::Client(client)) => (&["bench", "client"], usable(&client.reach.wishes)),
            Command::Bench(Bench::Server(server)) => (&["bench", "server"], server.place.usable()),
            Command::Policy(Policy::Explain(explain)) => (&["policy", "explain"], usable(&explain.wishes)),
            _ => return args,
        };
        if let Err(why) = checked {
            Self::wrong(command, &why).exit();
        }
        args
    }

    fn wrong(path: &[&str], why: &str) -> clap::Error {
        let mut all = Self::command();
        all.build();
        let command = path.iter().try_fold(&mut all, |command, name| command.find_subcommand_mut(name));
        match command {
            Some(command) => command.error(ErrorKind::ValueValidation, why),
            None => Self::command().error(ErrorKind::ValueValidation, why),
        }
    }
}

impl Place {
    /// The address and port.
    pub(crate) fn endpoint(&self) -> Result<LocalEndpoint, String> {
        let (address, port) = match &self.second {
            None => (LocalEndpoint::new(), &self.first),
            Some(port) => (listening_address(&self.first)?, port),
        };
        match port.parse() {
            Ok(port) => Ok(address.port(port)),
            Err(_) => Err(format!("invalid port '{port}': it is a number from 0 to 65535")),
        }
    }

    fn usable(&self) -> Result<(), String> {
        self.endpoint().and_then(|_| usable(&self.wishes))
    }
}

/// Whether all of it can be said.
fn usable(wishes: &Wishes) -> Result<(), String> {
    wishes.on(TransportProperties::new()).map(drop).map_err(|error| error.to_string())
}

/// What a host name is, and what an address is, the library says.
fn name(text: &str) -> Result<String, String> {
    let host: RemoteEndpoint = text.parse().map_err(|error: EndpointError| error.to_string())?;
    match host.port {
        Some(_) => Err("a name has no port here".to_owned()),
        None => Ok(text.to_owned()),
    }
}

fn kind(text: &str) -> Result<RecordKind, String> {
    let kinds = Kinds::ALL.iter().find(|kind| kind.to_string().eq_ignore_ascii_case(text));
    kinds.ok_or_else(|| "not one of HTTPS, AAAA, A".to_owned())
}

fn host(text: &str) -> Result<RemoteEndpoint, String> {
    let host: RemoteEndpoint = text.parse().map_err(|error: EndpointError| error.to_string())?;
    match host.port {
        Some(_) => Err("the port is an argument of its own: HOST PORT".to_owned()),
        None => Ok(host),
    }
}

fn local(text: &str) -> Result<LocalEndpoint, EndpointError> {
    text.parse()
}

fn listening_address(text: &str) -> Result<LocalEndpoint, String> {
    let address = local(text).map_err(|error| format!("invalid address '{text}': {error}"))?;
    match address.port {
        Some(_) => Err(format!("invalid address '{text}': the port is an argument of its own: ADDR PORT")),
        None => Ok(address),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "not a length of time".to_owned())
}

pub(crate) fn some_time(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("nothing can be done in no time".to_owned()),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_address_to_listen_on_may_be_left_out() {
        let listen = |line: &str| match Args::try_parse_from(line.split(' ')).map(|args| args.command) {
            Ok(Command::Listen(listen)) => listen.place.endpoint().map(|place| place.to_string()),
            other => panic!("{other:?}"),
        };
        assert_eq!(listen("neatflow listen 7000"), Ok("*:7000".into()));
        assert_eq!(listen("neatflow listen ::1 7000"), Ok("[::1]:7000".into()));
        assert_eq!(listen("neatflow listen ::1 --echo --max 2 0"), Ok("[::1]:0".into()));
        assert_eq!(listen("neatflow listen --echo * 0"), Ok("*:0".into()));
        assert_eq!(listen("neatflow listen localhost 7000"), Ok("localhost:7000".into()));
        for wrong in ["::1", "localhost", "65536", "7000 ::1", "::1:7000 [::1]:7000", "[::1]:7000 7000"] {
            assert!(listen(&format!("neatflow listen {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_finite_and_positive() {
        assert_eq!(some_time("0.25"), Ok(Duration::from_millis(250)));
        for text in ["0", "-1", "inf", "NaN", "1e300", "soon", ""] {
            assert!(some_time(text).is_err(), "{text}");
        }
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
    }
}
