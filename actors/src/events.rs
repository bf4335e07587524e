//! Every event an application can subscribe to, each declared once.
//!
//! An event is an actor message: implement `Handler<Ready>`, `Handler<Received>`, ... and subscribe. Overflow:
//! events are delivered without regard to the mailbox's capacity, because an order across event types would be
//! lost if one were refused; they are bounded all the same, by what the application asked for (one answer for
//! each receive, one fate for each send, one terminal event).

use crate::credit::Credit;
use crate::flow::{Connection, ConnectionRef};
use crate::listener::{Listener, ListenerRef};
use crate::subscription::SubscriptionId;
use actix::Message as ActorMessage;
use neatflow_core::policy::NetworkChange;
use neatflow_core::{
    ConnectionFailure, EstablishmentFailure, Failure, ListenFailure, Message, MessageId, Messages,
    ReceiveFailure, ReceiveId, SendFailure, Status,
};
use std::fmt;
use std::sync::Arc;

/// An event of one type, as subscriptions see it.
pub trait EventType:
    ActorMessage<Result = ()> + TryFrom<Event, Error = Event> + Clone + Send + 'static
{
    /// Which event it is.
    const KIND: EventKind;
}

/// The outcome an event reports: that of its `reason`, or that all is well.
macro_rules! status {
    ($event:expr) => {
        Status::Ok
    };
    ($event:expr, $reason:ident) => {
        $event.$reason.status()
    };
}

