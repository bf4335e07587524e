//! What a framer is, and what it may do.

use super::FramingFailure;
use super::inlet::{Inlet, Parsed};
use super::outgoing::Outgoing;
use super::run::{Found, SentMessages};
use crate::message::MessageContext;
use bytes::Bytes;
use std::fmt;

/// Makes bytes of messages, and messages of bytes (RFC 9622 §9.1.2, RFC 9623 §6).
///
/// Each connection has an instance of its own, so state of the connection is simply a field. All calls for one
/// connection come one after the other. What a framer can do about them is in the [`MessageFramer`] it is given.
///
/// They are made under the lock of the connection: a framer must not call its own connection, and whoever uses that
/// waits while the framer thinks. A panic is a failure of this connection, and of no other.
///
/// ```
/// use bytes::Bytes;
/// use neatflow_core::MessageContext;
/// use neatflow_core::framing::{Framer, FramingFailure, MessageFramer};
///
/// /// One byte of length, and so many bytes.
/// #[derive(Clone, Debug)]
/// struct Pascal;
///
/// impl Framer for Pascal {
///     fn new_sent_message(
///         &mut self,
///         framer: &mut MessageFramer<'_>,
///         data: &Bytes,
///         _: &MessageContext,
///         end_of_message: bool,
///     ) -> Result<(), FramingFailure> {
///         let length = u8::try_from(data.len()).map_err(|_| FramingFailure::TooLong { limit: 255 })?;
///         if !end_of_message {
///             return Err(FramingFailure::unframeable("a part of a message"));
///         }
///         framer.send(&[length]);
///         framer.send_bytes(data);
///         Ok(())
///     }
///
///     fn handle_received_data(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
///         while let Some(header) = framer.parse(1, 1) {
///             let length = header.data[0].into();
///             framer.advance_receive_cursor(1);
///             framer.deliver_and_advance_receive_cursor(framer.received_context(), length, true);
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Framer: fmt::Debug + Send {
    /// A connection is being established; everything below this framer is ready. It may send something first, and
    /// is ready when it says so. Default: at once.
    ///
    /// *Errors*: fail the connection; another candidate may be tried, with another instance.
    fn start(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        framer.make_connection_ready();
        Ok(())
    }

    /// The connection is closing, and everything above this framer has stopped. It may send something last, and has
    /// stopped when it says so, which nobody waits for if the peer's end has come, or the connection is aborted or
    /// fails, and nobody longer than five seconds. Default: at once.
    ///
    /// *Errors*: fail the connection.
    fn stop(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure> {
        framer.make_connection_closed();
        Ok(())
    }

    /// A message is to be sent, or the next part of one (RFC 9623 §6.2). What is [sent](MessageFramer::send) here is
    /// a message of the layer below, and ends with this one.
    ///
    /// *Errors*: the message is refused, and nothing of it is sent; other messages are. If a part of it was sent
    /// already, the connection fails.
    fn new_sent_message(
        &mut self,
        framer: &mut MessageFramer<'_>,
        data: &Bytes,
        context: &MessageContext,
        end_of_message: bool,
    ) -> Result<(), FramingFailure>;

    /// Several whole messages are to be sent, of which the same is said: as by
    /// [`new_sent_message`](Self::new_sent_message) for each, but without a call for each. The framer sends the first
    /// ones, as many as it can by [`SentMessages::send`]; the next one after these is given to `new_sent_message`.
    /// Default: it sends none.
    ///
    /// Called only while no message is being sent in parts, and as long as nothing else can go between the messages; so
    /// whoever has written this one must have written the other as well.
    fn new_sent_messages(&mut self, messages: &mut SentMessages<'_>) {
        let _ = messages;
    }

    /// The message that was being sent in parts will not go on, and nothing of it was sent below: forget what is
    /// kept of it. Default: nothing.
    fn abandon_sent_message(&mut self) {}

    /// Something came (RFC 9623 §6.3). It should go on as long as [`parse`](MessageFramer::parse) gives something;
    /// it is called again if it consumed something and left something.
    ///
    /// *Errors*: what came makes no sense. Above a byte stream this fails the connection; above messages it costs
    /// the message.
    fn handle_received_data(&mut self, framer: &mut MessageFramer<'_>) -> Result<(), FramingFailure>;
}

/// Where a framer is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Life {
    /// Something below it is not ready.
    Waiting,
    Starting,
    Ready,
    Stopping,
    Stopped,
}

/// What a framer has said of itself.
#[derive(Debug)]
pub(super) struct Control {
    pub(super) life: Life,
    /// It was ready once; it may have been stopped before.
    pub(super) ready: bool,
    pub(super) passthrough: bool,
    /// What is to be above it.
    pub(super) prepended: Option<Box<dyn Framer>>,
    pub(super) failure: Option<FramingFailure>,
    /// It has said something of the above, which is to be heeded.
    pub(super) said: bool,
    /// It has begun a message of the layer below.
    pub(super) begun: bool,
}

impl Control {
    pub(super) const fn new() -> Self {
        Self {
            life: Life::Waiting,
            ready: false,
            passthrough: false,
            prepended: None,
            failure: None,
            said: false,
            begun: false,
        }
    }

    pub(super) fn fail(&mut self, reason: FramingFailure) {
        self.failure.get_or_insert(reason);
        self.said = true;
    }
}

/// What a framer can do, in every call (RFC 9623 §6).
#[derive(Debug)]
pub struct MessageFramer<'a> {
    pub(super) control: &'a mut Control,
    pub(super) inlet: &'a mut Inlet,
    pub(super) out: &'a mut Outgoing,
    /// Of the message that is sent.
    pub(super) sent: &'a MessageContext,
    /// Of the message that it becomes, if the framer has changed it.
    pub(super) changed: Option<MessageContext>,
}

