//! What may be said to `neatflow bench`.

use crate::args::{EXIT_CODES, LISTEN_HELP, Place, Reach, some_time};
use clap::{Args as Arguments, Subcommand, ValueEnum, value_parser};
use std::time::Duration;

/// How many flows there may be; each needs a file descriptor and a port.
const MOST_FLOWS: i64 = 1_000_000;

/// How large a message may be, in bytes.
const LARGEST: i64 = 16 << 20;

/// How many messages of a flow may be on their way.
const DEEPEST: i64 = 65_536;

const CLIENT_EXAMPLES: &str = "\
Examples:
  neatflow bench client localhost 7000                       how long does an echo take?
  neatflow bench client --flows 1000 --size 100 localhost 7000
  neatflow bench client --mode discard --size 65536 localhost 7000     how much goes through?
  neatflow bench client --depth 32 --count 100000 --json localhost 7000
  neatflow bench client --profile unreliable-datagram --wait 0.2 localhost 7000
";

const SERVER_EXAMPLES: &str = "\
Examples:
  neatflow bench server 7000                                 echoes, TCP and UDP, IPv6 and IPv4
  neatflow bench server --discard --duration 60 127.0.0.1 0
  neatflow bench server --require reliability ::1 7000       the same over TCP alone
";

/// Measure: latency and throughput of one flow, or of thousands.
///
/// The client drives any echo or discard server; the server serves any client.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    Client(Box<Client>),
    Server(Box<Server>),
}

/// Send messages to a server and measure what comes of it.
///
/// All flows are established first; then all send at once, until --count or --duration is reached (without either:
/// for 10 s). The result is printed on standard output, also when it is interrupted (SIGINT, SIGTERM).
///
/// On a byte stream the echo is told by counting bytes, and what comes back has to be what was sent. Datagrams are
/// numbered in their first bytes (up to 8, so of those of one byte no more than 128 are on their way); one that is not
/// answered in time counts as lost.
#[derive(Debug, Arguments)]
#[command(after_help = CLIENT_EXAMPLES, after_long_help = format!("{CLIENT_EXAMPLES}\n{EXIT_CODES}"))]
pub(crate) struct Client {
    #[command(flatten)]
    pub(crate) reach: Reach,

    /// How many connections.
    #[arg(long, value_name = "N", default_value = "1", value_parser = value_parser!(u32).range(1..=MOST_FLOWS))]
    pub(crate) flows: u32,

    /// How large a message is.
    #[arg(long, value_name = "BYTES", default_value = "64", value_parser = value_parser!(u32).range(1..=LARGEST))]
    pub(crate) size: u32,

    /// How many messages each flow sends.
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// How long to send, in seconds; fractions are fine. [default: 10, without --count]
    #[arg(long, value_name = "SECONDS", value_parser = some_time)]
    pub(crate) duration: Option<Duration>,

    /// What the server does with it.
    #[arg(long, value_enum, default_value_t = Mode::Echo)]
    pub(crate) mode: Mode,

    /// How many messages of each flow are on their way at once: sent and not answered; or, with --mode discard,
    /// queued.
    ///
    /// [default: 1; with --mode discard, what makes up to 128 KiB]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=DEEPEST))]
    pub(crate) depth: Option<u32>,

    /// How long nothing may come back, or be taken, in seconds; then a datagram is lost, and a byte stream has failed.
    ///
    /// [default: 1 for datagrams, 10 for byte streams]
    #[arg(long, value_name = "SECONDS", value_parser = some_time)]
    pub(crate) wait: Option<Duration>,

    /// Print the result as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Serve whoever measures: one actor for all connections, which drives them itself.
///
/// Every transport is taken, at the same port, as `neatflow listen` does. The addresses that are listened on are
/// printed, one in a line, and at the end what was served. SIGINT and SIGTERM end it gracefully.
#[derive(Debug, Arguments)]
#[command(
    override_usage = "neatflow bench server [OPTIONS] [ADDR] PORT",
    help_template = LISTEN_HELP,
    after_help = SERVER_EXAMPLES,
    after_long_help = format!("{SERVER_EXAMPLES}\n{EXIT_CODES}")
)]
pub(crate) struct Server {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Send back to every peer what it sends (the default).
    #[arg(long, group = "service")]
    pub(crate) echo: bool,

    /// Read what every peer sends, and drop it.
    #[arg(long, group = "service")]
    pub(crate) discard: bool,

    /// How long to serve, in seconds. Default: until a signal comes.
    #[arg(long, value_name = "SECONDS", value_parser = some_time)]
    pub(crate) duration: Option<Duration>,

    /// Print JSON, one object in a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What the server does with what it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// It sends it back.
    Echo,
    /// It drops it.
    Discard,
}

impl Mode {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Discard => "discard",
        }
    }
}
