//! One actor that drives every flow of a client.

use super::Stop;
use super::args;
use super::flow::{Fate, Flow, Plan};
use super::progress::Progress;
use super::tally::{Tally, bits};
use actix::prelude::*;
use futures::channel::oneshot;
use neatflow::events::{
    AllWritten, Closed, ConnectionError, EstablishmentError, Ready, ReceiveError, Received, SendError,
    SoftError, Writable,
};
use neatflow::{Connection, ConnectionId, Error, Failure, FlowSet, Preconnection, SendFailure};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How many flows are being established at once.
const ESTABLISHING: usize = 64;

/// How many Received events of a flow may wait.
const WINDOW: usize = 16;

/// How long to send where nothing is said.
const DURATION: Duration = Duration::from_secs(10);

/// What every flow is heard of.
type Usual = (
    (Ready, EstablishmentError),
    (Received, ReceiveError),
    (SendError, SoftError),
    (Closed, ConnectionError),
);

/// Establishes the flows, has all of them send at once, and counts what comes of it.
pub(super) struct Client {
    plan: Plan,
    preconnection: Preconnection,
    flows: HashMap<ConnectionId, Flow>,
    /// Flows that are to be established yet.
    to_begin: u64,
    establishing: usize,
    duration: Option<Duration>,
    began: Instant,
    stage: Stage,
    tally: Tally,
    progress: Progress,
    done: Option<oneshot::Sender<Result<Tally, Error>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Establishing,
    Sending,
    /// Nothing more is sent; answers may come.
    Ending,
}

impl Client {
    /// `done` is told what was measured; or why nothing could even be begun.
    pub(super) fn new(
        args: &args::Client,
        preconnection: Preconnection,
        done: oneshot::Sender<Result<Tally, Error>>,
    ) -> Self {
        let plan = Plan::new(args);
        let flows = u64::from(args.flows);
        let duration = args.duration.or_else(|| args.count.is_none().then_some(DURATION));
        let whole = match (args.count, duration) {
            (Some(count), _) => count.saturating_mul(flows),
            (None, duration) => duration.unwrap_or_default().as_millis() as u64,
        };
        Self {
            tally: Tally::new(args.mode, flows, u64::from(args.size), plan.depth as u64),
            plan,
            preconnection,
            flows: HashMap::new(),
            to_begin: flows,
            establishing: 0,
            duration,
            began: Instant::now(),
            stage: Stage::Establishing,
            progress: Progress::of(whole),
            done: Some(done),
        }
    }

    /// Begins with more flows; when all are established, or have failed, all send.
    fn establish(&mut self, ctx: &mut Context<Self>) {
        while self.to_begin > 0 && self.establishing < ESTABLISHING {
            let connection = match self.preconnection.initiate() {
                Ok(connection) => connection,
                // The others would go the same way.
                Err(error) => return self.end(Err(error)),
            };
            self.to_begin -= 1;
            self.establishing += 1;
            let set = FlowSet::of(ctx);
            match self.plan.mode {
                args::Mode::Echo => set.attach::<(Usual, Writable)>(&connection, ctx),
                args::Mode::Discard => set.attach::<(Usual, AllWritten)>(&connection, ctx),
            };
            self.flows.insert(connection.id(), Flow::new(connection));
        }
        if self.establishing == 0 && self.stage == Stage::Establishing {
            self.begin(ctx);
        }
    }

    fn begin(&mut self, ctx: &mut Context<Self>) {
        self.stage = Stage::Sending;
        self.began = Instant::now();
        if let Some(duration) = self.duration {
            ctx.run_later(duration, |client, _| client.stop_sending());
        }
        ctx.run_interval(self.plan.tick(), |client, _| client.look_at_all());
        self.tally.span.extend(self.began);
        for flow in self.flows.values_mut() {
            flow.room(self.began);
            flow.send(&mut self.plan, &mut self.tally, self.began);
        }
        self.maybe_end();
    }

    fn stop_sending(&mut self) {
        if self.stage == Stage::Sending {
            self.stage = Stage::Ending;
        }
        self.look_at_all();
    }

    /// Looks who is done, or has waited for too long.
    fn look_at_all(&mut self) {
        let ids: Vec<_> = self.flows.keys().copied().collect();
        let now = Instant::now();
        ids.into_iter().for_each(|id| self.go_on(id, now));
        let (messages, since) = (self.tally.messages(), self.began.elapsed());
        let done = if self.plan.count.is_some() { messages } else { since.as_millis() as u64 };
        self.progress.show(done, || {
            let rate = (8 * self.tally.bytes()) as f64 / since.as_secs_f64();
            format!("{messages} messages, {}", bits(rate))
        });
    }

