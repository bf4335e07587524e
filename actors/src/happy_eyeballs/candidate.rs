//! One attempt.

use super::actor::HappyEyeballs;
use super::framing::start_framers;
use super::messages::{Landed, Reached};
use crate::census::Counted;
use crate::flow::Obtained;
use actix::prelude::*;
use futures::future::LocalBoxFuture;
use neatflow_core::policy::neat::Properties;
use neatflow_core::policy::{Request, not_offered};
use neatflow_core::racing::AttemptId;
use neatflow_core::{Candidate, Failure, Offers};
use neatflow_stacks::{Established, Permit, Progress, Stack};
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, ready};

/// What the attempts of a race have in common: whose they are, and where they leave what they obtained, for the race to
/// take.
pub(super) struct Shore {
    pub(super) race: Addr<HappyEyeballs>,
    pub(super) request: Arc<Request>,
    landed: RefCell<Vec<(AttemptId, Result<Obtained, Failure>)>>,
}

impl Shore {
    pub(super) fn new(race: Addr<HappyEyeballs>, request: Arc<Request>) -> Self {
        Self { race, request, landed: RefCell::default() }
    }

    /// Whether an attempt has obtained something, or why not; what it has obtained stays.
    pub(super) fn fate(&self, id: AttemptId) -> Option<Result<(), Failure>> {
        let mut landed = self.landed.borrow_mut();
        let place = landed.iter().position(|(whose, _)| *whose == id)?;
        if landed.get(place).is_some_and(|(_, result)| result.is_ok()) {
            return Some(Ok(()));
        }
        landed.swap_remove(place).1.err().map(Err)
    }

    /// What an attempt has left.
    pub(super) fn take(&self, id: AttemptId) -> Option<Result<Obtained, Failure>> {
        let mut landed = self.landed.borrow_mut();
        let place = landed.iter().position(|(whose, _)| *whose == id)?;
        Some(landed.swap_remove(place).1)
    }

    /// This is what it has left.
    fn put(&self, id: AttemptId, result: Result<Obtained, Failure>) {
        self.landed.borrow_mut().push((id, result));
    }

    /// What all have left.
    pub(super) fn clear(&self) {
        let obtained = std::mem::take(&mut *self.landed.borrow_mut());
        drop(obtained);
    }
}

/// One supervised attempt. Failing is its result, not a crash; if code of the stack panics it is restarted, after
/// a back-off, and tries again while its budget lasts and the race is open.
pub(super) struct Attempt {
    pub(super) id: AttemptId,
    pub(super) candidate: Arc<Candidate>,
    /// Whether security may begin, and with what; the same through all restarts.
    pub(super) permit: Permit,
    pub(super) stack: Arc<dyn Stack>,
    pub(super) shore: Rc<Shore>,
    pub(super) _counted: Counted,
}

impl Actor for Attempt {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let progress = Progress::watched(self.permit.clone());
        let step = Step::Connecting(self.stack.connect(&self.candidate, progress.clone()));
        ctx.spawn(Obtaining { progress, step });
    }
}

impl Supervised for Attempt {
    /// The next try begins from the candidate, like the first.
    fn restarting(&mut self, _: &mut Self::Context) {}
}

/// Connects, and starts the framers, if there are any. A race has many attempts at once: this is small, and asks its
/// actor for all else.
struct Obtaining {
    progress: Progress,
    step: Step,
}

