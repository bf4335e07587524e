//! What a connection is told, what it puts out, and what it says.

use super::inbox::Asker;
use crate::failure::{ConnectionFailure, EstablishmentFailure, Failure, ReceiveFailure, SendFailure};
use crate::framing::Part;
use crate::message::{Message, MessageId, Messages};
use std::fmt;
use std::ops::RangeInclusive;

/// Where a connection is in its life (RFC 9622 §8.1.11.1, `connState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Candidates are being found and raced. Messages may be queued.
    Establishing,
    /// Messages flow.
    Established,
    /// What was queued is being delivered; no more is taken.
    Closing,
    /// Nothing happens any more.
    Closed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Establishing => "Establishing",
            Self::Established => "Established",
            Self::Closing => "Closing",
            Self::Closed => "Closed",
        })
    }
}

/// Which side opened the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// We did: it begins in Establishing.
    Initiated,
    /// The peer did: it begins in Established, and its ConnectionReceived is the listener's to tell.
    Accepted,
}

/// What happens to a connection.
#[derive(Clone, Debug)]
pub enum Input {
    // ---- by the application
    /// Every message that comes, without a request for each; or no longer.
    Stream(bool),
    /// After what is queued, end it (RFC 9622 §10).
    Close,
    /// End it now (RFC 9622 §10).
    Abort,
    /// Nobody holds it any more: close it if it is established, cancel it if it is not. Whoever closed before
    /// letting go still gets what close promises.
    Release,
    // ---- by the network
    /// A candidate won.
    Established,
    /// None did.
    EstablishmentFailed(EstablishmentFailure),
    /// Messages came.
    Arrived(Messages),
    /// The peer has sent its end.
    PeerFinished,
    /// A byte stream took this many bytes.
    Written(usize),
    /// A message transport took this many messages from the front.
    FrontTaken(usize),
    /// A message transport would not take the message at the front; it may take the next.
    FrontRefused(SendFailure),
    /// The network reported an error that ends nothing.
    SoftError(Failure),
    /// The peer has acknowledged every byte and our end.
    Acknowledged,
    /// The transport failed.
    Failed(ConnectionFailure),
}

/// What whoever drives it has to do next.
#[derive(Clone, Debug)]
pub enum Output {
    /// Tell the subscribers.
    Event(Event),
    /// Stop looking for a candidate.
    CancelEstablishment,
    /// Send our end, after what was written.
    Finish,
    /// End the transport; the peer is to know that data may be missing.
    Abort,
    /// The terminal event was told: let go of the transport. The last output.
    Release,
}

/// What subscribers are told; the actors give these their RFC 9622 names and addresses.
#[derive(Clone, Debug)]
pub enum Event {
    /// Established, opened by us.
    Ready,
    /// No candidate won. Terminal.
    EstablishmentError(EstablishmentFailure),
    /// The transport has taken these messages whole.
    Sent(RangeInclusive<MessageId>),
    /// The lifetime of the message ran out before it was sent; here it is.
    Expired {
        /// Which.
        id: MessageId,
        /// The message, as it was given.
        message: Message,
    },
    /// The message was not sent; here it is.
    SendError {
        /// Which.
        id: MessageId,
        /// The message, as it was given.
        message: Message,
        /// Why.
        reason: SendFailure,
    },
    /// The send queue was above its high-water mark, and has fallen below half of it.
    Writable,
    /// Nothing is queued any more: the transport has taken it, or would not.
    AllWritten,
    /// Something is here for whoever takes it by hand.
    Readable,
    /// Messages came: one for a request, one or more for the stream.
    Received {
        /// Whom they are for.
        asker: Asker,
        /// What came.
        messages: Messages,
    },
    /// A part of a message came.
    ReceivedPartial {
        /// Whom it is for.
        asker: Asker,
        /// The next bytes of the message, and whether it ends with them.
        part: Part,
    },
    /// No message will come; or one could not be delivered.
    ReceiveError {
        /// Whom it is for.
        asker: Asker,
        /// Why.
        reason: ReceiveFailure,
    },
    /// The network reported an error that ends nothing.
    SoftError(Failure),
    /// The peer aborted; the terminal event follows.
    Aborted,
    /// Data stayed unacknowledged for too long.
    Timeout,
    /// It ended well: the peer acknowledged everything. Terminal.
    Closed,
    /// It ended badly. Terminal.
    ConnectionError(ConnectionFailure),
}

impl Event {
    /// Whether nothing follows it.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::EstablishmentError(_) | Self::Closed | Self::ConnectionError(_))
    }
}

impl From<Failure> for Input {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.into())
    }
}
