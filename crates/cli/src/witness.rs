//! An actor that sees every event and does nothing else.

use actix::prelude::*;
use neatflow::Event;

/// Hands every event it is told of to a function.
pub(crate) struct Witness(Box<dyn FnMut(&Event) + Send>);

impl Witness {
    pub(crate) fn new(see: impl FnMut(&Event) + Send + 'static) -> Self {
        Self(Box::new(see))
    }
}

impl Actor for Witness {
    type Context = Context<Self>;
}

impl Handler<Event> for Witness {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        (self.0)(&event);
    }
}

/// Said by whoever is about to leave: have you handled everything before this?
///
/// Reply: yes. Overflow: the asker waits.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct CatchUp;

impl Handler<CatchUp> for Witness {
    type Result = ();

    fn handle(&mut self, _: CatchUp, _: &mut Self::Context) {}
}
