//! The bytes of one connection: reads, writes, and the telling of events.
//!
//! The driver is a plain future on the flow's arbiter, outside any actor context, so that it outlives a restart
//! of its Flow. It decides nothing: it feeds the machine facts and does what the machine puts out.

use super::linger::linger;
use super::messages::Ended;
use super::shared::Shared;
use crate::census::Census;
use crate::happy_eyeballs::RaceRecord;
use crate::placement::note_activity;
use crate::supervision::catch::contain;
use actix::Recipient;
use bytes::Bytes;
use futures::channel::oneshot;
use neatflow_core::connection::{Input, Output, State};
use neatflow_core::{ConnectionFailure, EstablishmentFailure, Failure, Message, Protocol};
use neatflow_stacks::{Association, Established, NotSent, StreamWire, Wire};
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io::IoSlice;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

/// How many rounds a driver may go before others on its arbiter get their turn.
const BUDGET: usize = 32;

/// How much is read at once.
const READ: usize = 64 * 1024;

/// How many messages are written at once.
const SLICES: usize = 64;

thread_local! {
    /// One read buffer for each thread: an idle flow keeps none.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into_boxed_slice());
}

/// The flow's transport, when it has one; shared with the Flow actor, which asks it for reports.
pub(super) type Lane = Rc<RefCell<Option<Wire>>>;

/// What a race hands over.
#[derive(Debug)]
pub(crate) struct RaceOutcome {
    pub(crate) record: Arc<RaceRecord>,
    pub(crate) result: Result<(Protocol, Established), EstablishmentFailure>,
}

/// Where the race hands it over; the driver drops its end to cancel the race.
pub(crate) type Outcome = oneshot::Receiver<RaceOutcome>;

pub(super) struct Driver {
    shared: Arc<Shared>,
    lane: Lane,
    race: Option<Outcome>,
    /// What the flow's stream belongs to, on transports that carry several: it lasts as long as its first stream.
    association: Option<Box<dyn Association>>,
    /// Our end is to be sent.
    finishing: bool,
    /// Whom to tell of the end.
    flow: Option<Recipient<Ended>>,
    /// Held while a wire lingers: the transport is not done before that.
    census: Arc<Census>,
}

/// Whether anything moved, in one round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    Moved,
    Still,
    Over,
}

