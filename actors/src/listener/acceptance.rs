//! What a listener does on one arbiter.

use super::actor::House;
use super::shared::{Reservation, Shared, WINDOW};
use super::sockets::{Company, Held, Sockets};
use crate::flow::{self, Origin};
use crate::subscription::{Kinds, Subscriber, Subscriptions};
use crate::supervision::{Down, finish};
use crate::watchers::Place;
use actix::prelude::*;
use futures::channel::oneshot;
use futures::task::AtomicWaker;
use neatflow_core::ListenFailure;
use neatflow_core::connection::Role;
use neatflow_core::policy::ListenSpec;
use slog::warn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, Waker, ready};
use std::time::Duration;
use tokio::time::Sleep;

/// How many connections are accepted before others on this arbiter get their turn.
const BUDGET: usize = 64;

/// How long accepting rests after an error (too many open files, say).
const REST: Duration = Duration::from_millis(50);

/// How often a connection is looked at before it is refused: once more after a panic.
const LOOKS: u32 = 2;

/// Opens its sockets, and accepts until it is told to stop.
pub(super) struct Acceptance {
    house: House,
    /// `None` once the sockets are open, or will not be.
    opening: Option<Opening>,
    sockets: Sockets,
    /// Who hears of all that is accepted here, and of nothing else.
    staff: Subscriptions,
    /// Woken when the staff has room again.
    room: Arc<AtomicWaker>,
    /// Subscribers that accepted connections inherit: the listener's, and the staff.
    subscribers: Vec<Subscriber>,
    /// Where it hears the bell.
    place: Place,
    /// Dropped last, when the sockets are closed.
    _ending: oneshot::Sender<()>,
}

/// Which sockets to open, and where to tell what has become of it.
pub(super) struct Opening {
    pub(super) specs: Vec<ListenSpec>,
    pub(super) company: Company,
    pub(super) done: oneshot::Sender<Result<Vec<ListenSpec>, ListenFailure>>,
}

impl Acceptance {
    pub(super) fn new(house: House, opening: Opening, ending: oneshot::Sender<()>) -> Self {
        let room = Arc::default();
        Self {
            subscribers: house
                .setup
                .subscribers
                .iter()
                .filter(|one| hears_of_connections(one))
                .cloned()
                .collect(),
            house,
            opening: Some(opening),
            sockets: Sockets::default(),
            staff: Subscriptions::new(WINDOW, &[], &room),
            room,
            place: None,
            _ending: ending,
        }
    }
}

impl Actor for Acceptance {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // A stack that panics over a socket is asked again, by the next incarnation.
        if let Some(Opening { specs, company, .. }) = &self.opening {
            let properties = &self.house.setup.request.properties;
            let opened = self.sockets.open(specs, *company, properties, &self.house.services.registry);
            if opened.is_ok() {
                self.hire(ctx);
            }
            if let Some(opening) = self.opening.take() {
                // Nobody hears it when the listener was stopped meanwhile; then this ends, too.
                let _ = opening.done.send(opened);
            }
        }
        ctx.spawn(Accepting { rest: None });
    }
}

impl Supervised for Acceptance {
    /// The sockets stay open, and the connection that was being looked at stays at hand.
    fn restarting(&mut self, _: &mut Self::Context) {}
}

impl Handler<Down> for Acceptance {
    type Result = ();

    /// Without its staff, connections would wait here for ever; the other arbiters take them.
    fn handle(&mut self, down: Down, ctx: &mut Self::Context) {
        warn!(self.house.logger, "accepts no more"; "without" => %down.name, "reason" => %down.reason);
        finish(ctx);
    }
}

impl Acceptance {
    fn hire(&mut self, ctx: &Context<Self>) {
        let watcher = ctx.address().downgrade();
        let hire = |one: &super::Staff| one.hire(&self.house.logger, watcher.clone().recipient());
        let staff = self.house.setup.staff.iter().map(hire).collect::<Vec<_>>();
        self.house.setup.shared.hired(&staff);
        self.staff = Subscriptions::new(WINDOW, &staff, &self.room);
        self.subscribers.extend(staff.into_iter().filter(hears_of_connections));
    }

    /// A place for one more connection, if somebody wants it; else this is woken when that may have changed.
    fn reserve<'a>(&mut self, shared: &'a Arc<Shared>, cx: &Cx<'_>) -> Option<Reservation<'a>> {
        shared.reserve(&self.staff).or_else(|| {
            shared.bell.listen(&mut self.place, cx.waker());
            shared.room.register(&Waker::from(shared.bell.clone()));
            self.room.register(cx.waker());
            shared.reserve(&self.staff)
        })
    }

    /// Looks at the connection at hand, and keeps it or refuses it. A panic in a filter leaves it at hand.
    fn look(&mut self, reservation: Reservation<'_>) {
        let Some(looked) = self.sockets.held() else { return };
        looked.looks += 1;
        let accepted = if looked.looks > LOOKS {
            warn!(self.house.logger, "refused: the accept filter panicked over it"; "from" => %looked.incoming.path.remote);
            false
        } else {
            self.house.setup.filters.iter().all(|filter| filter.accepts(&looked.incoming))
        };
        if let Some(held) = self.sockets.take().filter(|_| accepted) {
            self.welcome(held, reservation);
        }
    }

    fn welcome(&self, Held { incoming, established, .. }: Held, reservation: Reservation<'_>) {
        let House { setup, services, logger } = &self.house;
        let shared = flow::Shared::new(Role::Accepted, setup.request.properties.clone(), &self.subscribers);
        let connection = shared.handle();
        shared.carried_by(incoming.protocol.clone(), &established);
        if let Some(framed) = setup.request.framers.start(established.wire.below()) {
            shared.framed_by(framed);
        }
        reservation.fill(connection, &self.staff);
        let origin = Origin::Accepted(incoming.protocol, established);
        flow::start(shared, origin, services, logger);
    }
}

/// Whether there is something for it to hear of an accepted connection, besides that there is one.
fn hears_of_connections(subscriber: &Subscriber) -> bool {
    subscriber.kinds().meets(Kinds::OF_CONNECTIONS)
}

/// Accepts, as long as somebody wants connections.
struct Accepting {
    rest: Option<Pin<Box<Sleep>>>,
}

impl ActorFuture<Acceptance> for Accepting {
    type Output = ();

    fn poll(
        mut self: Pin<&mut Self>,
        acceptance: &mut Acceptance,
        _: &mut Context<Acceptance>,
        cx: &mut Cx<'_>,
    ) -> Poll<()> {
        let shared = acceptance.house.setup.shared.clone();
        for _ in 0..BUDGET {
            if let Some(rest) = &mut self.rest {
                ready!(rest.as_mut().poll(cx));
                self.rest = None;
            }
            let Some(reservation) = acceptance.reserve(&shared, cx) else { return Poll::Pending };
            match ready!(acceptance.sockets.poll_look(cx)) {
                Ok(()) => acceptance.look(reservation),
                Err(failure) => {
                    warn!(acceptance.house.logger, "cannot accept"; "reason" => %failure);
                    self.rest = Some(Box::pin(tokio::time::sleep(REST)));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