/// The life of the connection (RFC 9623 §6.1).
impl MessageFramer<'_> {
    /// The set-up is complete: messages may be sent, and delivered. Without effect if it was before.
    pub fn make_connection_ready(&mut self) {
        if self.control.life == Life::Starting {
            self.control.life = Life::Ready;
            self.control.ready = true;
            self.control.said = true;
        }
    }

    /// The tear-down is complete. Without effect before [`Framer::stop`].
    pub fn make_connection_closed(&mut self) {
        if self.control.life == Life::Stopping {
            self.control.life = Life::Stopped;
            self.control.said = true;
        }
    }

    /// Fails the connection, also where an error of the call would cost a message only.
    pub fn fail_connection(&mut self, reason: FramingFailure) {
        self.control.fail(reason);
    }

    /// Puts another framer directly above this one, which is not ready yet. It starts when this one is.
    ///
    /// *Errors*: `PrependedLate` if this one is ready, or has prepended one in this call already.
    pub fn prepend_framer(&mut self, other: Box<dyn Framer>) -> Result<(), FramingFailure> {
        if self.control.life != Life::Starting || self.control.prepended.is_some() {
            return Err(FramingFailure::PrependedLate);
        }
        self.control.prepended = Some(other);
        self.control.said = true;
        Ok(())
    }

    /// From the end of this call on the framer is passed by in both directions; what it has neither consumed nor
    /// earmarked is passed on. It is ready, if it was not before.
    pub fn start_passthrough(&mut self) {
        self.make_connection_ready();
        self.control.passthrough = self.control.ready;
    }
}

/// On the way out (RFC 9623 §6.2).
impl MessageFramer<'_> {
    /// Sends these bytes below, after those sent before.
    #[inline]
    pub fn send(&mut self, data: &[u8]) {
        self.control.begun = true;
        self.out.put(data);
    }

    /// The same, without copying them if there are [many](Outgoing::SPLICED).
    #[inline]
    pub fn send_bytes(&mut self, data: &Bytes) {
        self.control.begun = true;
        self.out.put_bytes(data, self.changed.as_ref().unwrap_or(self.sent));
    }

    /// What was sent below is a whole message; what follows is another. Without it there is one for each message
    /// sent and for each call of another kind that sends something, or none if nothing is sent.
    pub fn end_message(&mut self) {
        self.control.begun = false;
        self.out.end_message(self.changed.as_ref().unwrap_or(self.sent));
    }

    /// The context of the message that is sent below. Default: that of the one that was sent above.
    pub fn sent_context(&mut self) -> &mut MessageContext {
        self.changed.get_or_insert_with(|| self.sent.clone())
    }
}