enum Step {
    Connecting(LocalBoxFuture<'static, Result<Established, Failure>>),
    Framing(LocalBoxFuture<'static, Result<Obtained, Failure>>),
}

impl ActorFuture<Attempt> for Obtaining {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        attempt: &mut Attempt,
        ctx: &mut Context<Attempt>,
        cx: &mut Cx<'_>,
    ) -> Poll<()> {
        let Self { progress, step } = self.get_mut();
        let result = ready!(attempt.advance(progress, step, cx));
        attempt.shore.put(attempt.id, result);
        #[expect(clippy::disallowed_methods, reason = "one for each attempt")]
        attempt.shore.race.do_send(Landed { id: attempt.id, news: progress.news() });
        ctx.stop();
        Poll::Ready(())
    }
}

impl Attempt {
    fn advance(
        &self,
        progress: &Progress,
        step: &mut Step,
        cx: &mut Cx<'_>,
    ) -> Poll<Result<Obtained, Failure>> {
        if let Step::Connecting(connecting) = step {
            let Poll::Ready(connected) = connecting.as_mut().poll(cx) else {
                self.tell(progress);
                progress.wake_for_news(cx.waker());
                return Poll::Pending;
            };
            let checked = connected.and_then(|it| self.check(&it).map(|()| it));
            let mut established = match checked {
                Ok(established) => established,
                Err(failure) => return Poll::Ready(Err(failure)),
            };
            if self.shore.request.framers.is_empty() {
                return Poll::Ready(Ok(Obtained { established, framed: None }));
            }
            self.tell(progress);
            let request = self.shore.request.clone();
            *step = Step::Framing(Box::pin(async move {
                let framed = start_framers(&request.framers, &mut established.wire).await?;
                Ok(Obtained { established, framed })
            }));
        }
        match step {
            Step::Framing(framing) => framing.as_mut().poll(cx),
            Step::Connecting(_) => Poll::Pending,
        }
    }

    /// Tells the race how far it has come, if that is news.
    fn tell(&self, progress: &Progress) {
        for stage in progress.news().into_iter().flatten() {
            #[expect(
                clippy::disallowed_methods,
                reason = "each stage once for each try, and tries have a budget"
            )]
            self.shore.race.do_send(Reached { id: self.id, stage });
        }
    }

    /// Whether what was obtained is what the candidate promised.
    fn check(&self, established: &Established) -> Result<(), Failure> {
        let (candidate, request) = (&self.candidate, &self.shore.request);
        let violated = request.framed(&established.offers).violations(&candidate.properties.selection);
        if !violated.is_empty() {
            return Err(Failure::Unfulfilled(violated));
        }
        if let Some(lacks) = lacking(candidate, &established.offers) {
            return Err(Failure::NotOffered(lacks));
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
}

/// What is required of a candidate in NEAT's language that a stack with these offers does not do, security above all: of
/// the candidate, and of all alternatives of the application.
pub(super) fn lacking(candidate: &Candidate, offers: &Offers) -> Option<Arc<str>> {
    let lacks = |set: &Properties| not_offered(offers, set);
    lacks(&candidate.policy).or_else(|| {
        let sets = candidate.properties.neat.expanded();
        let first = sets.first().and_then(lacks)?;
        sets.iter().all(|set| lacks(set).is_some()).then_some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use neatflow_core::policy::neat::{Alternatives, Property};
    use neatflow_core::{CandidateId, Offer, Protocol, TransportProperties};

    fn candidate(neat: &str) -> Candidate {
        let neat = Alternatives::from_json(neat).unwrap();
        let properties = Arc::new(TransportProperties::new().with_neat(neat));
        Candidate::new(CandidateId(0), Protocol::TCP, "192.0.2.1:443".parse().unwrap(), properties)
    }

    #[test]
    fn nobody_gets_a_stack_that_does_not_secure_where_security_must_be() {
        let clear = Offers::none();
        let secured = Offers::none().with_security(Offer::Always);
        let either = Offers::none().with_security(Offer::Optional);
        let required = r#"{"security": {"value": true, "precedence": 2}}"#;
        let wished = candidate(r#"{"security": {"value": true}}"#);
        let mut by_policy = candidate("{}");
        by_policy.policy = Arc::new(Properties::new().with("security", Property::immutable(true)));
        for insisting in [candidate(required), by_policy] {
            let lacks = lacking(&insisting, &clear).unwrap();
            assert_eq!(&*lacks, "security is false and must be true");
            assert_eq!((lacking(&insisting, &secured), lacking(&insisting, &either)), (None, None));
        }
        let choice = r#"{"security": [{"value": true, "precedence": 2}, {"value": false, "precedence": 2}]}"#;
        let choice = candidate(choice);
        for easy in [wished, choice, candidate("{}")] {
            assert_eq!(lacking(&easy, &clear), None);
        }
        let open = candidate(r#"{"security": {"value": false, "precedence": 2}}"#);
        assert!(lacking(&open, &secured).is_some(), "it cannot do without");
    }
}
