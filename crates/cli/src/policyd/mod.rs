//! `neatflow policyd`.

pub(crate) mod args;
mod ended;
mod rest;
mod token;

use crate::exit::Exit;
use crate::log;
use crate::signals::Signals;
use args::Policyd;
use ended::Ended;
use futures::future::{Either, pending, select};
use neatflow::Registry;
use neatflow::policy_manager::messages::Files;
use neatflow::policy_manager::{self, Interfaces, PolicyManager};
use neatflow::policy_sockets::{self, CIB_SOCKET, PIB_SOCKET, PM_SOCKET, PolicySockets, SocketFiles};
use neatflow::supervision::{Plan, Supervise};
use std::env;
use std::fmt::Display;
use std::path::PathBuf;
use std::pin::pin;
use token::Token;

pub(crate) async fn policyd(args: Policyd) -> Exit {
    match serve(args).await {
        Ok(()) => Exit::Done,
        Err(why) => {
            eprintln!("neatflow: {why}");
            Exit::NotEstablished
        }
    }
}

async fn serve(args: Policyd) -> Result<(), String> {
    let mut signals = Signals::catch().map_err(|error| format!("cannot catch signals: {error}"))?;
    let logger = log::logger(args.verbose);
    let directory =
        args.socket_dir.clone().or_else(socket_dir).ok_or("say where the sockets are: --socket-dir DIR")?;
    let sockets = SocketFiles::bind(directory).map_err(|error| error.to_string())?;
    let directory = sockets.directory().to_owned();

    let mut config = policy_manager::Config::default();
    config.directories = args.places.directories();
    let manager =
        PolicyManager::new(&Registry::built_in(), Interfaces::system(), logger.clone()).configured(config);
    let supervised = |name| Supervise::new(Plan::permanent()).name(name).logger(logger.clone());
    let mut ended = Ended::watch();
    let manager = supervised("policy manager").start(|_| manager);
    manager.watch(ended.watcher());
    let manager = manager.addr().clone();
    // What it refuses it has logged then.
    manager.send(Files).await.map_err(|_| "the policy manager has ended")?;

    let rest = if args.no_rest {
        None
    } else {
        let token = match &args.token_file {
            Some(path) => Token::read(path).map_err(about(path.display()))?,
            None => {
                let path = directory.join(TOKEN);
                Token::create(&path).map_err(about(path.display()))?
            }
        };
        Some(rest::start(args.rest, token, manager.clone()).map_err(about(args.rest))?)
    };
    let config = policy_sockets::Config::default();
    let sockets = PolicySockets::new(sockets, manager, config, logger.clone());
    let serving = supervised("policy sockets").start(|_| sockets);
    serving.watch(ended.watcher());

    for (what, name) in [("requests", PM_SOCKET), ("policies", PIB_SOCKET), ("nodes", CIB_SOCKET)] {
        println!("{what} at {}", directory.join(name).display());
    }
    if let Some((address, _)) = &rest {
        println!("REST at http://{address}");
        if args.token_file.is_none() {
            println!("its token in {}", directory.join(TOKEN).display());
        }
    }
    let server = async {
        match rest {
            Some((_, server)) => {
                server.await.map_or_else(|error| error.to_string(), |()| "it ended".to_owned())
            }
            None => pending().await,
        }
    };
    // A daemon that serves half of what it said is worse than none: whoever started it can start it again.
    let (ended, server) = (pin!(ended.next()), pin!(server));
    let why = match select(pin!(signals.next()), select(ended, server)).await {
        Either::Left(_) => None,
        Either::Right((Either::Left((why, _)), _)) => Some(why),
        Either::Right((Either::Right((why, _)), _)) => Some(format!("the REST interface has ended: {why}")),
    };
    drop(serving);
    why.map_or(Ok(()), Err)
}

/// The token, beside the sockets.
const TOKEN: &str = "rest_token";

/// Where libneat looks for the sockets; without a home, where this session has its own.
fn socket_dir() -> Option<PathBuf> {
    let home = env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(".neat"));
    let session =
        || env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).map(|session| session.join("neatflow"));
    home.or_else(session)
}

/// Says what an error is about.
fn about<E: Display>(what: impl Display) -> impl Fn(E) -> String {
    move |error| format!("{what}: {error}")
}