/// On the way in (RFC 9623 §6.3).
impl MessageFramer<'_> {
    /// The next bytes: at least `min`, at most `max`, and as many as are there in one piece. `None` if fewer have come,
    /// or the framer has delivered so much that it should return. Nothing is consumed.
    ///
    /// Bytes that lie in two pieces are copied together: a small `max` is cheap, [`find`](Self::find) cheaper.
    #[inline]
    pub fn parse(&mut self, min: usize, max: usize) -> Option<Parsed<'_>> {
        self.inlet.parse(min, max)
    }

    /// How far from the cursor this byte is first. What was searched once is not searched again. `None` also where
    /// [`parse`](Self::parse) gives none.
    pub fn find(&mut self, byte: u8) -> Option<usize> {
        self.inlet.find(byte)
    }

    /// How many bytes have come from the cursor on.
    pub fn available(&self) -> usize {
        self.inlet.available()
    }

    /// What is said of the message below, for the messages in it: what the network told of its packet, and what
    /// framers below have added.
    #[inline]
    pub fn received_context(&self) -> MessageContext {
        self.inlet.context()
    }

    /// Consumes bytes, also those that have not come yet.
    #[inline]
    pub fn advance_receive_cursor(&mut self, length: u64) {
        self.inlet.advance(length);
    }

    /// Delivers the next bytes, also those that have not come yet, as a message or a part of one, without copying
    /// or looking at them. See [`Limits::whole`](super::Limits::whole) for when it arrives in parts.
    ///
    /// Before the framer is ready this fails the connection: nothing is received before Ready.
    #[inline]
    pub fn deliver_and_advance_receive_cursor(
        &mut self,
        context: MessageContext,
        length: u64,
        end_of_message: bool,
    ) {
        if self.may_deliver() {
            self.inlet.deliver_and_advance(context, length, end_of_message);
        }
    }

    /// Delivers messages that have come whole, from the cursor on and one after the other, as long as `find` finds the
    /// next one at the beginning of what follows, which is all that lies in one piece with it: the same as to parse
    /// each and to deliver it, without a context and a call for each. Of every one of them `context` says what is said.
    ///
    /// It ends where `find` gives `None`, where not all of what it found has come, and where it is time to return. So a
    /// framer goes on in the usual way, which is the one for lengths that make no sense, too. `find` may see the same
    /// bytes several times.
    ///
    /// Before the framer is ready nothing is delivered like this.
    #[inline]
    pub fn deliver_run(
        &mut self,
        context: impl FnOnce() -> MessageContext,
        find: impl FnMut(&[u8]) -> Option<Found>,
    ) {
        if self.control.ready {
            self.inlet.deliver_run(context, find);
        }
    }

    /// Delivers bytes of its own as a message or a part of one. What is delivered after a part that did not end its
    /// message continues it.
    ///
    /// Before the framer is ready this fails the connection: nothing is received before Ready.
    pub fn deliver(&mut self, context: MessageContext, data: Bytes, end_of_message: bool) {
        if self.may_deliver() {
            self.inlet.deliver_own(context, data, end_of_message);
        }
    }

    #[inline]
    fn may_deliver(&mut self) -> bool {
        if !self.control.ready {
            self.deliver_early();
        }
        self.control.ready
    }

    #[cold]
    fn deliver_early(&mut self) {
        self.fail_connection(FramingFailure::NotReady);
        self.inlet.fail(FramingFailure::NotReady);
    }
}
