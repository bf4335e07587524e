//! An actor that hears of its connection in its own turn: what it may hear in a row, and what that must not hold up.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use actix::prelude::*;
use neatflow_actors::events::{Event, Received, SoftError};
use neatflow_actors::flow::Connection;
use neatflow_core::Failure;
use neatflow_testing::harness::Harness;
use neatflow_testing::stack::{Peer, ScriptedStack};
use neatflow_testing::{paused, settle};
use std::cell::RefCell;
use std::rc::Rc;

/// Attaches to its connection, and does something with each event.
struct Ear<F: 'static> {
    connection: Connection,
    hear: F,
}

impl<F: FnMut(Event) + Unpin> Actor for Ear<F> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.connection.attach::<(Received, SoftError), _>(ctx);
    }
}

impl<F: FnMut(Event) + Unpin> Handler<Received> for Ear<F> {
    type Result = ();

    fn handle(&mut self, event: Received, _: &mut Self::Context) {
        (self.hear)(event.into());
    }
}

impl<F: FnMut(Event) + Unpin> Handler<SoftError> for Ear<F> {
    type Result = ();

    fn handle(&mut self, event: SoftError, _: &mut Self::Context) {
        (self.hear)(event.into());
    }
}

/// An established connection that nobody hears of yet.
async fn established() -> (Connection, Peer) {
    let network = ScriptedStack::new();
    let connection = Harness::new(&network).to("192.0.2.1:1").initiate();
    connection.ready().await.unwrap();
    (connection, network.peer().await)
}

#[test]
fn whoever_keeps_what_it_hears_in_a_row_has_no_more_read_than_its_window() {
    paused(async {
        let (connection, peer) = established().await;
        let kept = Rc::new(RefCell::new(Vec::new()));
        let keep = {
            let kept = kept.clone();
            move |heard| kept.borrow_mut().push(heard)
        };
        connection.stream(5);
        (0..20).for_each(|_| peer.send("x"));
        let _ear = Ear { connection, hear: keep }.start();
        settle().await;
        assert_eq!((kept.borrow().len(), peer.unread()), (5, 15));
        let first = kept.borrow_mut().remove(0);
        drop(first);
        settle().await;
        assert_eq!((kept.borrow().len(), peer.unread()), (5, 14));
    });
}

#[test]
fn what_is_answered_in_a_flood_goes_out_before_more_is_heard() {
    paused(async {
        let (connection, peer) = established().await;
        let written = Rc::new(RefCell::new(Vec::new()));
        let answer = {
            let (written, peer, connection) = (written.clone(), peer.clone(), connection.clone());
            move |_| {
                written.borrow_mut().push(peer.written());
                connection.send("!");
            }
        };
        connection.stream(5);
        (0..100).for_each(|_| peer.send("?"));
        let _ear = Ear { connection, hear: answer }.start();
        settle().await;
        assert_eq!(*written.borrow(), Vec::from_iter(0..100));
    });
}

#[test]
fn a_flood_that_is_only_listened_to_holds_up_nothing_else() {
    paused(async {
        let (connection, peer) = established().await;
        let order = Rc::new(RefCell::new(Vec::new()));
        let note = {
            let (order, peer) = (order.clone(), peer.clone());
            move |heard| {
                order.borrow_mut().push(matches!(heard, Event::SoftError(_)));
                if order.borrow().len() == 20 {
                    peer.report_soft_error(Failure::Reset);
                }
            }
        };
        connection.stream(5);
        (0..60).for_each(|_| peer.send("x"));
        let _ear = Ear { connection, hear: note }.start();
        settle().await;
        let when = order.borrow().iter().position(|is_soft_error| *is_soft_error);
        assert_eq!(order.borrow().len(), 61, "everything was heard");
        assert!(when.is_some_and(|when| (20..40).contains(&when)), "heard as number {when:?}");
    });
}
