//! What may be said to the policy daemon on the command line.

use crate::policy::args::Places;
use clap::Args as Arguments;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The port of NEAT's REST interface.
const REST: &str = "127.0.0.1:45888";

const EXAMPLES: &str = "\
Examples:
  neatflow policyd                                     sockets in ~/.neat, where libneat looks for them
  neatflow policyd --socket-dir /run/user/1000/neat --no-rest
  echo '[{\"transport\": {\"value\": \"reliable\"}}]' | socat - UNIX-CONNECT:$HOME/.neat/neat_pm_socket
  curl localhost:45888/pib
  curl -H \"Authorization: Bearer $(cat ~/.neat/rest_token)\" -T my.policy localhost:45888/pib/my

libneat finds other sockets by NEAT_PM_SOCKET and NEAT_CIB_SOCKET in its environment.
";

/// Serve policies to others: to libneat, to scripts, to transports in other processes.
///
/// In place of NEAT's Policy Manager: its three sockets (neat_pm_socket, neat_pib_socket, neat_cib_socket), for this
/// user alone, and its REST interface, on loopback; what changes something needs a token. Files are read again when
/// they change. What is pushed is in force at once, and until the daemon ends. SIGINT and SIGTERM end it.
#[derive(Debug, Arguments)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Policyd {
    #[command(flatten)]
    pub(crate) places: Places,

    /// Where the sockets are; the directory is made if need be, and must be its owner's alone.
    ///
    /// Default: ~/.neat, where libneat looks for them; without a home, neatflow in $XDG_RUNTIME_DIR.
    #[arg(long, visible_alias = "sock", value_name = "DIR")]
    pub(crate) socket_dir: Option<PathBuf>,

    /// Where the REST interface listens. Beyond loopback everything needs the token, and nothing is encrypted.
    #[arg(long, value_name = "ADDR:PORT", default_value = REST)]
    pub(crate) rest: SocketAddr,

    /// No REST interface.
    #[arg(long, conflicts_with_all = ["rest", "token_file"])]
    pub(crate) no_rest: bool,

    /// The file with the token, of at least 16 characters; it must be readable by its owner alone.
    ///
    /// Default: rest_token beside the sockets, with a new token at each start.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Tell on standard error what happens.
    #[arg(short, long)]
    pub(crate) verbose: bool,
}
