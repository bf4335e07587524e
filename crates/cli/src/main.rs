//! The `neatflow` command.

mod advice;
mod args;
mod bench;
mod connect;
mod datagrams;
mod demo;
mod exit;
mod join;
mod listen;
mod log;
mod name_servers;
mod plot;
mod policies;
mod policy;
#[cfg(unix)]
mod policyd;
mod preconnections;
mod properties;
mod race;
mod report;
mod resolve;
mod signals;
mod stdio;
mod wishes;
mod witness;

use actix::System;
use args::{Args, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::said();
    System::new()
        .block_on(async {
            match args.command {
                Command::Connect(args) => connect::connect(args).await,
                Command::Listen(args) => listen::listen(args).await,
                Command::Race(args) => race::race(args).await,
                Command::Resolve(args) => resolve::resolve(args).await,
                Command::Bench(args) => bench::bench(args).await,
                Command::Properties(args) => properties::properties(&args),
                Command::Policy(args) => policy::policy(&args),
                #[cfg(unix)]
                Command::Policyd(args) => policyd::policyd(args).await,
                Command::Demo(args) => demo::demo(args).await,
            }
        })
        .into()
}
