//! One attempt.

use super::actor::HappyEyeballs;
use super::framing::start_framers;
use super::messages::{Landed, Reached};
use crate::census::Counted;
use crate::flow::Obtained;
use actix::prelude::*;
use neatflow_core::policy::Request;
use neatflow_core::racing::AttemptId;
use neatflow_core::{Candidate, Failure};
use neatflow_stacks::{Established, Permit, Progress, Stack};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// Where attempts leave what they obtained, for the race to take.
pub(super) type Landing = Rc<RefCell<BTreeMap<AttemptId, Result<Obtained, Failure>>>>;

/// One supervised attempt. Failing is its result, not a crash; if code of the stack panics it is restarted, after
/// a back-off, and tries again while its budget lasts and the race is open.
pub(super) struct Attempt {
    pub(super) id: AttemptId,
    pub(super) candidate: Rc<Candidate>,
    /// Whether security may begin, and with what; the same through all restarts.
    pub(super) permit: Permit,
    pub(super) request: Arc<Request>,
    pub(super) stack: Arc<dyn Stack>,
    pub(super) landing: Landing,
    pub(super) race: Addr<HappyEyeballs>,
    pub(super) _counted: Counted,
}

impl Actor for Attempt {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (race, id) = (self.race.clone(), self.id);
        let progress = Progress::with(self.permit.clone(), move |stage| {
            #[expect(
                clippy::disallowed_methods,
                reason = "each stage once for each try, and tries have a budget"
            )]
            race.do_send(Reached { id, stage });
        });
        let connecting = self.stack.connect(&self.candidate, progress);
        let obtaining = obtain(connecting, self.candidate.clone(), self.request.clone());
        ctx.spawn(obtaining.into_actor(self).map(|result, attempt, ctx| attempt.land(result, ctx)));
    }
}

impl Supervised for Attempt {
    /// The next try begins from the candidate, like the first.
    fn restarting(&mut self, _: &mut Self::Context) {}
}

impl Attempt {
    fn land(&mut self, result: Result<Obtained, Failure>, ctx: &mut Context<Self>) {
        let id = self.id;
        self.landing.borrow_mut().insert(id, result);
        #[expect(clippy::disallowed_methods, reason = "one for each attempt")]
        self.race.do_send(Landed { id });
        ctx.stop();
    }
}

/// Connects, and starts the framers, if there are any. A race has many attempts at once: what few need is not part of
/// every future.
async fn obtain(
    connecting: impl Future<Output = Result<Established, Failure>>,
    candidate: Rc<Candidate>,
    request: Arc<Request>,
) -> Result<Obtained, Failure> {
    let established = connecting.await?;
    check(&candidate, &request, &established)?;
    if request.framers.is_empty() {
        return Ok(Obtained { established, framed: None });
    }
    Box::pin(async move {
        let mut established = established;
        let framed = start_framers(&request.framers, &mut established.wire).await?;
        Ok(Obtained { established, framed })
    })
    .await
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
