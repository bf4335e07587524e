//! The bytes of one connection: reads, writes, and the telling of events.
//!
//! The engine decides nothing: it feeds the machine facts and does what the machine puts out. Whoever drives it gives it
//! turns: a task of its own ([`Driver`](super::driver::Driver)), or the actor it is attached to
//! ([`FlowSet`](super::set::FlowSet)). It is outside of any actor's context, so that it outlives restarts.

mod straight;
mod transfer;

use super::attached::Claim;
use super::buffers;
use super::guarded::Locked;
use super::handle::Connection;
use super::heard::Heard;
use super::learning;
use super::linger::linger;
use super::messages::{Ended, Went};
use super::moving::{Moving, Parcel};
use super::pace::Pace;
use super::set;
use super::shared::Shared;
use crate::census::Census;
use crate::events::Event;
use crate::happy_eyeballs::RaceRecord;
use crate::supervision::catch::contain;
use futures::channel::oneshot;
use neatflow_core::connection::{Framed, Input, Output};
use neatflow_core::{ConnectionFailure, EstablishmentFailure, Protocol, Time};
use neatflow_stacks::{Association, Established, Portable, Wire};
use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use straight::{STRAIGHT, Straight};
use tokio::time::Sleep;
use transfer::{read_from, write};

/// What an attempt has obtained: a transport, and the framers above it, which are ready.
#[derive(Debug)]
pub(crate) struct Obtained {
    pub(crate) established: Established,
    pub(crate) framed: Option<Framed>,
}

/// What a race hands over.
#[derive(Debug)]
pub(crate) struct RaceOutcome {
    pub(crate) record: Arc<RaceRecord>,
    pub(crate) result: Result<(Protocol, Obtained), EstablishmentFailure>,
}

/// Where the race hands it over; the engine drops its end to cancel the race.
pub(crate) type Outcome = oneshot::Receiver<RaceOutcome>;

/// Who hears the events of an attached actor, in its turn. `Break` when the actor cannot hear another now.
pub(super) type Ear<'a> = dyn FnMut(Event) -> ControlFlow<()> + 'a;

pub(super) struct Engine {
    /// Before `duty`: a wire that is cut off is aborted before its end is told.
    carrier: Carrier,
    race: Option<Outcome>,
    /// What the flow's stream belongs to, on transports that carry several: it lasts as long as its first stream.
    association: Option<Box<dyn Association>>,
    /// Our end is to be sent.
    finishing: bool,
    /// What happened, and the machine does not know yet.
    fact: Option<Input>,
    /// It waits for the network to bring something, and for nothing else that is new: the next turn begins with a read.
    reads_on: bool,
    /// What the attached actor is about to hear.
    hearing: Heard,
    /// Fires when the machine is to be told the time.
    timer: Option<Pin<Box<Sleep>>>,
    duty: Duty,
}

/// What an engine owes whatever happens to it: the end is told.
pub(super) struct Duty {
    pub(super) shared: Arc<Shared>,
    /// Held while a wire lingers: the transport is not done before that.
    pub(super) census: Arc<Census>,
}

/// The wire, when there is one.
struct Carrier {
    wire: Option<Wire>,
    shared: Arc<Shared>,
}

/// How a turn ended.
#[derive(Debug)]
pub(super) enum Turn {
    /// There is nothing to do; it is woken when there is.
    Idle,
    /// Its budget is spent, or the ear had enough; it is to have another turn.
    Unfinished,
    /// Somebody else is to drive it.
    Claimed(Claim),
    /// The connection has ended.
    Over,
}

/// How a round ended.
enum Round {
    Moved,
    Still,
    /// There is something to hear.
    Heard,
    Claimed(Claim),
    Over,
}

/// What the machine wants of the network.
struct Wishes {
    acknowledgement: bool,
    read: bool,
    deadline: Option<Time>,
}

impl Engine {
    pub(super) fn new(shared: Arc<Shared>, census: Arc<Census>) -> Self {
        Self::on_duty(Duty { shared, census })
    }

    fn on_duty(duty: Duty) -> Self {
        Self {
            carrier: Carrier { wire: None, shared: duty.shared.clone() },
            race: None,
            association: None,
            finishing: false,
            fact: None,
            reads_on: false,
            hearing: Heard::default(),
            timer: None,
            duty,
        }
    }

