//! A connection joined to standard input and output.

use crate::report::Report;
use crate::stdio::{Input, Output};
use futures::future::{self, Either};
use futures::{FutureExt, StreamExt};
use neatflow::{Connection, ConnectionFailure, EstablishmentFailure, Event, EventStream, Message};
use std::collections::VecDeque;
use std::future::IntoFuture;
use std::io::{self, IsTerminal};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How many messages may wait for standard output before the flow is not read any more.
const WINDOW: usize = 8;

/// How many messages may wait to be sent before standard input is not read any more.
const UNSENT: usize = 4;

/// How it ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Both directions are done, and every byte has arrived.
    Well,
    NotEstablished(Arc<EstablishmentFailure>),
    Failed(ConnectionFailure),
    /// Standard input could not be read, so the peer has been told that data is missing.
    Input(io::Error),
    /// Standard output could not be written.
    Output(io::Error),
}

/// When not to wait for the end of standard input: once the peer has finished and input was idle this long.
pub(crate) fn patience(asked: Option<Duration>) -> Option<Duration> {
    asked.or_else(|| io::stdin().is_terminal().then_some(Duration::ZERO))
}

/// Joins them until both directions are done. `events` has heard every event of the connection.
pub(crate) async fn join(
    connection: &Connection,
    events: EventStream,
    patience: Option<Duration>,
    report: &Report,
) -> Ended {
    let mut output = match Output::start() {
        Ok(output) => output,
        Err(error) => return Ended::Output(error),
    };
    connection.stream(WINDOW);
    let (finished, has_finished) = watch::channel(false);
    let hearing = hear(connection, events, &mut output, &finished, report).boxed_local();
    let sending = async {
        match pump(connection, has_finished, patience).await {
            Ok(()) => future::pending().await,
            Err(error) => error,
        }
    };
    let ended = match future::select(hearing, pin!(sending)).await {
        Either::Left((ended, _)) => ended,
        Either::Right((error, hearing)) => {
            connection.abort();
            hearing.await;
            Ended::Input(error)
        }
    };
    match ended {
        Ended::Output(error) => Ended::Output(error),
        ended => output.finish().await.map_or_else(Ended::Output, |()| ended),
    }
}

/// Hears every event to the last, and passes on what was received.
async fn hear(
    connection: &Connection,
    mut events: EventStream,
    output: &mut Output,
    finished: &watch::Sender<bool>,
    report: &Report,
) -> Ended {
    let mut broken = None;
    loop {
        let event = match broken {
            Some(_) => events.next().await,
            None => match future::select(events.next(), pin!(output.failed())).await {
                Either::Left((event, _)) => event,
                Either::Right((error, _)) => {
                    broken = Some(error);
                    connection.abort();
                    continue;
                }
            },
        };
        if let Some(event) = &event {
            report.event(event);
        }
        let ended = match event {
            Some(Event::Ready(_)) => {
                report.race(connection);
                continue;
            }
            Some(Event::Received(received)) => {
                output.write(received);
                continue;
            }
            Some(Event::ReceiveError(_)) => {
                finished.send_replace(true);
                continue;
            }
            // Left out silently, it would be missed by the peer. On a connection that has failed this does nothing.
            Some(Event::SendError(_)) => {
                connection.abort();
                continue;
            }
            Some(Event::EstablishmentError(error)) => {
                report.race(connection);
                Ended::NotEstablished(error.reason)
            }
            Some(Event::ConnectionError(error)) => Ended::Failed(error.reason),
            Some(Event::Closed(_)) | None => Ended::Well,
            Some(_) => continue,
        };
        return broken.map_or(ended, Ended::Output);
    }
}

/// Sends what standard input brings, and then our end. A connection that ends first is not its concern.
async fn pump(
    connection: &Connection,
    mut finished: watch::Receiver<bool>,
    patience: Option<Duration>,
) -> io::Result<()> {
    if connection.ready().await.is_err() {
        return Ok(());
    }
    let mut input = Input::start()?;
    let mut unsent = VecDeque::new();
    loop {
        let idle = idle(&mut finished, patience);
        let chunk = match future::select(pin!(input.next()), pin!(idle)).await {
            Either::Left((Some(chunk), _)) => chunk?,
            Either::Left((None, _)) | Either::Right(_) => break,
        };
        unsent.push_back(connection.send(chunk).into_future());
        if unsent.len() >= UNSENT
            && let Some(first) = unsent.pop_front()
            && first.await.is_err()
        {
            return Ok(());
        }
    }
    // Not awaited: the terminal event tells.
    let _ = connection.send(Message::default().last());
    Ok(())
}

/// Ready when nobody is to wait for standard input any longer.
async fn idle(finished: &mut watch::Receiver<bool>, patience: Option<Duration>) {
    match patience {
        Some(patience) if finished.wait_for(|finished| *finished).await.is_ok() => {
            tokio::time::sleep(patience).await;
        }
        _ => future::pending().await,
    }
}
