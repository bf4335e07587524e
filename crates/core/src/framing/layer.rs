//! One framer of a stack, with what belongs to it.

use super::FramingFailure;
use super::contain::contain;
use super::framer::{Control, Framer, Life, MessageFramer};
use super::inlet::Inlet;
use super::outgoing::Outgoing;
use super::run::SentMessages;
use super::words::{Below, Limits, Part};
use crate::message::MessageContext;
use bytes::Bytes;

/// Boxed, because an outcome is passed on by several functions for each message, and nearly always is `Ok`: moving a
/// failure's three words where there is none took longer than the framing.
pub(super) type Outcome = Result<(), Box<FramingFailure>>;

#[derive(Debug)]
pub(super) struct Layer {
    framer: Box<dyn Framer>,
    pub(super) control: Control,
    pub(super) inlet: Inlet,
    /// What it has sent to the framer below it; the lowest one writes to what it is given.
    pub(super) down: Outgoing,
    /// What is said of what no message is the cause of.
    nothing: MessageContext,
}

impl Layer {
    pub(super) fn new(framer: Box<dyn Framer>, limits: Limits) -> Self {
        Self {
            framer,
            control: Control::new(),
            inlet: Inlet::new(limits),
            down: Outgoing::new(Below::Messages),
            nothing: MessageContext::default(),
        }
    }

    pub(super) fn life(&self) -> Life {
        self.control.life
    }

    pub(super) fn is_passed_by(&self) -> bool {
        self.control.passthrough
    }

    /// Whether a message is incomplete.
    pub(super) fn is_amid(&self) -> bool {
        self.inlet.is_amid() || self.inlet.is_open()
    }

    /// What the framer failed the connection with.
    pub(super) fn take_failure(&mut self) -> Outcome {
        self.control.said = false;
        self.control.failure.take().map_or(Ok(()), |failure| Err(Box::new(failure)))
    }

    pub(super) fn start(&mut self, out: Option<&mut Outgoing>) -> Outcome {
        self.control.life = Life::Starting;
        self.call(out, None, |framer, handle| framer.start(handle))
    }

    pub(super) fn stop(&mut self, out: Option<&mut Outgoing>) -> Outcome {
        match self.control.life {
            Life::Starting | Life::Ready if !self.is_passed_by() => {
                self.control.life = Life::Stopping;
                self.call(out, None, |framer, handle| framer.stop(handle))
            }
            Life::Stopping => Ok(()),
            _ => {
                self.control.life = Life::Stopped;
                self.control.said = true;
                Ok(())
            }
        }
    }

    #[inline]
    pub(super) fn new_sent_message(
        &mut self,
        out: Option<&mut Outgoing>,
        data: &Bytes,
        context: &MessageContext,
        end_of_message: bool,
    ) -> Outcome {
        self.call(out, Some((context, end_of_message)), |framer, handle| {
            framer.new_sent_message(handle, data, context, end_of_message)
        })
    }

    /// Lets the framer send as many of them as it can.
    pub(super) fn new_sent_messages(&mut self, messages: &mut SentMessages<'_>) {
        if let Err(what) = contain(|| self.framer.new_sent_messages(messages)) {
            self.control.fail(FramingFailure::Panicked(what));
        }
    }

    /// Forgets the message that was being sent.
    pub(super) fn abandon(&mut self) {
        self.control.begun = false;
        self.down = Outgoing::new(Below::Messages);
        if let Err(what) = contain(|| self.framer.abandon_sent_message()) {
            self.control.fail(FramingFailure::Panicked(what));
        }
    }

    /// Brings what came.
    pub(super) fn feed(&mut self, part: Part) {
        if self.is_passed_by() && !self.inlet.is_amid() {
            self.inlet.pass(part);
        } else {
            self.inlet.feed(part);
        }
    }

    /// Brings the end of the message below; false if it was none.
    pub(super) fn feed_end(&mut self) -> bool {
        let any = !self.is_passed_by() || self.is_amid();
        if any {
            self.inlet.feed_end();
        }
        any
    }

    /// Lets the framer make something of what came.
    pub(super) fn turn(&mut self, out: Option<&mut Outgoing>) -> Outcome {
        if self.inlet.begin_turn() && !self.is_passed_by() {
            self.call(out, None, |framer, handle| framer.handle_received_data(handle))?;
        }
        if self.is_passed_by() {
            self.inlet.pass_rest();
        }
        self.inlet.settle().map_err(Box::new)
    }

    /// Calls the framer. `sent` is the message that it is to send, and whether it ends here. What the framer begins to
    /// send below ends with that, or, if no message is sent, with the call.
    #[inline]
    fn call(
        &mut self,
        out: Option<&mut Outgoing>,
        sent: Option<(&MessageContext, bool)>,
        event: impl FnOnce(&mut dyn Framer, &mut MessageFramer<'_>) -> Result<(), FramingFailure>,
    ) -> Outcome {
        let Self { framer, control, inlet, down, nothing } = self;
        let is_lowest = out.is_some();
        let out = out.unwrap_or(down);
        let (sent, ends) = sent.unwrap_or((nothing, !control.begun));
        let mut handle = MessageFramer { control, inlet, out, sent, changed: None };
        let mut refused = None;
        let unwound = contain(|| {
            if let Err(failure) = event(&mut **framer, &mut handle) {
                refused = Some(Box::new(failure));
            }
        });
        let MessageFramer { changed, .. } = handle;
        let context = changed.as_ref().unwrap_or(sent);
        if control.begun && ends {
            control.begun = false;
            out.end_message(context);
        } else if !is_lowest {
            out.seal(context);
        }
        if control.passthrough {
            inlet.pass_rest();
        }
        // Whatever the call was about, who has panicked is not to be called again.
        if let Err(what) = unwound {
            control.fail(FramingFailure::Panicked(what.clone()));
            refused = Some(Box::new(FramingFailure::Panicked(what)));
        }
        refused.map_or(Ok(()), Err)
    }
}