    /// Has a flow send what it may, and looks what becomes of it.
    fn go_on(&mut self, id: ConnectionId, now: Instant) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        if self.stage == Stage::Establishing {
            return;
        }
        let sends = self.stage == Stage::Sending;
        if sends {
            flow.send(&mut self.plan, &mut self.tally, now);
        }
        let fate = flow.fate(&self.plan, &mut self.tally, sends, now);
        self.meet(id, fate, now);
    }

    fn meet(&mut self, id: ConnectionId, fate: Fate, now: Instant) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        match fate {
            Fate::GoesOn => {}
            Fate::Done => flow.close(now),
            Fate::Failed(reason) => {
                self.tally.failures.add(reason);
                flow.abort();
            }
        }
    }

    /// A flow has ended.
    fn forget(&mut self, connection: &Connection) {
        self.flows.remove(&connection.id());
        if self.plan.mode == args::Mode::Discard && self.stage != Stage::Establishing {
            // Only now is what was sent known to have arrived.
            self.tally.span.extend(Instant::now());
        }
        self.maybe_end();
    }

    fn maybe_end(&mut self) {
        if self.flows.is_empty() && self.stage != Stage::Establishing {
            let tally = Tally::new(self.tally.mode, 0, 0, 0);
            let tally = std::mem::replace(&mut self.tally, tally);
            self.end(Ok(tally));
        }
    }

    fn end(&mut self, measured: Result<Tally, Error>) {
        self.progress.clear();
        if let Some(done) = self.done.take() {
            // Nobody waits: the process is about to end.
            let _ = done.send(measured);
        }
    }
}

impl Actor for Client {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.tally.establishing.extend(Instant::now());
        self.establish(ctx);
    }
}

impl Handler<Ready> for Client {
    type Result = ();

    fn handle(&mut self, event: Ready, ctx: &mut Self::Context) {
        let Some(flow) = self.flows.get_mut(&event.connection.id()) else { return };
        flow.ready(&self.plan);
        flow.connection.stream(WINDOW);
        self.tally.established += 1;
        self.tally.establishing.extend(Instant::now());
        *self.tally.stacks.entry(event.connection.stack().as_str().to_owned()).or_default() += 1;
        self.establishing -= 1;
        self.establish(ctx);
    }
}

impl Handler<EstablishmentError> for Client {
    type Result = ();

    fn handle(&mut self, event: EstablishmentError, ctx: &mut Self::Context) {
        if !self.tally.interrupted {
            self.tally.failures.add(event.reason.to_string());
            self.tally.not_established.get_or_insert(event.reason);
        }
        self.flows.remove(&event.connection.id());
        self.establishing -= 1;
        if self.stage == Stage::Establishing {
            self.establish(ctx);
        } else {
            self.maybe_end();
        }
    }
}

impl Handler<Received> for Client {
    type Result = ();

    fn handle(&mut self, event: Received, _: &mut Self::Context) {
        let id = event.connection.id();
        let now = Instant::now();
        let Some(flow) = self.flows.get_mut(&id).filter(|flow| !flow.leaving) else { return };
        for message in &event.messages {
            let fate = flow.came(&message.data, &self.plan, &mut self.tally, now);
            if let Fate::Failed(_) = fate {
                return self.meet(id, fate, now);
            }
        }
        self.go_on(id, now);
    }
}

impl Handler<Writable> for Client {
    type Result = ();

    fn handle(&mut self, event: Writable, _: &mut Self::Context) {
        self.room(&event.connection);
    }
}

impl Handler<AllWritten> for Client {
    type Result = ();

    fn handle(&mut self, event: AllWritten, _: &mut Self::Context) {
        self.room(&event.connection);
    }
}

impl Client {
    fn room(&mut self, connection: &Connection) {
        let now = Instant::now();
        if let Some(flow) = self.flows.get_mut(&connection.id()) {
            flow.room(now);
            self.go_on(connection.id(), now);
        }
    }
}

impl Handler<SendError> for Client {
    type Result = ();

    fn handle(&mut self, event: SendError, _: &mut Self::Context) {
        let id = event.connection.id();
        let Some(flow) = self.flows.get_mut(&id) else { return };
        flow.unsent(&event.message.data, &mut self.tally);
        // So will be every other.
        if !flow.leaving && matches!(event.reason, SendFailure::TooLarge { .. }) {
            self.meet(id, Fate::Failed(event.reason.to_string()), Instant::now());
        }
    }
}

impl Handler<SoftError> for Client {
    type Result = ();

    fn handle(&mut self, event: SoftError, _: &mut Self::Context) {
        let id = event.connection.id();
        let Some(flow) = self.flows.get_mut(&id) else { return };
        if !flow.leaving && event.reason == Failure::Refused {
            let fate = flow.refused(event.reason.to_string());
            self.meet(id, fate, Instant::now());
        }
    }
}

impl Handler<ReceiveError> for Client {
    type Result = ();

    fn handle(&mut self, event: ReceiveError, _: &mut Self::Context) {
        let id = event.connection.id();
        let Some(flow) = self.flows.get_mut(&id) else { return };
        if !flow.leaving && event.reason == neatflow::ReceiveFailure::Finished {
            let fate = flow.finished();
            self.meet(id, fate, Instant::now());
        }
    }
}

impl Handler<Closed> for Client {
    type Result = ();

    fn handle(&mut self, event: Closed, _: &mut Self::Context) {
        self.forget(&event.connection);
    }
}

impl Handler<ConnectionError> for Client {
    type Result = ();

    fn handle(&mut self, event: ConnectionError, _: &mut Self::Context) {
        let flow = self.flows.get(&event.connection.id());
        if flow.is_some_and(|flow| !flow.is_aborted()) {
            self.tally.failures.add(event.reason.to_string());
        }
        self.forget(&event.connection);
    }
}

impl Handler<Stop> for Client {
    type Result = ();

    fn handle(&mut self, _: Stop, _: &mut Self::Context) {
        self.tally.interrupted = true;
        self.to_begin = 0;
        self.stage = Stage::Ending;
        self.flows.values_mut().for_each(Flow::abort);
        self.maybe_end();
    }
}
