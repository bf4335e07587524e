//! The task that drives an engine which no actor drives.

use super::attached::Claim;
use super::engine::{Engine, Turn};
use super::pace::{Pace, yield_to_others};
use super::set;
use crate::supervision::catch::contain;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Gives an engine its turns, until the connection has ended or an actor drives it.
#[derive(Debug)]
pub(super) struct Driver(Option<Box<Engine>>);

/// Drives this engine from now on, on this arbiter.
pub(super) fn drive(engine: Box<Engine>) {
    engine.shared().lock().home = Some(std::thread::current().id());
    let driver = Driver(Some(engine));
    // An arbiter that is being dropped takes no more tasks: then the engine is dropped, and tells the end.
    let _ = contain(|| actix_rt::spawn(driver));
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let driven = &mut self.get_mut().0;
        let mut pace = Pace::default();
        while let Some(engine) = driven {
            match engine.turn(cx, &mut pace, None) {
                Turn::Idle => return Poll::Pending,
                Turn::Unfinished => {
                    yield_to_others(cx);
                    return Poll::Pending;
                }
                Turn::Claimed(claim) => *driven = driven.take().and_then(|engine| hand_over(engine, claim)),
                Turn::Over => *driven = None,
            }
        }
        Poll::Ready(())
    }
}

/// Hands the engine to the actor that asks for it. It comes back if that cannot be done, and the actor hears by its
/// mailbox.
pub(super) fn hand_over(engine: Box<Engine>, claim: Claim) -> Option<Box<Engine>> {
    let refused = match claim.mover {
        _ if claim.home == std::thread::current().id() => set::seat(claim.seat, engine),
        Some(mover) => match engine.depart() {
            Ok(moving) => mover.send(moving).err().map(|moving| Box::new(Engine::arrive(moving))),
            Err(engine) => Some(engine),
        },
        None => Some(engine),
    };
    refused.map(|mut engine| {
        engine.fall_back(None);
        engine
    })
}