macro_rules! events {
    ($( of($origin:ident: $handle:ty) { $(
        $(#[$doc:meta])*
        $event:ident $( [$status:ident] )? { $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* }
    )* } )*) => {
        $($(
            $(#[$doc])*
            #[derive(Clone, Debug, ActorMessage)]
            #[rtype(result = "()")]
            #[non_exhaustive]
            pub struct $event {
                /// Where it happened.
                pub $origin: $handle,
                $( $(#[$field_doc])* pub $field: $type, )*
            }

            impl EventType for $event {
                const KIND: EventKind = EventKind::$event;
            }

            impl $event {
                /// The outcome it reports, in one word.
                pub fn status(&self) -> Status {
                    status!(self $(, $status)?)
                }
            }

            impl TryFrom<Event> for $event {
                type Error = Event;

                fn try_from(event: Event) -> Result<Self, Event> {
                    match event {
                        Event::$event(event) => Ok(event),
                        other => Err(other),
                    }
                }
            }

            impl From<$event> for Event {
                fn from(event: $event) -> Self {
                    Self::$event(event)
                }
            }
        )*)*

        /// Any event: for logs, metrics, streams and tests.
        #[derive(Clone, Debug, ActorMessage)]
        #[rtype(result = "()")]
        #[non_exhaustive]
        pub enum Event {
            $($( $(#[$doc])* $event($event), )*)*
        }

        /// Which event it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum EventKind {
            $($( $(#[$doc])* $event, )*)*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$($(Self::$event,)*)*];

            /// The name, as RFC 9622 spells it where it names one.
            pub const fn name(self) -> &'static str {
                match self {
                    $($( Self::$event => stringify!($event), )*)*
                }
            }
        }

        impl Event {
            /// Which event it is.
            pub fn kind(&self) -> EventKind {
                match self {
                    $($( Self::$event(_) => EventKind::$event, )*)*
                }
            }

            /// The outcome it reports, in one word.
            pub fn status(&self) -> Status {
                match self {
                    $($( Self::$event(event) => event.status(), )*)*
                }
            }

            /// The connection it speaks of: the new one, where one was received. `None` for a listener's other events.
            pub fn connection(&self) -> Option<&Connection> {
                if let Self::ConnectionReceived(event) = self {
                    return Some(&event.connection);
                }
                match self {
                    $($( Self::$event(event) => Origin::connection(&event.$origin), )*)*
                }
            }

            /// The listener it happened on; `None` for events of connections.
            pub fn listener(&self) -> Option<&Listener> {
                match self {
                    $($( Self::$event(event) => Origin::listener(&event.$origin), )*)*
                }
            }
        }
    };
}

events! {
    of(connection: ConnectionRef) {
        /// The connection is established; it was opened here. RFC 9622 §7.1; NEAT `on_connected`.
        Ready {}
        /// No connection was established. Terminal. RFC 9622 §7.1; NEAT `on_error`.
        EstablishmentError[reason] {
            /// Why, with every candidate's reason.
            reason: Arc<EstablishmentFailure>,
        }
        /// The transport has taken a whole message; in the order of sending. RFC 9622 §9.2.2.1.
        Sent {
            /// Which.
            id: MessageId,
        }
        /// A message was not sent; here it is. RFC 9622 §9.2.2.3; NEAT `on_send_failure`.
        SendError[reason] {
            /// Which.
            id: MessageId,
            /// The message, as it was given.
            message: Message,
            /// Why.
            reason: SendFailure,
        }
        /// The lifetime of a message ran out before it was sent; here it is. RFC 9622 §9.2.2.2.
        Expired {
            /// Which.
            id: MessageId,
            /// The message, as it was given.
            message: Message,
        }
        /// The send queue was above its high-water mark, and has fallen below half of it: there is room for more. NEAT
        /// `on_writable`.
        Writable {}
        /// Nothing is queued any more: the transport has taken it, or would not. NEAT `on_all_written`.
        AllWritten {}
        /// Something has come that [`try_read`](Connection::try_read) would give, or the end has. Told once after a
        /// `try_read` that found nothing. NEAT `on_readable`.
        Readable {}
        /// Messages came: one for a `receive`, one or more for a `stream`. On a byte stream without a framer a
        /// message is what one read brought. RFC 9622 §9.3.2.1.
        Received {
            /// The request it answers; `None` for the standing stream.
            receive: Option<ReceiveId>,
            /// What came.
            messages: Messages,
            /// Back-pressure: while the application holds it, the flow may not send it too many more.
            credit: Credit,
        }
        /// A part of a message came: of one that is longer than the `receive` takes, or that comes in parts, because it
        /// is longer than what its framer keeps. The parts of a message follow each other, each byte in one of them;
        /// until the end came, whoever asks for more gets more of this message. RFC 9622 §9.3.2.2.
        ///
        /// Who subscribes to Received and where nobody subscribes to this one gets whole messages only, and a
        /// ReceiveError for one that comes in parts and is longer than 1 MiB.
        ReceivedPartial {
            /// The request it answers; `None` for the standing stream.
            receive: Option<ReceiveId>,
            /// The next bytes of the message, with what is said of it.
            message: Message,
            /// Whether the message ends with these bytes.
            end_of_message: bool,
            /// Back-pressure, as in [`Received`].
            credit: Credit,
        }
        /// A `receive` gets no message, or one could not be parsed; or, for a stream, the peer has finished, which is
        /// the last one then. RFC 9622 §9.3.2.3.
        ReceiveError[reason] {
            /// The request it answers; `None` for the standing stream.
            receive: Option<ReceiveId>,
            /// Why.
            reason: ReceiveFailure,
        }
        /// The network reported an error that ends nothing (ICMP: nobody listens there, no way to it). A report, not
        /// a verdict: it may come late, more than once, or never. Told unless `softErrorNotify` is avoided or
        /// prohibited. RFC 9622 §8.3.1.
        SoftError[reason] {
            /// What was reported.
            reason: Failure,
            /// Coalescing: a subscriber that holds too many of these misses the next.
            credit: Credit,
        }
        /// The networks of this host have changed: interfaces, addresses, the way out. Told on every connection on which
        /// somebody subscribed to it, in any state, once for what changed together. NEAT
        /// `on_network_status_changed`.
        NetworkStatusChanged {
            /// What changed, in no particular order.
            changes: Arc<[NetworkChange]>,
            /// Whether this connection's own address is gone, or is not to be used any more: it will hardly go on.
            concerned: bool,
            /// Coalescing: a subscriber that holds too many of these misses the next.
            credit: Credit,
        }
        /// This subscriber had no room for a message for longer than it said it might
        /// ([`stall_timeout`](Connection::stall_timeout)); it is subscribed no longer, and nobody has to wait for it.
        Stalled {
            /// What it was subscribed by.
            subscription: SubscriptionId,
        }
        /// The peer aborted. ConnectionError follows. NEAT `on_aborted`.
        Aborted {}
        /// Data stayed unacknowledged for too long. Not terminal by itself. RFC 9622 §8.1.3; NEAT `on_timeout`.
        Timeout {}
        /// The connection ended well: the peer acknowledged every byte and our end. Terminal. RFC 9622 §10; NEAT
        /// `on_close`.
        Closed {}
        /// The connection ended badly. Terminal. RFC 9622 §10; NEAT `on_error`.
        ConnectionError[reason] {
            /// Why.
            reason: ConnectionFailure,
        }

    }

    of(listener: ListenerRef) {
        /// A peer connected. Whoever keeps the connection holds it open. RFC 9622 §7.2; NEAT `on_connected`.
        ConnectionReceived {
            /// The new connection, established.
            connection: Connection,
            /// Back-pressure: while the application holds it, the listener may not accept too many more.
            credit: Credit,
        }
        /// The listener could not listen, or gave up. Terminal. RFC 9622 §7.2 (EstablishmentError of a Listener).
        ListenError[reason] {
            /// Why.
            reason: ListenFailure,
        }
        /// The listener has stopped, because it was told to. Terminal. RFC 9622 §7.2.
        Stopped {}
    }
}

/// What an event happened on.
trait Origin {
    fn connection(&self) -> Option<&Connection> {
        None
    }

    fn listener(&self) -> Option<&Listener> {
        None
    }
}

impl Origin for ConnectionRef {
    fn connection(&self) -> Option<&Connection> {
        Some(self)
    }
}

impl Origin for ListenerRef {
    fn listener(&self) -> Option<&Listener> {
        Some(self)
    }
}

impl Event {
    /// Whether there is a message in it.
    pub(crate) fn has_message(&self) -> bool {
        matches!(self, Self::SendError(_) | Self::Expired(_) | Self::Received(_) | Self::ReceivedPartial(_))
    }

    /// Whether nothing follows it for this subscriber.
    pub fn is_terminal(&self) -> bool {
        self.kind().is_terminal()
    }
}

impl EventKind {
    /// Whether nothing follows it for this subscriber.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::EstablishmentError
                | Self::Closed
                | Self::ConnectionError
                | Self::ListenError
                | Self::Stopped
        )
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The messages as text, lossily.
impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.messages.iter().try_for_each(|message| f.write_str(&String::from_utf8_lossy(&message.data)))
    }
}
