//! `neatflow listen`.

mod server;

use crate::advice;
use crate::args::Listen;
use crate::connect::tell;
use crate::exit::Exit;
use crate::join::{Patience, join};
use crate::report::{Report, To};
use crate::signals::Signals;
use crate::witness::{CatchUp, Witness};
use actix::Actor;
use futures::channel::oneshot;
use neatflow::{Error, Event, ListenFailure};
use std::pin::pin;
use std::time::Duration;

pub(crate) use server::{CloseAll, Server, Service};

/// How long what was being sent may take, once told to stop.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

pub(crate) async fn listen(args: Listen) -> Exit {
    let report = Report::on_stderr(args.telling);
    let signals = match Signals::catch() {
        Ok(signals) => signals,
        Err(error) => {
            report.trouble(&advice::Trouble::new(format!("cannot catch signals: {error}")));
            return Exit::NotEstablished;
        }
    };
    let service = match (args.echo, args.discard) {
        (true, _) => Some(Service::Echo),
        (_, true) => Some(Service::Discard),
        _ => None,
    };
    let ended = match service {
        Some(service) => serve(service, &args, signals, &report).await,
        None => join_first(&args, signals, &report).await,
    };
    ended.unwrap_or_else(|error| not_listening(&report, &error))
}

/// Tells why nobody can be listened for.
pub(crate) fn not_listening(report: &Report, error: &Error) -> Exit {
    report.trouble(&match error {
        Error::Listen(failure) => advice::not_listening(failure),
        error => advice::Trouble::new(format!("cannot listen: {error}")),
    });
    Exit::NotEstablished
}

/// Serves every connection, until told to stop or as many as were asked for have ended.
async fn serve(
    service: Service,
    args: &Listen,
    mut signals: Signals,
    report: &Report,
) -> Result<Exit, Error> {
    let (done, mut all_done) = oneshot::channel();
    let server = Server::new(service, args.max, done).start();
    let witness = report.is_verbose().then(|| {
        let report = *report;
        Witness::new(move |event| report.event(event)).start()
    });
    let mut preconnection = Server::subscribed(args.place.preconnection(report)?, &server);
    if let Some(witness) = &witness {
        preconnection = preconnection.subscribe::<Event, _>(witness);
    }
    let listener = preconnection.listen()?;
    listener.new_connection_limit(args.max);
    listener.listening().await?;
    report.listening(To::Stdout, &listener.sockets());

    let ended = match signals.unless_caught(&mut all_done).await {
        Some(ended) => ended,
        None => {
            listener.stop();
            server.do_send(CloseAll);
            // What has not ended after the grace, or at the second signal, ends with the process.
            let ended = tokio::time::timeout(GRACE, signals.unless_caught(&mut all_done)).await;
            ended.ok().flatten().unwrap_or(Ok(Ok(())))
        }
    };
    if let Some(witness) = witness {
        // It cannot have stopped.
        let _ = witness.send(CatchUp).await;
    }
    ended.unwrap_or_else(|_| Err(ListenFailure::Stopped("its server has ended".into())))?;
    Ok(Exit::Done)
}

/// Joins the first connection to standard input and output.
async fn join_first(args: &Listen, mut signals: Signals, report: &Report) -> Result<Exit, Error> {
    let listener = args.place.preconnection(report)?.listen()?;
    listener.listening().await?;
    report.listening(To::Stderr, &listener.sockets());
    let connection = match signals.unless_caught(&mut listener.accept()).await {
        Some(Some(connection)) => connection,
        // It has ended by itself, and says why.
        Some(None) => return Ok(listener.listening().await.map(|_| Exit::Done)?),
        None => return Ok(Exit::Done),
    };
    drop(listener);
    let events = connection.events();
    report.accepted(&connection);
    let mut joined = pin!(join(&connection, events, Patience::new(args.quit.after), report));
    if let Some(ended) = signals.unless_caught(&mut joined).await {
        let peer = connection.remote_addr().map(|peer| peer.to_string()).unwrap_or_default();
        return Ok(tell(report, &peer, ended));
    }
    connection.close();
    // What has not ended after the grace, or at the second signal, ends with the process.
    let _ = tokio::time::timeout(GRACE, signals.unless_caught(&mut joined)).await;
    Ok(Exit::Done)
}
