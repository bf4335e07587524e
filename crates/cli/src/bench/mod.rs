//! `neatflow bench`: latency and throughput between two processes.

pub(crate) mod args;
mod client;
mod flow;
mod progress;
mod serving;
mod tally;
mod way;

use crate::advice::Trouble;
use crate::args::Telling;
use crate::connect::not_initiated;
use crate::exit::Exit;
use crate::listen::{GRACE, not_listening};
use crate::report::{Report, To};
use crate::signals::Signals;
use actix::prelude::*;
use args::Bench;
use client::Client;
use futures::channel::oneshot;
use futures::future::{self, Either};
use neatflow::Error;
use serving::Server;
use std::pin::pin;
use std::time::Duration;
use tally::{Served, Tally};

/// Said by whoever has seen enough: stop, and tell what there is.
///
/// No reply. Overflow: said once or twice.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
struct Stop;

pub(crate) async fn bench(args: Bench) -> Exit {
    let json = match &args {
        Bench::Client(args) => args.json,
        Bench::Server(args) => args.json,
    };
    let report = Report::on_stderr(Telling { verbose: false, json });
    let signals = match Signals::catch() {
        Ok(signals) => signals,
        Err(error) => {
            report.trouble(&Trouble::new(format!("cannot catch signals: {error}")));
            return Exit::NotEstablished;
        }
    };
    match args {
        Bench::Client(args) => measure(&args, signals, &report).await,
        Bench::Server(args) => {
            serve(&args, signals, &report).await.unwrap_or_else(|error| not_listening(&report, &error))
        }
    }
}

async fn measure(args: &args::Client, mut signals: Signals, report: &Report) -> Exit {
    let peer = args.reach.remote().to_string();
    let preconnection = match args.reach.preconnection(report) {
        Ok(preconnection) => preconnection,
        Err(error) => return not_initiated(report, &peer, &error),
    };
    let (done, mut tally) = oneshot::channel();
    let client = Client::new(args, preconnection, done).start();
    let measured = match signals.unless_caught(&mut tally).await {
        Some(measured) => measured,
        None => {
            client.do_send(Stop);
            tally.await
        }
    };
    match measured {
        Ok(Ok(tally)) => {
            report.outcome(|| tally.text(), || tally.json());
            told(report, &peer, &tally)
        }
        Ok(Err(error)) => not_initiated(report, &peer, &error),
        Err(oneshot::Canceled) => {
            report.trouble(&Trouble::new("what measured has ended".to_owned()));
            Exit::Failed
        }
    }
}

/// Tells what failed, if anything did.
fn told(report: &Report, peer: &str, tally: &Tally) -> Exit {
    if let Some(failure) = &tally.not_established
        && tally.established == 0
    {
        report.trouble(&crate::advice::not_established(peer, failure));
        return Exit::NotEstablished;
    }
    match tally.failures.total() {
        0 => Exit::Done,
        failed => {
            report.trouble(&Trouble::new(format!("{failed} of {} flows with {peer} failed", tally.flows)));
            Exit::Failed
        }
    }
}

async fn serve(args: &args::Server, mut signals: Signals, report: &Report) -> Result<Exit, Error> {
    let (done, mut all_done) = oneshot::channel::<Served>();
    let mode = if args.discard { args::Mode::Discard } else { args::Mode::Echo };
    let server = Server::new(mode, done).start();
    let listener = Server::subscribed(args.place.preconnection(report)?, &server).listen()?;
    listener.listening().await?;
    report.listening(To::Stdout, &listener.sockets());

    let over = async {
        match args.duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => future::pending().await,
        }
    };
    let ended = match future::select(pin!(over), pin!(signals.unless_caught(&mut all_done))).await {
        Either::Right((Some(ended), _)) => Some(ended),
        Either::Right((None, _)) | Either::Left(_) => None,
    };
    let served = match ended {
        Some(ended) => ended,
        None => {
            listener.stop();
            server.do_send(Stop);
            finish(&server, &mut all_done, &mut signals).await
        }
    };
    match served {
        Ok(served) => {
            report.outcome(|| served.text(), || served.json());
            served.ended.map(|()| Exit::Done).map_err(Error::from)
        }
        Err(oneshot::Canceled) => {
            report.trouble(&Trouble::new("the server has ended".to_owned()));
            Ok(Exit::Failed)
        }
    }
}

/// Waits for the end. After the grace, or at another signal, what has not ended is aborted.
async fn finish(
    server: &Addr<Server>,
    all_done: &mut oneshot::Receiver<Served>,
    signals: &mut Signals,
) -> Result<Served, oneshot::Canceled> {
    let waits = [GRACE, Duration::from_millis(500)];
    for wait in waits {
        match tokio::time::timeout(wait, signals.unless_caught(all_done)).await {
            Ok(Some(served)) => return served,
            Ok(None) | Err(_) => server.do_send(Stop),
        }
    }
    all_done.await
}