    /// It gets its transport from a race.
    pub(super) fn after(mut self, race: Outcome) -> Self {
        self.race = Some(race);
        self
    }

    /// It has its transport already.
    pub(super) fn carried_by(mut self, protocol: Protocol, established: Established) -> Self {
        self.settle(protocol, established);
        self
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.duty.shared
    }

    fn settle(&mut self, protocol: Protocol, established: Established) {
        self.duty.shared.carried_by(protocol, &established);
        self.association = established.association;
        self.carrier.wire = Some(established.wire);
    }

    /// Does what there is to do, as long as the pace allows. With an `ear` the attached actor hears what happens;
    /// without one that waits.
    pub(super) fn turn(
        &mut self,
        cx: &mut Context<'_>,
        pace: &mut Pace,
        mut ear: Option<&mut Ear<'_>>,
    ) -> Turn {
        self.duty.shared.waker.register(cx.waker());
        let mut straight = 0;
        let mut has_heard = false;
        loop {
            if let Some(ear) = &mut ear
                && self.hear(*ear).is_break()
            {
                return Turn::Unfinished;
            }
            if pace.is_over() {
                // The next turn begins with a round: time passes for those, too, who read without end.
                self.reads_on = false;
                return Turn::Unfinished;
            }
            if let Some(ear) = &mut ear
                && straight < STRAIGHT
            {
                match self.hear_straight(*ear, cx) {
                    ControlFlow::Break(()) => return Turn::Unfinished,
                    ControlFlow::Continue(Straight::On) => {
                        straight += 1;
                        has_heard = true;
                        continue;
                    }
                    // What woke it was what it has heard; otherwise a round sees what it was.
                    ControlFlow::Continue(Straight::Dry) if has_heard && self.may_rest(cx) => {
                        return Turn::Idle;
                    }
                    ControlFlow::Continue(Straight::Dry | Straight::Over) => {}
                }
            }
            straight = 0;
            // A stack's panic ends this connection, in order, and no other.
            let round = contain(|| self.round(cx, ear.is_some())).unwrap_or_else(|what| self.fail(what));
            match round {
                Round::Moved | Round::Heard => {}
                Round::Still => return Turn::Idle,
                Round::Claimed(claim) => return Turn::Claimed(claim),
                Round::Over => {
                    self.let_go();
                    return Turn::Over;
                }
            }
        }
    }

    /// Has the attached actor hear what has happened.
    fn hear(&mut self, ear: &mut Ear<'_>) -> ControlFlow<()> {
        // Taken out one by one: a handler that panics has had its event, and the others wait for the next.
        while let Some(event) = self.hearing.pop() {
            ear(event)?;
        }
        ControlFlow::Continue(())
    }

    fn fail(&mut self, what: Arc<str>) -> Round {
        let wire = self.carrier.wire.take();
        // The peer is to know that data may be missing; a stack that cannot even do that is let go of.
        let _ = contain(|| wire.map(Wire::abort));
        let mut core = self.duty.shared.lock();
        core.machine.handle(Input::Failed(ConnectionFailure::Panicked(what.clone())));
        core.machine.handle(Input::EstablishmentFailed(EstablishmentFailure::Stopped(what)));
        Round::Moved
    }

    fn round(&mut self, cx: &mut Context<'_>, hears: bool) -> Round {
        self.hear_of_the_race(cx);
        self.hear_of_soft_errors(cx);
        self.read_on(cx);
        let shared = self.duty.shared.clone();
        let mut core = shared.lock();
        core.bury();
        if let Some(fact) = self.fact.take() {
            core.feed(&shared, fact);
        }
        self.exchange(&shared, &mut core, cx);
        let deadline = core.keep_time(&shared);
        if core.machine.has_outputs() {
            self.exchange(&shared, &mut core, cx);
        }
        // What a race hands over is bound to this arbiter: whoever is elsewhere waits for it.
        let portable = self.race.is_none();
        if let Some(claim) = core.claim.take_if(|claim| portable || claim.is_from_here()) {
            return Round::Claimed(*claim);
        }
        if hears && let Some(attached) = &mut core.attached {
            self.hearing = std::mem::take(&mut attached.events);
        }
        // Whoever has something to hear looks again when it was heard.
        shared.stay_awake(!self.hearing.is_empty());
        let inspections = std::mem::take(&mut core.inspections);
        let ended = core.end.is_some();
        let wishes =
            Wishes { acknowledgement: core.machine.wants_acknowledgement(), read: core.may_read(), deadline };
        drop(core);
        for inspection in inspections {
            // Whoever asked may be gone.
            let wire = self.carrier.wire.as_ref();
            // What a stack cannot measure ends nothing.
            let report = contain(|| wire.map(Wire::report)).ok().flatten();
            let _ = inspection.send(report.unwrap_or_default());
        }
        if !self.hearing.is_empty() {
            Round::Heard
        } else if ended {
            Round::Over
        } else {
            self.serve(&wishes, cx)
        }
    }

