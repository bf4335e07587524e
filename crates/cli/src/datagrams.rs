//! What is other over UDP: standard input in datagrams, no end, and what the network reports.

use crate::join::{Ended, Heard, UNSENT};
use crate::stdio::{CHUNK, Input};
use futures::future::{self, Either};
use neatflow::{Connection, ConnectionFailure, Failure, Protocol, SendFailure, State};
use std::collections::VecDeque;
use std::future::IntoFuture;
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::watch;

/// How long nothing must have come, once standard input has ended.
pub(crate) const SILENCE: Duration = Duration::from_secs(1);

/// What a packet holds on any path worth using, where the system does not tell (RFC 9000 §14).
const SAFE: usize = 1_200;

/// Whether what is sent over it are datagrams.
pub(crate) fn carries_datagrams(connection: &Connection) -> bool {
    *connection.stack() == Protocol::UDP
}

/// Sends what each read of standard input brings, and closes when nothing has come for as long as `silence` after
/// its end. A datagram that is refused costs no other.
pub(crate) async fn pump(
    connection: &Connection,
    mut heard: watch::Receiver<Heard>,
    silence: Duration,
) -> io::Result<()> {
    let fits = connection.report().await.max_singular.unwrap_or(SAFE);
    let mut input = Input::start(fits.clamp(1, CHUNK))?;
    let mut unsent = VecDeque::new();
    loop {
        let finished = heard.wait_for(|heard| heard.finished);
        let datagram = match future::select(pin!(input.next()), pin!(finished)).await {
            Either::Left((Some(datagram), _)) => datagram?,
            Either::Left((None, _)) | Either::Right(_) => break,
        };
        unsent.push_back(connection.send(datagram).into_future());
        if unsent.len() >= UNSENT
            && let Some(first) = unsent.pop_front()
            && first.await.is_err()
            && connection.state() == State::Closed
        {
            return Ok(());
        }
    }
    silent(&mut heard, silence).await;
    connection.close();
    Ok(())
}

/// Ready when nothing has come for this long, or nothing can come any more.
async fn silent(heard: &mut watch::Receiver<Heard>, silence: Duration) {
    while !heard.borrow_and_update().finished {
        match tokio::time::timeout(silence, heard.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// What went wrong without ending the connection.
#[derive(Debug)]
pub(crate) struct Trouble {
    answered: bool,
    /// What the network reported last.
    reported: Option<Failure>,
    /// How many datagrams were not sent, and why the first was not.
    unsent: Option<(u64, SendFailure)>,
}

impl Trouble {
    /// `answered`: whether something has come already.
    pub(crate) const fn new(answered: bool) -> Self {
        Self { answered, reported: None, unsent: None }
    }

    /// Something came.
    pub(crate) const fn answered(&mut self) {
        self.answered = true;
    }

    /// The network reported this. Whether to give up: nobody listens there, and nobody ever answered.
    pub(crate) fn reported(&mut self, reason: Failure) -> bool {
        let refused = reason == Failure::Refused;
        self.reported = Some(reason);
        refused && !self.answered
    }

    /// A datagram was not sent.
    pub(crate) fn unsent(&mut self, reason: SendFailure) {
        match &mut self.unsent {
            Some((number, _)) => *number += 1,
            None => self.unsent = Some((1, reason)),
        }
    }

    /// How it ended, in the light of all that.
    pub(crate) fn in_the_end(self, ended: Ended) -> Ended {
        match (ended, self.reported, self.unsent) {
            (Ended::Well | Ended::Failed(ConnectionFailure::AbortedLocally), Some(reason), _)
                if !self.answered =>
            {
                Ended::Unanswered(reason)
            }
            (Ended::Well, _, Some((number, first))) => Ended::Unsent { number, first },
            (ended, ..) => ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_counts_as_long_as_nobody_has_answered() {
        let mut trouble = Trouble::new(false);
        assert!(!trouble.reported(Failure::TimedOut), "that may pass");
        assert!(trouble.reported(Failure::Refused));
        let ended = trouble.in_the_end(Ended::Failed(ConnectionFailure::AbortedLocally));
        assert!(matches!(ended, Ended::Unanswered(Failure::Refused)), "{ended:?}");

        let mut trouble = Trouble::new(false);
        trouble.answered();
        assert!(!trouble.reported(Failure::Refused));
        assert!(matches!(trouble.in_the_end(Ended::Well), Ended::Well));
    }

    #[test]
    fn what_was_not_sent_is_told_at_the_end() {
        let mut trouble = Trouble::new(true);
        trouble.unsent(SendFailure::TooLarge { limit: 1 });
        trouble.unsent(SendFailure::QueueFull);
        let ended = trouble.in_the_end(Ended::Well);
        let first_of_two =
            matches!(ended, Ended::Unsent { number: 2, first: SendFailure::TooLarge { limit: 1 } });
        assert!(first_of_two, "{ended:?}");
    }
}