impl Driver {
    pub(super) fn new(shared: Arc<Shared>, lane: Lane, census: Arc<Census>) -> Self {
        Self { shared, lane, race: None, association: None, finishing: false, flow: None, census }
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

    /// It tells this flow of its end.
    pub(super) fn telling(mut self, flow: Recipient<Ended>) -> Self {
        self.flow = Some(flow);
        self
    }

    fn settle(&mut self, protocol: Protocol, established: Established) {
        self.shared.carried_by(protocol, &established);
        self.association = established.association;
        *self.lane.borrow_mut() = Some(established.wire);
    }

    fn round(&mut self, cx: &mut Context<'_>) -> Round {
        let mut moved = self.hear_of_the_race(cx);
        match self.tell() {
            Round::Over => return Round::Over,
            round => moved |= round == Round::Moved,
        }
        let lane = self.lane.clone();
        let mut lane = lane.borrow_mut();
        let Some(wire) = lane.as_mut() else {
            return if moved { Round::Moved } else { Round::Still };
        };
        match self.transfer(wire, cx) {
            Ok(transferred) => moved |= transferred,
            Err(failure) => {
                self.shared.lock().machine.handle(failure.into());
                moved = true;
            }
        }
        if moved { Round::Moved } else { Round::Still }
    }

    fn hear_of_the_race(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(race) = &mut self.race else { return false };
        let Poll::Ready(outcome) = Pin::new(race).poll(cx) else { return false };
        self.race = None;
        let result = outcome.map(|RaceOutcome { record, result }| {
            self.shared.raced(record);
            result
        });
        let input = match result {
            Ok(Ok((protocol, established))) => {
                self.settle(protocol, established);
                Input::Established
            }
            Ok(Err(failure)) => Input::EstablishmentFailed(failure),
            Err(oneshot::Canceled) => {
                Input::EstablishmentFailed(EstablishmentFailure::Stopped("the race gave up".into()))
            }
        };
        self.shared.lock().machine.handle(input);
        true
    }

    /// Does what the machine puts out, in its order.
    fn tell(&mut self) -> Round {
        let shared = self.shared.clone();
        let mut core = shared.lock();
        let mut round = Round::Still;
        while let Some(output) = core.next_output() {
            round = Round::Moved;
            match output {
                Output::Event(event) => core.tell(&shared, event),
                Output::CancelEstablishment => self.race = None,
                Output::Finish => self.finishing = true,
                Output::Abort => {
                    if let Some(wire) = self.lane.borrow_mut().take() {
                        wire.abort();
                    }
                }
                Output::Release => round = Round::Over,
            }
        }
        if round != Round::Still || core.machine.is_pull_due() {
            core.notify();
        }
        // Somebody else may have told the end, when nobody was thought to drive.
        if core.end.is_some() { Round::Over } else { round }
    }

    fn transfer(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> Result<bool, Failure> {
        let heard = self.hear(wire, cx);
        let written = self.write(wire, cx)?;
        let ended = self.end(wire, cx)?;
        let read = self.read(wire, cx)?;
        Ok(heard | written | ended | read)
    }

    /// Passes on what the network reported.
    fn hear(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> bool {
        let Poll::Ready(reason) = wire.control().poll_soft_error(cx) else { return false };
        self.shared.lock().machine.handle(Input::SoftError(reason));
        true
    }

    fn write(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> Result<bool, Failure> {
        let mut core = self.shared.lock();
        if !core.machine.wants_write() {
            return Ok(false);
        }
        let taken = match wire {
            Wire::Stream(wire) => {
                let mut slices = [IoSlice::new(&[]); SLICES];
                match core.machine.outbox().slices(&mut slices) {
                    0 => Input::Written(0),
                    filled => match wire.poll_write(cx, &slices[..filled]) {
                        Poll::Ready(written) => Input::Written(written?),
                        Poll::Pending => return Ok(false),
                    },
                }
            }
            Wire::Messages(wire) => {
                let Some(message) = core.machine.outbox().front() else { return Ok(false) };
                // The stack sees what holds in the end; the application gets back what it gave.
                let message = message.clone().with_properties(&self.shared.properties.message);
                match wire.poll_send(cx, &message) {
                    Poll::Ready(Ok(())) => Input::FrontTaken,
                    Poll::Ready(Err(NotSent::Message(reason))) => Input::FrontRefused(reason),
                    Poll::Ready(Err(NotSent::Wire(failure))) => return Err(failure),
                    Poll::Pending => return Ok(false),
                }
            }
        };
        core.machine.handle(taken);
        Ok(true)
    }

    /// Sends our end when it is due, and waits for its acknowledgement when that matters.
    fn end(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> Result<bool, Failure> {
        if self.finishing {
            let Poll::Ready(finished) = wire.control().poll_finish(cx) else { return Ok(false) };
            finished?;
            self.finishing = false;
        }
        if !self.shared.lock().machine.wants_acknowledgement() {
            return Ok(false);
        }
        match wire.control().poll_acknowledged(cx) {
            Poll::Ready(acknowledged) => {
                acknowledged?;
                self.shared.lock().machine.handle(Input::Acknowledged);
                Ok(true)
            }
            Poll::Pending => Ok(false),
        }
    }

    fn read(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> Result<bool, Failure> {
        {
            let core = self.shared.lock();
            let heard =
                core.may_receive() || core.machine.is_pulled() || core.machine.state() == State::Closing;
            if !(core.machine.wants_read() && heard) {
                drop(core);
                return match wire.control().poll_failed(cx) {
                    Poll::Ready(failure) => Err(failure),
                    Poll::Pending => Ok(false),
                };
            }
        }
        let arrived = match wire {
            Wire::Stream(wire) => read_stream(&mut **wire, cx).map(|read| Ok(read?.map(Message::new))),
            Wire::Messages(wire) => wire.poll_recv(cx),
        };
        let Poll::Ready(arrived) = arrived else { return Ok(false) };
        note_activity();
        let input = arrived?.map_or(Input::PeerFinished, Input::Arrived);
        self.shared.lock().machine.handle(input);
        Ok(true)
    }

    /// The wire outlives the connection while the peer may still be sending: closing it under arriving data would
    /// send a reset, which may cost the peer what it has not read yet.
    fn let_go(&mut self) {
        let Some(wire) = self.lane.borrow_mut().take() else { return };
        let closed = matches!(self.shared.lock().end, Some(Ok(())));
        if closed {
            actix_rt::spawn(linger(wire, self.census.clone()));
        }
    }
}

/// What one read brings; `None` at the peer's end.
fn read_stream(wire: &mut dyn StreamWire, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut buffer = ReadBuf::new(buffer);
        ready!(wire.poll_read(cx, &mut buffer))?;
        let read = buffer.filled();
        Poll::Ready(Ok((!read.is_empty()).then(|| Bytes::copy_from_slice(read))))
    })
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.shared.waker.register(cx.waker());
        for _ in 0..BUDGET {
            // A stack's panic ends this connection, in order, and no other.
            let round = contain(|| this.round(cx)).unwrap_or_else(|what| {
                let wire = this.lane.borrow_mut().take();
                // The peer is to know that data may be missing; a stack that cannot even do that is let go of.
                let _ = contain(|| wire.map(Wire::abort));
                let mut core = this.shared.lock();
                core.machine.handle(Input::Failed(ConnectionFailure::Panicked(what.clone())));
                core.machine.handle(Input::EstablishmentFailed(EstablishmentFailure::Stopped(what)));
                Round::Moved
            });
            match round {
                Round::Moved => {}
                Round::Still => return Poll::Pending,
                Round::Over => {
                    this.let_go();
                    return Poll::Ready(());
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Dropped before its time, with its arbiter: what was not written must not look like a whole stream.
        let cut_off = !self.shared.lock().machine.outbox().is_empty();
        if let Some(wire) = self.lane.borrow_mut().take().filter(|_| cut_off) {
            wire.abort();
        }
        // Nobody else would tell the end.
        self.shared.give_up("the arbiter has stopped");
        if let Some(flow) = &self.flow {
            #[expect(
                clippy::disallowed_methods,
                reason = "sent once, by the flow's only driver, as it ends"
            )]
            flow.do_send(Ended);
        }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("shared", &self.shared).finish_non_exhaustive()
    }
}