    fn hear_of_the_race(&mut self, cx: &mut Context<'_>) {
        let Some(race) = &mut self.race else { return };
        let Poll::Ready(outcome) = Pin::new(race).poll(cx) else { return };
        self.race = None;
        let result = outcome.map(|RaceOutcome { record, result }| {
            self.duty.shared.raced(record);
            result
        });
        self.fact = Some(match result {
            Ok(Ok((protocol, Obtained { established, framed }))) => {
                self.settle(protocol, established);
                if let Some(framed) = framed {
                    self.duty.shared.lock().machine.frame(framed);
                }
                Input::Established
            }
            Ok(Err(failure)) => Input::EstablishmentFailed(failure),
            Err(oneshot::Canceled) => {
                Input::EstablishmentFailed(EstablishmentFailure::Stopped("the race gave up".into()))
            }
        });
    }

    /// What the network reports of a connection that goes on; whether it did.
    fn hear_of_soft_errors(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(wire) = &mut self.carrier.wire else { return false };
        let Poll::Ready(reason) = wire.control().poll_soft_error(cx) else { return false };
        self.duty.shared.lock().machine.handle(Input::SoftError(reason));
        // There may be another.
        cx.waker().wake_by_ref();
        true
    }

    /// Does what the machine puts out, in its order, and writes what is queued, until there is no more of either.
    fn exchange(&mut self, shared: &Arc<Shared>, core: &mut Locked<'_>, cx: &mut Context<'_>) {
        loop {
            while let Some(output) = core.next_output() {
                core.notify();
                match output {
                    Output::Event(event) => core.tell(shared, event),
                    Output::CancelEstablishment => self.race = None,
                    Output::Finish => self.finishing = true,
                    Output::Abort => {
                        if let Some(wire) = self.carrier.wire.take() {
                            wire.abort();
                        }
                    }
                    Output::Release => {}
                }
            }
            let Some(wire) = self.carrier.wire.as_mut().filter(|_| core.machine.wants_write()) else { break };
            let written = write(wire, core, cx);
            match written {
                Poll::Ready(written) => core.feed(shared, written.unwrap_or_else(Input::from)),
                Poll::Pending => {
                    core.machine.trim();
                    break;
                }
            }
        }
        while let Some(buffer) = core.machine.reclaim() {
            buffers::give(buffer);
        }
        if core.machine.is_pull_due() {
            core.notify();
        }
    }

    /// Reads, if nothing can have changed since it was wished for the last time. Whether there was nothing, and the wire
    /// wakes when there is.
    fn read_on(&mut self, cx: &mut Context<'_>) -> bool {
        if !std::mem::take(&mut self.reads_on) || self.fact.is_some() || self.duty.shared.is_awake() {
            return false;
        }
        let Some(wire) = &mut self.carrier.wire else { return false };
        let Poll::Ready(fact) = read_from(wire, cx) else { return true };
        self.fact = Some(fact);
        false
    }

