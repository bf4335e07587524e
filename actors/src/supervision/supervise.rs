//! Starting a child.

use super::child::Child;
use super::event::{ChildEvent, ExitReason};
use super::guard::Guard;
use super::incarnation::Incarnation;
use super::link::Link;
use super::plan::Plan;
use super::report::Report;
use super::terms::Terms;
use actix::WeakRecipient;
use actix::dev::Mailbox;
use actix::dev::channel::{AddressReceiver, channel};
use actix::prelude::*;
use actix_rt::ArbiterHandle;
use slog::Logger;
use std::any::type_name;
use std::sync::{Arc, OnceLock};

/// Starts a supervised actor on this arbiter. For a name, a parent or another arbiter see [`Supervise`].
///
/// # Panics
/// As [`Actor::start`]: outside a [`System`], an arbiter or a tokio `LocalSet`.
pub fn supervise<A>(actor: A, plan: impl Into<Plan>) -> Child<A>
where
    A: Supervised + Actor<Context = Context<A>>,
{
    Supervise::new(plan).start(|_| actor)
}

/// The child is started on the arbiter of whoever starts it.
#[derive(Clone, Copy, Debug)]
pub struct Here;

/// The child is started on this arbiter, usually another.
#[derive(Clone, Debug)]
pub struct There(ArbiterHandle);

/// How a child is to be started. Clones start children that share what was said of them.
#[derive(Clone, Debug)]
#[must_use = "nothing is started before `start`"]
pub struct Supervise<Place = Here> {
    terms: Arc<Terms>,
    place: Place,
}

impl Supervise {
    /// A child with this plan, and so far without a parent.
    pub fn new(plan: impl Into<Plan>) -> Self {
        Self { terms: Arc::new(Terms::new(plan.into())), place: Here }
    }

    /// Starts the child on another arbiter.
    pub fn on(self, arbiter: &ArbiterHandle) -> Supervise<There> {
        Supervise { terms: self.terms, place: There(arbiter.clone()) }
    }

    /// Makes the actor, and starts it. A panic of `make` gives the child up before it lived.
    ///
    /// # Panics
    /// As [`Actor::start`]: outside a [`System`], an arbiter or a tokio `LocalSet`.
    pub fn start<A>(self, make: impl FnOnce(&mut Context<A>) -> A) -> Child<A>
    where
        A: Supervised + Actor<Context = Context<A>>,
    {
        let (child, mailbox, report, _) = self.prepare();
        run(mailbox, make, report);
        child
    }
}

impl Supervise<There> {
    /// Has the actor made and started on its arbiter; its address takes mail from now on.
    ///
    /// A panic of `make` gives the child up before it lived, and so does an arbiter that has stopped.
    pub fn start<A>(self, make: impl FnOnce(&mut Context<A>) -> A + Send + 'static) -> Child<A>
    where
        A: Supervised + Actor<Context = Context<A>>,
    {
        let (child, mailbox, report, There(arbiter)) = self.prepare();
        // When the arbiter does not run this, it drops it, and the report tells.
        arbiter.spawn_fn(move || run(mailbox, make, report));
        child
    }
}

impl<Place> Supervise<Place> {
    /// What events and log records call the child. Default: the name of the actor's type.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        Arc::make_mut(&mut self.terms).name = name.into();
        self
    }

    /// Who is told what happens to the child: an address, a recipient, or a weak one of either.
    ///
    /// The parent is not kept alive by this, so parent and child may each know the other.
    pub fn parent(mut self, parent: impl Into<WeakRecipient<ChildEvent>>) -> Self {
        Arc::make_mut(&mut self.terms).parent = Some(parent.into());
        self
    }

    /// Where restarts (at warning level) and giving up (at error level) are logged. Default: nowhere.
    pub fn logger(mut self, log: impl Into<Option<Logger>>) -> Self {
        Arc::make_mut(&mut self.terms).log = log.into();
        self
    }

    fn prepare<A>(self) -> (Child<A>, AddressReceiver<A>, Report, Place)
    where
        A: Supervised + Actor<Context = Context<A>>,
    {
        // actix's own, which only a mailbox tells; it is the same for every actor.
        static CAPACITY: OnceLock<usize> = OnceLock::new();
        let capacity = CAPACITY.get_or_init(|| Mailbox::<A>::default().capacity());
        let (sender, mailbox) = channel(*capacity);
        let mut terms = self.terms;
        if terms.name.is_empty() {
            Arc::make_mut(&mut terms).name = Arc::from(short(type_name::<A>()));
        }
        let link = Arc::new(Link::new(terms));
        (Child::new(Addr::new(sender), link.clone()), mailbox, Report::of(link), self.place)
    }
}

/// On the child's arbiter: makes the actor, and lets it run.
fn run<A>(mailbox: AddressReceiver<A>, make: impl FnOnce(&mut Context<A>) -> A, mut report: Report)
where
    A: Supervised + Actor<Context = Context<A>>,
{
    match Incarnation::new(mailbox, make) {
        Ok(actor) => {
            actix_rt::spawn(Guard::new(actor, report));
        }
        Err(message) => report.gave_up(ExitReason::Panicked(message)),
    }
}

/// The last segment of a type's path, without its parameters.
fn short(type_name: &str) -> &str {
    let path = type_name.split('<').next().unwrap_or(type_name);
    path.rsplit("::").next().unwrap_or(path)
}
