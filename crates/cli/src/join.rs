//! A connection joined to standard input and output.

use crate::datagrams::{self, carries_datagrams};
use crate::report::Report;
use crate::stdio::{CHUNK, Input, Output};
use futures::future::{self, Either};
use futures::{FutureExt, StreamExt};
use neatflow::{
    Connection, ConnectionFailure, EstablishmentFailure, Event, EventStream, Failure, Message, SendFailure,
    State,
};
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
pub(crate) const UNSENT: usize = 4;

/// How it ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Both directions are done, and every byte has arrived.
    Well,
    NotEstablished(Arc<EstablishmentFailure>),
    Failed(ConnectionFailure),
    /// Nothing ever came, and the network told why.
    Unanswered(Failure),
    /// This many datagrams were not sent.
    Unsent {
        number: u64,
        first: SendFailure,
    },
    /// Standard input could not be read, so the peer has been told that data is missing.
    Input(io::Error),
    /// Standard output could not be written.
    Output(io::Error),
}

/// When not to wait any longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For the end of standard input, once the peer has finished and input was idle this long; `None` = wait.
    input: Option<Duration>,
    /// For datagrams, once standard input has ended.
    datagrams: Duration,
}

impl Patience {
    pub(crate) fn new(asked: Option<Duration>) -> Self {
        Self {
            input: asked.or_else(|| io::stdin().is_terminal().then_some(Duration::ZERO)),
            datagrams: asked.unwrap_or(datagrams::SILENCE),
        }
    }
}

/// What has come so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard {
    /// Messages.
    pub(crate) messages: u64,
    /// Whether none will follow.
    pub(crate) finished: bool,
}

/// Joins them until both directions are done. `events` has heard every event of the connection.
pub(crate) async fn join(
    connection: &Connection,
    events: EventStream,
    patience: Patience,
    report: &Report,
) -> Ended {
    let mut output = match Output::start() {
        Ok(output) => output,
        Err(error) => return Ended::Output(error),
    };
    connection.stream(WINDOW);
    let (hears, heard) = watch::channel(Heard::default());
    let hearing = hear(connection, events, &mut output, &hears, report).boxed_local();
    let sending = async {
        match pump(connection, heard, patience).await {
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
    heard: &watch::Sender<Heard>,
    report: &Report,
) -> Ended {
    let mut broken = None;
    // One that was accepted began with a message.
    let mut trouble = datagrams::Trouble::new(connection.state() != State::Establishing);
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
                trouble.answered();
                heard.send_modify(|heard| heard.messages += 1);
                output.write(received);
                continue;
            }
            Some(Event::ReceiveError(_)) => {
                heard.send_modify(|heard| heard.finished = true);
                continue;
            }
            Some(Event::SoftError(error)) if carries_datagrams(connection) => {
                if trouble.reported(error.reason.clone()) {
                    connection.abort();
                }
                continue;
            }
            Some(Event::SendError(error)) if carries_datagrams(connection) => {
                trouble.unsent(error.reason.clone());
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
        return broken.map_or_else(|| trouble.in_the_end(ended), Ended::Output);
    }
}

/// Sends what standard input brings, and then our end. A connection that ends first is not its concern.
async fn pump(
    connection: &Connection,
    mut heard: watch::Receiver<Heard>,
    patience: Patience,
) -> io::Result<()> {
    if connection.ready().await.is_err() {
        return Ok(());
    }
    if carries_datagrams(connection) {
        return datagrams::pump(connection, heard, patience.datagrams).await;
    }
    let mut input = Input::start(CHUNK)?;
    let mut unsent = VecDeque::new();
    loop {
        let idle = idle(&mut heard, patience.input);
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
async fn idle(heard: &mut watch::Receiver<Heard>, patience: Option<Duration>) {
    match patience {
        Some(patience) if heard.wait_for(|heard| heard.finished).await.is_ok() => {
            tokio::time::sleep(patience).await;
        }
        _ => future::pending().await,
    }
}
