//! One attempt: a value that the race polls in its own task.
//
//   Due ──connect──▶ Connecting ──▶ (framers) Framing ──▶ Done
//    ▲                   │ panic         │ panic
//    └──── Resting ◀─────┴───────────────┘
//
// It is supervised as an actor would be: where the code of a stack or a framer panics it begins again, after a back-off,
// while its budget lasts. As a task of its own it would cost each connection another mailbox and two messages, and a race
// of twenty twice the memory.

use super::framing::start_framers;
use crate::census::Counted;
use crate::flow::Obtained;
use crate::supervision::catch::contain;
use futures::future::LocalBoxFuture;
use neatflow_core::policy::Request;
use neatflow_core::racing::{AttemptId, Stage};
use neatflow_core::{Budget, Candidate, CandidateId, Failure, Intensity, Time};
use neatflow_stacks::{Established, Permit, Progress, Stack};
use slog::{Logger, warn};
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use tokio::time::{Instant, Sleep, sleep};

/// One supervised attempt. Failing is its result, not a crash.
pub(super) struct Attempt {
    pub(super) id: AttemptId,
    pub(super) candidate: CandidateId,
    stack: Arc<dyn Stack>,
    /// Whether security may begin, and with what; the same through all restarts.
    pub(super) permit: Permit,
    state: State,
    reached: Rc<Reached>,
    /// Once it has panicked.
    restarts: Option<Box<Restarts>>,
    counted: Option<Counted>,
}

enum State {
    Due,
    Connecting(LocalBoxFuture<'static, Result<Established, Failure>>),
    Framing(LocalBoxFuture<'static, Result<Obtained, Failure>>),
    Resting(Pin<Box<Sleep>>),
    Done,
}

/// How far it has come, until the race hears of it.
#[derive(Default)]
struct Reached(RefCell<(Vec<Stage>, Option<Waker>)>);

struct Restarts {
    budget: Budget,
    began: Instant,
}

impl Attempt {
    pub(super) fn new(
        id: AttemptId,
        candidate: CandidateId,
        stack: Arc<dyn Stack>,
        permit: Permit,
        counted: Counted,
    ) -> Self {
        let (state, reached, restarts) = (State::Due, Rc::default(), None);
        Self { id, candidate, stack, permit, state, reached, restarts, counted: Some(counted) }
    }

    /// Whether it has given what it has to give.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The stages that were reached since this was asked last.
    pub(super) fn take_reached(&self) -> Vec<Stage> {
        std::mem::take(&mut self.reached.0.borrow_mut().0)
    }

    /// Goes on. Not to be polled when it is done.
    pub(super) fn poll(
        &mut self,
        candidate: &Candidate,
        request: &Arc<Request>,
        intensity: Intensity,
        log: &Logger,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Obtained, Failure>> {
        let result = loop {
            match contain(|| self.poll_try(candidate, request, cx)) {
                Ok(Poll::Ready(result)) => break result,
                Ok(Poll::Pending) => {
                    let waker = &mut self.reached.0.borrow_mut().1;
                    if waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
                        *waker = Some(cx.waker().clone());
                    }
                    return Poll::Pending;
                }
                Err(what) => match self.rest(intensity) {
                    Some(rest) => {
                        warn!(log, "an attempt panicked, and is tried again";
                            "candidate" => %candidate, "what" => %what);
                        self.become_(State::Resting(rest));
                    }
                    None => break Err(Failure::Panicked(what)),
                },
            }
        };
        self.become_(State::Done);
        self.counted = None;
        Poll::Ready(result)
    }

    fn poll_try(
        &mut self,
        candidate: &Candidate,
        request: &Arc<Request>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Obtained, Failure>> {
        loop {
            self.state = match &mut self.state {
                State::Due => State::Connecting(self.stack.connect(candidate, self.progress())),
                State::Resting(rest) => {
                    ready!(rest.as_mut().poll(cx));
                    State::Due
                }
                State::Connecting(connecting) => {
                    let established = match ready!(connecting.as_mut().poll(cx)) {
                        Ok(established) => established,
                        Err(failure) => return Poll::Ready(Err(failure)),
                    };
                    if let Err(failure) = check(candidate, request, &established) {
                        return Poll::Ready(Err(failure));
                    }
                    if request.framers.is_empty() {
                        return Poll::Ready(Ok(Obtained { established, framed: None }));
                    }
                    State::Framing(Box::pin(frame(request.clone(), established)))
                }
                State::Framing(framing) => return framing.as_mut().poll(cx),
                State::Done => return Poll::Pending,
            };
        }
    }

    fn progress(&self) -> Progress {
        let reached = self.reached.clone();
        Progress::with(self.permit.clone(), move |stage| {
            let waker = {
                let mut reached = reached.0.borrow_mut();
                reached.0.push(stage);
                reached.1.take()
            };
            waker.into_iter().for_each(Waker::wake);
        })
    }

    /// How long it rests before it is tried again, if it is.
    fn rest(&mut self, intensity: Intensity) -> Option<Pin<Box<Sleep>>> {
        let restarts = self.restarts.get_or_insert_with(|| {
            Box::new(Restarts { budget: Budget::new(intensity), began: Instant::now() })
        });
        let wait = restarts.budget.ask(Time::from_origin(restarts.began.elapsed()))?;
        Some(Box::pin(sleep(wait)))
    }

    /// What was before is dropped, and so closed, at once. That is foreign code: its panic changes nothing.
    fn become_(&mut self, state: State) {
        let before = std::mem::replace(&mut self.state, state);
        let _ = contain(|| drop(before));
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.become_(State::Done);
    }
}

async fn frame(request: Arc<Request>, mut established: Established) -> Result<Obtained, Failure> {
    let framed = start_framers(&request.framers, &mut established.wire).await?;
    Ok(Obtained { established, framed })
}

/// Whether what was obtained is what the candidate promised.
fn check(candidate: &Candidate, request: &Request, established: &Established) -> Result<(), Failure> {
    let violated = request.framed(&established.offers).violations(&candidate.properties.selection);
    if !violated.is_empty() {
        return Err(Failure::Unfulfilled(violated));
    }
    let got = established.path.local;
    let misbound = candidate.local.is_some_and(|asked| {
        (!asked.ip().is_unspecified() && asked.ip() != got.ip())
            || (asked.port() != 0 && asked.port() != got.port())
    });
    if misbound {
        return Err(Failure::Misbound(got.to_string().into()));
    }
    Ok(())
}
