//! `neatflow policy`.

pub(crate) mod args;
mod bases;
mod explain;

use crate::exit::Exit;
use crate::report::visible;
use args::Policy;
use neatflow::Registry;
use neatflow::Time;
use neatflow::policy::daemon::InterfaceNodes;
use neatflow::policy::{Engine, HostNetwork, Inventory, StackRow, built_in};
use neatflow::policy_manager::files;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn policy(asked: &Policy) -> Exit {
    match asked {
        Policy::Explain(args) => explain::explain(args),
        Policy::Check(args) => bases::check(args),
        Policy::Rows(args) => bases::rows(args),
        Policy::Export(args) => bases::export(args),
        Policy::Schema(args) => bases::schema(args),
    }
}

/// What is in force: what is built in, and over it what these directories say. What is refused there is told on
/// standard error, and left out.
fn engine(directories: &[PathBuf]) -> Engine {
    let loaded = files::load(directories);
    for refused in &loaded.refused {
        eprintln!("neatflow: refused: {}", visible(refused));
    }
    let mut engine = Engine::with_pib(built_in::pib());
    for (uid, fault) in engine.exchange(&files::load(&[]), &loaded, &built_in::pib()) {
        eprintln!("neatflow: {} does not fit what else is there: {fault}", visible(uid));
    }
    engine
}

/// The protocols and interfaces of this host.
fn inventory() -> Inventory {
    let network = neatflow::stacks::network().unwrap_or_else(|error| {
        eprintln!("neatflow: cannot list interfaces: {error}");
        HostNetwork::default()
    });
    let HostNetwork { interfaces, routes, .. } = network;
    let stacks = Registry::built_in();
    let stacks = stacks.iter().map(|stack| StackRow { protocol: stack.protocol(), offers: stack.offers() });
    Inventory { stacks: stacks.collect(), interfaces, routes }
}

/// The same, with the interfaces of this host as nodes, as whoever speaks NEAT's JSON sees it.
fn engine_with_interfaces(directories: &[PathBuf]) -> Engine {
    let mut engine = engine(directories);
    InterfaceNodes::new().follow(&mut engine, &inventory().interfaces);
    engine
}

/// Now, since the Unix epoch.
fn now() -> Time {
    Time::from_origin(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Prints the result.
fn tell(text: &str) -> Exit {
    match writeln!(io::stdout().lock(), "{}", text.trim_end()) {
        // Whoever read it has seen enough (`| head`).
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Exit::Failed,
        _ => Exit::Done,
    }
}

/// What was asked for is nothing that could be asked for.
fn misused(why: impl std::fmt::Display) -> Exit {
    eprintln!("neatflow: {why}");
    Exit::Misused
}

/// Tells why there is no result.
fn wrong(why: impl std::fmt::Display) -> Exit {
    eprintln!("neatflow: {why}");
    Exit::Wrong
}