    /// Does what the machine wishes, until one thing has happened.
    fn serve(&mut self, wishes: &Wishes, cx: &mut Context<'_>) -> Round {
        let timer = self.poll_timer(wishes.deadline, cx);
        let Some(wire) = &mut self.carrier.wire else {
            return if timer.is_ready() { Round::Moved } else { Round::Still };
        };
        if self.finishing {
            match wire.control().poll_finish(cx) {
                Poll::Ready(Ok(())) => self.finishing = false,
                Poll::Ready(Err(failure)) => return self.happened(failure),
                Poll::Pending => {}
            }
        }
        if wishes.acknowledgement && !self.finishing {
            match wire.control().poll_acknowledged(cx) {
                Poll::Ready(Ok(())) => return self.happened(Input::Acknowledged),
                Poll::Ready(Err(failure)) => return self.happened(failure),
                Poll::Pending => {}
            }
        }
        let reads = wishes.read;
        let happened =
            if reads { read_from(wire, cx) } else { wire.control().poll_failed(cx).map(Input::from) };
        match happened {
            Poll::Ready(fact) => self.happened(fact),
            Poll::Pending if timer.is_ready() => Round::Moved,
            Poll::Pending => {
                self.reads_on = reads;
                Round::Still
            }
        }
    }

    fn happened(&mut self, fact: impl Into<Input>) -> Round {
        self.fact = Some(fact.into());
        Round::Moved
    }

    /// Ready when the machine is to be told the time.
    fn poll_timer(&mut self, deadline: Option<Time>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = deadline else {
            self.timer = None;
            return Poll::Pending;
        };
        let at = self.duty.shared.instant(deadline);
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(cx)
    }

    /// The actor it was attached to cannot be reached: it hears by its mailbox, and keeps the connection open there, if
    /// it is to.
    pub(super) fn fall_back(&mut self, kept: Option<Connection>) {
        let seat = self.duty.shared.lock().fall_back(&mut self.hearing, kept);
        if let Some(seat) = seat {
            set::vacate(seat, &self.duty.shared);
        }
    }

    /// Makes it ready to move to another arbiter, unless its transport is bound to this one.
    pub(super) fn depart(mut self: Box<Self>) -> Result<Moving, Box<Self>> {
        let wire = match &mut self.carrier.wire {
            _ if self.association.is_some() || self.race.is_some() => return Err(self),
            None => None,
            Some(wire) => match wire.control().detach() {
                None => return Err(self),
                portable => portable,
            },
        };
        self.carrier.wire = None;
        let Self { finishing, fact, duty, .. } = *self;
        Ok(Moving { parcel: Parcel::new(wire, &duty.shared), finishing, fact, duty })
    }

    /// Settles on this arbiter.
    pub(super) fn arrive(moving: Moving) -> Self {
        let Moving { parcel, finishing, fact, duty } = moving;
        let mut engine = Self { finishing, fact, ..Self::on_duty(duty) };
        match parcel.open().map(Portable::attach) {
            None => {}
            Some(Ok(wire)) => engine.carrier.wire = Some(wire),
            // Whatever it was about to tell, this ends it.
            Some(Err(failure)) => engine.fact = Some(failure.into()),
        }
        engine
    }

    /// The wire outlives the connection while the peer may still be sending: closing it under arriving data would
    /// send a reset, which may cost the peer what it has not read yet.
    fn let_go(&mut self) {
        let wire = self.carrier.wire.take();
        let outcome = learning::outcome(&self.duty.shared, wire.as_ref());
        if let (Some(outcome), Some(flow)) = (outcome, self.duty.shared.flow()) {
            #[expect(clippy::disallowed_methods, reason = "one at the end of each connection")]
            flow.do_send(Went(outcome));
        }
        let Some(wire) = wire else { return };
        let core = self.duty.shared.lock();
        let may_send = matches!(core.end, Some(Ok(()))) && !core.machine.has_peer_finished();
        drop(core);
        if may_send {
            actix_rt::spawn(linger(wire, self.duty.census.clone()));
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        // Dropped before its time, with its arbiter: what was not written must not look like a whole stream.
        let Some(wire) = self.wire.take() else { return };
        let core = self.shared.lock();
        let cut_off = !core.machine.outbox().is_empty() || core.machine.outbox().has_unended();
        drop(core);
        if cut_off {
            wire.abort();
        }
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        // Nobody else would tell the end.
        self.shared.give_up("the arbiter has stopped");
        if let Some(flow) = self.shared.flow() {
            #[expect(
                clippy::disallowed_methods,
                reason = "sent once, by the flow's only engine, as it ends"
            )]
            flow.do_send(Ended);
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("shared", &self.duty.shared).finish_non_exhaustive()
    }
}
