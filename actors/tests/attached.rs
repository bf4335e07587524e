//! An actor that hears of its connection in its own turn: what it may hear in a row, and what that must not hold up.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use actix::prelude::*;
use futures::StreamExt;
use neatflow_actors::events::{Event, EventKind, Expired, Received, SendError, SoftError};
use neatflow_actors::flow::Connection;
use neatflow_core::properties::Lifetime;
use neatflow_core::{Failure, Message};
use neatflow_testing::harness::Harness;
use neatflow_testing::stack::{Peer, ScriptedStack};
use neatflow_testing::{paused, settle};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Attaches to its connection, and does something with each event.
struct Ear<F: 'static> {
    connection: Connection,
    hear: F,
}

impl<F: FnMut(Event) + Unpin> Actor for Ear<F> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.connection.attach::<(Received, SoftError, SendError, Expired), _>(ctx);
    }
}

macro_rules! hears {
    ($($event:ty),*) => {$(
        impl<F: FnMut(Event) + Unpin> Handler<$event> for Ear<F> {
            type Result = ();

            fn handle(&mut self, event: $event, _: &mut Self::Context) {
                (self.hear)(event.into());
            }
        }
    )*};
}

hears!(Received, SoftError, SendError, Expired);

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

#[test]
fn a_soft_error_that_comes_with_a_message_is_heard_with_it() {
    paused(async {
        let (connection, peer) = established().await;
        let heard = Rc::new(RefCell::new(Vec::new()));
        let note = {
            let heard = heard.clone();
            move |event: Event| heard.borrow_mut().push(event.kind())
        };
        connection.stream(5);
        let _ear = Ear { connection, hear: note }.start();
        settle().await;
        for _ in 0..3 {
            peer.send("x");
            peer.report_soft_error(Failure::Reset);
            settle().await;
            let now = heard.take();
            let both = [EventKind::Received, EventKind::SoftError];
            assert!(now.len() == 2 && both.iter().all(|kind| now.contains(kind)), "{now:?}");
        }
    });
}

#[test]
fn an_answer_that_the_transport_refuses_comes_back_at_once() {
    paused(async {
        let network = ScriptedStack::new().messages();
        let connection = Harness::new(&network).to("192.0.2.1:1").initiate();
        connection.ready().await.unwrap();
        let peer = network.peer().await;
        peer.longest_message(4);
        let heard = Rc::new(RefCell::new(Vec::new()));
        let answer = {
            let (heard, connection) = (heard.clone(), connection.clone());
            move |event: Event| {
                heard.borrow_mut().push(event.kind());
                if event.kind() == EventKind::Received {
                    connection.send("longer");
                }
            }
        };
        connection.stream(5);
        (0..3).for_each(|_| peer.send("?"));
        let _ear = Ear { connection, hear: answer }.start();
        settle().await;
        let pair = [EventKind::Received, EventKind::SendError];
        assert_eq!(*heard.borrow(), pair.repeat(3));
    });
}

#[test]
fn an_answer_for_which_there_is_no_room_goes_out_when_there_is() {
    paused(async {
        let (connection, peer) = established().await;
        peer.window(0);
        let answer = {
            let connection = connection.clone();
            move |_| drop(connection.send("!"))
        };
        connection.stream(5);
        let _ear = Ear { connection, hear: answer }.start();
        settle().await;
        (0..3).for_each(|_| peer.send("?"));
        settle().await;
        assert_eq!((peer.written(), peer.unread()), (0, 0));
        peer.window(100);
        settle().await;
        assert_eq!(peer.written(), 3);
    });
}

#[test]
fn room_for_what_waits_is_used_though_something_comes_with_it() {
    paused(async {
        let (connection, peer) = established().await;
        peer.window(0);
        connection.stream(5);
        let _ear = Ear { connection: connection.clone(), hear: |_| {} }.start();
        settle().await;
        connection.send("!");
        settle().await;
        for _ in 0..3 {
            peer.send("x");
            peer.window(1);
            settle().await;
            assert_eq!((peer.take(), peer.unread()), ("!".into(), 0));
            peer.window(0);
            connection.send("!");
            settle().await;
        }
    });
}

#[test]
fn whoever_closes_over_what_it_hears_is_closed_and_so_is_its_end() {
    paused(async {
        let (connection, peer) = established().await;
        let close = {
            let connection = connection.clone();
            move |_| {
                connection.send("!");
                connection.close();
            }
        };
        connection.stream(5);
        let _ear = Ear { connection: connection.clone(), hear: close }.start();
        settle().await;
        peer.send("?");
        settle().await;
        assert_eq!((peer.written(), peer.is_finished()), (1, true));
        connection.closed().await.unwrap();
    });
}

#[test]
fn an_answer_that_has_a_lifetime_expires_while_there_is_no_room_for_it() {
    paused(async {
        let (connection, peer) = established().await;
        peer.window(0);
        let heard = Rc::new(RefCell::new(Vec::new()));
        let answer = {
            let (heard, connection) = (heard.clone(), connection.clone());
            move |event: Event| {
                heard.borrow_mut().push(event.kind());
                if event.kind() == EventKind::Received {
                    let mut brief = Message::new("!");
                    brief.context.properties.msg_lifetime = Some(Lifetime::Limited(Duration::from_secs(1)));
                    connection.send(brief);
                }
            }
        };
        connection.stream(5);
        let _ear = Ear { connection, hear: answer }.start();
        settle().await;
        peer.send("?");
        settle().await;
        assert_eq!(heard.take(), [EventKind::Received]);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(heard.take(), [EventKind::Expired]);
    });
}

#[test]
fn many_messages_that_are_made_in_place_are_sent_in_order_each_with_its_fate() {
    paused(async {
        let (connection, peer) = established().await;
        let events = connection.events();
        let sent = connection.writer().send_many_with(4, 3_000, |number, room| {
            room.copy_from_slice(&(number as u32).to_be_bytes());
        });
        settle().await;
        assert_eq!(sent, 3_000);
        assert_eq!(peer.take(), Vec::from_iter((0..3_000_u32).flat_map(u32::to_be_bytes)));
        connection.abort();
        let sent = events.filter_map(async |event| match event {
            Event::Sent(sent) => Some(sent.id.0),
            _ => None,
        });
        assert_eq!(sent.collect::<Vec<_>>().await, Vec::from_iter(0..3_000));
    });
}

#[test]
fn whoever_makes_many_messages_makes_as_many_as_are_welcome() {
    const MARK: usize = 256 * 1024;
    paused(async {
        let (connection, peer) = established().await;
        peer.window(0);
        let mut out = connection.writer();
        assert_eq!(out.send_many_with(64, 0, |_, _| {}), 0);
        assert_eq!(out.send_many_with(64, usize::MAX, |_, _| {}), MARK / 64 + 1);
        assert!(out.is_high());
        assert_eq!(out.send_many_with(64, usize::MAX, |_, _| {}), 1, "a polite sender would wait");
        assert_eq!(out.send_many_with(0, usize::MAX, |_, _| {}), 1);
        drop(out);
        let (other, _peer) = established().await;
        assert_eq!(other.writer().send_many_with(0, usize::MAX, |_, _| {}), MARK + 1);
    });
}
